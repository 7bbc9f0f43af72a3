#include "deploy/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = Verdict::Kind;
using Status = Sample::Status;

constexpr TimePoint kStart{500'000h};

Sample ok(double value) { return {.status = Status::ok, .value = value}; }
Sample bad(Status status, std::string detail = {}) {
  return {.status = status, .value = std::numeric_limits<double>::quiet_NaN(), .series = {}, .detail = std::move(detail)};
}

JudgeCheck below(double bound) { return {.name = "p95", .query = "p95({version})", .below = bound}; }
JudgeCheck below_old(double times) { return {.name = "p95", .query = "p95({version})", .below_old = times}; }
JudgeCheck above_old(double times) { return {.name = "rate", .query = "rate({version})", .above_old = times}; }

JudgeRule rule_of(std::vector<JudgeCheck> checks) { return {.checks = std::move(checks)}; }
/// Judged only with a hundred requests.
JudgeRule counting(std::vector<JudgeCheck> checks) {
  return {.checks = std::move(checks), .samples = "count({version})", .min_samples = 100};
}

Verdict first_verdict(const JudgeRule& rule, const std::vector<Sample>& answers) {
  JudgeMemory memory;
  return judge(rule, answers, kStart, memory);
}

std::vector<std::string> expressions(const JudgeRule& rule, const Rollout& rollout) {
  std::vector<std::string> all;
  for (const Query& query : judge_queries(rule, rollout)) all.push_back(query.expression);
  return all;
}

/// The turns of a deploy, one interval apart unless told otherwise.
class Trial {
 public:
  explicit Trial(JudgeRule rule) : rule_(std::move(rule)) {}

  Verdict after(Duration pause, const std::vector<Sample>& answers) {
    now_ += pause;
    return judge(rule_, answers, now_, memory_);
  }
  Verdict next(const std::vector<Sample>& answers) { return after(rule_.interval, answers); }
  Verdict next(double value) { return next({ok(value)}); }
  [[nodiscard]] bool passed(TimePoint since = kStart) const { return has_passed(rule_, {.judge = memory_}, since); }
  [[nodiscard]] TimePoint now() const { return now_; }
  [[nodiscard]] const JudgeMemory& memory() const { return memory_; }

 private:
  JudgeRule rule_;
  TimePoint now_ = kStart;
  JudgeMemory memory_;
};

TEST(JudgeQueries, ask_for_the_traffic_then_check_by_check_and_about_the_old_version_where_it_counts) {
  const Rollout rollout{.version = "v2", .from = "v1"};
  EXPECT_THAT(expressions(counting({below(1), below_old(1.5), above_old(0.5)}), rollout),
              ElementsAre("count(v2)", "p95(v2)", "p95(v2)", "p95(v1)", "rate(v2)", "rate(v1)"));
  EXPECT_THAT(expressions(rule_of({below(1)}), rollout), ElementsAre("p95(v2)"));
}

TEST(JudgeQueries, are_none_where_nothing_is_judged) {
  EXPECT_THAT(expressions(counting({}), {.version = "v2", .from = "v1"}), IsEmpty());
  const Rollout back{.version = "v2", .from = "v1", .direction = Rollout::Direction::back};
  EXPECT_THAT(expressions(counting({below(1)}), back), IsEmpty());
}

TEST(JudgeQueries, name_the_version_everywhere_and_only_as_text) {
  struct Case {
    const char* query;
    const char* version;
    const char* asked;
  };
  const Case cases[] = {
      {R"(a{v="{version}"} / b{v='{version}'})", "1.2.3-rc.1", R"(a{v="1.2.3-rc.1"} / b{v='1.2.3-rc.1'})"},
      {"{version}", "{version}", "{version}"},
      {"{version}{version}", "a", "aa"},
      {"{ver}{version", "a", "{ver}{version"},
      {"a{v=\"{version}\"}", "", "a{v=\"\"}"},
      {"a{v=\"{version}\"}", "x\"} or up{a='\\`", R"(a{v="x\x22} or up{a=\x27\x5c\x60"})"},
      {"a{v=\"{version}\"}", "a\nb\x7f", R"(a{v="a\x0ab\x7f"})"},
      {"a{v=\"{version}\"}", "v2-über", "a{v=\"v2-über\"}"},
  };
  for (const Case& test : cases) {
    const JudgeRule rule = rule_of({{.name = "x", .query = test.query, .below = 1}});
    EXPECT_THAT(expressions(rule, {.version = test.version}), ElementsAre(test.asked)) << test.version;
  }
}

TEST(Judge, without_checks_everything_is_good_at_once) {
  JudgeMemory memory;
  const Verdict verdict = judge({}, {}, kStart, memory);
  EXPECT_EQ(verdict.kind, Kind::good);
  EXPECT_FALSE(verdict.goes_back);
  EXPECT_EQ(memory, JudgeMemory{});
  EXPECT_TRUE(has_passed({}, {.judge = memory}, kStart));
}

TEST(Judge, holds_the_answers_against_the_bounds) {
  struct Case {
    JudgeCheck check;
    std::vector<Sample> answers;
    Kind kind;
    const char* why;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  JudgeCheck between = below(2);
  between.above = 1;
  JudgeCheck both = below(1);
  both.below_old = 1.5;
  const JudgeCheck errors{.name = "errors", .query = "errors({version})", .below_old = 2};
  const Case cases[] = {
      // A bound itself is not good any more.
      {below(1), {ok(0.999)}, Kind::good, "p95 is 0.999"},
      {below(1), {ok(1)}, Kind::bad, "p95 is 1: expected below 1"},
      {below(1), {ok(1.8)}, Kind::bad, "p95 is 1.8: expected below 1"},
      {below(1), {ok(-5)}, Kind::good, "p95 is -5"},
      {between, {ok(1.5)}, Kind::good, "p95 is 1.5"},
      {between, {ok(1)}, Kind::bad, "p95 is 1: expected above 1"},
      {between, {ok(2)}, Kind::bad, "p95 is 2: expected below 2"},
      // Nor is one that compares.
      {below_old(1.5), {ok(0.44), ok(0.3)}, Kind::good, "p95 is 0.44"},
      {below_old(1.5), {ok(3), ok(2)}, Kind::bad, "p95 is 3, 1.5 times the 2 of the old version: expected below 1.5 times that"},
      {below_old(1.5),
       {ok(0.9), ok(0.3)},
       Kind::bad,
       "p95 is 0.9, 3 times the 0.3 of the old version: expected below 1.5 times that"},
      {above_old(0.5), {ok(51), ok(100)}, Kind::good, "rate is 51"},
      {above_old(0.5),
       {ok(50), ok(100)},
       Kind::bad,
       "rate is 50, 0.5 times the 100 of the old version: expected above 0.5 times that"},
      // Nothing is as good as nothing, and infinitely better than something.
      {errors, {ok(0), ok(0)}, Kind::good, "errors is 0"},
      {errors, {ok(0), ok(0.1)}, Kind::good, "errors is 0"},
      {errors, {ok(0.1), ok(0)}, Kind::bad, "errors is 0.1, against 0 of the old version: expected below 2 times that"},
      {above_old(0.5), {ok(0), ok(0)}, Kind::good, "rate is 0"},
      {above_old(0.5), {ok(3), ok(0)}, Kind::good, "rate is 3"},
      {above_old(0.5), {ok(0), ok(3)}, Kind::bad, "rate is 0, 0 times the 3 of the old version: expected above 0.5 times that"},
      // Multiples of what is below zero mean nothing.
      {below_old(1.5), {ok(-1), ok(2)}, Kind::inconclusive, "p95 cannot be judged: -1 is no multiple of 2"},
      {below_old(1.5), {ok(1), ok(-2)}, Kind::inconclusive, "p95 cannot be judged: 1 is no multiple of -2"},
      // Data that cannot be trusted says nothing.
      {below(1), {bad(Status::empty)}, Kind::inconclusive, "p95 cannot be judged: the query returned no series"},
      {below(1), {bad(Status::nan)}, Kind::inconclusive, "p95 cannot be judged: the query returned NaN or an infinite value"},
      {below(1), {ok(nan)}, Kind::inconclusive, "p95 cannot be judged: the query returned NaN or an infinite value"},
      {below(1), {ok(HUGE_VAL)}, Kind::inconclusive, "p95 cannot be judged: the query returned NaN or an infinite value"},
      {below(1),
       {bad(Status::degraded, "one shard")},
       Kind::inconclusive,
       "p95 cannot be judged: partial or stale data: one shard"},
      {below(1), {bad(Status::failed, "503")}, Kind::inconclusive, "p95 cannot be judged: no data: 503"},
      {below_old(1.5), {bad(Status::empty), ok(1)}, Kind::inconclusive, "p95 cannot be judged: the query returned no series"},
      // Nor does a new version without an old one to compare it with.
      {below_old(1.5),
       {ok(0.1), bad(Status::empty)},
       Kind::inconclusive,
       "p95 cannot be judged: of the old version, the query returned no series"},
      {above_old(0.5),
       {ok(9), bad(Status::failed, "503")},
       Kind::inconclusive,
       "rate cannot be judged: of the old version, no data: 503"},
      {both,
       {ok(0.4), bad(Status::empty)},
       Kind::inconclusive,
       "p95 cannot be judged: of the old version, the query returned no series"},
      // What is bad by itself needs none.
      {both, {ok(1.4), bad(Status::empty)}, Kind::bad, "p95 is 1.4: expected below 1"},
      {both, {ok(0.9), ok(0.5)}, Kind::bad, "p95 is 0.9, 1.8 times the 0.5 of the old version: expected below 1.5 times that"},
  };
  for (const Case& test : cases) {
    const Verdict verdict = first_verdict(rule_of({test.check}), test.answers);
    EXPECT_EQ(to_string(verdict.kind), to_string(test.kind)) << test.why;
    EXPECT_EQ(verdict.why, test.why);
    EXPECT_FALSE(verdict.goes_back) << test.why;
  }
}

TEST(Judge, little_traffic_is_a_reason_to_wait_and_never_good) {
  struct Case {
    Sample requests;
    Kind kind;
    const char* why;
  };
  const Case cases[] = {
      {ok(100), Kind::good, "p95 is 0.1"},
      {ok(1e9), Kind::good, "p95 is 0.1"},
      {ok(99.9), Kind::inconclusive, "it waits for traffic: 99 of the 100 requests that a judgement takes"},
      {ok(0), Kind::inconclusive, "it waits for traffic: 0 of the 100 requests that a judgement takes"},
      {bad(Status::empty), Kind::inconclusive, "it waits for traffic: 0 of the 100 requests that a judgement takes"},
      {bad(Status::nan), Kind::inconclusive,
       "how many requests it had cannot be told: the query returned NaN or an infinite value"},
      {bad(Status::degraded, "stale"), Kind::inconclusive, "how many requests it had cannot be told: partial or stale data: stale"},
      {bad(Status::failed, "503"), Kind::inconclusive, "how many requests it had cannot be told: no data: 503"},
  };
  for (const Case& test : cases) {
    const Verdict verdict = first_verdict(counting({below(1)}), {test.requests, ok(0.1)});
    EXPECT_EQ(to_string(verdict.kind), to_string(test.kind)) << test.why;
    EXPECT_EQ(verdict.why, test.why);
  }
  // However bad it looks: ten requests prove nothing.
  EXPECT_EQ(first_verdict(counting({below(1)}), {ok(10), ok(50)}).kind, Kind::inconclusive);
}

TEST(Judge, an_empty_count_is_no_traffic_whatever_the_minimum) {
  JudgeRule rule = counting({below(1)});
  rule.min_samples = 0;
  EXPECT_EQ(first_verdict(rule, {bad(Status::empty), ok(0.1)}).kind, Kind::inconclusive);
}

TEST(Judge, one_bad_check_outweighs_what_is_unclear_and_that_outweighs_the_good) {
  const JudgeRule rule = rule_of({below(1), above_old(0.5), {.name = "errors", .query = "e({version})", .below = 0.001}});
  const Verdict good = first_verdict(rule, {ok(0.2), ok(9), ok(10), ok(0)});
  EXPECT_EQ(good.kind, Kind::good);
  EXPECT_EQ(good.why, "p95 is 0.2; rate is 9; errors is 0");
  const Verdict unclear = first_verdict(rule, {ok(0.2), ok(9), bad(Status::empty), ok(0)});
  EXPECT_EQ(unclear.kind, Kind::inconclusive);
  EXPECT_EQ(unclear.why, "rate cannot be judged: of the old version, the query returned no series");
  const Verdict one = first_verdict(rule, {ok(0.2), ok(9), bad(Status::empty), ok(0.05)});
  EXPECT_EQ(one.kind, Kind::bad);
  EXPECT_EQ(one.why, "errors is 0.05: expected below 0.001");
  const Verdict two = first_verdict(rule, {ok(3), ok(9), bad(Status::empty), ok(0.05)});
  EXPECT_EQ(two.why, "p95 is 3: expected below 1; errors is 0.05: expected below 0.001");
}

TEST(Judge, more_bad_judgements_in_a_row_than_are_put_up_with_send_the_deploy_back) {
  JudgeRule rule = rule_of({below(1)});
  for (const int limit : {0, 1, 3}) {
    rule.failure_limit = limit;
    Trial trial(rule);
    for (int times = 0; times < limit; ++times) EXPECT_FALSE(trial.next(2).goes_back) << limit;
    const Verdict verdict = trial.next(2.5);
    EXPECT_TRUE(verdict.goes_back) << limit;
    EXPECT_THAT(verdict.why, HasSubstr("p95 is 2.5: expected below 1")) << limit;
    if (limit == 3) {
      EXPECT_EQ(verdict.why, "judged bad 4 times in a row: p95 is 2.5: expected below 1");
    }
    if (limit == 0) {
      EXPECT_EQ(verdict.why, "judged bad: p95 is 2.5: expected below 1");
    }
  }
}

TEST(Judge, a_good_judgement_ends_the_row) {
  Trial trial(rule_of({below(1)}));
  EXPECT_EQ(trial.next(2).kind, Kind::bad);
  EXPECT_EQ(trial.next(0.5).kind, Kind::good);
  EXPECT_FALSE(trial.next(2).goes_back);
  EXPECT_TRUE(trial.next(2).goes_back);
}

TEST(Judge, an_inconclusive_one_neither_ends_the_row_nor_adds_to_it) {
  Trial trial(rule_of({below(1)}));
  EXPECT_EQ(trial.next(2).kind, Kind::bad);
  for (int times = 0; times < 5; ++times) {
    const Verdict verdict = trial.next({bad(Status::failed, "503")});
    EXPECT_EQ(verdict.kind, Kind::inconclusive);
    EXPECT_FALSE(verdict.goes_back);
  }
  EXPECT_TRUE(trial.next(2).goes_back);
}

TEST(Judge, looks_once_in_an_interval_however_many_turns_there_are) {
  Trial trial(rule_of({below(1)}));
  EXPECT_EQ(trial.next(2).kind, Kind::bad);
  EXPECT_FALSE(trial.after(5s, {ok(2)}).goes_back);
  EXPECT_FALSE(trial.after(5s, {ok(0.5)}).goes_back);
  EXPECT_EQ(trial.memory().bad, 1);
  EXPECT_TRUE(trial.after(5s, {ok(2)}).goes_back);
}

TEST(Judge, a_turn_that_is_a_little_early_is_not_lost) {
  Trial trial(rule_of({below(1)}));
  EXPECT_EQ(trial.next(2).kind, Kind::bad);
  EXPECT_TRUE(trial.after(14'900ms, {ok(2)}).goes_back);
}

TEST(Judge, without_new_answers_the_same_ones_are_not_counted_again) {
  Trial trial(rule_of({below(1)}));
  EXPECT_EQ(trial.next(2).kind, Kind::bad);
  for (int times = 0; times < 3; ++times) {
    const Verdict verdict = trial.next(std::vector<Sample>());
    EXPECT_EQ(verdict.kind, Kind::bad);
    EXPECT_EQ(verdict.why, "p95 is 2: expected below 1");
    EXPECT_FALSE(verdict.goes_back);
  }
}

TEST(Judge, a_good_verdict_does_not_outlive_its_data) {
  Trial trial(rule_of({below(1)}));
  EXPECT_EQ(trial.next(0.5).kind, Kind::good);
  for (int times = 0; times < 4; ++times) EXPECT_EQ(trial.next(std::vector<Sample>()).kind, Kind::good);
  EXPECT_TRUE(trial.passed());
  const Verdict verdict = trial.after(1ms, {});
  EXPECT_EQ(verdict.kind, Kind::inconclusive);
  EXPECT_EQ(verdict.why, "its queries have not been answered since " + format_time(kStart + 15s));
  EXPECT_FALSE(trial.passed());
  EXPECT_EQ(trial.next(0.5).kind, Kind::good);
  EXPECT_TRUE(trial.passed());
}

TEST(Judge, before_the_first_answers_nothing_is_good) {
  Trial trial(rule_of({below(1)}));
  const Verdict verdict = trial.next(std::vector<Sample>());
  EXPECT_EQ(verdict.kind, Kind::inconclusive);
  EXPECT_EQ(verdict.why, "not judged yet");
  EXPECT_FALSE(trial.passed());
}

TEST(Judge, answers_to_other_checks_are_no_answers) {
  Trial trial(counting({below(1)}));
  EXPECT_EQ(trial.next({ok(0.5)}).kind, Kind::inconclusive);
  EXPECT_EQ(trial.next({ok(500), ok(0.5), ok(0.5)}).kind, Kind::inconclusive);
  EXPECT_EQ(trial.next({ok(500), ok(0.5)}).kind, Kind::good);
}

TEST(Judge, waits_for_data_as_long_as_it_takes_unless_told_otherwise) {
  JudgeRule rule = rule_of({below(1)});
  Trial patient(rule);
  for (int times = 0; times < 1000; ++times) EXPECT_FALSE(patient.next({bad(Status::empty)}).goes_back);
  rule.inconclusive_after = 1min;
  Trial trial(rule);
  EXPECT_EQ(trial.next(0.5).kind, Kind::good);
  for (int times = 0; times < 4; ++times) EXPECT_FALSE(trial.next({bad(Status::empty)}).goes_back);
  const Verdict verdict = trial.next({bad(Status::empty)});
  EXPECT_TRUE(verdict.goes_back);
  EXPECT_EQ(verdict.kind, Kind::inconclusive);
  EXPECT_EQ(verdict.why, "not judged for 1m: p95 cannot be judged: the query returned no series");
}

TEST(Judge, what_is_told_begins_the_wait_for_data_anew) {
  JudgeRule rule = rule_of({below(1)});
  rule.inconclusive_after = 30s;
  Trial trial(rule);
  for (int times = 0; times < 10; ++times) {
    EXPECT_FALSE(trial.next({bad(Status::empty)}).goes_back);
    EXPECT_FALSE(trial.next({bad(Status::empty)}).goes_back);
    EXPECT_FALSE(trial.next(0.5).goes_back);
  }
}

TEST(Judge, stands_a_clock_that_is_set_back) {
  JudgeRule rule = rule_of({below(1)});
  rule.inconclusive_after = 30s;
  Trial trial(rule);
  EXPECT_EQ(trial.next(0.5).kind, Kind::good);
  EXPECT_EQ(trial.after(-24h, {ok(2)}).kind, Kind::bad);
  EXPECT_TRUE(trial.next(2).goes_back);
  Trial waiting(rule);
  EXPECT_FALSE(waiting.next({bad(Status::empty)}).goes_back);
  EXPECT_FALSE(waiting.after(-24h, {bad(Status::empty)}).goes_back);
  EXPECT_FALSE(waiting.next({bad(Status::empty)}).goes_back);
  EXPECT_TRUE(waiting.next({bad(Status::empty)}).goes_back);
}

TEST(Judge, a_step_passes_by_a_good_judgement_of_its_own) {
  Trial trial(rule_of({below(1)}));
  EXPECT_EQ(trial.next(0.5).kind, Kind::good);
  EXPECT_TRUE(trial.passed(trial.now() - 1ms));
  EXPECT_FALSE(trial.passed(trial.now())) << "that was the step before";
  EXPECT_EQ(trial.next(2).kind, Kind::bad);
  EXPECT_FALSE(trial.passed());
  EXPECT_EQ(trial.next({bad(Status::nan)}).kind, Kind::inconclusive);
  EXPECT_FALSE(trial.passed());
  EXPECT_EQ(trial.next(0.5).kind, Kind::good);
  EXPECT_TRUE(trial.passed());
}

TEST(JudgeOfATurn, takes_the_answers_of_the_turn_and_remembers_in_the_rollout) {
  const JudgeRule rule = rule_of({below(1)});
  Rollout rollout{.version = "v2", .from = "v1"};
  Observation seen{.at = kStart};
  seen.judged = {ok(2)};
  seen.judged_version = "v2";
  EXPECT_EQ(judge(rule, seen, rollout).kind, Kind::bad);
  seen.at += 15s;
  EXPECT_TRUE(judge(rule, seen, rollout).goes_back);
  EXPECT_EQ(rollout.judge.bad, 2);
  EXPECT_EQ(rollout.judge.judged_at, kStart + 15s);
}

// In the turn that is told to bring v3 instead, the answers are still about v2.
TEST(JudgeOfATurn, does_not_take_one_version_for_another) {
  const JudgeRule rule = rule_of({below(1)});
  Rollout rollout{.version = "v3", .from = "v1"};
  Observation seen{.at = kStart};
  seen.judged = {ok(0.1)};
  seen.judged_version = "v2";
  EXPECT_EQ(judge(rule, seen, rollout).kind, Kind::inconclusive);
  EXPECT_FALSE(rollout.judge.judged_at);
}

}  // namespace
}  // namespace weir
