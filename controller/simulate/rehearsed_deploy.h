#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/error.h"
#include "model/group.h"
#include "model/rollout.h"
#include "model/time.h"

namespace weir {

/// A deploy that is ordered in a simulation.
struct RehearsedDeploy {
  std::string version;
  Duration begin{0};  ///< after the beginning of the simulation
};

/// `v2@10m`: the version, and when; the last '@' counts, for a version may have one too. Errors: invalid, with what was expected.
[[nodiscard]] Result<RehearsedDeploy> parse_deploy(std::string_view text);

/// Whether the group can be deployed so in a simulation of this length; `deploys` are in order of time, and each finds the one
/// before it done. Errors: invalid, and why: those of check_order(), and one that begins after the end.
[[nodiscard]] Result<void> check_deploys(const Group& group, std::span<const RehearsedDeploy> deploys, Duration length);

/// The group with a judge that is always content: nobody has metrics of a version that nobody runs.
[[nodiscard]] Group without_judge(Group group);

}  // namespace weir
