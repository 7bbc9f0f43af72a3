// `weir simulate` as scripts see it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "platform/command.h"
#include "platform/file.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class CliSimulate : public testing::Test {
 protected:
  CliSimulate() { write("weir.yaml", "70"); }

  CommandResult simulate(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {WEIR_PROGRAM, "simulate"});
    auto result = run_command(arguments, 60s);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : CommandResult{.status = -1, .output = {}};
  }
  /// With `-c` the configuration of this test, over a day of a recorded load whose highest value is about 11,500.
  CommandResult simulate_day(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-c", file("weir.yaml"), "--trace", kDay, "--capacity", "400"});
    return simulate(std::move(arguments));
  }
  std::string file(const std::string& name) const { return (directory_.path() / name).string(); }
  void write(const std::string& name, const std::string& percent) const {
    std::ofstream(file(name)) << fmt::format(R"(
prometheus: {{url: "http://127.0.0.1:9"}}
providers: {{cloud: {{type: memory}}}}
groups:
  - name: app
    provider: cloud
    server: {{}}
    min: 2
    max: 60
    policies: [{{name: cpu, type: target_tracking, query: cpu, target: {}}}]
)",
                                             percent);
  }

  const std::string kDay = WEIR_SOURCE_DIR "/tests/data/traces/ms_mongo01_2018-04-26.csv";

 private:
  TempDirectory directory_;
};

TEST_F(CliSimulate, tells_what_would_have_happened_and_what_was_assumed) {
  const CommandResult result = simulate_day({});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("server hours"));
  EXPECT_THAT(result.output, HasSubstr("a server carries 400 at 100 %"));
  EXPECT_THAT(result.output, HasSubstr("the query of cpu is taken for utilization_percent"));
}

TEST_F(CliSimulate, json_has_what_the_contract_names) {
  const auto json = nlohmann::json::parse(simulate_day({"--json"}).output, nullptr, false);
  ASSERT_TRUE(json.is_object());
  for (const char* key : {"servers_hours", "violation_ratio", "scale_actions", "flaps", "decisions"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_GT(json["decisions"].size(), 10U);
}

TEST_F(CliSimulate, writes_decisions_and_a_page) {
  const CommandResult result = simulate_day({"--decisions", file("decisions.csv"), "--html", file("page.html")});
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(read_file(file("decisions.csv")).value_or(""), testing::StartsWith("t,desired\n0,"));
  EXPECT_THAT(read_file(file("page.html")).value_or(""), testing::StartsWith("<!doctype html>"));
}

TEST_F(CliSimulate, puts_configurations_side_by_side) {
  write("lean.yaml", "90");
  const CommandResult result =
      simulate({"--compare", file("weir.yaml"), file("lean.yaml"), "--trace", kDay, "--capacity", "400", "--json"});
  const auto json = nlohmann::json::parse(result.output, nullptr, false);
  ASSERT_EQ(json["simulations"].size(), 2U) << result.output;
  EXPECT_LT(json["simulations"][1]["servers_hours"], json["simulations"][0]["servers_hours"]);
}

TEST_F(CliSimulate, rehearses_outages) {
  const CommandResult result = simulate_day({"--fail", "prometheus@6h+2h", "--json"});
  const auto json = nlohmann::json::parse(result.output, nullptr, false);
  ASSERT_TRUE(json.is_object()) << result.output;
  for (const auto& decision : json["decisions"]) {
    const double t = decision["t"];
    EXPECT_FALSE(t > 6 * 3600 + 60 && t < 8 * 3600) << decision;
  }
}

struct WrongUse {
  const char* name;
  std::vector<std::string> arguments;
  const char* complaint;
};
class CliSimulateWrong : public CliSimulate, public testing::WithParamInterface<WrongUse> {};

TEST_P(CliSimulateWrong, is_an_error_that_says_what_is_expected) {
  const CommandResult result = simulate_day(GetParam().arguments);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Uses, CliSimulateWrong,
    testing::Values(WrongUse{"group", {"--group", "ap"}, "no group ap"},
                    WrongUse{"fault", {"--fail", "prometheus@2h"}, "--fail 'prometheus@2h': expected WHAT@WHEN+HOW_LONG"},
                    WrongUse{"meaning", {"--as", "cpu=speed"}, "--as 'cpu=speed': expected POLICY=MEANING"},
                    WrongUse{"policy", {"--as", "mem=load"}, "group app has no policy 'mem'"},
                    WrongUse{"boot", {"--boot", "2"}, "--boot: expected a duration"},
                    WrongUse{"from", {"--from", "yesterday"}, "--from: expected a time such as"},
                    WrongUse{"range", {"--from", "2018-04-26T12:00:00Z", "--to", "2018-04-26T10:00:00Z"}, "is reversed"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(CliSimulate, needs_a_load) {
  const CommandResult result = simulate({"-c", file("weir.yaml")});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("expected --trace FILE.csv"));
}

}  // namespace
}  // namespace weir
