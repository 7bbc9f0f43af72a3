#pragma once

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// How a program ended.
struct CommandResult {
  int status = 0;      ///< exit status; 128 + signal if killed
  std::string output;  ///< standard output and error, interleaved, at most 1 MiB
  std::string errors;  ///< standard error, at most 1 MiB, if it was wanted apart
};

/// How a program is run besides its words.
struct CommandOptions {
  std::vector<std::pair<std::string, std::string>> environment = {};  ///< on top of our own
  bool errors_apart = false;
};

/// Runs a program (argv, found on PATH, no shell) to its end. On timeout or stop it is killed with its process group.
/// Errors: not_found (no such program), unavailable (timeout), cancelled. A non-zero exit status is not an error here.
[[nodiscard]] Result<CommandResult> run_command(const std::vector<std::string>& argv, Duration timeout, std::stop_token stop = {});
[[nodiscard]] Result<CommandResult> run_command(const std::vector<std::string>& argv, const CommandOptions& options,
                                                Duration timeout, std::stop_token stop = {});

}  // namespace weir
