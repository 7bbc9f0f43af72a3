// The program as scripts see it: what it prints and how it ends. Nothing here leaves this machine.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "controller/render/json.h"
#include "controller/state/sqlite_store.h"
#include "platform/command.h"
#include "platform/file.h"
#include "platform/http_client.h"
#include "tests/api/openapi_document.h"
#include "tests/support/certificates.h"
#include "tests/support/free_port.h"
#include "tests/support/http_stub.h"
#include "tests/support/raw_client.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Cli : public testing::Test {
 protected:
  CommandResult weir(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), WEIR_PROGRAM);
    auto result = run_command(arguments, 10min);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : CommandResult{.status = -1, .output = {}};
  }
  /// With `-c` the configuration of this test.
  CommandResult weir_here(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-c", config().string()});
    return weir(std::move(arguments));
  }
  nlohmann::json json_of(const CommandResult& result) const {
    nlohmann::json parsed = nlohmann::json::parse(result.output, nullptr, false);
    EXPECT_FALSE(parsed.is_discarded()) << result.output;
    return parsed;
  }

  std::filesystem::path file(const std::string& name) const { return directory_.path() / name; }
  std::filesystem::path config() const { return file("weir.yaml"); }
  void write(const std::string& text) const { std::ofstream(config()) << text; }

  /// One group of fixed servers whose peers go to a file of ours.
  void write_fixed(const std::vector<std::string>& addresses) const {
    write(fmt::format(R"(
controller: {{state: "{}"}}
providers: {{fixed: {{type: static}}}}
groups:
  - name: app
    provider: fixed
    version: v1
    server: {{addresses: [{}]}}
    health: {{http: /health, interval: 1s, timeout: 1s, healthy_after: 1, unhealthy_after: 1}}
    balancers: [{{type: file_sd, file: "{}"}}]
)",
                      file("state.db").string(), fmt::join(addresses, ", "), file("peers.json").string()));
  }
  void write_memory_group() const {
    write(fmt::format(R"(
controller: {{state: "{}"}}
providers: {{cloud: {{type: memory}}}}
groups:
  - {{name: app, provider: cloud, version: v1, server: {{}}, min: 1, max: 3}}
)",
                      file("state.db").string()));
  }

 private:
  TempDirectory directory_;
};

// ---- the command line -----------------------------------------------------------------------------------------------------

