#include "controller/loop/executor.h"

#include <utility>

namespace weir {

Executor::Executor(int threads) : limit_(static_cast<std::size_t>(threads)) {}

Executor::~Executor() {
  {
    const std::lock_guard lock(mutex_);
    limit_ = 0;
  }
  for (std::jthread& thread : threads_) thread.request_stop();
  for (std::jthread& thread : threads_) thread.join();
}

void Executor::submit(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (tasks_.size() > idle_ && threads_.size() < limit_) {
      threads_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
    }
  }
  wake_.notify_one();
}

void Executor::work(std::stop_token stop) {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      ++idle_;
      const bool wanted = wake_.wait(lock, stop, [this] { return !tasks_.empty(); });
      --idle_;
      if (!wanted) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task(stop);
  }
}

}  // namespace weir
