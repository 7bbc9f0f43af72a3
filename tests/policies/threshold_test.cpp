#include "policies/threshold.h"

#include <gtest/gtest.h>

#include "tests/policies/fleets.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Status = Sample::Status;

constexpr Change plus(double servers) { return {Change::Kind::by_servers, servers}; }
constexpr Change percent(double share) { return {Change::Kind::by_percent, share}; }
constexpr Change exactly(double servers) { return {Change::Kind::to_exactly, servers}; }

std::unique_ptr<const Policy> above(double bound, Change change, Duration hold = 0s) {
  return policy_of("threshold", {{"above", bound}, {"change", change}, {"for", hold}});
}
std::unique_ptr<const Policy> below(double bound, Change change, Duration hold = 0s) {
  return policy_of("threshold", {{"below", bound}, {"change", change}, {"for", hold}});
}
std::unique_ptr<const Policy> per_server(const char* side, double bound, Change change) {
  return policy_of("threshold", {{side, bound}, {"change", change}, {"server_label", std::string("instance")}});
}

std::string ask(const Policy& policy, const Sample& sample, const Fleet& fleet) {
  PolicyMemory memory;
  return stance_of(policy.vote(one(sample), fleet, kNoon, memory));
}

TEST(Threshold, acts_only_beyond_its_bound) {
  const TestFleet fleet(4, 4);
  EXPECT_EQ(ask(*above(70, plus(1)), ok(70), fleet), "content");
  EXPECT_EQ(ask(*above(70, plus(1)), ok(70.1), fleet), "wants 5");
  EXPECT_EQ(ask(*above(70, plus(1)), ok(1e300), fleet), "wants 5");
  EXPECT_EQ(ask(*above(70, plus(1)), ok(-5), fleet), "content");
  EXPECT_EQ(ask(*below(30, plus(-1)), ok(30), fleet), "content");
  EXPECT_EQ(ask(*below(30, plus(-1)), ok(29.9), fleet), "wants 3");
}

TEST(Threshold, the_size_of_a_change) {
  struct Case {
    Change change;
    int desired;
    const char* stance;
  };
  const Case out[] = {
      {plus(3), 4, "wants 7"},        {percent(50), 4, "wants 6"},    {percent(10), 4, "wants 5"}, {percent(30), 4, "wants 5"},
      {percent(20), 10, "wants 12"},  {exactly(9), 4, "wants 9"},     {exactly(4), 4, "content"},  {exactly(2), 4, "content"},
      {percent(1000), 2, "wants 22"}, {percent(0.001), 1, "wants 2"}, {percent(50), 0, "wants 1"},
  };
  for (const Case& test : out) {
    EXPECT_EQ(ask(*above(70, test.change), ok(99), TestFleet(test.desired, test.desired)), test.stance)
        << test.change.amount << " on " << test.desired;
  }
  const Case in[] = {
      {plus(-1), 4, "wants 3"},      {plus(-9), 4, "wants 0"},      {percent(-50), 5, "wants 3"}, {percent(-10), 4, "wants 3"},
      {percent(-30), 10, "wants 7"}, {percent(-100), 4, "wants 0"}, {exactly(1), 4, "wants 1"},   {exactly(4), 4, "content"},
      {exactly(6), 4, "content"},    {plus(-1), 0, "content"},
  };
  for (const Case& test : in) {
    EXPECT_EQ(ask(*below(30, test.change), ok(1), TestFleet(test.desired, test.desired)), test.stance)
        << test.change.amount << " on " << test.desired;
  }
}

TEST(Threshold, has_a_say_in_one_direction_only) {
  struct Case {
    std::unique_ptr<const Policy> policy;
    bool out;
  };
  Case cases[] = {{above(70, plus(1)), true},   {above(70, percent(10)), true}, {above(70, exactly(9)), true},
                  {below(30, plus(-1)), false}, {below(30, exactly(1)), false}, {above(70, plus(-1)), false},
                  {below(5, percent(50)), true}};
  for (const Case& test : cases) {
    PolicyMemory memory;
    const Vote vote = test.policy->vote(one(ok(50)), TestFleet(4, 4), kNoon, memory);
    EXPECT_EQ(vote.scales_out, test.out);
    EXPECT_EQ(vote.scales_in, !test.out);
  }
}

TEST(Threshold, scaling_out_counts_from_the_warmed_so_that_one_breach_adds_once) {
  EXPECT_EQ(ask(*above(70, plus(1)), ok(99), TestFleet(5, 4, 1)), "content");
  EXPECT_EQ(ask(*above(70, plus(2)), ok(99), TestFleet(5, 4, 1)), "wants 6");
  EXPECT_EQ(ask(*above(70, plus(1)), ok(99), TestFleet(5, 5)), "wants 6");
}

TEST(Threshold, does_not_scale_in_while_servers_warm_up) {
  EXPECT_EQ(ask(*below(30, plus(-1)), ok(1), TestFleet(5, 4, 1)), "content");
  EXPECT_EQ(ask(*below(30, plus(-1)), ok(1), TestFleet(4, 4)), "wants 3");
}

