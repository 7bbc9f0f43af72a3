#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/fakes/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;

/// What hurt the users of other tools when they deployed, played on a world where nothing else goes wrong. Each test names where it
/// was reported.
class DeployScenario : public testing::TestWithParam<Strategy> {
 protected:
  /// A fleet of six at rest, with room to grow to twenty.
  DeployScenario() {
    world.load = 4.2;
    world.group.deploy.keep_old = 5s;
    world.group.deploy.steps = {{10, 5s}, {50, 5s}};
    world.group.deploy.progress_deadline = 60s;
    turns(120);
    EXPECT_EQ(desired(), 6);
  }

  void TearDown() override { EXPECT_THAT(world.violations, testing::IsEmpty()); }

  void turns(int count) {
    for (; count > 0; --count) turn();
  }

  void turn() {
    world.turn({});
    most_wanted = std::max(most_wanted, desired());
    most = std::max(most, world.running());
    if (started_) least_serving = std::min(least_serving, serving());
    world.pass(1s);
  }

  void order(Order::Kind kind, const std::string& version = "") {
    Order order{.kind = kind, .at = world.now, .by = "anna"};
    order.version = version;
    if (kind == Order::Kind::deploy) order.strategy = GetParam();
    world.orders.push_back(order);
    started_ = true;
    most = world.running();
  }

  void to_the_end() {
    do turn();
    while (is_active(world.disk.rollout) && --patience_ > 0);
    EXPECT_FALSE(is_active(world.disk.rollout)) << world.disk.rollout->waits;
    turns(60);  // what leaves is drained
  }

  int desired() const { return world.disk.desired.value_or(0); }
  const Rollout& rollout() const { return *world.disk.rollout; }
  int of(const std::string& version) const {
    return static_cast<int>(std::ranges::count(world.machines, version, &World::Machine::version));
  }
  int serving() const {
    return static_cast<int>(std::ranges::count_if(
        world.machines, [&](const World::Machine& machine) { return world.is_loaded(machine.address) && world.answers(machine); }));
  }
  /// Of the traffic, by the weights that are in force.
  double share_of(const std::string& version) const {
    double all = 0;
    double its = 0;
    for (const Peer& peer : world.file) {
      const auto one = std::ranges::find(world.machines, peer.server, &World::Machine::id);
      all += peer.weight;
      if (one != world.machines.end() && one->version == version) its += peer.weight;
    }
    return all > 0 ? its / all : 0;
  }
  int surge() const { return GetParam() == Strategy::blue_green ? 6 : 1; }

  World world{world_group(2, 20), 7};
  int most = 0;
  int most_wanted = 0;
  int least_serving = 1000;

 private:
  bool started_ = false;
  int patience_ = 3600;
};

INSTANTIATE_TEST_SUITE_P(Strategies, DeployScenario, testing::Values(Strategy::rolling, Strategy::blue_green, Strategy::canary),
                         [](const auto& strategy) { return std::string(to_string(strategy.param)); });

/// kubernetes#84142, #72775, #98914, #123325.
TEST_P(DeployScenario, a_deploy_does_not_make_the_autoscaler_go_wild) {
  order(Order::Kind::deploy, "v2");
  most_wanted = 0;
  to_the_end();
  EXPECT_EQ(of("v2"), 6);
  EXPECT_EQ(most_wanted, 6) << "the load was the same all the time";
  EXPECT_LE(most, 6 + surge());
  EXPECT_GE(least_serving, 6);
}

/// kubernetes#87199.
TEST_P(DeployScenario, a_new_version_that_crashes_is_not_scaled_to_the_maximum) {
  world.bad_versions["v2"] = {World::Fault::Kind::crashes, 3s};
  order(Order::Kind::deploy, "v2");
  most_wanted = 0;
  to_the_end();
  EXPECT_EQ(rollout().end, Rollout::End::went_back);
  EXPECT_EQ(of("v1"), 6);
  EXPECT_EQ(most_wanted, 6);
}

/// aws-codedeploy-samples#80, saksdirect/nova#40, ThoughtWorksStudios/eb_deployer#97.
TEST_P(DeployScenario, what_is_launched_during_a_deploy_ends_on_the_new_version_and_gets_traffic) {
  order(Order::Kind::deploy, "v2");
  turns(8);
  ASSERT_TRUE(is_active(world.disk.rollout));
  world.load = 8.4;
  to_the_end();
  EXPECT_EQ(desired(), 12);
  EXPECT_EQ(of("v2"), 12);
  EXPECT_EQ(world.running(), 12);
  EXPECT_EQ(serving(), 12);
}

