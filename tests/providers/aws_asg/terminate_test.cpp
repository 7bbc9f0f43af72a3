#include <gtest/gtest.h>

#include <map>

#include "tests/providers/aws_asg/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::SizeIs;
using Fault = AwsCloud::Fault;

class AwsAsgTerminateTest : public testing::Test {
 protected:
  void begin(AwsCloud::GroupSpec spec) {
    world.cloud.add_group("app-asg", spec);
    world.network.clock.pass(1min);
  }
  Result<void> terminate(const std::string& id) { return provider->terminate(app, id, {}); }
  std::vector<AwsCloud::Instance> instances() { return world.cloud.instances("app-asg"); }
  int desired() { return world.cloud.desired("app-asg"); }
  std::string state(const std::string& id) {
    for (const AwsCloud::Instance& each : instances()) {
      if (each.id == id) return each.lifecycle;
    }
    return "gone";
  }

  AwsAsgWorld world;
  Group app = world.group("app", 1);
  std::unique_ptr<Provider> provider = world.open();
};

TEST_F(AwsAsgTerminateTest, exactly_the_named_instance_goes_and_the_desired_capacity_with_it) {
  begin({.min = 1, .desired = 3});
  const std::string victim = instances()[1].id;
  ASSERT_TRUE(terminate(victim));
  EXPECT_EQ(desired(), 2);
  world.network.clock.pass(1min);
  EXPECT_EQ(state(victim), "gone");
  EXPECT_THAT(instances(), SizeIs(2));
  EXPECT_EQ(world.cloud.victims_of_aws(), 0);
}

TEST_F(AwsAsgTerminateTest, a_group_that_detaches_leaves_it_running_outside_and_counts_down_once) {
  app.server.set("on_removal", std::string("detach"));
  begin({.min = 1, .desired = 3});
  const std::string kept = instances()[1].id;
  world.cloud.fail("DetachInstances", {.kind = Fault::Kind::lost_reply});
  EXPECT_FALSE(terminate(kept));
  for (int turn = 0; turn < 3; ++turn) EXPECT_TRUE(terminate(kept));
  EXPECT_EQ(desired(), 2);
  world.network.clock.pass(1min);
  EXPECT_THAT(instances(), SizeIs(2));
  EXPECT_EQ(world.cloud.ec2_state(kept), "running");
  const Group* const groups[] = {&app};
  EXPECT_THAT(provider->list(groups, {}).value_or(std::vector<Server>{}), SizeIs(2));
  EXPECT_EQ(world.cloud.calls("DetachInstances"), 1);
  EXPECT_EQ(world.cloud.calls("TerminateInstanceInAutoScalingGroup"), 0);
}

TEST_F(AwsAsgTerminateTest, repeating_it_counts_down_once) {
  begin({.min = 1, .desired = 5});
  const std::string victim = instances()[0].id;
  world.cloud.fail("TerminateInstanceInAutoScalingGroup", {.kind = Fault::Kind::lost_reply});
  const auto lost = terminate(victim);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, ErrorKind::unavailable);
  for (int turn = 0; turn < 5; ++turn) EXPECT_TRUE(terminate(victim));
  provider = world.open();
  EXPECT_TRUE(terminate(victim));
  world.network.clock.pass(1min);
  EXPECT_TRUE(terminate(victim));
  EXPECT_EQ(desired(), 4);
  EXPECT_EQ(world.cloud.calls("TerminateInstanceInAutoScalingGroup"), 1);
}

TEST_F(AwsAsgTerminateTest, one_that_never_arrived_is_asked_for_again) {
  begin({.min = 1, .desired = 3});
  const std::string victim = instances()[0].id;
  world.cloud.fail("TerminateInstanceInAutoScalingGroup", {.kind = Fault::Kind::dropped});
  ASSERT_FALSE(terminate(victim));
  world.network.clock.pass(20s);
  ASSERT_TRUE(terminate(victim));
  EXPECT_EQ(desired(), 2);
}

TEST_F(AwsAsgTerminateTest, one_that_left_meanwhile_is_gone) {
  begin({.min = 1, .desired = 3});
  const std::string victim = instances()[0].id;
  world.cloud.fail("TerminateInstanceInAutoScalingGroup",
                   {.answer = AwsCloud::refusal(400, "ValidationError", "Instance Id not found - No managed instance found")});
  const auto refused = terminate(victim);
  ASSERT_FALSE(refused) << "it is still there";
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_TRUE(terminate("i-0123456789abcdef0"));
}

TEST_F(AwsAsgTerminateTest, at_min_size_it_is_replaced_if_weir_wants_as_many) {
  app.min = 2;
  app.max = 2;
  begin({.min = 2, .max = 2, .desired = 2});
  const std::string victim = instances()[0].id;
  ASSERT_TRUE(terminate(victim));
  EXPECT_EQ(desired(), 2);
  world.network.clock.pass(1min);
  EXPECT_THAT(instances(), SizeIs(2));
  EXPECT_EQ(state(victim), "gone");
}

TEST_F(AwsAsgTerminateTest, at_a_min_size_above_the_groups_min_nothing_is_removed) {
  begin({.min = 3, .desired = 3});
  const std::string victim = instances()[0].id;
  const auto refused = terminate(victim);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("MinSize is 3 and the group's min 1"));
  EXPECT_EQ(world.cloud.calls("TerminateInstanceInAutoScalingGroup"), 0);
  provider = world.open(true);
  EXPECT_TRUE(terminate(victim));
  EXPECT_EQ(world.cloud.bounds("app-asg"), std::pair(1, 8));
  EXPECT_EQ(desired(), 2);
}

