// The whole search over simulated histories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "controller/simulate/simulate.h"
#include "controller/tune/report.h"
#include "tests/tune/support.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A turn a minute, for eight days are to pass quickly.
const std::string kWasteful = R"(
controller: {interval: 60s}
prometheus: {url: "http://127.0.0.1:9"}
providers: {cloud: {type: memory}}
groups:
  - name: app
    provider: cloud
    server: {}
    min: 1
    max: 20
    cost: {per_hour: 0.5, currency: EUR}
    policies:
      - {name: cpu, type: target_tracking, query: cpu, target: 60}
    scale_in: {cooldown: 5m, stabilization_window: 10m}
)";

double calm_days(int minute) { return 400 + 250 * std::sin(2 * std::numbers::pi * minute / 1440); }

/// As on calm days, but on the first of every four the load doubles for a while again and again, faster than servers boot.
double days_with_bursts(int minute) {
  const bool wild = minute / 1440 % 4 == 0 && minute % 120 < 30;
  return wild ? 1.9 * calm_days(minute) : calm_days(minute);
}

/// The same, with bursts that servers kept at 60 % can just carry, and nothing else in all the days.
double days_with_bursts_only(int minute) { return minute / 1440 % 4 == 0 && minute % 120 < 30 ? 600 : 400; }

TuneOptions quick(double slo) { return {.model = {.capacity = 100}, .slo = slo, .candidates = 30, .folds = 4, .threads = 2}; }

Tuning tuned(const std::string& yaml, const Trace& trace, const TuneOptions& options) {
  auto tuning = tune(group_in(yaml), trace, options);
  EXPECT_TRUE(tuning) << tuning.error().message;
  return tuning ? *std::move(tuning) : Tuning{};
}

TEST(Tune, saves_money_and_keeps_the_slo) {
  const Tuning tuning = tuned(kWasteful, trace_of(8, calm_days), quick(0.001));
  const TunedFigures& present = tuning.candidates.front().history;
  const TunedFigures& chosen = tuning.candidates[tuning.chosen].history;
  EXPECT_TRUE(tuning.keeps());
  EXPECT_TRUE(tuning.generalises());
  EXPECT_LE(chosen.violation_ratio, 0.001);
  EXPECT_LT(*chosen.cost, 0.85 * *present.cost);
  EXPECT_THAT(tuning_text(tuning, "weir.yaml", Colour::off), HasSubstr("It generalises"));
}

TEST(Tune, the_present_configuration_is_a_candidate_and_the_folds_add_up_to_it) {
  const Tuning tuning = tuned(kWasteful, trace_of(8, days_with_bursts), quick(0.001));
  const Simulation present = simulate(group_in(kWasteful), make_policies(group_in(kWasteful)), trace_of(8, days_with_bursts),
                                      {.model = {.capacity = 100}});
  const TunedFigures& first = tuning.candidates.front().history;
  EXPECT_EQ(first.cost, present.cost);
  EXPECT_EQ(first.violation_ratio, present.violation_ratio);
  EXPECT_EQ(first.scale_actions, present.scale_actions);
  ASSERT_EQ(tuning.folds.size(), 4U);
  double cost = 0;
  int actions = 0;
  for (const TunedFold& fold : tuning.folds) {
    cost += *fold.present.cost;
    actions += fold.present.scale_actions;
  }
  EXPECT_NEAR(cost, *present.cost, 1e-6);
  EXPECT_EQ(actions, present.scale_actions);
}

TEST(Tune, the_result_does_not_depend_on_the_number_of_threads) {
  TuneOptions options = quick(0.001);
  options.threads = 1;
  const std::string alone = tuning_json(tuned(kWasteful, trace_of(4, days_with_bursts), options));
  options.threads = 5;
  EXPECT_EQ(tuning_json(tuned(kWasteful, trace_of(4, days_with_bursts), options)), alone);
  options.seed = 2;
  EXPECT_NE(tuning_json(tuned(kWasteful, trace_of(4, days_with_bursts), options)), alone);
}

