#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "policies/recurrence.h"

namespace weir {
namespace {

using Text = std::string_view;

constexpr std::array<Text, 12> kMonths = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<Text, 7> kWeekdays = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
constexpr unsigned kSunday = 7;  // at the end of the week; 0 is the one at its beginning

/// One of the five fields, and what may stand in it.
struct Field {
  Text name;
  unsigned least;
  unsigned most;
  unsigned last;  ///< where `*` ends
  std::span<const Text> words;
};

constexpr Field kMinute = {"minute", 0, 59, 59, {}};
constexpr Field kHour = {"hour", 0, 23, 23, {}};
constexpr Field kMonthDay = {"day-of-month", 1, 31, 31, {}};
constexpr Field kMonth = {"month", 1, 12, 12, kMonths};
constexpr Field kWeekday = {"day-of-week", 0, 7, 6, kWeekdays};

/// The values of a field, a bit each, and whether a `*` is among what it lists.
struct Values {
  std::uint64_t bits = 0;
  bool star = false;
};

struct Range {
  unsigned first = 0;
  unsigned last = 0;
};

std::unexpected<std::string> wrong(const Field& field, const std::string& what) {
  return std::unexpected(fmt::format("{}: {}", field.name, what));
}

std::string expected(const Field& field) {
  if (field.words.empty()) return fmt::format("expected {}-{}", field.least, field.most);
  return fmt::format("expected {}-{} or {}-{}", field.least, field.most, field.words.front(), field.words.back());
}

std::optional<unsigned> whole_number(Text text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

bool is_word(Text text, Text upper) {
  return std::ranges::equal(text, upper, {}, [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
}

std::optional<unsigned> word_value(const Field& field, Text text) {
  for (std::size_t i = 0; i < field.words.size(); ++i) {
    if (is_word(text, field.words[i])) return static_cast<unsigned>(i) + field.least;
  }
  return std::nullopt;
}

ParsedText<unsigned> parse_value(const Field& field, Text text) {
  if (const auto word = word_value(field, text)) return *word;
  const auto number = whole_number(text);
  if (number && *number >= field.least && *number <= field.most) return *number;
  return wrong(field, fmt::format("{}, found {}", expected(field), text.empty() ? "nothing" : text));
}

ParsedText<Range> parse_range(const Field& field, Text text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_value(field, text.substr(0, dash));
  if (!first) return std::unexpected(first.error());
  if (dash == Text::npos) return Range{*first, *first};
  auto last = parse_value(field, text.substr(dash + 1));
  if (!last) return std::unexpected(last.error());
  const bool ends_on_sunday = is_word(text.substr(dash + 1), "SUN") && *first > 0;
  if (ends_on_sunday) last = kSunday;
  if (*last < *first) return wrong(field, fmt::format("expected a range that runs forwards, found {}", text));
  return Range{*first, *last};
}

ParsedText<unsigned> parse_step(const Field& field, Text text) {
  const auto step = whole_number(text);
  const unsigned most = field.last - field.least + 1;
  if (step && *step >= 1 && *step <= most) return *step;
  return wrong(field, fmt::format("step: expected 1-{}, found {}", most, text.empty() ? "nothing" : text));
}

std::uint64_t bits_of(Range range, unsigned step) {
  std::uint64_t bits = 0;
  for (unsigned value = range.first; value <= range.last; value += step) bits |= std::uint64_t{1} << value;
  return bits;
}

ParsedText<std::uint64_t> parse_item(const Field& field, Text text) {
  const std::size_t slash = text.find('/');
  const Text span = text.substr(0, slash);
  const auto range = span == "*" ? Range{field.least, field.last} : parse_range(field, span);
  if (!range) return std::unexpected(range.error());
  if (slash == Text::npos) return bits_of(*range, 1);
  const auto step = parse_step(field, text.substr(slash + 1));
  if (!step) return std::unexpected(step.error());
  if (span == "*" || span.contains('-')) return bits_of(*range, *step);
  return wrong(field,
               fmt::format("expected a step of '*' or of a range such as {}-{}/{}, found {}", span, field.last, *step, text));
}

/// Whether an item is one that other crons know: L, LW, L-3, 15W, 5L, FRI#2, ?.
bool is_foreign(const Field& field, Text item) {
  const std::size_t digits = std::min(item.find_first_not_of("0123456789"), item.size());
  item.remove_prefix(word_value(field, item.substr(0, 3)) ? 3 : digits);
  return !item.empty() && Text("LlWw#?").contains(item.front());
}

std::unexpected<std::string> not_an_item(const Field& field, Text item, const std::string& error) {
  if (!is_foreign(field, item)) return std::unexpected(error);
  return wrong(
      field, fmt::format("L, W, # and ? are not supported, found {}; an rrule can say such days: BYMONTHDAY=-1, BYDAY=-1FR", item));
}

ParsedText<Values> parse_field(const Field& field, Text text) {
  Values values;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const Text item = text.substr(begin, end - begin);
    const auto bits = parse_item(field, item);
    if (!bits) return not_an_item(field, item, bits.error());
    values.bits |= *bits;
    values.star = values.star || item.starts_with('*');
    begin = end + 1;
  }
  return values;
}

std::vector<Text> words_of(Text text) {
  constexpr Text blank = " \t";
  std::vector<Text> words;
  for (std::size_t begin = text.find_first_not_of(blank); begin != Text::npos; begin = text.find_first_not_of(blank, begin)) {
    const std::size_t end = std::min(text.find_first_of(blank, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

struct Nickname {
  Text name;
  Text means;
};
constexpr Nickname kNicknames[] = {{"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
                                   {"@weekly", "0 0 * * 0"},  {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
                                   {"@annually", "0 0 1 1 *"}};

ParsedText<Text> meaning_of(Text nickname) {
  for (const Nickname& each : kNicknames) {
    if (each.name == nickname) return each.means;
  }
  return std::unexpected(fmt::format("expected @hourly, @daily, @weekly, @monthly or @yearly, found {}", nickname));
}

bool is_on_some_day(const DayRule& rule) {
  if (rule.match == DayRule::Match::either) return true;
  for (unsigned month = 1; month <= 12; ++month) {
    const auto longest = static_cast<unsigned>((std::chrono::year{2000} / std::chrono::month{month} / std::chrono::last).day());
    const bool meant = ((rule.months >> month) & 1) != 0;
    if (meant && (rule.month_days & ((std::uint64_t{2} << longest) - 1)) != 0) return true;
  }
  return false;
}

ParsedText<Recurrence> parse_fields(const std::vector<Text>& words) {
  const std::array<const Field*, 5> fields = {&kMinute, &kHour, &kMonthDay, &kMonth, &kWeekday};
  std::array<Values, 5> values;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto parsed = parse_field(*fields[i], words[i]);
    if (!parsed) return std::unexpected(parsed.error());
    values[i] = *parsed;
  }
  const auto& [minute, hour, month_day, month, weekday] = values;
  const std::uint64_t sundays = weekday.bits >> kSunday;
  const DayRule days = {.match = month_day.star || weekday.star ? DayRule::Match::both : DayRule::Match::either,
                        .months = static_cast<std::uint32_t>(month.bits),
                        .month_days = static_cast<std::uint32_t>(month_day.bits),
                        .weekdays = static_cast<std::uint32_t>((weekday.bits | sundays) & 0x7f)};
  if (!is_on_some_day(days))
    return std::unexpected(fmt::format("never happens: no month of '{}' has a day '{}'", words[3], words[2]));
  return Recurrence(days, {.hours = static_cast<std::uint32_t>(hour.bits), .minutes = minute.bits},
                    hour.star ? Recurrence::Clock::every_hour : Recurrence::Clock::fixed, LocalTime::min(), LocalTime::max());
}

}  // namespace

ParsedText<Recurrence> parse_cron(std::string_view text) {
  std::vector<Text> words = words_of(text);
  if (words.size() == 1 && words.front().starts_with('@')) {
    const auto means = meaning_of(words.front());
    if (!means) return std::unexpected(means.error());
    words = words_of(*means);
  }
  if (words.size() == 5) return parse_fields(words);
  const Text hint = words.size() > 5 ? "; seconds and years have no field" : "";
  return std::unexpected(
      fmt::format("expected 5 fields (minute hour day-of-month month day-of-week), found {}{}", words.size(), hint));
}

}  // namespace weir
