#pragma once

#include <vector>

#include "controller/reconcile/reconcile.h"
#include "controller/render/report.h"
#include "model/group.h"
#include "policies/policy.h"

namespace weir {

/// How far an outlook goes.
inline constexpr Duration kOutlook{1'800'000};

/// What the turns after this one come to if the load stays as it is and everything does as it is told: servers launched serve after
/// the boot time learned so far, values that fall with more servers fall in proportion. Empty: nothing changes within kOutlook.
/// Pure; the same reconcile().
[[nodiscard]] std::vector<PlannedStep> outlook(const Group& group, const Policies& policies, const Turn& turn);

/// What the group costs before and after the turn: by its `cost`, else as the provider says; nothing without a price.
[[nodiscard]] Cost cost_of(const Group& group, const Turn& turn);

}  // namespace weir
