#pragma once

#include <string>
#include <vector>

#include "controller/ports/ports.h"
#include "model/memory.h"

namespace weir {

/// What became of a group's deploy in one turn, or by orders that were obeyed beside one.
struct DeployChange {
  enum class Kind {
    started,
    hook_done,
    hook_failed,
    hook_asks_to_wait,
    promoted,   ///< a person let it go on
    passed,     ///< a checkpoint, a step of a canary or the switch lies behind it
    goes_back,  ///< it turned round
    done,       ///< all servers run the new version
    went_back,  ///< all servers run the old one again
  };
  Kind kind = Kind::started;
  HookRun hook = {};    ///< of those about hooks
  std::string by = {};  ///< promoted: who; goes_back: who aborted it, empty if it did so by itself
  bool operator==(const DeployChange&) const = default;
};

/// The changes between the memories before and after, in the order in which one tells of them. Each is told once only, also across
/// restarts, however soon after a turn a deploy was ordered. Pure.
[[nodiscard]] std::vector<DeployChange> deploy_changes(const Memory& before, const Memory& after, const Record& record);

/// How long the deploy took; it has ended.
[[nodiscard]] std::string time_taken(const Rollout& rollout);

}  // namespace weir
