#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "balancers/aws_target_group/aws_target_group.h"
#include "balancers/balancer.h"
#include "balancers/exec/exec.h"
#include "balancers/file_sd/file_sd.h"
#include "balancers/haproxy/haproxy.h"
#include "balancers/nginx/nginx.h"
#include "balancers/shared.h"

namespace weir {

std::span<const BalancerType> balancer_catalog() {
  static const std::array types{
      aws_target_group_balancer(), exec_balancer(), file_sd_balancer(), haproxy_balancer(), nginx_balancer(),
  };
  return types;
}

BalancerMaker::BalancerMaker(BalancerOutside outside) : shared_(std::make_unique<BalancerShared>()) {
  shared_->outside = std::move(outside);
}
BalancerMaker::~BalancerMaker() = default;

Result<std::unique_ptr<Balancer>> BalancerMaker::make(const BalancerRequest& request) {
  const auto types = balancer_catalog();
  const auto type = std::ranges::find(types, request.spec.type, &BalancerType::name);
  if (type != types.end()) return type->make(request, *shared_);
  std::string known;
  for (const BalancerType& each : types) known += fmt::format("{}{}", known.empty() ? "" : ", ", each.name);
  return failure(ErrorKind::invalid,
                 fmt::format("group {}: no balancer of type '{}'; there are: {}", request.group.name, request.spec.type, known));
}

}  // namespace weir
