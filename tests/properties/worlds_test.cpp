// Random worlds: whatever happens outside, DESIGN's invariants hold in every turn, and when the trouble ends the fleet is as
// wanted, with nothing left behind.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

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

/// Worlds begin then, and have trouble for so long.
constexpr TimePoint kBegin{std::chrono::hours(500'000)};
constexpr int kTroubleSeconds = 80;

using Roll = std::function<int(int low, int high)>;

/// A window that opens once while there is trouble.
void open_once(Settings& settings, const Roll& roll) {
  settings.set("start", format_time(kBegin + std::chrono::seconds(roll(0, kTroubleSeconds))).substr(0, 19));
  settings.set("duration", Duration(1000L * roll(1, 40)));
}

PolicySpec random_schedule(const Roll& roll, int least) {
  PolicySpec spec{.name = "schedule" + std::to_string(roll(0, 1'000'000)), .type = "schedule"};
  open_once(spec.settings, roll);
  const int kind = roll(0, 3);
  const int min = roll(least, 8);
  if (kind == 0) spec.settings.set("desired", std::int64_t{min});
  if (kind == 1 || kind == 3) spec.settings.set("min", std::int64_t{min});
  if (kind == 2 || kind == 3) spec.settings.set("max", std::int64_t{std::max(1, min) + roll(0, 8)});
  return spec;
}

PolicySpec random_step(const Roll& roll) {
  const auto band = [](std::optional<double> from, std::optional<double> to, Change change) {
    Settings settings;
    if (from) settings.set("from", *from);
    if (to) settings.set("to", *to);
    settings.set("change", change);
    return settings;
  };
  PolicySpec spec{.name = "step", .type = "step"};
  spec.settings.set("query", std::string("load"));
  spec.settings.set("min_change", std::int64_t{1});
  spec.settings.set("for", Duration(1000L * roll(0, 3)));
  Settings::Sections bands = {band(0.9, 1.5, {Change::Kind::by_servers, 1}),
                              band(1.5, {}, {Change::Kind::by_percent, 50.0 * roll(1, 3)})};
  if (roll(0, 1) == 0) bands.push_back(band({}, 0.4, {Change::Kind::by_servers, -1.0 * roll(1, 2)}));
  spec.settings.set("steps", std::move(bands));
  return spec;
}

PolicySpec asking(std::string name, std::string type, std::vector<std::pair<std::string, double>> numbers) {
  PolicySpec spec{.name = std::move(name), .type = std::move(type)};
  spec.settings.set("query", std::string("total"));
  for (const auto& [key, number] : numbers) spec.settings.set(key, number);
  return spec;
}

Settings random_trust(const Roll& roll) {
  Settings trust;
  trust.set("age", std::string("age"));
  trust.set("max_age", Duration(120'000));
  if (roll(0, 1) == 0) {
    trust.set("series", std::string("series"));
    trust.set("max_loss", 10.0 * roll(0, 10));
  }
  if (roll(0, 1) == 0) {
    trust.set("cross_check", std::string("other_load"));
    trust.set("below", 1.0 * roll(0, 12));
  }
  return trust;
}

/// What a group may have beside its target tracking.
void add_rules(Group& group, const Roll& roll) {
  const int least = group.balancers.empty() ? 0 : 1;
  if (roll(0, 4) == 0) group.policies.push_back(random_step(roll));
  if (roll(0, 5) == 0) group.policies.push_back(asking("pass", "pass_through", {}));
  if (roll(0, 5) == 0) group.policies.push_back(asking("ahead", "predictive", {{"target", 0.7}, {"confidence", 0.97}}));
  if (roll(0, 7) == 0) {
    group.policies.push_back({.name = "fixed", .type = "fixed"});
    group.policies.back().settings.set("servers", std::int64_t{roll(0, 8)});
  }
  for (int count = roll(0, 3) - 1; count > 0; --count) group.policies.push_back(random_schedule(roll, least));
  if (roll(0, 5) == 0) group.policies.push_back(asking("db", "guard", {{"below", 1.0 * roll(0, 12)}}));
  if (roll(0, 5) == 0) {
    PolicySpec& rest = group.policies.emplace_back(PolicySpec{.name = "maintenance", .type = "maintenance"});
    open_once(rest.settings, roll);
    const char* holds[] = {"both", "out", "in"};
    rest.settings.set("hold", std::string(holds[roll(0, 2)]));
  }
  if (roll(0, 5) == 0) {
    group.help = HelpRule{.attempts = roll(1, 2), .retry_after = std::chrono::seconds(60)};
    group.policies.push_back(asking("did_it_help", "did_it_help", {}));
  }
  if (roll(0, 3) != 0) return;
  group.cost = CostRule{.per_hour = 1, .currency = "USD"};
  if (roll(0, 1) == 0) group.cost->billing_period = std::chrono::seconds(60 * roll(1, 3));
  // Nothing left from the beginning, or more than is ever needed: a budget that runs out at a moment of its own never rests.
  if (roll(0, 2) == 0) group.budget.hard = roll(0, 1) == 0 ? 0 : 1e9;
}

World random_world(std::uint64_t seed) {
  std::mt19937_64 dice(seed);
  const Roll roll = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(dice); };
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
  if (roll(0, 4) == 0) {
    group.policies.front().settings.set("rules", std::string("kubernetes"));
    // The HPA shrinks for what a server that is not warm yet does not carry; its window must be longer, or it flaps for ever.
    group.scale_in.stabilization_window = group.warm_up + std::chrono::seconds(roll(1, 8));
  }
  if (roll(0, 3) == 0) group.policies.front().settings.set("trust", Settings::Sections{random_trust(roll)});
  if (roll(0, 7) == 0) group.balancers.clear();
  // A balancer must not become empty, so its group cannot be configured to.
  if (!group.balancers.empty()) group.min = std::max(1, group.min);
  add_rules(group, roll);
  group.chooses_victim = roll(0, 5) != 0;
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
    faults.doubtful = world.chance(20);
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
  if (const auto& rollout = turn.memory.rollout; is_active(rollout)) {
    std::printf("  deploy %s of %s from %s %s step %d: %s\n", std::string(to_string(rollout->strategy)).c_str(),
                rollout->version.c_str(), rollout->from.c_str(), std::string(to_string(rollout->direction)).c_str(), rollout->step,
                rollout->waits.c_str());
  }
  for (const Server& server : turn.observation.servers) {
    std::printf("    %s %s %s %s%s\n", server.id.c_str(), server.version.c_str(), std::string(to_string(server.phase)).c_str(),
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

/// People have their say, for a while or until they think better of it.
void order(World& world) {
  Order order{.kind = Order::Kind::resume, .at = world.now, .by = "anna"};
  const int kind = world.between(0, 2);
  if (kind == 0) order.kind = Order::Kind::scale;
  if (kind == 1) order.kind = Order::Kind::pause;
  order.servers = world.between(0, 15);
  order.out = world.chance(60) != 0;
  order.in = !order.out || world.chance(50);
  if (world.chance(60)) order.until = world.now + std::chrono::seconds(world.between(0, 20));
  world.orders.push_back(order);
}

void disturb(World& world) {
  if (world.chance(4)) order(world);
  if (world.chance(20)) world.load = world.between(0, 120) / 10.0;
  if (world.machines.empty()) return;
  auto& machine = world.machines[static_cast<std::size_t>(world.between(0, world.running() - 1))];
  if (world.chance(3)) machine.sick = !machine.sick;
  if (world.chance(3)) machine.dead = true;
}

/// No more trouble: the world must come to rest as wanted.
void expect_rest(World& world) {
  for (auto& machine : world.machines) machine.sick = false;
  world.orders.push_back({.kind = Order::Kind::resume, .at = world.now});
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
    for (int turn = 0; turn < kTroubleSeconds; ++turn) {
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

DeployRule random_deploy(const Roll& roll) {
  DeployRule rule;
  rule.max_surge = roll(0, 1) == 0 ? Portion{1.0 * roll(0, 3), false} : Portion{1.0 * roll(0, 100), true};
  rule.max_unavailable = roll(0, 1) == 0 ? Portion{0, false} : Portion{1.0 * roll(0, 50), true};
  rule.soak = std::chrono::seconds(roll(0, 1) * roll(0, 8));
  if (roll(0, 3) == 0) rule.pause_at = {1.0 * roll(1, 40), 1.0 * roll(41, 99)};
  rule.steps = {{1.0 * roll(1, 20), std::chrono::seconds(roll(0, 6))}, {1.0 * roll(21, 90), std::chrono::seconds(roll(0, 6))}};
  rule.keep_old = std::chrono::seconds(roll(0, 20));
  rule.failure_limit = roll(0, 2);
  rule.progress_deadline = std::chrono::seconds(roll(60, 120));
  if (roll(0, 1) == 0) return rule;
  // The world takes a query for the name of a version.
  rule.judge.checks = {{.name = "errors", .query = "{version}", .below = 0.1}};
  rule.judge.interval = std::chrono::seconds(roll(0, 5));
  rule.judge.failure_limit = roll(0, 2);
  if (roll(0, 1) == 0) rule.judge.inconclusive_after = std::chrono::seconds(roll(10, 60));
  return rule;
}

/// Somebody deploys, promotes and thinks better of it.
void deploy(World& world, int number) {
  const Strategy strategies[] = {Strategy::rolling, Strategy::blue_green, Strategy::canary};
  Order order{.kind = Order::Kind::deploy, .at = world.now, .by = "anna"};
  order.version = "v" + std::to_string(number);
  order.strategy = strategies[world.between(0, 2)];
  if (world.chance(30)) {
    using Fault = World::Fault;
    const Fault::Kind kinds[] = {Fault::Kind::never_boots, Fault::Kind::crashes, Fault::Kind::falls_sick};
    world.bad_versions[order.version] = {kinds[world.between(0, 2)], std::chrono::seconds(world.chance(50) * world.between(0, 10))};
  }
  if (world.chance(20)) world.erring_versions.insert(order.version);
  if (world.chance(10)) order.version = "v1";
  world.orders.push_back(order);
}

/// Somebody keeps a server from being removed, or lets go of it.
void lock_one(World& world) {
  if (world.machines.empty() || !world.chance(2)) return;
  auto& machine = world.machines[static_cast<std::size_t>(world.between(0, world.running() - 1))];
  machine.locked = !machine.locked;
}

void meddle_with_deploy(World& world) {
  const bool promotes = world.chance(80) != 0;
  world.orders.push_back({.kind = promotes ? Order::Kind::promote : Order::Kind::abort, .at = world.now, .by = "anna"});
}

/// The deploy ends, whatever its version is worth, and the fleet is of one version that works.
void expect_deploy_to_end(World& world) {
  for (auto& machine : world.machines) machine.sick = machine.locked = false;
  world.orders.push_back({.kind = Order::Kind::resume, .at = world.now});
  world.load = std::clamp(world.load, 0.0, 0.6 * world.group.max);
  // Longer than any pause between two launches, or two steps of a policy that thinks twice.
  constexpr int kAtRest = 1000;
  int at_rest = 0;
  for (int turn = 0; turn < 14'400 && at_rest < kAtRest; ++turn) {
    if (turn % 10 == 0) world.orders.push_back({.kind = Order::Kind::promote, .at = world.now, .by = "anna"});
    world.turn({});
    tell(world);
    at_rest = world.last->plan.actions.empty() && !is_active(world.last->memory.rollout) ? at_rest + 1 : 0;
    world.pass(1s);
  }
  const Turn& turn = *world.last;
  const auto bad = world.bad_versions.find(turn.memory.version);
  // What shows only after its soak, or was promoted before, nobody could know; nor what a version does that had no server.
  if (bad != world.bad_versions.end() && (bad->second.after > Duration{0} || world.deployed_without_a_server)) return;
  EXPECT_EQ(bad, world.bad_versions.end()) << turn.memory.version << " is no good and was left in place";
  // Where the platform has no more room than the group must have servers, none can make way.
  if (world.room && *world.room <= turn.plan.decision.min) return;
  EXPECT_FALSE(is_active(turn.memory.rollout)) << "it waits: " << turn.memory.rollout->waits;
  EXPECT_EQ(world.running(), turn.plan.decision.desired) << "servers left behind or missing";
  EXPECT_TRUE(turn.plan.actions.empty());
  for (const auto& machine : world.machines) {
    EXPECT_EQ(machine.version, turn.memory.version) << machine.id;
    EXPECT_TRUE(world.group.balancers.empty() || world.is_loaded(machine.address)) << machine.id << " gets no traffic";
  }
}

TEST(Worlds, of_deploys_end_with_one_good_version_and_all_invariants_held) {
  const auto [first, worlds] = worlds_to_make();
  std::printf("WEIR_SEED=%llu WEIR_WORLDS=%llu\n", static_cast<unsigned long long>(first), static_cast<unsigned long long>(worlds));
  for (std::uint64_t seed = first; seed < first + worlds; seed += 2) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed) + " WEIR_WORLDS=1 reproduces this");
    World world = random_world(seed);
    const Roll roll = [&](int low, int high) { return world.between(low, high); };
    world.group.chooses_victim = true;
    world.group.deploy = random_deploy(roll);
    if (roll(0, 3) == 0) world.room = world.group.max + roll(0, 1);
    int version = 1;
    Trouble trouble;
    for (int turn = 0; turn < kTroubleSeconds; ++turn) {
      if (turn == 5 || world.chance(2)) deploy(world, ++version);
      if (world.chance(3)) meddle_with_deploy(world);
      world.turn(world.chance(50) ? trouble.next(world) : World::Faults{});
      tell(world);
      world.pass(std::chrono::milliseconds(world.chance(30) ? world.between(1, 400) : world.between(800, 1200)));
      disturb(world);
      lock_one(world);
    }
    if (seed % 10 == first % 10) expect_deploy_to_end(world);
    for (const std::string& violation : world.violations) ADD_FAILURE() << violation;
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace weir
