#include "platform/token_bucket.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

constexpr double kSlowest = 0.001;  ///< calls a second

}  // namespace

TokenBucket::TokenBucket(CallRate rate, WaitingClock& clock)
    : rate_(rate),
      interval_(
          std::chrono::duration_cast<Moment::duration>(std::chrono::duration<double>(1 / std::max(rate.per_second, kSlowest)))),
      clock_(clock),
      full_at_(clock.now()) {}

TokenBucket::Moment TokenBucket::reserve(Moment now, Moment latest) {
  const std::lock_guard lock(mutex_);
  const Moment full_at = std::max(full_at_, now);
  const Moment turn = std::max({now, full_at - interval_ * (std::max(rate_.burst, 1) - 1), held_until_});
  if (turn <= latest) full_at_ = full_at + interval_;
  return turn;
}

TokenBucket::Turn TokenBucket::wait(Moment latest, const std::stop_token& stop) {
  for (;;) {
    const Moment turn = reserve(clock_.now(), latest);
    if (turn > latest) return Turn::too_late;
    if (turn > clock_.now() && !clock_.wait_until(turn, stop)) return Turn::stopped;
    const std::lock_guard lock(mutex_);
    if (held_until_ <= turn) return stop.stop_requested() ? Turn::stopped : Turn::granted;
    // Held while it waited: it queues again.
  }
}

void TokenBucket::hold_until(Moment when) {
  const std::lock_guard lock(mutex_);
  held_until_ = std::max(held_until_, when);
  full_at_ = std::max(full_at_, when + interval_ * (std::max(rate_.burst, 1) - 1));
}

std::shared_ptr<TokenBucket> TokenBuckets::bucket(const std::string& name, CallRate rate) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<TokenBucket>& found = buckets_[{name, rate}];
  if (!found) found = std::make_shared<TokenBucket>(rate, clock_);
  return found;
}

}  // namespace weir
