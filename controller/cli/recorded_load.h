#pragma once

#include <filesystem>
#include <string>

#include "controller/config/config.h"
#include "controller/simulate/trace.h"
#include "model/error.h"
#include "model/group.h"

namespace weir {

/// Which recorded load was asked for; texts are parsed by recorded_load().
struct RecordedLoadArguments {
  std::filesystem::path trace;  ///< a CSV file; empty: the history of the configuration's Prometheus
  std::string column;           ///< of the trace
  std::string from;             ///< RFC 3339, unix seconds, `now` or `now-28d`; empty: from the first sample
  std::string to;               ///< likewise; empty: to the last sample, of Prometheus now
  std::string load;             ///< PromQL for the load; empty: what a policy asks for
  std::string step;             ///< of Prometheus' history; empty: the group's interval
};

/// The load of a file or of Prometheus' history; a bar shows how far the latter is. Errors: invalid, for arguments that contradict
/// each other or cannot be read; those of read_trace(), cut(), ask_history() and make_trace().
[[nodiscard]] Result<Trace> recorded_load(const RecordedLoadArguments& arguments, const Config& config, const Group& group);

}  // namespace weir
