#pragma once

#include <filesystem>
#include <span>

#include "controller/cli/commands.h"

namespace weir {

/// `weir test`: runs files of policy tests. Status error if an expectation failed or a file is wrong; the other files run all the
/// same.
[[nodiscard]] Exit command_test(const CommonOptions& options, std::span<const std::filesystem::path> files);

}  // namespace weir
