// The manual and the completions say all that the command line takes, and the pages in docs/reference/ are what the program says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <regex>
#include <sstream>

#include "platform/command.h"
#include "platform/file.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::SizeIs;

std::string said(std::vector<std::string> arguments) {
  // What is built in, wherever the tests run.
  arguments.insert(arguments.begin(), {"env", "-u", "WEIR_CONFIG", WEIR_PROGRAM});
  const auto result = run_command(arguments, 60s);
  EXPECT_TRUE(result && result->status == 0) << arguments.back();
  return result ? result->output : std::string();
}

/// A command as its help tells of it.
struct Told {
  std::vector<std::string> path;
  std::vector<std::string> options;
};

/// The first group of `pattern` in each line.
std::vector<std::string> found(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> words;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, pattern)) words.push_back(match[1]);
  }
  return words;
}

/// All commands below `path`, by their help.
void add_told(std::vector<std::string> path, std::vector<Told>& told) {
  std::vector<std::string> asked = path;
  asked.emplace_back("--help");
  const std::string help = said(asked);
  if (!path.empty()) told.push_back({path, found(help, std::regex("^  (?:-[a-z],)?(--[a-z-]+)"))});
  const std::size_t commands = help.find("Subcommands:\n");
  if (commands == std::string::npos) return;
  for (const std::string& name : found(help.substr(commands), std::regex("^  ([a-z]+)"))) {
    path.push_back(name);
    add_told(path, told);
    path.pop_back();
  }
}

const std::vector<Told>& all_told() {
  static const std::vector<Told> kTold = [] {
    std::vector<Told> told;
    add_told({}, told);
    return told;
  }();
  return kTold;
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) text += between + word;
  return text;
}

/// From `begin` to the next `end`.
std::string part(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin);
  if (from == std::string::npos) return {};
  return text.substr(from, text.find(end, from + begin.size()) - from);
}

TEST(Manual, the_help_was_understood) {
  EXPECT_THAT(all_told(), SizeIs(testing::Ge(20U)));
  std::vector<std::string> names;
  for (const Told& command : all_told()) names.push_back(joined(command.path, " "));
  EXPECT_THAT(names, IsSupersetOf({" run", " deploy", " deploy start", " import", " manual"}));
}

TEST(Manual, the_man_page_has_every_command_and_option) {
  const std::string page = std::regex_replace(said({"manual", "man"}), std::regex(R"(\\-)"), "-");
  for (const Told& command : all_told()) {
    const std::string section = part(page, ".SS weir" + joined(command.path, " ") + "\n", "\n.S");
    EXPECT_FALSE(section.empty()) << joined(command.path, " ");
    for (const std::string& option : command.options) {
      if (option != "--help") {
        EXPECT_THAT(section, HasSubstr(option)) << joined(command.path, " ");
      }
    }
  }
}

TEST(Manual, the_markdown_page_has_every_command_and_option) {
  const std::string page = said({"manual", "markdown"});
  for (const Told& command : all_told()) {
    const std::string section = part(page, "## weir" + joined(command.path, " ") + "\n", "\n## ");
    EXPECT_FALSE(section.empty()) << joined(command.path, " ");
    for (const std::string& option : command.options) {
      if (option != "--help") {
        EXPECT_THAT(section, HasSubstr(option)) << joined(command.path, " ");
      }
    }
  }
}

TEST(Manual, the_completions_have_every_command_and_option) {
  const std::string bash = said({"manual", "bash"});
  const std::string zsh = said({"manual", "zsh"});
  const std::string fish = said({"manual", "fish"});
  for (const Told& command : all_told()) {
    const std::string place = "weir" + joined(command.path, "/");
    const std::string in_bash = part(bash, "      " + place + ") ", "\n");
    const std::string in_zsh = part(zsh, "\n_weir" + joined(command.path, "_") + "() {", "\n}\n");
    const std::string in_fish = joined(found(fish, std::regex("^complete -c weir -n '__weir_at " + place + "'(.*)")), "\n");
    for (const std::string& option : command.options) {
      EXPECT_THAT(in_bash, HasSubstr(option)) << place;
      EXPECT_THAT(in_zsh, HasSubstr(option + "[")) << place;
      EXPECT_THAT(in_fish, HasSubstr(" -l " + option.substr(2) + " ")) << place;
    }
  }
}

TEST(Manual, of_the_configuration_has_every_key) {
  const std::string page = std::regex_replace(said({"manual", "man-config"}), std::regex(R"(\\-)"), "-");
  const std::vector<std::string> keys = found(said({"validate", "--reference"}), std::regex("^\\| `([^`]+)`"));
  EXPECT_THAT(keys, SizeIs(testing::Gt(100U)));
  for (const std::string& key : keys) EXPECT_THAT(page, HasSubstr("\n\\fB" + key + "\\fR\n"));
}

TEST(Manual, what_it_does_not_have_is_refused) {
  const auto result = run_command({WEIR_PROGRAM, "manual", "tcsh"}, 60s);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 1);
}

/// A page of the repository. With WEIR_UPDATE_GOLDEN it is written instead.
void expect_page(const std::string& name, const std::string& text) {
  const std::filesystem::path page = std::filesystem::path(WEIR_SOURCE_DIR) / "docs/reference" / name;
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(replace_file(page, text));
    return;
  }
  const auto present = read_file(page);
  ASSERT_TRUE(present) << present.error().message;
  EXPECT_EQ(*present, text) << "the table it is made from has changed: WEIR_UPDATE_GOLDEN=1 cli_test writes " << page;
}

TEST(Reference, of_the_commands_is_what_the_program_says) { expect_page("cli.md", said({"manual", "markdown"})); }
TEST(Reference, of_the_configuration_is_what_the_program_says) {
  expect_page("configuration.md", said({"validate", "--reference"}));
}

}  // namespace
}  // namespace weir
