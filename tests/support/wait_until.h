#pragma once

#include <chrono>
#include <thread>

namespace weir {

/// Polls a condition that another thread or process brings about. False: it was not true before the deadline.
template <typename Predicate>
[[nodiscard]] bool wait_until(std::chrono::milliseconds deadline, const Predicate& predicate) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace weir
