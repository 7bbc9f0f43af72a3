#include "providers/process/identity.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string_view>

#include "platform/descriptor.h"
#include "platform/file.h"

namespace weir {
namespace {

// <sys/pidfd.h> of glibc 2.36 forgets extern "C".
int pidfd_open(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)); }
int pidfd_send_signal(int handle, int signal) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, handle, signal, nullptr, 0U));
}

std::unexpected<Error> system_failure(std::string_view tried, pid_t pid, int error) {
  const ErrorKind kind = error == EACCES || error == EPERM ? ErrorKind::denied : ErrorKind::unavailable;
  return failure(kind, fmt::format("cannot {} process {}: {}", tried, pid, std::strerror(error)));
}

/// The text of /proc/PID/stat, which is far below 4 KiB; otherwise errno is set.
std::optional<std::string> read_stat(pid_t pid) {
  const Descriptor file(::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return std::nullopt;
  std::array<char, 4096> text{};
  ssize_t size = 0;
  do size = ::read(file.get(), text.data(), text.size());
  while (size < 0 && errno == EINTR);
  if (size < 0) return std::nullopt;
  return std::string(text.data(), static_cast<std::size_t>(size));
}

std::optional<ProcessFacts> parse_stat(pid_t pid, const std::string& text) {
  // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
  const std::size_t end = text.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(end + 1));
  ProcessFacts facts{.pid = pid};
  std::string skipped;
  rest >> facts.state >> skipped >> facts.group >> facts.session;
  for (int field = 7; field < 20; ++field) rest >> skipped;
  rest >> facts.threads >> skipped >> facts.start_time;
  if (!rest) return std::nullopt;
  return facts;
}

std::string describe_end(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return fmt::format("exited with status {}", info.si_status);
  return fmt::format("killed by signal {} ({})", info.si_status, ::strsignal(info.si_status));
}

}  // namespace

bool is_alive(const ProcessFacts& process) {
  // A program whose first thread has ended shows as a zombie while its other threads run on.
  return process.state != 'X' && (process.state != 'Z' || process.threads > 1);
}

Result<std::optional<ProcessFacts>> read_process(pid_t pid) {
  const std::optional<std::string> text = read_stat(pid);
  if (!text) {
    const int error = errno;
    if (error != ENOENT && error != ESRCH) return system_failure("look at", pid, error);
    // With /proc mounted hidepid=2 the processes of other users look absent.
    if (::kill(pid, 0) == 0 || errno == EPERM) return failure(ErrorKind::denied, fmt::format("process {} is hidden from us", pid));
    return std::optional<ProcessFacts>();
  }
  std::optional<ProcessFacts> facts = parse_stat(pid, *text);
  if (!facts) return failure(ErrorKind::unavailable, fmt::format("cannot make sense of /proc/{}/stat", pid));
  return facts;
}

Result<std::vector<ProcessFacts>> read_processes() {
  std::vector<ProcessFacts> processes;
  std::error_code error;
  std::filesystem::directory_iterator entry("/proc", error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (wrong != std::errc{} || end != name.data() + name.size()) continue;
    const std::optional<std::string> text = read_stat(pid);
    if (!text && errno != ENOENT && errno != ESRCH) return system_failure("look at", pid, errno);
    if (!text) continue;
    if (const std::optional<ProcessFacts> facts = parse_stat(pid, *text)) processes.push_back(*facts);
  }
  if (error) return failure(ErrorKind::unavailable, fmt::format("cannot list /proc: {}", error.message()));
  return processes;
}

Result<std::string> read_boot_id() {
  Result<std::string> text = read_file("/proc/sys/kernel/random/boot_id");
  if (!text) return failure(ErrorKind::unavailable, "no process can be told from another: " + text.error().message);
  if (text->ends_with('\n')) text->pop_back();
  return text;
}

bool was_started_with(pid_t pid, const std::string& variable) {
  const Result<std::string> environment = read_file(fmt::format("/proc/{}/environ", pid));
  if (!environment) return false;
  const std::string wanted = variable + '\0';
  return environment->starts_with(wanted) || environment->find('\0' + wanted) != std::string::npos;
}

Result<void> signal_process(const ProcessFacts& process, int signal) {
  const Descriptor handle(pidfd_open(process.pid));
  const int open_error = handle.get() < 0 ? errno : 0;
  if (open_error == ESRCH) return {};
  const bool without_handle = open_error == ENOSYS || open_error == EPERM;  // an old kernel or a strict seccomp filter
  if (open_error != 0 && !without_handle) return system_failure("open", process.pid, open_error);
  // The handle is taken: what is checked from here on is what will be signalled.
  const Result<std::optional<ProcessFacts>> now = read_process(process.pid);
  if (!now) return std::unexpected(now.error());
  if (!*now || (*now)->start_time != process.start_time) return {};
  const int sent = without_handle ? ::kill(process.pid, signal) : pidfd_send_signal(handle.get(), signal);
  if (sent != 0 && errno != ESRCH) return system_failure("signal", process.pid, errno);
  return {};
}

std::optional<std::string> how_child_ended(pid_t pid) {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid) return std::nullopt;
  return describe_end(info);
}

void reap_child(pid_t pid) {
  siginfo_t info{};
  (void)::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG);
}

}  // namespace weir
