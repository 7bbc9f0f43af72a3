#pragma once

#include <string>

#include "controller/reconcile/classify.h"
#include "model/group.h"
#include "model/observation.h"
#include "model/plan.h"

namespace weir {

/// Checks a finished plan against what must always hold, independently of how it was made: size within min and max, no launch
/// beyond max, no drain of a serving server below min, no termination of a server that may still get traffic, no empty peers.
/// `memory` is the one the plan goes with. Empty if all holds, else what does not. Pure.
[[nodiscard]] std::string verify(const Group& group, const Observation& observation, const Classified& classified,
                                 const Memory& memory, const Plan& plan);

}  // namespace weir
