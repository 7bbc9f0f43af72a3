#include "examples/stand/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

namespace weir {
namespace {

constexpr std::string_view kMark = "WEIR_STAND=";

/// What the keeper runs. A zombie shows an empty environment and no working directory, so it is not found.
constexpr const char* kKeeperScript = R"sh(
cat >/dev/null
remaining() {
  grep -lzsxF "WEIR_STAND=$1" /proc/[0-9]*/environ
  for name in $(grep -lsx nginx /proc/[0-9]*/comm); do
    [ "$(readlink "${name%comm}cwd")" = "$1" ] && echo "$name"
  done
}
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  pids=$(remaining "$1" 2>/dev/null | cut -d/ -f3)
  [ -n "$pids" ] || break
  kill -9 $pids 2>/dev/null
  sleep 0.05
done
[ "$2" = remove ] && rm -rf -- "$1"
exit 0
)sh";

/// posix_spawn's two parameter blocks.
class Spawn {
 public:
  Spawn() {
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_init(&actions_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
  }
  ~Spawn() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;

  /// POSIX_SPAWN_SETPGROUP or POSIX_SPAWN_SETSID.
  void separate(int flag) {
    posix_spawnattr_setflags(&attributes_, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | flag));
  }
  void open(int target, const char* path, int flags) { posix_spawn_file_actions_addopen(&actions_, target, path, flags, 0644); }
  void duplicate(int source, int target) { posix_spawn_file_actions_adddup2(&actions_, source, target); }
  void close_the_rest() { posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1); }
  void change_directory(const char* path) { posix_spawn_file_actions_addchdir_np(&actions_, path); }

  [[nodiscard]] Result<pid_t> run(std::vector<std::string> command, std::vector<std::string> environment) const {
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> result;
      for (std::string& text : texts) result.push_back(text.data());
      result.push_back(nullptr);
      return result;
    };
    pid_t pid = 0;
    const int error =
        posix_spawnp(&pid, command[0].c_str(), &actions_, &attributes_, pointers(command).data(), pointers(environment).data());
    if (error != 0) return failure(ErrorKind::not_found, fmt::format("cannot start {}: {}", command[0], std::strerror(error)));
    return pid;
  }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
};

/// glibc 2.36 declares pidfd_open() without extern "C".
int open_process(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

/// Ours, without the mark of a stand around us.
std::vector<std::string> inherited_environment() {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with(kMark)) result.emplace_back(*entry);
  }
  return result;
}

/// A socket bound to the port, or none.
Descriptor bind_port(int port, bool reuse) {
  Descriptor bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (bound.get() < 0) return bound;
  const int yes = reuse ? 1 : 0;
  ::setsockopt(bound.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // The C interface of sockets wants exactly this cast.
  const int failed = ::bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return failed == 0 ? std::move(bound) : Descriptor();
}

bool all_free(int base) {
  for (int index = 1; index < PortBlock::kSize; ++index) {
    if (bind_port(base + index, true).get() < 0) return false;
  }
  return true;
}

}  // namespace

Result<Program> Program::start(const ProgramOptions& options) {
  Spawn spawn;
  spawn.separate(POSIX_SPAWN_SETPGROUP);
  spawn.open(STDIN_FILENO, "/dev/null", O_RDONLY);
  spawn.open(STDOUT_FILENO, options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND);
  spawn.duplicate(STDOUT_FILENO, STDERR_FILENO);
  spawn.close_the_rest();
  spawn.change_directory(options.directory.c_str());
  std::vector<std::string> environment = inherited_environment();
  environment.push_back(std::string(kMark) + options.directory.string());
  const Result<pid_t> pid = spawn.run(options.command, std::move(environment));
  if (!pid) return std::unexpected(pid.error());
  return Program(*pid, Descriptor(open_process(*pid)), options.killed);
}

Program::~Program() {
  if (pid_ != 0) kill();
}
Program::Program(Program&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)), handle_(std::move(other.handle_)), killed_(other.killed_), status_(other.status_) {}
Program& Program::operator=(Program&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(handle_, other.handle_);
  std::swap(killed_, other.killed_);
  std::swap(status_, other.status_);
  return *this;
}

void Program::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

bool Program::wait(Duration timeout) {
  if (status_) return true;
  pollfd ended{.fd = handle_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ended, 1, static_cast<int>(timeout.count())) <= 0) return false;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

Result<void> Program::stop(Duration grace) {
  signal(SIGTERM);
  if (wait(grace)) return {};
  kill();
  return failure(ErrorKind::unavailable,
                 fmt::format("process {} did not end within {} after SIGTERM; it was killed", pid_, format_duration(grace)));
}

void Program::kill() {
  if (killed_ == ProgramOptions::Killed::with_group && !status_) ::kill(-pid_, SIGKILL);
  signal(SIGKILL);
  wait(std::chrono::seconds(10));
}

Result<Keeper> Keeper::start(const std::filesystem::path& directory, Directory afterwards) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return failure(ErrorKind::unavailable, fmt::format("no pipe: {}", std::strerror(errno)));
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  Spawn spawn;
  spawn.separate(POSIX_SPAWN_SETSID);
  spawn.duplicate(read_end.get(), STDIN_FILENO);
  spawn.open(STDOUT_FILENO, "/dev/null", O_WRONLY);
  spawn.duplicate(STDOUT_FILENO, STDERR_FILENO);
  spawn.close_the_rest();
  spawn.change_directory("/");
  const std::string what = afterwards == Directory::remove ? "remove" : "keep";
  const Result<pid_t> pid =
      spawn.run({"/bin/sh", "-c", kKeeperScript, "weir-stand-keeper", directory.string(), what}, inherited_environment());
  if (!pid) return std::unexpected(pid.error());
  return Keeper(*pid, std::move(write_end));
}

Keeper::~Keeper() {
  if (lifeline_.get() < 0) return;
  lifeline_ = Descriptor();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<PortBlock> PortBlock::take() {
  constexpr int kFirst = 12'032;
  constexpr int kBlocks = 320;
  for (int attempt = 0; attempt < kBlocks; ++attempt) {
    const int base = kFirst + (::getpid() + attempt) % kBlocks * kSize;
    Descriptor lock = bind_port(base, false);
    if (lock.get() >= 0 && all_free(base)) return PortBlock(base, std::move(lock));
  }
  return failure(ErrorKind::out_of_capacity, fmt::format("no {} free ports in a row on 127.0.0.1", kSize));
}

}  // namespace weir
