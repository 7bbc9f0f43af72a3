#pragma once

#include "balancers/balancer.h"

namespace weir {

/// HAProxy: weir adds, drains and deletes the servers of one backend at run time, and keeps a file for the next start.
[[nodiscard]] BalancerType haproxy_balancer();

}  // namespace weir
