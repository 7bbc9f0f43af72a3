#pragma once

#include <optional>
#include <string_view>

#include "model/time.h"

namespace weir::kubernetes {

/// `2026-03-01T09:30:00Z`, with fractions of a second or another offset; absent for anything else.
[[nodiscard]] std::optional<TimePoint> parse_time(std::string_view text);

}  // namespace weir::kubernetes
