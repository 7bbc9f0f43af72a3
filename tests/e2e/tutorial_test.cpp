#include <gtest/gtest.h>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "examples/stand/process.h"
#include "platform/command.h"
#include "platform/file.h"
#include "providers/kubernetes/kubeconfig.h"
#include "tests/docs/documents.h"
#include "tests/fakes/vultr.h"
#include "tests/support/free_port.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kTutorial = "docs/tutorial.md";

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// As a reader types it, except that a reader looks before going on: commands that need something up are tried until they succeed.
void make_unattended(std::string& script) {
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"\nweir plan -c weir.yaml\n", "\nweir plan -c weir.yaml || [ $? -eq 2 ]\n"},
      {"\nweir status\n", "\neventually weir status\n"},
      {"\ncurl http", "\neventually curl -fsS http"},
      {"--profile 90:500 http://127.0.0.1:8080/ &\nweir status --watch   # Ctrl-C ends it\n",
       "--profile 30:500 http://127.0.0.1:8080/ &\nfirst_load=$!\neventually grows\nweir status\n"},
      {"read -rs key\n", "wait $first_load || true\neventually is_alone\nkey=key\n"},
      {"--profile 300:500", "--profile 60:500"},
      {"\nload_pid=$!\nweir status --watch   # Ctrl-C ends it\nweir explain app\nweir orphans\n",
       "\nload_pid=$!\neventually serves_in_the_cloud\nweir explain app\nweir orphans\n"},
      {"\nweir scale app 1\nweir status --watch   # Ctrl-C ends it\n", "\nweir scale app 1\neventually is_alone\n"},
  };
  for (const auto& [from, to] : changes) {
    ASSERT_TRUE(script.contains(from)) << "the tutorial no longer says: " << from;
    replace_all(script, from, to);
  }
}

/// What the machine at hand has already: weir compiled, and the packages.
bool prepares_machine(std::string_view line) {
  return line.starts_with("./dev build") || line.starts_with("export PATH=") || line.starts_with("sudo apt-get");
}

std::string without_preparation(const std::string& block) {
  std::string kept;
  for (std::size_t begin = 0; begin < block.size();) {
    const std::size_t end = block.find('\n', begin) + 1;
    const std::string line = block.substr(begin, end - begin);
    if (!prepares_machine(line)) kept += line;
    begin = end;
  }
  return kept;
}

std::string script_of(const std::vector<docs::Block>& blocks) {
  std::string script;
  for (const docs::Block& block : blocks) {
    if (!block.name.empty()) script += "cat > " + block.name + " <<'YAML'\n" + block.text + "YAML\n";
    if (block.language == "sh") script += without_preparation(block.text);
  }
  make_unattended(script);
  const std::string clean_up = without_preparation(blocks.back().text);
  constexpr std::string_view kFrame = R"bash(set -euo pipefail
export PATH="{}:{}:$PATH:/usr/sbin"
eventually() {{
  local tries=0
  until "$@"; do
    if ((++tries > 600)); then echo "gave up: $*"; cat *.log; return 1; fi
    sleep 0.1
  done
}}
grows() {{ [ "$(grep -c '^server 127.0.0.1:' app.conf)" -ge 3 ]; }}
serves_in_the_cloud() {{ [ "$(grep -c '^server 127.0.1.' app.conf)" -ge 2 ]; }}
is_alone() {{ [ "$(grep -c '^server' app.conf)" -eq 1 ] && [ "$(weir explain app | grep -c cloud/)" -eq 0 ]; }}
clean_up() {{ set +eu; {}
}}
trap clean_up EXIT
)bash";
  return fmt::format(kFrame, fs::path(WEIR_PROGRAM).parent_path().string(), fs::path(WEIR_EXAMPLE_APP).parent_path().string(),
                     clean_up) +
         script + "trap - EXIT\n";
}

/// Vultr, where an instance is an address of its own on loopback, at which what its user data writes and starts is started.
class Cloud {
 public:
  explicit Cloud(fs::path directory) : directory_(std::move(directory)) {
    fs::create_directories(directory_);
    fake_.on_boot = [this](const FakeVultr::Machine& machine) { boot(machine); };
    fake_.on_gone = [this](const FakeVultr::Machine& machine) { programs_.erase(machine.id); };
  }

