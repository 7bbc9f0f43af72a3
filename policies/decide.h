#pragma once

#include <vector>

#include "model/group.h"
#include "model/memory.h"
#include "model/observation.h"
#include "model/plan.h"
#include "policies/policy.h"

namespace weir {

/// How many servers the group should have. Pure. Asks every policy, then runs the named stages in one order, each recorded if the
/// group has what it is about: votes, guards, did_it_help, pause, stabilization_window, cooldown, rate_limits, budget, operator,
/// min_max. Changes what Memory remembers of policies, recommendations and cooldowns, and sets its `desired`. Expects
/// Memory::desired to be set.
[[nodiscard]] Decision decide(const Group& group, const Policies& policies, const Observation& observation, const Fleet& fleet,
                              Memory& memory);

}  // namespace weir
