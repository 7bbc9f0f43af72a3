#include "platform/circuit_breaker.h"

#include <algorithm>

namespace weir {

bool CircuitBreaker::admits(Moment now) {
  const std::lock_guard lock(mutex_);
  if (failures_ < rule_.failures) return true;
  if (trying_ || now < open_until_) return false;
  trying_ = true;
  return true;
}

void CircuitBreaker::succeeded() {
  const std::lock_guard lock(mutex_);
  failures_ = 0;
  trying_ = false;
}

void CircuitBreaker::failed(Moment now) {
  const std::lock_guard lock(mutex_);
  ++failures_;
  trying_ = false;
  if (failures_ >= rule_.failures) open_until_ = now + rule_.rest;
}

void CircuitBreaker::withdrawn() {
  const std::lock_guard lock(mutex_);
  trying_ = false;
}

Duration CircuitBreaker::remaining(Moment now) const {
  const std::lock_guard lock(mutex_);
  if (failures_ < rule_.failures) return Duration{0};
  return std::max(Duration{0}, std::chrono::ceil<Duration>(open_until_ - now));
}

}  // namespace weir
