#pragma once

#include "balancers/balancer.h"

namespace weir {

/// nginx (open source) on this host: weir owns one file that nginx includes, and reloads nginx when it changes.
[[nodiscard]] BalancerType nginx_balancer();

}  // namespace weir
