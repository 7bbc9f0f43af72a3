#pragma once

#include <filesystem>
#include <utility>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// Held by the one controller of a state file; ends with the object or with the process, however that ends.
class FileLock {
 public:
  /// Waits at most `patience`, and only where the process that took it is dead: a child that it had just made may hold the lock a
  /// moment longer. Errors: denied, naming the process that holds it, or why the lock file cannot be made.
  [[nodiscard]] static Result<FileLock> acquire(const std::filesystem::path& path, Duration patience = Duration{5000});
  FileLock(FileLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int file) : file_(file) {}
  int file_;
};

}  // namespace weir
