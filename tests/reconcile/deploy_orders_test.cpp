#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/reconcile/orders.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Direction = Rollout::Direction;
using Kind = Order::Kind;

constexpr TimePoint kNow{1'772'357'400'000ms};
constexpr TimePoint kOrdered = kNow - 1s;

Group group() {
  Group group;
  group.name = "app";
  group.version = "v0";
  group.deploy.strategy = Strategy::canary;
  return group;
}
Order deploy(std::string version, std::optional<Strategy> strategy = {}) {
  return {.kind = Kind::deploy, .version = std::move(version), .strategy = strategy, .at = kOrdered, .by = "ann"};
}
Order promote() { return {.kind = Kind::promote, .at = kOrdered, .by = "ann"}; }
Order abort_it() { return {.kind = Kind::abort, .at = kOrdered, .by = "ann"}; }

/// A group on v1, on its way to v2.
Memory deploying() {
  Memory memory{.version = "v1"};
  memory.rollout = Rollout{.version = "v2",
                           .from = "v1",
                           .by = "bob",
                           .started_at = kNow - 1h,
                           .step = 2,
                           .reached_at = kNow - 1min,
                           .progressed_at = kNow - 1min,
                           .moved = 3,
                           .failures = 1};
  return memory;
}
Memory going_back() {
  Memory memory = deploying();
  memory.rollout->direction = Direction::back;
  memory.rollout->why_back = "p95 is not below 1 s";
  return memory;
}
Memory deployed() {
  Memory memory = deploying();
  memory.version = "v2";
  memory.rollout->ended_at = kNow - 1min;
  memory.rollout->end = Rollout::End::done;
  return memory;
}

Memory after(const std::vector<Order>& orders, Memory memory, const Group& of = group()) {
  obey_orders(orders, of, kNow, memory);
  return memory;
}
std::string refusal(const Order& order, const Memory& memory, const Group& of = group()) {
  const auto checked = check_order(order, of, memory);
  if (checked) return "";
  EXPECT_EQ(checked.error().kind, ErrorKind::invalid);
  return checked.error().message;
}

// ---- what is refused --------------------------------------------------------------------------------------------------------

TEST(DeployOrder, is_possible_from_any_other_version) {
  EXPECT_EQ(refusal(deploy("v2"), {.version = "v1"}), "");
  EXPECT_EQ(refusal(deploy("v3"), deployed()), "");
  EXPECT_EQ(refusal(deploy("v1"), deployed()), "");
  EXPECT_EQ(refusal(deploy("v3"), deploying()), "") << "it takes the place of the one under way";
  EXPECT_EQ(refusal(deploy("v1"), deploying()), "");
  EXPECT_EQ(refusal(deploy("v3"), going_back()), "");
  EXPECT_EQ(refusal(deploy("v2"), going_back()), "") << "forward again";
}

TEST(DeployOrder, needs_a_group_whose_servers_weir_starts_and_ends) {
  Group fixed = group();
  fixed.elastic = false;
  EXPECT_THAT(refusal(deploy("v2"), {.version = "v1"}, fixed),
              HasSubstr("group app cannot be deployed by weir: its servers are a fixed list"));
  Group picked = group();
  picked.chooses_victim = false;
  EXPECT_THAT(refusal(deploy("v2"), {.version = "v1"}, picked), HasSubstr("its platform picks which server goes"));
  Group replaced = group();
  replaced.deployed_with = "kubectl";
  EXPECT_EQ(refusal(deploy("v2"), {.version = "v1"}, replaced),
            "group app cannot be deployed by weir: its platform replaces servers by itself; deploy there with kubectl");
}

TEST(DeployOrder, of_a_canary_needs_balancers_that_can_give_shares) {
  Group unequal = group();
  unequal.deploy.strategy = Strategy::rolling;
  unequal.weightless = "caddy";
  Order canary = deploy("v2");
  canary.strategy = Strategy::canary;
  EXPECT_THAT(refusal(canary, {.version = "v1"}, unequal),
              HasSubstr("by weight, unlike caddy; deploy with --strategy rolling or blue_green"));
  Order usual = deploy("v2");
  usual.strategy.reset();
  EXPECT_EQ(refusal(usual, {.version = "v1"}, unequal), "");
  unequal.deploy.strategy = Strategy::canary;
  EXPECT_THAT(refusal(usual, {.version = "v1"}, unequal), HasSubstr("unlike caddy"));
}