TEST(Tune, what_it_prints_is_read_back_and_comes_to_the_very_same_figures) {
  const Trace trace = trace_of(8, days_with_bursts);
  const Tuning tuning = tuned(kWasteful, trace, quick(0.05));
  ASSERT_NE(tuning.chosen, 0U);
  const std::string yaml = tuning_yaml(tuning);
  const Group pasted = group_after_pasting(kWasteful, yaml);
  EXPECT_NE(pasted, group_in(kWasteful)) << yaml;
  const Simulation again = simulate(pasted, make_policies(pasted), trace, {.model = {.capacity = 100}});
  const TunedFigures& chosen = tuning.candidates[tuning.chosen].history;
  EXPECT_EQ(again.violation_ratio, chosen.violation_ratio) << yaml;
  EXPECT_EQ(again.cost, chosen.cost);
  EXPECT_EQ(again.servers_hours, chosen.servers_hours);
  EXPECT_EQ(again.scale_actions, chosen.scale_actions);
}

TEST(Tune, does_not_praise_what_it_memorised) {
  // Of the days with bursts nothing tells who has not seen them: without them the fullest servers are the best.
  TuneOptions options = quick(0.001);
  options.model.boot = 10min;
  const Tuning tuning = tuned(kWasteful, trace_of(8, days_with_bursts_only), options);
  EXPECT_TRUE(tuning.keeps());
  EXPECT_LE(tuning.candidates[tuning.chosen].history.violation_ratio, 0.001);
  EXPECT_LE(tuning.folds[0].violation_ratio_chosen_on, 0.001);
  EXPECT_GT(tuning.folds[0].unseen.violation_ratio, 0.05);
  EXPECT_FALSE(tuning.generalises());
  EXPECT_GT(tuning.unseen.violation_ratio, 0.01);
  double cost = 0;
  int actions = 0;
  for (const TunedFold& fold : tuning.folds) {
    cost += *fold.unseen.cost;
    actions += fold.unseen.scale_actions;
  }
  EXPECT_NEAR(*tuning.unseen.cost, cost, 1e-9);
  EXPECT_EQ(tuning.unseen.scale_actions, actions);
  for (std::size_t fold = 1; fold < 4; ++fold) EXPECT_EQ(tuning.folds[fold].unseen.violation_ratio, 0) << fold;
  EXPECT_THAT(tuning_text(tuning, "weir.yaml", Colour::off), HasSubstr("It does not generalise"));
}

TEST(Tune, says_when_nothing_keeps_the_slo_and_shows_the_nearest) {
  const Trace hopeless = trace_of(4, [](int minute) { return minute % 120 < 30 ? 1900.0 : 200.0; });
  const Tuning tuning = tuned(kWasteful, hopeless, quick(0.001));
  EXPECT_FALSE(tuning.keeps());
  for (const TunedCandidate& each : tuning.candidates) {
    EXPECT_GE(each.history.violation_ratio, tuning.candidates[tuning.chosen].history.violation_ratio);
  }
  EXPECT_THAT(tuning_text(tuning, "weir.yaml", Colour::off), HasSubstr("Nothing tried keeps the SLO of 0.1 %"));
}

TEST(Tune, leaves_as_it_is_what_makes_no_difference) {
  // Nothing the second policy can say is ever heard.
  std::string yaml = kWasteful;
  yaml.insert(yaml.find("    scale_in:"),
              "      - {name: never, type: threshold, query: rps, above: 5000, for: 90m, change: +1}\n");
  const Tuning tuning = tuned(yaml, trace_of(4, calm_days), quick(0.001));
  EXPECT_THAT(tuning_yaml(tuning), HasSubstr("target:"));
  EXPECT_THAT(tuning_yaml(tuning), Not(HasSubstr("never")));
}

TEST(Tune, the_frontier_falls_from_one_to_the_next) {
  const Tuning tuning = tuned(kWasteful, trace_of(4, days_with_bursts), quick(0.05));
  ASSERT_GT(tuning.frontier.size(), 1U);
  for (std::size_t row = 1; row < tuning.frontier.size(); ++row) {
    const TunedFigures& before = tuning.candidates[tuning.frontier[row - 1]].history;
    const TunedFigures& here = tuning.candidates[tuning.frontier[row]].history;
    EXPECT_GE(*here.cost, *before.cost);
    EXPECT_LT(here.violation_ratio, before.violation_ratio);
  }
  const TunedFigures& cheapest = tuning.candidates[tuning.frontier.front()].history;
  for (const TunedCandidate& each : tuning.candidates) EXPECT_GE(*each.history.cost, *cheapest.cost);
}

