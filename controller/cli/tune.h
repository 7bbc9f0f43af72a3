#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "controller/cli/commands.h"
#include "controller/cli/world_arguments.h"

namespace weir {

/// What `weir tune` was told.
struct TuneArguments : WorldArguments {
  std::string slo = "0.1%";  ///< a percentage or a share
  std::size_t candidates = 200;
  std::size_t folds = 4;
  unsigned threads = 0;  ///< 0: one for each core
  bool vary_min = false;
  std::vector<std::string> keep;  ///< what is not to be turned
  std::filesystem::path out;      ///< where to write the YAML; empty: nowhere
};

/// `weir tune`: the parameters of least cost under an SLO. Exit::error also if nothing keeps the SLO.
[[nodiscard]] Exit command_tune(const CommonOptions& options, const TuneArguments& arguments);

}  // namespace weir
