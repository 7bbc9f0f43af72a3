#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "controller/cli/commands.h"
#include "controller/cli/recorded_load.h"

namespace weir {

/// What `weir simulate` was told; texts are parsed by the command itself, so that its errors are like those of the file.
struct SimulateArguments {
  std::string group;  ///< empty: the only one there is
  RecordedLoadArguments recorded;
  std::vector<std::filesystem::path> compare;  ///< configurations, instead of the common one
  double capacity = 0;                         ///< load of a full server; 0: chosen from the policies
  std::string boot = "2m";
  std::string metric_delay = "15s";
  std::string queue = "0s";
  double noise = 0;
  std::uint64_t seed = 1;
  int start = -1;                     ///< servers at the beginning; -1: what the first load takes
  std::vector<std::string> meanings;  ///< POLICY=MEANING
  std::vector<std::string> faults;    ///< WHAT@WHEN+HOW_LONG
  std::filesystem::path html;
  std::filesystem::path decisions;
};

/// `weir simulate`: a group's own decisions over a recorded load.
[[nodiscard]] Exit command_simulate(const CommonOptions& options, const SimulateArguments& arguments);

}  // namespace weir
