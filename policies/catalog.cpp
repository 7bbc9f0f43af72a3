#include <array>
#include <cstdlib>

#include "policies/policy.h"
#include "policies/target_tracking.h"
#include "policies/threshold.h"

namespace weir {

std::span<const PolicyType> policy_catalog() {
  static const std::array all = {kThresholdPolicy, kTargetTrackingPolicy};
  return all;
}

Policies make_policies(const Group& group) {
  Policies policies;
  for (const PolicySpec& spec : group.policies) {
    for (const PolicyType& type : policy_catalog()) {
      if (type.name == spec.type) policies.push_back(type.make(spec, group));
    }
  }
  // The configuration knows no policy type that is not in the catalog.
  if (policies.size() != group.policies.size()) std::abort();
  return policies;
}

}  // namespace weir
