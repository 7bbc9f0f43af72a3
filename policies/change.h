#pragma once

#include <string>

#include "model/settings.h"

namespace weir {

/// The size that `change` makes of `from`, at least 0. A percentage is cut to whole servers towards zero, but is at least one
/// server, and at least `least` of them (AWS: PercentChangeInCapacity, MinAdjustmentMagnitude).
[[nodiscard]] int changed_size(const Change& change, int from, int least = 1);

/// As one would write it in the file: "+2", "-10%", "=4".
[[nodiscard]] std::string change_text(const Change& change);

/// Servers rounded up, within [0, kMostServers], where an absurd metric ends; 3.0000000001 is 3, whatever binary fractions say.
[[nodiscard]] int whole_servers(double servers);

}  // namespace weir
