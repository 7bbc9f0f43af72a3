#include "controller/policy_test/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

std::vector<TestResult> one_of_each() {
  Decision decision{.previous = 4, .desired = 4};
  decision.votes.push_back({.policy = "cpu", .type = "threshold", .stance = Vote::Stance::content, .why = "60 is not above 70"});
  decision.steps.push_back({"votes", 4, 4, "all content"});
  TestFailure failure{.mark = {.line = 9, .column = 7},
                      .offset = 5min,
                      .at = TimePoint(1h),
                      .differences = {{"desired", "5", "4"}, {"vote of cpu", "wants 5", "content"}},
                      .decision = decision};
  return {{.name = "good", .file = "t.yaml", .mark = {.line = 2, .column = 3}, .failures = {}},
          {.name = "bad", .file = "t.yaml", .mark = {.line = 6, .column = 3}, .failures = {failure}}};
}

TEST(TestReport, shows_what_failed_and_the_turn_behind_it) {
  EXPECT_EQ(tests_text(one_of_each(), Colour::off),
            "FAILED bad\n"
            "  t.yaml:9:7: at 5m, 1970-01-01T01:00:00.000Z\n"
            "    desired: expected 5, got 4\n"
            "    vote of cpu: expected wants 5, got content\n"
            "\n"
            "  POLICY  TYPE       VALUE  VOTE     WHY\n"
            "  cpu     threshold  -      content  60 is not above 70\n"
            "\n"
            "  STAGE  SERVERS  WHY\n"
            "  votes  4        all content\n"
            "\n"
            "1 passed, 1 failed\n");
}

TEST(TestReport, has_colours_where_they_are_wanted) {
  EXPECT_THAT(tests_text(one_of_each(), Colour::on), HasSubstr("\x1b[31mFAILED\x1b[0m bad"));
  EXPECT_THAT(tests_text(one_of_each(), Colour::off), Not(HasSubstr("\x1b")));
}

TEST(TestReport, keeps_foreign_control_characters_from_the_terminal) {
  std::vector<TestResult> results = one_of_each();
  results[1].name = "b\x1b[2Jad";
  EXPECT_THAT(tests_text(results, Colour::off), HasSubstr("FAILED b [2Jad"));
}

TEST(TestReport, is_json_too) {
  const ConfigErrors errors = {{.file = "u.yaml", .line = 1, .column = 2, .path = "tests", .message = "expected a list"}};
  EXPECT_EQ(nlohmann::json::parse(tests_json(one_of_each(), errors)), nlohmann::json::parse(R"({
    "tests": [
      {"name": "good", "file": "t.yaml", "passed": true, "failures": []},
      {"name": "bad", "file": "t.yaml", "passed": false, "failures": [
        {"line": 9, "at": "5m", "time": "1970-01-01T01:00:00.000Z", "differences": [
          {"what": "desired", "expected": "5", "got": "4"},
          {"what": "vote of cpu", "expected": "wants 5", "got": "content"}]}]}],
    "passed": 1, "failed": 1, "errors": ["u.yaml:1:2: tests: expected a list"]})"));
}

}  // namespace
}  // namespace weir