TEST_F(AwsAsgTerminateTest, a_suspended_process_terminate_is_respected) {
  begin({.min = 1, .desired = 3});
  world.cloud.suspend("app-asg", "Terminate");
  const auto refused = terminate(instances()[0].id);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("Terminate is suspended"));
  EXPECT_EQ(desired(), 3);
}

TEST_F(AwsAsgTerminateTest, what_stands_by_is_left_alone) {
  begin({.min = 1, .desired = 3});
  const std::string id = instances()[0].id;
  world.cloud.suspend("app-asg", "Launch");
  world.cloud.put(id, "Standby");
  EXPECT_TRUE(terminate(id));
  EXPECT_EQ(world.cloud.calls("TerminateInstanceInAutoScalingGroup"), 0);
}

TEST_F(AwsAsgTerminateTest, what_weir_has_drained_passes_its_termination_hook_at_once) {
  app.server.set("termination_hook", std::string("weir-drain"));
  begin({.min = 1, .desired = 2, .termination_hook = "weir-drain"});
  const std::string victim = instances()[0].id;
  ASSERT_TRUE(terminate(victim));
  EXPECT_EQ(state(victim), "Terminating:Wait");
  ASSERT_TRUE(terminate(victim));
  EXPECT_EQ(world.cloud.calls("CompleteLifecycleAction"), 1);
  world.network.clock.pass(1min);
  EXPECT_EQ(state(victim), "gone");
  EXPECT_TRUE(terminate(victim));
}

TEST_F(AwsAsgTerminateTest, what_aws_takes_away_is_kept_as_long_as_a_drain_may_take) {
  app.server.set("termination_hook", std::string("weir-drain"));
  app.drain_timeout = 90s;
  world.cloud.hook_timeout = 45s;
  begin({.min = 1, .desired = 2, .termination_hook = "weir-drain"});
  const std::string victim = instances()[0].id;
  world.cloud.take_away(victim);
  for (int second = 0; second < 80; second += 5) {
    ASSERT_TRUE(terminate(victim));
    EXPECT_EQ(state(victim), "Terminating:Wait") << second << " s";
    world.network.clock.pass(5s);
  }
  EXPECT_EQ(world.cloud.calls("CompleteLifecycleAction"), 0);
  EXPECT_THAT(world.cloud.calls("RecordLifecycleActionHeartbeat"), testing::AllOf(testing::Ge(3), testing::Le(5)));
  world.network.clock.pass(15s);
  ASSERT_TRUE(terminate(victim));
  EXPECT_EQ(world.cloud.calls("CompleteLifecycleAction"), 1);
}

/// weir lets the youngest go first, and Auto Scaling launches where there are fewest: so each removal undoes the last launch.
TEST_F(AwsAsgTerminateTest, removing_the_youngest_first_keeps_the_zones_even) {
  begin({.min = 2, .desired = 2});
  const Group* const groups[] = {&app};
  ASSERT_TRUE(provider->list(groups, {})) << "those two are adopted";
  const auto spread = [this] {
    std::map<std::string, int> zones{{"us-east-1a", 0}, {"us-east-1b", 0}, {"us-east-1c", 0}};
    for (const AwsCloud::Instance& each : instances()) {
      if (each.lifecycle == "InService" || each.lifecycle == "Pending") ++zones[each.zone];
    }
    const auto [least, most] = std::ranges::minmax_element(zones, {}, [](const auto& zone) { return zone.second; });
    return most->second - least->second;
  };
  for (int index = 0; index < 6; ++index) {
    world.network.clock.pass(1min);
    ASSERT_TRUE(provider->launch({app, "t" + std::to_string(index), "v1"}, {}));
    EXPECT_LE(spread(), 1);
  }
  for (int left = 8; left > 2; --left) {
    const std::vector<AwsCloud::Instance> all = instances();
    const auto youngest = std::ranges::max_element(all, {}, [](const AwsCloud::Instance& each) {
      return each.lifecycle == "InService" || each.lifecycle == "Pending" ? each.launched_at : TimePoint{};
    });
    ASSERT_TRUE(terminate(youngest->id));
    EXPECT_LE(spread(), 1) << left;
  }
  EXPECT_EQ(desired(), 2);
}

TEST_F(AwsAsgTerminateTest, removing_and_launching_at_once_come_to_the_same_count) {
  app.min = 2;
  begin({.min = 2, .max = 8, .desired = 2});
  const Group* const groups[] = {&app};
  ASSERT_TRUE(provider->list(groups, {}));
  const std::string sick = instances()[0].id;
  ASSERT_TRUE(terminate(sick)) << "at MinSize: replaced by AWS";
  ASSERT_TRUE(provider->launch({app, "replacement", "v1"}, {})) << "which is the launch's own";
  EXPECT_EQ(desired(), 2);
  world.network.clock.pass(1min);
  EXPECT_THAT(instances(), SizeIs(2));
  const std::string second = instances()[0].id;
  ASSERT_TRUE(provider->launch({app, "another", "v1"}, {}));
  ASSERT_TRUE(terminate(second));
  EXPECT_EQ(desired(), 2);
}

}  // namespace
}  // namespace weir
