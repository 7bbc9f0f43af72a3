// fixed, pass_through, guard, did_it_help, and what activation adds to those that ask.
#include "policies/constant.h"

#include <gtest/gtest.h>

#include "tests/policies/fleets.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Status = Sample::Status;
using Extra = std::vector<std::pair<std::string, Settings::Value>>;

Vote ask(const Policy& policy, const Sample& sample, const Fleet& fleet) {
  PolicyMemory memory;
  return policy.vote(one(sample), fleet, kNoon, memory);
}

std::string stance(const Policy& policy, const Sample& sample, const Fleet& fleet) { return stance_of(ask(policy, sample, fleet)); }

TEST(Fixed, always_wants_the_same_number_and_asks_nobody) {
  const auto policy = policy_of("fixed", {{"servers", std::int64_t{5}}});
  EXPECT_EQ(policy->query_count(), 0U);
  EXPECT_EQ(stance(*policy, {}, TestFleet(3, 3)), "wants 5");
  EXPECT_EQ(stance(*policy, {}, TestFleet(5, 5)), "content");
  EXPECT_EQ(stance(*policy, {}, TestFleet(9, 9)), "wants 5");
  const Vote vote = ask(*policy, {}, TestFleet(9, 9));
  EXPECT_TRUE(vote.scales_out && vote.scales_in);
  EXPECT_FALSE(vote.value_falls);
  EXPECT_EQ(vote.why, "always 5");
  EXPECT_EQ(stance(*policy_of("fixed", {{"servers", std::int64_t{0}}}), {}, TestFleet(2, 2)), "wants 0");
}

TEST(PassThrough, wants_what_the_query_says_rounded_up) {
  struct Case {
    double value;
    const char* stance;
  };
  const Case cases[] = {{3, "wants 3"}, {2.1, "wants 3"},        {3.0000000001, "wants 3"}, {4, "content"},  {3.2, "content"},
                        {0, "wants 0"}, {1e300, "wants 100000"}, {-0.5, "abstains"},        {7.5, "wants 8"}};
  for (const Case& test : cases)
    EXPECT_EQ(stance(*policy_of("pass_through", {}), ok(test.value), TestFleet(4, 4)), test.stance) << test.value;
}

TEST(PassThrough, without_data_it_abstains) {
  for (const Status status : {Status::empty, Status::nan, Status::degraded, Status::failed}) {
    EXPECT_EQ(stance(*policy_of("pass_through", {}), bad(status), TestFleet(4, 4)), "abstains");
  }
  const Extra least = {{"on_empty", Fallback{.kind = Fallback::Kind::at_least, .servers = 6}}};
  EXPECT_EQ(stance(*policy_of("pass_through", least), bad(Status::empty), TestFleet(4, 4)), "wants 6");
}

// Found by thinking it through: the mean of the one server that answers is no reason to remove the others.
TEST(PassThrough, does_not_shrink_on_part_of_the_data) {
  const auto policy = policy_of("pass_through", {{"server_label", std::string("instance")}, {"activation", 5.0}});
  const TestFleet fleet(4, 4);
  EXPECT_EQ(stance(*policy, ok({{"s1", 1}}), fleet), "content");
  EXPECT_EQ(stance(*policy, ok({{"s1", 9}}), fleet), "wants 9");
  EXPECT_EQ(stance(*policy, ok({{"s1", 1}, {"s2", 1}, {"s3", 1}, {"s4", 1}}), fleet), "wants 0");
}

// KEDA: between none and one the activation threshold decides, above that the policy itself.
TEST(Activation, at_or_below_its_value_there_is_no_work_and_above_it_at_least_one_server) {
  struct Case {
    const char* type;
    double value;
    int desired;
    const char* stance;
  };
  const Case cases[] = {
      {"target_tracking", 5, 3, "wants 0"},   {"target_tracking", 5, 0, "content"},   {"target_tracking", 5.1, 0, "wants 1"},
      {"target_tracking", 5.1, 1, "content"}, {"target_tracking", 5.1, 3, "wants 1"}, {"target_tracking", 0, 1, "wants 0"},
      {"target_tracking", 250, 0, "wants 3"}, {"target_tracking", 250, 3, "content"}, {"pass_through", 5, 2, "wants 0"},
      {"pass_through", 5, 0, "content"},      {"pass_through", 6, 0, "wants 6"},      {"pass_through", 6, 6, "content"},
  };
  for (const Case& test : cases) {
    Extra extra = {{"activation", 5.0}};
    if (std::string_view(test.type) == "target_tracking") {
      extra.insert(extra.end(), {{"value", std::string("total")}, {"target", 100.0}, {"tolerance", 0.1}});
    }
    EXPECT_EQ(stance(*policy_of(test.type, extra), ok(test.value), TestFleet(test.desired, test.desired)), test.stance)
        << test.type << " of " << test.value << " on " << test.desired;
  }
}

