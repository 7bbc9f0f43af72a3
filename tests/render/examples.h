#pragma once

#include "controller/ports/ports.h"
#include "controller/render/report.h"
#include "model/memory.h"

namespace weir {

/// A deploy in which every field says something.
[[nodiscard]] inline Rollout full_rollout() {
  using std::literals::chrono_literals::operator""min;
  using std::literals::chrono_literals::operator""s;
  using std::literals::chrono_literals::operator""ms;
  const TimePoint at{1'772'357'400'250ms};
  return {.version = "v3",
          .from = "v1",
          .replaced = {"v2", "v2.1"},
          .strategy = Strategy::canary,
          .by = "ops",
          .judge = {.judged_at = at - 3s, .inconclusive_since = at - 9s, .bad = 1, .why = "errors: 0.05 is not below 0.01"},
          .started_at = at - 2min,
          .direction = Rollout::Direction::back,
          .why_back = "aborted by ops",
          .step = 2,
          .passed = 10,
          .reached_at = at - 12s,
          .share = 0.25,
          .replaced_share = 0.1,
          .blocked_at = at - 14s,
          .promoted = true,
          .trusted_at = at - 13s,
          .progressed_at = at - 12s,
          .moved = 3,
          .failures = 1,
          .last_failure = "v3-2: exited with status 1",
          .hooks = {{.point = HookPoint::after_new_healthy,
                     .token = "after_new_healthy-7",
                     .about = 2,
                     .started_at = at - 30s,
                     .ended_at = at - 20s,
                     .failed = true,
                     .asks_to_wait = true,
                     .said = "smoke test: 500"}},
          .ended_at = at,
          .end = Rollout::End::went_back,
          .waits = "i-7 drains",
          .at_checkpoint = true};
}

/// A memory in which every field says something.
[[nodiscard]] inline Memory full_memory() {
  using std::literals::chrono_literals::operator""h;
  using std::literals::chrono_literals::operator""min;
  using std::literals::chrono_literals::operator""s;
  using std::literals::chrono_literals::operator""ms;
  const TimePoint at{1'772'357'400'250ms};
  Memory memory;
  memory.nonce = "a1b2c3";
  memory.next_token = 18'446'744'073'709'551'615ULL;
  memory.desired = 3;
  memory.version = "v\"2\"";
  memory.provider = "icn";
  memory.scaled_out_at = at;
  memory.scaled_in_at = at + 1ms;
  memory.turned_at = at + 2ms;
  memory.watched_since = at + 3ms;
  memory.suspected_at = at + 4ms;
  memory.rules = "0123456789abcdef";
  memory.highest = {{at, 5}, {at + 1s, 4}};
  memory.lowest = {{at, 1}, {at + 1s, 2}};
  memory.events = {{at, 2}, {at + 1s, -1}};
  memory.policies = {{"cpu", at, at + 1s, at + 2s, 70.1, 2}, {"rps", {}, {}, {}, 0, 0}};
  memory.servers = {{"i-1", "app-a1b2c3-1", "10.0.0.5:3000", "v1", at, at + 1s, 2, at + 2s, at + 8s, at + 3s, DrainCause::unhealthy,
                     at + 4s, at + 5s, at + 6s, true},
                    {"i-2", "", "", "", at, at, 0, {}, {}, {}, DrainCause::standby, {}, {}, {}, false}};
  memory.rollout = full_rollout();
  memory.deploy_untold = true;
  memory.launches = {{"app-a1b2c3-2", "v2", at, 3, at + 30s, "vultr: 503\nafter 2 s — \x01"}, {"app-a1b2c3-3", "", at, 0, at, ""}};
  memory.launches[0].abandoned_at = at + 7s;
  memory.launch_failures = 2;
  memory.launch_not_before = at + 9s;
  return memory;
}

/// A turn in which everything happened.
[[nodiscard]] inline Record full_record() {
  using std::literals::chrono_literals::operator""h;
  using std::literals::chrono_literals::operator""min;
  using std::literals::chrono_literals::operator""s;
  using std::literals::chrono_literals::operator""ms;
  const TimePoint at{1'772'357'400'250ms};
  Record record;
  record.group = "app";
  record.at = at;
  record.plan.decision.previous = 2;
  record.plan.decision.desired = 4;
  record.plan.decision.breached_at = at - 5min;
  record.plan.decision.votes = {{"cpu-high",
                                 "threshold",
                                 Vote::Stance::wants,
                                 4,
                                 81.25,
                                 true,
                                 false,
                                 false,
                                 false,
                                 false,
                                 {},
                                 {},
                                 {},
                                 "cpu 81.25 is above 70 for 5m: +2"},
                                {"cpu-low",
                                 "threshold",
                                 Vote::Stance::content,
                                 0,
                                 81.25,
                                 false,
                                 true,
                                 false,
                                 false,
                                 false,
                                 {},
                                 {},
                                 {},
                                 "cpu 81.25 is not below 30"},
                                {"rps",
                                 "target_tracking",
                                 Vote::Stance::abstains,
                                 0,
                                 {},
                                 true,
                                 true,
                                 false,
                                 false,
                                 false,
                                 {},
                                 {},
                                 {},
                                 "the query is empty; holding"}};
  record.plan.decision.steps = {{"votes", 2, 4, "cpu-high wants 4"}, {"min_max", 4, 4, "within 2 to 10"}};
  record.plan.actions = {{Action::Kind::launch, "app-a1b2c3-7", "", "v1", 1, "desired 4, have 2"},
                         {Action::Kind::set_weight, "i-2", "10.0.0.6:3000", "v1", 50, "canary"},
                         {Action::Kind::drain, "i-1", "10.0.0.5:3000", "v1", 1, "unhealthy: GET /health: 503"}};
  record.plan.peers = {{"i-2", "10.0.0.6:3000", 50}, {"", "10.0.0.9:3000", 1}};
  record.plan.write_balancers = true;
  record.plan.notes = {"orphan i-9 found"};
  record.plan.revisit_at = at + 5s;
  record.servers = {{.id = "i-1",
                     .group = "app",
                     .token = "app-a1b2c3-1",
                     .address = "10.0.0.5:3000",
                     .version = "v1",
                     .phase = Phase::draining,
                     .health = {HealthStatus::unhealthy, "GET /health: 503"},
                     .launched_at = at - 1h,
                     .in_service_since = at - 30min,
                     .connections = 17,
                     .paid_until = at + 1h,
                     .listed = false},
                    {.id = "i-2",
                     .group = "app",
                     .token = "",
                     .address = "10.0.0.6:3000",
                     .version = "v1",
                     .phase = Phase::in_service,
                     .health = {HealthStatus::healthy, ""},
                     .launched_at = at - 25h,
                     .protection = "protected by its group",
                     .zone = "eu-central-1b",
                     .price = Price{.per_hour = 0.015, .currency = "USD"}},
                    {.id = "i-9",
                     .group = "other",
                     .token = "",
                     .address = "",
                     .version = "",
                     .launched_at = at,
                     .failure = "exited with status 1",
                     .failure_cause = FailureCause::platform}};
  return record;
}

[[nodiscard]] inline GroupPlan full_plan() {
  const Record record = full_record();
  GroupPlan plan;
  plan.group = "app";
  plan.provider = "icn";
  plan.at = record.at;
  plan.current = 2;
  plan.plan = record.plan;
  plan.servers = record.servers;
  plan.balancers = {{"nginx /etc/nginx/upstream.conf", "-server 10.0.0.5:3000;\n+server 10.0.0.6:3000;\n"}};
  plan.cost = {0.03, 0.06, "USD"};
  return plan;
}

}  // namespace weir
