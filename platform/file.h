#pragma once

#include <filesystem>
#include <string>

#include "model/error.h"

namespace weir {

/// The whole file. Errors: not_found, denied, unavailable.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path);

/// Replaces the file in one step: temporary file in the same directory (name begins with a dot, ends in `.weir-tmp`), fsync,
/// rename, fsync of the directory. On any error the old file is untouched and the temporary one is gone. Keeps the old mode and
/// owner.
[[nodiscard]] Result<void> replace_file(const std::filesystem::path& path, const std::string& text);

/// Opens the file for reading and writing; where it is missing it is made, for its owner only. What root makes in another user's
/// folder becomes that user's, whose service has to open it. -1 and errno if it cannot.
[[nodiscard]] int open_or_make_private(const std::filesystem::path& path);

/// The same where it must not exist yet: EEXIST.
[[nodiscard]] int make_private(const std::filesystem::path& path);

}  // namespace weir