TEST(Activation, below_zero_and_fractions_wake_a_group_too) {
  const Extra extra = {{"activation", 0.0}};
  EXPECT_EQ(stance(*policy_of("pass_through", extra), ok(0.0001), TestFleet(0, 0)), "wants 1");
  EXPECT_EQ(stance(*policy_of("pass_through", extra), ok(0), TestFleet(1, 1)), "wants 0");
}

TEST(Activation, starts_an_average_of_nobody) {
  const Extra extra = {{"activation", 5.0}, {"value", std::string("average")}, {"target", 70.0}, {"tolerance", 0.1}};
  const Vote vote = ask(*policy_of("target_tracking", extra), ok(60), TestFleet(0, 0));
  EXPECT_EQ(stance_of(vote), "wants 1");
  EXPECT_TRUE(vote.why.ends_with("60 is above 5, so at least one")) << vote.why;
}

// Found by thinking it through: three of four servers, overloaded, did not answer the scrape, the fourth was idle, and the group
// went to nothing.
TEST(Activation, part_of_the_servers_idle_is_not_no_work) {
  const Extra extra = {{"activation", 5.0},
                       {"value", std::string("average")},
                       {"target", 70.0},
                       {"tolerance", 0.1},
                       {"server_label", std::string("instance")}};
  const auto policy = policy_of("target_tracking", extra);
  EXPECT_EQ(stance(*policy, ok({{"s1", 1}}), TestFleet(4, 4)), "content");
  EXPECT_EQ(stance(*policy, ok({{"s1", 1}, {"s2", 1}, {"s3", 1}, {"s4", 1}}), TestFleet(4, 4)), "wants 0");
}

std::unique_ptr<const Policy> rule_of(const PolicyType& type, Extra settings) {
  Group group;
  group.policies.push_back({.name = "it", .type = std::string(type.name)});
  group.policies[0].settings.set("query", std::string("db"));
  for (auto& [key, value] : settings) group.policies[0].settings.set(key, std::move(value));
  Policies made = make_policies(group);
  return std::move(made.front());
}

TEST(Guard, holds_strictly_above_and_below_its_bounds) {
  struct Case {
    Extra bounds;
    double value;
    bool holds;
    const char* why;
  };
  const Case cases[] = {
      {{{"below", 90.0}}, 89, true, "89 holds"},
      {{{"below", 90.0}}, 90, false, "90 is not below 90"},
      {{{"above", 10.0}}, 11, true, "11 holds"},
      {{{"above", 10.0}}, 10, false, "10 is not above 10"},
      {{{"above", 10.0}, {"below", 90.0}}, 50, true, "50 holds"},
      {{{"above", 10.0}, {"below", 90.0}}, 5, false, "5 is not above 10"},
      {{{"above", 10.0}, {"below", 90.0}}, 95, false, "95 is not below 90"},
  };
  for (const Case& test : cases) {
    const Vote vote = ask(*rule_of(kGuardPolicy, test.bounds), ok(test.value), TestFleet(4, 4));
    EXPECT_EQ(vote.forbids_out, !test.holds) << test.value;
    EXPECT_FALSE(vote.forbids_in);
    EXPECT_EQ(vote.why, test.why);
    EXPECT_EQ(stance_of(vote), "content");
    EXPECT_FALSE(vote.scales_out || vote.scales_in);
  }
}

TEST(Guard, without_data_it_forbids_nothing_and_hinders_no_shrinking) {
  for (const Status status : {Status::empty, Status::nan, Status::degraded, Status::failed}) {
    const Vote vote = ask(*rule_of(kGuardPolicy, {{"below", 90.0}}), bad(status), TestFleet(4, 4));
    EXPECT_FALSE(vote.forbids_out || vote.forbids_in);
    EXPECT_EQ(stance_of(vote), "content");
    EXPECT_TRUE(vote.why.ends_with("; so it forbids nothing")) << vote.why;
  }
}

TEST(Help, tells_the_load_and_has_no_say) {
  const Vote vote = ask(*rule_of(kHelpPolicy, {}), ok(250), TestFleet(4, 4));
  EXPECT_EQ(stance_of(vote), "content");
  EXPECT_FALSE(vote.scales_out || vote.scales_in || vote.forbids_out || vote.forbids_in);
  EXPECT_EQ(vote.value, 250);
  EXPECT_EQ(vote.why, "the load is 250");
  const Vote none = ask(*rule_of(kHelpPolicy, {}), bad(Status::failed), TestFleet(4, 4));
  EXPECT_EQ(stance_of(none), "content");
  EXPECT_FALSE(none.value);
}

}  // namespace
}  // namespace weir