TEST(Threshold, for_waits_that_long_without_a_break) {
  const TestFleet fleet(4, 4);
  for (const bool out : {true, false}) {
    const auto policy = out ? above(70, plus(1), 5min) : below(30, plus(-1), 5min);
    const Sample breach = ok(out ? 99 : 1);
    const std::string acts = out ? "wants 5" : "wants 3";
    PolicyMemory memory;
    const auto at = [&](Duration time, const Sample& sample) {
      return stance_of(policy->vote(one(sample), fleet, kNoon + time, memory));
    };
    EXPECT_EQ(at(0s, breach), "content");
    EXPECT_EQ(at(5min - 1ms, breach), "content");
    EXPECT_EQ(at(5min, breach), acts);
    EXPECT_EQ(at(6min, ok(50)), "content") << "one good value breaks it";
    EXPECT_EQ(at(7min, breach), "content");
    EXPECT_EQ(at(12min, breach), acts);
  }
}

TEST(Threshold, missing_data_breaks_the_proof_for_scaling_in_but_not_the_one_for_scaling_out) {
  const TestFleet fleet(4, 4);
  for (const Status status : {Status::empty, Status::nan, Status::degraded, Status::failed}) {
    PolicyMemory memory;
    const auto out = above(70, plus(1), 5min);
    (void)out->vote(one(ok(99)), fleet, kNoon, memory);
    EXPECT_EQ(stance_of(out->vote(one(bad(status)), fleet, kNoon + 2min, memory)), "abstains");
    EXPECT_EQ(stance_of(out->vote(one(ok(99)), fleet, kNoon + 5min, memory)), "wants 5");
    const auto in = below(30, plus(-1), 5min);
    (void)in->vote(one(ok(1)), fleet, kNoon, memory);
    EXPECT_EQ(stance_of(in->vote(one(bad(status)), fleet, kNoon + 2min, memory)), "abstains");
    EXPECT_EQ(stance_of(in->vote(one(ok(1)), fleet, kNoon + 5min, memory)), "content");
    EXPECT_EQ(stance_of(in->vote(one(ok(1)), fleet, kNoon + 10min, memory)), "wants 3");
  }
}

TEST(Threshold, a_clock_set_back_starts_the_wait_again) {
  const TestFleet fleet(4, 4);
  const auto policy = above(70, plus(1), 5min);
  PolicyMemory memory{.above_since = kNoon + 2h};
  EXPECT_EQ(stance_of(policy->vote(one(ok(99)), fleet, kNoon, memory)), "content");
  EXPECT_EQ(stance_of(policy->vote(one(ok(99)), fleet, kNoon + 5min, memory)), "wants 5");
}

TEST(Threshold, a_missing_server_counts_as_idle_when_scaling_out) {
  const TestFleet fleet(4, 4);
  const Sample two_of_four = ok({{"s1", 90}, {"s2", 90}});
  EXPECT_EQ(ask(*per_server("above", 70, plus(1)), two_of_four, fleet), "content");
  EXPECT_EQ(ask(*per_server("above", 40, plus(1)), two_of_four, fleet), "wants 5");
  EXPECT_EQ(ask(*per_server("above", -40, plus(1)), ok({{"s1", -50}}), fleet), "content") << "missing is no reason by itself";
  // Free slots below 5 ask for more servers: a missing server has its slots free.
  EXPECT_EQ(ask(*per_server("below", 5, plus(1)), ok({{"s1", 6}}), fleet), "content");
  EXPECT_EQ(ask(*per_server("below", 5, plus(1)), ok({{"s1", 1}}), fleet), "wants 5");
}

// Found by review: one idle server of ten, the other nine without data, was enough for `below` to scale in.
TEST(Threshold, never_scales_in_on_the_numbers_of_some_of_the_servers) {
  const TestFleet fleet(4, 4);
  const auto policy = per_server("below", 30, plus(-1));
  EXPECT_EQ(ask(*policy, ok({{"s1", 1}, {"s2", 1}, {"s3", 1}}), fleet), "content");
  EXPECT_EQ(ask(*policy, ok({{"s1", 1}, {"s2", 1}, {"s3", 1}, {"s4", 1}}), fleet), "wants 3");
  EXPECT_EQ(ask(*per_server("above", 30, plus(-1)), ok({{"s1", 90}}), fleet), "content");
}

TEST(Threshold, says_why) {
  const TestFleet fleet(4, 4);
  PolicyMemory memory;
  const auto policy = above(70, percent(50), 1min);
  EXPECT_EQ(policy->vote(one(ok(71.5)), fleet, kNoon, memory).why, "71.5 is above 70 for 0s, acts after 1m");
  EXPECT_EQ(policy->vote(one(ok(71.5)), fleet, kNoon + 1min, memory).why, "71.5 is above 70 for at least 1m: +50%");
  EXPECT_EQ(policy->vote(one(ok(3)), fleet, kNoon + 2min, memory).why, "3 is not above 70");
  EXPECT_EQ(below(30, exactly(2))->vote(one(ok(3)), fleet, kNoon, memory).why, "3 is below 30 for at least 0s: =2");
  EXPECT_EQ(below(30, exactly(4))->vote(one(ok(3)), fleet, kNoon, memory).why, "3 is below 30; already as small as =4");
  EXPECT_EQ(below(30, plus(-2))->vote(one(ok(3)), fleet, kNoon, memory).why, "3 is below 30 for at least 0s: -2");
  EXPECT_EQ(above(70, plus(1))->vote(one(ok(99)), TestFleet(5, 4, 1), kNoon, memory).why,
            "99 is above 70; +1 from 4 warmed servers is 5, already asked for");
  EXPECT_EQ(policy->vote(one(ok(71.5)), fleet, kNoon, memory).value, 71.5);
}

}  // namespace
}  // namespace weir
