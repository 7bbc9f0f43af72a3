#pragma once

#include "policies/policy.h"

namespace weir {

/// `target_tracking`: as many servers as keep the value at its target. `average`: ceil(warmed * value / target); `total`:
/// ceil(value / target). Within `tolerance` of the target nothing changes. Two-sided: it has a say in both directions.
///
/// `rules: weir`: servers without data count as idle when scaling out, and nothing shrinks while one has none; no scale-in while a
/// server warms up (AWS target tracking). `rules: kubernetes`, the Kubernetes HPA's: servers without data count as at the target
/// when scaling in and as idle when scaling out, those not warmed up yet as idle when scaling out and not at all when scaling in;
/// nothing happens if that turns the direction round or ends within the tolerance.
extern const PolicyType kTargetTrackingPolicy;

}  // namespace weir
