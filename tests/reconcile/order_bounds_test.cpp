#include "controller/reconcile/orders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr TimePoint kNow{1'772'357'400'000ms};

Order scale(int servers, std::optional<TimePoint> until = {}) {
  return {.kind = Order::Kind::scale, .servers = servers, .until = until, .at = kNow, .by = "ops"};
}
Order pause(std::optional<TimePoint> until = {}) {
  return {.kind = Order::Kind::pause, .out = true, .in = false, .until = until, .at = kNow, .by = "ops"};
}
const Order kResume{.kind = Order::Kind::resume, .at = kNow};

TEST(OrderTaken, the_last_of_a_kind_counts_and_resume_ends_both) {
  Memory memory;
  const std::array given{scale(3), pause(), scale(5)};
  obey_orders(given, Group{}, kNow, memory);
  EXPECT_EQ(memory.manual.hold, (Manual::Hold{5, {}, "ops"}));
  EXPECT_EQ(memory.manual.pause, (Manual::Pause{true, false, {}, "ops"}));
  const std::array ended{kResume};
  obey_orders(ended, Group{}, kNow, memory);
  EXPECT_EQ(memory.manual, Manual{});
}

TEST(OrderTaken, last_until_their_time_and_no_longer) {
  const std::array given{scale(3, kNow + 1h), pause(kNow + 2h)};
  const std::tuple<Duration, bool, bool> cases[] = {
      {0h, true, true}, {1h - 1ms, true, true}, {1h, false, true}, {2h, false, false}};
  for (const auto& [later, held, paused] : cases) {
    Memory memory;
    obey_orders(given, Group{}, kNow, memory);
    obey_orders({}, Group{}, kNow + later, memory);
    EXPECT_EQ(memory.manual.hold.has_value(), held) << later.count();
    EXPECT_EQ(memory.manual.pause.has_value(), paused) << later.count();
  }
}

TEST(OrderTaken, a_size_outside_the_bounds_is_refused_with_the_bounds) {
  Group group;
  group.name = "app";
  group.min = 2;
  group.max = 10;
  for (const int servers : {2, 5, 10}) EXPECT_TRUE(check_order(scale(servers), group, Memory{})) << servers;
  for (const int servers : {0, 1, 11}) {
    const auto refused = check_order(scale(servers), group, Memory{});
    ASSERT_FALSE(refused) << servers;
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
    EXPECT_THAT(refused.error().message, HasSubstr("group app has at least 2 and at most 10 servers"));
  }
  EXPECT_TRUE(check_order(pause(), group, Memory{}));
  EXPECT_TRUE(check_order(kResume, group, Memory{}));
}

}  // namespace
}  // namespace weir
