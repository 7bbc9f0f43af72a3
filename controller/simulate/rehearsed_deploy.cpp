#include "controller/simulate/rehearsed_deploy.h"

#include <fmt/format.h>

#include <utility>

#include "controller/config/values.h"
#include "controller/reconcile/orders.h"
#include "model/version.h"

namespace weir {

Result<RehearsedDeploy> parse_deploy(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) {
    return failure(ErrorKind::invalid, fmt::format("'{}': expected VERSION@WHEN, such as v2@10m", text));
  }
  RehearsedDeploy deploy{.version = std::string(text.substr(0, at))};
  if (const auto plain = check_version(deploy.version); !plain) {
    return failure(ErrorKind::invalid, fmt::format("'{}': {}", text, plain.error().message));
  }
  const std::string_view when = text.substr(at + 1);
  const auto begin = parse_duration(when);
  if (!begin) {
    return failure(ErrorKind::invalid, fmt::format("'{}': {} after the '@', found '{}'", text, begin.error().expected, when));
  }
  deploy.begin = *begin;
  return deploy;
}

Result<void> check_deploys(const Group& group, std::span<const RehearsedDeploy> deploys, Duration length) {
  Memory memory;
  for (const RehearsedDeploy& deploy : deploys) {
    if (deploy.begin >= length) {
      return failure(ErrorKind::invalid, fmt::format("{}@{}: expected a time before the end of the load, {} after its beginning",
                                                     deploy.version, format_duration(deploy.begin), format_duration(length)));
    }
    const Order order{.kind = Order::Kind::deploy, .version = deploy.version};
    if (auto possible = check_order(order, group, memory); !possible) return possible;
    memory.version = deploy.version;
  }
  return {};
}

Group without_judge(Group group) {
  group.deploy.judge = {};
  return group;
}

}  // namespace weir