TEST_F(Cli, help_names_every_command_and_ends_with_0) {
  const CommandResult help = weir({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* command : {"run", "validate", "plan", "apply", "status", "explain", "history", "scale", "pause", "resume",
                              "deploy", "state", "import"}) {
    EXPECT_THAT(help.output, HasSubstr(command));
  }
}

struct HelpCase {
  const char* command;
  std::vector<const char*> options;
};
class CliHelp : public Cli, public testing::WithParamInterface<HelpCase> {};

TEST_P(CliHelp, names_every_option_of_the_command) {
  const CommandResult help = weir({GetParam().command, "--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* common : {"--json", "--help"}) EXPECT_THAT(help.output, HasSubstr(common));
  for (const char* option : GetParam().options) EXPECT_THAT(help.output, HasSubstr(option));
}

INSTANTIATE_TEST_SUITE_P(
    Commands, CliHelp,
    testing::Values(HelpCase{"run", {"--config", "--log-format", "SIGHUP", "SIGTERM"}},
                    HelpCase{"validate", {"--config", "--schema", "--reference"}},
                    HelpCase{"plan", {"--config", "--group", "--out", "Exit status"}}, HelpCase{"apply", {"plan", "3"}},
                    HelpCase{"status", {"--config", "--watch", "--url", "--token-file", "--ca"}},
                    HelpCase{"explain", {"--config", "group", "--url", "--token-file", "--ca", "--certificate", "--key"}},
                    HelpCase{"history",
                             {"--config", "group", "--limit", "--url", "--token-file", "--ca", "--certificate", "--key"}},
                    HelpCase{"test", {"files", "--json"}},
                    HelpCase{"scale", {"--config", "group", "servers", "--for", "--url", "--token-file", "--ca"}},
                    HelpCase{"pause", {"--config", "group", "--out", "--in", "--for"}}, HelpCase{"resume", {"--config", "group"}},
                    HelpCase{"import", {"hpa", "asg", "file", "standard input"}}),
    [](const auto& tested) { return std::string(tested.param.command); });

TEST_F(Cli, help_of_deploy_is_complete) {
  const CommandResult deploy = weir({"deploy", "--help"});
  EXPECT_EQ(deploy.status, 0);
  for (const char* word : {"start", "plan", "status", "promote", "abort"}) EXPECT_THAT(deploy.output, HasSubstr(word));
  const std::pair<const char*, std::vector<const char*>> cases[] = {
      {"start", {"--version", "--strategy", "blue_green", "--wait", "Exit status"}},
      {"plan", {"--version", "--strategy", "blue_green", "changes nothing", "Exit status"}},
      {"status", {}},
      {"promote", {"--wait", "Exit status"}},
      {"abort", {"--wait", "Exit status"}},
  };
  for (const auto& [word, options] : cases) {
    const CommandResult help = weir({"deploy", word, "--help"});
    EXPECT_EQ(help.status, 0) << word;
    for (const char* common : {"--config", "--json", "--group"}) EXPECT_THAT(help.output, HasSubstr(common)) << word;
    for (const char* option : options) EXPECT_THAT(help.output, HasSubstr(option)) << word;
  }
}

/// Two receivers that a stub plays, and one that nobody does.
class CliNotify : public Cli {
 protected:
  void write_receivers(const std::string& more = "") const {
    write(fmt::format(R"(
providers: {{fixed: {{type: static}}}}
groups: [{{name: app, provider: fixed, server: {{addresses: ["127.0.0.1:1"]}}}}]
notifications:
  receivers:
    - {{name: chat, type: slack, url: "{0}/services/secret"}}
    - {{name: hook, type: webhook, url: "{0}/in"}}
{1}
  routes: [{{receiver: chat}}]
)",
                      stub_.url(), more));
  }
  HttpStub stub_;
};

TEST_F(CliNotify, test_tells_every_receiver_once_and_ends_with_0) {
  write_receivers();
  const CommandResult result = weir_here({"notify", "test"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("chat      slack    delivered in "), HasSubstr("hook      webhook  delivered in ")));
  ASSERT_EQ(stub_.requests().size(), 2U);
  EXPECT_THAT(stub_.requests()[0].body, HasSubstr("a test of weir's notifications; nothing has happened."));
}

TEST_F(CliNotify, test_tells_one_receiver_of_the_event_it_is_given) {
  write_receivers();
  EXPECT_EQ(weir_here({"notify", "test", "--receiver", "hook", "--event", "at_max"}).status, 0);
  ASSERT_EQ(stub_.requests().size(), 1U);
  const auto sent = nlohmann::json::parse(stub_.requests()[0].body);
  EXPECT_EQ(sent["events"][0]["event"], "at_max");
  EXPECT_EQ(sent["events"][0]["group"], "app");
}

TEST_F(CliNotify, test_ends_with_1_if_one_does_not_take_it_and_keeps_its_secret) {
  write_receivers(fmt::format("    - {{name: gone, type: discord, url: \"http://127.0.0.1:{}/api/secret\"}}", free_port()));
  const CommandResult result = weir_here({"notify", "test", "--json"});
  EXPECT_EQ(result.status, 1);
  const auto receivers = json_of(result)["receivers"];
  ASSERT_EQ(receivers.size(), 3U);
  EXPECT_EQ(receivers[0]["delivered"], true);
  EXPECT_EQ(receivers[2]["receiver"], "gone");
  EXPECT_EQ(receivers[2]["delivered"], false);
  EXPECT_THAT(receivers[2]["error"].get<std::string>(), AllOf(HasSubstr("refused"), Not(HasSubstr("secret"))));
}

TEST_F(CliNotify, test_says_what_there_is_instead_of_what_there_is_not) {
  write_receivers();
  const CommandResult receiver = weir_here({"notify", "test", "--receiver", "pager"});
  EXPECT_EQ(receiver.status, 1);
  EXPECT_THAT(receiver.output, HasSubstr("no receiver 'pager'; there are chat, hook"));
  const CommandResult event = weir_here({"notify", "test", "--event", "doom"});
  EXPECT_EQ(event.status, 1);
  EXPECT_THAT(event.output, HasSubstr("no event 'doom'; there are scaled_out, "));
  write_fixed({"127.0.0.1:1"});
  EXPECT_THAT(weir_here({"notify", "test"}).output, HasSubstr("has no receivers"));
  EXPECT_TRUE(stub_.requests().empty());
}

TEST_F(CliNotify, help_is_complete) {
  const CommandResult help = weir({"notify", "test", "--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* option : {"--config", "--json", "--receiver", "--event", "Exit status"})
    EXPECT_THAT(help.output, HasSubstr(option));
}

TEST_F(Cli, version_is_told) {
  const CommandResult version = weir({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.output, HasSubstr("weir "));
}

TEST_F(Cli, what_it_does_not_know_ends_with_1) {
  EXPECT_EQ(weir({}).status, 1);
  EXPECT_EQ(weir({"frobnicate"}).status, 1);
  EXPECT_EQ(weir({"status", "--frobnicate"}).status, 1);
  EXPECT_EQ(weir({"explain"}).status, 1);
  EXPECT_EQ(weir({"history", "app", "--limit", "0"}).status, 1);
  EXPECT_EQ(weir({"run", "--log-format", "xml"}).status, 1);
  EXPECT_EQ(weir({"deploy"}).status, 1);
  EXPECT_EQ(weir({"deploy", "frobnicate"}).status, 1);
  EXPECT_EQ(weir({"deploy", "start", "--group", "app"}).status, 1);
  EXPECT_EQ(weir({"deploy", "start", "--group", "app", "--version", "v2", "--strategy", "hope"}).status, 1);
}

TEST_F(Cli, a_mistyped_command_is_told_the_nearest) {
  EXPECT_THAT(weir({"valdate"}).output, HasSubstr("weir: no command 'valdate'; did you mean 'validate'?"));
  EXPECT_THAT(weir({"frobnicate"}).output, HasSubstr("there are: run, validate, plan"));
}

// Found by trying it: the variable won over an explicit -c, so a new file was declared valid without being read.
TEST_F(Cli, the_file_given_is_the_file_read_whatever_the_environment_says) {
  write_memory_group();
  const std::string variable = "WEIR_CONFIG=" + config().string();
  const auto by_variable = run_command({"env", variable, WEIR_PROGRAM, "validate"}, 10min);
  ASSERT_TRUE(by_variable);
  EXPECT_EQ(by_variable->status, 0) << by_variable->output;
  const auto given = run_command({"env", variable, WEIR_PROGRAM, "validate", "-c", "/nonexistent/weir.yaml"}, 10min);
  ASSERT_TRUE(given);
  EXPECT_EQ(given->status, 1);
  EXPECT_THAT(given->output, HasSubstr("/nonexistent/weir.yaml"));
}

TEST_F(Cli, every_command_ends_with_1_without_a_configuration) {
  for (const char* command : {"run", "validate", "plan", "status"}) {
    const CommandResult result = weir_here({command});
    EXPECT_EQ(result.status, 1) << command;
    EXPECT_THAT(result.output, HasSubstr(config().string())) << command;
  }
  EXPECT_EQ(weir_here({"explain", "app"}).status, 1);
  EXPECT_EQ(weir_here({"history", "app"}).status, 1);
  EXPECT_EQ(weir({"apply", file("plan.json").string()}).status, 1);
}

// ---- validate -------------------------------------------------------------------------------------------------------------

TEST_F(Cli, validate_accepts_a_good_file) {
  write_memory_group();
  const CommandResult result = weir_here({"validate"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.output, HasSubstr("valid, 1 groups"));
  const nlohmann::json answer = json_of(weir_here({"validate", "--json"}));
  EXPECT_EQ(answer["valid"], true);
  EXPECT_EQ(answer["errors"].size(), 0U);
}

TEST_F(Cli, validate_tells_all_errors_with_their_places) {
  write("controler: {}\nproviders: {cloud: {type: memory}}\ngroups:\n  - {name: app, provider: cloud, min: many}\n");
  const CommandResult result = weir_here({"validate"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("weir.yaml:1:1"), HasSubstr("weir.yaml:4:"), HasSubstr("controller")));
  const CommandResult as_json = weir_here({"validate", "--json"});
  EXPECT_EQ(as_json.status, 1);
  const nlohmann::json answer = json_of(as_json);
  EXPECT_EQ(answer["valid"], false);
  ASSERT_GE(answer["errors"].size(), 2U);
  EXPECT_EQ(answer["errors"][0]["line"], 1);
  EXPECT_FALSE(answer["errors"][0]["message"].get<std::string>().empty());
}

TEST_F(Cli, validate_prints_the_schema_and_the_reference_without_a_configuration) {
  EXPECT_TRUE(json_of(weir({"validate", "--schema"})).contains("properties"));
  const CommandResult reference = weir({"validate", "--reference"});
  EXPECT_EQ(reference.status, 0);
  EXPECT_THAT(reference.output, AllOf(HasSubstr("controller"), HasSubstr("drain"), HasSubstr("memory")));
  EXPECT_EQ(weir({"validate", "--schema", "--reference"}).status, 1);
}

// ---- status, explain, history ---------------------------------------------------------------------------------------------

TEST_F(Cli, status_before_any_turn_shows_the_groups_as_configured) {
  write_memory_group();
  const CommandResult result = weir_here({"status"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("app"), HasSubstr("no turn yet")));
  const CommandResult as_json = weir_here({"status", "--json"});
  EXPECT_EQ(as_json.status, 0);
  EXPECT_THAT(as_json.output, HasSubstr("no turn yet"));
  EXPECT_FALSE(std::filesystem::exists(file("state.db"))) << "looking makes no state file";
}

TEST_F(Cli, questions_about_an_unknown_group_name_the_known_ones) {
  write_memory_group();
  for (const char* command : {"explain", "history"}) {
    const CommandResult result = weir_here({command, "nobody"});
    EXPECT_EQ(result.status, 1) << command;
    EXPECT_THAT(result.output, AllOf(HasSubstr("nobody"), HasSubstr("app"))) << command;
  }
  const CommandResult plan = weir_here({"plan", "--group", "nobody"});
  EXPECT_EQ(plan.status, 1);
  EXPECT_THAT(plan.output, HasSubstr("nobody"));
}

TEST_F(Cli, explain_and_history_before_any_turn_end_with_1) {
  write_memory_group();
  EXPECT_EQ(weir_here({"explain", "app"}).status, 1);
  EXPECT_EQ(weir_here({"history", "app"}).status, 1);
}

TEST_F(Cli, a_file_that_was_spoilt_does_not_hide_what_the_controller_does) {
  const HttpStub one;
  write_fixed({one.address()});
  EXPECT_EQ(weir_here({"plan", "--out", file("plan.json").string()}).status, 2);
  EXPECT_EQ(weir({"apply", file("plan.json").string(), "--json"}).status, 0);

  const std::string good = read_file(config()).value_or("");
  std::string spoilt = good;
  spoilt.replace(spoilt.find("interval: 1s"), 12, "interval: one");
  write(spoilt);
  for (const auto& words : {std::vector<std::string>{"status"}, {"explain", "app"}, {"history", "app"}}) {
    const CommandResult answer = weir_here(words);
    EXPECT_EQ(answer.status, 0) << answer.output;
    EXPECT_THAT(answer.output,
                AllOf(HasSubstr("groups[0].health.interval"), HasSubstr("is not valid"), HasSubstr("after its launch")));
  }
  EXPECT_EQ(weir_here({"plan"}).status, 1) << "what shall be done needs a good file";

  // A group that can no longer be read is known from the state.
  spoilt = good;
  spoilt.replace(spoilt.find("groups:"), 7, "group:");
  write(spoilt);
  EXPECT_EQ(weir_here({"explain", "app"}).status, 0);
  EXPECT_THAT(weir_here({"status"}).output, HasSubstr("after its launch"));

  // Without its section nobody knows which controller is meant.
  for (const char* broken : {"controller: {stat: /nowhere}\n", "controller: {state: [\n"}) {
    write(broken);
    EXPECT_EQ(weir_here({"status"}).status, 1) << broken;
  }
}

// ---- plan and apply -------------------------------------------------------------------------------------------------------

TEST_F(Cli, plan_apply_and_plan_again_settle_a_static_group) {
  const HttpStub one;
  const HttpStub two;
  write_fixed({one.address(), two.address()});
  const CommandResult plan = weir_here({"plan", "--out", file("plan.json").string()});
  EXPECT_EQ(plan.status, 2) << plan.output;
  EXPECT_THAT(plan.output, HasSubstr(one.address()));
  EXPECT_FALSE(std::filesystem::exists(file("peers.json"))) << "a plan changes nothing";
  EXPECT_FALSE(std::filesystem::exists(file("state.db"))) << "a plan changes nothing";

  const CommandResult applied = weir({"apply", file("plan.json").string()});
  EXPECT_EQ(applied.status, 0) << applied.output;
  std::ifstream peers(file("peers.json"));
  const std::string written{std::istreambuf_iterator<char>(peers), {}};
  EXPECT_THAT(written, AllOf(HasSubstr(one.address()), HasSubstr(two.address())));

  const CommandResult again = weir_here({"plan"});
  EXPECT_EQ(again.status, 0) << again.output;

  // What was applied is remembered and explained.
  const CommandResult status = weir_here({"status", "--json"});
  EXPECT_EQ(status.status, 0);
  EXPECT_EQ(json_of(status)["groups"][0]["name"], "app");
  EXPECT_EQ(weir_here({"explain", "app"}).status, 0);
  EXPECT_THAT(weir_here({"history", "app"}).output, HasSubstr("admit"));
  EXPECT_EQ(json_of(weir_here({"history", "app", "--json"}))["changes"].size(), 1U);
}

TEST_F(Cli, plan_as_json_has_the_words_of_the_contract) {
  const HttpStub one;
  write_fixed({one.address()});
  const CommandResult plan = weir_here({"plan", "--json"});
  EXPECT_EQ(plan.status, 2);
  const nlohmann::json group = json_of(plan)["groups"][0];
  for (const char* key : {"group", "provider", "current", "desired", "votes", "steps", "actions", "balancers", "cost"}) {
    EXPECT_TRUE(group.contains(key)) << key;
  }
  EXPECT_EQ(group["actions"][0]["kind"], "admit");
  EXPECT_EQ(group["actions"][0]["server"], one.address());
  EXPECT_THAT(group["balancers"][0]["diff"].get<std::string>(), HasSubstr(one.address()));
}

TEST_F(Cli, an_unhealthy_server_is_not_planned_to_serve) {
  const HttpStub good;
  const HttpStub bad(HttpStub::Answer{.status = 503});
  write_fixed({good.address(), bad.address()});
  const nlohmann::json group = json_of(weir_here({"plan", "--json"}))["groups"][0];
  ASSERT_EQ(group["actions"].size(), 1U);
  EXPECT_EQ(group["actions"][0]["server"], good.address());
}

TEST_F(Cli, apply_runs_the_hook_of_a_deploy_to_its_end_and_the_next_plan_goes_on) {
  write(fmt::format(R"(
controller: {{state: "{0}"}}
providers: {{here: {{type: memory}}}}
groups:
  - name: app
    provider: here
    version: v1
    min: 1
    max: 2
    deploy: {{hooks: {{before: {{command: [sh, -c, "echo migrated >> {1}"]}}}}}}
)",
                    file("state.db").string(), file("hooks").string()));
  ASSERT_EQ(weir_here({"deploy", "start", "--group", "app", "--version", "v2"}).status, 0);
  EXPECT_EQ(weir_here({"plan", "--out", file("plan.json").string()}).status, 2);
  EXPECT_FALSE(std::filesystem::exists(file("hooks"))) << "a plan changes nothing";
  const CommandResult applied = weir({"apply", file("plan.json").string()});
  EXPECT_EQ(applied.status, 0) << applied.output;
  EXPECT_TRUE(std::filesystem::exists(file("hooks")));
  EXPECT_THAT(weir_here({"deploy", "status", "--group", "app"}).output, HasSubstr("before done"));
  EXPECT_THAT(weir_here({"plan"}).output, Not(HasSubstr("waits for its hook")));
}

TEST_F(Cli, apply_is_refused_after_the_world_moved) {
  const HttpStub one;
  HttpStub two;
  write_fixed({one.address(), two.address()});
  ASSERT_EQ(weir_here({"plan", "--out", file("plan.json").string()}).status, 2);
  two.answer(HttpStub::Answer{.status = 503});
  const CommandResult applied = weir({"apply", file("plan.json").string()});
  EXPECT_EQ(applied.status, 3);
  EXPECT_THAT(applied.output, AllOf(HasSubstr("refused, nothing was done"),
                                    HasSubstr("group app: no longer " + two.address() + " as a peer of the balancers"),
                                    HasSubstr("admit " + two.address()), Not(HasSubstr(one.address()))));
  EXPECT_FALSE(std::filesystem::exists(file("peers.json")));
}

TEST_F(Cli, apply_is_refused_after_the_configuration_changed) {
  const HttpStub one;
  const HttpStub two;
  write_fixed({one.address()});
  ASSERT_EQ(weir_here({"plan", "--out", file("plan.json").string()}).status, 2);
  write_fixed({one.address(), two.address()});
  const CommandResult applied = weir({"apply", file("plan.json").string()});
  EXPECT_EQ(applied.status, 3);
  EXPECT_THAT(applied.output, HasSubstr("changed since the plan was made"));
  EXPECT_FALSE(std::filesystem::exists(file("peers.json")));
}

TEST_F(Cli, apply_is_refused_while_a_controller_holds_the_state) {
  const HttpStub one;
  write_fixed({one.address()});
  ASSERT_EQ(weir_here({"plan", "--out", file("plan.json").string()}).status, 2);
  const auto held = SqliteStore::open({.path = file("state.db")});
  ASSERT_TRUE(held) << held.error().message;
  const CommandResult applied = weir({"apply", file("plan.json").string()});
  EXPECT_EQ(applied.status, 3);
  EXPECT_THAT(applied.output, HasSubstr("refused, nothing was done"));
  EXPECT_FALSE(std::filesystem::exists(file("peers.json")));
}

TEST_F(Cli, apply_takes_only_what_plan_wrote) {
  std::ofstream(file("plan.json")) << "no json";
  EXPECT_EQ(weir({"apply", file("plan.json").string()}).status, 1);
  std::ofstream(file("plan.json")) << R"({"format":1,"groups":[]})";
  const CommandResult result = weir({"apply", file("plan.json").string()});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("weir plan --out"));
}

TEST_F(Cli, a_plan_without_the_providers_list_is_an_error_and_not_nothing_to_do) {
  write(fmt::format(R"(
controller: {{state: "{0}/state.db"}}
providers: {{local: {{type: process, directory: "{0}/servers"}}}}
groups:
  - {{name: app, provider: local, version: v1, server: {{command: [sleep, "{{port}}"], ports: "20000-20001"}}, min: 1, max: 2}}
)",
                    file("here").string()));
  std::filesystem::create_directory(file("here"));
  std::ofstream(file("here") / "servers") << "a file where a directory should be";
  const CommandResult plan = weir_here({"plan"});
  EXPECT_EQ(plan.status, 1) << plan.output;
  EXPECT_THAT(plan.output, HasSubstr("the servers of group app are not known"));
}

TEST_F(Cli, an_unreachable_prometheus_is_no_reason_to_do_anything) {
  write(fmt::format(R"(
controller: {{state: "{}"}}
prometheus: {{url: "http://127.0.0.1:1", timeout: 1s}}
providers: {{cloud: {{type: memory}}}}
groups:
  - name: app
    provider: cloud
    version: v1
    server: {{}}
    min: 0
    max: 3
    policies: [{{name: high, type: threshold, query: load, above: 1, change: +1}}]
)",
                    file("state.db").string()));
  const CommandResult plan = weir_here({"plan", "--json"});
  EXPECT_EQ(plan.status, 0) << plan.output;
  EXPECT_EQ(json_of(plan)["groups"][0]["votes"][0]["desired"], nlohmann::json());
}

// ---- weir test ------------------------------------------------------------------------------------------------------------

/// A file of one test, in which a group of two that is half idle is expected to come to `desired`.
std::string policy_test(int desired) {
  return fmt::format(R"(
group: {{min: 1, max: 9, scale_in: {{stabilization_window: 0s}}, policies: [{{name: cpu, type: target_tracking, query: q, target: 50}}]}}
tests:
  - name: half the load, half the servers
    servers: 2
    series: {{cpu: 25}}
    expect: [{{desired: {}}}]
)",
                     desired);
}

TEST_F(Cli, test_ends_with_0_if_all_is_as_expected) {
  std::ofstream(file("good.yaml")) << policy_test(1);
  const CommandResult result = weir({"test", file("good.yaml"), file("good.yaml")});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output, "2 passed, 0 failed\n");
}

