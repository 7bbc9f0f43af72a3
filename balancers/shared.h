#pragma once

#include "balancers/nginx/reloader.h"

namespace weir {

struct BalancerShared {
  NginxReloaders nginx;
};

}  // namespace weir
