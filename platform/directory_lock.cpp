#include "platform/directory_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <system_error>

namespace weir {
namespace {

namespace fs = std::filesystem;

constexpr Duration kLockPoll{5};

std::unexpected<Error> directory_failure(std::string_view tried, const fs::path& path, const std::error_code& error) {
  const ErrorKind kind = error == std::errc::permission_denied ? ErrorKind::denied : ErrorKind::unavailable;
  return failure(kind, fmt::format("cannot {} {}: {}", tried, path.string(), error.message()));
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const fs::path& directory, Duration deadline, const std::stop_token& stop) {
  const fs::path path = directory / ".lock";
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0644));
  if (file.get() < 0) return directory_failure("open", path, {errno, std::generic_category()});
  const auto until = std::chrono::steady_clock::now() + deadline;
  std::mutex mutex;
  std::condition_variable_any never;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return directory_failure("lock", path, {errno, std::generic_category()});
    if (std::chrono::steady_clock::now() >= until) {
      return failure(ErrorKind::unavailable,
                     fmt::format("{} was locked by others for {}", path.string(), format_duration(deadline)));
    }
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, kLockPoll, [] { return false; });
    if (stop.stop_requested()) return failure(ErrorKind::cancelled, fmt::format("stopped while waiting for {}", path.string()));
  }
  return DirectoryLock(std::move(file));
}

DirectoryLock::~DirectoryLock() {
  // Closing alone would leave the lock with a child that was forked a moment ago and shares the open file.
  if (file_.get() >= 0) (void)::flock(file_.get(), LOCK_UN);
}

}  // namespace weir
