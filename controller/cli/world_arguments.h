#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "controller/cli/recorded_load.h"
#include "controller/config/config.h"
#include "controller/simulate/trace.h"
#include "controller/simulate/world.h"
#include "model/error.h"

namespace weir {

/// What the commands that rehearse a group were told about the load and the world; texts are parsed by the command itself, so that
/// its errors are like those of the file.
struct WorldArguments {
  std::string group;  ///< empty: the only one there is
  RecordedLoadArguments recorded;
  double capacity = 0;  ///< load of a full server; 0: chosen from the policies
  std::string boot = "2m";
  std::string metric_delay = "15s";
  std::string queue = "0s";
  double noise = 0;
  std::uint64_t seed = 1;
  int start = -1;                     ///< servers at the beginning; -1: what the first load takes
  std::vector<std::string> meanings;  ///< POLICY=MEANING
  std::vector<std::string> faults;    ///< WHAT@WHEN+HOW_LONG
};

/// The world, but for the capacity. Errors: invalid, with the option and what was expected.
[[nodiscard]] Result<WorldModel> model_from(const WorldArguments& arguments);

/// The group to rehearse; it belongs to the configuration. Errors: not_found for one that is not there, invalid for one that
/// decides nothing, and for no name where there are several.
[[nodiscard]] Result<const Group*> group_to_rehearse(const Config& config, const std::string& name);

/// The world to rehearse a group in.
struct RehearsalWorld {
  WorldModel model;
  std::vector<std::string> notes;  ///< what was assumed for want of a word about it
};

/// `model` with the capacity. Errors: not_found for a meaning of a policy that is not there.
[[nodiscard]] Result<RehearsalWorld> world_for(const Group& group, const WorldArguments& arguments, const Trace& trace,
                                               WorldModel model);

}  // namespace weir
