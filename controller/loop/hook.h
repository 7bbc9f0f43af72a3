#pragma once

#include <stop_token>

#include "controller/ports/ports.h"
#include "model/group.h"
#include "model/observation.h"
#include "model/rollout.h"
#include "platform/http_client.h"

namespace weir {

/// Runs the command of one point of a deploy to its end, or asks its URL, and says how it ended. A command finds `WEIR_GROUP`,
/// `WEIR_VERSION`, `WEIR_OLD_VERSION`, `WEIR_STRATEGY`, `WEIR_HOOK` and `WEIR_SERVERS` (addresses of the new version's healthy
/// servers, between spaces) in its environment, a URL the same in the JSON it is sent. A stop or the timeout ends it, a command
/// with its process group. Status 75 (sysexits.h: EX_TEMPFAIL), 425 and 503 ask to wait. `record` is of the turn that starts it,
/// with the deploy; `http` is needed for a URL only. Blocks.
[[nodiscard]] Outcome run_hook(const Group& group, const Record& record, const HookRun& run, HttpClient* http,
                               const std::stop_token& stop);

}  // namespace weir
