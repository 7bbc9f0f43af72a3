#include "platform/token_bucket.h"

#include <gtest/gtest.h>

#include <thread>

#include "platform/circuit_breaker.h"
#include "tests/fakes/waiting_clock.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Moment = WaitingClock::Moment;
using Turn = TokenBucket::Turn;

constexpr Moment kEver = Moment::max();

TEST(TokenBucketTest, lets_a_burst_go_at_once_and_the_rest_at_its_rate) {
  ImpatientClock clock;
  TokenBucket bucket({.per_second = 10, .burst = 3}, clock);
  const Moment begin = clock.now();
  std::vector<Moment> went;
  for (int call = 0; call < 8; ++call) {
    ASSERT_EQ(bucket.wait(kEver, {}), Turn::granted);
    went.push_back(clock.now());
  }
  EXPECT_EQ(went[2], begin);
  EXPECT_EQ(went[3], begin + 100ms);
  EXPECT_EQ(went[7], begin + 500ms);
}

TEST(TokenBucketTest, a_pause_earns_no_more_than_the_burst) {
  ImpatientClock clock;
  TokenBucket bucket({.per_second = 10, .burst = 2}, clock);
  clock.pass(1h);
  const Moment begin = clock.now();
  for (int call = 0; call < 4; ++call) ASSERT_EQ(bucket.wait(kEver, {}), Turn::granted);
  EXPECT_EQ(clock.now(), begin + 200ms);
}

TEST(TokenBucketTest, a_turn_that_comes_too_late_is_not_waited_for_and_costs_nothing) {
  ImpatientClock clock;
  TokenBucket bucket({.per_second = 1, .burst = 1}, clock);
  ASSERT_EQ(bucket.wait(kEver, {}), Turn::granted);
  const Moment begin = clock.now();
  for (int call = 0; call < 5; ++call) EXPECT_EQ(bucket.wait(begin + 500ms, {}), Turn::too_late);
  EXPECT_EQ(clock.now(), begin);
  EXPECT_EQ(bucket.wait(begin + 1s, {}), Turn::granted);
}

TEST(TokenBucketTest, held_nobody_goes_before_then_and_after_it_no_burst_does) {
  ImpatientClock clock;
  TokenBucket bucket({.per_second = 10, .burst = 5}, clock);
  const Moment end = clock.now() + 3s;
  bucket.hold_until(end);
  ASSERT_EQ(bucket.wait(kEver, {}), Turn::granted);
  EXPECT_EQ(clock.now(), end);
  ASSERT_EQ(bucket.wait(kEver, {}), Turn::granted);
  EXPECT_EQ(clock.now(), end + 100ms);
}

TEST(TokenBucketTest, a_wait_ends_when_it_is_asked_to) {
  WaitingClock real;
  TokenBucket bucket({.per_second = 0.001, .burst = 1}, real);
  ASSERT_EQ(bucket.wait(kEver, {}), Turn::granted);
  std::stop_source stop;
  Turn turn = Turn::granted;
  std::jthread waits([&] { turn = bucket.wait(kEver, stop.get_token()); });
  stop.request_stop();
  waits.join();
  EXPECT_EQ(turn, Turn::stopped);
}

TEST(TokenBucketTest, of_one_name_and_rate_there_is_one) {
  ImpatientClock clock;
  TokenBuckets buckets(clock);
  const auto first = buckets.bucket("api.example", {10, 1});
  EXPECT_EQ(first, buckets.bucket("api.example", {10, 1}));
  EXPECT_NE(first, buckets.bucket("other.example", {10, 1}));
  EXPECT_NE(first, buckets.bucket("api.example", {5, 1}));
}

TEST(CircuitBreakerTest, opens_after_so_many_failures_in_a_row_and_lets_one_call_try_after_a_rest) {
  CircuitBreaker breaker({.failures = 3, .rest = 30s});
  Moment now{};
  for (int failure = 0; failure < 3; ++failure) {
    ASSERT_TRUE(breaker.admits(now));
    breaker.failed(now);
  }
  EXPECT_FALSE(breaker.admits(now));
  EXPECT_EQ(breaker.remaining(now), 30s);
  now += 30s;
  EXPECT_TRUE(breaker.admits(now));
  EXPECT_FALSE(breaker.admits(now)) << "one is enough to find out";
  breaker.failed(now);
  EXPECT_FALSE(breaker.admits(now + 29s));
  now += 30s;
  EXPECT_TRUE(breaker.admits(now));
  breaker.succeeded();
  EXPECT_TRUE(breaker.admits(now));
  EXPECT_TRUE(breaker.admits(now));
}

TEST(CircuitBreakerTest, a_success_between_failures_keeps_it_closed) {
  CircuitBreaker breaker({.failures = 2, .rest = 30s});
  for (int round = 0; round < 5; ++round) {
    breaker.failed({});
    breaker.succeeded();
  }
  EXPECT_TRUE(breaker.admits({}));
}

TEST(CircuitBreakerTest, a_trial_that_was_withdrawn_leaves_its_place_to_another) {
  CircuitBreaker breaker({.failures = 1, .rest = 30s});
  breaker.failed({});
  const Moment later = Moment{} + 30s;
  ASSERT_TRUE(breaker.admits(later));
  breaker.withdrawn();
  EXPECT_TRUE(breaker.admits(later));
}

}  // namespace
}  // namespace weir
