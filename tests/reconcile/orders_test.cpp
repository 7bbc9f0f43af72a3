#include "controller/reconcile/orders.h"

#include <gmock/gmock.h>

#include "tests/reconcile/story.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = Order::Kind;

const TimePoint kNow{std::chrono::hours(500'000)};

Order scale(int servers, std::optional<TimePoint> until = {}) {
  return {.kind = Kind::scale, .servers = servers, .until = until, .at = kNow, .by = "anna"};
}
Order pause(bool out, bool in, std::optional<TimePoint> until = {}) {
  return {.kind = Kind::pause, .out = out, .in = in, .until = until, .at = kNow, .by = "anna"};
}
Order resume() { return {.kind = Kind::resume, .at = kNow}; }

Manual after(std::vector<Order> orders, TimePoint at = kNow, Manual before = {}) {
  Memory memory{.manual = std::move(before)};
  obey_orders(orders, Group{}, at, memory);
  return memory.manual;
}

TEST(Orders, a_hold_and_a_pause_stand_beside_each_other_and_the_last_of_each_counts) {
  const Manual both = after({scale(3), pause(true, true), scale(5, kNow + 1h), pause(false, true)});
  EXPECT_EQ(both.hold, (Manual::Hold{5, kNow + 1h, "anna"}));
  EXPECT_EQ(both.pause, (Manual::Pause{false, true, {}, "anna"}));
}

TEST(Orders, resume_forgets_all_that_came_before_it) {
  EXPECT_EQ(after({scale(3), pause(true, true), resume()}), Manual{});
  EXPECT_EQ(after({resume(), scale(3)}).hold->servers, 3);
  EXPECT_EQ(after({resume()}, kNow, after({scale(3)})), Manual{});
}

TEST(Orders, expire_at_their_moment) {
  const Manual both = after({scale(3, kNow + 1h), pause(true, true, kNow + 2h)});
  EXPECT_EQ(after({}, kNow + 1h - 1ms, both), both);
  const Manual later = after({}, kNow + 1h, both);
  EXPECT_FALSE(later.hold);
  EXPECT_TRUE(later.pause);
  EXPECT_EQ(after({}, kNow + 2h, later), Manual{});
  EXPECT_EQ(after({}, kNow + 24h * 365, after({scale(3)})), after({scale(3)})) << "without an end they stay";
}

// --- in whole turns
// ---------------------------------------------------------------------------------------------------------------

PolicySpec fixed(int servers) {
  PolicySpec spec{.name = "it", .type = "fixed"};
  spec.settings.set("servers", std::int64_t{servers});
  return spec;
}

void govern(Story& story, std::vector<PolicySpec> policies) {
  story.group.policies = std::move(policies);
  story.policies = make_policies(story.group);
}

TEST(Orders, a_hold_is_kept_until_it_expires_and_then_the_policies_decide_again) {
  Story story(4);
  govern(story, {fixed(4)});
  story.memory.manual = after({scale(2, story.now + 1min)});
  EXPECT_THAT(story.turn(), ElementsAre("drain s4", "drain s3"));
  EXPECT_EQ(story.memory.desired, 2);
  story.turns(58);
  EXPECT_EQ(story.memory.desired, 2);
  story.turns(2);
  EXPECT_EQ(story.memory.desired, 4);
}

TEST(Orders, a_hold_outside_min_and_max_is_brought_within_them) {
  for (const auto& [servers, desired] : {std::pair(0, 2), {100, 6}}) {
    Story story(4, 6);
    story.group.min = 2;
    story.memory.manual = after({scale(servers)});
    (void)story.turn();
    EXPECT_EQ(story.memory.desired, desired);
    EXPECT_TRUE(story.plan.refused.empty()) << story.plan.refused;
  }
}

TEST(Orders, nothing_is_held_or_scaled_while_the_provider_gives_no_list_and_the_order_is_not_lost) {
  Story story(4);
  govern(story, {fixed(4)});
  story.list_error = "503";
  story.memory.manual = after({scale(2), pause(true, false)});
  EXPECT_THAT(story.turn(), IsEmpty());
  EXPECT_EQ(story.memory.desired, 4);
  story.list_error.clear();
  EXPECT_THAT(story.turn(), SizeIs(2));
  EXPECT_EQ(story.memory.desired, 2);
}

TEST(Orders, a_pause_does_not_keep_a_dead_server_from_being_replaced) {
  Story story(4);
  govern(story, {fixed(8)});
  story.memory.manual = after({pause(true, true)});
  EXPECT_THAT(story.turn(), IsEmpty());
  story.health["s2"] = HealthStatus::unhealthy;
  EXPECT_THAT(story.turn(), ElementsAre("drain s2", "launch app-n0-1"));
  EXPECT_EQ(story.memory.desired, 4);
}

}  // namespace
}  // namespace weir
