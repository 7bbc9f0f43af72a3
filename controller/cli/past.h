#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controller/cli/connection.h"
#include "controller/config/config.h"
#include "controller/state/state_reader.h"
#include "model/error.h"
#include "model/memory.h"

namespace weir {

struct PastAsked {
  std::string group;
  int changes = 0;  ///< the newest turns that changed something, at most so many; 0: only the newest turn of all
};

/// What a group did.
struct Past {
  std::vector<KeptRecord> turns;  ///< newest first; their JSON is numbered_json()
  std::int64_t newest_turn = 0;   ///< its number, whether or not it changed something; 0 before the first
  Manual manual;                  ///< what operators have ordered; only with the newest turn of all
};

/// What the state of this machine tells. Errors: not_found (no such group, no state yet), those of the state.
[[nodiscard]] Result<Past> past_on_disk(const Config& config, const PastAsked& asked);

/// The same from a running controller. Errors: as get_from(); unavailable if the answer is none of weir's.
[[nodiscard]] Result<Past> past_from(const Connection& connection, const PastAsked& asked);

}  // namespace weir
