// What one turn's judgement costs: ten servers in service, three policies, one balancer. No input is built anew: each turn takes
// the memory and the observation that the last one gave back.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "controller/reconcile/reconcile.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr int kServers = 10;
const TimePoint kStart{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};

PolicySpec threshold(const std::string& name, const char* side, double bound, double change) {
  PolicySpec spec{.name = name, .type = "threshold", .settings = {}};
  spec.settings.set("query", R"(avg(app_cpu_percent{job="app"}))");
  spec.settings.set(side, bound);
  spec.settings.set("for", Duration(5min));
  spec.settings.set("change", Change{Change::Kind::by_servers, change});
  return spec;
}

PolicySpec tracking() {
  PolicySpec spec{.name = "cpu", .type = "target_tracking", .settings = {}};
  spec.settings.set("query", R"(avg(app_cpu_percent{job="app"}))");
  spec.settings.set("value", std::string("average"));
  spec.settings.set("target", 60.0);
  spec.settings.set("tolerance", 0.1);
  return spec;
}

Group typical_group() {
  Group group;
  group.name = "app";
  group.provider = "icn";
  group.version = "v1";
  group.min = 2;
  group.max = 20;
  group.policies = {threshold("cpu-high", "above", 70, 1), threshold("cpu-low", "below", 30, -1), tracking()};
  group.scale_out = {.cooldown = 60s, .limits = {{.percent = 100, .per = 15s}, {.servers = 4, .per = 15s}}};
  group.scale_in = {.cooldown = 5min, .stabilization_window = 5min, .limits = {{.percent = 10, .per = 60s}}};
  group.balancers = {{.name = "nginx", .type = "nginx", .settings = {}}};
  return group;
}

Observation facts(double cpu) {
  Observation seen{.at = kStart, .listed = true};
  BalancerView view{.known = true, .in_force = true};
  for (int number = 0; number < kServers; ++number) {
    const std::string id = fmt::format("6f2a8a4e-3b1c-4c55-9e0d-0000000000{:02}", number);
    const std::string address = fmt::format("10.0.0.{}:3000", 10 + number);
    seen.servers.push_back({.id = id,
                            .group = "app",
                            .address = address,
                            .version = "v1",
                            .phase = Phase::warming,
                            .health = {.status = HealthStatus::healthy, .detail = {}},
                            .launched_at = kStart - 1h});
    view.peers.push_back({.server = id, .address = address});
  }
  seen.samples.assign(3, {.status = Sample::Status::ok, .value = cpu});
  seen.balancers.push_back(std::move(view));
  return seen;
}

/// The turn of a group that has been running for a while.
Turn settled_turn(const Group& group, const Policies& policies, double cpu) {
  Memory memory;
  memory.nonce = "a1b2c3";
  Turn turn = reconcile(group, policies, facts(cpu), std::move(memory));
  for (int times = 0; times < 100; ++times) {
    turn.observation.at += group.interval;
    turn = reconcile(group, policies, std::move(turn.observation), std::move(turn.memory));
  }
  return turn;
}

void count_turns(benchmark::State& state) {
  state.counters["turns"] = benchmark::Counter(1, benchmark::Counter::kIsIterationInvariantRate);
}

void settled(benchmark::State& state) {
  const Group group = typical_group();
  const Policies policies = make_policies(group);
  Turn turn = settled_turn(group, policies, 60);
  for ([[maybe_unused]] auto _ : state) {
    turn.observation.at += group.interval;
    turn = reconcile(group, policies, std::move(turn.observation), std::move(turn.memory));
    benchmark::DoNotOptimize(turn);
  }
  if (!turn.plan.actions.empty() || turn.plan.decision.steps.empty() || turn.plan.decision.votes.size() != 3) std::abort();
  count_turns(state);
}
BENCHMARK(settled);

/// Every turn sees a breach that has lasted long enough and launches; its memory is the settled one again each time.
void scaling_out(benchmark::State& state) {
  Group group = typical_group();
  for (PolicySpec& policy : group.policies) policy.settings.set("for", Duration{0});
  const Policies policies = make_policies(group);
  const Turn before = settled_turn(group, policies, 60);
  Observation seen = before.observation;
  for (Sample& sample : seen.samples) sample.value = 90;
  for ([[maybe_unused]] auto _ : state) {
    seen.at += group.interval;
    Memory memory = before.memory;
    memory.turned_at = seen.at - group.interval;
    Turn turn = reconcile(group, policies, std::move(seen), std::move(memory));
    if (turn.plan.actions.empty()) std::abort();
    benchmark::DoNotOptimize(turn);
    seen = std::move(turn.observation);
  }
  count_turns(state);
}
BENCHMARK(scaling_out);

}  // namespace
}  // namespace weir

BENCHMARK_MAIN();
