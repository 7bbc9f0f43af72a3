#pragma once

#include <optional>
#include <string>

#include "model/time.h"

namespace weir {

/// `2026-11-21T05:53:46Z`, with or without a fraction of a second: how AWS writes an instant. Absent: it is none.
[[nodiscard]] std::optional<TimePoint> parse_aws_time(const std::string& text);

/// `20261121T055346Z`: how a signature wants it.
[[nodiscard]] std::string format_aws_time(TimePoint time);

}  // namespace weir
