#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "controller/cli/commands.h"
#include "controller/cli/world_arguments.h"

namespace weir {

/// What `weir simulate` was told.
struct SimulateArguments : WorldArguments {
  std::vector<std::filesystem::path> compare;  ///< configurations, instead of the common one
  std::vector<std::string> deploys;            ///< VERSION@WHEN
  std::filesystem::path html;
  std::filesystem::path decisions;
};

/// `weir simulate`: a group's own decisions over a recorded load.
[[nodiscard]] Exit command_simulate(const CommonOptions& options, const SimulateArguments& arguments);

}  // namespace weir
