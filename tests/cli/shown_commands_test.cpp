// The commands that pages show beside their text (API, backups, orders by hand, deploys, …) do what the pages say.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "platform/command.h"
#include "platform/file.h"
#include "tests/docs/documents.h"
#include "tests/support/free_port.h"
#include "tests/support/http_stub.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ContainsRegex;
using testing::HasSubstr;

/// Before a page's own commands. What is started ends with the shell, however that ends. systemd's service is a program of the
/// shell's own, and whoever calls already is who may.
constexpr std::string_view kFrame = R"bash(set -euo pipefail
cd '{directory}'
export PATH="{program}:$PATH" WEIR_CONFIG=weir.yaml
started=
trap 'kill $started 2>/dev/null || true' EXIT
eventually() {{
  local tries=0
  until "$@" >/dev/null 2>&1; do
    if ((++tries > 600)); then echo "gave up: $*"; cat weir.log; exit 1; fi
    sleep 0.1
  done
}}
up() {{ weir run 2>>weir.log & started=$!; eventually {ready}; }}
down() {{ kill $started; wait $started || true; }}
systemctl() {{
  case "$1" in
    start) up ;;
    stop) down ;;
    reload) kill -HUP $started; eventually grep -q event=reloaded weir.log ;;
    *) return 1 ;;
  esac
}}
sudo() {{ if [ "$1" = -u ]; then shift 2; fi; "$@"; }}
)bash";

class ShownCommands : public testing::Test {
 protected:
  static void replace_all(std::string& text, std::string_view from, std::string_view to) {
    ASSERT_TRUE(text.contains(from)) << "the page no longer says: " << from;
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  }
  static std::vector<docs::Block> blocks_of(const std::string& page) {
    return docs::fenced_blocks(page, docs::read_text(std::filesystem::path(WEIR_SOURCE_DIR) / page));
  }
  static std::vector<std::string> each_block(const std::string& page, const std::string& language) {
    std::vector<std::string> texts;
    for (const docs::Block& block : blocks_of(page)) {
      if (block.language == language) texts.push_back(block.text);
    }
    return texts;
  }
  static std::string blocks(const std::string& page, const std::string& language) {
    std::string all;
    for (const std::string& text : each_block(page, language)) all += text;
    return all;
  }
  CommandResult run(const std::string& script, const std::string& ready) {
    const std::string program = std::filesystem::path(WEIR_PROGRAM).parent_path().string();
    const std::string whole = fmt::format(fmt::runtime(kFrame), fmt::arg("directory", directory_.path().string()),
                                          fmt::arg("program", program), fmt::arg("ready", ready)) +
                              script;
    auto result = run_command({"bash", "-c", whole}, 5min);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : CommandResult{.status = -1, .output = {}};
  }
  [[nodiscard]] std::filesystem::path file(const std::string& name) const { return directory_.path() / name; }

  TempDirectory directory_;
};

TEST_F(ShownCommands, of_the_api_work) {
  const std::string port = std::to_string(free_port());
  std::string config = blocks("docs/api.md", "yaml");
  replace_all(config, "8600", port);
  ASSERT_TRUE(replace_file(file("weir.yaml"), config));
  std::string script = blocks("docs/api.md", "sh");
  replace_all(script, "8600", port);
  replace_all(script, "curl ", "curl -fsS ");
  replace_all(script, "weir run -c weir.yaml\n", "up\n");
  const CommandResult result = run(script, "curl -fsS --cacert api.pem https://127.0.0.1:" + port + "/readyz");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr(R"("order":"scale","servers":4)"));
  EXPECT_THAT(result.output, HasSubstr(R"("order":"deploy","version":"v2")"));
  EXPECT_THAT(result.output, HasSubstr("weir_build_info"));
  EXPECT_THAT(result.output, HasSubstr("app: held at 3 until resumed by "));
  EXPECT_THAT(result.output, HasSubstr("IN_SERVICE"));
}

