#pragma once

#include <chrono>
#include <string>

namespace weir {

/// Lengths of time in weir; a millisecond is fine enough for a control loop and survives a trip through JSON.
using Duration = std::chrono::milliseconds;

/// Wall-clock instants (UTC). They are written to disk and compared after a restart, so a steady clock will not do; code that
/// subtracts two of them must stand a result below zero, for the clock may be set back.
using TimePoint = std::chrono::sys_time<Duration>;

/// `90s`, `5m`, `1h30m`, `250ms`, `2d`, `0s`: the form the configuration takes. Exact, shortest, largest unit first.
[[nodiscard]] std::string format_duration(Duration duration);

/// RFC 3339 in UTC with milliseconds: `2026-03-01T09:30:00.250Z`.
[[nodiscard]] std::string format_time(TimePoint time);

}  // namespace weir
