#pragma once

#include <optional>
#include <string_view>

#include "model/time.h"

namespace weir {

/// Reads RFC 3339 date-time: `2026-03-01T09:30:00Z`, `…00.25Z`, `…00+09:00`; digits beyond milliseconds are cut off. Nothing for
/// any other text.
[[nodiscard]] std::optional<TimePoint> parse_rfc3339(std::string_view text);

}  // namespace weir
