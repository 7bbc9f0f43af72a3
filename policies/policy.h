#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/group.h"
#include "model/memory.h"
#include "model/plan.h"
#include "model/query.h"

namespace weir {

/// The group's size as policies see it. Warmed servers are in service for at least warm_up: their effect is in the metrics.
struct Fleet {
  int desired = 0;
  int in_service = 0;
  int warmed = 0;
  int on_the_way = 0;               ///< pending, warming, or in service but not warmed
  std::span<const Server> servers;  ///< all of the group, classified
  TimePoint warmed_before{};        ///< in service since then or earlier = warmed

  [[nodiscard]] bool is_warmed(const Server& server) const {
    return server.phase == Phase::in_service && server.in_service_since && *server.in_service_since <= warmed_before;
  }
};

/// How many servers one rule wants. Pure: the same input gives the same vote. Objects are immutable and shared by threads.
class Policy {
 public:
  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  [[nodiscard]] virtual const std::string& name() const = 0;
  /// The question whose answer vote() needs; nullptr if none.
  [[nodiscard]] virtual const Query* query() const = 0;
  /// `sample` answers query(). `memory` is this policy's own and may be changed.
  [[nodiscard]] virtual Vote vote(const Sample& sample, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const = 0;
};

/// The policies of one group, in the order of the configuration.
using Policies = std::vector<std::unique_ptr<const Policy>>;

/// One kind of policy. The list of all is catalog.cpp.
struct PolicyType {
  std::string_view name;
  std::string_view doc;
  std::span<const Key> keys;  ///< besides `name` and `type`
  std::vector<SettingsError> (*check)(const PolicySpec& spec) = nullptr;
  std::unique_ptr<const Policy> (*make)(const PolicySpec& spec, const Group& group) = nullptr;
};

/// All kinds of policy.
[[nodiscard]] std::span<const PolicyType> policy_catalog();

/// Builds the policies of a checked group, in order.
[[nodiscard]] Policies make_policies(const Group& group);

}  // namespace weir