TEST_F(Cli, test_ends_with_1_and_shows_what_is_not_as_expected) {
  std::ofstream(file("good.yaml")) << policy_test(1);
  std::ofstream(file("bad.yaml")) << policy_test(2);
  const CommandResult result = weir({"test", file("bad.yaml"), file("good.yaml")});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("FAILED half the load, half the servers\n"), HasSubstr("bad.yaml:7:14: at 0s"),
                    HasSubstr("desired: expected 2, got 1"), HasSubstr("25 against 50 on 2 servers"), HasSubstr("min_max")));
  EXPECT_TRUE(result.output.ends_with("1 passed, 1 failed\n"));
}

TEST_F(Cli, test_tells_every_error_of_a_wrong_file_and_runs_the_others) {
  std::ofstream(file("good.yaml")) << policy_test(1);
  std::ofstream(file("wrong.yaml")) << "group: {min: 1, max: x}\ntests: [{name: a, expect: [{desird: 1}]}]\n";
  const CommandResult result = weir({"test", file("wrong.yaml"), "/nonexistent/t.yaml", file("good.yaml")});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, AllOf(HasSubstr("wrong.yaml:1:22: group.max: expected a whole number"),
                                   HasSubstr("wrong.yaml:2:29: tests[0].expect[0]"), HasSubstr("/nonexistent/t.yaml"),
                                   HasSubstr("1 passed, 0 failed")));
}

TEST_F(Cli, test_writes_json) {
  std::ofstream(file("bad.yaml")) << policy_test(2);
  const CommandResult result = weir({"test", "--json", file("bad.yaml")});
  EXPECT_EQ(result.status, 1);
  const nlohmann::json parsed = json_of(result);
  EXPECT_EQ(parsed["passed"], 0);
  EXPECT_EQ(parsed["failed"], 1);
  EXPECT_EQ(parsed["tests"][0]["failures"][0]["differences"][0]["got"], "1");
}

TEST_F(Cli, test_needs_a_file) { EXPECT_EQ(weir({"test"}).status, 1); }

// ---- scale, pause, resume -------------------------------------------------------------------------------------------------

/// With a group of imaginary servers, and a controller that runs if it is told to.
class CliOrders : public Cli {
 protected:
  void SetUp() override { write_group("token: secret-of-the-test"); }
  void write_group(const std::string& more) {
    write(fmt::format(R"(
controller: {{state: "{}", interval: 200ms, listen: "127.0.0.1:{}", {}}}
providers: {{cloud: {{type: memory}}}}
groups:
  - {{name: app, provider: cloud, version: v1, server: {{}}, min: 1, max: 4}}
)",
                      file("state.db").string(), port_, more));
  }
  /// Starts `weir run` and waits for its first turn.
  /// True once it has taken a turn; one before it may have left some in the state.
  [[nodiscard]] bool run_controller() {
    const nlohmann::json before = status()["last_turn"];
    const std::string log = file("weir.log").string();
    controller_ = std::jthread([this, log](const std::stop_token& stop) {
      const std::string command = fmt::format("exec '{}' run -c '{}' 2>'{}'", WEIR_PROGRAM, config().string(), log);
      (void)run_command({"sh", "-c", command}, 10min, stop);
    });
    return wait_until(60s, [&] {
      const nlohmann::json last = status()["last_turn"];
      return last.is_string() && last != before;
    });
  }
  void kill_controller() { controller_ = {}; }
  /// By SIGKILL, which nothing can be done about.
  void kill_controller_at_once() {
    int pid = 0;
    std::ifstream(file("state.db.lock")) >> pid;
    ASSERT_GT(pid, 1);
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    kill_controller();
  }
  [[nodiscard]] std::string log() const { return read_file(file("weir.log")).value_or(""); }
  [[nodiscard]] nlohmann::json status() const { return json_of(weir_here({"status", "--json"}))["groups"][0]; }

  int port_ = free_port();

 private:
  std::jthread controller_;
};

