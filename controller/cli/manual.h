#pragma once

#include <string>

#include "controller/cli/commands.h"
#include "controller/manual/command.h"

namespace weir {

/// Prints a part of the manual. `what`: man, man-config, markdown, bash, zsh or fish.
[[nodiscard]] Exit command_manual(const DescribedCommand& program, const std::string& what);

}  // namespace weir
