#include "policies/reading.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/policies/fleets.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Status = Sample::Status;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const Query kPlain{.expression = "x"};
const Query kPerServer{.expression = "x", .server_label = "instance"};

Query with_rule(Fallback rule) { return {.expression = "x", .on_empty = rule, .on_nan = rule}; }

Reading read_sample(const Query& query, const Sample& sample, const Fleet& fleet, TimePoint at, PolicyMemory& memory) {
  Settings settings;
  settings.set("query", query.expression);
  settings.set("server_label", query.server_label);
  settings.set("on_empty", query.on_empty);
  settings.set("on_nan", query.on_nan);
  return Signal(settings).read(one(sample), fleet, at, memory);
}

Reading read(const Query& query, const Sample& sample, const Fleet& fleet) {
  PolicyMemory memory;
  return read_sample(query, sample, fleet, kNoon, memory);
}

TEST(Reading, a_number_is_believed_and_remembered) {
  const TestFleet fleet(3, 2, 1);
  PolicyMemory memory;
  const Reading reading = read_sample(kPlain, ok(0.5), fleet, kNoon, memory);
  EXPECT_TRUE(reading.trusted);
  EXPECT_FALSE(reading.per_server);
  EXPECT_EQ(reading.value, 0.5);
  EXPECT_EQ(reading.measured, 2);
  EXPECT_EQ(memory.good_at, kNoon);
  EXPECT_EQ(memory.good_value, 0.5);
}

TEST(Reading, whatever_is_not_a_good_number_is_not_believed_unless_the_user_says_so) {
  struct Case {
    Sample sample;
    const char* why;
  };
  const Case cases[] = {
      {bad(Status::empty), "the query returned no series"},
      {bad(Status::nan), "the query returned NaN or an infinite value"},
      {bad(Status::degraded), "partial or stale data: prometheus: 503"},
      {bad(Status::failed), "no data: prometheus: 503"},
      {ok(kNaN), "the query returned NaN or an infinite value"},
      {ok(kInfinity), "the query returned NaN or an infinite value"},
      {ok(-kInfinity), "the query returned NaN or an infinite value"},
  };
  const TestFleet fleet(2, 2);
  for (const Case& test : cases) {
    PolicyMemory memory;
    const Reading reading = read_sample(kPlain, test.sample, fleet, kNoon, memory);
    EXPECT_FALSE(reading.trusted) << test.why;
    EXPECT_EQ(reading.why, test.why);
    EXPECT_FALSE(memory.good_at) << "remembered: " << test.why;
  }
}

TEST(Reading, zero_and_at_least_speak_for_empty_and_nan_only) {
  const TestFleet fleet(2, 2);
  for (const Status status : {Status::empty, Status::nan, Status::degraded, Status::failed}) {
    const bool applies = status == Status::empty || status == Status::nan;
    const Reading zero = read(with_rule({.kind = Fallback::Kind::zero}), bad(status), fleet);
    EXPECT_EQ(zero.trusted, applies) << to_string(status);
    EXPECT_EQ(zero.value, 0);
    const Reading least = read(with_rule({.kind = Fallback::Kind::at_least, .servers = 4}), bad(status), fleet);
    EXPECT_FALSE(least.trusted) << to_string(status);
    EXPECT_EQ(least.at_least.has_value(), applies) << to_string(status);
  }
}

TEST(Reading, on_empty_and_on_nan_are_two_rules) {
  const TestFleet fleet(2, 2);
  const Query query{.expression = "x", .on_empty = {.kind = Fallback::Kind::zero}};
  EXPECT_TRUE(read(query, bad(Status::empty), fleet).trusted);
  EXPECT_FALSE(read(query, bad(Status::nan), fleet).trusted);
  EXPECT_FALSE(read(query, ok(kNaN), fleet).trusted);
}

TEST(Reading, the_last_good_value_serves_for_its_window_and_no_longer) {
  const TestFleet fleet(2, 2);
  const Query query = with_rule({.kind = Fallback::Kind::last, .window = 5min});
  PolicyMemory memory;
  EXPECT_FALSE(read_sample(query, bad(Status::empty), fleet, kNoon, memory).trusted) << "there was none";
  (void)read_sample(query, ok(7), fleet, kNoon, memory);
  const Reading reused = read_sample(query, bad(Status::empty), fleet, kNoon + 5min, memory);
  EXPECT_TRUE(reused.trusted);
  EXPECT_EQ(reused.value, 7);
  EXPECT_EQ(memory.good_at, kNoon) << "a value used again is not a new one";
  const Reading late = read_sample(query, bad(Status::nan), fleet, kNoon + 5min + 1ms, memory);
  EXPECT_FALSE(late.trusted);
  EXPECT_EQ(late.why, "the query returned NaN or an infinite value, and no good value in the last 5m");
}

