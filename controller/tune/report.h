#pragma once

#include <string>

#include "controller/render/text.h"
#include "controller/tune/tune.h"

namespace weir {

/// `weir tune`: the frontier, what came of cross-validation, and the configuration to paste. `name`: of the configuration file.
[[nodiscard]] std::string tuning_text(const Tuning& tuning, const std::string& name, Colour colour);

/// `--json`: one object with everything.
[[nodiscard]] std::string tuning_json(const Tuning& tuning);

/// Only what changes, in its place under `groups:`, with what it was as a comment. For people to paste: by itself it is not a
/// whole configuration.
[[nodiscard]] std::string tuning_yaml(const Tuning& tuning);

}  // namespace weir
