#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "model/time.h"
#include "model/time_zone.h"

namespace weir {

/// What a text should have been, or why it cannot be meant: "hour: expected 0-23, found 24".
template <typename T>
using ParsedText = std::expected<T, std::string>;

/// "2026-12-24T18:00", "2026-12-24 18:00:30": four-digit year from 1970 to 2200, no zone.
[[nodiscard]] ParsedText<LocalTime> parse_local_time(std::string_view text);

/// Which days: every condition is a set of bits, so asking allocates nothing.
struct DayRule {
  /// How often the pattern comes round, counted from `first`.
  enum class Frequency : std::uint8_t { daily, weekly, monthly, yearly };
  /// `both`: date and weekday must fit; `either`: one is enough (cron with both restricted).
  enum class Match : std::uint8_t { both, either };
  /// What the n-th weekday is counted in.
  enum class Scope : std::uint8_t { month, year };

  Frequency frequency = Frequency::daily;
  int interval = 1;
  Match match = Match::both;
  Scope scope = Scope::month;
  std::uint32_t months = 0x1ffe;                ///< bit 1: January
  std::uint32_t month_days = 0xffff'fffe;       ///< bit 1: the first
  std::uint32_t month_days_from_end = 0;        ///< bit 1: the last
  std::uint32_t weekdays = 0x7f;                ///< bit 0: Sunday
  std::array<std::uint64_t, 7> nth{};           ///< per weekday; bit 1: the first of its scope
  std::array<std::uint64_t, 7> nth_from_end{};  ///< per weekday; bit 1: the last of its scope
  LocalDay first;                               ///< what `interval` counts from

  /// Whether the rule has this day.
  [[nodiscard]] bool has(LocalDay day) const;
};

/// When something begins, as local times: a rule for days, and times of day. A small value; the functions below make them.
class Recurrence {
 public:
  /// Fixed times happen once per local time; `every_hour`: once per real minute (see above).
  enum class Clock : std::uint8_t { fixed, every_hour };

  /// Times of day: each hour with each minute, and one second.
  struct Times {
    std::uint32_t hours = 0;    ///< bit 0: midnight
    std::uint64_t minutes = 0;  ///< bit 0: the full hour
    std::chrono::seconds second{0};
  };

  /// Beginnings from `first` to `last` only, both included.
  Recurrence(const DayRule& days, const Times& times, Clock clock, LocalTime first, LocalTime last)
      : days_(days), times_(times), clock_(clock), first_(first), last_(last) {}

  [[nodiscard]] Clock clock() const { return clock_; }
  /// What a repetition starts with; none for cron.
  [[nodiscard]] std::optional<LocalTime> start() const;

  /// The latest local time in [low, high] that this has.
  [[nodiscard]] std::optional<LocalTime> latest_in(LocalTime low, LocalTime high) const;
  /// The earliest local time in [low, high] that this has.
  [[nodiscard]] std::optional<LocalTime> earliest_in(LocalTime low, LocalTime high) const;

 private:
  DayRule days_;
  Times times_;
  Clock clock_;
  LocalTime first_;
  LocalTime last_;
};

/// Five fields: minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly, @yearly and their synonyms
/// @midnight, @annually. Lists, ranges, steps, and names in English (JAN, MON); 0 and 7 are Sunday. As in Vixie cron, day of month
/// and day of week are alternatives if neither has a `*`, else both must fit. What cannot be on any day is an error.
[[nodiscard]] ParsedText<Recurrence> parse_cron(std::string_view text);

/// Once.
[[nodiscard]] Recurrence once_at(LocalTime start);

/// RFC 5545: "FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20271231T235959". Known parts: FREQ (DAILY and slower), INTERVAL, BYDAY, BYMONTHDAY,
/// BYMONTH, COUNT, UNTIL (included; local, or UTC with a Z), WKST=MO; every other is refused by name. `start` gives the time of day
/// and what the rule leaves open; days that do not exist are left out (29 February YEARLY: leap years only). `start` itself is a
/// beginning only if the rule has it (the RFC leaves that undefined), and COUNT counts from there.
[[nodiscard]] ParsedText<Recurrence> parse_rrule(LocalTime start, std::string_view text, const TimeZone& zone);

}  // namespace weir
