#pragma once

#include "balancers/balancer.h"

namespace weir {

/// `type: aws_target_group`.
[[nodiscard]] BalancerType aws_target_group_balancer();

}  // namespace weir
