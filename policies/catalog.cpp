#include <array>
#include <cstdlib>

#include "policies/constant.h"
#include "policies/policy.h"
#include "policies/predictive.h"
#include "policies/schedule.h"
#include "policies/step.h"
#include "policies/target_tracking.h"
#include "policies/threshold.h"

namespace weir {
namespace {

const PolicyType* type_named(std::string_view name) {
  for (const PolicyType& type : policy_catalog()) {
    if (type.name == name) return &type;
  }
  // What other sections of a group come to.
  for (const PolicyType* type : {&kGuardPolicy, &kMaintenancePolicy, &kHelpPolicy}) {
    if (type->name == name) return type;
  }
  return nullptr;
}

}  // namespace

std::span<const PolicyType> policy_catalog() {
  static const std::array all = {kThresholdPolicy,  kTargetTrackingPolicy, kStepPolicy,       kSchedulePolicy,
                                 kPredictivePolicy, kFixedPolicy,          kPassThroughPolicy};
  return all;
}

Policies make_policies(const Group& group) {
  Policies policies;
  for (const PolicySpec& spec : group.policies) {
    const PolicyType* type = type_named(spec.type);
    // The configuration knows no policy type that is not here.
    if (type == nullptr) std::abort();
    policies.push_back(type->make(spec, group));
  }
  return policies;
}

std::size_t query_count(const Policies& policies) {
  std::size_t count = 0;
  for (const auto& policy : policies) count += policy->query_count();
  return count;
}

std::vector<Query> queries_of(const Policies& policies, Duration horizon) {
  std::vector<Query> queries;
  queries.reserve(query_count(policies));
  for (const auto& policy : policies) policy->append_queries(horizon, queries);
  return queries;
}

}  // namespace weir
