#include "policies/recurrence.h"

#include <algorithm>
#include <bit>

namespace weir {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::months;
using std::chrono::year_month_day;
using Times = Recurrence::Times;

constexpr Duration kTick{1};

bool has_bit(std::uint64_t bits, unsigned bit) { return ((bits >> bit) & 1) != 0; }

std::uint64_t up_to(unsigned bit) { return ~std::uint64_t{0} >> (63 - bit); }
std::uint64_t from(unsigned bit) { return ~std::uint64_t{0} << bit; }

unsigned lowest(std::uint64_t bits) { return static_cast<unsigned>(std::countr_zero(bits)); }
unsigned highest(std::uint64_t bits) { return 63 - static_cast<unsigned>(std::countl_zero(bits)); }

LocalDay monday_before(LocalDay day) { return day - (std::chrono::weekday{day} - std::chrono::Monday); }

unsigned month_length(const year_month_day& date) {
  return static_cast<unsigned>((date.year() / date.month() / std::chrono::last).day());
}

int months_between(const year_month_day& from, const year_month_day& to) {
  const months whole = (to.year() / to.month()) - (from.year() / from.month());
  return static_cast<int>(whole.count());
}

/// How many times the frequency came round from its first day to this one.
int rounds(const DayRule& rule, LocalDay day, const year_month_day& date) {
  const year_month_day first{rule.first};
  switch (rule.frequency) {
    case DayRule::Frequency::weekly:
      return static_cast<int>((monday_before(day) - monday_before(rule.first)).count()) / 7;
    case DayRule::Frequency::monthly:
      return months_between(first, date);
    case DayRule::Frequency::yearly:
      return static_cast<int>(date.year()) - static_cast<int>(first.year());
    case DayRule::Frequency::daily:
      break;
  }
  return static_cast<int>((day - rule.first).count());
}

bool fits_month_day(const DayRule& rule, const year_month_day& date) {
  const auto day = static_cast<unsigned>(date.day());
  if (has_bit(rule.month_days, day)) return true;
  return rule.month_days_from_end != 0 && has_bit(rule.month_days_from_end, month_length(date) - day + 1);
}

/// Where a day stands in its month or year, and how long that is.
struct Place {
  unsigned index;  ///< from 0
  unsigned length;
};

Place place_of(DayRule::Scope scope, LocalDay day, const year_month_day& date) {
  if (scope == DayRule::Scope::month) return {static_cast<unsigned>(date.day()) - 1, month_length(date)};
  const LocalDay new_year{date.year() / std::chrono::January / 1};
  return {static_cast<unsigned>((day - new_year).count()), date.year().is_leap() ? 366U : 365U};
}

bool fits_weekday(const DayRule& rule, LocalDay day, const year_month_day& date) {
  const unsigned weekday = std::chrono::weekday{day}.c_encoding();
  if (has_bit(rule.weekdays, weekday)) return true;
  if ((rule.nth[weekday] | rule.nth_from_end[weekday]) == 0) return false;
  const Place place = place_of(rule.scope, day, date);
  return has_bit(rule.nth[weekday], place.index / 7 + 1) ||
         has_bit(rule.nth_from_end[weekday], (place.length - 1 - place.index) / 7 + 1);
}

Duration time_of(const Times& times, unsigned hour, unsigned minute) { return hours{hour} + minutes{minute} + times.second; }

/// The latest of the times up to `bound`, a time of day.
std::optional<Duration> latest_time(const Times& times, Duration bound) {
  const auto whole = floor<minutes>(bound - times.second);
  if (whole < minutes{0}) return std::nullopt;
  const auto hour = static_cast<unsigned>(whole.count() / 60);
  const std::uint64_t in_hour = times.minutes & up_to(static_cast<unsigned>(whole.count() % 60));
  if (has_bit(times.hours, hour) && in_hour != 0) return time_of(times, hour, highest(in_hour));
  const std::uint64_t before = times.hours & ~from(hour);
  if (before == 0) return std::nullopt;
  return time_of(times, highest(before), highest(times.minutes));
}

/// The earliest of the times from `bound` on, a time of day.
std::optional<Duration> earliest_time(const Times& times, Duration bound) {
  const auto whole = std::max(minutes{0}, std::chrono::ceil<minutes>(bound - times.second));
  const auto hour = static_cast<unsigned>(whole.count() / 60);
  const std::uint64_t in_hour = times.minutes & from(static_cast<unsigned>(whole.count() % 60));
  if (has_bit(times.hours, hour) && in_hour != 0) return time_of(times, hour, lowest(in_hour));
  const std::uint64_t after = times.hours & ~up_to(hour);
  if (after == 0) return std::nullopt;
  return time_of(times, lowest(after), lowest(times.minutes));
}

}  // namespace

bool DayRule::has(LocalDay day) const {
  const year_month_day date{day};
  if (!has_bit(months, static_cast<unsigned>(date.month()))) return false;
  if (interval != 1 && rounds(*this, day, date) % interval != 0) return false;
  const bool date_fits = fits_month_day(*this, date);
  const bool decided = date_fits == (match == Match::either);
  return decided ? date_fits : fits_weekday(*this, day, date);
}

std::optional<LocalTime> Recurrence::start() const {
  if (first_ == LocalTime::min()) return std::nullopt;
  return first_;
}

std::optional<LocalTime> Recurrence::latest_in(LocalTime low, LocalTime high) const {
  low = std::max(low, first_);
  high = std::min(high, last_);
  if (low > high) return std::nullopt;
  LocalDay day = floor<days>(high);
  Duration bound = high - day;
  for (const LocalDay stop = floor<days>(low); day >= stop; day -= days{1}, bound = days{1} - kTick) {
    if (!days_.has(day)) continue;
    const auto time = latest_time(times_, bound);
    if (!time) continue;
    const LocalTime found = day + *time;
    return found < low ? std::nullopt : std::optional(found);
  }
  return std::nullopt;
}

std::optional<LocalTime> Recurrence::earliest_in(LocalTime low, LocalTime high) const {
  low = std::max(low, first_);
  high = std::min(high, last_);
  if (low > high) return std::nullopt;
  LocalDay day = floor<days>(low);
  Duration bound = low - day;
  for (const LocalDay stop = floor<days>(high); day <= stop; day += days{1}, bound = Duration{0}) {
    if (!days_.has(day)) continue;
    const auto time = earliest_time(times_, bound);
    if (!time) continue;
    const LocalTime found = day + *time;
    return found > high ? std::nullopt : std::optional(found);
  }
  return std::nullopt;
}

}  // namespace weir
