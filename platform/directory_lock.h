#pragma once

#include <filesystem>
#include <stop_token>
#include <utility>

#include "model/error.h"
#include "model/time.h"
#include "platform/descriptor.h"

namespace weir {

/// Keeps everybody else, in this process or another, from using the directory. Released at the end.
class DirectoryLock {
 public:
  /// Waits at most `deadline`. The directory must exist. Errors: cancelled, denied, unavailable.
  [[nodiscard]] static Result<DirectoryLock> take(const std::filesystem::path& directory, Duration deadline,
                                                  const std::stop_token& stop);
  ~DirectoryLock();
  DirectoryLock(DirectoryLock&&) noexcept = default;
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace weir
