#pragma once

#include "policies/policy.h"

namespace weir {

/// `threshold`: a value beyond a bound for long enough changes the size by a fixed amount. One-sided: the sign of `change` says
/// which direction it governs. Missing servers count against the change (Kubernetes HPA: 0 when scaling out, the bound itself when
/// scaling in). The change is counted from the warmed servers when scaling out, so that a breach whose servers are still on their
/// way does not add them twice (AWS step scaling with instance warm-up).
extern const PolicyType kThresholdPolicy;

}  // namespace weir
