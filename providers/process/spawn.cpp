#include "providers/process/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string_view>

#include "platform/signals_blocked.h"

namespace weir {
namespace {

/// What the child says about itself if it cannot run the program.
struct Complaint {
  enum class About { files, directory, program };
  About about = About::files;
  int error = 0;
};

/// All the child needs, made before the fork: between fork and exec only async-signal-safe calls are allowed.
struct ChildPlan {
  const char* path;
  char* const* arguments;
  char* const* environment;
  const char* directory;  ///< nullptr = stay
  int null;
  int log;
  int channel;
};

[[noreturn]] void give_up(const ChildPlan& plan, Complaint::About about) {
  const Complaint complaint{about, errno};
  (void)::send(plan.channel, &complaint, sizeof complaint, MSG_NOSIGNAL);
  ::_exit(127);
}

/// Closes all files but 0, 1, 2 and the channel. This comes before the wait: a child that held the other end of somebody's channel
/// would keep that one from noticing the death of weir.
bool close_files(const ChildPlan& plan) {
  const bool moved = ::dup2(plan.null, 0) == 0 && ::dup2(plan.log, 1) == 1 && ::dup2(plan.log, 2) == 2;
  if (!moved) return false;
  const auto channel = static_cast<unsigned>(plan.channel);
  if (channel > 3 && ::close_range(3, channel - 1, 0) != 0) return false;
  return ::close_range(channel + 1, ~0U, 0) == 0;
}

void wait_for_word(int channel) {
  char word = 0;
  ssize_t count = 0;
  do count = ::recv(channel, &word, 1, 0);
  while (count < 0 && errno == EINTR);
  if (count != 1) ::_exit(127);  // weir died or thought better of it
}

void reset_signals() {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) (void)::sigaction(signal, &standard, nullptr);
  sigset_t none;
  (void)::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run_child(const ChildPlan& plan) {
  (void)::setsid();
  const bool closed = close_files(plan);
  if (!closed) give_up(plan, Complaint::About::files);
  wait_for_word(plan.channel);
  reset_signals();
  // Rights that weir was given to look at a balancer's processes are not its servers'.
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (plan.directory != nullptr && ::chdir(plan.directory) != 0) give_up(plan, Complaint::About::directory);
  (void)::execve(plan.path, plan.arguments, plan.environment);
  give_up(plan, Complaint::About::program);
}

/// The same open file, not as 0, 1 or 2, which the child overwrites.
Descriptor above_standard(int file) {
  Descriptor held(file);
  if (file < 0 || file > STDERR_FILENO) return held;
  return Descriptor(::fcntl(file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

bool is_program(const std::string& path) {
  struct stat facts{};
  return ::stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

std::string search_path(const std::vector<std::string>& environment) {
  constexpr std::string_view kName = "PATH=";
  const auto found = std::ranges::find_if(environment, [&](const std::string& each) { return each.starts_with(kName); });
  return found == environment.end() ? "/usr/local/bin:/usr/bin:/bin" : found->substr(kName.size());
}

/// The file to run. A word with a slash is taken as it is, relative to the program's cwd.
std::optional<std::string> find_program(const Program& program) {
  const std::string& word = program.command.front();
  if (word.find('/') != std::string::npos) return word;
  const std::string path = search_path(program.environment);
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    std::string candidate = path.substr(begin, end - begin) + "/" + word;
    if (end > begin && is_program(candidate)) return candidate;
    begin = end + 1;
  }
  return std::nullopt;
}

/// For execve, which takes them without const for the sake of C.
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

std::unexpected<Error> fork_failure(std::string_view name, int error) {
  const bool full = error == EAGAIN || error == ENOMEM;
  return failure(full ? ErrorKind::out_of_capacity : ErrorKind::unavailable,
                 fmt::format("cannot make a process for {}: {}; nothing was started", name, std::strerror(error)));
}

std::string describe(const Complaint& complaint, const std::string& name) {
  const char* const why = std::strerror(complaint.error);
  switch (complaint.about) {
    case Complaint::About::files:
      return fmt::format("cannot set up the files of {}: {}", name, why);
    case Complaint::About::directory:
      return fmt::format("cannot run {} in its cwd: {}", name, why);
    case Complaint::About::program:
      return fmt::format("cannot run {}: {}", name, why);
  }
  return name;
}

}  // namespace

Result<WaitingProcess> WaitingProcess::make(const Program& program) {
  const std::string& name = program.command.front();
  const std::optional<std::string> path = find_program(program);
  if (!path) return failure(ErrorKind::invalid, fmt::format("cannot run {}: no such program on PATH; nothing was started", name));
  const Descriptor log = above_standard(::open(program.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (log.get() < 0) {
    return failure(ErrorKind::invalid,
                   fmt::format("cannot open the log {}: {}; nothing was started", program.log.string(), std::strerror(errno)));
  }
  const Descriptor null = above_standard(::open("/dev/null", O_RDWR | O_CLOEXEC));
  std::array<int, 2> ends{-1, -1};
  if (null.get() < 0 || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return fork_failure(name, errno);
  Descriptor ours = above_standard(ends[0]);
  const Descriptor theirs = above_standard(ends[1]);
  if (ours.get() < 0 || theirs.get() < 0) return fork_failure(name, errno);

  const std::vector<char*> arguments = pointers(program.command);
  const std::vector<char*> environment = pointers(program.environment);
  const ChildPlan plan{.path = path->c_str(),
                       .arguments = arguments.data(),
                       .environment = environment.data(),
                       .directory = program.cwd.empty() ? nullptr : program.cwd.c_str(),
                       .null = null.get(),
                       .log = log.get(),
                       .channel = theirs.get()};
  const SignalsBlocked blocked;
  const pid_t pid = ::fork();
  if (pid == 0) run_child(plan);
  if (pid < 0) return fork_failure(name, errno);
  return WaitingProcess(pid, std::move(ours), name);
}

WaitingProcess::WaitingProcess(WaitingProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      channel_(std::move(other.channel_)),
      name_(std::move(other.name_)),
      released_(other.released_) {}

WaitingProcess::~WaitingProcess() {
  if (pid_ == 0 || released_) return;
  // It is our child and nobody has waited for it: the pid is certainly its own.
  (void)::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void WaitingProcess::release() {
  released_ = true;
  const char word = 1;
  (void)::send(channel_.get(), &word, 1, MSG_NOSIGNAL);
}

Result<void> WaitingProcess::wait_until_started(Duration deadline) {
  pollfd readable{.fd = channel_.get(), .events = POLLIN, .revents = 0};
  const auto until = std::chrono::steady_clock::now() + deadline;
  int ready = 0;
  do {
    const auto left = std::chrono::ceil<Duration>(until - std::chrono::steady_clock::now());
    ready = ::poll(&readable, 1, static_cast<int>(std::max(left, Duration{0}).count()));
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) {
    return failure(ErrorKind::unavailable, fmt::format("{} (process {}) had not started its program after {}; it is left to go on",
                                                       name_, pid_, format_duration(deadline)));
  }
  Complaint complaint;
  // The other end closes when the program is executed; until then only a complaint can come.
  if (::recv(channel_.get(), &complaint, sizeof complaint, 0) != sizeof complaint) return {};
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  return failure(ErrorKind::invalid, describe(complaint, name_) + "; nothing was started");
}

}  // namespace weir
