#include "platform/command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

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

TEST(Command, has_the_variables_it_is_given_on_top_of_ours) {
  ::setenv("WEIR_TEST_KEPT", "kept", 1);
  ::setenv("WEIR_TEST_REPLACED", "old", 1);
  const Command command{.argv = shell("echo $WEIR_TEST_KEPT $WEIR_TEST_REPLACED"), .environment = {{"WEIR_TEST_REPLACED", "new"}}};
  const auto result = run_command(command, 20s);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->output, "kept new\n");
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

TEST(Command, an_empty_command_is_invalid) {
  EXPECT_EQ(run_command(std::vector<std::string>{}, 20s).error().kind, ErrorKind::invalid);
}

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

TEST(Command, gets_none_of_our_open_files) {
  const int file = ::open("/dev/null", O_RDONLY);  // not close-on-exec, as libraries open theirs
  ASSERT_GE(file, 0);
  const auto result = run_command(shell("ls /proc/$$/fd"), 20s);
  ::close(file);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(("\n" + result->output).find("\n" + std::to_string(file) + "\n"), std::string::npos) << result->output;
}

TEST(Command, begins_with_the_default_signal_handling) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto result = run_command(shell("kill -PIPE $$; echo survived"), 20s);
  ::signal(SIGPIPE, SIG_DFL);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->status, 128 + SIGPIPE);
}

TEST(Command, finds_what_it_is_given_on_its_standard_input) {
  const std::string much(std::size_t{300} << 10, 'x');
  const auto result = run_command({.argv = shell("wc -c; wc -c </dev/stdin >/dev/null"), .input = much}, 20s);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->status, 0);
  EXPECT_EQ(std::stoul(result->output), much.size());
}

TEST(Command, that_does_not_read_its_input_ends_as_it_likes) {
  const auto result = run_command({.argv = shell("exit 4"), .input = std::string(std::size_t{300} << 10, 'x')}, 20s);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->status, 4);
}

TEST(Command, keeps_errors_apart_if_asked_to) {
  const auto result = run_command({.argv = shell("echo out; echo err >&2"), .errors = Command::Errors::apart}, 20s);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->output, "out\n");
  EXPECT_EQ(result->errors, "err\n");
  EXPECT_TRUE(result->complete);
}

TEST(Command, that_says_too_much_is_cut_off_and_known_to_be) {
  const auto result = run_command(shell("head -c 2000000 /dev/zero"), 20s);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->output.size(), kMostCommandOutput);
  EXPECT_FALSE(result->complete);
  const auto all = run_command({.argv = shell("head -c 2000000 /dev/zero"), .most_output = 2'000'000}, 20s);
  ASSERT_TRUE(all.has_value()) << all.error().message;
  EXPECT_EQ(all->output.size(), 2'000'000U);
  EXPECT_TRUE(all->complete);
}

TEST(Command, that_never_stops_talking_is_still_killed_in_time) {
  const auto result = run_command({"yes"}, 100ms);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
}

}  // namespace
}  // namespace weir