TEST_F(CliOrders, without_a_controller_an_order_waits_in_the_state) {
  const CommandResult scaled = weir_here({"scale", "app", "3", "--for", "1h"});
  EXPECT_EQ(scaled.status, 0) << scaled.output;
  EXPECT_THAT(scaled.output, AllOf(HasSubstr("app: held at 3 until 20"), HasSubstr(" by "),
                                   HasSubstr("weir is not running: it will find this when it starts")));
  EXPECT_EQ(status()["hold"]["servers"], 3);
  EXPECT_EQ(status()["paused"], false);
  const nlohmann::json paused = json_of(weir_here({"pause", "app", "--out", "--json"}));
  EXPECT_EQ(paused["direction"], "out");
  EXPECT_TRUE(paused["until"].is_null());
  EXPECT_EQ(status()["pause"]["in"], false);
  EXPECT_THAT(weir_here({"status"}).output, AllOf(HasSubstr("held at 3 until 20"), HasSubstr("paused (out) until resumed by ")));
  EXPECT_THAT(weir_here({"explain", "app"}).output, AllOf(HasSubstr("by hand: held at 3"), HasSubstr("ordered: paused (out)")));
  EXPECT_THAT(weir_here({"history", "app"}).output,
              AllOf(HasSubstr("ordered: held at 3 until"), HasSubstr("ordered: paused (out)")));
  EXPECT_EQ(json_of(weir_here({"history", "app", "--json"}))["changes"][0]["orders"][0]["order"], "pause");

  ASSERT_TRUE(run_controller()) << log();
  EXPECT_TRUE(wait_until(60s, [&] { return status()["servers"].size() == 3; })) << status().dump(1);
  kill_controller();
  const CommandResult resumed = weir_here({"resume", "app"});
  EXPECT_EQ(resumed.status, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("app: resumed by "));
  EXPECT_FALSE(status().contains("hold"));
  EXPECT_EQ(status()["paused"], false);
  EXPECT_EQ(status()["servers"].size(), 3U) << "an order does not make weir forget what it saw";
}

TEST_F(CliOrders, a_controller_that_runs_is_told_obeys_and_remembers) {
  ASSERT_TRUE(run_controller()) << log();
  const CommandResult scaled = weir_here({"scale", "app", "3"});
  EXPECT_EQ(scaled.status, 0) << scaled.output;
  EXPECT_THAT(scaled.output, AllOf(HasSubstr("app: held at 3 until resumed by "), HasSubstr("the weir that runs acts on it now")));
  EXPECT_TRUE(wait_until(60s, [&] { return status()["servers"].size() == 3; })) << log();
  const nlohmann::json paused = json_of(weir_here({"pause", "app", "--in", "--for", "1h", "--json"}));
  EXPECT_EQ(paused["direction"], "in");
  EXPECT_TRUE(paused["until"].is_string());
  EXPECT_TRUE(wait_until(60s, [&] { return status()["paused"] == true; }));
  EXPECT_THAT(log(), AllOf(HasSubstr("event=order group=app"), HasSubstr("from=127.0.0.1")));
  EXPECT_THAT(log(), testing::Not(HasSubstr("secret-of-the-test")));
  EXPECT_THAT(weir_here({"history", "app"}).output, HasSubstr("ordered: paused (in)"));

  kill_controller();
  ASSERT_TRUE(run_controller());
  EXPECT_EQ(status()["hold"]["servers"], 3);
  EXPECT_EQ(status()["pause"]["out"], false);
  EXPECT_EQ(weir_here({"resume", "app"}).status, 0);
  EXPECT_TRUE(wait_until(60s, [&] { return !status().contains("hold") && status()["paused"] == false; }));
}

