#include "controller/config/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/judge.h"
#include "tests/config/support.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// A rule and what is wrong with it, a line each.
struct Read {
  JudgeRule rule;
  std::string complaints;
};

Read read_node(const YamlNode& node, const std::string& path) {
  const Environment environment = test_environment();
  Reader reader("weir.yaml", environment);
  Read result{.rule = read_judge(reader.read(node, kJudgeKeys, path), path, reader)};
  for (const ConfigError& error : reader.take_errors()) result.complaints += to_string(error) + "\n";
  return result;
}

Read read(std::string_view text) {
  const auto node = parse_yaml(text);
  return node ? read_node(*node, "judge") : Read{.complaints = node.error().message};
}

TEST(JudgeSection, is_read_key_by_key) {
  const Read whole = read(R"yaml(
interval: 30s
samples: "count({version})"
min_samples: 500
failure_limit: 3
inconclusive_after: 10m
checks:
  - {name: p95, query: "p95({version})", below: 1.5, below_old: 1.2}
  - {name: rate, query: "rate({version})", above: 2, above_old: 0.5}
)yaml");
  EXPECT_EQ(whole.complaints, "");
  const JudgeRule expected{.checks = {{.name = "p95", .query = "p95({version})", .below = 1.5, .below_old = 1.2},
                                      {.name = "rate", .query = "rate({version})", .above = 2, .above_old = 0.5}},
                           .samples = "count({version})",
                           .min_samples = 500,
                           .interval = 30s,
                           .failure_limit = 3,
                           .inconclusive_after = 10min};
  EXPECT_TRUE(whole.rule == expected);
}

TEST(JudgeSection, has_defaults_for_all_but_the_checks) {
  const Read least = read("checks: [{name: p95, query: 'p95({version})', below: 1}]");
  EXPECT_EQ(least.complaints, "");
  EXPECT_EQ(least.rule.samples, "");
  EXPECT_EQ(least.rule.min_samples, 0);
  EXPECT_EQ(least.rule.interval, 15s);
  EXPECT_EQ(least.rule.failure_limit, 1);
  EXPECT_FALSE(least.rule.inconclusive_after);
  const Read counted = read("{samples: 'c({version})', checks: [{name: p95, query: 'p95({version})', below: 1}]}");
  EXPECT_EQ(counted.rule.min_samples, 100);
}

TEST(JudgeSection, says_what_is_wrong_and_where) {
  struct Case {
    const char* text;
    const char* complaints;
  };
  const Case cases[] = {
      {"{}",
       "weir.yaml:1:1: judge.checks: required but missing: What has to hold of the new version, all of it, before a step of a "
       "deploy has passed.\n"},
      {"checks: []", "weir.yaml:1:9: judge.checks: expected at least one check\n"},
      {"checks: [{name: a, query: 'q({version})'}]",
       "weir.yaml:1:27: judge.checks[0].query: expected a bound beside it: below, above, below_old or above_old\n"},
      {"checks: [{name: a, query: up, below: 1}]",
       "weir.yaml:1:27: judge.checks[0].query: expected {version} in it, in place of the version that is asked about\n"},
      {"checks: [{query: 'q({version})', below: 1}]",
       "weir.yaml:1:10: judge.checks[0].name: required but missing: The check's name, for people; unique among the group's "
       "checks.\n"},
      {"checks: [{name: a, below: 1}]",
       "weir.yaml:1:10: judge.checks[0].query: required but missing: PromQL for one number; {version} in it stands for the version "
       "asked about. Without data the deploy waits.\n"},
      {"checks: [{name: a}]",
       "weir.yaml:1:10: judge.checks[0].query: required but missing: PromQL for one number; {version} in it stands for the version "
       "asked about. Without data the deploy waits.\n"},
      {"checks: [{name: a, query: 'q({version})', below: 1}, {name: a, query: 'q({version})', above: 1}]",
       "weir.yaml:1:61: judge.checks[1].name: 'a' is already the name of another check\n"},
      {"checks: [{name: a, query: 'q({version})', above: 2, below: 2}]",
       "weir.yaml:1:60: judge.checks[0].below: expected more than above, which is 2: else it never holds\n"},
      {"checks: [{name: a, query: 'q({version})', above_old: 1, below_old: 0.5}]",
       "weir.yaml:1:68: judge.checks[0].below_old: expected more than above_old, which is 1: else it never holds\n"},
      {"checks: [{name: a, query: 'q({version})', below_old: 0}]",
       "weir.yaml:1:54: judge.checks[0].below_old: expected more than 0: else it never holds\n"},
      {"checks: [{name: a, query: 'q({version})', above_old: -1}]",
       "weir.yaml:1:27: judge.checks[0].query: expected a bound beside it: below, above, below_old or above_old\n"
       "weir.yaml:1:54: judge.checks[0].above_old: expected at least 0, found '-1'\n"},
      {"{min_samples: 10, checks: [{name: a, query: 'q({version})', below: 1}]}",
       "weir.yaml:1:15: judge.min_samples: expected 'samples' beside it, the query that says how many there are\n"},
      {"{samples: up, checks: [{name: a, query: 'q({version})', below: 1}]}",
       "weir.yaml:1:11: judge.samples: expected {version} in it, in place of the version that is asked about\n"},
      {"{intervall: 15s, checks: [{name: a, query: 'q({version})', below: 1}]}",
       "weir.yaml:1:2: judge.intervall: unknown key; did you mean 'interval'? (known keys: checks, samples, min_samples, interval, "
       "failure_limit, inconclusive_after)\n"},
  };
  for (const Case& test : cases) EXPECT_EQ(read(test.text).complaints, test.complaints) << test.text;
}