TEST(Reading, a_last_value_that_was_partial_is_still_partial) {
  const TestFleet fleet(4, 4);
  Query query = with_rule({.kind = Fallback::Kind::last, .window = 5min});
  query.server_label = "instance";
  PolicyMemory memory;
  const Sample partial{.status = Status::ok, .series = {{"s1", 10}}};
  EXPECT_EQ(read_sample(query, partial, fleet, kNoon, memory).missing, 3);
  const Reading reused = read_sample(query, bad(Status::empty), fleet, kNoon + 1min, memory);
  EXPECT_TRUE(reused.trusted);
  EXPECT_EQ(reused.missing, 3) << "else the next answer without series would shrink what this one could not";
}

TEST(Reading, series_match_servers_by_id_or_address_and_strangers_do_not_count) {
  const TestFleet fleet(3, 3);
  const Reading reading = read(kPerServer, ok({{"s1", 10}, {"10.0.0.2:80", 30}, {"10.9.9.9:80", 1000}}), fleet);
  EXPECT_TRUE(reading.trusted);
  EXPECT_TRUE(reading.per_server);
  EXPECT_EQ(reading.value, 20);
  EXPECT_EQ(reading.measured, 2);
  EXPECT_EQ(reading.missing, 1);
}

TEST(Reading, a_server_that_still_warms_up_is_neither_measured_nor_missing) {
  const TestFleet fleet(3, 2, 1);
  const Reading reading = read(kPerServer, ok({{"s1", 10}, {"s2", 20}, {"s3", 990}}), fleet);
  EXPECT_EQ(reading.value, 15);
  EXPECT_EQ(reading.measured, 2);
  EXPECT_EQ(reading.missing, 0);
}

TEST(Reading, series_without_a_server_of_ours_say_nothing) {
  EXPECT_EQ(read(kPerServer, ok({{"x", 1}}), TestFleet(1, 1)).why, "no series matches a server of the group");
  EXPECT_EQ(read(kPerServer, ok({{"s1", 1}}), TestFleet(1, 0, 1)).why, "no server has been in service for its warm_up yet");
  EXPECT_FALSE(read(kPerServer, ok({{"x", 1}}), TestFleet(1, 1)).trusted);
}

TEST(Reading, a_mean_that_is_not_finite_is_not_believed) {
  constexpr double kHuge = std::numeric_limits<double>::max();
  EXPECT_FALSE(read(kPerServer, ok({{"s1", kHuge}, {"s2", kHuge}}), TestFleet(2, 2)).trusted);
}

TEST(Reading, without_trust_a_policy_abstains_but_may_want_a_least_size) {
  struct Case {
    std::optional<int> at_least;
    const char* stance;
  };
  for (const Case& one : {Case{{}, "abstains"}, Case{3, "abstains"}, Case{4, "abstains"}, Case{5, "wants 5"}}) {
    Reading reading;
    reading.why = "no data";
    reading.at_least = one.at_least;
    Vote vote;
    vote_untrusted(reading, TestFleet(4, 4), vote);
    EXPECT_EQ(stance_of(vote), one.stance);
    EXPECT_TRUE(vote.why.starts_with("no data"));
  }
}

// --- formulas
// ---------------------------------------------------------------------------------------------------------------------

Settings formula_of(const std::string& formula, Fallback on_empty = {}, Fallback on_nan = {}) {
  Settings settings;
  settings.set("queries", Settings::TextMap{{"web", "sum(web)"}, {"jobs", "sum(jobs)"}});
  settings.set("formula", formula);
  settings.set("on_empty", on_empty);
  settings.set("on_nan", on_nan);
  return settings;
}

TEST(FormulaReading, asks_its_queries_in_the_order_of_the_formula) {
  const Signal signal(formula_of("jobs + web"));
  std::vector<Query> queries;
  signal.append_queries(queries);
  ASSERT_EQ(queries.size(), 2U);
  EXPECT_EQ(queries[0].expression, "sum(jobs)");
  EXPECT_EQ(queries[1].expression, "sum(web)");
}

TEST(FormulaReading, is_a_number_like_any_other) {
  const TestFleet fleet(3, 3);
  PolicyMemory memory;
  const Reading reading = Signal(formula_of("web + 0.5 * jobs")).read(std::vector{ok(10), ok(4)}, fleet, kNoon, memory);
  EXPECT_TRUE(reading.trusted);
  EXPECT_EQ(reading.value, 12);
  EXPECT_EQ(memory.good_value, 12);
  EXPECT_FALSE(reading.per_server);
}