TEST_F(CliOrders, a_controller_can_be_told_although_the_file_was_spoilt) {
  ASSERT_TRUE(run_controller()) << log();
  std::ofstream(config(), std::ios::app) << "nonsense: 1\n";
  const CommandResult paused = weir_here({"pause", "app"});
  EXPECT_EQ(paused.status, 0) << paused.output;
  EXPECT_THAT(paused.output, AllOf(HasSubstr("nonsense"), HasSubstr("paused (both) until resumed")));
  const CommandResult unknown = weir_here({"pause", "nobody"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_THAT(unknown.output, HasSubstr("nothing was ordered"));
  kill_controller();
  const CommandResult waiting = weir_here({"resume", "app"});
  EXPECT_EQ(waiting.status, 1) << "nobody checks what the next controller is to find";
  EXPECT_THAT(waiting.output, HasSubstr("is not valid"));
}

TEST_F(CliOrders, a_controller_without_a_token_or_with_another_refuses_and_says_why) {
  ASSERT_TRUE(run_controller()) << log();
  write_group("token: guess");
  const CommandResult guessed = weir_here({"pause", "app"});
  EXPECT_EQ(guessed.status, 1);
  EXPECT_THAT(guessed.output, AllOf(HasSubstr("nothing was ordered"), HasSubstr("401"), HasSubstr("controller.token_file")));
  EXPECT_THAT(log(), HasSubstr("order_refused"));
  kill_controller();
  write_group("workers: 1");
  ASSERT_TRUE(run_controller()) << log();
  const CommandResult closed = weir_here({"pause", "app"});
  EXPECT_EQ(closed.status, 1);
  EXPECT_THAT(closed.output, AllOf(HasSubstr("403"), HasSubstr("no token is configured")));
}

// Turns are the loop's own: nobody who hangs on the API is waited for.
TEST_F(CliOrders, turns_go_on_and_orders_are_taken_while_connections_hang) {
  ASSERT_TRUE(run_controller()) << log();
  std::vector<std::unique_ptr<RawClient>> crowd;
  const char* beginnings[] = {"", "GET / HTTP/1.1\r\nX: ", "\x16\x03\x01",
                              "POST /v1/groups/app/pause HTTP/1.1\r\nContent-Length: 9\r\n\r\n{",
                              "GET /v1/groups HTTP/1.1\r\nHost: x\r\n\r\n"};
  for (int count = 0; count < 400; ++count) {
    crowd.push_back(std::make_unique<RawClient>(port_));
    crowd.back()->send(beginnings[count % 5]);
  }
  std::string last = status()["last_turn"];
  for (int turn = 0; turn < 10; ++turn) {
    for (const auto& client : crowd) client->send("a");
    ASSERT_TRUE(wait_until(60s, [&] { return status()["last_turn"] != last; })) << log();
    last = status()["last_turn"];
  }
  const CommandResult scaled = weir_here({"scale", "app", "3"});
  EXPECT_EQ(scaled.status, 0) << scaled.output;
  EXPECT_TRUE(wait_until(60s, [&] { return status()["servers"].size() == 3; })) << log();
}

// Found by killing it: an order was answered before it was saved.
TEST_F(CliOrders, an_order_that_was_taken_outlives_a_kill_right_after) {
  for (int servers = 2; servers <= 4; ++servers) {
    ASSERT_TRUE(run_controller()) << log();
    const CommandResult scaled = weir_here({"scale", "app", std::to_string(servers)});
    kill_controller_at_once();
    ASSERT_EQ(scaled.status, 0) << scaled.output;
    EXPECT_EQ(status()["hold"]["servers"], servers);
  }
}

TEST_F(CliOrders, with_tls_and_tokens_it_is_reached_by_its_configuration_and_from_elsewhere) {
  Certificates certificates;
  ASSERT_EQ(certificates.make(), "");
  std::ofstream(file("token")) << "secret-of-the-test\n";
  std::ofstream(file("reader")) << "only-to-read-of-the-test\n";
  write_group(fmt::format(
      "tls: {{certificate: \"{}\", key: \"{}\"}}, token_file: \"{}\", tokens: [{{name: grafana, role: read, "
      "token_file: \"{}\"}}]",
      certificates.file("server.pem"), certificates.file("server.key"), file("token").string(), file("reader").string()));
  ASSERT_TRUE(run_controller()) << log();
  const CommandResult here = weir_here({"scale", "app", "3"});
  EXPECT_EQ(here.status, 0) << here.output;
  EXPECT_TRUE(wait_until(60s, [&] { return status()["hold"]["servers"] == 3; }));
  EXPECT_THAT(log(), AllOf(HasSubstr("event=order group=app"), HasSubstr("token=token from=127.0.0.1")));
  EXPECT_EQ(json_of(weir_here({"history", "app", "--json"}))["changes"].dump().contains(R"("from":"127.0.0.1")"), true);

  const std::string url = fmt::format("https://127.0.0.1:{}", port_);
  const std::string authority = certificates.file("authority.pem");
  const auto elsewhere = [&](std::vector<std::string> arguments, const std::string& token) {
    arguments.insert(arguments.end(), {"--url", url, "--ca", authority});
    if (!token.empty()) arguments.insert(arguments.end(), {"--token-file", file(token).string()});
    return weir(arguments);
  };
  const CommandResult resumed = elsewhere({"resume", "app"}, "token");
  EXPECT_EQ(resumed.status, 0) << resumed.output;
  const CommandResult watched = elsewhere({"status"}, "reader");
  EXPECT_EQ(watched.status, 0) << watched.output;
  EXPECT_THAT(watched.output, AllOf(HasSubstr("IN_SERVICE"), HasSubstr("app ")));
  EXPECT_EQ(json_of(elsewhere({"status", "--json"}, "reader"))["groups"][0]["name"], "app");
  for (const std::string question : {"explain", "history"}) {
    EXPECT_EQ(elsewhere({question, "app"}, "reader").status, 0);
    const CommandResult without_token = elsewhere({question, "app"}, "");
    EXPECT_EQ(without_token.status, 1);
    EXPECT_THAT(without_token.output, AllOf(HasSubstr("401"), HasSubstr("--token-file")));
  }

  const CommandResult reader = elsewhere({"pause", "app"}, "reader");
  EXPECT_EQ(reader.status, 1);
  EXPECT_THAT(reader.output,
              AllOf(HasSubstr("nothing was ordered"), HasSubstr("403"), HasSubstr("token grafana has the role read")));
  const CommandResult nobody = elsewhere({"status"}, "");
  EXPECT_EQ(nobody.status, 1);
  EXPECT_THAT(nobody.output, AllOf(HasSubstr("401"), HasSubstr("--token-file")));
  const CommandResult distrusting = weir({"status", "--url", url});
  EXPECT_EQ(distrusting.status, 1);
  EXPECT_THAT(distrusting.output, HasSubstr("--ca"));
  const CommandResult plain = weir({"status", "--url", fmt::format("http://127.0.0.1:{}", port_)});
  EXPECT_EQ(plain.status, 1);
  EXPECT_THAT(weir({"status", "--url", "127.0.0.1"}).output, HasSubstr("expected http://HOST:PORT or https://HOST:PORT"));
}

TEST_F(CliOrders, explain_and_history_tell_the_same_on_its_machine_and_from_elsewhere) {
  ASSERT_TRUE(run_controller()) << log();
  EXPECT_EQ(weir_here({"scale", "app", "3", "--for", "1h"}).status, 0);
  EXPECT_TRUE(wait_until(60s, [&] { return status()["servers"].size() == 3; })) << status().dump(1);
  const auto elsewhere = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--url", fmt::format("http://127.0.0.1:{}", port_)});
    return weir(std::move(arguments));
  };

  const nlohmann::json changes = json_of(elsewhere({"history", "app", "--json"}));
  EXPECT_EQ(changes, json_of(weir_here({"history", "app", "--json"}))) << "there are three servers: nothing changes any more";
  EXPECT_EQ(changes["group"], "app");
  ASSERT_GE(changes["changes"].size(), 2U);
  EXPECT_GT(changes["changes"][0]["turn"], changes["changes"][1]["turn"]);
  EXPECT_EQ(json_of(elsewhere({"history", "app", "--limit", "1", "--json"}))["changes"].size(), 1U);
  EXPECT_THAT(elsewhere({"history", "app"}).output, HasSubstr("ordered: held at 3 until"));

  // Turns go on meanwhile; each is told alike.
  nlohmann::json there;
  EXPECT_TRUE(wait_until(60s, [&] {
    there = json_of(elsewhere({"explain", "app", "--json"}));
    return there == json_of(weir_here({"explain", "app", "--json"}));
  })) << there.dump(1);
  EXPECT_EQ(there["desired"], 3);
  EXPECT_GT(there["turn"], changes["changes"][0]["turn"]);
  EXPECT_THAT(elsewhere({"explain", "app"}).output, AllOf(HasSubstr("by hand: held at 3 until"), HasSubstr("operator")));

  for (const char* question : {"explain", "history"}) {
    const CommandResult unknown = elsewhere({question, "nobody"});
    EXPECT_EQ(unknown.status, 1);
    EXPECT_THAT(unknown.output, AllOf(HasSubstr("404"), HasSubstr("there is no group nobody")));
  }
}

// What a controller makes of real turns is checked by the same document as what the tests of the API make up.
TEST_F(CliOrders, what_a_controller_that_runs_answers_is_as_documented) {
  write(fmt::format(R"(
controller: {{state: "{}", interval: 200ms, listen: "127.0.0.1:{}", token: secret-of-the-test}}
providers: {{cloud: {{type: memory}}}}
groups:
  - name: app
    provider: cloud
    version: v1
    server: {{}}
    min: 1
    max: 4
    cost: {{per_hour: 0.25, currency: EUR}}
    policies: [{{name: always, type: schedule, cron: "* * * * *", duration: 1h, min: 2}}]
    balancers: [{{type: file_sd, file: "{}"}}]
)",
                    file("state.db").string(), port_, file("peers.json").string()));
  ASSERT_TRUE(run_controller()) << log();
  EXPECT_EQ(weir_here({"scale", "app", "3", "--for", "1h"}).status, 0);
  EXPECT_EQ(weir_here({"pause", "app", "--in"}).status, 0);
  EXPECT_EQ(weir_here({"deploy", "start", "--group", "app", "--version", "v2"}).status, 0);
  EXPECT_TRUE(wait_until(60s, [&] { return status()["servers"].dump().contains("v2"); })) << status().dump(1);

  HttpClient http;
  const OpenApiDocument document;
  for (const std::string& documented : document.paths()) {
    if (!document.operation(documented, "get")) continue;
    std::string path = documented;
    for (const auto& [parameter, value] : {std::pair("{group}", "app"), std::pair("{file}", "main.js")}) {
      if (const std::size_t at = path.find(parameter); at != std::string::npos)
        path.replace(at, std::string(parameter).size(), value);
    }
    const auto answer = http.fetch({.url = fmt::format("http://127.0.0.1:{}{}?since=2026-01-01T00:00:00Z", port_, path),
                                    .timeout = 60s,
                                    .keep_headers = true});
    ASSERT_TRUE(answer) << path << ": " << answer.error().message;
    EXPECT_EQ(answer->status, 200) << path;
    EXPECT_THAT(
        document.complaints(documented, "get", ApiResponse{answer->status, answer->content_type, answer->body, answer->headers}),
        IsEmpty())
        << path << ": " << answer->body;
  }
}

TEST_F(CliOrders, a_backup_is_taken_while_it_runs_and_restored_when_it_does_not) {
  ASSERT_TRUE(run_controller()) << log();
  EXPECT_EQ(weir_here({"scale", "app", "3"}).status, 0);
  const std::string copy = file("copy.db").string();
  const CommandResult made = weir_here({"state", "backup", copy});
  EXPECT_EQ(made.status, 0) << made.output;
  EXPECT_THAT(made.output, HasSubstr("a checked copy of"));
  EXPECT_EQ(weir_here({"state", "backup", copy}).status, 1);
  EXPECT_EQ(json_of(weir_here({"state", "backup", copy, "--replace", "--json"}))["groups"], 1);
  EXPECT_EQ(weir_here({"resume", "app"}).status, 0);
  const CommandResult held = weir_here({"state", "restore", copy});
  EXPECT_EQ(held.status, 1);
  EXPECT_THAT(held.output, AllOf(HasSubstr("nothing was restored"), HasSubstr("pid"), HasSubstr("stop it first")));
  kill_controller();
  EXPECT_FALSE(status().contains("hold"));
  const nlohmann::json restored = json_of(weir_here({"state", "restore", copy, "--json"}));
  EXPECT_EQ(status()["hold"]["servers"], 3);
  EXPECT_TRUE(std::filesystem::exists(std::string(restored["kept"])));
  ASSERT_TRUE(run_controller()) << log();
  EXPECT_EQ(status()["hold"]["servers"], 3);
}

TEST_F(Cli, the_state_of_another_store_is_not_copied) {
  write(
      "controller: {state: \"etcd://127.0.0.1:2379/weir\"}\nproviders: {cloud: {type: memory}}\ngroups: [{name: app, provider: "
      "cloud, server: {}, min: 1, max: 3}]\n");
  for (const char* word : {"backup", "restore"}) {
    const CommandResult refused = weir_here({"state", word, file("copy.db").string()});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.output, HasSubstr("is no file"));
  }
}

