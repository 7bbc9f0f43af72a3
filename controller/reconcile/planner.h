#pragma once

#include "controller/reconcile/classify.h"
#include "model/group.h"
#include "model/memory.h"
#include "model/observation.h"
#include "model/plan.h"

namespace weir {

/// Turns a decision into actions and peers: gives up what failed or never became healthy, replaces the unhealthy, a few at a time,
/// retries open launches with their tokens, then grows (drains taken back first) or shrinks towards `desired`. Fills everything of
/// the plan except `decision`, and writes every intent into memory. Pure.
void plan_actions(const Group& group, const Observation& observation, Classified& classified, Memory& memory, Plan& plan);

/// How long to wait before launching again after so many failures in a row: 5 s, doubled each time, at most kLongestBackoff.
[[nodiscard]] Duration backoff_after(int failures);

}  // namespace weir
