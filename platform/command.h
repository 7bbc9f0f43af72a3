#pragma once

#include <cstddef>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// How much of what a program says is kept, if nothing else is said.
inline constexpr std::size_t kMostCommandOutput = std::size_t{1} << 20;

/// A program to run to its end.
struct Command {
  std::vector<std::string> argv;                                      ///< found on PATH, no shell
  std::string input = {};                                             ///< what it finds on its standard input
  std::vector<std::pair<std::string, std::string>> environment = {};  ///< variables on top of our own
  enum class Errors { interleaved, apart };
  Errors errors = Errors::interleaved;           ///< where standard error goes: into the output, or into `errors` of the result
  std::size_t most_output = kMostCommandOutput;  ///< bytes kept of each of the two
};

/// How a program ended.
struct CommandResult {
  int status = 0;           ///< exit status; 128 + signal if killed
  std::string output;       ///< standard error is in it, too, unless it is kept apart
  std::string errors = {};  ///< standard error, if it is kept apart
  bool complete = true;     ///< false: it said more than was to be kept
};

/// Runs a program to its end. On timeout or stop it is killed with its process group.
/// Errors: not_found (no such program), denied, unavailable (timeout), cancelled. A non-zero exit status is not an error here.
[[nodiscard]] Result<CommandResult> run_command(const Command& command, Duration timeout, std::stop_token stop = {});

/// The same with nothing to read, and standard output and error interleaved.
[[nodiscard]] Result<CommandResult> run_command(const std::vector<std::string>& argv, Duration timeout, std::stop_token stop = {});

}  // namespace weir
