#include "controller/simulate/outlook.h"

#include <algorithm>

#include "controller/reconcile/classify.h"
#include "controller/simulate/expected_world.h"
#include "policies/cost.h"

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

Cost cost_of(const Group& group, const Turn& turn) {
  const std::optional<Price> before = price_of(group.cost, turn.observation.servers);
  if (!before) return {};
  // One more costs what they cost on average.
  const auto there = std::ranges::count_if(turn.observation.servers, &Server::listed);
  const double one = group.cost ? group.cost->per_hour : before->per_hour / static_cast<double>(there);
  return {.per_hour_before = before->per_hour, .per_hour_after = one * turn.plan.decision.desired, .currency = before->currency};
}

}  // namespace weir