/// A program on a terminal of so many characters.
class OnTerminal {
 public:
  OnTerminal(std::vector<std::string> arguments, unsigned short width, const std::map<std::string, std::string>& environment) {
    const winsize size{24, width, 0, 0};
    child_ = ::forkpty(&file_, nullptr, nullptr, &size);
    if (child_ != 0) return;
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> words;
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  ~OnTerminal() {
    if (child_ > 0) ::kill(child_, SIGKILL);
    if (child_ > 0) (void)::waitpid(child_, nullptr, 0);
    ::close(file_);
  }
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;

  /// What it has written when that has come, or when it has ended.
  std::string read_until(const std::string& text) {
    while (!seen_.contains(text) && read_some()) {
    }
    return seen_;
  }
  void press_ctrl_c() { (void)!::write(file_, "\x03", 1); }
  int wait() {
    while (read_some()) {
    }
    int status = -1;
    (void)::waitpid(std::exchange(child_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  [[nodiscard]] const std::string& seen() const { return seen_; }

 private:
  bool read_some() {
    std::array<char, 4096> part{};
    const ssize_t count = ::read(file_, part.data(), part.size());
    if (count > 0) seen_.append(part.data(), static_cast<std::size_t>(count));
    return count > 0;
  }
  int file_ = -1;
  pid_t child_ = -1;
  std::string seen_;
};

TEST_F(CliOrders, watch_draws_in_place_and_ends_cleanly_with_ctrl_c) {
  ASSERT_TRUE(run_controller()) << log();
  const std::vector<std::string> watch{WEIR_PROGRAM, "status", "--watch", "-c", config().string()};
  OnTerminal terminal(watch, 70, {{"TERM", "xterm"}, {"LC_ALL", "C.UTF-8"}});
  EXPECT_THAT(terminal.read_until("app "), HasSubstr("\x1b[?25l"));
  EXPECT_THAT(terminal.read_until("▁"), HasSubstr("▁"));
  terminal.press_ctrl_c();
  EXPECT_EQ(terminal.wait(), 0);
  EXPECT_TRUE(terminal.seen().contains("\x1b[?25h")) << "the cursor is back";

  OnTerminal dumb(watch, 70, {{"TERM", "dumb"}, {"LC_ALL", "C.UTF-8"}});
  (void)dumb.read_until("app ");
  (void)dumb.read_until("\n");
  dumb.press_ctrl_c();
  EXPECT_EQ(dumb.wait(), 0);
  EXPECT_FALSE(dumb.seen().contains("\x1b")) << dumb.seen();
  EXPECT_FALSE(dumb.seen().contains("▁")) << dumb.seen();

  OnTerminal plain(watch, 70, {{"TERM", "xterm"}, {"LC_ALL", "C"}, {"NO_COLOR", "1"}});
  (void)plain.read_until("app ");
  plain.press_ctrl_c();
  EXPECT_EQ(plain.wait(), 0);
  EXPECT_FALSE(plain.seen().contains("\x1b[2m")) << plain.seen();
}

TEST_F(CliOrders, watch_without_a_terminal_appends_pictures) {
  ASSERT_TRUE(run_controller()) << log();
  const auto watched = run_command(
      {"sh", "-c", fmt::format("'{}' status --watch -c '{}' | {{ grep -m3 GROUP; }}", WEIR_PROGRAM, config().string())}, 60s);
  ASSERT_TRUE(watched) << watched.error().message;
  EXPECT_FALSE(watched->output.contains("\x1b"));
  EXPECT_EQ(std::ranges::count(watched->output, '\n'), 3);
}

TEST_F(CliOrders, a_state_that_is_held_by_something_that_does_not_answer_is_left_alone) {
  const auto held = SqliteStore::open({.path = file("state.db")});
  ASSERT_TRUE(held) << held.error().message;
  const CommandResult paused = weir_here({"pause", "app"});
  EXPECT_EQ(paused.status, 1);
  EXPECT_THAT(paused.output,
              AllOf(HasSubstr("nothing was ordered"), HasSubstr("another weir controller"), HasSubstr("127.0.0.1:")));
}

TEST_F(CliOrders, what_makes_no_sense_is_refused_and_writes_nothing) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"scale", "app", "5"}, "at least 1 and at most 4"},
      {{"scale", "app", "0"}, "at least 1 and at most 4"},
      {{"scale", "app", "-1"}, "servers"},
      {{"scale", "app", "100001"}, "servers"},
      {{"scale", "app", "many"}, "servers"},
      {{"scale", "app"}, "servers"},
      {{"scale", "nobody", "2"}, "there are: app"},
      {{"resume", "nobody"}, "there are: app"},
      {{"pause", "app", "--for", "3600"}, "--for: expected a duration with units, like 90s or 1h30m, found '3600'"},
      {{"pause", "app", "--for", "0s"}, "--for: expected"},
      {{"resume", "app", "--for", "1h"}, "--for"},
  };
  for (const auto& [words, message] : cases) {
    const CommandResult refused = weir_here(words);
    EXPECT_EQ(refused.status, 1) << fmt::format("{}", fmt::join(words, " "));
    EXPECT_THAT(refused.output, HasSubstr(message));
  }
  EXPECT_FALSE(std::filesystem::exists(file("state.db")));
}

TEST_F(CliOrders, an_order_that_ended_while_weir_was_away_is_not_shown) {
  ASSERT_EQ(weir_here({"pause", "app", "--for", "1ms"}).status, 0);
  EXPECT_TRUE(wait_until(60s, [&] { return status()["paused"] == false; }));
}

// ---- deploy ---------------------------------------------------------------------------------------------------------------

TEST_F(CliOrders, a_deploy_waits_in_the_state_for_the_next_controller) {
  const CommandResult none = weir_here({"deploy", "status", "--group", "app"});
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.output, HasSubstr("group app has had no deploy"));
  const CommandResult started = weir_here({"deploy", "start", "--group", "app", "--version", "v2", "--strategy", "canary"});
  EXPECT_EQ(started.status, 0) << started.output;
  EXPECT_THAT(started.output, AllOf(HasSubstr("app: deploy of v2 (canary) by "),
                                    HasSubstr("weir is not running: it will find this when it starts")));
  const nlohmann::json deploy = json_of(weir_here({"deploy", "status", "--group", "app", "--json"}));
  EXPECT_EQ(deploy["group"], "app");
  EXPECT_EQ(deploy["version"], "v2");
  EXPECT_EQ(deploy["from"], "v1");
  EXPECT_EQ(deploy["strategy"], "canary");
  EXPECT_EQ(deploy["direction"], "forward");
  EXPECT_EQ(deploy["end"], "none");
  EXPECT_EQ(deploy["servers"].size(), 2U);
  EXPECT_THAT(weir_here({"deploy", "status", "--group", "app"}).output,
              AllOf(HasSubstr("app: canary v1 → v2\n"), HasSubstr("IN_SERVICE")));
  EXPECT_EQ(status()["deploy"]["version"], "v2");
  EXPECT_THAT(weir_here({"status"}).output, HasSubstr("deploy: canary v1 → v2, 0 of "));
  EXPECT_THAT(weir_here({"explain", "app"}).output,
              AllOf(HasSubstr("  deploy: canary v1 → v2"), HasSubstr("ordered: deploy of v2")));
  EXPECT_THAT(weir_here({"history", "app"}).output, HasSubstr("ordered: deploy of v2 (canary) by "));

  EXPECT_EQ(json_of(weir_here({"deploy", "promote", "--group", "app", "--json"}))["order"], "promote");
  EXPECT_EQ(json_of(weir_here({"deploy", "status", "--group", "app", "--json"}))["promoted"], true);
  EXPECT_EQ(json_of(weir_here({"deploy", "start", "--group", "app", "--version", "v3", "--json"}))["version"], "v3");
  EXPECT_EQ(status()["deploy"]["replaced"], nlohmann::json({"v2"}));
  EXPECT_EQ(weir_here({"deploy", "abort", "--group", "app"}).status, 0);
  EXPECT_THAT(weir_here({"status"}).output, HasSubstr("deploy: going back from v3 to v1: aborted by "));
}

TEST_F(CliOrders, a_deploy_that_makes_no_sense_is_refused_and_writes_nothing) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"start", "--group", "app", "--version", "v1"}, "group app runs v1 already, and no deploy is under way"},
      {{"start", "--group", "app", "--version", "v 2"}, "version: expected a letter or digit"},
      {{"start", "--group", "nobody", "--version", "v2"}, "there are: app"},
      {{"start", "--group", "app", "--version", "v2", "--wait"}, "no controller runs that could be waited for"},
      {{"promote", "--group", "app"}, "no deploy is under way in group app"},
      {{"abort", "--group", "app"}, "no deploy is under way in group app"},
      {{"status", "--group", "nobody"}, "there are: app"},
  };
  for (auto [words, message] : cases) {
    words.insert(words.begin(), "deploy");
    const CommandResult refused = weir_here(words);
    EXPECT_EQ(refused.status, 1) << fmt::format("{}", fmt::join(words, " "));
    EXPECT_THAT(refused.output, HasSubstr(message));
  }
  EXPECT_EQ(weir_here({"deploy", "status", "--group", "app"}).status, 1) << "nothing was written";
  ASSERT_EQ(weir_here({"deploy", "start", "--group", "app", "--version", "v2"}).status, 0);
  EXPECT_THAT(weir_here({"deploy", "start", "--group", "app", "--version", "v2"}).output,
              HasSubstr("nothing was ordered: group app: the deploy of v2 is already under way"));
  write_fixed({"127.0.0.1:1"});
  EXPECT_THAT(weir_here({"deploy", "start", "--group", "app", "--version", "v9"}).output,
              HasSubstr("its servers are a fixed list"));
}

TEST_F(CliOrders, a_deploy_that_was_ordered_while_no_controller_ran_is_told_by_the_next) {
  ASSERT_TRUE(run_controller()) << log();
  kill_controller();
  ASSERT_EQ(weir_here({"deploy", "start", "--group", "app", "--version", "v2"}).status, 0);
  ASSERT_TRUE(run_controller()) << log();
  EXPECT_TRUE(wait_until(60s, [&] { return log().contains("event=deploy_started group=app"); })) << log();
}

TEST_F(CliOrders, a_controller_that_runs_is_told_of_a_deploy) {
  ASSERT_TRUE(run_controller()) << log();
  const CommandResult started = weir_here({"deploy", "start", "--group", "app", "--version", "v2"});
  EXPECT_EQ(started.status, 0) << started.output;
  EXPECT_THAT(started.output, AllOf(HasSubstr("app: deploy of v2 by "), HasSubstr("the weir that runs acts on it now")));
  const CommandResult again = weir_here({"deploy", "start", "--group", "app", "--version", "v2"});
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.output, AllOf(HasSubstr("nothing was ordered"), HasSubstr("409"))) << "whether or not a turn has obeyed it";
  EXPECT_TRUE(wait_until(60s, [&] { return status()["deploy"]["version"] == "v2"; })) << status().dump(1);
  EXPECT_TRUE(wait_until(60s, [&] { return log().contains("event=deploy_started group=app"); })) << log();
  EXPECT_THAT(log(), HasSubstr("event=order group=app order=\"deploy of v2 by "));
}

