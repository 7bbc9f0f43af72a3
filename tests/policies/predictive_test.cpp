#include "policies/predictive.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>

#include "tests/policies/fleets.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Status = Sample::Status;

std::unique_ptr<const Policy> predictive(Duration interval = 15s, double confidence = 0.97, const std::string& query = "load") {
  Group group;
  group.interval = interval;
  group.policies.push_back({.name = "it", .type = "predictive"});
  Settings& settings = group.policies[0].settings;
  settings.set("query", query);
  settings.set("target", 100.0);
  settings.set("capacity", 125.0);
  settings.set("confidence", confidence);
  Policies made = make_policies(group);
  return std::move(made.front());
}

/// A load over time and a policy that watches it.
struct Watch {
  std::function<double(TimePoint)> load;
  Duration every = 1min;
  std::unique_ptr<const Policy> policy = predictive();
  Duration horizon = 10min;
  int desired = 5;
  TimePoint begin = kNoon;
  TimePoint now = kNoon;
  PolicyMemory memory;

  [[nodiscard]] double seen(TimePoint from, TimePoint to, bool peak) const {
    double most = 0;
    double sum = 0;
    int count = 0;
    for (TimePoint at = from + 1min; at <= to; at += 1min) {
      most = std::max(most, load(at));
      sum += load(at);
      ++count;
    }
    return peak ? most : sum / count;
  }

  /// The answers to the policy's questions.
  [[nodiscard]] std::vector<Sample> answers() const {
    std::vector<Query> queries;
    policy->append_queries(horizon, queries);
    std::vector<Sample> samples;
    for (const Query& query : queries) {
      const TimePoint end = now - (query.past ? query.past->ago : 0s);
      const TimePoint from = end - (query.past ? query.past->length : 0s);
      if (!query.past) {
        samples.push_back(ok(load(now)));
      } else if (from < begin) {
        samples.push_back(bad(Status::empty));
      } else {
        samples.push_back(ok(seen(from, end, query.past->take == PastWindow::Take::maximum)));
      }
    }
    return samples;
  }

  Vote vote(const std::vector<Sample>& samples) {
    const TestFleet servers(desired, desired);
    Fleet fleet = servers;
    fleet.horizon = horizon;
    return policy->vote(samples, fleet, now, memory);
  }
  /// One turn; returns how many servers it keeps ready.
  int turn() {
    now += every;
    const Vote vote = this->vote(answers());
    return vote.stance == Vote::Stance::wants ? vote.wants : desired;
  }
  void run(Duration length) {
    for (const TimePoint end = now + length; now < end;) (void)turn();
  }
  [[nodiscard]] double score() const {
    double total = 0;
    for (const double weight : memory.forecast.errors.empty() ? std::vector<double>() : memory.forecast.errors[0]) total += weight;
    return total;
  }
};

/// Rises from 100 to 900 between six and ten o'clock, and falls between eighteen and twenty-two.
double office_day(TimePoint at) {
  const double hour = std::fmod(std::chrono::duration<double, std::ratio<3600>>(at.time_since_epoch()).count(), 24);
  return 100 + 800 * std::clamp((hour - 6) / 4, 0.0, 1.0) - 800 * std::clamp((hour - 18) / 4, 0.0, 1.0);
}

TEST(Predictive, without_a_score_it_is_target_tracking) {
  Watch watch{.load = [](TimePoint) { return 420.0; }};
  EXPECT_EQ(watch.turn(), 5);
  EXPECT_EQ(watch.vote(watch.answers()).why, "420 now takes 5 at 100 per server; no forecast yet: its score is too short");
  EXPECT_FALSE(watch.vote(watch.answers()).forecast);
  watch.desired = 9;
  EXPECT_EQ(watch.turn(), 5);
}

TEST(Predictive, makes_no_forecast_before_half_a_day_of_score) {
  Watch watch{.load = [](TimePoint) { return 420.0; }};
  watch.run(12h);
  EXPECT_FALSE(watch.vote(watch.answers()).forecast);
  watch.run(4h);
  const Vote vote = watch.vote(watch.answers());
  ASSERT_TRUE(vote.forecast);
  EXPECT_NEAR(*vote.forecast, 420, 20);
  EXPECT_EQ(stance_of(vote), "content") << "a steady load is no reason for more: " << vote.why;
}

