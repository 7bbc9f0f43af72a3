#include "controller/policy_test/test_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TestFileResult parsed(const std::string& text) { return parse_test_file(text, "t.yaml", builtin_catalogs()); }

std::vector<std::string> errors_of(const TestFileResult& result) {
  std::vector<std::string> texts;
  if (result) return texts;
  for (const ConfigError& error : result.error()) texts.push_back(to_string(error));
  return texts;
}

/// A good file in which one line of the test, indented by four, is the one given.
std::string with_line(const std::string& line) {
  return fmt::format(R"(group:
  name: app
  min: 1
  max: 9
  policies:
    - {{name: cpu, type: target_tracking, query: q, target: 50}}
    - {{name: each, type: target_tracking, query: r, server_label: server, target: 50}}
    - {{name: mix, type: target_tracking, formula: a + b, queries: {{a: x, b: y}}, target: 50, trust: {{age: z}}}}
tests:
  - name: one
    servers: 2
{}
)",
                     line);
}

TEST(TestFile, takes_what_the_keys_say) {
  const auto file = parsed(with_line(R"(    at: 2026-03-01T09:00:00Z
    interval: 30s
    boot: 1m
    desired: 3
    series: {cpu: '75x1', each: {s1: '1'}, mix.a: 1, mix.b: 2, mix.trust.age: 3}
    orders: [{at: 2m, resume: true}, {at: 1m, scale: 4, for: 1m}, {at: 90s, pause: in}]
    expect:
      - {at: 2m, votes: {cpu: wants 5, each: abstains}, stage: {cooldown: 4}, actions: [launch, launch], why: '\d+'}
      - {desired: 4, min: 1, max: 9, in_service: 2, actions: {admit: 1}})"));
  ASSERT_THAT(errors_of(file), testing::IsEmpty());
  const PolicyTest& test = file->tests.at(0);
  EXPECT_EQ(test.name, "one");
  EXPECT_EQ(format_time(test.begin), "2026-03-01T09:00:00.000Z");
  EXPECT_EQ(test.group.interval, std::chrono::seconds(30));
  EXPECT_EQ(test.boot, std::chrono::minutes(1));
  EXPECT_EQ(test.desired, 3);
  EXPECT_EQ(test.servers.size(), 2U);
  EXPECT_EQ(test.servers.at(1).id, "s2");
  EXPECT_EQ(test.answers.size(), 5U);
  EXPECT_THAT(test.answers.at("cpu").values, ElementsAre(75, 75));
  ASSERT_EQ(test.orders.size(), 3U);
  EXPECT_EQ(test.orders[0].servers, 4);
  EXPECT_EQ(test.orders[0].until, test.begin + std::chrono::minutes(2));
  EXPECT_FALSE(test.orders[1].out);
  EXPECT_EQ(test.orders[2].kind, Order::Kind::resume);
  ASSERT_EQ(test.expectations.size(), 2U);
  EXPECT_EQ(test.expectations[0].desired, 4);
  EXPECT_THAT(*test.expectations[0].actions, ElementsAre(std::pair("admit", 1)));
  EXPECT_THAT(*test.expectations[1].actions, ElementsAre(std::pair("launch", 2)));
  EXPECT_EQ(test.expectations[1].mark.line, 19);
}

TEST(TestFile, says_where_it_is_wrong) {
  const std::string good = "    expect: [{desired: 2}]";
  const struct {
    const char* line;
    const char* error;
  } cases[] = {
      {"    at: soon", "t.yaml:12:9: tests[0].at: expected a time such as"},
      {"    boot: 5", "t.yaml:12:11: tests[0].boot: expected a duration"},
      {"    seriess: {}", "t.yaml:12:5: tests[0].seriess: unknown key; did you mean 'series'?"},
      {"    series: {cpuu: 1}",
       "t.yaml:12:14: tests[0].series.cpuu: unknown name 'cpuu'; did you mean 'cpu'? (known names: cpu, each, mix.a, "
       "mix.b, mix.trust.age)"},
      {"    series: {cpu: 1y}", "t.yaml:12:19: tests[0].series.cpu: expected values such as"},
      {"    series: {cpu: {a: 1}}", "t.yaml:12:19: tests[0].series.cpu: expected values such as '75x20'"},
      {"    series: {each: 1}", "t.yaml:12:20: tests[0].series.each: expected {SERVER: VALUES, …}"},
      {"    series: {cpu: {status: broken}}",
       "t.yaml:12:28: tests[0].series.cpu.status: expected one of empty, nan, degraded, failed"},
      {"    orders: [{at: 1m}]", "t.yaml:12:14: tests[0].orders[0]: expected one of"},
      {"    orders: [{at: 1m, scale: 1, resume: true}]", "t.yaml:12:14: tests[0].orders[0]: expected one of"},
      {"    orders: [{at: 1m, pause: up}]", "t.yaml:12:30: tests[0].orders[0].pause: expected one of out, in, both"},
      {"    group: 5", "t.yaml:12:12: tests[0].group: expected 'config'"},
      {"    group: {max: many}", "t.yaml:12:18: tests[0].group.max: expected a whole number"},
      {"    group: {provider: vultr}", "t.yaml:12:23: tests[0].group.provider: unknown provider 'vultr'"},
      {"    desired: -1", "t.yaml:12:14: tests[0].desired: expected 0 to 10000"},
  };
  for (const auto& one : cases) {
    const auto file = parsed(with_line(std::string(one.line) + "\n" + good));
    EXPECT_THAT(errors_of(file), ElementsAre(HasSubstr(one.error))) << one.line;
  }
}

TEST(TestFile, says_where_an_expectation_is_wrong) {
  const struct {
    const char* line;
    const char* error;
  } cases[] = {
      {"    expect: []", "t.yaml:12:13: tests[0].expect: expected at least one"},
      {"    boot: 0s", "t.yaml:10:5: tests[0].expect: required but missing"},
      {"    expect: [{}]", "t.yaml:12:14: tests[0].expect[0]: expected something besides 'at'"},
      {"    expect: [{at: 1m}]", "t.yaml:12:14: tests[0].expect[0]: expected something besides 'at'"},
      {"    expect: [{desird: 1}]", "t.yaml:12:15: tests[0].expect[0].desird: unknown key; did you mean 'desired'?"},
      {"    expect: [{stage: {cooldwn: 1}}]",
       "t.yaml:12:23: tests[0].expect[0].stage.cooldwn: unknown stage 'cooldwn'; did you mean 'cooldown'?"},
      {"    expect: [{stage: {votes: x}}]", "t.yaml:12:30: tests[0].expect[0].stage.votes: expected a whole number"},
      {"    expect: [{votes: {mem: content}}]", "t.yaml:12:23: tests[0].expect[0].votes.mem: unknown name 'mem'"},
      {"    expect: [{votes: {cpu: 5}}]",
       "t.yaml:12:28: tests[0].expect[0].votes.cpu: expected wants N, content or abstains, found '5'"},
      {"    expect: [{why: '('}]", "t.yaml:12:20: tests[0].expect[0].why: expected a regular expression"},
      {"    expect: [{actions: [lunch]}]",
       "t.yaml:12:25: tests[0].expect[0].actions[0]: unknown action 'lunch'; did you mean 'launch'?"},
      {"    expect: [{at: 99d, desired: 1}]\n    interval: 1s",
       "t.yaml:12:19: tests[0].expect[0].at: expected at most 1000000 turns of 1s"},
  };
  for (const auto& one : cases) EXPECT_THAT(errors_of(parsed(with_line(one.line))), ElementsAre(HasSubstr(one.error))) << one.line;
}

TEST(TestFile, finds_all_errors_at_once) {
  const auto file = parsed(R"(group: {min: 1}
tests:
  - {name: a, servers: x, expect: [{desired: 1}]}
  - {name: a, servers: [{id: s}, {id: s, warm: 1s, unready: true}], expect: [{desired: 1}]}
  - {servers: 1, expect: [{desired: 1}]}
)");
  EXPECT_THAT(errors_of(file), ElementsAre(HasSubstr("t.yaml:1:8: group.max: required but missing"),
                                           HasSubstr("t.yaml:3:24: tests[0].servers: expected a whole number"),
                                           HasSubstr("t.yaml:4:12: tests[1].name: 'a' is already the name"),
                                           HasSubstr("t.yaml:4:39: tests[1].servers[1].id: 's' is already the id"),
                                           HasSubstr("t.yaml:4:61: tests[1].servers[1].unready: expected either"),
                                           HasSubstr("t.yaml:5:5: tests[2].name: required but missing")));
}

TEST(TestFile, is_no_test_without_tests) {
  EXPECT_THAT(errors_of(parsed("")), ElementsAre(HasSubstr("the file is empty")));
  EXPECT_THAT(errors_of(parsed("group: {min: 1, max: 2}\ntests: []")), ElementsAre(HasSubstr("expected at least one test")));
  EXPECT_THAT(errors_of(parsed("group: [")), ElementsAre(HasSubstr("t.yaml:")));
  EXPECT_THAT(errors_of(parsed("tests: [{name: a, servers: 1, expect: [{desired: 1}]}]")),
              ElementsAre(HasSubstr("expected 'config' or 'group'")));
}

class WithConfig : public testing::Test {
 protected:
  TestFileResult tests(const std::string& groups, const std::string& rest) const {
    std::ofstream(directory_.path() / "weir.yaml") << "providers: {here: {type: memory}, fixed: {type: static}}\n"
                                                      "controller: {token_file: /nonexistent/token}\ngroups:\n"
                                                   << groups;
    return parse_test_file("config: weir.yaml\ntests:\n  - {name: a, servers: 1, expect: [{desired: 1}]" + rest + "}\n",
                           directory_.path() / "t.yaml", builtin_catalogs());
  }
  static constexpr const char* kApp = "  - {name: app, provider: here, min: 1, max: 2}\n";
  static constexpr const char* kWeb = "  - {name: web, provider: here, min: 1, max: 3}\n";

 private:
  TempDirectory directory_;
};

TEST_F(WithConfig, takes_the_only_group_and_needs_no_secrets) {
  const auto file = tests(kApp, "");
  ASSERT_THAT(errors_of(file), testing::IsEmpty());
  EXPECT_EQ(file->tests.at(0).group.name, "app");
}

TEST_F(WithConfig, of_several_groups_one_has_to_be_named) {
  const std::string two = std::string(kApp) + kWeb;
  EXPECT_EQ(tests(two, ", group: web")->tests.at(0).group.max, 3);
  EXPECT_THAT(errors_of(tests(two, "")), ElementsAre(HasSubstr("tests[0].group: required but missing: one of app, web")));
  EXPECT_THAT(errors_of(tests(two, ", group: wep")), ElementsAre(HasSubstr("unknown group 'wep'; did you mean 'web'?")));
  EXPECT_THAT(errors_of(tests(two, ", group: {max: 3}")), ElementsAre(HasSubstr("expected the name of a group")));
}

TEST_F(WithConfig, its_errors_are_told_with_its_name) {
  EXPECT_THAT(errors_of(tests("  - {name: app, provider: here, min: 1, max: x}\n", "")),
              ElementsAre(HasSubstr("weir.yaml:4:46: groups[0].max: expected a whole number")));
}

TEST_F(WithConfig, refuses_a_group_that_decides_nothing) {
  EXPECT_THAT(errors_of(tests("  - {name: app, provider: fixed, server: {addresses: ['127.0.0.1:1']}}\n", "")),
              ElementsAre(HasSubstr("group app has fixed servers")));
}

}  // namespace
}  // namespace weir