  [[nodiscard]] FakeVultr& fake() { return fake_; }
  [[nodiscard]] std::string url() const { return stub_.url(); }

 private:
  static std::string address_of(int number) { return fmt::format("127.0.1.{}", number); }

  void boot(const FakeVultr::Machine& machine) {
    const auto user_data = kubernetes::base64_decoded(machine.order->value("user_data", ""));
    ASSERT_TRUE(user_data);
    const YAML::Node cloud_init = YAML::Load(*user_data);
    const YAML::Node app = cloud_init["write_files"][0];
    const YAML::Node unit = cloud_init["write_files"][1];
    ASSERT_TRUE(unit["content"].as<std::string>().contains("ExecStart=/usr/bin/python3 " + app["path"].as<std::string>() + "\n"));
    const fs::path file = directory_ / (machine.id + ".py");
    ASSERT_TRUE(replace_file(file, app["content"].as<std::string>()));
    auto program = Program::start({.command = {"env", "HOST=" + address_of(machine.number), "python3", file},
                                   .directory = directory_,
                                   .log = directory_ / (machine.id + ".log")});
    ASSERT_TRUE(program) << program.error().message;
    programs_.emplace(machine.id, std::move(*program));
  }

  const fs::path directory_;
  WaitingClock clock_;
  std::map<std::string, Program> programs_;  // by instance
  FakeVultr fake_{{.clock = clock_,
                   .boot = 1s,
                   .address_after = 300ms,
                   .begins_at = std::chrono::floor<Duration>(std::chrono::system_clock::now()),
                   .main_ip = address_of}};
  HttpStub stub_{[this](const HttpStub::Request& request) { return fake_.answer(request); }};
};

TEST(Tutorial, does_what_it_says_from_the_first_command_to_the_last) {
  const TempDirectory directory;
  Cloud cloud(directory.path() / "cloud");
  const fs::path root = WEIR_SOURCE_DIR;
  const auto blocks = docs::fenced_blocks(kTutorial, docs::read_text(root / kTutorial));
  ASSERT_GE(blocks.size(), 8U);
  std::string script = script_of(blocks);
  replace_all(script, "/tmp/weir-tutorial", (directory.path() / "tutorial").string());
  const int tens = free_port() / 10;
  for (const auto& [shown, own] :
       std::vector<std::pair<std::string, std::string>>{{"3000", std::to_string(free_port())},
                                                        {":8080", fmt::format(":{}", free_port())},
                                                        {":9490", fmt::format(":{}", free_port())},
                                                        {":8600", fmt::format(":{}", free_port())},
                                                        {"type: vultr, ", fmt::format("type: vultr, api_url: '{}', ", cloud.url())},
                                                        {"9100-9101", fmt::format("{0}0-{0}1", tens)},
                                                        {"9100-9199", fmt::format("{0}0-{0}9", tens)},
                                                        {"--port 91", fmt::format("--port {}", tens)}}) {
    ASSERT_TRUE(script.contains(shown)) << shown;
    replace_all(script, shown, own);
  }
  // Not as an argument of bash: what the tutorial looks for in command lines must not find the script itself.
  const fs::path file = directory.path() / "tutorial.sh";
  ASSERT_TRUE(replace_file(file, script));
  const auto ran = run_command({"bash", file}, 200s);
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->status, 0) << ran->output;
  EXPECT_FALSE(fs::exists(directory.path() / "tutorial")) << "its last command removes what it made";
  EXPECT_GE(cloud.fake().all().size(), 2U);
  EXPECT_TRUE(cloud.fake().alive().empty()) << "left behind at Vultr, and paid";
  EXPECT_TRUE(cloud.fake().violations().empty()) << cloud.fake().violations().front();
}