TEST(JudgeSection, never_crashes_on_what_could_not_be_read) {
  for (const char* text : {"7", "[]", "checks: 7", "checks: [7]", "checks: [{}]", "failure_limit: many", "interval: soon",
                           "{samples: [], min_samples: x, inconclusive_after: y, checks: [{name: [], query: {}, below: z}]}"}) {
    EXPECT_NE(read(text).complaints, "") << text;
  }
}

/// What the example in examples/ is about.
Read shipped_example() {
  const auto root = parse_yaml(file_text(std::filesystem::path(WEIR_SOURCE_DIR) / "examples/deploy-judge.yaml"));
  const YamlNode* deploy = root ? find(*root, "deploy") : nullptr;
  const YamlNode* judge = deploy != nullptr ? find(*deploy, "judge") : nullptr;
  return judge != nullptr ? read_node(*judge, "deploy.judge") : Read{.complaints = "it has no deploy.judge"};
}

TEST(JudgeExample, is_valid) {
  const Read example = shipped_example();
  EXPECT_EQ(example.complaints, "");
  EXPECT_EQ(example.rule.checks.size(), 4U);
  for (const Query& query : judge_queries(example.rule, {.version = "v2", .from = "v1"})) {
    EXPECT_THAT(query.expression, testing::AnyOf(HasSubstr(R"(version="v2")"), HasSubstr(R"(version="v1")")));
    EXPECT_THAT(query.expression, testing::Not(HasSubstr("{version}")));
  }
}

TEST(JudgeExample, keeps_the_service_levels) {
  const JudgeRule rule = shipped_example().rule;
  // Requests, p95, p99, error ratio, throughput, that of the old version.
  struct Case {
    std::vector<double> answers;
    const char* verdict;
  };
  const Case cases[] = {{{5000, 0.3, 0.8, 0, 10, 10}, "good"},
                        {{5000, 0.99, 1.99, 0.0009, 5.1, 10}, "good"},
                        {{5000, 1, 0.8, 0, 10, 10}, "bad"},
                        {{5000, 0.3, 2, 0, 10, 10}, "bad"},
                        {{5000, 0.3, 0.8, 0.001, 10, 10}, "bad"},
                        {{5000, 0.3, 0.8, 0, 5, 10}, "bad"},
                        {{999, 0.3, 0.8, 0.05, 10, 10}, "inconclusive"}};
  for (const Case& test : cases) {
    std::vector<Sample> samples;
    for (const double value : test.answers) samples.push_back({.status = Sample::Status::ok, .value = value});
    JudgeMemory memory;
    const Verdict verdict = judge(rule, samples, TimePoint{500'000h}, memory);
    EXPECT_EQ(to_string(verdict.kind), test.verdict) << verdict.why;
  }
}

}  // namespace
}  // namespace weir
