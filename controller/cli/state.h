#pragma once

#include <filesystem>

#include "controller/cli/commands.h"

namespace weir {

/// Writes a copy of the state to `file`, also while a controller runs; one that exists is left alone unless `replace`.
[[nodiscard]] Exit command_state_backup(const CommonOptions& options, const std::filesystem::path& file, bool replace);

/// Puts a copy in the place of the state, and keeps what was there. Exit status: 1 also while a controller runs.
[[nodiscard]] Exit command_state_restore(const CommonOptions& options, const std::filesystem::path& file);

}  // namespace weir