TEST(Predictive, a_daily_rise_is_anticipated_after_two_days_and_never_below_the_load_of_now) {
  Watch watch{.load = office_day, .begin = kNoon - 1min};
  watch.run(48h);
  int enough = 0;
  int earlier = 0;
  int turns = 0;
  for (; turns < 24 * 60; ++turns) {
    const int ready = watch.turn();
    EXPECT_GE(ready, std::ceil(office_day(watch.now) / 100 - 1e-9));
    const double peak = watch.seen(watch.now, watch.now + watch.horizon, true);
    if (ready * 125 >= peak - 1e-6) ++enough;
    if (ready > std::ceil(office_day(watch.now) / 100 - 1e-9)) ++earlier;
  }
  EXPECT_GE(enough, turns * 97 / 100);
  EXPECT_LE(earlier, turns / 4) << "and it does not just keep more all day";
}

TEST(Predictive, says_what_it_expects_and_how_sure_that_is) {
  Watch watch{.load = office_day, .begin = kNoon - 1min};
  watch.run(48h + 20h);  // eight o'clock, in the middle of the rise
  const Vote vote = watch.vote(watch.answers());
  ASSERT_TRUE(vote.forecast);
  EXPECT_GT(*vote.forecast, office_day(watch.now));
  EXPECT_THAT(vote.why, ::testing::HasSubstr("was enough in 97% of cases"));
  EXPECT_FALSE(vote.value_falls);
  EXPECT_TRUE(vote.scales_out && vote.scales_in);
}

TEST(Predictive, a_gap_in_the_data_leaves_no_score) {
  Watch watch{.load = [](TimePoint) { return 420.0; }};
  watch.run(1h);
  const double before = watch.score();
  EXPECT_GT(before, 40);
  watch.now += 5min;
  (void)watch.turn();
  watch.run(9min);
  EXPECT_NEAR(watch.score(), before, 1.5) << "what was promised across the gap is not judged";
  watch.run(30min);
  EXPECT_GT(watch.score(), before + 15);
}

TEST(Predictive, an_outage_of_prometheus_abstains_and_judges_nothing) {
  Watch watch{.load = [](TimePoint) { return 420.0; }};
  watch.run(18h);
  const double before = watch.score();
  for (int minute = 0; minute < 5; ++minute) {
    watch.now += 1min;
    const std::vector<Sample> failed(watch.policy->query_count(), bad(Status::failed));
    EXPECT_EQ(stance_of(watch.vote(failed)), "abstains");
  }
  EXPECT_EQ(watch.score(), before);
  (void)watch.turn();
  EXPECT_NEAR(watch.score(), before, 10);
  EXPECT_TRUE(watch.vote(watch.answers()).forecast) << "what was learned before is still known";
}

TEST(Predictive, forecasts_without_the_past_when_only_its_queries_fail) {
  Watch watch{.load = [](TimePoint) { return 420.0; }};
  watch.run(18h);
  std::vector<Sample> samples = watch.answers();
  for (std::size_t index = 1; index < samples.size(); ++index) samples[index] = bad(Status::failed);
  const Vote vote = watch.vote(samples);
  EXPECT_TRUE(vote.forecast);
  EXPECT_EQ(stance_of(vote), "content");
}

TEST(Predictive, its_score_outlives_other_settings_and_ends_with_the_query) {
  Watch watch{.load = [](TimePoint) { return 420.0; }};
  watch.run(18h);
  const double before = watch.score();
  watch.policy = predictive(15s, 0.9);
  (void)watch.turn();
  EXPECT_NEAR(watch.score(), before, 10) << "it fades a little with time";
  watch.policy = predictive(15s, 0.9, "another load");
  (void)watch.turn();
  EXPECT_LT(watch.score(), 2) << "what was learned of another load says nothing about this one";
}

