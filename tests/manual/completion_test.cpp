// The completions, in the shells that they are for.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <set>
#include <sstream>

#include "controller/manual/manual.h"
#include "platform/command.h"
#include "tests/manual/made_up.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::UnorderedElementsAre;

using Offers = std::set<std::string>;

class Shell : public testing::Test {
 protected:
  Shell() { std::ofstream(directory_.path() / "some.yaml") << "x"; }

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_.path() / name) << text;
    return directory_.path() / name;
  }
  /// What the shell prints for this script, line by line.
  Offers run(const std::string& shell, const std::string& script) const {
    const auto result = run_command({"sh", "-c", "cd \"$0\" && exec \"$@\"", directory_.path().string(), shell, "-c", script}, 60s);
    EXPECT_TRUE(result) << result.error().message;
    if (!result) return {};
    EXPECT_EQ(result->status, 0) << result->output;
    Offers offers;
    std::istringstream lines(result->output);
    for (std::string line; std::getline(lines, line);) offers.insert(line);
    return offers;
  }
  static bool is_here(const std::string& shell) {
    const auto result = run_command({shell, "-c", "true"}, 60s);
    return result && result->status == 0;
  }

  TempDirectory directory_;
};

class Bash : public Shell {
 protected:
  /// What is offered for the last of these words.
  Offers offered(const std::vector<std::string>& words) const {
    const std::filesystem::path script = write("completion", bash_completion(made_up_program()));
    return run("bash", fmt::format("source '{}'; COMP_WORDS=('{}'); COMP_CWORD={}; _weir; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
                                   script.string(), fmt::join(words, "' '"), words.size() - 1));
  }
};

TEST_F(Bash, offers_commands) {
  EXPECT_THAT(offered({"weir", ""}), UnorderedElementsAre("run", "plan", "import", "test", "deploy"));
  EXPECT_THAT(offered({"weir", "de"}), UnorderedElementsAre("deploy"));
  EXPECT_THAT(offered({"weir", "deploy", ""}), UnorderedElementsAre("start", "plan"));
}

TEST_F(Bash, offers_the_options_of_the_command) {
  EXPECT_THAT(offered({"weir", "run", "-"}), UnorderedElementsAre("-h", "--help", "-c", "--config", "--format"));
  EXPECT_THAT(offered({"weir", "deploy", "plan", "--g"}), UnorderedElementsAre("--group"));
  EXPECT_THAT(offered({"weir", "plan", "--g"}), UnorderedElementsAre(""));
}

TEST_F(Bash, offers_choices) {
  EXPECT_THAT(offered({"weir", "run", "--format", ""}), UnorderedElementsAre("text", "json"));
  EXPECT_THAT(offered({"weir", "run", "--format", "=", "j"}), UnorderedElementsAre("json"));
  EXPECT_THAT(offered({"weir", "import", ""}), UnorderedElementsAre("hpa", "asg"));
}

TEST_F(Bash, offers_files) {
  EXPECT_THAT(offered({"weir", "run", "-c", "so"}), UnorderedElementsAre("some.yaml"));
  EXPECT_THAT(offered({"weir", "import", "hpa", "so"}), UnorderedElementsAre("some.yaml"));
  EXPECT_THAT(offered({"weir", "test", "some.yaml", "so"}), UnorderedElementsAre("some.yaml"));
}

TEST_F(Bash, takes_the_value_of_an_option_for_no_command) {
  EXPECT_THAT(offered({"weir", "run", "-c", "deploy", "--f"}), UnorderedElementsAre("--format"));
}

class Fish : public Shell {
 protected:
  void SetUp() override {
    if (!is_here("fish")) GTEST_SKIP() << "the shell fish is not installed";
  }
  Offers offered(const std::string& line) const {
    const std::filesystem::path script = write("completion", fish_completion(made_up_program()));
    return run("fish", fmt::format("source {}; complete -C '{}' | string replace -r '\\t.*' ''; true", script.string(), line));
  }
};

TEST_F(Fish, offers_commands_options_choices_and_files) {
  EXPECT_THAT(offered("weir "), UnorderedElementsAre("run", "plan", "import", "test", "deploy"));
  EXPECT_THAT(offered("weir deploy "), UnorderedElementsAre("start", "plan"));
  EXPECT_THAT(offered("weir run --f"), UnorderedElementsAre("--format"));
  EXPECT_THAT(offered("weir run --format "), UnorderedElementsAre("text", "json"));
  EXPECT_THAT(offered("weir deploy plan --g"), UnorderedElementsAre("--group"));
  EXPECT_THAT(offered("weir plan --g"), IsEmpty());
  EXPECT_THAT(offered("weir run -c so"), UnorderedElementsAre("some.yaml"));
  EXPECT_THAT(offered("weir import "), IsSupersetOf({"hpa", "asg"}));
}

class Zsh : public Shell {
 protected:
  void SetUp() override {
    if (!is_here("zsh")) GTEST_SKIP() << "the shell zsh is not installed";
  }
  /// What zsh lists when the tab key is pressed, in a terminal of its own.
  std::string listed(const std::string& line) const {
    const std::filesystem::path script = write("_weir", zsh_completion(made_up_program()));
    // The mark stands in no command as it is printed, so that the terminal's echo is not taken for it.
    const std::string driver = fmt::format(
        "zmodload zsh/zpty\n"
        "zpty shell zsh -f -i\n"
        "zpty -w shell 'PS1=; stty -echo; fpath=({} $fpath); autoload -Uz compinit; compinit -u -D; bindkey \"^I\" list-choices'\n"
        "zpty -w shell 'mark() {{ print -r -- \"<E\"\"ND>\" }}; zle -N mark; bindkey \"^X\" mark'\n"
        "zpty -w -n shell $'{}\\t\\x18'\n"
        "zpty -r -m shell text '*<END>*'\n"
        "print -r -- $text\n"
        "zpty -d shell\n",
        directory_.path().string(), line);
    const auto result = run_command({"env", "TERM=dumb", "zsh", "-f", "-c", driver}, 60s);
    EXPECT_TRUE(result) << result.error().message;
    return result ? result->output : std::string();
  }
};

TEST_F(Zsh, offers_commands) {
  EXPECT_THAT(listed("weir "), testing::AllOf(testing::HasSubstr("deploy"), testing::HasSubstr("Take over")));
}

TEST_F(Zsh, offers_what_a_command_takes) {
  EXPECT_THAT(listed("weir run --"), testing::AllOf(testing::HasSubstr("--format"), testing::HasSubstr("--config")));
  EXPECT_THAT(listed("weir run --format "), testing::AllOf(testing::HasSubstr("text"), testing::HasSubstr("json")));
  EXPECT_THAT(listed("weir deploy start --"), testing::HasSubstr("Which [one]: by name"));
}

}  // namespace
}  // namespace weir
