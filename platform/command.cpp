#include "platform/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

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

/// For posix_spawnp, which takes them without const for the sake of C.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// Our environment with these on top.
std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> result;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const bool replaced = std::ranges::any_of(added, [&](const auto& one) { return text.starts_with(one.first + "="); });
    if (!replaced) result.emplace_back(text);
  }
  for (const auto& [name, value] : added) result.push_back(fmt::format("{}={}", name, value));
  return result;
}

/// The three standard streams of a program, as it gets them.
struct Streams {
  int in = -1;  ///< -1: /dev/null
  int out = -1;
  int error = -1;
};

/// Starts the program as leader of its own process group with the signal handling of a fresh process, whatever ours is. Returns its
/// pid, or the errno as a negative number.
pid_t spawn(const Command& command, const Streams& streams) {
  SpawnPlan plan;
  if (streams.in >= 0) {
    ::posix_spawn_file_actions_adddup2(&plan.files, streams.in, STDIN_FILENO);
  } else {
    ::posix_spawn_file_actions_addopen(&plan.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  ::posix_spawn_file_actions_adddup2(&plan.files, streams.out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&plan.files, streams.error, STDERR_FILENO);
  // Libraries open sockets that are not close-on-exec; what a program leaves in the background must not keep our port.
  ::posix_spawn_file_actions_addclosefrom_np(&plan.files, STDERR_FILENO + 1);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&plan.attributes, &none);
  ::posix_spawnattr_setsigdefault(&plan.attributes, &all);
  ::posix_spawnattr_setpgroup(&plan.attributes, 0);
  ::posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  const std::vector<std::string> environment = environment_with(command.environment);
  const std::vector<char*> words = pointers_to(command.argv);
  const std::vector<char*> variables = pointers_to(environment);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, words.front(), &plan.files, &plan.attributes, words.data(), variables.data());
  return error == 0 ? pid : -error;
}

/// Our end of what a program says, and what it said so far.
struct Hearing {
  Descriptor pipe;
  std::size_t most = kMostCommandOutput;
  std::string text = {};
  bool complete = true;

  /// Takes what the pipe holds now, and closes it at its end. More than a pipe can hold is left for later: one who never stops
  /// talking is not listened to for ever.
  void take() {
    constexpr int kWholePipe = 8;
    std::array<char, 16384> part{};
    for (int parts = 0; parts < kWholePipe && pipe.get() >= 0; ++parts) {
      const ssize_t count = ::read(pipe.get(), part.data(), part.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return;  // EAGAIN: empty for now
      if (count == 0) return pipe.reset();
      const std::size_t room = most - text.size();
      text.append(part.data(), std::min(static_cast<std::size_t>(count), room));
      complete = complete && static_cast<std::size_t>(count) <= room;
    }
  }
};

enum class Ending { exited, timeout, stopped };

/// A program that runs.
struct Running {
  Descriptor process;
  Hearing output;
  Hearing errors;
};

/// Collects what it says until the process itself has ended: what it left running in the background may keep the pipes open.
Ending collect(Running& running, int stop, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return Ending::timeout;
    std::array<pollfd, 4> waits{{{running.process.get(), POLLIN, 0},
                                 {stop, POLLIN, 0},
                                 {running.output.pipe.get(), POLLIN, 0},
                                 {running.errors.pipe.get(), POLLIN, 0}}};
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return Ending::timeout;
    if (ready <= 0) continue;
    running.output.take();
    running.errors.take();
    if (waits[0].revents != 0) return Ending::exited;
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

/// A pipe whose first end is ours to read without waiting.
Result<std::array<Descriptor, 2>> make_pipe(const std::vector<std::string>& argv) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return cannot_run(argv, errno);
  std::array<Descriptor, 2> pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return cannot_run(argv, errno);
  return pipe;
}

/// What a program finds on its standard input: a file in memory, so that nobody has to wait until it is read. -1: there is nothing.
Result<Descriptor> make_input(const Command& command) {
  if (command.input.empty()) return Descriptor();
  Descriptor file(::memfd_create("weir-input", MFD_CLOEXEC));
  if (file.get() < 0) return cannot_run(command.argv, errno);
  std::string_view rest = command.input;
  while (!rest.empty()) {
    const ssize_t count = ::write(file.get(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return cannot_run(command.argv, errno);
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return cannot_run(command.argv, errno);
  return file;
}

struct Started {
  pid_t pid = 0;
  Running running;
};

Result<Started> start(const Command& command) {
  auto output = make_pipe(command.argv);
  auto errors = make_pipe(command.argv);
  const auto input = make_input(command);
  if (!output) return std::unexpected(output.error());
  if (!errors) return std::unexpected(errors.error());
  if (!input) return std::unexpected(input.error());
  const bool apart = command.errors == Command::Errors::apart;
  const Streams streams{.in = input->get(), .out = (*output)[1].get(), .error = apart ? (*errors)[1].get() : (*output)[1].get()};
  const pid_t pid = spawn(command, streams);
  if (pid < 0) return cannot_run(command.argv, -pid);
  Descriptor process(::pidfd_open(pid, 0));
  if (process.get() < 0) {
    const int error = errno;
    (void)kill_group(pid);
    return cannot_run(command.argv, error);
  }
  return Started{pid,
                 {.process = std::move(process),
                  .output = {.pipe = std::move((*output)[0]), .most = command.most_output},
                  .errors = {.pipe = std::move((*errors)[0]), .most = command.most_output}}};
}

}  // namespace

Result<CommandResult> run_command(const Command& command, Duration timeout, std::stop_token stop) {
  const auto& argv = command.argv;
  if (argv.empty()) return failure(ErrorKind::invalid, "cannot run an empty command");
  if (stop.stop_requested())
    return failure(ErrorKind::cancelled, fmt::format("{}: not started, we are stopping", fmt::join(argv, " ")));
  const Descriptor wake(::eventfd(0, EFD_CLOEXEC));
  if (wake.get() < 0) return cannot_run(argv, errno);
  auto started = start(command);
  if (!started) return std::unexpected(started.error());

  const std::stop_callback on_stop(stop, [&wake] { (void)::eventfd_write(wake.get(), 1); });
  Running& running = started->running;
  const Ending ending = collect(running, wake.get(), std::chrono::steady_clock::now() + timeout);
  const int status = ending == Ending::exited ? wait_for(started->pid) : kill_group(started->pid);
  if (ending == Ending::stopped)
    return failure(ErrorKind::cancelled, fmt::format("{}: killed, we are stopping", fmt::join(argv, " ")));
  if (ending == Ending::timeout) {
    return failure(ErrorKind::unavailable,
                   fmt::format("{}: killed after {} without an end", fmt::join(argv, " "), format_duration(timeout)));
  }
  return CommandResult{.status = status,
                       .output = std::move(running.output.text),
                       .errors = std::move(running.errors.text),
                       .complete = running.output.complete && running.errors.complete};
}

Result<CommandResult> run_command(const std::vector<std::string>& argv, Duration timeout, std::stop_token stop) {
  return run_command(Command{.argv = argv}, timeout, std::move(stop));
}

}  // namespace weir
