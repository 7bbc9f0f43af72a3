#include "platform/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>

#include "platform/descriptor.h"

extern "C" {  // which glibc 2.36 forgets to say itself
#include <sys/pidfd.h>
}

namespace weir {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

std::unexpected<Error> cannot_run(const std::vector<std::string>& argv, int error) {
  ErrorKind kind = ErrorKind::unavailable;
  if (error == ENOENT || error == ENOTDIR) kind = ErrorKind::not_found;
  if (error == EACCES || error == EPERM) kind = ErrorKind::denied;
  return failure(kind, fmt::format("cannot run {}: {}", fmt::join(argv, " "), std::strerror(error)));
}

/// posix_spawn's two opaque objects, destroyed in every case.
struct SpawnPlan {
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  posix_spawn_file_actions_t files{};
  posix_spawnattr_t attributes{};
};

/// Starts the program as leader of its own process group, its output going to `output`, with the signal handling of a fresh
/// process whatever ours is. Returns its pid, or the errno as a negative number.
pid_t spawn(const std::vector<std::string>& argv, int output) {
  SpawnPlan plan;
  ::posix_spawn_file_actions_addopen(&plan.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&plan.files, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&plan.files, output, STDERR_FILENO);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&plan.attributes, &none);
  ::posix_spawnattr_setsigdefault(&plan.attributes, &all);
  ::posix_spawnattr_setpgroup(&plan.attributes, 0);
  ::posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, words.front(), &plan.files, &plan.attributes, words.data(), environ);
  return error == 0 ? pid : -error;
}

/// Takes what the pipe holds now; false at its end.
bool drain(int pipe, std::string& output, std::size_t most) {
  std::array<char, 16384> part{};
  for (;;) {
    const ssize_t count = ::read(pipe, part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return true;  // EAGAIN: empty for now
    if (count == 0) return false;
    output.append(part.data(), std::min(static_cast<std::size_t>(count), most - output.size()));
  }
}

enum class Ending { exited, timeout, stopped };

/// Collects output until the process itself has ended: what it left running in the background may keep the pipe open.
Ending collect(int process, Descriptor& pipe, int stop, Deadline deadline, std::string& output, std::size_t most) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return Ending::timeout;
    std::array<pollfd, 3> waits{{{process, POLLIN, 0}, {stop, POLLIN, 0}, {pipe.get(), POLLIN, 0}}};
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return Ending::timeout;
    if (ready <= 0) continue;
    if (waits[2].revents != 0 && !drain(pipe.get(), output, most)) pipe.reset();
    if (waits[0].revents != 0) {
      if (pipe.get() >= 0) (void)drain(pipe.get(), output, most);
      return Ending::exited;
    }
    if (waits[1].revents != 0) return Ending::stopped;
  }
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int kill_group(pid_t pid) {
  (void)::kill(-pid, SIGKILL);
  return wait_for(pid);
}

}  // namespace

Result<CommandResult> run_command(const std::vector<std::string>& argv, Duration timeout, std::stop_token stop,
                                  std::size_t most_output) {
  if (argv.empty()) return failure(ErrorKind::invalid, "cannot run an empty command");
  if (stop.stop_requested())
    return failure(ErrorKind::cancelled, fmt::format("{}: not started, we are stopping", fmt::join(argv, " ")));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return cannot_run(argv, errno);
  Descriptor pipe(ends[0]);
  Descriptor write_end(ends[1]);
  const Descriptor wake(::eventfd(0, EFD_CLOEXEC));
  if (wake.get() < 0 || ::fcntl(pipe.get(), F_SETFL, O_NONBLOCK) != 0) return cannot_run(argv, errno);

  const pid_t pid = spawn(argv, write_end.get());
  if (pid < 0) return cannot_run(argv, -pid);
  write_end.reset();
  const Descriptor process(::pidfd_open(pid, 0));
  if (process.get() < 0) {
    const int error = errno;
    (void)kill_group(pid);
    return cannot_run(argv, error);
  }

  const std::stop_callback on_stop(stop, [&wake] { (void)::eventfd_write(wake.get(), 1); });
  CommandResult result;
  const Ending ending =
      collect(process.get(), pipe, wake.get(), std::chrono::steady_clock::now() + timeout, result.output, most_output);
  result.status = ending == Ending::exited ? wait_for(pid) : kill_group(pid);
  if (ending == Ending::stopped)
    return failure(ErrorKind::cancelled, fmt::format("{}: killed, we are stopping", fmt::join(argv, " ")));
  if (ending == Ending::timeout) {
    return failure(ErrorKind::unavailable,
                   fmt::format("{}: killed after {} without an end", fmt::join(argv, " "), format_duration(timeout)));
  }
  return result;
}

}  // namespace weir
