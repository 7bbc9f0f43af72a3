// `weir simulate` as scripts see it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "controller/simulate/trace.h"
#include "platform/command.h"
#include "platform/file.h"
#include "tests/support/http_stub.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

class CliSimulate : public testing::Test {
 protected:
  CliSimulate() { write("weir.yaml", "70"); }

  CommandResult simulate(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {WEIR_PROGRAM, "simulate"});
    auto result = run_command(arguments, 10min);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : CommandResult{.status = -1, .output = {}};
  }
  /// With `-c` the configuration of this test, over a day of a recorded load whose highest value is about 11,500.
  CommandResult simulate_day(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-c", file("weir.yaml"), "--trace", kDay, "--capacity", "400"});
    return simulate(std::move(arguments));
  }
  std::string file(const std::string& name) const { return (directory_.path() / name).string(); }
  void write(const std::string& name, const std::string& percent, const std::string& prometheus = "http://127.0.0.1:9") const {
    std::ofstream(file(name)) << fmt::format(R"(
prometheus: {{url: "{1}"}}
providers: {{cloud: {{type: memory}}}}
groups:
  - name: app
    provider: cloud
    server: {{}}
    min: 2
    max: 60
    policies: [{{name: cpu, type: target_tracking, query: cpu, target: {0}}}]
)",
                                             percent, prometheus);
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

TEST_F(CliSimulate, rehearses_deploys) {
  const CommandResult result = simulate_day({"--deploy", "v2@6h", "--deploy", "v3@12h", "--json"});
  const auto json = nlohmann::json::parse(result.output, nullptr, false);
  ASSERT_EQ(json["deploys"].size(), 2U) << result.output;
  for (const auto& deploy : json["deploys"]) {
    EXPECT_EQ(deploy["end"], "done") << deploy;
    EXPECT_GT(deploy["ended_at"], deploy["started_at"]);
    EXPECT_GT(deploy["servers_max"], deploy["in_service_min"]);
    EXPECT_GE(deploy["lost_ratio"], 0);
  }
  EXPECT_EQ(json["deploys"][0]["started_at"], "2018-04-26T06:00:00.000Z");
  EXPECT_EQ(json["deploys"][1]["from"], "v2");
  EXPECT_THAT(simulate_day({"--deploy", "v2@6h"}).output, AllOf(HasSubstr("\nDeploys\n"), HasSubstr(" → v2")));
}

TEST_F(CliSimulate, every_compared_configuration_is_deployed) {
  write("lean.yaml", "90");
  const CommandResult result = simulate(
      {"--compare", file("weir.yaml"), file("lean.yaml"), "--trace", kDay, "--capacity", "400", "--deploy", "v2@6h", "--json"});
  const auto json = nlohmann::json::parse(result.output, nullptr, false);
  ASSERT_EQ(json["simulations"].size(), 2U) << result.output;
  for (const auto& one : json["simulations"]) EXPECT_EQ(one["deploys"][0]["end"], "done") << one["deploys"];
}

/// What stands in the page between these, the first time.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin);
  if (from == std::string::npos) return "";
  return text.substr(from + begin.size(), text.find(end, from + begin.size()) - from - begin.size());
}

TEST_F(CliSimulate, the_page_about_deploys_shows_what_is_so) {
  const std::string page = read_file(WEIR_SOURCE_DIR "/docs/deploy.md").value_or("");
  std::ofstream(file("weir.yaml")) << between(page, "```yaml\n", "```");
  std::filesystem::copy_file(kDay, file("monday.csv"));
  const std::string command = between(page, "$ weir simulate ", "\n");
  const std::string shown = between(page, "$ weir simulate " + command + "\n…\n", "```");
  ASSERT_THAT(shown, HasSubstr("Deploys\n"));
  const auto result = run_command(
      {"sh", "-c", fmt::format("cd '{}' && exec '{}' simulate -c weir.yaml {}", file("."), WEIR_PROGRAM, command)}, 10min);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->output, HasSubstr(shown));
}

/// A Prometheus that answers with this load whatever it is asked.
HttpStub::Answer matrix_answer(const Trace& trace) {
  std::string points;
  for (std::size_t i = 0; i < trace.at.size(); ++i) {
    points += fmt::format("{}[{},\"{}\"]", points.empty() ? "" : ",", trace.at[i].time_since_epoch() / 1s, trace.load[i]);
  }
  return {.body = fmt::format(
              R"({{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{}},"values":[{}]}}]}}}})", points),
          .content_type = "application/json"};
}

