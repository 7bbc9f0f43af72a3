#pragma once

#include <array>
#include <chrono>
#include <optional>

#include "model/event.h"
#include "model/time_zone.h"

namespace weir {

/// Times of the wall clock in which people sleep.
struct QuietHours {
  TimeZone zone;
  std::chrono::minutes from{0};                                        ///< after midnight
  std::chrono::minutes to{0};                                          ///< likewise, never equal; before `from`: of the next day
  std::array<bool, 7> days{true, true, true, true, true, true, true};  ///< on which they begin, Sunday first
  std::optional<Severity> breaks_through = Severity::critical;         ///< this and graver is told at once; absent: nothing is
  bool operator==(const QuietHours&) const = default;
};

/// When the quiet hours that `at` lies in end; absent if it lies in none.
[[nodiscard]] std::optional<TimePoint> quiet_until(const QuietHours& quiet, TimePoint at);

}  // namespace weir
