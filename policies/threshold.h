#pragma once

#include "policies/policy.h"

namespace weir {

/// `threshold`: a value beyond a bound for long enough changes the size by a fixed amount. One-sided: the sign of `change` says
/// which direction it governs. Missing servers count against the change: as 0 when scaling out (Kubernetes HPA), and none may be
/// missing when scaling in, for a mean of some says nothing of the others. The change is counted from the warmed servers when
/// scaling out, so that a breach whose servers are still on their way does not add them twice (AWS step scaling with instance
/// warm-up).
extern const PolicyType kThresholdPolicy;

}  // namespace weir
