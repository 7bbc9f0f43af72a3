#include "platform/posix_time_zone.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Change = PosixTimeZone::Change;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Takes the text apart from the left. The first thing that does not fit ends it; what is taken after that means nothing.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::optional<PosixTimeZone> parse() {
    PosixTimeZone zone;
    take_name();
    zone.offset = -take_time(24);
    if (!rest_.empty()) zone.summer = take_summer(zone.offset);
    if (!fits_ || !rest_.empty()) return std::nullopt;
    return zone;
  }

 private:
  PosixTimeZone::Summer take_summer(seconds standard) {
    take_name();
    const bool says_offset = !rest_.empty() && rest_.front() != ',';
    PosixTimeZone::Summer summer{.offset = says_offset ? -take_time(24) : standard + hours{1}};
    expect(',');
    summer.begin = take_change();
    expect(',');
    summer.end = take_change();
    return summer;
  }

  Change take_change() {
    Change change;
    if (skip('M')) {
      change.month = take_number(1, 12);
      expect('.');
      change.week = take_number(1, 5);
      expect('.');
      change.day = take_number(0, 6);
    } else if (skip('J')) {
      change.kind = Change::Kind::julian;
      change.day = take_number(1, 365);
    } else {
      change.kind = Change::Kind::ordinal;
      change.day = take_number(0, 365);
    }
    if (skip('/')) change.time = take_time(167);
    return change;
  }

  void take_name() {
    const bool quoted = skip('<');
    const auto in_name = [&](char c) { return is_letter(c) || (quoted && (is_digit(c) || c == '+' || c == '-')); };
    const auto end = std::ranges::find_if_not(rest_, in_name);
    const auto size = static_cast<std::size_t>(end - rest_.begin());
    if (size < 3) fits_ = false;
    rest_.remove_prefix(size);
    if (quoted) expect('>');
  }

  seconds take_time(unsigned most_hours) {
    const bool negative = skip('-');
    if (!negative) skip('+');
    seconds time = hours{take_number(0, most_hours)};
    if (skip(':')) time += minutes{take_number(0, 59)};
    if (skip(':')) time += seconds{take_number(0, 59)};
    return negative ? -time : time;
  }

  unsigned take_number(unsigned least, unsigned most) {
    unsigned number = 0;
    std::size_t digits = 0;
    for (; digits < 3 && digits < rest_.size() && is_digit(rest_[digits]); ++digits) {
      number = number * 10 + static_cast<unsigned>(rest_[digits] - '0');
    }
    rest_.remove_prefix(digits);
    if (digits == 0 || number < least || number > most) fits_ = false;
    return number;
  }

  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!skip(c)) fits_ = false;
  }

  std::string_view rest_;
  bool fits_ = true;
};

LocalDay day_of(const Change& change, std::chrono::year year) {
  const LocalDay new_year{year / std::chrono::January / 1};
  if (change.kind == Change::Kind::ordinal) return new_year + days{change.day};
  if (change.kind == Change::Kind::julian) {
    const bool after_leap_day = year.is_leap() && change.day >= 60;
    return new_year + days{change.day - 1 + (after_leap_day ? 1 : 0)};
  }
  const auto month = year / std::chrono::month{change.month};
  const std::chrono::weekday weekday{change.day};
  if (change.week == 5) return LocalDay{month / weekday[std::chrono::last]};
  return LocalDay{month / weekday[change.week]};
}

TimePoint instant_of(const Change& change, std::chrono::year year, seconds offset_before) {
  return TimePoint{day_of(change, year).time_since_epoch() + change.time - offset_before};
}

}  // namespace

Result<PosixTimeZone> parse_posix_time_zone(std::string_view text) {
  const auto zone = Parser(text).parse();
  if (zone) return *zone;
  return failure(ErrorKind::invalid,
                 fmt::format("expected a POSIX time zone such as CET-1CEST,M3.5.0,M10.5.0/3, found '{}'", text));
}

std::array<TimeZone::Transition, 2> changes_of(const PosixTimeZone& zone, const PosixTimeZone::Summer& summer,
                                               std::chrono::year year) {
  return {TimeZone::Transition{instant_of(summer.begin, year, zone.offset), summer.offset},
          TimeZone::Transition{instant_of(summer.end, year, summer.offset), zone.offset}};
}

}  // namespace weir
