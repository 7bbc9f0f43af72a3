#pragma once

#include <stop_token>

#include "model/group.h"
#include "model/observation.h"
#include "model/rollout.h"

namespace weir {

/// Runs the command of one point of a deploy to its end, and says how it ended. It finds `WEIR_GROUP`, `WEIR_VERSION`,
/// `WEIR_OLD_VERSION`, `WEIR_STRATEGY` and `WEIR_HOOK` in its environment. A stop or the timeout kills it with its process group.
[[nodiscard]] Outcome run_hook(const Group& group, const Rollout& rollout, const HookRun& run, const std::stop_token& stop);

}  // namespace weir