TEST_F(ShownCommands, of_backups_work) {
  const std::string port = std::to_string(free_port());
  ASSERT_TRUE(replace_file(file("weir.yaml"), "controller: {interval: 200ms, state: ./state.db, listen: \"127.0.0.1:" + port +
                                                  "\"}\nproviders: {cloud: {type: memory}}\ngroups: [{name: app, provider: cloud, "
                                                  "version: v1, server: {}, min: 2, max: 6}]\n"));
  std::string script = blocks("docs/backup.md", "sh");
  replace_all(script, "/var/backups", "backups");
  replace_all(script, "sudo -u weir weir plan ", "weir plan || [ $? -eq 2 ] ");
  const CommandResult result = run("mkdir backups\nup\n" + script + "ls\n", "curl -fsS http://127.0.0.1:" + port + "/readyz");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("backups/weir.db: a checked copy of ./state.db (1 groups"));
  EXPECT_THAT(result.output, HasSubstr("./state.db: restored from backups/weir.db"));
  EXPECT_THAT(result.output, HasSubstr("state.db.before-restore-"));
}

TEST_F(ShownCommands, of_operating_by_hand_work_with_a_running_weir_and_without) {
  const std::string page = "docs/operating-by-hand.md";
  const std::string port = std::to_string(free_port());
  const std::string secret = file("token").string();
  const auto shown = each_block(page, "sh");
  ASSERT_EQ(shown.size(), 5U) << "orders, a token, a deploy, HTTP, orphans";
  // A reload forgets imaginary servers, so there are none before. In the soak the deploy waits for somebody.
  const std::string rest = "  interval: 200ms\n  state: ./state.db\n  listen: 127.0.0.1:" + port +
                           "\nproviders: {cloud: {type: memory}}\ngroups: [{name: app, provider: cloud, version: v1, server: {}, "
                           "min: 0, max: 6, deploy: {soak: 9m}}]\n";
  std::string with_token = blocks(page, "yaml") + rest;
  replace_all(with_token, "/etc/weir/token", secret);
  ASSERT_TRUE(replace_file(file("weir.yaml"), "controller:\n" + rest));
  ASSERT_TRUE(replace_file(file("with_token.yaml"), with_token));
  std::string script = shown[0] + "up\ncp with_token.yaml weir.yaml\n" + shown[1] + shown[0] + shown[2] + shown[3] + shown[4];
  replace_all(script, "install -o root -g weir ", "install ");
  replace_all(script, "/etc/weir/token", secret);
  replace_all(script, "curl ", "curl -fsS ");
  replace_all(script, "8600", port);
  const CommandResult result = run(script, "curl -fsS http://127.0.0.1:" + port + "/readyz");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, ContainsRegex("app: held at 6 until [^\n]*; weir is not running"));
  EXPECT_THAT(result.output, ContainsRegex("app: resumed by [^\n]*; weir is not running"));
  EXPECT_THAT(result.output, ContainsRegex("app: held at 6 until [^\n]*; the weir that runs acts on it now"));
  EXPECT_THAT(result.output, ContainsRegex("app: paused .in. until [^\n]*; the weir that runs acts on it now"));
  EXPECT_THAT(result.output, HasSubstr("nothing was changed"));
  EXPECT_THAT(result.output, HasSubstr("app: rolling v1 → v2"));
  EXPECT_THAT(result.output, ContainsRegex("app: deploy promoted by [^\n]*; the weir that runs acts on it now"));
  EXPECT_THAT(result.output, ContainsRegex("app: deploy aborted by [^\n]*; the weir that runs acts on it now"));
  EXPECT_THAT(result.output, HasSubstr(R"("order":"scale","servers":6)"));
  EXPECT_THAT(result.output, HasSubstr("no orphans"));
}