// Found by thinking it through: a machine that once believed in a later year kept every promise it made since, for ever.
TEST(Predictive, a_clock_that_was_set_back_leaves_no_promises_of_the_future) {
  Watch watch{.load = [](TimePoint) { return 420.0; }};
  watch.run(30min);
  watch.now -= 24h * 365;
  watch.begin = watch.now;
  watch.run(1h);
  EXPECT_LE(watch.memory.forecast.open.size(), 12U);
  EXPECT_LE(watch.memory.forecast.recent.size(), 12U);
  EXPECT_GT(watch.score(), 60) << "and goes on scoring at once";
}

// Found by thinking it through: turns further apart than two minutes counted as a gap, so such a group never had a forecast.
TEST(Predictive, a_group_that_looks_every_five_minutes_has_a_forecast_too) {
  Watch watch{.load = [](TimePoint) { return 420.0; }, .every = 5min, .policy = predictive(5min)};
  watch.run(12h);
  EXPECT_FALSE(watch.vote(watch.answers()).forecast);
  watch.run(4h);
  EXPECT_TRUE(watch.vote(watch.answers()).forecast);
}

TEST(Predictive, what_it_remembers_does_not_grow) {
  Watch watch{.load = office_day, .every = 15s, .begin = kNoon - 1min};
  watch.run(3h);
  EXPECT_LE(watch.memory.forecast.open.size(), 12U);
  EXPECT_LE(watch.memory.forecast.recent.size(), 42U);
}

TEST(Predictive, old_errors_fade) {
  Watch watch{.load = [](TimePoint) { return 420.0; }};
  watch.run(4 * 24h);
  EXPECT_LT(watch.score(), 2200) << "a day counts half as much as the next, so never more than about a day and a half";
  EXPECT_GT(watch.score(), 1500);
}

TEST(Predictive, a_load_below_zero_is_not_believed) {
  Watch watch{.load = [](TimePoint) { return -1.0; }};
  const Vote vote = watch.vote(watch.answers());
  EXPECT_EQ(stance_of(vote), "abstains");
  EXPECT_EQ(vote.why, "-1 is below zero, which no load is");
  EXPECT_TRUE(watch.memory.forecast.open.empty());
}

TEST(Predictive, remembers_since_when_more_servers_are_needed) {
  Watch watch{.load = [](TimePoint) { return 800.0; }};
  (void)watch.turn();
  const TimePoint first = watch.now;
  (void)watch.turn();
  EXPECT_EQ(watch.memory.above_since, first);
  watch.desired = 8;
  (void)watch.turn();
  EXPECT_FALSE(watch.memory.above_since);
}

TEST(Predictive, asks_for_the_same_hours_yesterday_and_a_week_ago) {
  const auto policy = predictive();
  std::vector<Query> queries = {{.expression = "another policy's"}};
  policy->append_queries(10min, queries);
  ASSERT_EQ(queries.size(), 1 + policy->query_count());
  struct Case {
    PastWindow::Take take;
    Duration length;
    Duration ago;
  };
  const Case cases[] = {{PastWindow::Take::average, 30min, 0s},
                        {PastWindow::Take::maximum, 10min, 24h - 10min},
                        {PastWindow::Take::average, 30min, 24h},
                        {PastWindow::Take::maximum, 10min, 7 * 24h - 10min},
                        {PastWindow::Take::average, 30min, 7 * 24h}};
  for (std::size_t index = 0; index < std::size(cases); ++index) {
    const Query& query = queries[index + 2];
    EXPECT_EQ(query.expression, "load");
    EXPECT_EQ(query.past, (PastWindow{cases[index].take, cases[index].length, cases[index].ago})) << index;
  }
}

TEST(Predictive, a_horizon_beyond_a_day_asks_for_nothing_that_is_still_to_come) {
  std::vector<Query> queries;
  predictive()->append_queries(30h, queries);
  for (const Query& query : queries) EXPECT_TRUE(!query.past || query.past->ago >= 0s);
}

}  // namespace
}  // namespace weir
