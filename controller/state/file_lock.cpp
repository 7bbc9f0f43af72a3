#include "controller/state/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace weir {
namespace {

/// What the holder wrote about itself.
std::string holder(int file) {
  std::array<char, 32> text{};
  const ssize_t count = ::pread(file, text.data(), text.size(), 0);
  const std::string pid(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  return pid.empty() ? "an unknown pid" : "pid " + pid.substr(0, pid.find('\n'));
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::filesystem::path& path) {
  // Close-on-exec: a server started by the process provider must not hold the lock on.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return failure(ErrorKind::denied, fmt::format("cannot open lock file {}: {}", path.string(), std::strerror(errno)));
  FileLock lock(file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return failure(ErrorKind::denied, fmt::format("cannot lock {}: {}", path.string(), std::strerror(errno)));
    }
    return failure(ErrorKind::denied,
                   fmt::format("another weir controller ({}) works on this state: it holds {}", holder(file), path.string()));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  // The pid is for people only: the lock holds without it.
  if (::ftruncate(file, 0) == 0) (void)!::pwrite(file, pid.data(), pid.size(), 0);
  return lock;
}

FileLock::~FileLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace weir