TEST(Tune, a_bound_that_is_turned_keeps_its_meaning) {
  // 2 is taken for a percentage; turned to 1.5 and less it would become a share, and one server would do for everything.
  std::string yaml = kWasteful;
  yaml.replace(yaml.find("target: 60"), 10, "target: 2");
  const Tuning tuning = tuned(yaml, trace_of(4, calm_days), quick(0.001));
  EXPECT_THAT(tuning.assumptions, Contains("the query of cpu is taken for utilization_percent"));
  bool crossed = false;
  for (const TunedCandidate& each : tuning.candidates) {
    EXPECT_EQ(each.history.violation_ratio, 0) << each.values.front();
    crossed = crossed || each.values.front() < 1.5;
  }
  EXPECT_TRUE(crossed);
}

TEST(Tune, without_a_price_server_hours_are_the_cost) {
  std::string yaml = kWasteful;
  yaml.erase(yaml.find("    cost:"), std::string("    cost: {per_hour: 0.5, currency: EUR}\n").size());
  const Tuning tuning = tuned(yaml, trace_of(4, calm_days), quick(0.001));
  EXPECT_LT(tuning.candidates[tuning.chosen].history.servers_hours, tuning.candidates.front().history.servers_hours);
  EXPECT_THAT(tuning_text(tuning, "weir.yaml", Colour::off), HasSubstr("SERVER HOURS"));
}

TEST(Tune, a_load_of_nothing_and_a_history_too_short_are_errors) {
  const auto idle = tune(group_in(kWasteful), trace_of(8, [](int) { return 0.0; }), quick(0.001));
  ASSERT_FALSE(idle);
  EXPECT_THAT(idle.error().message, HasSubstr("the trace days has no load at all"));
  Trace brief = trace_of(1, calm_days);
  brief.at.resize(20);
  brief.load.resize(20);
  const auto early = tune(group_in(kWasteful), brief, quick(0.001));
  ASSERT_FALSE(early);
  EXPECT_THAT(early.error().message, HasSubstr("expected at least 4h"));
}

TEST(Tune, tells_how_far_it_is) {
  TuneOptions options = quick(0.001);
  options.candidates = 6;
  std::vector<double> shares;
  options.progress = [&](double share) { shares.push_back(share); };
  (void)tuned(kWasteful, trace_of(4, calm_days), options);
  EXPECT_GE(shares.size(), 6U);
  EXPECT_TRUE(std::ranges::is_sorted(shares));
  EXPECT_EQ(shares.back(), 1);
}

TEST(TuneReport, json_has_everything) {
  const Tuning tuning = tuned(kWasteful, trace_of(4, days_with_bursts), quick(0.05));
  const auto json = nlohmann::json::parse(tuning_json(tuning), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["candidates"].size(), tuning.candidates.size());
  EXPECT_EQ(json["candidates"][0]["values"].size(), json["knobs"].size());
  EXPECT_EQ(json["folds"].size(), tuning.folds.size());
  EXPECT_EQ(json["yaml"], tuning_yaml(tuning));
  EXPECT_EQ(json["chosen"]["violation_ratio"], tuning.candidates[tuning.chosen].history.violation_ratio);
  EXPECT_EQ(json["unseen"]["cost"], *tuning.unseen.cost);
  EXPECT_EQ(json["currency"], "EUR");
  EXPECT_EQ(json["knobs"][0]["path"], "policies.cpu.target");
}

TEST(TuneReport, text_marks_the_chosen_and_the_present_one) {
  const std::string text = tuning_text(tuned(kWasteful, trace_of(4, calm_days), quick(0.001)), "weir.yaml", Colour::off);
  EXPECT_THAT(text, StartsWith("app of weir.yaml over days\n"));
  EXPECT_THAT(text, HasSubstr("<- chosen"));
  EXPECT_THAT(text, HasSubstr("<- present"));
  EXPECT_THAT(text, HasSubstr("  # was 60\n"));
}

}  // namespace
}  // namespace weir
