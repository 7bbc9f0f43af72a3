#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace weir {

/// A few threads that run tasks in the order they came. Tasks get the executor's stop token. A thread is started when a task finds
/// none idle: threads cost memory, each with a heap of its own.
class Executor {
 public:
  using Task = std::function<void(std::stop_token)>;

  /// At most so many threads.
  explicit Executor(int threads);
  /// Asks running tasks to stop, runs those still queued (they see the stop), and waits for all: no task is ever lost.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void submit(Task task);

 private:
  void work(std::stop_token stop);

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Task> tasks_;
  std::size_t limit_;  // of threads; 0 at the end
  std::size_t idle_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace weir
