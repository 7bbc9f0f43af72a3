#include "examples/demo/weir_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

using Json = nlohmann::json;

std::unexpected<Error> malformed(std::string_view what, const Json::exception& error) {
  return failure(ErrorKind::invalid, fmt::format("weir's {}: {}", what, error.what()));
}

/// A field that may be missing or null.
std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

DecisionView read_decision(const Json& record) {
  DecisionView decision{
      .at = record.at("at"), .previous = record.at("previous"), .desired = record.at("desired"), .reasons = {}, .actions = {}};
  for (const Json& vote : record.at("votes")) {
    if (vote.at("stance") == "wants")
      decision.reasons.push_back(fmt::format("{}: {}", text_of(vote, "policy"), text_of(vote, "why")));
  }
  for (const Json& step : record.at("steps")) {
    if (step.at("from") == step.at("to")) continue;
    decision.reasons.push_back(fmt::format("{}: {}", text_of(step, "stage"), text_of(step, "why")));
  }
  for (const Json& action : record.at("actions")) {
    const std::string address = text_of(action, "address");
    const std::string what = fmt::format("{} {}", text_of(action, "kind"), address.empty() ? text_of(action, "server") : address);
    decision.actions.push_back({what, text_of(action, "why")});
  }
  return decision;
}

}  // namespace

int GroupView::count(std::string_view phase) const {
  return static_cast<int>(std::ranges::count_if(servers, [phase](const Server& server) { return server.phase == phase; }));
}

Result<GroupView> parse_group(std::string_view json, std::string_view group) try {
  const Json answer = Json::parse(json);
  for (const Json& entry : answer.at("groups")) {
    if (entry.at("name") != group) continue;
    GroupView view;
    view.desired = entry.at("desired").is_null() ? 0 : entry.at("desired").get<int>();
    for (const Json& server : entry.at("servers")) view.servers.push_back({server.at("id"), server.at("phase")});
    return view;
  }
  return failure(ErrorKind::not_found, fmt::format("weir's groups: no {}", group));
} catch (const Json::exception& error) {
  return malformed("groups", error);
}

Result<std::vector<DecisionView>> parse_decisions(std::string_view json) try {
  const Json answer = Json::parse(json);
  std::vector<DecisionView> decisions;
  for (const Json& record : answer.at("decisions")) {
    DecisionView decision = read_decision(record);
    if (decision.desired != decision.previous || !decision.actions.empty()) decisions.push_back(std::move(decision));
  }
  std::ranges::sort(decisions, {}, &DecisionView::at);
  return decisions;
} catch (const Json::exception& error) {
  return malformed("decisions", error);
}

std::optional<double> sum_of(std::string_view metrics, std::string_view name) {
  std::optional<double> sum;
  while (!metrics.empty()) {
    const std::string_view line = metrics.substr(0, metrics.find('\n'));
    metrics.remove_prefix(std::min(metrics.size(), line.size() + 1));
    if (!line.starts_with(name) || line.size() == name.size() || (line[name.size()] != '{' && line[name.size()] != ' ')) continue;
    const std::string_view value = line.substr(line.rfind(' ') + 1);
    double number = 0;
    if (std::from_chars(value.data(), value.data() + value.size(), number).ec == std::errc()) sum = sum.value_or(0) + number;
  }
  return sum;
}

}  // namespace weir
