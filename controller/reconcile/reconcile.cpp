#include "controller/reconcile/reconcile.h"

#include <fmt/format.h>

#include <algorithm>

#include "controller/reconcile/classify.h"
#include "controller/reconcile/orders.h"
#include "controller/reconcile/planner.h"
#include "controller/reconcile/verify.h"
#include "policies/cost.h"
#include "policies/decide.h"

namespace weir {
namespace {

/// Turns further apart than this were not watching: what policies and windows measured before does not count as proof.
Duration longest_gap(const Group& group) { return std::max<Duration>(3 * group.interval, std::chrono::seconds(10)); }

/// Nobody knows what the time up to now proved: scaling in must be proven anew.
void stop_clocks(TimePoint at, Memory& memory) {
  memory.watched_since = at;
  for (PolicyMemory& policy : memory.policies) policy.below_since.reset();
}

/// Windows, breaches and last values that were measured under other rules prove nothing under these. What was learned of the load
/// itself stays.
void start_over_under_new_rules(const Group& group, TimePoint at, Memory& memory) {
  if (memory.rules == group.rules) return;
  const bool first = memory.rules.empty();
  memory.rules = group.rules;
  if (first) return;
  for (PolicyMemory& policy : memory.policies) {
    policy = {.policy = std::move(policy.policy), .forecast = std::move(policy.forecast)};
  }
  memory.help = {};
  memory.highest.clear();
  memory.lowest.clear();
  stop_clocks(at, memory);
}

void keep_watch(const Group& group, TimePoint at, Memory& memory) {
  const auto unseen = [&](const std::optional<TimePoint>& seen) { return !seen || at - *seen > longest_gap(group); };
  // A breach goes on through a moment without data, not through an outage.
  for (PolicyMemory& policy : memory.policies) {
    if (unseen(policy.good_at)) policy.above_since.reset();
  }
  if (unseen(memory.turned_at)) stop_clocks(at, memory);
}

/// The first size of a group is the one found: a fleet that somebody made by hand is not cut to min. Whether it is above max is for
/// decide() to say, which knows of schedules.
void start_desired(const Group& group, const Observation& observation, const Classified& classified, Memory& memory) {
  if (memory.version.empty()) memory.version = group.version;
  if (memory.desired || !observation.listed) return;
  const auto live = std::ranges::count_if(classified.servers, [](const Server& server) {
    return server.phase == Phase::pending || server.phase == Phase::warming || server.phase == Phase::in_service;
  });
  memory.desired = std::max(static_cast<int>(live), group.min);
}

/// Nothing is decided; only new bounds of the configuration count at once. A schedule's are those of the last decision.
Decision hold(const Group& group, Memory& memory, std::string why) {
  const int desired = memory.desired.value_or(0);
  Decision decision{.previous = desired, .desired = desired, .steps = {{"inventory", desired, desired, std::move(why)}}};
  decision.max = memory.max.value_or(group.max);
  decision.min = std::min(memory.min.value_or(group.min), decision.max);
  if (!memory.desired || (desired >= decision.min && desired <= decision.max)) return decision;
  decision.desired = std::clamp(desired, decision.min, decision.max);
  decision.steps.push_back({"min_max", desired, decision.desired, desired < decision.min ? "below min" : "above max"});
  memory.desired = decision.desired;
  return decision;
}

Decision decide_or_hold(const Group& group, const Policies& policies, const Observation& observation, const Classified& classified,
                        Memory& memory) {
  if (!group.elastic) {
    memory.desired = static_cast<int>(classified.servers.size());
    return {.previous = *memory.desired, .desired = *memory.desired, .min = group.min, .max = group.max};
  }
  const bool list_failed = !observation.listed && !observation.listed_detail.empty();
  if (list_failed || !memory.desired) {
    stop_clocks(observation.at, memory);
    return hold(group, memory, "the provider gave no list: " + observation.listed_detail);
  }
  return decide(group, policies, observation, fleet_of(group, classified, observation.at, memory), memory);
}

/// A soft budget only speaks.
void note_spending(const Group& group, TimePoint at, const Memory& memory, Plan& plan) {
  if (!group.cost || !group.budget.soft || !memory.spending) return;
  const double forecast = forecast_spending(*group.cost, memory, plan.decision.desired, at);
  if (forecast <= *group.budget.soft) return;
  plan.notes.push_back(fmt::format("at {} servers this month will cost about {:.0f} {}, more than the soft budget of {:.0f}",
                                   plan.decision.desired, forecast, group.cost->currency, *group.budget.soft));
}

/// A refused plan does nothing and leaves no intent behind.
void take_back(TimePoint at, Plan& plan, std::optional<Rollout> rollout, Memory& memory) {
  // What the deploy has switched or ended in this turn did not happen.
  if (memory.rollout && memory.rollout->end == Rollout::End::done && memory.rollout->ended_at == at) memory.version = rollout->from;
  memory.rollout = std::move(rollout);
  plan.actions.clear();
  plan.write_balancers = false;
  memory.desired = plan.decision.previous;
  for (ServerMemory& server : memory.servers) {
    if (server.admitted_at == at && server.ready_at) server.admitted_at.reset();
    if (server.drain_at == at) server.drain_at.reset();
    if (server.terminate_at == at) server.terminate_at.reset();
    if (server.release_at == at) server.release_at.reset();
  }
  std::erase_if(memory.launches, [at](const LaunchIntent& intent) { return intent.decided_at == at; });
  std::erase_if(memory.events, [at](const ScaleEvent& event) { return event.at == at; });
}

}  // namespace

Turn reconcile(const Group& group, const Policies& policies, Observation observation, Memory memory) {
  Turn turn;
  if (!std::ranges::is_sorted(memory.servers, {}, &ServerMemory::id)) std::ranges::sort(memory.servers, {}, &ServerMemory::id);
  start_over_under_new_rules(group, observation.at, memory);
  keep_watch(group, observation.at, memory);
  obey_orders(observation.orders, group, observation.at, memory);
  Classified classified = classify(group, observation, memory);
  if (group.cost) count_spending(*group.cost, classified.servers, classified.met, observation.at, memory);
  start_desired(group, observation, classified, memory);
  turn.plan.decision = decide_or_hold(group, policies, observation, classified, memory);
  note_spending(group, observation.at, memory, turn.plan);
  std::optional<Rollout> rollout = memory.rollout;
  plan_actions(group, observation, classified, memory, turn.plan);
  turn.plan.refused = verify(group, observation, classified, memory, turn.plan);
  memory.turned_at = observation.at;
  memory.deploy_untold = false;
  memory.provider = group.provider;
  if (!turn.plan.refused.empty()) take_back(observation.at, turn.plan, std::move(rollout), memory);
  turn.probe_suspected = classified.probe_suspected;
  turn.orphans = static_cast<int>(classified.strangers.size());
  observation.servers = std::move(classified.servers);
  turn.memory = std::move(memory);
  turn.observation = std::move(observation);
  return turn;
}

}  // namespace weir
