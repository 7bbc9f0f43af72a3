#include "platform/child_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "platform/signals_blocked.h"

namespace weir {
namespace {

// <sys/pidfd.h> of glibc 2.36 forgets extern "C".
int pidfd_open(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)); }

struct Pipe {
  Descriptor read;
  Descriptor write;
};

/// None of its ends is 0, 1 or 2, which the child overwrites.
Result<Pipe> make_pipe() {
  std::array<int, 2> ends{-1, -1};
  const bool made = ::pipe2(ends.data(), O_CLOEXEC) == 0;
  std::array<Descriptor, 2> low{Descriptor(ends[0]), Descriptor(ends[1])};
  std::array<Descriptor, 2> high;
  for (std::size_t i = 0; made && i < high.size(); ++i) high[i] = Descriptor(::fcntl(ends[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (high[0].get() >= 0 && high[1].get() >= 0) return Pipe{std::move(high[0]), std::move(high[1])};
  return failure(ErrorKind::unavailable, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
}

/// For execvpe, which takes them without const for the sake of C.
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

/// All the child needs, made before the fork: between fork and exec only async-signal-safe calls are allowed.
struct ChildPlan {
  char* const* arguments;
  char* const* environment;
  std::array<int, 3> streams;  ///< its standard input, output and error
  int complaint;               ///< where it says why it could not run
  pid_t parent;
};

void reset_signals() {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) (void)::sigaction(signal, &standard, nullptr);
  sigset_t none;
  (void)::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool close_other_files(int kept) {
  const auto first = static_cast<unsigned>(kept);
  if (first > 3 && ::close_range(3, first - 1, 0) != 0) return false;
  return ::close_range(first + 1, ~0U, 0) == 0;
}

[[noreturn]] void run_child(const ChildPlan& plan) {
  (void)::setpgid(0, 0);
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(127);  // we died before that took effect
  bool ready = true;
  for (int file = 0; file < 3; ++file) ready = ready && ::dup2(plan.streams.at(static_cast<std::size_t>(file)), file) == file;
  ready = ready && close_other_files(plan.complaint);
  reset_signals();
  if (ready) (void)::execvpe(plan.arguments[0], plan.arguments, plan.environment);
  const int error = errno;
  (void)!::write(plan.complaint, &error, sizeof error);
  ::_exit(127);
}

void wait_for(pid_t pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

/// The errno with which the child gave up; 0 once the program runs.
int read_complaint(int pipe) {
  int error = 0;
  ssize_t count = 0;
  do count = ::read(pipe, &error, sizeof error);
  while (count < 0 && errno == EINTR);
  return count == sizeof error ? error : 0;
}

bool never_blocks(int file) { return ::fcntl(file, F_SETFL, O_NONBLOCK) == 0; }

}  // namespace

Result<ChildProgram> ChildProgram::start(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  std::array<Pipe, 4> pipes;
  for (Pipe& pipe : pipes) {
    Result<Pipe> made = make_pipe();
    if (!made) return std::unexpected(made.error());
    pipe = std::move(*made);
  }
  auto& [input, output, errors, complaint] = pipes;
  const std::vector<char*> arguments = pointers(command);
  const std::vector<char*> variables = pointers(environment);
  const ChildPlan plan{.arguments = arguments.data(),
                       .environment = variables.data(),
                       .streams = {input.read.get(), output.write.get(), errors.write.get()},
                       .complaint = complaint.write.get(),
                       .parent = ::getpid()};
  ChildProgram child;
  {
    const SignalsBlocked blocked;
    child.pid_ = ::fork();
    if (child.pid_ == 0) run_child(plan);
  }
  const int fork_error = errno;
  if (child.pid_ < 0) {
    child.pid_ = 0;
    return failure(ErrorKind::unavailable, fmt::format("cannot make a process for {}: {}", command[0], std::strerror(fork_error)));
  }
  complaint.write.reset();
  if (const int error = read_complaint(complaint.read.get()); error != 0) {
    wait_for(std::exchange(child.pid_, 0));
    return failure(ErrorKind::invalid, fmt::format("cannot run {}: {}", command[0], std::strerror(error)));
  }
  child.process_ = Descriptor(pidfd_open(child.pid_));
  child.input_ = std::move(input.write);
  child.output_ = std::move(output.read);
  child.errors_ = std::move(errors.read);
  const bool usable =
      child.process_.get() >= 0 && never_blocks(child.input()) && never_blocks(child.output()) && never_blocks(child.errors());
  if (!usable) return failure(ErrorKind::unavailable, fmt::format("cannot watch {}: {}", command[0], std::strerror(errno)));
  return child;
}

ChildProgram::ChildProgram(ChildProgram&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      process_(std::move(other.process_)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      errors_(std::move(other.errors_)) {}

ChildProgram::~ChildProgram() {
  if (pid_ == 0) return;
  signal(SIGKILL);
  wait_for(pid_);
}

void ChildProgram::signal(int signal) const {
  // Until it is reaped nobody else can get its number.
  if (pid_ != 0) (void)::kill(-pid_, signal);
}

std::string ChildProgram::reap() {
  signal(SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return fmt::format("exited with status {}", WEXITSTATUS(status));
}

}  // namespace weir