/// The README's configuration, in a place where a test may work.
std::string readme_configuration(const std::string& shown, const fs::path& directory) {
  std::string text = shown;
  const std::string here = directory.string();
  const int tens = free_port() / 10;
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"controller: {", "controller: {interval: 1s, listen: 127.0.0.1:8600, "},
           {"/srv/app/run", WEIR_EXAMPLE_APP},
           {"9000-9099", fmt::format("{0}0-{0}9", tens)},
           {"{http: /health}", "{http: /health, interval: 300ms, timeout: 250ms}"},
           {"file: /etc/nginx/weir/app.conf",
            fmt::format("file: {0}/app.conf, pid_file: {0}/nginx.pid, test: nginx -t -c {0}/nginx.conf, "
                        "reload: nginx -s reload -c {0}/nginx.conf",
                        here)}}) {
    EXPECT_TRUE(text.contains(from)) << "the README no longer says: " << from;
    replace_all(text, from, to);
  }
  return text;
}

TEST(Readme, shows_commands_that_do_what_they_say) {
  const TempDirectory directory;
  const fs::path root = WEIR_SOURCE_DIR;
  const auto tutorial = docs::fenced_blocks(kTutorial, docs::read_text(root / kTutorial));
  std::string configuration;
  std::string commands;
  for (const docs::Block& block : docs::fenced_blocks("README.md", docs::read_text(root / "README.md"))) {
    if (block.name == "weir.yaml") configuration = readme_configuration(block.text, directory.path() / "site");
    if (block.language == "sh" && block.text.contains("\nweir validate")) commands = block.text;
  }
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"weir plan -c weir.yaml ", "weir plan -c weir.yaml || [ $? -eq 2 ] "},
           {"weir run -c weir.yaml &", "weir run -c weir.yaml > weir.log 2>&1 & weir_pid=$!"},
           {"weir status -c weir.yaml ", "eventually serves; weir status -c weir.yaml "},
           {"now-28d --load 'sum(rate(http_requests_total[1m]))'", "now-1h --load 'vector(100)'"}}) {
    ASSERT_TRUE(commands.contains(from)) << "the README no longer says: " << from;
    replace_all(commands, from, to);
  }
  constexpr std::string_view kScript = R"bash(set -euo pipefail
export PATH="{0}:$PATH:/usr/sbin"
eventually() {{ local tries=0; until "$@"; do ((++tries < 600)); sleep 0.1; done; }}
serves() {{ [ "$(grep -c '^server 127.0.0.1:' app.conf)" -ge 2 ] && ! grep -q down app.conf; }}
weir_pid= prometheus_pid=
clean_up() {{
  status=$?
  set +e
  [ $status -eq 0 ] || cat *.log
  kill $weir_pid $prometheus_pid
  wait $weir_pid $prometheus_pid
  pkill -f '[^ ]*weir-example-app --port {1}'
  nginx -s stop -c /tmp/weir-tutorial/nginx.conf
}}
trap clean_up EXIT
mkdir -p /tmp/weir-tutorial && cd /tmp/weir-tutorial
cat > weir.yaml <<'YAML'
{2}YAML
{3}{4}{5}[ "$(curl -fsS http://127.0.0.1:8080/ | grep -c v2)" -eq 1 ]
)bash";
  const std::string ports = configuration.substr(configuration.find("ports: \"") + 8, 4);
  std::string script = fmt::format(kScript, fs::path(WEIR_PROGRAM).parent_path().string(), ports, configuration, tutorial[1].text,
                                   tutorial[2].text, commands);
  replace_all(script, "/tmp/weir-tutorial", (directory.path() / "site").string());
  replace_all(script, ":9490", ":9090");  // the tutorial's Prometheus is the one that the README asks
  for (const char* port : {":8080", ":9090", ":8600"}) {
    ASSERT_TRUE(script.contains(port)) << port;
    replace_all(script, port, fmt::format(":{}", free_port()));
  }
  const fs::path file = directory.path() / "readme.sh";
  ASSERT_TRUE(replace_file(file, script));
  const auto ran = run_command({"bash", file}, 110s);
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->status, 0) << ran->output;
}

}  // namespace
}  // namespace weir
