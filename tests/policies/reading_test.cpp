#include "policies/reading.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/policies/fleets.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Status = Sample::Status;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const Query kPlain{.expression = "x"};
const Query kPerServer{.expression = "x", .server_label = "instance"};

Query with_rule(Fallback rule) { return {.expression = "x", .on_empty = rule, .on_nan = rule}; }

Reading read_sample(const Query& query, const Sample& sample, const Fleet& fleet, TimePoint at, PolicyMemory& memory) {
  Settings settings;
  settings.set("query", query.expression);
  settings.set("server_label", query.server_label);
  settings.set("on_empty", query.on_empty);
  settings.set("on_nan", query.on_nan);
  return Signal(settings).read(one(sample), fleet, at, memory);
}

Reading read(const Query& query, const Sample& sample, const Fleet& fleet) {
  PolicyMemory memory;
  return read_sample(query, sample, fleet, kNoon, memory);
}

TEST(Reading, a_number_is_believed_and_remembered) {
  const TestFleet fleet(3, 2, 1);
  PolicyMemory memory;
  const Reading reading = read_sample(kPlain, ok(0.5), fleet, kNoon, memory);
  EXPECT_TRUE(reading.trusted);
  EXPECT_FALSE(reading.per_server);
  EXPECT_EQ(reading.value, 0.5);
  EXPECT_EQ(reading.measured, 2);
  EXPECT_EQ(memory.good_at, kNoon);
  EXPECT_EQ(memory.good_value, 0.5);
}

TEST(Reading, whatever_is_not_a_good_number_is_not_believed_unless_the_user_says_so) {
  struct Case {
    Sample sample;
    const char* why;
  };
  const Case cases[] = {
      {bad(Status::empty), "the query returned no series"},
      {bad(Status::nan), "the query returned NaN or an infinite value"},
      {bad(Status::degraded), "partial or stale data: prometheus: 503"},
      {bad(Status::failed), "no data: prometheus: 503"},
      {ok(kNaN), "the query returned NaN or an infinite value"},
      {ok(kInfinity), "the query returned NaN or an infinite value"},
      {ok(-kInfinity), "the query returned NaN or an infinite value"},
  };
  const TestFleet fleet(2, 2);
  for (const Case& test : cases) {
    PolicyMemory memory;
    const Reading reading = read_sample(kPlain, test.sample, fleet, kNoon, memory);
    EXPECT_FALSE(reading.trusted) << test.why;
    EXPECT_EQ(reading.why, test.why);
    EXPECT_FALSE(memory.good_at) << "remembered: " << test.why;
  }
}

TEST(Reading, zero_and_at_least_speak_for_empty_and_nan_only) {
  const TestFleet fleet(2, 2);
  for (const Status status : {Status::empty, Status::nan, Status::degraded, Status::failed}) {
    const bool applies = status == Status::empty || status == Status::nan;
    const Reading zero = read(with_rule({.kind = Fallback::Kind::zero}), bad(status), fleet);
    EXPECT_EQ(zero.trusted, applies) << to_string(status);
    EXPECT_EQ(zero.value, 0);
    const Reading least = read(with_rule({.kind = Fallback::Kind::at_least, .servers = 4}), bad(status), fleet);
    EXPECT_FALSE(least.trusted) << to_string(status);
    EXPECT_EQ(least.at_least.has_value(), applies) << to_string(status);
  }
}

TEST(Reading, on_empty_and_on_nan_are_two_rules) {
  const TestFleet fleet(2, 2);
  const Query query{.expression = "x", .on_empty = {.kind = Fallback::Kind::zero}};
  EXPECT_TRUE(read(query, bad(Status::empty), fleet).trusted);
  EXPECT_FALSE(read(query, bad(Status::nan), fleet).trusted);
  EXPECT_FALSE(read(query, ok(kNaN), fleet).trusted);
}

