#include "controller/loop/executor.h"

#include <utility>

namespace weir {

Executor::Executor(int threads) {
  threads_.reserve(static_cast<std::size_t>(threads));
  for (int index = 0; index < threads; ++index) threads_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
}

Executor::~Executor() {
  for (std::jthread& thread : threads_) thread.request_stop();
  for (std::jthread& thread : threads_) thread.join();
}

void Executor::submit(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void Executor::work(std::stop_token stop) {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [this] { return !tasks_.empty(); })) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task(stop);
  }
}

}  // namespace weir
