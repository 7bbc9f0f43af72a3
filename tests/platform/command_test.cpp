#include "platform/command.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "platform/file.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> shell(const std::string& script) { return {"sh", "-c", script}; }

pid_t pid_in(const std::filesystem::path& file) {
  const auto text = read_file(file);
  return text && text->ends_with('\n') ? std::stoi(*text) : 0;
}

/// Gone, or dead and waiting for init to notice.
bool is_dead(pid_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  return !stat || stat->contains(") Z ");
}

TEST(Command, gives_status_and_both_outputs) {
  const auto result = run_command(shell("echo out; echo err >&2; exit 3"), 20s);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->status, 3);
  EXPECT_EQ(result->output, "out\nerr\n");
}

TEST(Command, has_the_variables_it_is_given_on_top_of_ours_and_its_errors_apart_if_wanted) {
  ::setenv("WEIR_TEST_KEPT", "kept", 1);
  ::setenv("WEIR_TEST_REPLACED", "old", 1);
  const CommandOptions options{.environment = {{"WEIR_TEST_REPLACED", "new"}}, .errors_apart = true};
  const auto result = run_command(shell("echo $WEIR_TEST_KEPT $WEIR_TEST_REPLACED; echo err >&2"), options, 20s);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->output, "kept new\n");
  EXPECT_EQ(result->errors, "err\n");
}

TEST(Command, words_are_not_read_by_a_shell) {
  const auto result = run_command({"echo", "$HOME; *"}, 20s);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->output, "$HOME; *\n");
}

TEST(Command, a_program_that_does_not_exist_is_not_found) {
  ::setenv("PATH", "/usr/bin:/bin", 1);  // a directory on it that we may not search would make it `denied`
  const auto result = run_command({"weir-has-no-such-program", "-t"}, 20s);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ErrorKind::not_found);
  EXPECT_EQ(result.error().message, "cannot run weir-has-no-such-program -t: No such file or directory");
}

TEST(Command, a_file_that_is_no_program_is_denied) {
  const auto result = run_command({"/etc/passwd"}, 20s);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ErrorKind::denied);
}

TEST(Command, an_empty_command_is_invalid) { EXPECT_EQ(run_command({}, 20s).error().kind, ErrorKind::invalid); }

TEST(Command, death_by_signal_is_128_and_its_number) {
  const auto result = run_command(shell("kill -9 $$"), 20s);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->status, 128 + SIGKILL);
}

TEST(Command, output_beyond_the_limit_is_dropped_but_read) {
  const auto result = run_command(shell("head -c 3000000 /dev/zero; exit 7"), 20s);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->status, 7);
  EXPECT_EQ(result->output.size(), 1024U * 1024);
}

TEST(Command, a_timeout_kills_the_whole_process_group) {
  const TempDirectory directory;
  const auto file = directory.path() / "pid";
  const auto result = run_command(shell("sleep 1000 & echo $! > " + file.string() + "; wait"), 300ms);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(result.error().message.contains("killed after 300ms")) << result.error().message;
  const pid_t child = pid_in(file);
  EXPECT_TRUE(child == 0 || wait_until(20s, [&] { return is_dead(child); }));
}

TEST(Command, a_stop_request_kills_it_at_once) {
  const TempDirectory directory;
  const auto file = directory.path() / "pid";
  std::stop_source stop;
  Result<CommandResult> result;
  {
    const std::jthread runner(
        [&] { result = run_command(shell("echo $$ > " + file.string() + "; exec sleep 1000"), 600s, stop.get_token()); });
    ASSERT_TRUE(wait_until(20s, [&] { return pid_in(file) != 0; }));
    stop.request_stop();
  }
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ErrorKind::cancelled);
  EXPECT_TRUE(is_dead(pid_in(file)));
}

TEST(Command, is_not_started_after_a_stop_request) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(run_command({"true"}, 20s, stop.get_token()).error().kind, ErrorKind::cancelled);
}

TEST(Command, what_it_leaves_in_the_background_is_not_waited_for) {
  const TempDirectory directory;
  const auto file = directory.path() / "pid";
  const auto result = run_command(shell("sleep 1000 & echo $! > " + file.string() + "; echo done"), 600s);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->output, "done\n");
  const pid_t child = pid_in(file);
  EXPECT_FALSE(is_dead(child));
  EXPECT_EQ(::kill(child, SIGKILL), 0);
}

TEST(Command, begins_with_the_default_signal_handling) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto result = run_command(shell("kill -PIPE $$; echo survived"), 20s);
  ::signal(SIGPIPE, SIG_DFL);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->status, 128 + SIGPIPE);
}

}  // namespace
}  // namespace weir
