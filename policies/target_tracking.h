#pragma once

#include "policies/policy.h"

namespace weir {

/// `target_tracking`: as many servers as keep the value at its target. `average`: ceil(warmed * value / target); `total`:
/// ceil(value / target). Within `tolerance` of the target nothing changes. Missing servers count as at the target when scaling in,
/// as idle when scaling out, and nothing happens if that turns the direction round (Kubernetes HPA's rules); no scale-in while a
/// server warms up (AWS target tracking). Two-sided: it has a say in both directions.
extern const PolicyType kTargetTrackingPolicy;

}  // namespace weir
