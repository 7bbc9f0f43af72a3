#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// A scheduled action of AWS Auto Scaling: at its moments it sets sizes, which then stay.
struct ScheduledAction {
  std::string name;
  std::string recurrence;  ///< cron, five fields; empty: once, at `start`
  std::string timezone;    ///< of the recurrence; empty: UTC
  std::string start;       ///< 2026-11-27T06:00:00Z
  std::string end;
  std::optional<int> min;
  std::optional<int> max;
};

/// The same as a window: while it lasts, the sizes hold.
struct ScheduleWindow {
  std::string name;
  std::string cron;   ///< or, empty:
  std::string start;  ///< a local time, once
  std::string timezone;
  int minutes = 0;
  std::optional<int> min;
  std::optional<int> max;
};

/// The windows of one group's actions, each lasting until the next action, or why that would not be exact.
struct ScheduleWindows {
  std::vector<ScheduleWindow> windows;
  std::string why_not;               ///< empty: the windows are exact
  std::optional<std::size_t> stays;  ///< the action without a window, because after it nothing changes any more
};
[[nodiscard]] ScheduleWindows windows_of(const std::vector<ScheduledAction>& actions);

}  // namespace weir
