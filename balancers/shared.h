#pragma once

#include "balancers/balancer.h"
#include "balancers/nginx/reloader.h"

namespace weir {

struct BalancerShared {
  BalancerOutside outside;
  NginxReloaders nginx;
};

}  // namespace weir
