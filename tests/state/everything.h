#pragma once

#include <utility>
#include <vector>

#include "controller/ports/ports.h"
#include "tests/render/examples.h"

namespace weir {

/// A group whose memory and records together say all that the state can say.
struct GroupState {
  Memory memory;
  std::vector<Record> records;
};

namespace everything_detail {

inline const TimePoint kNow{std::chrono::milliseconds{1'772'357'400'250}};

[[nodiscard]] inline Rollout deploy_under_way(Strategy strategy) {
  Rollout rollout = full_rollout();
  rollout.strategy = strategy;
  rollout.direction = Rollout::Direction::forward;
  rollout.why_back = "";
  rollout.ended_at.reset();
  rollout.end = Rollout::End::none;
  HookRun run = rollout.hooks.front();
  rollout.hooks.clear();
  for (const HookPoint point : {HookPoint::before, HookPoint::after_new_healthy, HookPoint::before_switch, HookPoint::gate}) {
    run.point = point;
    run.token = std::string(to_string(point)) + "-7";
    rollout.hooks.push_back(run);
  }
  rollout.hooks.push_back({.point = HookPoint::after, .token = "after-8", .started_at = kNow - std::chrono::seconds(5)});
  return rollout;
}

/// A server in every phase, drained for every cause, of both versions.
[[nodiscard]] inline std::vector<ServerMemory> servers_in_every_phase() {
  using std::literals::chrono_literals::operator""h;
  using std::literals::chrono_literals::operator""min;
  using std::literals::chrono_literals::operator""s;
  const auto server = [](const std::string& number, const std::string& version) {
    return ServerMemory{.id = "i-" + number,
                        .token = "app-a1b2c3-" + number,
                        .address = "10.0.0." + number + ":3000",
                        .version = version,
                        .launched_at = kNow - 2h,
                        .seen_at = kNow};
  };
  std::vector<ServerMemory> servers{server("11", "v3"), server("12", "v3"), server("13", "v1"), server("14", "v1")};
  servers[1].ready_at = kNow - 4s;
  servers[2].admitted_at = kNow - 1h;
  servers[2].found_serving = true;
  servers[3].admitted_at = kNow - 1h;
  servers[3].release_at = kNow - 3s;
  int number = 15;
  for (const DrainCause cause : {DrainCause::surplus, DrainCause::unhealthy, DrainCause::gone_wrong, DrainCause::standby}) {
    ServerMemory draining = server(std::to_string(number++), "v1");
    draining.admitted_at = kNow - 1h;
    draining.drain_at = kNow - 1min;
    draining.drain_cause = cause;
    draining.idle_since = kNow - 30s;
    servers.push_back(std::move(draining));
  }
  servers.push_back(servers.back());
  servers.back().id = "i-19";
  servers.back().missed = 2;
  servers.back().terminate_at = kNow - 20s;
  return servers;
}

[[nodiscard]] inline Memory memory_of(const Rollout& rollout) {
  using std::literals::chrono_literals::operator""h;
  using std::literals::chrono_literals::operator""min;
  using std::literals::chrono_literals::operator""s;
  Memory memory = full_memory();
  memory.rollout = rollout;
  memory.policies[1].most_series = 7;
  memory.policies[1].most_series_at = kNow - 1min;
  memory.policies[1].forecast = {.load = "sum(rps)",
                                 .recent = {{kNow - 2min, 80.5}, {kNow - 1min, 81}},
                                 .open = {{kNow, {90.25, -1}}, {kNow + 1min, {91, 92}}},
                                 .errors = {{0.5, 1}, {0.25, 0, 2}},
                                 .faded_at = kNow - 1h};
  memory.min = 3;
  memory.max = 12;
  memory.manual.hold = Manual::Hold{4, kNow + 1h, "ops"};
  memory.manual.pause = Manual::Pause{true, false, kNow + 2h, "ann"};
  memory.help = {.trial = HelpMemory::Trial{"cpu", kNow - 5min, 81.25, 300, 2}, .failures = 1, .stopped_at = kNow - 1min};
  memory.spending = Spending{12.75, kNow};
  memory.boots = {Duration{41'000}, Duration{39'500}};
  memory.servers = servers_in_every_phase();
  return memory;
}

[[nodiscard]] inline std::vector<Order> every_order() {
  using std::literals::chrono_literals::operator""h;
  std::vector<Order> orders{
      {.kind = Order::Kind::scale, .servers = 4, .until = kNow + 1h},
      {.kind = Order::Kind::pause, .out = true, .in = false},
      {.kind = Order::Kind::pause, .out = false, .in = true},
      {.kind = Order::Kind::resume},
      {.kind = Order::Kind::deploy, .version = "v3", .strategy = Strategy::blue_green},
      {.kind = Order::Kind::promote},
      {.kind = Order::Kind::abort},
  };
  for (Order& order : orders) {
    order.at = kNow;
    order.by = "ops";
    order.token = "token";
    order.from = "127.0.0.1";
  }
  return orders;
}

/// The turn in which everything happened to a deploy: every phase, action and order.
[[nodiscard]] inline Record record_of(const std::string& group, const Rollout& rollout) {
  using std::literals::chrono_literals::operator""min;
  Record record = full_record();
  record.group = group;
  record.rollout = rollout;
  record.orders = every_order();
  record.plan.decision.min = 3;
  record.plan.decision.max = 12;
  Vote guard = record.plan.decision.votes.front();
  guard.policy = "guard";
  guard.type = "predictive";
  guard.value_falls = true;
  guard.forbids_out = true;
  guard.forbids_in = true;
  guard.min = 3;
  guard.max = 12;
  guard.forecast = 90.25;
  record.plan.decision.votes.push_back(guard);
  for (const Action::Kind kind :
       {Action::Kind::admit, Action::Kind::readmit, Action::Kind::terminate, Action::Kind::set_weight, Action::Kind::run_hook}) {
    record.plan.actions.push_back({kind, "i-2", "10.0.0.6:3000", "v3", 1, "as it happens"});
  }
  record.plan.refused = "fewer than min would serve";
  record.servers_detail = "vultr: 503 after 2.0 s; keeping 3 servers";
  Server server = record.servers[1];
  server.overflow = true;
  for (const Phase phase : {Phase::pending, Phase::warming, Phase::terminating}) {
    server.id = "i-" + std::string(to_string(phase));
    server.phase = phase;
    server.health = {HealthStatus::unknown, ""};
    record.servers.push_back(server);
  }
  return record;
}

/// A turn that changed nothing, but looked.
[[nodiscard]] inline Record quiet_record_of(const std::string& group) {
  Record record;
  record.group = group;
  record.at = kNow + std::chrono::seconds(15);
  record.plan.decision.previous = 4;
  record.plan.decision.desired = 4;
  record.plan.notes = {"orphan i-9 found"};
  return record;
}

[[nodiscard]] inline GroupState state_of(const std::string& group, const Rollout& rollout) {
  return {.memory = memory_of(rollout), .records = {record_of(group, rollout), quiet_record_of(group)}};
}

}  // namespace everything_detail

/// By name: a deploy of each strategy under way, one that goes back, and one that ended in each way.
[[nodiscard]] inline std::vector<std::pair<std::string, GroupState>> everything() {
  using everything_detail::deploy_under_way;
  using everything_detail::state_of;
  std::vector<std::pair<std::string, GroupState>> groups;
  for (const Strategy strategy : {Strategy::rolling, Strategy::blue_green, Strategy::canary}) {
    const std::string group(to_string(strategy));
    groups.emplace_back(group, state_of(group, deploy_under_way(strategy)));
  }
  Rollout back = full_rollout();
  back.ended_at.reset();
  back.end = Rollout::End::none;
  groups.emplace_back("going_back", state_of("going_back", back));
  groups.emplace_back("went_back", state_of("went_back", full_rollout()));
  Rollout done = deploy_under_way(Strategy::rolling);
  done.ended_at = everything_detail::kNow;
  done.end = Rollout::End::done;
  groups.emplace_back("done", state_of("done", done));
  return groups;
}

}  // namespace weir
