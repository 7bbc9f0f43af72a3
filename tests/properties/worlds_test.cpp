// Random worlds: whatever happens outside, DESIGN's invariants hold in every turn, and when the trouble ends the fleet is as
// wanted, with nothing left behind.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/fakes/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

std::uint64_t number_from(const char* variable, std::uint64_t fallback) {
  const char* text = std::getenv(variable);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

/// Which worlds are made. The same ones every day, so that a red build is news; WEIR_SOAK=1 looks for new ones, many of them.
struct Worlds {
  std::uint64_t first;
  std::uint64_t count;
};

Worlds worlds_to_make() {
  const bool soak = number_from("WEIR_SOAK", 0) != 0;
  return {.first = number_from("WEIR_SEED", soak ? std::random_device()() : 20'260'301),
          .count = number_from("WEIR_WORLDS", soak ? 200'000 : 10'000)};
}

World random_world(std::uint64_t seed) {
  std::mt19937_64 dice(seed);
  const auto roll = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(dice); };
  const int min = roll(0, 3);
  const int max = std::max(min, 1) + roll(0, 12);
  Group group = world_group(min, max);
  group.warm_up = std::chrono::seconds(roll(0, 5));
  group.scale_out.cooldown = std::chrono::seconds(roll(0, 3));
  group.scale_out.stabilization_window = std::chrono::seconds(roll(0, 1) * roll(0, 4));
  group.scale_in.cooldown = std::chrono::seconds(roll(0, 6));
  group.scale_in.stabilization_window = std::chrono::seconds(roll(0, 8));
  group.drain_timeout = std::chrono::seconds(roll(0, 12));
  group.health.deadline = std::chrono::seconds(roll(15, 40));
  if (roll(0, 2) == 0) group.scale_in.limits.push_back({.percent = 50, .per = 3s});
  if (roll(0, 2) == 0) group.scale_out.limits.push_back({.servers = 3, .per = 2s});
  if (roll(0, 1) == 0) {
    Settings out;
    out.set("query", std::string("load"));
    out.set("above", 0.9);
    out.set("for", Duration(1000L * roll(0, 3)));
    out.set("change", Change{Change::Kind::by_servers, 1.0 * roll(1, 3)});
    group.policies.push_back({"hot", "threshold", out});
  }
  if (roll(0, 2) == 0) group.policies.front().settings.set("server_label", std::string("server"));
  if (roll(0, 7) == 0) group.balancers.clear();
  // A balancer must not become empty, so its group cannot be configured to.
  if (!group.balancers.empty()) group.min = std::max(1, group.min);
  World world(group, dice());
  world.boot = std::chrono::milliseconds(roll(0, 6000));
  world.list_lag = std::chrono::milliseconds(roll(0, 1) * roll(0, 2500));
  world.connections_known = roll(0, 3) != 0;
  return world;
}

/// Trouble comes in spells, as it does; at most one kind of crash a turn.
struct Trouble {
  World::Faults faults;
  int left = 0;
  /// A list has lied and no true one was remembered since.
  bool lied = false;

  const World::Faults& next(World& world) {
    const bool told_truth = !faults.list_fails && !faults.list_empty && !faults.save_fails && !world.crashed;
    lied = faults.list_empty || (lied && !told_truth);
    if (left-- > 0) {
      faults.crash_at.reset();
      if (world.chance(10)) faults.crash_at = world.between(0, 6);
      return faults;
    }
    faults = {};
    left = world.between(1, 6);
    if (world.chance(50)) return faults;
    const Sample::Status bad[] = {Sample::Status::empty, Sample::Status::nan, Sample::Status::degraded, Sample::Status::failed};
    if (world.chance(25)) faults.samples = bad[world.between(0, 3)];
    faults.partial = world.chance(15);
    faults.list_fails = world.chance(15);
    faults.probe_blind = world.chance(10);
    if (world.chance(15)) {
      const ErrorKind kinds[] = {ErrorKind::out_of_capacity, ErrorKind::unavailable, ErrorKind::denied, ErrorKind::invalid};
      faults.launch_error = kinds[world.between(0, 3)];
    }
    faults.launch_reply_lost = world.chance(15);
    faults.terminate_fails = world.chance(10);
    faults.balancer_fails = world.chance(15);
    faults.balancer_unreadable = world.chance(8);
    faults.save_fails = world.chance(5);
    // Two lists in a row without a server are proof where its checks or its removal agree, so here a list lies only once.
    if (!lied && world.chance(6)) {
      faults.list_empty = true;
      left = 0;
    }
    return faults;
  }
};

