#include "controller/state/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "platform/file.h"

namespace weir {
namespace {

constexpr Duration kPause{5};

/// What the holder wrote about itself; 0: nothing.
pid_t holder(int file) {
  std::array<char, 32> text{};
  const ssize_t count = ::pread(file, text.data(), text.size(), 0);
  pid_t pid = 0;
  (void)std::from_chars(text.data(), text.data() + std::max<ssize_t>(count, 0), pid);
  return pid;
}

bool lives(pid_t pid) { return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM); }

/// A controller that is killed while it starts a program leaves a child that holds the lock until it runs that program. So a holder
/// that is dead is waited for, a living one is not. Returns 0 or the errno.
int lock_within(int file, Duration patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error == EINTR) continue;
    if (error != EWOULDBLOCK || lives(holder(file)) || std::chrono::steady_clock::now() >= until) return error;
    std::this_thread::sleep_for(kPause);
  }
  return 0;
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::filesystem::path& path, Duration patience) {
  // Close-on-exec: a server started by the process provider must not hold the lock on.
  const int file = open_or_make_private(path);
  if (file < 0) return failure(ErrorKind::denied, fmt::format("cannot open lock file {}: {}", path.string(), std::strerror(errno)));
  FileLock lock(file);
  if (const int error = lock_within(file, patience); error != 0) {
    if (error != EWOULDBLOCK) {
      return failure(ErrorKind::denied, fmt::format("cannot lock {}: {}", path.string(), std::strerror(error)));
    }
    const pid_t pid = holder(file);
    return failure(ErrorKind::denied, fmt::format("another weir controller ({}) works on this state: it holds {}",
                                                  pid > 0 ? fmt::format("pid {}", pid) : "an unknown pid", path.string()));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  // The lock holds without it; only, nobody will know that we are dead.
  if (::ftruncate(file, 0) == 0) (void)!::pwrite(file, pid.data(), pid.size(), 0);
  return lock;
}

FileLock::~FileLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace weir
