#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "model/time.h"
#include "model/time_zone.h"
#include "policies/recurrence.h"

namespace weir {

// The calendar: when something begins (a Recurrence), and the windows of time that begin then (Windows).
//
// Where the wall clock is changed:
// - A fixed local time that does not exist happens at the first instant after the gap; several such times are then one.
// - A fixed local time that exists twice happens once, the first time.
// - A cron rule whose hour field has a `*` (`*`, `*/2`) means every hour: it happens in every real minute that matches, so in both
//   passes of a repeated hour and not in a gap (Vixie cron's distinction).
// - A `duration` is elapsed time; an `end` is a time of the wall clock and follows the same rules as a beginning. A window whose
//   beginning and end are both in one gap does not happen that day.

/// A stretch of time: `begin` belongs to it, `end` does not.
struct Window {
  TimePoint begin;
  TimePoint end;
  bool operator==(const Window&) const = default;
};

/// A recurrence in a time zone, and how long each window lasts. Immutable; its questions allocate nothing.
class Windows {
 public:
  /// Nothing longer than this is a window.
  static constexpr Duration kLongest = std::chrono::days{8 * 366};
  /// How far ahead next_opening looks: from one leap day to the next, over 2100 too.
  static constexpr Duration kHorizon = std::chrono::days{8 * 366};

  /// Each lasts this long in elapsed time. Error: not more than zero, or above kLongest.
  [[nodiscard]] static ParsedText<Windows> lasting(const Recurrence& recurrence, Duration duration, const TimeZone& zone);

  /// The first would end at `end` of the wall clock, each other as much later on the clock as it begins later. Error: not after the
  /// recurrence's start, further than kLongest, or a cron rule, which has no start.
  [[nodiscard]] static ParsedText<Windows> until(const Recurrence& recurrence, LocalTime end, const TimeZone& zone);

  /// The window with this instant in it; of several the one that ends last.
  [[nodiscard]] std::optional<Window> open_at(TimePoint at) const;

  /// The earliest begin of a window after this instant, whether or not one is open then; nothing within kHorizon: none.
  [[nodiscard]] std::optional<TimePoint> next_opening(TimePoint after) const;

 private:
  enum class Length : std::uint8_t { elapsed, wall_clock };

  Windows(const Recurrence& recurrence, Length kind, Duration length, TimeZone zone)
      : recurrence_(recurrence), kind_(kind), length_(length), zone_(std::move(zone)) {}

  [[nodiscard]] Window window_from(LocalTime start) const;
  [[nodiscard]] std::optional<TimePoint> latest_minute(TimePoint after, TimePoint at) const;
  [[nodiscard]] std::optional<TimePoint> earliest_minute(TimePoint after, TimePoint until) const;

  Recurrence recurrence_;
  Length kind_;
  Duration length_;
  TimeZone zone_;
};

}  // namespace weir