TEST(FormulaReading, a_missing_operand_is_handled_by_the_rule_for_why_it_is_missing) {
  const Fallback zero{.kind = Fallback::Kind::zero};
  const Fallback last{.kind = Fallback::Kind::last, .window = 5min};
  struct Case {
    const char* formula;
    Sample jobs;
    Fallback on_empty;
    Fallback on_nan;
    std::optional<double> value;
    const char* why;
  };
  const Case cases[] = {
      {"web + jobs", bad(Status::empty), {}, {}, {}, "jobs: prometheus: 503"},
      {"web + jobs", bad(Status::empty), zero, {}, 10, ""},
      {"web + jobs", bad(Status::empty), last, {}, 77, ""},
      {"web + jobs", bad(Status::nan), {}, zero, 10, ""},
      {"web + jobs", bad(Status::nan), zero, {}, {}, "jobs: prometheus: 503"},
      {"web + jobs", ok(kInfinity), {}, {}, {}, "jobs: ok"},
      {"web + jobs", bad(Status::failed), zero, zero, {}, "jobs: prometheus: 503"},
      {"web + jobs", bad(Status::degraded), zero, zero, {}, "jobs: prometheus: 503"},
      {"web + (jobs ?? 1)", bad(Status::failed), {}, {}, 11, ""},
      {"web / (jobs - 4)", ok(4), {}, {}, {}, "the formula has no finite result"},
      {"web / (jobs - 4)", ok(4), {}, zero, 0, ""},
      {"web / (jobs - 4)", ok(4), zero, last, 77, ""},
  };
  for (const Case& test : cases) {
    PolicyMemory memory{.good_at = kNoon - 1min, .good_value = 77};
    const Signal signal(formula_of(test.formula, test.on_empty, test.on_nan));
    const Reading reading = signal.read(std::vector{ok(10), test.jobs}, TestFleet(3, 3), kNoon, memory);
    EXPECT_EQ(reading.trusted, test.value.has_value()) << test.formula << " of " << to_string(test.jobs.status);
    EXPECT_EQ(reading.value, test.value.value_or(0)) << test.formula;
    EXPECT_EQ(reading.why, test.why);
  }
}

TEST(FormulaReading, answers_that_never_came_are_missing) {
  PolicyMemory memory;
  const Reading reading = Signal(formula_of("web + jobs")).read({}, TestFleet(3, 3), kNoon, memory);
  EXPECT_FALSE(reading.trusted);
  EXPECT_EQ(reading.why, "web: not asked");
}

// --- the trust gate
// ---------------------------------------------------------------------------------------------------------------

/// A target of 100 per server on four servers, with what must hold before it shrinks.
struct Gate {
  std::unique_ptr<const Policy> policy;
  PolicyMemory memory;
  TimePoint now = kNoon;

  explicit Gate(Settings trust)
      : policy(policy_of("target_tracking", {{"value", std::string("total")},
                                             {"target", 100.0},
                                             {"tolerance", 0.1},
                                             {"trust", Settings::Sections{std::move(trust)}}})) {}
  Vote ask(double load, Sample gate) { return policy->vote(std::vector{ok(load), std::move(gate)}, TestFleet(4, 4), now, memory); }
};

Settings with(std::vector<std::pair<std::string, Settings::Value>> values) {
  Settings settings;
  settings.set("max_age", Duration(2min));
  settings.set("max_loss", 20.0);
  for (auto& [key, value] : values) settings.set(key, std::move(value));
  return settings;
}

TEST(Trust, old_data_shrinks_nothing_and_grows_all_the_same) {
  Gate gate(with({{"age", std::string("time() - timestamp(x)")}}));
  EXPECT_EQ(stance_of(gate.ask(200, ok(120))), "wants 2");
  EXPECT_EQ(stance_of(gate.ask(200, ok(121))), "abstains");
  EXPECT_EQ(gate.ask(200, ok(121)).why,
            "200 in all at 100 per server takes 2 servers; not shrunk on that: the data is 121 s old, more than 120 s");
  EXPECT_EQ(stance_of(gate.ask(800, ok(121))), "wants 8");
  EXPECT_EQ(stance_of(gate.ask(400, ok(121))), "content");
  for (const Status status : {Status::empty, Status::nan, Status::degraded, Status::failed}) {
    EXPECT_EQ(stance_of(gate.ask(200, bad(status))), "abstains") << "an age that nobody knows";
    EXPECT_EQ(stance_of(gate.ask(800, bad(status))), "wants 8");
  }
}

