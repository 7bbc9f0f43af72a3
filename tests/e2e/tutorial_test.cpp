#include <gtest/gtest.h>

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/command.h"
#include "platform/file.h"
#include "tests/docs/documents.h"
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
      {"\nweir status --watch\n", "\neventually grows\nweir status\n"},
      {"--profile 90:500", "--profile 40:500"},
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
    if (block.language == "yaml") script += "cat > weir.yaml <<'YAML'\n" + block.text + "YAML\n";
    if (block.language == "sh") script += without_preparation(block.text);
  }
  make_unattended(script);
  const std::string clean_up = without_preparation(blocks.back().text);
  constexpr std::string_view kFrame = R"bash(set -euo pipefail
export PATH="{}:{}:$PATH:/usr/sbin"
eventually() {{
  local tries=0
  until "$@"; do
    if ((++tries > 300)); then echo "gave up: $*"; cat *.log; return 1; fi
    sleep 0.1
  done
}}
grows() {{ [ "$(grep -c '^server 127' app.conf)" -ge 3 ]; }}
clean_up() {{ set +eu; {}
}}
trap clean_up EXIT
)bash";
  return fmt::format(kFrame, fs::path(WEIR_PROGRAM).parent_path().string(), fs::path(WEIR_EXAMPLE_APP).parent_path().string(),
                     clean_up) +
         script + "trap - EXIT\n";
}

TEST(Tutorial, does_what_it_says_from_the_first_command_to_the_last) {
  const TempDirectory directory;
  const fs::path root = WEIR_SOURCE_DIR;
  const auto blocks = docs::fenced_blocks(kTutorial, docs::read_text(root / kTutorial));
  ASSERT_GE(blocks.size(), 8U);
  std::string script = script_of(blocks);
  replace_all(script, "/tmp/weir-tutorial", (directory.path() / "tutorial").string());
  const int tens = free_port() / 10;
  for (const auto& [shown, own] : std::vector<std::pair<std::string, std::string>>{{":8080", fmt::format(":{}", free_port())},
                                                                                   {":9090", fmt::format(":{}", free_port())},
                                                                                   {":8600", fmt::format(":{}", free_port())},
                                                                                   {"9100-9199", fmt::format("{0}0-{0}9", tens)},
                                                                                   {"--port 91", fmt::format("--port {}", tens)}}) {
    ASSERT_TRUE(script.contains(shown)) << shown;
    replace_all(script, shown, own);
  }
  // Not as an argument of bash: what the tutorial looks for in command lines must not find the script itself.
  const fs::path file = directory.path() / "tutorial.sh";
  ASSERT_TRUE(replace_file(file, script));
  const auto ran = run_command({"bash", file}, 110s);
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->status, 0) << ran->output;
  EXPECT_FALSE(fs::exists(directory.path() / "tutorial")) << "its last command removes what it made";
}

}  // namespace
}  // namespace weir
