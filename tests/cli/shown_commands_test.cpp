// The commands that the documentation shows for the API and for backups do what it says.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "platform/command.h"
#include "platform/file.h"
#include "tests/docs/documents.h"
#include "tests/support/free_port.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Before a page's own commands. What is started ends with the shell, however that ends.
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
up() {{ weir run -c weir.yaml 2>>weir.log & started=$!; eventually {ready}; }}
down() {{ kill $started; wait $started || true; }}
systemctl() {{ if [ "$1" = stop ]; then down; else up; fi; }}
)bash";

class ShownCommands : public testing::Test {
 protected:
  static void replace_all(std::string& text, std::string_view from, std::string_view to) {
    ASSERT_TRUE(text.contains(from)) << "the page no longer says: " << from;
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  }
  static std::string blocks(const std::string& page, const std::string& language) {
    const std::string text = docs::read_text(std::filesystem::path(WEIR_SOURCE_DIR) / page);
    std::string all;
    for (const docs::Block& block : docs::fenced_blocks(page, text)) {
      if (block.language == language) all += block.text;
    }
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

}  // namespace
}  // namespace weir
