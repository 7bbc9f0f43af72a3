#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// A metric of AWS CloudWatch as policies and alarms name it.
struct CloudMetric {
  std::string name_space;  ///< AWS/EC2
  std::string name;
  std::string statistic = "Average";
  std::vector<std::pair<std::string, std::string>> dimensions = {};
  int period = 60;  ///< seconds
};

/// PromQL to start from.
struct Suggestion {
  std::string query;
  std::string stands_for;  ///< for a comment
  bool total = false;      ///< of the whole group; else an average
};

/// What Prometheus might be asked for the metric: node_exporter's and nginx's where they have an equal, else what
/// cloudwatch_exporter makes of it. `group` is weir's name of the group.
[[nodiscard]] Suggestion suggest(const CloudMetric& metric, const std::string& group);
/// For the kinds that need no more words, such as ASGAverageCPUUtilization; nullopt: unknown.
[[nodiscard]] std::optional<Suggestion> suggest_predefined(std::string_view type, const std::string& group);

/// CloudWatch's arithmetic of metrics as PromQL, if there is nothing in it but + - * / ( ), numbers and ids of `queries`.
[[nodiscard]] std::optional<std::string> translate_math(std::string_view expression,
                                                        const std::map<std::string, std::string>& queries);

/// A query for what nobody can translate: never a number, so its policy abstains.
inline constexpr std::string_view kNoQuery = "vector(NaN)";

}  // namespace weir
