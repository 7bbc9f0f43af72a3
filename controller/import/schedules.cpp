#include "controller/import/schedules.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <tuple>

#include "controller/config/values.h"
#include "controller/import/writing.h"

namespace weir {
namespace {

constexpr int kDay = 24 * 60;
constexpr int kWeek = 7 * kDay;
constexpr int kLongestWindow = 8 * 365 * kDay;
constexpr std::size_t kMostMoments = 500;
constexpr std::size_t kMostWindows = 50;

/// One moment at which an action acts, in minutes since Sunday 0:00, or since 1970 for those that act once.
struct Moment {
  std::int64_t minute = 0;
  std::size_t action = 0;
  int lasts = 0;
  std::optional<int> min = {};
  std::optional<int> max = {};
};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0 || separator != ' ') parts.push_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

/// A number of a cron field, or a day's name.
std::optional<int> cron_number(std::string_view text) {
  static constexpr std::string_view kDays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  const std::string small = snake_case(text);
  const auto* const day = std::ranges::find(kDays, std::string_view(small));
  if (day != std::ranges::end(kDays)) return static_cast<int>(day - std::ranges::begin(kDays));
  const auto number = parse_integer(text);
  return number && *number >= 0 && *number < 60 ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

/// The numbers of one part of a field: 5, 1-5, *, */15.
bool add_numbers(std::string_view part, int highest, std::set<int>& numbers) {
  const auto slash = split(part, '/');
  const auto step = slash.size() == 2 ? cron_number(slash[1]) : std::optional(1);
  if (slash.size() > 2 || !step || *step == 0) return false;
  const bool all = slash[0] == "*";
  const auto ends = split(slash[0], '-');
  const auto first = all ? std::optional(0) : cron_number(ends.front());
  const auto last = all ? std::optional(highest) : ends.size() == 2 ? cron_number(ends[1]) : first;
  const bool open_step = slash.size() == 2 && !all && ends.size() == 1;
  if (!first || !last || ends.size() > 2 || open_step || *first > *last || *last > highest) return false;
  for (int number = *first; number <= *last; number += *step) numbers.insert(number);
  return true;
}

std::optional<std::set<int>> numbers_of(std::string_view field, int highest) {
  std::set<int> numbers;
  for (const std::string_view part : split(field, ',')) {
    if (!add_numbers(part, highest, numbers)) return std::nullopt;
  }
  return numbers;
}

/// The minutes of the week at which a cron text acts, if it says the same of every week.
std::optional<std::vector<int>> minutes_of_week(std::string_view cron) {
  const auto fields = split(cron, ' ');
  const bool weekly = fields.size() == 5 && fields[2] == "*" && fields[3] == "*";
  if (!weekly) return std::nullopt;
  const auto minutes = numbers_of(fields[0], 59);
  const auto hours = numbers_of(fields[1], 23);
  auto days = numbers_of(fields[4], 7);
  if (!minutes || !hours || !days) return std::nullopt;
  // 7 is Sunday too.
  if (days->erase(7) > 0) days->insert(0);
  if (minutes->size() * hours->size() * days->size() > kMostMoments) return std::nullopt;
  std::vector<int> all;
  for (const int day : *days) {
    for (const int hour : *hours) {
      for (const int minute : *minutes) all.push_back(day * kDay + hour * 60 + minute);
    }
  }
  return all;
}

/// 0,1,2,3,5 -> 0-3,5
std::string days_text(const std::set<int>& days) {
  if (days.size() == 7) return "*";
  std::string text;
  for (const int first : days) {
    if (days.contains(first - 1)) continue;
    int last = first;
    while (days.contains(last + 1)) ++last;
    if (!text.empty()) text += ',';
    text += first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
  }
  return text;
}

/// Minutes since 1970 of 2026-11-27T06:00:00Z.
std::optional<std::int64_t> minute_of(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t length) {
    const auto value = at + length <= text.size() ? parse_integer(text.substr(at, length)) : parse_integer("");
    return value ? static_cast<int>(*value) : -1;
  };
  const bool whole = text.size() >= 16 && text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':';
  if (!whole) return std::nullopt;
  const std::string_view rest = text.substr(16);
  const bool utc = rest == "Z" || rest == ":00Z" || rest == ":00" || rest.empty() || rest == ":00+00:00";
  const int hour = number(11, 2);
  const int minute = number(14, 2);
  const std::chrono::year_month_day day(std::chrono::year(number(0, 4)), std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                        std::chrono::day(static_cast<unsigned>(number(8, 2))));
  const bool in_range = day.ok() && day.year() >= std::chrono::year(1970) && day.year() <= std::chrono::year(2200);
  if (!utc || !in_range || hour < 0 || hour > 23 || minute < 0 || minute > 59) return std::nullopt;
  return std::chrono::sys_days(day).time_since_epoch().count() * std::int64_t{kDay} + std::int64_t{hour} * 60 + minute;
}

std::string time_text(std::int64_t minute) {
  const std::chrono::sys_days days{std::chrono::days(minute / kDay)};
  const std::chrono::year_month_day day(days);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:00", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                     static_cast<unsigned>(day.day()), minute % kDay / 60, minute % 60);
}

bool by_minute(const Moment& left, const Moment& right) { return left.minute < right.minute; }

bool coincide(const std::vector<Moment>& sorted) { return std::ranges::adjacent_find(sorted, {}, &Moment::minute) != sorted.end(); }

/// What an action does not set stays as the one before left it.
void carry_sizes(std::vector<Moment>& moments, const std::vector<ScheduledAction>& actions, int rounds) {
  std::optional<int> min;
  std::optional<int> max;
  for (int round = 0; round < rounds; ++round) {
    for (Moment& moment : moments) {
      const ScheduledAction& action = actions[moment.action];
      if (action.min) min = action.min;
      if (action.max) max = action.max;
      moment.min = min;
      moment.max = max;
    }
  }
}

ScheduleWindow window_of(const Moment& moment, const ScheduledAction& action) {
  return {.name = action.name,
          .timezone = action.timezone.empty() ? "UTC" : action.timezone,
          .minutes = moment.lasts,
          .min = moment.min,
          .max = moment.max};
}

ScheduleWindows recurring(const std::vector<ScheduledAction>& actions) {
  std::vector<Moment> moments;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    if (!actions[i].end.empty()) return {{}, "an EndTime after which it no longer recurs"};
    if (actions[i].timezone != actions.front().timezone) return {{}, "the group's actions are in several time zones"};
    const auto minutes = minutes_of_week(actions[i].recurrence);
    if (!minutes) return {{}, fmt::format("the recurrence '{}' is not the same every week", clean(actions[i].recurrence))};
    for (const int minute : *minutes) moments.push_back({.minute = minute, .action = i});
  }
  std::ranges::sort(moments, by_minute);
  if (moments.size() > kMostMoments) return {{}, "more moments in a week than anybody reads"};
  if (coincide(moments)) return {{}, "two actions act at the same moment"};
  for (std::size_t i = 0; i < moments.size(); ++i) {
    const Moment& next = moments[(i + 1) % moments.size()];
    moments[i].lasts = static_cast<int>(next.minute - moments[i].minute + (i + 1 == moments.size() ? kWeek : 0));
  }
  // The second round knows what the end of a week leaves to the next.
  carry_sizes(moments, actions, 2);
  std::map<std::tuple<std::size_t, std::int64_t, int, std::optional<int>, std::optional<int>>, std::set<int>> days;
  for (const Moment& moment : moments) {
    days[{moment.action, moment.minute % kDay, moment.lasts, moment.min, moment.max}].insert(
        static_cast<int>(moment.minute / kDay));
  }
  ScheduleWindows result;
  for (const auto& [key, on] : days) {
    const auto& [action, minute, lasts, min, max] = key;
    result.windows.push_back(window_of({.action = action, .lasts = lasts, .min = min, .max = max}, actions[action]));
    result.windows.back().cron = fmt::format("{} {} * * {}", minute % 60, minute / 60, days_text(on));
  }
  if (result.windows.size() > kMostWindows) return {{}, "more windows than anybody reads"};
  return result;
}

