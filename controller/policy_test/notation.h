#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// What a query is answered with, one value per turn; nothing: no data then. NaN and infinite values are values.
using SeriesValues = std::vector<std::optional<double>>;

/// Prometheus' notation for test series: `1 2 3`, `1+2x3` (1 3 5 7), `5-1x2` (5 4 3), `5x2` (5 5 5), `_`, `_x3` (three times no
/// data), `stale` (no data), `NaN`, `Inf`. Unlike Prometheus, no earlier value stands in for a missing one. Error: what was
/// expected. At most a million values.
[[nodiscard]] std::expected<SeriesValues, std::string> parse_series(std::string_view text);

}  // namespace weir
