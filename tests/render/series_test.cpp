#include "controller/render/series.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weir {
namespace {

using nlohmann::json;

Record turn(int second, int desired, std::vector<Vote> votes) {
  Record record;
  record.at = TimePoint{std::chrono::seconds{second}};
  record.plan.decision.desired = desired;
  record.plan.decision.min = 1;
  record.plan.decision.max = 9;
  record.plan.decision.votes = std::move(votes);
  record.servers.resize(3);
  record.servers[0].phase = Phase::in_service;
  record.servers[2].listed = false;
  return record;
}

TEST(Series, is_columns_with_an_entry_for_every_turn) {
  Series series("app");
  series.add(turn(1, 2, {}), std::nullopt);
  series.add(turn(2, 3, {{.policy = "cpu", .type = "step", .stance = Vote::Stance::wants, .wants = 3, .value = 81.5}}),
             Price{0.5, "EUR"});
  series.add(turn(3, 3, {{.policy = "tomorrow", .type = "predictive", .stance = Vote::Stance::content, .forecast = 7}}),
             std::nullopt);
  EXPECT_EQ(json::parse(series.json()), json::parse(R"({
    "group": "app", "currency": "EUR",
    "at": ["1970-01-01T00:00:01.000Z", "1970-01-01T00:00:02.000Z", "1970-01-01T00:00:03.000Z"],
    "desired": [2, 3, 3], "in_service": [1, 1, 1], "servers": [2, 2, 2], "min": [1, 1, 1], "max": [9, 9, 9],
    "per_hour": [null, 0.5, null],
    "policies": [
      {"policy": "cpu", "type": "step", "value": [null, 81.5, null], "forecast": [null, null, null], "desired": [null, 3, null]},
      {"policy": "tomorrow", "type": "predictive", "value": [null, null, null], "forecast": [null, null, 7],
       "desired": [null, null, null]}]})"));
}

TEST(Series, of_no_turn_is_a_series_too) { EXPECT_EQ(json::parse(Series("app").json()).at("at"), json::array()); }

}  // namespace
}  // namespace weir