TEST(DeployOrder, of_what_runs_already_is_refused) {
  EXPECT_EQ(refusal(deploy("v1"), {.version = "v1"}), "group app runs v1 already, and no deploy is under way");
  EXPECT_EQ(refusal(deploy("v2"), deployed()), "group app runs v2 already, and no deploy is under way");
  EXPECT_EQ(refusal(deploy("v0"), {}), "group app runs v0 already, and no deploy is under way") << "from its first turn on";
}

TEST(DeployOrder, of_what_is_being_deployed_is_refused_with_what_goes_on) {
  EXPECT_EQ(refusal(deploy("v2"), deploying()), "group app: the deploy of v2 is already under way");
  EXPECT_EQ(refusal(deploy("v1"), going_back()), "group app: the deploy of v2 is already going back to v1: p95 is not below 1 s");
}

TEST(DeployOrder, has_a_plain_version) {
  EXPECT_THAT(refusal(deploy("v2; reboot"), {.version = "v1"}), HasSubstr("version: expected a letter or digit"));
  EXPECT_THAT(refusal(deploy(""), {.version = "v1"}), HasSubstr("version: expected a letter or digit"));
}

TEST(PromoteAndAbort, need_a_deploy_that_goes_forward) {
  for (const Order& order : {promote(), abort_it()}) {
    EXPECT_EQ(refusal(order, deploying()), "");
    EXPECT_EQ(refusal(order, Memory{}), "no deploy is under way in group app");
    EXPECT_EQ(refusal(order, deployed()), "no deploy is under way in group app");
  }
  EXPECT_EQ(refusal(abort_it(), going_back()),
            "group app: nothing to be aborted: the deploy of v2 is already going back to v1: p95 is not below 1 s");
  EXPECT_THAT(refusal(promote(), going_back()), HasSubstr("nothing to be promoted"));
}

// ---- what is obeyed ---------------------------------------------------------------------------------------------------------

TEST(DeployObeyed, becomes_a_rollout_from_what_runs) {
  const Memory memory = after({deploy("v2")}, {.version = "v1"});
  EXPECT_EQ(memory.rollout, (Rollout{.version = "v2",
                                     .from = "v1",
                                     .strategy = Strategy::canary,
                                     .by = "ann",
                                     .started_at = kOrdered,
                                     .progressed_at = kNow}));
  EXPECT_EQ(memory.version, "v1") << "what new servers run is for the deploy to say";
  EXPECT_EQ(after({deploy("v2", Strategy::blue_green)}, {.version = "v1"}).rollout->strategy, Strategy::blue_green);
  EXPECT_EQ(after({deploy("v2")}, {}).rollout->from, "v0") << "before the first turn";
}

TEST(DeployObeyed, after_one_that_ended_nothing_of_that_is_left) {
  const Memory memory = after({deploy("v3")}, deployed());
  EXPECT_EQ(memory.rollout, (Rollout{.version = "v3",
                                     .from = "v2",
                                     .strategy = Strategy::canary,
                                     .by = "ann",
                                     .started_at = kOrdered,
                                     .progressed_at = kNow}));
}

TEST(DeployObeyed, takes_the_place_of_one_under_way_and_remembers_its_versions) {
  const Memory third = after({deploy("v3")}, deploying());
  EXPECT_EQ(third.rollout->version, "v3");
  EXPECT_EQ(third.rollout->from, "v1");
  EXPECT_THAT(third.rollout->replaced, ElementsAre("v2"));
  EXPECT_EQ(third.rollout->step, 0);
  EXPECT_EQ(third.rollout->failures, 0) << "they were another version's";
  const Memory fourth = after({deploy("v4")}, third);
  EXPECT_THAT(fourth.rollout->replaced, ElementsAre("v2", "v3"));
  EXPECT_EQ(fourth.rollout->from, "v1");
  const Memory second = after({deploy("v2")}, fourth);
  EXPECT_THAT(second.rollout->replaced, ElementsAre("v3", "v4")) << "the new version is not what was replaced";
  EXPECT_THAT(after({deploy("v3")}, second).rollout->replaced, ElementsAre("v4", "v2")) << "none of them twice";
  const Memory instead_of_back = after({deploy("v3")}, going_back());
  EXPECT_EQ(instead_of_back.rollout->direction, Direction::forward);
  EXPECT_EQ(instead_of_back.rollout->why_back, "");
  EXPECT_THAT(instead_of_back.rollout->replaced, ElementsAre("v2"));
}

TEST(DeployObeyed, of_what_is_going_back_goes_forward_again_from_the_beginning) {
  EXPECT_EQ(after({deploy("v2")}, going_back()).rollout, (Rollout{.version = "v2",
                                                                  .from = "v1",
                                                                  .strategy = Strategy::canary,
                                                                  .by = "ann",
                                                                  .started_at = kOrdered,
                                                                  .progressed_at = kNow}));
}

