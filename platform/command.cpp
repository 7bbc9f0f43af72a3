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
#include <string_view>
#include <utility>

#include "platform/descriptor.h"

extern "C" {  // which glibc 2.36 forgets to say itself
#include <sys/pidfd.h>
}

namespace weir {
namespace {

constexpr std::size_t kMaxOutput = 1024UL * 1024;
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

/// Starts the program as leader of its own process group, its output going to `output` and `errors`, with the signal handling of a
/// fresh process whatever ours is. Returns its pid, or the errno as a negative number.
pid_t spawn(const std::vector<std::string>& argv, const std::vector<std::string>& environment, int output, int errors) {
  SpawnPlan plan;
  ::posix_spawn_file_actions_addopen(&plan.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&plan.files, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&plan.files, errors, STDERR_FILENO);
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&plan.attributes, &none);
  ::posix_spawnattr_setsigdefault(&plan.attributes, &all);
  ::posix_spawnattr_setpgroup(&plan.attributes, 0);
  ::posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<char*> words = pointers_to(argv);
  std::vector<char*> variables = pointers_to(environment);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, words.front(), &plan.files, &plan.attributes, words.data(), variables.data());
  return error == 0 ? pid : -error;
}

/// Takes what the pipe holds now; false at its end.
bool drain(int pipe, std::string& output) {
  std::array<char, 16384> part{};
  for (;;) {
    const ssize_t count = ::read(pipe, part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return true;  // EAGAIN: empty for now
    if (count == 0) return false;
    output.append(part.data(), std::min(static_cast<std::size_t>(count), kMaxOutput - output.size()));
  }
}

enum class Ending { exited, timeout, stopped };

/// One end of a pipe, and what came out of it.
struct Stream {
  Descriptor pipe;
  std::string text = {};

  void read() {
    if (pipe.get() >= 0 && !drain(pipe.get(), text)) pipe.reset();
  }
};

/// A pipe for the program to write into; its other end is what this returns.
Result<Descriptor> open_pipe(const std::vector<std::string>& argv, Stream& stream) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return cannot_run(argv, errno);
  stream.pipe = Descriptor(ends[0]);
  Descriptor write_end(ends[1]);
  if (::fcntl(stream.pipe.get(), F_SETFL, O_NONBLOCK) != 0) return cannot_run(argv, errno);
  return write_end;
}

/// Collects output until the process itself has ended: what it left running in the background may keep the pipes open.
Ending collect(int process, Stream& output, Stream& errors, int stop, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return Ending::timeout;
    std::array<pollfd, 4> waits{
        {{process, POLLIN, 0}, {stop, POLLIN, 0}, {output.pipe.get(), POLLIN, 0}, {errors.pipe.get(), POLLIN, 0}}};
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready < 0 && errno != EINTR) return Ending::timeout;
    if (ready <= 0) continue;
    const bool exited = waits[0].revents != 0;
    if (exited || waits[2].revents != 0) output.read();
    if (exited || waits[3].revents != 0) errors.read();
    if (exited) return Ending::exited;
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

Result<CommandResult> run_command(const std::vector<std::string>& argv, Duration timeout, std::stop_token stop) {
  return run_command(argv, CommandOptions{}, timeout, std::move(stop));
}

Result<CommandResult> run_command(const std::vector<std::string>& argv, const CommandOptions& options, Duration timeout,
                                  std::stop_token stop) {
  if (argv.empty()) return failure(ErrorKind::invalid, "cannot run an empty command");
  if (stop.stop_requested())
    return failure(ErrorKind::cancelled, fmt::format("{}: not started, we are stopping", fmt::join(argv, " ")));
  Stream output;
  Stream errors;
  Result<Descriptor> output_end = open_pipe(argv, output);
  if (!output_end) return std::unexpected(output_end.error());
  Result<Descriptor> errors_end = options.errors_apart ? open_pipe(argv, errors) : Descriptor();
  if (!errors_end) return std::unexpected(errors_end.error());
  const Descriptor wake(::eventfd(0, EFD_CLOEXEC));
  if (wake.get() < 0) return cannot_run(argv, errno);

  const int error_file = options.errors_apart ? errors_end->get() : output_end->get();
  const pid_t pid = spawn(argv, environment_with(options.environment), output_end->get(), error_file);
  if (pid < 0) return cannot_run(argv, -pid);
  output_end->reset();
  errors_end->reset();
  const Descriptor process(::pidfd_open(pid, 0));
  if (process.get() < 0) {
    const int error = errno;
    (void)kill_group(pid);
    return cannot_run(argv, error);
  }

  const std::stop_callback on_stop(stop, [&wake] { (void)::eventfd_write(wake.get(), 1); });
  const Ending ending = collect(process.get(), output, errors, wake.get(), std::chrono::steady_clock::now() + timeout);
  CommandResult result{.output = std::move(output.text), .errors = std::move(errors.text)};
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
