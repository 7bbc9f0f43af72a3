#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "policies/recurrence.h"

namespace weir {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::year_month_day;
using Text = std::string_view;
using Frequency = DayRule::Frequency;

/// The calendar comes round in 400 years: what is on no day of them is on none.
constexpr Duration kWholeCalendar = days{146'097};
constexpr int kLongestInterval = 1000;
constexpr int kMostTimes = 100'000;

constexpr std::array<Text, 8> kParts = {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "COUNT", "UNTIL", "WKST"};
constexpr std::array<Text, 8> kUnsupported = {"BYSECOND", "BYMINUTE", "BYHOUR", "BYYEARDAY",
                                              "BYWEEKNO", "BYSETPOS", "RSCALE", "SKIP"};
constexpr std::array<Text, 7> kWeekdays = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};
constexpr std::array<std::pair<Text, Frequency>, 4> kFrequencies = {
    {{"DAILY", Frequency::daily}, {"WEEKLY", Frequency::weekly}, {"MONTHLY", Frequency::monthly}, {"YEARLY", Frequency::yearly}}};

using Parts = std::map<Text, Text>;

template <typename... Values>
std::unexpected<std::string> wrong(fmt::format_string<Values...> text, Values&&... values) {
  return std::unexpected(fmt::format(text, std::forward<Values>(values)...));
}

Text or_nothing(Text text) { return text.empty() ? "nothing" : text; }

/// Digits with an optional sign, nothing else.
std::optional<int> whole_number(Text text) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// A number of exactly that many digits, taken off the front.
std::optional<int> take_digits(Text& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  const Text digits = text.substr(0, count);
  if (digits.find_first_not_of("0123456789") != Text::npos) return std::nullopt;
  text.remove_prefix(count);
  return whole_number(digits);
}

bool take(Text& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<LocalDay> take_day(Text& text, bool dashes) {
  const auto year = take_digits(text, 4);
  if (dashes && !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (dashes && !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!year || !month || !day || *year < 1970 || *year > 2200) return std::nullopt;
  const auto date = std::chrono::year{*year} / *month / *day;
  if (!date.ok()) return std::nullopt;
  return LocalDay{date};
}

std::optional<Duration> time_of_day(std::optional<int> hour, std::optional<int> minute, std::optional<int> second) {
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  return hours{*hour} + minutes{*minute} + seconds{*second};
}

/// "18:00" or "18:00:30".
std::optional<Duration> take_clock(Text& text) {
  const auto hour = take_digits(text, 2);
  if (!take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  const auto second = take(text, ':') ? take_digits(text, 2) : 0;
  return time_of_day(hour, minute, second);
}

/// "20261231T235959", without the Z.
std::optional<LocalTime> take_basic_time(Text& text) {
  const auto day = take_day(text, false);
  if (!day || !take(text, 'T')) return std::nullopt;
  const auto hour = take_digits(text, 2);
  const auto minute = take_digits(text, 2);
  const auto time = time_of_day(hour, minute, take_digits(text, 2));
  if (!time) return std::nullopt;
  return *day + *time;
}

Recurrence::Times times_at(LocalTime start) {
  const std::chrono::hh_mm_ss clock{floor<seconds>(start - floor<days>(start))};
  return {.hours = std::uint32_t{1} << clock.hours().count(),
          .minutes = std::uint64_t{1} << clock.minutes().count(),
          .second = clock.seconds()};
}

/// Visits what a comma separates, until one is wrong.
template <typename Visit>
ParsedText<void> for_each_item(Text list, Visit visit) {
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (const ParsedText<void> visited = visit(list.substr(begin, end - begin)); !visited) return visited;
    begin = end + 1;
  }
  return {};
}

bool is_among(std::span<const Text> words, Text word) { return std::ranges::find(words, word) != words.end(); }

std::string in_capitals(Text text) {
  std::string capitals(text);
  for (char& c : capitals) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return capitals;
}

ParsedText<Parts> split(Text text) {
  Parts parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(';', begin), text.size());
    const Text part = text.substr(begin, end - begin);
    const std::size_t equals = part.find('=');
    if (equals == Text::npos) return wrong("rrule: expected NAME=VALUE, found {}", or_nothing(part));
    const Text name = part.substr(0, equals);
    if (is_among(kUnsupported, name)) return wrong("{} is not supported", name);
    if (!is_among(kParts, name)) return wrong("rrule: expected one of {}, found {}", fmt::join(kParts, ", "), or_nothing(name));
    if (!parts.emplace(name, part.substr(equals + 1)).second) return wrong("{} is there twice", name);
    begin = end + 1;
  }
  return parts;
}

/// Builds the rule part by part; the order matters, as some parts mean different things beside others.
class Builder {
 public:
  Builder(LocalTime start, const Parts& parts, const TimeZone& zone)
      : start_(start), parts_(parts), zone_(zone), date_(floor<days>(start)) {
    rule_.first = floor<days>(start);
  }

