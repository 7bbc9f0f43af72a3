// What the documentation says about the project's files and commands is so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
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
