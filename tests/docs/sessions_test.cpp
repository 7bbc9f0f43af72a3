// What the documentation shows of weir's command line is what it does: sessions are run, and options exist.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <ranges>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "platform/command.h"
#include "platform/file.h"
#include "tests/docs/documents.h"
#include "tests/support/temp_directory.h"

namespace weir::docs {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const fs::path kRoot = WEIR_SOURCE_DIR;

// Sessions

/// A command of a `console` block, and what is shown below it.
struct Exchange {
  std::size_t line = 0;
  std::string command;
  std::string shown;
};

std::vector<Exchange> exchanges(const Block& block) {
  std::vector<Exchange> found;
  std::istringstream in(block.text);
  std::size_t number = block.line;
  for (std::string line; std::getline(in, line); ++number) {
    if (line.starts_with("$ ")) {
      found.push_back({number, line.substr(2), {}});
    } else if (!found.empty()) {
      found.back().shown += line + "\n";
    }
  }
  return found;
}

/// Whether `said` is as shown, where `…` stands for anything within a line, and for any number of lines on a line of its own.
bool is_as_shown(const std::string& shown, const std::string& said) {
  constexpr std::string_view kAnything = "…";
  std::size_t from = 0;
  std::size_t at = 0;
  bool anything = false;
  std::string wanted = shown;
  for (std::size_t i = wanted.find("…\n"); i != std::string::npos; i = wanted.find("…\n", i + 1)) {
    if (i == 0 || wanted[i - 1] == '\n') wanted.erase(i + kAnything.size(), 1);
  }
  while (from <= wanted.size()) {
    const std::size_t end = std::min(wanted.find(kAnything, from), wanted.size());
    const std::string piece = wanted.substr(from, end - from);
    const bool last = end == wanted.size();
    const std::size_t found = last && anything && said.ends_with(piece) ? said.size() - piece.size() : said.find(piece, at);
    if (found == std::string::npos || found < at || (!anything && found != at)) return false;
    at = found + piece.size();
    if (last) return at == said.size();
    from = end + kAnything.size();
    anything = true;
  }
  return false;
}

/// The load that pages speak of as monday.csv: a day of a real application.
constexpr const char* kMonday = "tests/data/traces/ms_mongo01_2018-04-26.csv";

/// A directory, as the top of a clone, in which a reader has saved the files that a page shows and a secret, and types its
/// commands.
class Reader {
 public:
  explicit Reader(std::string page) : page_(std::move(page)) {
    fs::copy_file(kRoot / kMonday, directory_.path() / "monday.csv");
    EXPECT_TRUE(replace_file(directory_.path() / "token", "a secret of the reader's own\n"));
    for (const char* part : {"tests", "examples", "docs"}) fs::create_directory_symlink(kRoot / part, directory_.path() / part);
  }

  /// How many commands were run. A file is there from the beginning, and has been saved anew when a later block has its name.
  int follow() {
    const std::vector<Block> blocks = fenced_blocks(page_, read_text(kRoot / page_));
    for (const Block& block : std::views::reverse(blocks)) save(block);
    int ran = 0;
    for (const Block& block : blocks) {
      save(block);
      if (block.language != "console") continue;
      for (const Exchange& exchange : exchanges(block)) type(exchange);
      ran += static_cast<int>(exchanges(block).size());
    }
    return ran;
  }

 private:
  void save(const Block& block) {
    if (!block.name.empty()) {
      EXPECT_TRUE(replace_file(directory_.path() / block.name, block.text)) << block.name;
    }
  }

  void type(const Exchange& exchange) {
    SCOPED_TRACE(page_ + ":" + std::to_string(exchange.line) + ": " + exchange.command);
    const fs::path script = directory_.path() / ".typed.sh";
    ASSERT_TRUE(replace_file(script, "set -o pipefail\ncd '" + directory_.path().string() + "'\n" + exchange.command + "\n"));
    const std::string path = fs::path(WEIR_PROGRAM).parent_path().string() + ":" + std::getenv("PATH");
    const auto ran = run_command({.argv = {"bash", script}, .environment = {{"PATH", path}, {"NO_COLOR", "1"}}}, 100s);
    ASSERT_TRUE(ran) << ran.error().message;
    EXPECT_EQ(ran->status, 0) << ran->output;
    EXPECT_TRUE(is_as_shown(exchange.shown, ran->output)) << "shown:\n" << exchange.shown << "said:\n" << ran->output;
  }

