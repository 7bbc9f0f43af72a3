#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"

namespace weir {

/// What GET /v1/groups says of one group.
struct GroupView {
  struct Server {
    std::string id;
    std::string phase;
  };
  int desired = 0;
  std::vector<Server> servers;

  [[nodiscard]] int count(std::string_view phase) const;
};

/// One turn that changed something, of GET /v1/groups/G/decisions.
struct DecisionView {
  std::string at;  ///< RFC 3339 in UTC, as weir writes it: sorts as text
  int previous = 0;
  int desired = 0;
  struct Action {
    std::string what;  ///< "launch app-3", "drain 127.0.0.1:9001"
    std::string why;
    bool operator==(const Action&) const = default;
  };
  std::vector<std::string> reasons;  ///< of the policies that want something and the stages that changed the number
  std::vector<Action> actions;
};

/// Errors: invalid for text that is not such an answer, not_found without that group.
[[nodiscard]] Result<GroupView> parse_group(std::string_view json, std::string_view group);
/// The turns that changed the desired number or did something, oldest first. Errors: invalid.
[[nodiscard]] Result<std::vector<DecisionView>> parse_decisions(std::string_view json);

/// The sum of all series with exactly this name in the text form of Prometheus; absent if there are none.
[[nodiscard]] std::optional<double> sum_of(std::string_view metrics, std::string_view name);

}  // namespace weir
