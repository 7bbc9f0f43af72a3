#pragma once

#include "model/group.h"
#include "model/memory.h"
#include "model/observation.h"
#include "model/plan.h"
#include "policies/policy.h"

namespace weir {

/// What one turn comes to: what to do, what to remember, and the facts it was made from with every server classified.
struct Turn {
  Plan plan;
  Memory memory;
  Observation observation;
  bool probe_suspected = false;  ///< the health check itself is doubted, not the servers
  int orphans = 0;               ///< servers with the group's tag that it neither knows nor adopts
};

/// The whole of weir's judgement: classify, decide, plan, verify. Pure: no clock, no I/O, same input, same turn. `plan`, `run`
/// and everything else that decides call this and nothing else.
[[nodiscard]] Turn reconcile(const Group& group, const Policies& policies, Observation observation, Memory memory);

}  // namespace weir
