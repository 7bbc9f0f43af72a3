#pragma once

#include <string>
#include <vector>

namespace weir {

/// What a shell can offer as the value of an option or an argument.
enum class Completion { nothing, files };

/// An option (`--group GROUP`), a flag (`--json`) or an argument without a name (`FILE`).
struct CommandOption {
  std::vector<std::string> names;  ///< with their dashes, short ones first; empty: an argument
  std::string value;               ///< what stands for its value; empty: a flag
  std::string what;                ///< one sentence
  std::string fallback;            ///< the value without it; empty: none that can be told
  bool required = false;
  bool repeated = false;             ///< takes several values
  std::vector<std::string> choices;  ///< the values there are; empty: not that few
  Completion completion = Completion::nothing;
};

/// A command of the command line, or the program itself.
struct DescribedCommand {
  std::string name;
  std::string what;
  std::vector<CommandOption> options;
  std::vector<CommandOption> arguments;  ///< in their order
  std::vector<DescribedCommand> commands;
};

}  // namespace weir