  const std::string page_;
  TempDirectory directory_;
};

/// Pages that name the files they show, so that a reader can follow them word for word.
std::vector<std::string> pages_to_follow() {
  std::vector<std::string> pages = markdown_files(kRoot);
  std::erase_if(pages, [](const std::string& page) {
    if (page.ends_with(".ko.md")) return true;  // the same blocks, as another test sees to
    const auto blocks = fenced_blocks(page, read_text(kRoot / page));
    const bool has_files = std::ranges::any_of(blocks, [](const Block& block) { return !block.name.empty(); });
    return !has_files || std::ranges::none_of(blocks, [](const Block& block) { return block.language == "console"; });
  });
  return pages;
}

class FollowedPage : public testing::TestWithParam<std::string> {};

TEST_P(FollowedPage, says_what_weir_says) { EXPECT_GE(Reader(GetParam()).follow(), 1); }

std::string test_name(const testing::TestParamInfo<std::string>& page) {
  std::string name = page.param;
  std::ranges::replace_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Documentation, FollowedPage, testing::ValuesIn(pages_to_follow()), test_name);

TEST(FollowedPages, are_these_at_least) {
  const std::vector<std::string> followed = pages_to_follow();
  for (const char* page : {"README.md", "docs/how-it-decides.md", "docs/migrate/cron.md", "docs/migrate/nomad-autoscaler.md",
                           "docs/migrate/kubernetes-hpa.md", "docs/migrate/aws-scaling-policies.md", "docs/migrate/kamal.md"}) {
    EXPECT_THAT(followed, testing::Contains(page));
  }
}

TEST(Rules, an_answer_is_as_shown_or_not) {
  EXPECT_TRUE(is_as_shown("a\nb\n", "a\nb\n"));
  EXPECT_FALSE(is_as_shown("a\nb\n", "a\nb\nc\n"));
  EXPECT_FALSE(is_as_shown("b\n", "a\nb\n"));
  EXPECT_FALSE(is_as_shown("", "a\n"));
  EXPECT_TRUE(is_as_shown("at …, good\n", "at 12:00, good\n"));
  EXPECT_TRUE(is_as_shown("a\n…\nd\n", "a\nb\nc\nd\n"));
  EXPECT_TRUE(is_as_shown("…\nb\nb\n", "b\nb\nb\n"));
  EXPECT_TRUE(is_as_shown("a\n…\n", "a\nb\nc\n"));
  EXPECT_FALSE(is_as_shown("a\n…\nd\n", "a\nb\nc\n"));
}

// Commands and options

/// What weir says of itself: its commands, and the options of each.
class Help {
 public:
  [[nodiscard]] bool has(const std::string& command, const std::string& option) {
    const std::string& text = of(command);
    for (std::size_t at = text.find(option); at != std::string::npos; at = text.find(option, at + 1)) {
      const std::size_t end = at + option.size();
      if (end == text.size() || !is_part(text[end])) return true;
    }
    return false;
  }
  [[nodiscard]] bool knows(const std::string& command) { return !of(command).empty(); }

 private:
  static bool is_part(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; }

  const std::string& of(const std::string& command) {
    const auto known = texts_.find(command);
    if (known != texts_.end()) return known->second;
    std::vector<std::string> argv = {WEIR_PROGRAM};
    std::istringstream words(command);
    for (std::string word; words >> word;) argv.push_back(word);
    argv.emplace_back("--help");
    const auto ran = run_command(argv, 20s);
    return texts_[command] = ran && ran->status == 0 ? ran->output : "";
  }

  std::map<std::string, std::string> texts_;
};

/// Commands that have commands of their own.
constexpr std::string_view kFamilies[] = {"deploy", "import", "notify", "state"};

std::string without_comment(const std::string& line) { return line.starts_with('#') ? "" : line.substr(0, line.find(" #")); }

/// Whether the word after this one may be a program.
bool precedes_program(const std::string& word) {
  static const std::set<std::string> kMarks = {"|", ";", "&&", "||", "&", "sudo", "exec"};
  return kMarks.contains(word) || word.contains('=');
}

/// `--out` of `[--out`, `--out=x` and `--out`; empty for another word.
std::string option_in(const std::string& word) {
  const std::size_t begin = word.find("--");
  if (begin == std::string::npos || begin > 1 || word.size() < begin + 3) return "";
  return word.substr(begin, word.find_first_of("=],;", begin) - begin);
}

/// What one command line says of weir that is not so.
void check_line(const std::string& line, Help& help, std::vector<std::string>& wrong) {
  std::istringstream in(without_comment(line));
  std::string command;
  bool program_next = true;
  bool in_docker = false;
  for (std::string word; in >> word;) {
    in_docker = in_docker || word == "docker";
    // In which container comes before the program.
    if (in_docker && word == "exec" && in >> word) word = "exec";
    const bool is_weir = program_next && word == "weir";
    program_next = precedes_program(word) && (command.empty() || !word.contains('='));
    if (program_next) command.clear();
    if (is_weir && in >> command) {
      if (command.starts_with('-')) return;
      if (std::ranges::find(kFamilies, command) != std::end(kFamilies) && in >> word) command += " " + word;
      if (!help.knows(command)) wrong.push_back("weir " + command);
      continue;
    }
    const std::string option = option_in(word);
    if (!command.empty() && !option.empty() && !help.has(command, option)) wrong.push_back("weir " + command + " " + option);
  }
}

/// Of all shell blocks of a page. A line of a session that is no command is an answer, not a line of weir's.
std::vector<std::string> unknown_usage(const std::string& file, const std::string& markdown, Help& help) {
  std::vector<std::string> wrong;
  for (const Block& block : fenced_blocks(file, markdown)) {
    if (block.language != "sh" && block.language != "console") continue;
    std::istringstream in(block.text);
    for (std::string line; std::getline(in, line);) {
      if (block.language == "sh") check_line(line, help, wrong);
      if (block.language == "console" && line.starts_with("$ ")) check_line(line.substr(2), help, wrong);
    }
  }
  return wrong;
}

TEST(Documentation, names_commands_and_options_of_weir_that_exist) {
  Help help;
  for (const std::string& file : markdown_files(kRoot)) {
    EXPECT_THAT(unknown_usage(file, read_text(kRoot / file), help), IsEmpty()) << file;
  }
}

TEST(Rules, an_option_that_does_not_exist_is_found) {
  Help help;
  EXPECT_THAT(
      unknown_usage("x.md",
                    "```sh\nweir plan --out plan.json --fast  # --slow\nls --all\nweir dance\nls | weir import hpa --x -\n```\n",
                    help),
      ElementsAre("weir plan --fast", "weir dance", "weir import hpa --x"));
}

}  // namespace
}  // namespace weir::docs
