#pragma once

#include <poll.h>

#include <chrono>

namespace weir::test {

/// Looks again and again until the condition holds; false if it does not within the time. For things that happen outside this
/// process; inside it, use a condition variable or a future.
template <typename Condition>
[[nodiscard]] bool wait_until(Condition condition, std::chrono::milliseconds within = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    (void)::poll(nullptr, 0, 2);
  }
  return true;
}

}  // namespace weir::test
