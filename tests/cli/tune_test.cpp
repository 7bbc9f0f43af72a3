// `weir tune` as scripts see it.
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

class CliTune : public testing::Test {
 protected:
  CliTune() {
    std::ofstream(file("weir.yaml")) << R"(
controller: {interval: 60s}
prometheus: {url: "http://127.0.0.1:9"}
providers: {cloud: {type: memory}}
groups:
  - name: app
    provider: cloud
    server: {}
    min: 2
    max: 60
    policies: [{name: cpu, type: target_tracking, query: cpu, target: 50}]
)";
  }

  CommandResult tune(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {WEIR_PROGRAM, "tune", "-c", file("weir.yaml")});
    auto result = run_command(arguments, 10min);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : CommandResult{.status = -1, .output = {}};
  }
  /// A few candidates over a day of a recorded load whose highest value is about 11,500.
  CommandResult tune_day(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--trace", kDay, "--capacity", "400", "--candidates", "12"});
    return tune(std::move(arguments));
  }
  std::string file(const std::string& name) const { return (directory_.path() / name).string(); }

  const std::string kDay = WEIR_SOURCE_DIR "/tests/data/traces/ms_mongo01_2018-04-26.csv";

 private:
  TempDirectory directory_;
};

TEST_F(CliTune, prints_a_frontier_what_cross_validation_says_and_what_to_paste) {
  const CommandResult result = tune_day({"--slo", "1%"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("<- chosen"));
  EXPECT_THAT(result.output, HasSubstr("Cross-validated"));
  EXPECT_THAT(result.output, HasSubstr("  # was 50\n"));
}

TEST_F(CliTune, a_percentage_and_a_share_are_the_same_slo) {
  EXPECT_EQ(tune_day({"--slo", "1%", "--json"}).output, tune_day({"--slo", "0.01", "--json"}).output);
}

TEST_F(CliTune, json_and_the_file_have_the_same_yaml) {
  const CommandResult result = tune_day({"--slo", "1%", "--json", "--out", file("tuned.yaml")});
  const auto json = nlohmann::json::parse(result.output, nullptr, false);
  ASSERT_TRUE(json.is_object()) << result.output;
  EXPECT_EQ(json["yaml"], read_file(file("tuned.yaml")).value_or(""));
  EXPECT_THAT(json["yaml"].get<std::string>(), HasSubstr("target:"));
  EXPECT_TRUE(json["keeps_slo"]);
}

TEST_F(CliTune, what_is_to_be_kept_is_not_turned) {
  const CommandResult result = tune_day({"--keep", "cpu", "--keep", "cooldown", "--json"});
  const auto json = nlohmann::json::parse(result.output, nullptr, false);
  ASSERT_TRUE(json.is_object()) << result.output;
  ASSERT_EQ(json["knobs"].size(), 1U);
  EXPECT_EQ(json["knobs"][0]["path"], "scale_in.stabilization_window");
}

TEST_F(CliTune, the_status_tells_that_nothing_keeps_the_slo) {
  const CommandResult result = tune_day({"--slo", "0", "--start", "2", "--fail", "quota@0s+24h"});
  EXPECT_EQ(result.status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("Nothing tried keeps the SLO of 0 %"));
}

struct WrongTuning {
  const char* name;
  std::vector<std::string> arguments;
  const char* complaint;
};
class CliTuneWrong : public CliTune, public testing::WithParamInterface<WrongTuning> {};

TEST_P(CliTuneWrong, is_an_error_that_says_what_is_expected) {
  const CommandResult result = tune_day(GetParam().arguments);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Uses, CliTuneWrong,
    testing::Values(WrongTuning{"slo", {"--slo", "little"}, "--slo: expected a share of requests such as 0.1% or 0.001"},
                    WrongTuning{"slo_of_all", {"--slo", "100%"}, "--slo: expected a share"},
                    WrongTuning{"slo_below_nothing", {"--slo=-1%"}, "--slo: expected a share"},
                    WrongTuning{"keep", {"--keep", "memory"}, "--keep 'memory': group app has nothing of that name to turn"},
                    WrongTuning{"group", {"--group", "ap"}, "no group ap"},
                    WrongTuning{"meaning", {"--as", "mem=load"}, "group app has no policy 'mem'"},
                    WrongTuning{"folds", {"--folds", "1"}, "--folds"},
                    WrongTuning{"short_history", {"--to", "2018-04-26T02:00:00Z"}, "covers 2h"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(CliTune, needs_a_load) {
  const CommandResult result = tune({});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("expected --trace FILE.csv"));
}

}  // namespace
}  // namespace weir