/// A group of three servers of a provider that keeps records of them in files; all answer their health checks.
class CliDeployPlan : public Cli {
 protected:
  void SetUp() override {
    write_group("");
    std::filesystem::create_directories(records());
    for (int number = 1; number <= 3; ++number) {
      std::ofstream(records() / fmt::format("s{}", number)) << fmt::format(
          R"({{"id":"s{0}","token":"s{0}","group":"app","version":"v1","phase":"warming","address":"{1}","launched_at":{2}}})",
          number, apps_.at(static_cast<std::size_t>(number - 1)).address(), 1'700'000'000 + number);
    }
  }
  void write_group(const std::string& more) const {
    write(fmt::format(R"(
controller: {{state: "{}"}}
providers:
  own: {{type: exec, command: [sh, "{}/examples/providers/records.sh"]}}
  aws: {{type: aws_asg, region: eu-central-1}}
groups:
  - name: app
    provider: own
    version: v1
    server: {{}}
    min: 1
    max: 5
    health: {{http: /health, interval: 1s, timeout: 1s, healthy_after: 1, unhealthy_after: 1}}
    {}
)",
                      file("state.db").string(), WEIR_SOURCE_DIR, more));
  }
  CommandResult plan(std::vector<std::string> more) const {
    more.insert(more.begin(), {"deploy", "plan", "--group", "app"});
    return weir_here(more);
  }
  std::filesystem::path records() const { return file("servers") / "own" / "servers"; }
  std::ptrdiff_t record_count() const { return std::distance(std::filesystem::directory_iterator(records()), {}); }

 private:
  std::array<HttpStub, 3> apps_;
};

TEST_F(CliDeployPlan, shows_every_step_from_the_servers_of_now_and_changes_nothing) {
  const CommandResult result = plan({"--version", "v2"});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr("app: rolling v1 → v2, from the servers of now, at 3 of them"), HasSubstr("s1 "),
                    HasSubstr("v2 done"), HasSubstr("at most 4 servers at once, at least 3 in service; nothing was changed")));
  EXPECT_FALSE(std::filesystem::exists(file("state.db")));
  EXPECT_EQ(record_count(), 3);
}

TEST_F(CliDeployPlan, json_has_the_steps_of_another_strategy) {
  const nlohmann::json json = json_of(plan({"--version", "v2", "--strategy", "blue_green", "--json"}));
  EXPECT_EQ(json["strategy"], "blue_green");
  EXPECT_EQ(json["end"], "done") << json.dump(1);
  EXPECT_EQ(json["servers_max"], 6);
  EXPECT_EQ(json["in_service_min"], 3);
  std::vector<std::string> steps;
  for (const auto& step : json["steps"]) steps.push_back(step["what"]);
  EXPECT_EQ(std::ranges::count(steps, "launch"), 3) << json.dump(1);
  EXPECT_EQ(std::ranges::count(steps, "switch"), 1);
  EXPECT_EQ(std::ranges::count(steps, "terminate"), 3);
}

TEST_F(CliDeployPlan, refuses_what_start_refuses) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"--version", "v1"}, "group app runs v1 already, and no deploy is under way"},
      {{"--version", "v 2"}, "version: expected a letter or digit"},
      {{"--version", "v2", "--strategy", "hope"}, "--strategy"},
      {{}, "--version"},
  };
  for (const auto& [words, message] : cases) {
    const CommandResult refused = plan(words);
    EXPECT_EQ(refused.status, 1) << message;
    EXPECT_THAT(refused.output, HasSubstr(message));
  }
  const CommandResult nobody = weir_here({"deploy", "plan", "--group", "nobody", "--version", "v2"});
  EXPECT_EQ(nobody.status, 1);
  EXPECT_THAT(nobody.output, HasSubstr("there are: app"));
  write_group(
      R"(balancers: [{type: aws_target_group, provider: aws, arn: "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/app/73e2"}])");
  EXPECT_THAT(plan({"--version", "v2", "--strategy", "canary"}).output, HasSubstr("a canary needs balancers"));
  write_fixed({"127.0.0.1:1"});
  const CommandResult fixed = plan({"--version", "v2"});
  EXPECT_EQ(fixed.status, 1);
  EXPECT_THAT(fixed.output, HasSubstr("its servers are a fixed list"));
}

TEST_F(CliDeployPlan, without_a_list_of_servers_nothing_is_said) {
  std::filesystem::remove_all(records());
  std::ofstream(records()) << "no directory";
  const CommandResult result = plan({"--version", "v2"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("the servers of group app are not known, so nothing can be said of a deploy: "));
}

/// A stand-in for a controller whose deploy goes as the test says.
class CliDeployWait : public Cli {
 protected:
  void SetUp() override {
    write(fmt::format(R"(
controller: {{state: "{}", listen: "{}", token: secret-of-the-test}}
providers: {{cloud: {{type: memory}}}}
groups:
  - {{name: app, provider: cloud, version: v1, server: {{}}, min: 1, max: 4}}
)",
                      file("state.db").string(), controller_.address()));
    auto held = SqliteStore::open({.path = file("state.db")});
    ASSERT_TRUE(held) << held.error().message;
    held_ = std::move(*held);
  }
  /// What it answers to one look after the other; the last one for ever.
  void goes(std::vector<nlohmann::json> looks) {
    controller_.answer([looks = std::move(looks), asked = std::make_shared<std::atomic<std::size_t>>(0)](
                           const HttpStub::Request& request) -> HttpStub::Answer {
      if (request.method == "POST") return {.status = 202, .body = R"({"at": "2026-03-01T09:30:00.000Z"})"};
      if (request.target != "/v1/groups/app/deploys/current") return {.status = 404, .body = "{}"};
      const nlohmann::json& look = looks.at(std::min(asked->fetch_add(1), looks.size() - 1));
      if (look.is_null()) return {.status = 503, .body = R"({"detail": "weir is starting"})"};
      return {.status = 200, .body = look.dump()};
    });
  }
  /// The deploy of v2 that the order at 09:30 began.
  static nlohmann::json deploy(nlohmann::json more = {}) {
    nlohmann::json one = {
        {"version", "v2"}, {"from", "v1"}, {"started_at", "2026-03-01T09:30:00.000Z"}, {"direction", "forward"}, {"end", "none"}};
    if (more.is_object()) one.update(more);
    return one;
  }
  static nlohmann::json done() { return deploy({{"end", "done"}, {"ended_at", "2026-03-01T09:31:00.000Z"}}); }
  static nlohmann::json went_back(const std::string& why) {
    return deploy({{"end", "went_back"}, {"direction", "back"}, {"why_back", why}, {"ended_at", "2026-03-01T09:31:00.000Z"}});
  }
  /// One that ended an hour before.
  static nlohmann::json before() {
    return deploy({{"version", "v1"},
                   {"from", "v0"},
                   {"started_at", "2026-03-01T08:00:00.000Z"},
                   {"end", "done"},
                   {"ended_at", "2026-03-01T08:30:00.000Z"}});
  }
  CommandResult start(const std::string& version = "v2") const {
    return weir_here({"deploy", "start", "--group", "app", "--version", version, "--wait"});
  }

 private:
  HttpStub controller_;
  std::unique_ptr<SqliteStore> held_;
};

TEST_F(CliDeployWait, ends_with_0_once_the_deploy_is_done) {
  goes({nullptr, before(), deploy({{"waits", "v2 to be healthy"}}), done()});
  const CommandResult result = start();
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("app: deploy of v2 by "), HasSubstr("waits: v2 to be healthy"),
                                   HasSubstr("app: the deploy of v2 is done")));
}

TEST_F(CliDeployWait, ends_with_1_and_the_reason_once_it_went_back) {
  goes({deploy(), went_back("5 % errors")});
  const CommandResult result = start();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("app: the deploy of v2 went back to v1: 5 % errors"));
}

TEST_F(CliDeployWait, ends_with_1_once_another_took_its_place) {
  goes({deploy(), deploy({{"version", "v3"}, {"started_at", "2026-03-01T09:30:30.000Z"}})});
  const CommandResult result = start();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("app: the deploy of v3 took its place"));
}

TEST_F(CliDeployWait, a_deploy_of_the_version_it_came_from_is_done_when_it_went_back) {
  const nlohmann::json earlier = {{"started_at", "2026-03-01T09:00:00.000Z"}};
  nlohmann::json back = went_back("ops asked for v1 again");
  back.update(earlier);
  goes({deploy(earlier), back});
  const CommandResult result = start("v1");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("went back to v1"));
}

TEST_F(CliDeployWait, abort_ends_with_0_once_it_went_back_and_promote_with_1) {
  nlohmann::json back = went_back("aborted by ops");
  back["started_at"] = "2026-03-01T09:00:00.000Z";
  goes({before(), back});
  EXPECT_EQ(weir_here({"deploy", "abort", "--group", "app", "--wait"}).status, 0);
  goes({before(), back});
  const CommandResult promoted = weir_here({"deploy", "promote", "--group", "app", "--wait", "--json"});
  EXPECT_EQ(promoted.status, 1);
  EXPECT_THAT(promoted.output, AllOf(HasSubstr("aborted by ops"), HasSubstr("\"end\":\"went_back\"")));
}

// ---- explain and history of a controller elsewhere ------------------------------------------------------------------------

