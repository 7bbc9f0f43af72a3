#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "controller/config/config.h"
#include "controller/simulate/trace.h"
#include "controller/simulate/world.h"
#include "model/error.h"

namespace weir {

/// What the commands that rehearse a group were told about the load and the world; texts are parsed by the command itself, so that
/// its errors are like those of the file.
struct WorldArguments {
  std::string group;            ///< empty: the only one there is
  std::filesystem::path trace;  ///< a CSV file
  std::string column;           ///< of the trace
  std::string from;             ///< RFC 3339 or unix seconds; empty: from the first sample
  std::string to;
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

/// The load. Errors: invalid, and those of read_trace() and cut().
[[nodiscard]] Result<Trace> trace_from(const WorldArguments& arguments);

/// A group to rehearse, and the world to do it in; the group belongs to the configuration.
struct GroupInWorld {
  const Group* group = nullptr;
  WorldModel model;
  std::vector<std::string> notes;  ///< what was assumed for want of a word about it
};

/// Errors: not_found for a group or policy that is not there, invalid for a group that decides nothing.
[[nodiscard]] Result<GroupInWorld> group_in_world(const Config& config, const WorldArguments& arguments, const Trace& trace,
                                                  WorldModel model);

}  // namespace weir