  ParsedText<Recurrence> build() {
    using Step = ParsedText<void> (Builder::*)();
    for (const Step step : {&Builder::read_frequency, &Builder::read_interval, &Builder::read_week_start, &Builder::read_months,
                            &Builder::read_month_days, &Builder::read_weekdays}) {
      if (const auto read = (this->*step)(); !read) return std::unexpected(read.error());
    }
    fill_from_start();
    return bounded();
  }

 private:
  [[nodiscard]] const Text* find(Text name) const {
    const auto found = parts_.find(name);
    return found == parts_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] bool has(Text name) const { return parts_.contains(name); }

  ParsedText<void> read_frequency() {
    const Text* text = find("FREQ");
    if (text == nullptr) return wrong("rrule: expected FREQ");
    for (const auto& [name, frequency] : kFrequencies) {
      if (name != *text) continue;
      rule_.frequency = frequency;
      return {};
    }
    return wrong("FREQ: expected DAILY, WEEKLY, MONTHLY or YEARLY, found {}", or_nothing(*text));
  }

  ParsedText<void> read_interval() {
    const Text* text = find("INTERVAL");
    if (text == nullptr) return {};
    const auto number = whole_number(*text);
    if (!number || *number < 1 || *number > kLongestInterval)
      return wrong("INTERVAL: expected 1-{}, found {}", kLongestInterval, or_nothing(*text));
    rule_.interval = *number;
    return {};
  }

  ParsedText<void> read_week_start() {
    const Text* text = find("WKST");
    if (text == nullptr || *text == "MO") return {};
    return wrong("WKST: only MO is supported, found {}", or_nothing(*text));
  }

  ParsedText<void> read_months() {
    const Text* text = find("BYMONTH");
    if (text == nullptr) return {};
    rule_.months = 0;
    return for_each_item(*text, [&](Text item) -> ParsedText<void> {
      const auto month = whole_number(item);
      if (!month || *month < 1 || *month > 12) return wrong("BYMONTH: expected 1-12, found {}", or_nothing(item));
      rule_.months |= std::uint32_t{1} << *month;
      return {};
    });
  }

  ParsedText<void> read_month_days() {
    const Text* text = find("BYMONTHDAY");
    if (text == nullptr) return {};
    if (rule_.frequency == Frequency::weekly) return wrong("BYMONTHDAY: not with FREQ=WEEKLY");
    rule_.month_days = 0;
    return for_each_item(*text, [&](Text item) -> ParsedText<void> {
      const auto day = whole_number(item);
      if (!day || *day == 0 || *day < -31 || *day > 31)
        return wrong("BYMONTHDAY: expected 1-31, or -1 (the last day) to -31, found {}", or_nothing(item));
      std::uint32_t& bits = *day > 0 ? rule_.month_days : rule_.month_days_from_end;
      bits |= std::uint32_t{1} << std::abs(*day);
      return {};
    });
  }

  ParsedText<void> read_weekdays() {
    const Text* text = find("BYDAY");
    if (text == nullptr) return {};
    const bool in_year = rule_.frequency == Frequency::yearly && !has("BYMONTH");
    rule_.scope = in_year ? DayRule::Scope::year : DayRule::Scope::month;
    rule_.weekdays = 0;
    return for_each_item(*text, [&](Text item) { return read_weekday(item); });
  }