TEST(DeployObeyed, what_it_replaces_keeps_to_the_share_it_had) {
  const auto replacing = [](Strategy strategy, int step, std::optional<double> share) {
    Memory memory = deploying();
    memory.rollout->strategy = strategy;
    memory.rollout->step = step;
    memory.rollout->share = share;
    return after({deploy("v3")}, memory);
  };
  EXPECT_EQ(replacing(Strategy::canary, 0, 0.05).rollout->replaced_share, 0.05);
  EXPECT_EQ(replacing(Strategy::canary, 0, {}).rollout->replaced_share, 0) << "it had no traffic yet";
  EXPECT_EQ(replacing(Strategy::canary, 2, {}).rollout->replaced_share, std::nullopt) << "through all its steps";
  EXPECT_EQ(replacing(Strategy::rolling, 0, {}).rollout->replaced_share, std::nullopt);
  EXPECT_EQ(replacing(Strategy::blue_green, 0, {}).rollout->replaced_share, 0);
  EXPECT_EQ(replacing(Strategy::blue_green, 1, {}).rollout->replaced_share, std::nullopt);
  Memory third = replacing(Strategy::canary, 0, 0.05);
  third.rollout->share = 0.25;
  EXPECT_NEAR(*after({deploy("v4")}, third).rollout->replaced_share, 0.3, 1e-9) << "both of them";
  third = replacing(Strategy::rolling, 0, {});
  EXPECT_EQ(after({deploy("v4")}, third).rollout->replaced_share, std::nullopt);
}

TEST(DeployObeyed, of_the_version_it_came_from_goes_back) {
  Memory memory = deploying();
  memory.launch_failures = 3;
  memory.launch_not_before = kNow + 1h;
  memory = after({deploy("v1")}, memory);
  Rollout back = *deploying().rollout;
  back.direction = Direction::back;
  back.why_back = "ann asked for v1 again";
  back.progressed_at = kNow;
  EXPECT_EQ(memory.rollout, back);
  EXPECT_EQ(memory.launch_failures, 0);
  EXPECT_FALSE(memory.launch_not_before);
}

TEST(AbortObeyed, goes_back_and_a_bad_versions_failures_hold_nothing_up) {
  Memory memory = deploying();
  memory.launch_failures = 3;
  memory.launch_not_before = kNow + 1h;
  memory = after({abort_it()}, memory);
  Rollout back = *deploying().rollout;
  back.direction = Direction::back;
  back.why_back = "aborted by ann";
  back.progressed_at = kNow;
  EXPECT_EQ(memory.rollout, back);
  EXPECT_EQ(memory.launch_failures, 0);
  EXPECT_FALSE(memory.launch_not_before);
}

TEST(PromoteObeyed, is_noted_for_the_next_wait) {
  Rollout promoted = *deploying().rollout;
  promoted.promoted = true;
  EXPECT_EQ(after({promote()}, deploying()).rollout, promoted);
}

TEST(DeployObeyed, what_makes_no_sense_by_then_is_passed_over) {
  EXPECT_EQ(after({promote(), abort_it(), deploy("v1")}, {.version = "v1"}), (Memory{.version = "v1"}));
  EXPECT_EQ(after({promote(), abort_it()}, deployed()), deployed());
  EXPECT_EQ(after({deploy("v2")}, deploying()), deploying());
  EXPECT_EQ(after({abort_it(), deploy("v1"), promote()}, going_back()), going_back());
  EXPECT_THAT(after({deploy("v2"), deploy("v2")}, {.version = "v1"}).rollout->replaced, IsEmpty());
  Group fixed = group();
  fixed.elastic = false;
  EXPECT_FALSE(after({deploy("v2")}, {.version = "v1"}, fixed).rollout) << "the configuration changed since it was ordered";
}

TEST(DeployObeyed, and_a_hand_on_the_size_stand_beside_each_other) {
  const std::vector<Order> orders{
      {.kind = Kind::pause, .at = kOrdered}, deploy("v2"), {.kind = Kind::scale, .servers = 3, .at = kOrdered}};
  const Memory memory = after(orders, {.version = "v1"});
  EXPECT_EQ(memory.manual.hold->servers, 3);
  EXPECT_TRUE(memory.manual.pause);
  EXPECT_EQ(memory.rollout->version, "v2");
  const Memory resumed = after({{.kind = Kind::resume, .at = kOrdered}}, memory);
  EXPECT_EQ(resumed.manual, Manual{});
  EXPECT_EQ(resumed.rollout, memory.rollout);
}

}  // namespace
}  // namespace weir