TEST_F(ShownCommands, of_deploys_work) {
  const std::string page = "docs/deploy.md";
  const std::string port = std::to_string(free_port());
  const auto shown = each_block(page, "yaml");
  ASSERT_FALSE(shown.empty());
  std::string config = shown.front();
  replace_all(config, "127.0.0.1:9090", "127.0.0.1:" + std::to_string(free_port()));
  replace_all(config, "{type: process}", "{type: memory}");
  replace_all(config, R"({command: [/srv/app/run, --port, "{port}", --version, "{version}"], ports: "9000-9099"})", "{}");
  replace_all(config, "    health: {http: /health}\n    balancers:\n      - {type: nginx, file: /etc/nginx/weir/app.conf}\n", "");
  replace_all(config, "soak: 30s", "soak: 9m");  // the end of the deploy is its abort
  ASSERT_TRUE(replace_file(file("weir.yaml"), "controller: {interval: 200ms, state: ./state.db, listen: \"127.0.0.1:" + port +
                                                  "\", token_file: ./token}\n" + config));
  ASSERT_TRUE(replace_file(file("token"), "a secret of the test's own\n"));
  const CommandResult result =
      run("up\n" + blocks(page, "sh") + "weir deploy status --group app\n", "curl -fsS http://127.0.0.1:" + port + "/readyz");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("app: deploy of v2 by "));
  EXPECT_THAT(result.output, HasSubstr("app: rolling v1 → v2"));
  EXPECT_THAT(result.output, HasSubstr("app: deploy promoted by "));
  EXPECT_THAT(result.output, HasSubstr("app: deploy aborted by "));
  EXPECT_THAT(result.output, ContainsRegex("why back +aborted by "));
}

TEST_F(ShownCommands, of_notifications_tell_the_receiver) {
  const std::string page = "docs/notifications.md";
  HttpStub slack;
  const auto shown = each_block(page, "yaml");
  ASSERT_FALSE(shown.empty());
  std::string config = shown.front();
  replace_all(config, "/etc/weir/slack.url", file("slack.url").string());
  ASSERT_TRUE(replace_file(file("slack.url"), slack.url() + "/services/of-the-test\n"));
  ASSERT_TRUE(replace_file(
      file("weir.yaml"),
      config + "providers: {cloud: {type: memory}}\ngroups: [{name: app, provider: cloud, server: {}, min: 1, max: 6}]\n"));
  const CommandResult result = run(blocks(page, "sh"), "true");
  ASSERT_EQ(result.status, 0) << result.output;
  ASSERT_EQ(slack.requests().size(), 2U) << result.output;
  EXPECT_EQ(slack.requests()[0].target, "/services/of-the-test");
  EXPECT_THAT(slack.requests()[0].body, HasSubstr("a test of weir's notifications"));
  EXPECT_THAT(slack.requests()[1].body, HasSubstr("The policies want more servers than `max` allows"));
}

/// kubectl, aws and jq, as far as docs/import.md uses them: they answer with what the page shows.
constexpr std::string_view kImportSources = R"bash(
kubectl() { cat shown.yaml; }
aws() {
  case "$2" in
    describe-policies) echo "{\"ScalingPolicies\": [$(cat shown.json)]}" ;;
    describe-auto-scaling-groups) echo '{"AutoScalingGroups": [{"AutoScalingGroupName": "web", "MinSize": 3, "MaxSize": 7}]}' ;;
    describe-scheduled-actions) echo '{"ScheduledUpdateGroupActions": []}' ;;
    describe-alarms) echo '{"MetricAlarms": []}' ;;
    *) return 1 ;;
  esac | tr -d '\n'
  echo
}
jq() { echo "[$(paste -sd , "${@: -1}")]"; }
)bash";

TEST_F(ShownCommands, of_import_work) {
  const std::string page = "docs/import.md";
  ASSERT_TRUE(replace_file(file("shown.yaml"), blocks(page, "yaml")));
  ASSERT_TRUE(replace_file(file("shown.json"), blocks(page, "json")));
  std::string script = blocks(page, "sh");
  replace_all(script, "> groups.yaml\n", "> groups.yaml; cat groups.yaml\n");
  const CommandResult result = run(std::string(kImportSources) + script, "true");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("# HorizontalPodAutoscaler/web scaled Deployment/web."));
  EXPECT_THAT(result.output, HasSubstr("# Auto Scaling group web, of which only policies are in this file."));
  EXPECT_THAT(result.output, HasSubstr("    min: 3\n    max: 7\n")) << "the answers together have the sizes";
}