  ParsedText<void> read_weekday(Text item) {
    const std::size_t digits = item.size() < 2 ? 0 : item.size() - 2;
    const auto name = std::ranges::find(kWeekdays, item.substr(digits));
    if (name == kWeekdays.end()) return wrong("BYDAY: expected MO, TU, WE, TH, FR, SA or SU, found {}", or_nothing(item));
    const auto weekday = static_cast<std::size_t>(name - kWeekdays.begin());
    if (digits == 0) {
      rule_.weekdays |= std::uint32_t{1} << weekday;
      return {};
    }
    if (rule_.frequency != Frequency::monthly && rule_.frequency != Frequency::yearly) {
      return wrong("BYDAY: a number as in {} only with FREQ=MONTHLY or YEARLY", item);
    }
    const int most = rule_.scope == DayRule::Scope::year ? 53 : 5;
    const auto number = whole_number(item.substr(0, digits));
    if (!number || *number == 0 || *number < -most || *number > most)
      return wrong("BYDAY: expected a number from 1 to {0} or -1 to -{0} before the weekday, found {1}", most, item);
    auto& bits = *number > 0 ? rule_.nth : rule_.nth_from_end;
    bits[weekday] |= std::uint64_t{1} << std::abs(*number);
    return {};
  }

  /// What no part says is as in the start (RFC 5545, 3.3.10).
  void fill_from_start() {
    const bool no_days = !has("BYDAY") && !has("BYMONTHDAY");
    if (!no_days || rule_.frequency == Frequency::daily) return;
    if (rule_.frequency == Frequency::weekly) {
      rule_.weekdays = std::uint32_t{1} << std::chrono::weekday{rule_.first}.c_encoding();
      return;
    }
    rule_.month_days = std::uint32_t{1} << static_cast<unsigned>(date_.day());
    if (rule_.frequency == Frequency::yearly && !has("BYMONTH"))
      rule_.months = std::uint32_t{1} << static_cast<unsigned>(date_.month());
  }

  ParsedText<Recurrence> bounded() {
    if (has("COUNT") && has("UNTIL")) return wrong("COUNT: not together with UNTIL");
    auto last = read_until();
    if (!last) return std::unexpected(last.error());
    if (*last < start_) return wrong("UNTIL: expected a time not before the start, found {}", *find("UNTIL"));
    const Recurrence all = up_to(*last);
    const auto first = all.earliest_in(start_, start_ + kWholeCalendar);
    if (!first) return wrong("never happens: no day from the start on fits the rule");
    if (!has("COUNT")) return all;
    last = read_count(all);
    if (!last) return std::unexpected(last.error());
    return up_to(*last);
  }

  [[nodiscard]] Recurrence up_to(LocalTime last) const { return {rule_, times_at(start_), Recurrence::Clock::fixed, start_, last}; }

  [[nodiscard]] ParsedText<LocalTime> read_until() const {
    const Text* text = find("UNTIL");
    if (text == nullptr) return LocalTime::max();
    Text rest = *text;
    const auto until = take_basic_time(rest);
    const bool utc = take(rest, 'Z');
    if (!until || !rest.empty())
      return wrong("UNTIL: expected a time such as 20261231T235959 or 20261231T235959Z, found {}", or_nothing(*text));
    return utc ? zone_.high_water(TimePoint{until->time_since_epoch()}) : *until;
  }

  /// When the rule happens for the last of COUNT times.
  [[nodiscard]] ParsedText<LocalTime> read_count(const Recurrence& all) const {
    const Text text = *find("COUNT");
    const auto count = whole_number(text);
    if (!count || *count < 1 || *count > kMostTimes) return wrong("COUNT: expected 1-{}, found {}", kMostTimes, or_nothing(text));
    LocalTime last = start_ - Duration{1};
    for (int i = 0; i < *count; ++i) {
      const auto next = all.earliest_in(last + Duration{1}, start_ + kWholeCalendar);
      if (!next) return last;
      last = *next;
    }
    return last;
  }

  LocalTime start_;
  const Parts& parts_;
  const TimeZone& zone_;
  year_month_day date_;
  DayRule rule_;
};

}  // namespace

ParsedText<LocalTime> parse_local_time(std::string_view text) {
  Text rest = text;
  const auto day = take_day(rest, true);
  const bool separated = take(rest, 'T') || take(rest, ' ');
  const auto time = take_clock(rest);
  if (day && separated && time && rest.empty()) return *day + *time;
  return wrong("expected a local time such as 2026-12-24T18:00, found {}", or_nothing(text));
}

Recurrence once_at(LocalTime start) {
  return {DayRule{.first = floor<days>(start)}, times_at(start), Recurrence::Clock::fixed, start, start};
}

ParsedText<Recurrence> parse_rrule(LocalTime start, std::string_view text, const TimeZone& zone) {
  const std::string capitals = in_capitals(text);
  const auto parts = split(capitals);
  if (!parts) return std::unexpected(parts.error());
  return Builder(start, *parts, zone).build();
}

}  // namespace weir