/// WEIR_TRACE=1 tells a world's story: what reproduces a failure should also explain it.
void tell(const World& world) {
  static const bool wanted = std::getenv("WEIR_TRACE") != nullptr;
  if (!wanted || !world.last) return;
  const Turn& turn = *world.last;
  std::printf("%s desired %d running %d load %.1f%s\n", format_time(world.now).c_str(), turn.plan.decision.desired, world.running(),
              world.load, world.crashed ? " CRASH" : "");
  for (const Server& server : turn.observation.servers) {
    std::printf("    %s %s %s%s\n", server.id.c_str(), std::string(to_string(server.phase)).c_str(),
                std::string(to_string(server.health.status)).c_str(), world.is_loaded(server.address) ? " loaded" : "");
  }
  for (const Action& action : turn.plan.actions) {
    std::printf("  %s %s: %s\n", std::string(to_string(action.kind)).c_str(), action.server.c_str(), action.why.c_str());
  }
  for (const std::string& note : turn.plan.notes) std::printf("  note: %s\n", note.c_str());
  for (const Step& step : turn.plan.decision.steps) {
    if (step.from != step.to || step.stage == "inventory")
      std::printf("  %s: %d -> %d, %s\n", std::string(step.stage).c_str(), step.from, step.to, step.why.c_str());
  }
}

void disturb(World& world) {
  if (world.chance(20)) world.load = world.between(0, 120) / 10.0;
  if (world.machines.empty()) return;
  auto& machine = world.machines[static_cast<std::size_t>(world.between(0, world.running() - 1))];
  if (world.chance(3)) machine.sick = !machine.sick;
  if (world.chance(3)) machine.dead = true;
}

/// No more trouble: the world must come to rest as wanted.
void expect_rest(World& world) {
  for (auto& machine : world.machines) machine.sick = false;
  world.load = std::clamp(world.load, 0.0, 0.6 * world.group.max);
  for (int turn = 0; turn < 900; ++turn) {
    world.turn({});
    tell(world);
    world.pass(1s);
  }
  ASSERT_TRUE(world.last);
  const Turn& turn = *world.last;
  EXPECT_EQ(world.running(), turn.plan.decision.desired) << "servers left behind or missing";
  EXPECT_TRUE(turn.plan.actions.empty()) << to_string(turn.plan.actions.front().kind) << ": " << turn.plan.actions.front().why;
  EXPECT_FALSE(turn.plan.write_balancers);
  EXPECT_TRUE(turn.memory.launches.empty());
  if (world.group.balancers.empty()) return;
  for (const auto& machine : world.machines) {
    EXPECT_TRUE(world.is_loaded(machine.address)) << machine.id << " gets no traffic";
    EXPECT_FALSE(machine.sick || machine.dead);
  }
  EXPECT_EQ(world.loaded.size(), world.machines.size());
}

TEST(Worlds, invariants_hold_and_peace_returns) {
  const auto [first, worlds] = worlds_to_make();
  std::printf("WEIR_SEED=%llu WEIR_WORLDS=%llu\n", static_cast<unsigned long long>(first), static_cast<unsigned long long>(worlds));
  for (std::uint64_t seed = first; seed < first + worlds; ++seed) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " WEIR_WORLDS=1 reproduces this");
    World world = random_world(seed);
    Trouble trouble;
    for (int turn = 0; turn < 80; ++turn) {
      world.turn(trouble.next(world));
      tell(world);
      world.pass(std::chrono::milliseconds(world.chance(30) ? world.between(1, 400) : world.between(800, 1200)));
      disturb(world);
    }
    // Full rest is long; one world in ten shows it.
    if (seed % 10 == 0) expect_rest(world);
    for (const std::string& violation : world.violations) ADD_FAILURE() << violation;
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace weir
