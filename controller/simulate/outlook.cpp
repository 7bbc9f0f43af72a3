#include "controller/simulate/outlook.h"

#include <algorithm>

#include "controller/reconcile/classify.h"
#include "controller/simulate/expected_world.h"

namespace weir {

std::vector<PlannedStep> outlook(const Group& group, const Policies& policies, const Turn& turn) {
  const bool blind = !turn.observation.listed || !turn.memory.desired || !group.elastic;
  if (blind) return {};
  ExpectedWorld world(group, policies, turn, horizon_of(group, turn.memory) - group.interval);
  const TimePoint begin = world.now();
  std::vector<PlannedStep> steps;
  for (TimePoint at = begin + group.interval; at - begin <= kOutlook; at += group.interval) {
    const Plan& plan = world.take_turn(at).plan;
    const Decision& decision = plan.decision;
    if (decision.desired != decision.previous)
      steps.push_back({at - begin, decision.previous, decision.desired, turn_reason(plan)});
  }
  return steps;
}

namespace {

/// What the provider says of each listed server; one more costs what they cost on average. Nothing unless all have a price.
Cost reported_cost(const Turn& turn) {
  double sum = 0;
  int count = 0;
  std::string currency;
  for (const Server& server : turn.observation.servers) {
    if (!server.listed) continue;
    if (!server.price || (count > 0 && server.price->currency != currency)) return {};
    sum += server.price->per_hour;
    currency = server.price->currency;
    ++count;
  }
  if (count == 0) return {};
  return {.per_hour_before = sum, .per_hour_after = sum / count * turn.plan.decision.desired, .currency = currency};
}

}  // namespace

Cost cost_of(const Group& group, const Turn& turn) {
  if (!group.cost) return reported_cost(turn);
  const auto there = std::ranges::count_if(turn.observation.servers, &Server::listed);
  const double price = group.cost->per_hour;
  return {.per_hour_before = price * static_cast<double>(there),
          .per_hour_after = price * turn.plan.decision.desired,
          .currency = group.cost->currency};
}

}  // namespace weir
