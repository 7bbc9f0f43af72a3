#pragma once

#include <mutex>

#include "model/time.h"
#include "platform/waiting_clock.h"

namespace weir {

/// When to stop asking somebody who does not answer, and for how long.
struct BreakerRule {
  int failures = 5;       ///< in a row
  Duration rest{30'000};  ///< then one call finds out whether it works again
};

/// Spares callers the wait for an API that is down, and the API their repetitions. Thread-safe.
class CircuitBreaker {
 public:
  using Moment = WaitingClock::Moment;

  explicit CircuitBreaker(BreakerRule rule) : rule_(rule) {}

  /// Whether a call may be made now. After a rest only one at a time may, until one has succeeded. Whoever was let through says
  /// how it ended.
  [[nodiscard]] bool admits(Moment now);
  void succeeded();
  void failed(Moment now);
  /// The call was not made after all, or nothing can be learned from it.
  void withdrawn();
  /// How long nobody is let through yet; 0: somebody may be.
  [[nodiscard]] Duration remaining(Moment now) const;

 private:
  const BreakerRule rule_;
  mutable std::mutex mutex_;
  int failures_ = 0;
  bool trying_ = false;
  Moment open_until_{};
};

}  // namespace weir
