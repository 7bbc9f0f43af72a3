// What the documentation says about the project's files and commands is so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <string_view>

#include "tests/docs/documents.h"

namespace weir::docs {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

const std::filesystem::path kRoot = WEIR_SOURCE_DIR;

/// Whether there is such a file, and such a heading in it.
bool leads_somewhere(const Link& link, const std::string& markdown) {
  const std::filesystem::path target = kRoot / std::filesystem::path(link.file).parent_path() / link.target;
  if (!link.target.empty() && !std::filesystem::exists(target)) return false;
  if (link.anchor.empty()) return true;
  const auto there = anchors(link.target.empty() ? markdown : read_text(target));
  return std::ranges::find(there, link.anchor) != there.end();
}

/// Links of `markdown` that lead to no file, or to no heading of it.
std::vector<std::string> broken_links(const std::string& file, const std::string& markdown) {
  std::vector<std::string> broken;
  for (const Link& link : local_links(file, markdown)) {
    if (leads_somewhere(link, markdown)) continue;
    const std::string anchor = link.anchor.empty() ? "" : "#" + link.anchor;
    broken.push_back(file + ":" + std::to_string(link.line) + ": " + link.target + anchor);
  }
  return broken;
}

/// A page in another language, beside the page it translates: tutorial.ko.md for tutorial.md.
std::string original_of(const std::string& file) {
  constexpr std::string_view kKorean = ".ko.md";
  return file.ends_with(kKorean) ? file.substr(0, file.size() - kKorean.size()) + ".md" : "";
}

std::vector<std::string> texts_of(const std::vector<Block>& blocks) {
  std::vector<std::string> texts;
  for (const Block& block : blocks) texts.push_back(block.language + " " + block.name + "\n" + block.text);
  return texts;
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

/// Which shown commands a test runs, and why not the others, is said in CONTRIBUTING.md.
TEST(Documentation, has_commands_only_on_pages_that_contributing_tells_of) {
  const std::string told = read_text(kRoot / "CONTRIBUTING.md");
  for (const std::string& file : markdown_files(kRoot)) {
    const auto blocks = fenced_blocks(file, read_text(kRoot / file));
    const bool commands = std::ranges::any_of(blocks, [](const Block& block) { return block.language == "sh"; });
    const bool by_another_name =
        file.starts_with("README.") || file.starts_with("docs/tutorial.") || file.starts_with("docs/migrate/");
    if (!commands || by_another_name) continue;
    EXPECT_THAT(told, testing::HasSubstr(std::filesystem::path(file).filename().string())) << file;
  }
}

TEST(Documentation, shows_configurations) { EXPECT_THAT(shown_configurations(kRoot), SizeIs(testing::Ge(4U))); }

TEST(Documentation, decisions_are_all_listed) {
  const std::string index = read_text(kRoot / "docs/adr/README.md");
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "docs/adr")) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(name == "README.md" || index.contains("(" + name + ")")) << name;
  }
}

TEST(Translations, have_every_block_of_the_original_word_for_word) {
  int translations = 0;
  for (const std::string& file : markdown_files(kRoot)) {
    const std::string original = original_of(file);
    if (original.empty()) continue;
    ++translations;
    EXPECT_EQ(texts_of(fenced_blocks(file, read_text(kRoot / file))),
              texts_of(fenced_blocks(original, read_text(kRoot / original))))
        << file << " shows something else than " << original;
  }
  EXPECT_EQ(translations, 2) << "README.ko.md and docs/tutorial.ko.md";
}

TEST(Translations, have_as_many_headings_as_the_original) {
  for (const std::string& file : markdown_files(kRoot)) {
    const std::string original = original_of(file);
    if (original.empty()) continue;
    EXPECT_EQ(anchors(read_text(kRoot / file)).size(), anchors(read_text(kRoot / original)).size()) << file;
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
    if (name != "nginx.conf") {
      EXPECT_THAT(present, testing::Contains(name));
    }
  }
}

TEST(Rules, a_broken_link_is_found) {
  EXPECT_THAT(broken_links("docs/x.md", "see [a](../README.md#weir) and\n[b](nowhere.md), [c](https://example.com)\n"),
              ElementsAre("docs/x.md:2: nowhere.md"));
}

TEST(Rules, a_broken_anchor_is_found) {
  EXPECT_THAT(broken_links("docs/x.md", "# Here it is\n[a](#here-it-is) [b](#there) [c](../README.md#nowhere)\n"),
              ElementsAre("docs/x.md:2: #there", "docs/x.md:2: ../README.md#nowhere"));
}

TEST(Rules, headings_are_called_as_github_calls_them) {
  EXPECT_THAT(anchors("# One `turn`, then\n```sh\n# no heading\n```\n## theirs → weir\n### Twice\n### Twice\n## 왜 쓰나요?\n"),
              ElementsAre("one-turn-then", "theirs--weir", "twice", "twice-1", "왜-쓰나요"));
}

TEST(Rules, a_block_may_have_the_name_of_a_file) {
  const auto blocks = fenced_blocks("x.md", "```yaml weir.yaml\na: 1\n```\n");
  ASSERT_THAT(blocks, SizeIs(1U));
  EXPECT_EQ(blocks[0].language, "yaml");
  EXPECT_EQ(blocks[0].name, "weir.yaml");
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
