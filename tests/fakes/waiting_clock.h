#pragma once

#include <algorithm>
#include <mutex>
#include <stop_token>
#include <vector>

#include "platform/waiting_clock.h"

namespace weir {

/// Does not wait: time goes on to the moment that is waited for. Thread-safe.
class ImpatientClock final : public WaitingClock {
 public:
  [[nodiscard]] Moment now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  [[nodiscard]] bool wait_until(Moment when, const std::stop_token& stop) override {
    if (stop.stop_requested()) return false;
    const std::lock_guard lock(mutex_);
    if (when > now_) waits_.push_back(std::chrono::ceil<std::chrono::milliseconds>(when - now_));
    now_ = std::max(now_, when);
    return true;
  }
  void pass(std::chrono::milliseconds duration) {
    const std::lock_guard lock(mutex_);
    now_ += duration;
  }
  /// What was waited for so far.
  [[nodiscard]] std::vector<std::chrono::milliseconds> waits() const {
    const std::lock_guard lock(mutex_);
    return waits_;
  }

 private:
  mutable std::mutex mutex_;
  Moment now_{std::chrono::hours(1000)};
  std::vector<std::chrono::milliseconds> waits_;
};

}  // namespace weir
