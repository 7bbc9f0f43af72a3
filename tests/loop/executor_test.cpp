#include "controller/loop/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <memory>
#include <vector>

namespace weir {
namespace {

TEST(Executor, one_thread_runs_tasks_in_the_order_they_came) {
  std::vector<int> order;
  {
    Executor executor(1);
    for (int number = 0; number < 100; ++number) {
      executor.submit([&order, number](const std::stop_token&) { order.push_back(number); });
    }
  }
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(Executor, a_task_that_hangs_leaves_the_other_threads_working) {
  Executor executor(2);
  std::latch other(1);
  executor.submit([&other](const std::stop_token&) { other.wait(); });
  executor.submit([&other](const std::stop_token&) { other.count_down(); });
  other.wait();
}

TEST(Executor, its_end_stops_the_running_and_still_runs_the_waiting) {
  std::atomic<int> stopped = 0;
  std::latch begun(1);
  auto executor = std::make_unique<Executor>(1);
  executor->submit([&](const std::stop_token& stop) {
    begun.count_down();
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    (void)never.wait(lock, stop, [] { return false; });
    ++stopped;
  });
  begun.wait();
  for (int number = 0; number < 10; ++number) {
    executor->submit([&stopped](const std::stop_token& stop) { stopped += stop.stop_requested() ? 1 : 0; });
  }
  executor.reset();
  EXPECT_EQ(stopped, 11);
}

TEST(Executor, tasks_may_submit_tasks) {
  std::latch done(3);
  Executor executor(1);
  executor.submit([&](const std::stop_token&) {
    done.count_down();
    executor.submit([&](const std::stop_token&) {
      done.count_down();
      executor.submit([&](const std::stop_token&) { done.count_down(); });
    });
  });
  done.wait();
}

}  // namespace
}  // namespace weir
