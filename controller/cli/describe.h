#pragma once

#include "controller/manual/command.h"

namespace CLI {
class App;
}

namespace weir {

/// What the parser of the command line knows of it: the one table of which the manual and the completions are made.
[[nodiscard]] DescribedCommand describe(const CLI::App& app);

}  // namespace weir