/// The hand-over of a page: its group is given to weir as a service, and held until somebody lets go.
struct HandOver {
  std::string name;
  std::string page;
  std::string files;  ///< the page that shows the configuration
  std::string group;
  std::string held;  ///< what the order before the start says
};

/// What weir is to act on is imaginary: `imaginary FILE` leaves the file's groups and policies, and the servers of a fixed list.
constexpr std::string_view kImaginary = R"bash(
imaginary() {
  sed -i -E -e 's/\{type: (process|aws_asg|vultr)[^}]*\}/{type: memory}/' -e '/addresses:/!s/^    server: .*/    server: {}/' \
    -e '/^    (health|balancers):/d' -e '/^      - \{type: (nginx|file_sd),/d' "$1"
}
aws() { echo "aws $*"; }
mkdir etc
)bash";

class ShownHandOvers : public ShownCommands, public testing::WithParamInterface<HandOver> {
 protected:
  void save_files() const {
    for (const docs::Block& block : blocks_of(GetParam().files)) {
      if (block.name.empty()) continue;
      std::string text = block.text;
      if (block.language == "yaml" && text.contains("prometheus:"))
        replace_all(text, "127.0.0.1:9090", "127.0.0.1:" + std::to_string(free_port()));
      ASSERT_TRUE(replace_file(file(block.name), text));
    }
  }
};

TEST_P(ShownHandOvers, can_be_typed_from_top_to_bottom) {
  const HandOver& shown = GetParam();
  const std::string port = std::to_string(free_port());
  ASSERT_NO_FATAL_FAILURE(save_files());
  std::string script;
  for (const std::string& block : each_block(shown.page, "sh")) {
    if (block.contains("systemctl ") || block.starts_with("read ")) script += block;
  }
  if (script.contains("read -rs ")) replace_all(script, "read -rs VULTR_API_KEY", "VULTR_API_KEY='a key of nobody'");
  replace_all(script, "install -o root -g weir ", "install ");
  replace_all(script, "/etc/weir", file("etc").string());
  replace_all(script, "controller: {", "controller: {interval: 200ms, state: ./state.db, listen: 127.0.0.1:" + port + ", ");
  replace_all(script, "weir validate\n", "weir validate\nimaginary etc/weir.yaml\n");
  const CommandResult result =
      run("export WEIR_CONFIG=etc/weir.yaml" + std::string(kImaginary) + script, "curl -fsS http://127.0.0.1:" + port + "/readyz");
  ASSERT_EQ(result.status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("etc/weir.yaml: valid"));
  EXPECT_THAT(result.output, ContainsRegex(shown.group + ": " + shown.held + "[^\n]*; weir is not running"));
  EXPECT_THAT(result.output, HasSubstr("by hand: " + shown.held));
  EXPECT_THAT(result.output, ContainsRegex(shown.group + ": resumed by [^\n]*; the weir that runs acts on it now"));
}

INSTANTIATE_TEST_SUITE_P(
    Documentation, ShownHandOvers,
    testing::Values(
        HandOver{"in_general", "docs/migrate/README.md", "docs/migrate/cron.md", "app", "paused"},
        HandOver{"from_cron", "docs/migrate/cron.md", "docs/migrate/cron.md", "app", "paused"},
        HandOver{"from_nomad", "docs/migrate/nomad-autoscaler.md", "docs/migrate/nomad-autoscaler.md", "app", "paused"},
        HandOver{"from_aws", "docs/migrate/aws-scaling-policies.md", "docs/migrate/aws-scaling-policies.md", "app", "paused"},
        HandOver{"from_kamal", "docs/migrate/kamal.md", "docs/migrate/kamal.md", "shop", "held at 1"},
        HandOver{"from_kubernetes", "docs/migrate/kubernetes-hpa.md", "docs/migrate/kubernetes-hpa.md", "shop", "paused"}),
    [](const testing::TestParamInfo<HandOver>& shown) { return shown.param.name; });

}  // namespace
}  // namespace weir
