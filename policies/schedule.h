#pragma once

#include <array>

#include "policies/policy.h"

namespace weir {

/// `schedule`: while its window is open, its min and max take the place of the group's; `desired` pins both. Of several open
/// schedules the largest min and the largest max hold, so they never fight. It has no vote: within the bounds the other policies
/// decide. When windows begin and end: policies/calendar.h.
extern const PolicyType kSchedulePolicy;

/// An entry of the group's `maintenance:`: while its window is open, nobody scales in the directions it holds. Bounds of the
/// configuration and the replacement of what fails go on.
extern const PolicyType kMaintenancePolicy;

inline constexpr std::array<std::string_view, 3> kHolds = {"both", "out", "in"};

/// The keys that say when a window is open.
inline constexpr std::array kWindowKeys = {
    Key{.name = "cron", .doc = "When it begins: minute, hour, day of month, month, day of week, as in crontab(5)."},
    Key{.name = "start", .doc = "When it first begins, by the wall clock: 2026-12-24T18:00. Instead of cron."},
    Key{.name = "end", .doc = "When it first ends, by the wall clock. Instead of duration, with start."},
    Key{.name = "rrule", .doc = "How it repeats from start on: FREQ=WEEKLY;BYDAY=MO,FR (RFC 5545). Without it, once."},
    Key{.name = "duration", .type = KeyType::duration, .doc = "How long it lasts.", .minimum = 1},
    Key{.name = "timezone", .type = KeyType::time_zone, .doc = "Whose wall clock it is: an IANA name.", .fallback = "UTC"},
};

inline constexpr std::array kMaintenanceOwnKeys = {
    Key{.name = "hold", .type = KeyType::choice, .doc = "Which directions rest.", .fallback = "both", .choices = kHolds},
};

}  // namespace weir
