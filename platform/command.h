#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// How a program ended.
struct CommandResult {
  int status = 0;      ///< exit status; 128 + signal if killed
  std::string output;  ///< standard output and error, interleaved, as much as was asked for
};

/// How much of a program's output is kept, if nothing else is said.
inline constexpr std::size_t kMostCommandOutput = 1024UL * 1024;

/// Runs a program (argv, found on PATH, no shell) to its end. On timeout or stop it is killed with its process group.
/// Errors: not_found (no such program), unavailable (timeout), cancelled. A non-zero exit status is not an error here.
[[nodiscard]] Result<CommandResult> run_command(const std::vector<std::string>& argv, Duration timeout, std::stop_token stop = {},
                                                std::size_t most_output = kMostCommandOutput);

}  // namespace weir
