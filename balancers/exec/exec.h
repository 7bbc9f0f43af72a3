#pragma once

#include "balancers/balancer.h"

namespace weir {

/// Any program that is told who gets traffic, and says who does; docs/balancers/exec.md has what it is asked and answers.
[[nodiscard]] BalancerType exec_balancer();

}  // namespace weir
