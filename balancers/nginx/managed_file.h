#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "balancers/nginx/text.h"
#include "model/error.h"

namespace weir {

/// A file that nginx includes, together with its marker: `.NAME.weir-pending` beside it is a hard link to the last text that nginx
/// is known to have loaded, and exists only as long as the present text is not known to be loaded. So a crash between any two
/// steps is seen by whoever comes next, and the way back needs no space on the disk. One thread at a time changes it.
class ManagedFile {
 public:
  /// A symbolic link is followed once, here: what it points at is replaced, not the link.
  explicit ManagedFile(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Where a text can be put to be looked at by the test command without being included by anybody's `*.conf`.
  [[nodiscard]] std::filesystem::path staged_path() const;

  /// Absent if there is no file.
  [[nodiscard]] Result<std::optional<std::string>> text() const;
  /// The present text is not known to be loaded.
  [[nodiscard]] bool pending() const;

  /// Marks the file pending, then replaces its text in one step. Free if both are so already. On error the old text is there still.
  [[nodiscard]] Result<void> put(const std::string& text) const;
  /// The last text known to be loaded is there again (or no file, if there was none); still pending.
  [[nodiscard]] Result<void> take_back() const;
  /// The present text is known to be loaded.
  [[nodiscard]] Result<void> settle() const;
  /// The present text is the one to come back to, though not loaded by anybody yet; still pending.
  [[nodiscard]] Result<void> rebase() const;

 private:
  std::filesystem::path path_;
  std::filesystem::path marker_;
};

/// What one group wants of its file.
struct NginxFile {
  std::filesystem::path path;
  NginxFormat format;
  bool adopt = false;

  /// The text that would say `peers`, given what is there now. Errors: invalid, if the file is not ours to write, or has servers
  /// and `peers` is empty.
  [[nodiscard]] Result<std::string> wanted(const std::optional<std::string>& present, std::span<const Peer> peers) const;
  /// Why weir may not write this file; empty if it may.
  [[nodiscard]] std::string refusal(std::string_view present) const;
};

}  // namespace weir
