#include "policies/calendar.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir {
namespace {

constexpr Duration kTick{1};

LocalTime shown(TimePoint at, std::chrono::seconds offset) { return LocalTime{at.time_since_epoch() + offset}; }

TimePoint instant(LocalTime local, std::chrono::seconds offset) { return TimePoint{local.time_since_epoch() - offset}; }

}  // namespace

ParsedText<Windows> Windows::lasting(const Recurrence& recurrence, Duration duration, const TimeZone& zone) {
  if (duration <= Duration{0} || duration > kLongest) {
    return std::unexpected(fmt::format("duration: expected more than 0s and at most {}, found {}", format_duration(kLongest),
                                       format_duration(duration)));
  }
  return Windows(recurrence, Length::elapsed, duration, zone);
}

ParsedText<Windows> Windows::until(const Recurrence& recurrence, LocalTime end, const TimeZone& zone) {
  const auto start = recurrence.start();
  if (!start) return std::unexpected("end: a cron rule has no start to measure it from; expected a duration");
  const Duration length = end - *start;
  if (length <= Duration{0}) return std::unexpected("end: expected a time after the start");
  if (length > kLongest) return std::unexpected(fmt::format("end: expected at most {} after the start", format_duration(kLongest)));
  return Windows(recurrence, Length::wall_clock, length, zone);
}

Window Windows::window_from(LocalTime start) const {
  const TimePoint begin = zone_.from_local(start).first;
  if (kind_ == Length::elapsed) return {begin, begin + length_};
  return {begin, zone_.from_local(start + length_).first};
}

/// The latest begin in (after, at], where each real minute counts.
std::optional<TimePoint> Windows::latest_minute(TimePoint after, TimePoint at) const {
  while (at > after) {
    const TimeZone::Span span = zone_.span_at(at);
    const TimePoint low = std::max(span.begin, after + kTick);
    const auto found = recurrence_.latest_in(shown(low, span.offset), shown(at, span.offset));
    if (found) return instant(*found, span.offset);
    at = low - kTick;
  }
  return std::nullopt;
}

/// The earliest begin in (after, until], where each real minute counts.
std::optional<TimePoint> Windows::earliest_minute(TimePoint after, TimePoint until) const {
  while (after < until) {
    const TimeZone::Span span = zone_.span_at(after + kTick);
    const TimePoint high = std::min(span.end - kTick, until);
    const auto found = recurrence_.earliest_in(shown(after + kTick, span.offset), shown(high, span.offset));
    if (found) return instant(*found, span.offset);
    after = high;
  }
  return std::nullopt;
}

std::optional<Window> Windows::open_at(TimePoint at) const {
  // What began last also ends last, for no beginning on the wall clock ends before an earlier one.
  if (recurrence_.clock() == Recurrence::Clock::every_hour) {
    const auto begin = latest_minute(at - length_, at);
    if (!begin) return std::nullopt;
    return Window{*begin, *begin + length_};
  }
  const LocalTime high = zone_.high_water(at);
  const LocalTime low = kind_ == Length::elapsed ? zone_.high_water(at - length_) : high - length_;
  const auto start = recurrence_.latest_in(low + kTick, high);
  if (!start) return std::nullopt;
  return window_from(*start);
}

std::optional<TimePoint> Windows::next_opening(TimePoint after) const {
  if (recurrence_.clock() == Recurrence::Clock::every_hour) return earliest_minute(after, after + kHorizon);
  const LocalTime begin = zone_.high_water(after);
  const LocalTime high = begin + kHorizon;
  for (auto start = recurrence_.earliest_in(begin + kTick, high); start; start = recurrence_.earliest_in(*start + kTick, high)) {
    const Window window = window_from(*start);
    if (window.begin < window.end) return window.begin;
  }
  return std::nullopt;
}

}  // namespace weir