TEST(Reading, the_last_good_value_serves_for_its_window_and_no_longer) {
  const TestFleet fleet(2, 2);
  const Query query = with_rule({.kind = Fallback::Kind::last, .window = 5min});
  PolicyMemory memory;
  EXPECT_FALSE(read_sample(query, bad(Status::empty), fleet, kNoon, memory).trusted) << "there was none";
  (void)read_sample(query, ok(7), fleet, kNoon, memory);
  const Reading reused = read_sample(query, bad(Status::empty), fleet, kNoon + 5min, memory);
  EXPECT_TRUE(reused.trusted);
  EXPECT_EQ(reused.value, 7);
  EXPECT_EQ(memory.good_at, kNoon) << "a value used again is not a new one";
  const Reading late = read_sample(query, bad(Status::nan), fleet, kNoon + 5min + 1ms, memory);
  EXPECT_FALSE(late.trusted);
  EXPECT_EQ(late.why, "the query returned NaN or an infinite value, and no good value in the last 5m");
}

TEST(Reading, a_last_value_that_was_partial_is_still_partial) {
  const TestFleet fleet(4, 4);
  Query query = with_rule({.kind = Fallback::Kind::last, .window = 5min});
  query.server_label = "instance";
  PolicyMemory memory;
  const Sample partial{.status = Status::ok, .series = {{"s1", 10}}};
  EXPECT_EQ(read_sample(query, partial, fleet, kNoon, memory).missing, 3);
  const Reading reused = read_sample(query, bad(Status::empty), fleet, kNoon + 1min, memory);
  EXPECT_TRUE(reused.trusted);
  EXPECT_EQ(reused.missing, 3) << "else the next answer without series would shrink what this one could not";
}

TEST(Reading, series_match_servers_by_id_or_address_and_strangers_do_not_count) {
  const TestFleet fleet(3, 3);
  const Reading reading = read(kPerServer, ok({{"s1", 10}, {"10.0.0.2:80", 30}, {"10.9.9.9:80", 1000}}), fleet);
  EXPECT_TRUE(reading.trusted);
  EXPECT_TRUE(reading.per_server);
  EXPECT_EQ(reading.value, 20);
  EXPECT_EQ(reading.measured, 2);
  EXPECT_EQ(reading.missing, 1);
}

TEST(Reading, a_server_that_still_warms_up_is_neither_measured_nor_missing) {
  const TestFleet fleet(3, 2, 1);
  const Reading reading = read(kPerServer, ok({{"s1", 10}, {"s2", 20}, {"s3", 990}}), fleet);
  EXPECT_EQ(reading.value, 15);
  EXPECT_EQ(reading.measured, 2);
  EXPECT_EQ(reading.missing, 0);
}

TEST(Reading, series_without_a_server_of_ours_say_nothing) {
  EXPECT_EQ(read(kPerServer, ok({{"x", 1}}), TestFleet(1, 1)).why, "no series matches a server of the group");
  EXPECT_EQ(read(kPerServer, ok({{"s1", 1}}), TestFleet(1, 0, 1)).why, "no server has been in service for its warm_up yet");
  EXPECT_FALSE(read(kPerServer, ok({{"x", 1}}), TestFleet(1, 1)).trusted);
}

TEST(Reading, a_mean_that_is_not_finite_is_not_believed) {
  constexpr double kHuge = std::numeric_limits<double>::max();
  EXPECT_FALSE(read(kPerServer, ok({{"s1", kHuge}, {"s2", kHuge}}), TestFleet(2, 2)).trusted);
}

TEST(Reading, without_trust_a_policy_abstains_but_may_want_a_least_size) {
  struct Case {
    std::optional<int> at_least;
    const char* stance;
  };
  for (const Case& one : {Case{{}, "abstains"}, Case{3, "abstains"}, Case{4, "abstains"}, Case{5, "wants 5"}}) {
    Reading reading;
    reading.why = "no data";
    reading.at_least = one.at_least;
    Vote vote;
    vote_untrusted(reading, TestFleet(4, 4), vote);
    EXPECT_EQ(stance_of(vote), one.stance);
    EXPECT_TRUE(vote.why.starts_with("no data"));
  }
}

}  // namespace
}  // namespace weir
