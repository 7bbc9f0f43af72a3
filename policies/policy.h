#pragma once

#include <cstddef>
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
  Duration horizon{0};              ///< from a decision to the service of its servers: what a forecast has to reach

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
  /// How many questions vote() needs answered; 0 if none.
  [[nodiscard]] virtual std::size_t query_count() const { return 0; }
  /// Those questions, in the order in which vote() expects the answers. `horizon`: Fleet::horizon, in whole seconds.
  virtual void append_queries(Duration horizon, std::vector<Query>& queries) const {
    (void)horizon;
    (void)queries;
  }
  /// `samples` answer append_queries(), or are none if nothing was asked. `memory` is this policy's own and may be changed.
  [[nodiscard]] virtual Vote vote(std::span<const Sample> samples, const Fleet& fleet, TimePoint at,
                                  PolicyMemory& memory) const = 0;
};

/// The policies of one group: those of the configuration in its order, then what its other sections come to.
using Policies = std::vector<std::unique_ptr<const Policy>>;

/// One kind of policy. The list of all is catalog.cpp.
struct PolicyType {
  std::string_view name;
  std::string_view doc;
  std::span<const Key> keys;  ///< besides `name` and `type`
  std::vector<SettingsError> (*check)(const PolicySpec& spec) = nullptr;
  std::unique_ptr<const Policy> (*make)(const PolicySpec& spec, const Group& group) = nullptr;
};

/// All kinds of policy that `policies:` may name.
[[nodiscard]] std::span<const PolicyType> policy_catalog();

/// Builds the policies of a checked group, in order.
[[nodiscard]] Policies make_policies(const Group& group);

/// How many answers the policies need together.
[[nodiscard]] std::size_t query_count(const Policies& policies);

/// The questions of all, in order.
[[nodiscard]] std::vector<Query> queries_of(const Policies& policies, Duration horizon);

}  // namespace weir