/// In whose place a stub answers one request after the other.
class CliElsewhere : public Cli {
 protected:
  static TimePoint at(int turn) { return TimePoint{std::chrono::milliseconds{1'772'357'400'000}} + turn * 1s; }
  static std::string decision(int turn) {
    return numbered_json(record_json({.group = "app", .at = at(turn), .orders = {{.kind = Order::Kind::resume}}}), turn);
  }
  /// The turns from `newest` down to `oldest`.
  static std::string decisions(int newest, int oldest) {
    std::string list;
    for (int turn = newest; turn >= oldest; --turn) list += (list.empty() ? "" : ",") + decision(turn);
    return R"({"decisions":[)" + list + "]}";
  }
  void answers(std::map<std::string, std::string> bodies) {
    controller_.answer([bodies = std::move(bodies)](const HttpStub::Request& request) -> HttpStub::Answer {
      const auto found = bodies.find(request.target);
      if (found == bodies.end()) return {.status = 404, .body = R"({"detail":"not asked by this test"})"};
      return {.status = 200, .body = found->second, .content_type = "application/json"};
    });
  }
  CommandResult ask(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--url", controller_.url()});
    return weir(std::move(arguments));
  }

 private:
  HttpStub controller_;
};

TEST_F(CliElsewhere, history_asks_page_by_page_until_it_has_enough_or_there_is_no_more) {
  const std::string path = "/v1/groups/app/decisions";
  const std::map<std::string, std::string> pages = {
      {path + "?changes=true&limit=100", decisions(500, 401)},
      {path + "?changes=true&limit=100&before=2026-03-01T09%3A36%3A41.000Z", decisions(400, 301)},
      {path + "?changes=true&limit=50&before=2026-03-01T09%3A35%3A01.000Z", decisions(300, 271)},
      {path + "?changes=true&limit=5&before=2026-03-01T09%3A35%3A01.000Z", decisions(300, 296)},
      {path + "?limit=1", decisions(512, 512)},
  };
  answers(pages);
  const nlohmann::json all = json_of(ask({"history", "app", "--limit", "250", "--json"}))["changes"];
  ASSERT_EQ(all.size(), 230U);
  for (std::size_t index = 0; index < all.size(); ++index) EXPECT_EQ(all[index]["turn"], 500 - index);
  const nlohmann::json enough = json_of(ask({"history", "app", "--limit", "205", "--json"}))["changes"];
  ASSERT_EQ(enough.size(), 205U);
  EXPECT_EQ(enough.back()["turn"], 296);
  const CommandResult text = ask({"history", "app", "--limit", "205"});
  EXPECT_EQ(text.status, 0) << text.output;
  EXPECT_THAT(text.output, AllOf(HasSubstr("12 turns without change"), HasSubstr("resumed")));
}

TEST_F(CliElsewhere, a_group_of_any_name_is_asked_for) {
  answers({{"/v1/groups/a%2Fb/decisions?limit=1", R"({"decisions":[]})"}});
  const CommandResult none = ask({"explain", "a/b"});
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.output, HasSubstr("group a/b has had no turn yet"));
}

TEST_F(CliElsewhere, what_is_no_answer_of_weirs_is_an_error) {
  for (const std::string body :
       {"", "<html>", "[]", "{}", R"({"decisions":{}})", R"({"decisions":[1]})",
        R"({"decisions":[{"at":"2026-03-01T09:30:00.000Z"}]})", R"({"decisions":[{"turn":1,"at":"noon"}]})"}) {
    answers({{"/v1/groups/app/decisions?limit=1", body}, {"/v1/groups/app/decisions?changes=true&limit=20", body}});
    for (const char* question : {"explain", "history"}) {
      const CommandResult result = ask({question, "app"});
      EXPECT_EQ(result.status, 1) << body;
      EXPECT_THAT(result.output, HasSubstr("is not answered as weir would")) << body;
    }
  }
  answers({{"/v1/groups/app/decisions?limit=1", decisions(7, 7)}, {"/v1/groups/app", "<html>"}});
  EXPECT_THAT(ask({"explain", "app"}).output, HasSubstr("/v1/groups/app is not answered as weir would"));
  // One of a later version.
  answers({{"/v1/groups/app/decisions?limit=1", R"({"decisions":[{"format":9,"turn":1,"at":"2026-03-01T09:30:00.000Z"}]})"},
           {"/v1/groups/app", "{}"}});
  const CommandResult later = ask({"explain", "app"});
  EXPECT_EQ(later.status, 1);
  EXPECT_THAT(later.output, HasSubstr("has format 9"));
}

TEST_F(CliElsewhere, nobody_there_is_an_error_that_says_so) {
  for (const char* question : {"explain", "history"}) {
    const CommandResult result = weir({question, "app", "--url", fmt::format("http://127.0.0.1:{}", free_port())});
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.output, HasSubstr("no weir answers at http://127.0.0.1:"));
    EXPECT_THAT(weir({question, "app", "--url", "127.0.0.1"}).output, HasSubstr("expected http://HOST:PORT or https://HOST:PORT"));
  }
}

// ---- import

constexpr const char* kAutoscaler = R"(apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web, labels: {team: shop}}
spec: {scaleTargetRef: {kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 9, targetCPUUtilizationPercentage: 60}
)";

TEST_F(Cli, import_writes_groups_to_standard_output) {
  std::ofstream(file("hpa.yaml")) << kAutoscaler;
  const CommandResult result = weir({"import", "hpa", file("hpa.yaml").string()});
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("\ngroups:\n"), HasSubstr("  - name: web\n"), HasSubstr("metadata.labels")));
  const nlohmann::json json = json_of(weir({"import", "--json", "hpa", file("hpa.yaml").string()}));
  EXPECT_EQ(json["groups"][0]["max"], 9);
  EXPECT_EQ(json["not_carried_over"][0]["path"], "metadata.labels");
}

TEST_F(Cli, import_reads_standard_input) {
  std::ofstream(file("hpa.yaml")) << kAutoscaler;
  const std::string command = fmt::format("'{}' import hpa - < '{}'", WEIR_PROGRAM, file("hpa.yaml").string());
  const auto result = run_command({"sh", "-c", command}, 10min);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 0) << result->output;
  EXPECT_THAT(result->output, HasSubstr("from Kubernetes autoscalers, standard input."));
}

TEST_F(Cli, import_writes_nothing_of_what_it_does_not_understand) {
  std::ofstream(file("asg.json")) << R"({"PolicyName": "cpu", "PolicyType": "Magic"})";
  const std::string name = file("asg.json").string();
  const CommandResult result = weir({"import", "asg", name});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr(name + ":1:37: PolicyType: expected TargetTrackingScaling"));
  const auto silent = run_command({"sh", "-c", fmt::format("'{}' import asg --json '{}' 2>/dev/null", WEIR_PROGRAM, name)}, 10min);
  ASSERT_TRUE(silent);
  EXPECT_EQ(silent->status, 1);
  EXPECT_EQ(silent->output, "");
  EXPECT_EQ(weir({"import", "nomad", name}).status, 1);
  EXPECT_EQ(weir({"import", "hpa"}).status, 1);
  const CommandResult missing = weir({"import", "hpa", file("nothing").string()});
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.output, HasSubstr("cannot open"));
  EXPECT_EQ(weir({"import", "hpa", file(".").string()}).status, 1);
}

// ---- orphans --------------------------------------------------------------------------------------------------------------

/// Real processes of a group that is then taken out of the configuration.
class OrphansCli : public Cli {
 protected:
  void write_processes(const std::string& group) const {
    write(fmt::format(R"(
controller: {{state: "{}"}}
providers: {{local: {{type: process, directory: "{}"}}}}
groups:
  - name: {}
    provider: local
    version: v1
    server: {{command: [sleep, "{{port}}"], ports: "{}-{}", stop_grace: 0s}}
    min: 1
    max: 1
)",
                      file("state.db").string(), file("servers").string(), group, port_, port_));
  }

  const int port_ = free_port();
};

TEST_F(OrphansCli, servers_of_a_group_that_is_gone_are_shown_and_removed) {
  write_processes("old");
  ASSERT_EQ(weir_here({"plan", "--out", file("plan.json").string()}).status, 2);
  ASSERT_EQ(weir({"apply", file("plan.json").string()}).status, 0);
  EXPECT_THAT(weir_here({"orphans"}).output, HasSubstr("no orphans"));
  write_processes("fresh");
  const CommandResult shown = weir_here({"orphans"});
  EXPECT_EQ(shown.status, 2) << shown.output;
  EXPECT_THAT(shown.output, AllOf(HasSubstr("PROVIDER"), HasSubstr("no group old is configured for provider local")));
  const nlohmann::json listed = json_of(weir_here({"orphans", "--json"}));
  ASSERT_EQ(listed["orphans"].size(), 1U);
  EXPECT_EQ(listed["orphans"][0]["group"], "old");
  const CommandResult removed = weir_here({"orphans", "--remove"});
  EXPECT_EQ(removed.status, 0) << removed.output;
  EXPECT_THAT(removed.output, HasSubstr("removed " + listed["orphans"][0]["server"].get<std::string>()));
  EXPECT_EQ(weir_here({"orphans"}).status, 0);
}

TEST_F(OrphansCli, a_provider_that_cannot_be_asked_is_an_error_and_not_an_empty_list) {
  write_processes("old");
  std::ofstream(file("servers")) << "not a directory";
  const CommandResult asked = weir_here({"orphans"});
  EXPECT_EQ(asked.status, 1);
  EXPECT_THAT(asked.output, HasSubstr("provider local"));
  EXPECT_THAT(asked.output, Not(HasSubstr("no orphans")));
}

}  // namespace
}  // namespace weir
