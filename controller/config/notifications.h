#pragma once

#include <array>
#include <set>
#include <string>
#include <vector>

#include "controller/config/config.h"
#include "controller/config/reader.h"
#include "model/settings.h"

namespace weir {

/// The table of `notifications:`. Its receivers have one per type.
[[nodiscard]] std::span<const Key> notification_keys();

/// The routes of the section at `path`, to receivers that are read already. Complains about what the table cannot tell; `groups`
/// and `receivers` are all names there are, also of those that could not be read.
[[nodiscard]] std::vector<Route> read_routes(const Settings& section, const NotificationRules& rules,
                                             const std::vector<std::string>& receivers, const std::vector<std::string>& groups,
                                             Reader& reader);

/// What of them is allowed and yet hardly meant.
void lint_notifications(const Config& config, std::vector<std::string>& warnings);

}  // namespace weir
