#pragma once

#include "balancers/balancer.h"

namespace weir {

/// A Prometheus file_sd file: tells Prometheus which servers to scrape.
[[nodiscard]] BalancerType file_sd_balancer();

}  // namespace weir