ScheduleWindows once(const std::vector<ScheduledAction>& actions) {
  std::vector<Moment> moments;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const auto minute = minute_of(actions[i].start);
    if (!minute) return {{}, "its StartTime is no time such as 2026-11-27T06:00:00Z"};
    moments.push_back({.minute = *minute, .action = i});
  }
  std::ranges::sort(moments, by_minute);
  if (coincide(moments)) return {{}, "two actions act at the same moment"};
  carry_sizes(moments, actions, 1);
  ScheduleWindows result;
  for (std::size_t i = 0; i + 1 < moments.size(); ++i) {
    const std::int64_t lasts = moments[i + 1].minute - moments[i].minute;
    if (lasts > kLongestWindow) return {{}, "years between two actions"};
    moments[i].lasts = static_cast<int>(lasts);
    ScheduleWindow window = window_of(moments[i], actions[moments[i].action]);
    window.start = time_text(moments[i].minute);
    window.timezone = "UTC";
    result.windows.push_back(std::move(window));
  }
  result.stays = moments.back().action;
  return result;
}

}  // namespace

ScheduleWindows windows_of(const std::vector<ScheduledAction>& actions) {
  const auto recurs = [](const ScheduledAction& action) { return !action.recurrence.empty(); };
  if (actions.size() < 2) return {{}, "what one action sets stays for ever: no window would be the same"};
  if (std::ranges::all_of(actions, recurs)) return recurring(actions);
  if (std::ranges::none_of(actions, recurs)) return once(actions);
  return {{}, "actions that recur and actions that happen once lie across each other"};
}

}  // namespace weir