/// aws-codedeploy-samples#9.
TEST_P(DeployScenario, a_group_of_one_never_drops_to_zero) {
  world.group.min = world.group.max = 1;
  turns(120);
  ASSERT_EQ(world.running(), 1);
  order(Order::Kind::deploy, "v2");
  to_the_end();
  EXPECT_EQ(of("v2"), 1);
  EXPECT_EQ(world.running(), 1);
  EXPECT_EQ(least_serving, 1);
}

/// fluxcd/flagger#869, #1209.
TEST_P(DeployScenario, the_way_back_lands_on_a_fleet_as_large_as_the_load_is_by_then) {
  order(Order::Kind::deploy, "v2");
  for (int left = 600; left > 0 && of("v2") < 6 && is_active(world.disk.rollout); --left) turn();
  world.load = 8.4;
  turns(3);
  ASSERT_TRUE(is_active(world.disk.rollout));
  const int before = serving();
  order(Order::Kind::abort);
  to_the_end();
  EXPECT_EQ(rollout().end, Rollout::End::went_back);
  EXPECT_EQ(of("v1"), 12);
  EXPECT_EQ(world.running(), 12);
  EXPECT_GE(least_serving, std::min(before, 6));
}

/// argoproj/argo-rollouts#2857, #3849, #4607, #1415.
TEST_P(DeployScenario, no_server_of_a_new_version_carries_more_than_the_others_and_the_old_ones_stay_in_proportion) {
  order(Order::Kind::deploy, "v2");
  do {
    turn();
    const int fresh = static_cast<int>(std::ranges::count_if(
        world.machines, [&](const auto& one) { return one.version == "v2" && world.is_loaded(one.address); }));
    if (fresh > 0 && GetParam() == Strategy::canary) {
      EXPECT_LE(world.load * share_of("v2") / fresh, 0.75) << "the target is 0.7 for each server";
    }
  } while (is_active(world.disk.rollout));
  EXPECT_GE(least_serving, 6) << "old and new together";
  EXPECT_EQ(desired(), 6);
}

/// dokku/dokku#5435, deployphp/deployer#3671, caprover/caprover#191, fluxcd/flagger#1932.
TEST_P(DeployScenario, half_way_through_an_outage_of_the_provider_leaves_no_mix_of_versions) {
  order(Order::Kind::deploy, "v2");
  turns(8);
  for (int second = 0; second < 300; ++second) {
    world.turn({.list_fails = true, .launch_error = ErrorKind::unavailable, .terminate_fails = true});
    world.pass(1s);
  }
  to_the_end();
  EXPECT_EQ(world.running(), 6);
  EXPECT_TRUE(of("v1") == 6 || of("v2") == 6) << of("v1") << " and " << of("v2");
  EXPECT_GE(least_serving, 6);
}

/// basecamp/kamal#1917, basecamp/kamal-proxy#71: the container is gone, and with it the reason.
TEST_P(DeployScenario, why_a_version_did_not_become_healthy_is_told_after_its_servers_are_gone) {
  world.bad_versions["v2"] = {World::Fault::Kind::falls_sick, 0s};
  order(Order::Kind::deploy, "v2");
  to_the_end();
  ASSERT_EQ(rollout().end, Rollout::End::went_back);
  EXPECT_EQ(of("v2"), 0);
  EXPECT_THAT(rollout().why_back, HasSubstr("connection refused"));
  EXPECT_THAT(rollout().why_back, HasSubstr("m10")) << "which server";
}

/// fluxcd/flagger#1098, #1689, #361, #1011: no data read as zero errors, and later silence as success.
TEST_P(DeployScenario, silence_of_the_metrics_passes_nothing) {
  world.group.deploy.judge.checks = {{.name = "errors", .query = "{version}", .below = 0.1}};
  world.group.deploy.judge.interval = 1s;
  order(Order::Kind::deploy, "v2");
  for (int second = 0; second < 900; ++second) {
    world.turn({.samples = second < 5 ? std::nullopt : std::optional(Sample::Status::empty)});
    world.pass(1s);
  }
  ASSERT_TRUE(is_active(world.disk.rollout));
  EXPECT_EQ(rollout().waits, "for a good judgement");
  EXPECT_GE(serving(), 6);
  EXPECT_GT(of("v1"), 0) << "the way back is still there";
  to_the_end();
  EXPECT_EQ(rollout().end, Rollout::End::done);
}

}  // namespace
}  // namespace weir