TEST_F(CliSimulate, the_history_of_prometheus_is_as_good_as_a_file) {
  const auto trace = read_trace(kDay, {});
  ASSERT_TRUE(trace) << trace.error().message;
  const HttpStub prometheus(matrix_answer(*trace));
  write("weir.yaml", "70", prometheus.url());
  const std::vector<std::string> common = {"-c", file("weir.yaml"), "--capacity", "400", "--json"};
  auto asked = common;
  asked.insert(asked.end(),
               {"--from", "2018-04-26T00:00:00Z", "--to", "2018-04-26T23:59:00Z", "--load", "sum(rps)", "--step", "5m"});
  auto read = common;
  read.insert(read.end(), {"--trace", kDay});
  auto from_prometheus = nlohmann::json::parse(simulate(asked).output, nullptr, false);
  auto from_file = nlohmann::json::parse(simulate(read).output, nullptr, false);
  ASSERT_TRUE(from_prometheus.is_object());
  EXPECT_EQ(from_prometheus["decisions"], from_file["decisions"]);
  EXPECT_EQ(from_prometheus["servers_hours"], from_file["servers_hours"]);
  ASSERT_EQ(prometheus.requests().size(), 1U);
  EXPECT_THAT(prometheus.requests()[0].body, AllOf(HasSubstr("query=sum%28rps%29"), HasSubstr("start=1524700800.000"),
                                                   HasSubstr("end=1524787140.000"), HasSubstr("step=300.000")));
}

TEST_F(CliSimulate, a_policy_that_asks_for_the_load_says_which_history_is_meant) {
  const auto trace = read_trace(kDay, {});
  ASSERT_TRUE(trace) << trace.error().message;
  const HttpStub prometheus(matrix_answer(*trace));
  write("weir.yaml", "70, value: total", prometheus.url());
  const CommandResult result = simulate({"-c", file("weir.yaml"), "--from", "now-1d"});
  EXPECT_EQ(result.status, 0) << result.output;
  ASSERT_FALSE(prometheus.requests().empty());
  EXPECT_THAT(prometheus.requests()[0].body, AllOf(HasSubstr("query=cpu&"), HasSubstr("step=15.000")));
}

TEST_F(CliSimulate, prometheus_that_does_not_answer_is_an_error_with_its_address) {
  const CommandResult result = simulate({"-c", file("weir.yaml"), "--from", "now-1d", "--load", "rps"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("http://127.0.0.1:9/api/v1/query_range"));
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
                    WrongUse{"deploy", {"--deploy", "v2"}, "--deploy 'v2': expected VERSION@WHEN, such as v2@10m"},
                    WrongUse{"deploy_when", {"--deploy", "v2@soon"}, "--deploy 'v2@soon': expected a duration"},
                    WrongUse{"deploy_version", {"--deploy", "-v2@1h"}, "--deploy '-v2@1h': version: expected a letter or digit"},
                    WrongUse{"deploy_late", {"--deploy", "v2@9d"}, "--deploy v2@9d: expected a time before the end of the load"},
                    WrongUse{"deploy_twice", {"--deploy", "v2@1h", "v2@2h"}, "--deploy group app runs v2 already"},
                    WrongUse{"boot", {"--boot", "2"}, "--boot: expected a duration"},
                    WrongUse{"from", {"--from", "yesterday"}, "--from: expected a time such as"},
                    WrongUse{"load", {"--load", "rps"}, "--load: only without --trace"},
                    WrongUse{"step", {"--step", "15s"}, "--step: only without --trace"},
                    WrongUse{"range", {"--from", "2018-04-26T12:00:00Z", "--to", "2018-04-26T10:00:00Z"}, "is reversed"}),
    [](const auto& tested) { return std::string(tested.param.name); });

class CliHistoryWrong : public CliSimulate, public testing::WithParamInterface<WrongUse> {};

TEST_P(CliHistoryWrong, is_an_error_that_says_what_is_expected) {
  auto arguments = GetParam().arguments;
  arguments.insert(arguments.end(), {"-c", file("weir.yaml")});
  const CommandResult result = simulate(arguments);
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Uses, CliHistoryWrong,
    testing::Values(WrongUse{"no_load", {"--from", "now-1d"}, "--load: expected the PromQL of the load of group app"},
                    WrongUse{"only_to", {"--to", "now"}, "expected --trace FILE.csv, or --from TIME"},
                    WrongUse{"reversed", {"--from", "now", "--to", "now-1h", "--load", "rps"}, "is reversed"},
                    WrongUse{"ago", {"--from", "now-soon", "--load", "rps"}, "--from: expected a time such as"},
                    WrongUse{"step", {"--from", "now-1d", "--load", "rps", "--step", "0s"}, "--step: expected a duration above 0"},
                    WrongUse{"points", {"--from", "0", "--load", "rps", "--step", "1ms"}, "a larger --step makes them fewer"},
                    WrongUse{"column", {"--from", "now-1d", "--load", "rps", "--column", "x"}, "only a --trace has columns"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(CliSimulate, needs_a_load) {
  const CommandResult result = simulate({"-c", file("weir.yaml")});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("expected --trace FILE.csv"));
}

}  // namespace
}  // namespace weir
