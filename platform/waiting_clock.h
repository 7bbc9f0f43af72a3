#pragma once

#include <chrono>
#include <stop_token>

namespace weir {

/// Steady time for adapters that have to wait; a test's own clock goes on when it is told to. Thread-safe.
class WaitingClock {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  WaitingClock() = default;
  WaitingClock(const WaitingClock&) = delete;
  WaitingClock& operator=(const WaitingClock&) = delete;
  virtual ~WaitingClock() = default;

  [[nodiscard]] virtual Moment now() const { return std::chrono::steady_clock::now(); }
  /// Returns at `when`, or at once when asked to stop: then it is false.
  [[nodiscard]] virtual bool wait_until(Moment when, const std::stop_token& stop);
};

}  // namespace weir