TEST(Trust, a_cross_check_has_to_agree) {
  struct Case {
    std::vector<std::pair<std::string, Settings::Value>> bounds;
    double value;
    bool agrees;
  };
  const Case cases[] = {{{{"below", 50.0}}, 49, true},
                        {{{"below", 50.0}}, 50, false},
                        {{{"above", 10.0}}, 11, true},
                        {{{"above", 10.0}}, 10, false},
                        {{{"above", 10.0}, {"below", 50.0}}, 30, true},
                        {{{"above", 10.0}, {"below", 50.0}}, 60, false},
                        {{{"above", 10.0}, {"below", 50.0}}, 5, false}};
  for (const Case& test : cases) {
    auto keys = test.bounds;
    keys.emplace_back("cross_check", std::string("sum(other)"));
    Gate gate(with(keys));
    EXPECT_EQ(stance_of(gate.ask(200, ok(test.value))), test.agrees ? "wants 2" : "abstains") << test.value;
    EXPECT_EQ(stance_of(gate.ask(800, ok(test.value))), "wants 8");
    EXPECT_EQ(stance_of(gate.ask(200, bad(Status::failed))), "abstains");
  }
}

TEST(Trust, a_loss_of_series_shrinks_nothing_until_it_is_the_new_normal) {
  Gate gate(with({{"series", std::string("count(x)")}}));
  EXPECT_EQ(stance_of(gate.ask(200, ok(10))), "wants 2");
  EXPECT_EQ(stance_of(gate.ask(200, ok(8))), "wants 2") << "a fifth may go";
  EXPECT_EQ(stance_of(gate.ask(200, ok(7))), "abstains");
  EXPECT_EQ(stance_of(gate.ask(800, ok(7))), "wants 8");
  EXPECT_EQ(stance_of(gate.ask(200, ok(0))), "abstains");
  EXPECT_EQ(stance_of(gate.ask(200, bad(Status::empty))), "abstains");
  gate.now += 10min;
  EXPECT_EQ(stance_of(gate.ask(200, ok(7))), "abstains");
  gate.now += 1ms;
  EXPECT_EQ(stance_of(gate.ask(200, ok(7))), "wants 2");
  EXPECT_EQ(stance_of(gate.ask(200, ok(12))), "wants 2") << "more than ever";
  EXPECT_EQ(stance_of(gate.ask(200, ok(9))), "abstains");
  EXPECT_TRUE(gate.ask(200, ok(9)).why.ends_with("25 % of the series behind the data are gone (9 of 12 left), more than 20 %"));
}

TEST(Trust, every_gate_asks_its_own_query_after_those_of_the_signal) {
  Settings settings = formula_of("jobs + web");
  settings.set("trust", Settings::Sections{with({{"age", std::string("age")},
                                                 {"series", std::string("series")},
                                                 {"cross_check", std::string("other")},
                                                 {"below", 50.0}})});
  const Signal signal(settings);
  std::vector<Query> queries;
  signal.append_queries(queries);
  std::vector<std::string> expressions;
  for (const Query& query : queries) expressions.push_back(query.expression);
  EXPECT_EQ(expressions, (std::vector<std::string>{"sum(jobs)", "sum(web)", "age", "series", "other"}));
  PolicyMemory memory;
  const auto doubt = [&](double age, double series, double other) {
    return signal.read(std::vector{ok(1), ok(2), ok(age), ok(series), ok(other)}, TestFleet(4, 4), kNoon, memory).doubt;
  };
  EXPECT_EQ(doubt(10, 10, 10), "");
  EXPECT_EQ(doubt(500, 10, 10), "the data is 500 s old, more than 120 s");
  EXPECT_EQ(doubt(10, 1, 10), "90 % of the series behind the data are gone (1 of 10 left), more than 20 %");
  EXPECT_EQ(doubt(10, 10, 99), "the cross-check says 99, not below 50");
}

TEST(Trust, every_kind_of_policy_that_shrinks_asks_it) {
  const Settings trust = with({{"age", std::string("age")}});
  const Change minus{Change::Kind::by_servers, -1};
  Settings band;
  band.set("to", 30.0);
  band.set("change", minus);
  const std::pair<const char*, std::vector<std::pair<std::string, Settings::Value>>> types[] = {
      {"threshold", {{"below", 30.0}, {"change", minus}}},
      {"step", {{"min_change", std::int64_t{1}}, {"steps", Settings::Sections{band}}}},
      {"pass_through", {}},
      {"target_tracking", {{"target", 70.0}, {"tolerance", 0.1}, {"value", std::string("average")}}},
      {"predictive", {{"target", 70.0}, {"confidence", 0.97}}},
  };
  for (const auto& [type, settings] : types) {
    for (const double age : {10.0, 500.0}) {
      auto all = settings;
      all.emplace_back("trust", Settings::Sections{trust});
      PolicyMemory memory;
      const Vote vote = policy_of(type, all)->vote(std::vector{ok(1), ok(age)}, TestFleet(4, 4), kNoon, memory);
      EXPECT_EQ(to_string(vote.stance), age > 120 ? "abstains" : "wants") << type;
    }
  }
}

}  // namespace
}  // namespace weir
