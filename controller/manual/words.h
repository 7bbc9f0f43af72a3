#pragma once

#include <functional>
#include <string>

#include "controller/manual/command.h"

namespace weir {

/// `--group GROUP`, `[-w, --watch]`, `FILE ...`: how it is written in a synopsis.
[[nodiscard]] std::string usage_of(const CommandOption& option);

/// `-c, --config FILE`: its names and value.
[[nodiscard]] std::string label_of(const CommandOption& option);

/// `weir deploy start --group GROUP … [OPTION ...]`: what must be given, in full.
[[nodiscard]] std::string synopsis_of(const DescribedCommand& command, const std::string& path);

/// Calls `visit` with every command below `command` and its path, words joined by `between`; a command before its own commands.
void each_command(const DescribedCommand& command, const std::string& path, const std::string& between,
                  const std::function<void(const DescribedCommand& command, const std::string& path)>& visit);

/// `text` with `with` for every `what`.
[[nodiscard]] std::string replaced(std::string text, const std::string& what, const std::string& with);

}  // namespace weir
