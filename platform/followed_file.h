#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "model/error.h"
#include "platform/descriptor.h"

namespace weir {

/// A log that others write, followed line by line from the end it has at the first look; when it is renamed and begun anew, or
/// truncated, from its new beginning. Not thread-safe.
class FollowedFile {
 public:
  explicit FollowedFile(std::filesystem::path path) : path_(std::move(path)) {}

  /// Calls `each` with every line completed since the last call, without its end; lines over 64 KiB come without their beginning.
  /// An empty `each` passes them over. Errors: not_found, denied, unavailable, invalid (not a regular file).
  [[nodiscard]] Result<void> read(const std::function<void(std::string_view)>& each);

 private:
  [[nodiscard]] Result<void> open();
  [[nodiscard]] bool is_current() const;
  [[nodiscard]] Result<void> read_on(const std::function<void(std::string_view)>& each);
  void take(std::string_view text, const std::function<void(std::string_view)>& each);

  const std::filesystem::path path_;
  Descriptor file_;
  bool looked_ = false;
  off_t position_ = 0;
  std::string line_;  ///< its beginning, while the end is not written
};

}  // namespace weir
