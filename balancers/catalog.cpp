#include <array>

#include "balancers/balancer.h"
#include "balancers/file_sd/file_sd.h"
#include "balancers/nginx/nginx.h"

namespace weir {

std::span<const BalancerType> balancer_catalog() {
  static const std::array types{nginx_balancer(), file_sd_balancer()};
  return types;
}

}  // namespace weir
