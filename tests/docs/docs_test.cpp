// What the documentation says about the project's files and commands is so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "tests/docs/documents.h"

namespace weir::docs {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

const std::filesystem::path kRoot = WEIR_SOURCE_DIR;

/// Links of `markdown` that lead to no file.
std::vector<std::string> broken_links(const std::string& file, const std::string& markdown) {
  std::vector<std::string> broken;
  for (const Link& link : local_links(file, markdown)) {
    const std::filesystem::path target = kRoot / std::filesystem::path(file).parent_path() / link.target;
    if (!std::filesystem::exists(target)) broken.push_back(file + ":" + std::to_string(link.line) + ": " + link.target);
  }
  return broken;
}

/// X of every `./dev X` in the shell blocks that the script does not know.
std::vector<std::string> unknown_dev_commands(const std::string& file, const std::string& markdown) {
  const std::string script = read_text(kRoot / "dev");
  std::vector<std::string> unknown;
  for (const Block& block : fenced_blocks(file, markdown)) {
    if (block.language != "sh") continue;
    std::istringstream words(block.text);
    for (std::string word; words >> word;) {
      if (word == "./dev" && words >> word && !script.contains("command_" + word + "()")) unknown.push_back(word);
    }
  }
  return unknown;
}

TEST(Documentation, has_no_broken_link) {
  for (const std::string& file : markdown_files(kRoot)) EXPECT_THAT(broken_links(file, read_text(kRoot / file)), IsEmpty());
}

TEST(Documentation, names_commands_that_exist) {
  for (const std::string& file : markdown_files(kRoot)) EXPECT_THAT(unknown_dev_commands(file, read_text(kRoot / file)), IsEmpty());
}

TEST(Documentation, shows_configurations) { EXPECT_THAT(shown_configurations(kRoot), SizeIs(testing::Ge(4U))); }

TEST(Documentation, decisions_are_all_listed) {
  const std::string index = read_text(kRoot / "docs/adr/README.md");
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "docs/adr")) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(name == "README.md" || index.contains("(" + name + ")")) << name;
  }
}

/// All of the first group of `pattern` in `text`.
std::vector<std::string> all_of(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), pattern); at != std::sregex_iterator(); ++at)
    found.push_back((*at)[1]);
  return found;
}

TEST(Install, each_way_to_reload_nginx_is_walked_in_a_machine) {
  const std::string machine = read_text(kRoot / "packaging/check-machine");
  const std::vector<std::string> commands =
      all_of(read_text(kRoot / "docs/install.md"), std::regex("(?:test|reload): \"([^\"]+)\""));
  EXPECT_THAT(commands, SizeIs(testing::Ge(4U)));
  for (const std::string& command : commands) EXPECT_THAT(machine, testing::HasSubstr(command));
}

TEST(Install, names_drop_ins_and_units_that_are_shipped) {
  const std::string shipped = "[a-z-]+\\.conf|weir-[a-z-]+\\.(?:path|service)|[0-9a-z-]+\\.rules";
  std::set<std::string> present;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / "packaging/systemd"))
    present.insert(entry.path().filename().string());
  const std::vector<std::string> named = all_of(read_text(kRoot / "docs/install.md"), std::regex("[` ](" + shipped + ")[` \n]"));
  EXPECT_THAT(named, SizeIs(testing::Ge(8U)));
  for (const std::string& name : named) {
    if (name != "nginx.conf") EXPECT_THAT(present, testing::Contains(name));
  }
}

TEST(Rules, a_broken_link_is_found) {
  EXPECT_THAT(broken_links("docs/x.md", "see [a](../README.md#top) and\n[b](nowhere.md), [c](https://example.com)\n"),
              ElementsAre("docs/x.md:2: nowhere.md"));
}

TEST(Rules, an_unknown_command_is_found) {
  EXPECT_THAT(unknown_dev_commands("x.md", "```sh\n./dev test\n./dev dance\n```\n"), ElementsAre("dance"));
}

TEST(Rules, blocks_are_taken_apart) {
  const auto blocks = fenced_blocks("x.md", "text\n```yaml\na: 1\n```\n```sh\nls\n```\n");
  EXPECT_THAT(blocks, ElementsAre(Field(&Block::text, "a: 1\n"), Field(&Block::text, "ls\n")));
  EXPECT_EQ(blocks[0].line, 3U);
  EXPECT_EQ(blocks[1].language, "sh");
}

}  // namespace
}  // namespace weir::docs
