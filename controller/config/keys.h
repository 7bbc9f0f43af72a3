#pragma once

#include <span>

#include "model/settings.h"

namespace weir {

/// The tables of the sections that belong to no provider, policy or balancer. A section without keys of its own (`providers`,
/// `groups`, `server`, `policies`, `balancers`, `receivers`) has a table that depends on its type; config.cpp knows how to find it.
[[nodiscard]] std::span<const Key> root_keys();
[[nodiscard]] std::span<const Key> group_keys();
/// What every policy has besides its type's keys and `type`.
[[nodiscard]] std::span<const Key> policy_keys();
[[nodiscard]] std::span<const Key> balancer_keys();  ///< besides `type` and the type's own

}  // namespace weir
