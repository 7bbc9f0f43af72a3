#pragma once

#include <span>
#include <string>
#include <vector>

#include "controller/cli/assemble.h"
#include "controller/config/config.h"
#include "controller/render/report.h"
#include "controller/state/state_reader.h"

namespace weir {

/// One group as it is now and what a turn would come to. Nothing is changed by looking.
struct Look {
  Managed* managed = nullptr;
  Turn turn;
  GroupPlan plan;
};

/// Observes the real world once and reconciles every group, or only `groups`: `weir plan` shows it, `weir apply` does it. Health
/// checks are given a few seconds to agree. `memory` says what is remembered of a group.
/// Errors: not_found for an unknown group, or what `memory` fails with.
[[nodiscard]] Result<std::vector<Look>> look(Assembly& assembly, Outside& outside, std::span<const std::string> groups,
                                             const std::function<Result<Memory>(const std::string&)>& memory);

}  // namespace weir
