#include "controller/notifications/quiet_hours.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

bool begins_on(const QuietHours& quiet, LocalDay day) { return quiet.days.at(std::chrono::weekday(day).c_encoding()); }

/// The instant at which the wall clock is past this.
TimePoint past(const QuietHours& quiet, LocalDay day, std::chrono::minutes minutes) {
  return quiet.zone.from_local(LocalTime(day) + minutes).first;
}

}  // namespace

std::optional<TimePoint> quiet_until(const QuietHours& quiet, TimePoint at) {
  const LocalTime local = quiet.zone.to_local(at);
  const auto today = std::chrono::floor<std::chrono::days>(local);
  const auto time = local - today;
  const bool overnight = quiet.to < quiet.from;
  const bool since_today = begins_on(quiet, today) && time >= quiet.from && (overnight || time < quiet.to);
  const bool since_yesterday = overnight && begins_on(quiet, today - std::chrono::days(1)) && time < quiet.to;
  if (!since_today && !since_yesterday) return std::nullopt;
  const LocalDay end_day = overnight && since_today ? today + std::chrono::days(1) : today;
  const TimePoint end = past(quiet, end_day, quiet.to);
  // Where the clock is set back over the end, it comes a second time.
  return end > at ? end : at + 1min;
}

}  // namespace weir
