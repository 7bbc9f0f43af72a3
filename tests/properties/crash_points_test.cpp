// The controller dies before every single effect of a whole life of a fleet, in turn, and starts again: nothing is doubled or lost.
#include <gtest/gtest.h>

#include "tests/fakes/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

struct Life {
  World world{world_group(2, 6), 1};
  int effects = 0;
  int crashes = 0;

  /// Runs turns; the controller dies once, before effect number `fatal` of its life.
  void turns(int count, int fatal) {
    for (; count > 0; --count) {
      World::Faults faults;
      if (fatal >= effects) faults.crash_at = fatal - effects;
      world.turn(faults);
      if (world.crashed) ++crashes;
      effects = world.crashed ? fatal + 1 : effects + world.effects;
      world.pass(1s);
    }
  }

  /// Two servers, then four, one of them replaced, then two again.
  void live(int fatal) {
    world.boot = 1500ms;
    turns(10, fatal);
    world.load = 2.6;
    turns(15, fatal);
    world.machines.front().dead = true;
    turns(10, fatal);
    if (!world.machines.empty()) world.machines.back().sick = true;
    turns(15, fatal);
    world.load = 0.5;
    turns(60, fatal);
  }
};

TEST(CrashPoints, dying_before_any_effect_leaves_nothing_behind_and_nothing_doubled) {
  Life whole;
  whole.live(1'000'000);
  ASSERT_EQ(whole.crashes, 0);
  ASSERT_EQ(whole.world.running(), 2);
  ASSERT_GT(whole.effects, 40);
  for (int fatal = 0; fatal < whole.effects; ++fatal) {
    SCOPED_TRACE("dies before effect " + std::to_string(fatal));
    Life life;
    life.live(fatal);
    EXPECT_EQ(life.crashes, 1);
    EXPECT_EQ(life.world.running(), 2);
    EXPECT_EQ(life.world.loaded.size(), 2U);
    EXPECT_TRUE(life.world.disk.launches.empty());
    EXPECT_LE(life.world.next_machine - 1, whole.world.next_machine) << "servers were made twice";
    for (const std::string& violation : life.world.violations) ADD_FAILURE() << violation;
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace weir
