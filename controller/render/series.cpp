#include "controller/render/series.h"

#include <algorithm>
#include <string_view>

#include "controller/render/json_writer.h"
#include "controller/render/report.h"

namespace weir {
namespace {

template <typename Items, typename Value>
void column(JsonWriter& out, std::string_view name, const Items& items, Value value) {
  out.key(name);
  out.begin_array();
  for (const auto& item : items) out.value(value(item));
  out.end_array();
}

}  // namespace

Series::Policy& Series::policy(const std::string& name) {
  const auto found = std::ranges::find(policies_, name, &Policy::name);
  if (found != policies_.end()) return *found;
  policies_.emplace_back().name = name;
  return policies_.back();
}

void Series::add(const Record& record, const std::optional<Price>& price) {
  const Decision& decision = record.plan.decision;
  turns_.push_back({.at = record.at,
                    .desired = decision.desired,
                    .in_service = count_phase(record.servers, Phase::in_service),
                    .servers = static_cast<int>(std::ranges::count_if(record.servers, &Server::listed)),
                    .min = decision.min,
                    .max = decision.max,
                    .per_hour = price ? std::optional(price->per_hour) : std::nullopt});
  if (price) currency_ = price->currency;
  for (const Vote& vote : decision.votes) {
    Policy& one = policy(vote.policy);
    one.type = vote.type;
    // It may have come, or come back, with a new configuration.
    one.values.resize(turns_.size() - 1);
    one.forecasts.resize(turns_.size() - 1);
    one.desired.resize(turns_.size() - 1);
    one.values.push_back(vote.value);
    one.forecasts.push_back(vote.forecast);
    one.desired.push_back(vote.stance == Vote::Stance::wants ? std::optional(vote.wants) : std::nullopt);
  }
  for (Policy& one : policies_) {
    one.values.resize(turns_.size());
    one.forecasts.resize(turns_.size());
    one.desired.resize(turns_.size());
  }
}

std::string Series::json() const {
  const auto as_it_is = [](const auto& value) { return value; };
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("group", group_);
  out.field_if("currency", currency_);
  column(out, "at", turns_, [](const Turn& turn) { return turn.at; });
  column(out, "desired", turns_, [](const Turn& turn) { return turn.desired; });
  column(out, "in_service", turns_, [](const Turn& turn) { return turn.in_service; });
  column(out, "servers", turns_, [](const Turn& turn) { return turn.servers; });
  column(out, "min", turns_, [](const Turn& turn) { return turn.min; });
  column(out, "max", turns_, [](const Turn& turn) { return turn.max; });
  column(out, "per_hour", turns_, [](const Turn& turn) { return turn.per_hour; });
  out.key("policies");
  out.begin_array();
  for (const Policy& one : policies_) {
    out.begin_object();
    out.field("policy", one.name);
    out.field("type", one.type);
    column(out, "value", one.values, as_it_is);
    column(out, "forecast", one.forecasts, as_it_is);
    column(out, "desired", one.desired, as_it_is);
    out.end_object();
  }
  out.end_array();
  out.end_object();
  return text;
}

}  // namespace weir
