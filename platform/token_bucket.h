#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "platform/waiting_clock.h"

namespace weir {

/// So many calls a second, and so many at once after a pause: within any second at most `burst + per_second`.
struct CallRate {
  double per_second = 10;
  int burst = 1;
  auto operator<=>(const CallRate&) const = default;
};

/// Lets callers go at a rate, in the order in which they came (the generic cell rate algorithm of ITU-T I.371). Thread-safe.
class TokenBucket {
 public:
  using Moment = WaitingClock::Moment;
  enum class Turn { granted, too_late, stopped };

  TokenBucket(CallRate rate, WaitingClock& clock);

  /// Waits for this caller's turn. One that would come after `latest` is not waited for and costs nothing.
  [[nodiscard]] Turn wait(Moment latest, const std::stop_token& stop);
  /// Nobody goes before `when`, and then one after the other: the other side has asked for it.
  void hold_until(Moment when);

 private:
  [[nodiscard]] Moment reserve(Moment now, Moment latest);

  const CallRate rate_;
  const WaitingClock::Moment::duration interval_;
  WaitingClock& clock_;
  std::mutex mutex_;
  Moment full_at_;       ///< when all tokens are there again
  Moment held_until_{};  ///< by the other side
};

/// The buckets of this process by name: whoever calls the same API from this address shares one. Thread-safe.
class TokenBuckets {
 public:
  explicit TokenBuckets(WaitingClock& clock) : clock_(clock) {}
  /// The bucket of that name and rate, made when first asked for.
  [[nodiscard]] std::shared_ptr<TokenBucket> bucket(const std::string& name, CallRate rate);

 private:
  WaitingClock& clock_;
  std::mutex mutex_;
  std::map<std::pair<std::string, CallRate>, std::shared_ptr<TokenBucket>> buckets_;
};

}  // namespace weir
