#include "policies/calendar.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>

#include "tests/policies/local_times.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::floor;

constexpr const char* kUtc = "UTC";
constexpr const char* kSeoul = "Asia/Seoul";
constexpr const char* kBerlin = "Europe/Berlin";
constexpr const char* kNewYork = "America/New_York";
constexpr const char* kLordHowe = "Australia/Lord_Howe";

Windows cron_windows(const std::string& rule, Duration duration, const TimeZone& zone) {
  const auto recurrence = parse_cron(rule);
  EXPECT_TRUE(recurrence) << rule << ": " << recurrence.error();
  return Windows::lasting(recurrence.value(), duration, zone).value();
}

TEST(Windows, lasting_are_as_long_in_elapsed_time_whatever_the_clock_does) {
  struct Case {
    const char* rule;
    Duration duration;
    const char* zone;
    const char* at;  ///< UTC
    const char* window;
  };
  const Case cases[] = {
      {"0 9 * * 1-5", 9h, kSeoul, "2026-05-03 23:59:59", "closed"},
      {"0 9 * * 1-5", 9h, kSeoul, "2026-05-04 00:00", "2026-05-04 09:00+09:00 to 2026-05-04 18:00+09:00"},
      {"0 9 * * 1-5", 9h, kSeoul, "2026-05-04 08:59:59", "2026-05-04 09:00+09:00 to 2026-05-04 18:00+09:00"},
      {"0 9 * * 1-5", 9h, kSeoul, "2026-05-04 09:00", "closed"},
      {"0 9 * * 1-5", 9h, kSeoul, "2026-05-09 03:00", "closed"},
      {"0 22 * * *", 4h, kUtc, "2026-12-31 23:59:59", "2026-12-31 22:00+00:00 to 2027-01-01 02:00+00:00"},
      {"0 22 * * *", 4h, kUtc, "2027-01-01 01:59:59", "2026-12-31 22:00+00:00 to 2027-01-01 02:00+00:00"},
      {"0 22 * * *", 4h, kUtc, "2027-01-01 02:00", "closed"},
      {"0 22 * * FRI", 60h, kUtc, "2026-05-04 09:59", "2026-05-01 22:00+00:00 to 2026-05-04 10:00+00:00"},
      {"0 22 28 2 *", 3h, kUtc, "2028-02-29 00:30", "2028-02-28 22:00+00:00 to 2028-02-29 01:00+00:00"},
      {"0 22 28 2 *", 3h, kUtc, "2027-03-01 00:30", "2027-02-28 22:00+00:00 to 2027-03-01 01:00+00:00"},
      {"0 22 * * *", 8h, kBerlin, "2026-03-29 04:30", "2026-03-28 22:00+01:00 to 2026-03-29 07:00+02:00"},
      {"0 22 * * *", 8h, kBerlin, "2026-10-25 03:59", "2026-10-24 22:00+02:00 to 2026-10-25 05:00+01:00"},
      {"0 22 * * *", 8h, kBerlin, "2026-10-25 04:00", "closed"},
      {"0 22 * * *", 8h, kNewYork, "2026-03-08 10:30", "2026-03-07 22:00-05:00 to 2026-03-08 07:00-04:00"},
      {"0 22 * * *", 8h, kNewYork, "2026-11-01 09:30", "2026-10-31 22:00-04:00 to 2026-11-01 05:00-05:00"},
      {"0 1 * * *", 2h, kLordHowe, "2026-04-04 15:59", "2026-04-05 01:00+11:00 to 2026-04-05 02:30+10:30"},
      {"0 1 * * *", 2h, kLordHowe, "2026-10-03 16:00", "2026-10-04 01:00+10:30 to 2026-10-04 03:30+11:00"},
      {"30 2 * * *", 10min, kBerlin, "2026-03-29 01:09", "2026-03-29 03:00+02:00 to 2026-03-29 03:10+02:00"},
      {"30 2 * * *", 10min, kBerlin, "2026-10-25 00:35", "2026-10-25 02:30+02:00 to 2026-10-25 02:40+02:00"},
      {"30 2 * * *", 10min, kBerlin, "2026-10-25 01:35", "closed"},
      {"30 * * * *", 10min, kBerlin, "2026-10-25 01:35", "2026-10-25 02:30+01:00 to 2026-10-25 02:40+01:00"},
      {"0 0 * * *", 24h, kBerlin, "2026-03-29 22:30", "2026-03-30 00:00+02:00 to 2026-03-31 00:00+02:00"},
      {"0 0 * * *", 24h, kBerlin, "2026-10-25 22:30", "closed"},
      {"0 0 * * *", 36h, kUtc, "2026-05-02 06:00", "2026-05-02 00:00+00:00 to 2026-05-03 12:00+00:00"},
      {"*/10 * * * *", 25min, kUtc, "2026-05-02 06:19", "2026-05-02 06:10+00:00 to 2026-05-02 06:35+00:00"},
      {"0 0 1 * *", 28 * 24h, kUtc, "2026-02-28 23:59", "2026-02-01 00:00+00:00 to 2026-03-01 00:00+00:00"},
      {"0 0 1 1 *", 365 * 24h, kUtc, "2028-12-31 00:00", "closed"},
  };
  for (const Case& each : cases) {
    const TimeZone zone = zone_named(each.zone);
    EXPECT_EQ(window_at(cron_windows(each.rule, each.duration, zone), zone, each.at), each.window)
        << each.rule << " in " << each.zone << " at " << each.at;
  }
}

TEST(Windows, until_an_end_follow_the_wall_clock) {
  struct Case {
    const char* start;
    const char* end;
    const char* rule;  ///< empty: once
    const char* zone;
    const char* at;  ///< UTC
    const char* window;
  };
  const Case cases[] = {
      {"2026-12-24T18:00", "2026-12-26 23:30", "", kSeoul, "2026-12-24 08:59:59", "closed"},
      {"2026-12-24T18:00", "2026-12-26 23:30", "", kSeoul, "2026-12-24 09:00", "2026-12-24 18:00+09:00 to 2026-12-26 23:30+09:00"},
      {"2026-12-24T18:00", "2026-12-26 23:30", "", kSeoul, "2026-12-26 14:29:59",
       "2026-12-24 18:00+09:00 to 2026-12-26 23:30+09:00"},
      {"2026-12-24T18:00", "2026-12-26 23:30", "", kSeoul, "2026-12-26 14:30", "closed"},
      {"2026-12-31 22:00", "2027-01-01 02:00", "FREQ=YEARLY", kBerlin, "2030-01-01 00:30",
       "2029-12-31 22:00+01:00 to 2030-01-01 02:00+01:00"},
      {"2026-01-01 22:00", "2026-01-02 06:00", "FREQ=DAILY", kBerlin, "2026-03-29 03:59",
       "2026-03-28 22:00+01:00 to 2026-03-29 06:00+02:00"},
      {"2026-01-01 22:00", "2026-01-02 06:00", "FREQ=DAILY", kBerlin, "2026-03-29 04:00", "closed"},
      {"2026-01-01 22:00", "2026-01-02 06:00", "FREQ=DAILY", kBerlin, "2026-10-25 04:59",
       "2026-10-24 22:00+02:00 to 2026-10-25 06:00+01:00"},
      {"2026-01-01 22:00", "2026-01-02 06:00", "FREQ=DAILY", kNewYork, "2026-11-01 10:59",
       "2026-10-31 22:00-04:00 to 2026-11-01 06:00-05:00"},
      {"2026-01-01 22:00", "2026-01-02 06:00", "FREQ=DAILY", kNewYork, "2026-03-08 10:00", "closed"},
      {"2026-01-01 00:00", "2026-01-02 00:00", "FREQ=DAILY", kBerlin, "2026-10-25 22:30",
       "2026-10-25 00:00+02:00 to 2026-10-26 00:00+01:00"},
      {"2026-01-01 02:00", "2026-01-01 02:30", "FREQ=DAILY", kBerlin, "2026-03-29 01:00", "closed"},
      {"2026-01-01 02:30", "2026-01-01 03:30", "FREQ=DAILY", kBerlin, "2026-03-29 01:29",
       "2026-03-29 03:00+02:00 to 2026-03-29 03:30+02:00"},
      {"2026-01-01 01:00", "2026-01-01 02:30", "FREQ=DAILY", kBerlin, "2026-10-25 00:29",
       "2026-10-25 01:00+02:00 to 2026-10-25 02:30+02:00"},
      {"2026-01-01 01:00", "2026-01-01 02:30", "FREQ=DAILY", kBerlin, "2026-10-25 01:10", "closed"},
      {"2026-01-01 01:30", "2026-01-01 03:00", "FREQ=DAILY", kLordHowe, "2026-04-04 16:29",
       "2026-04-05 01:30+11:00 to 2026-04-05 03:00+10:30"},
      {"2026-01-01 01:30", "2026-01-01 03:00", "FREQ=DAILY", kLordHowe, "2026-10-03 16:00", "closed"},
      {"2026-05-01 12:00", "2026-05-03 12:00", "FREQ=DAILY;COUNT=2", kUtc, "2026-05-03 13:00",
       "2026-05-02 12:00+00:00 to 2026-05-04 12:00+00:00"},
      {"2026-05-01 12:00", "2026-05-03 12:00", "FREQ=DAILY;COUNT=2", kUtc, "2026-05-04 12:00", "closed"},
      {"2024-02-29 00:00", "2024-03-01 00:00", "FREQ=YEARLY", kUtc, "2025-02-28 12:00", "closed"},
      {"2024-02-29 00:00", "2024-03-01 00:00", "FREQ=YEARLY", kUtc, "2028-02-29 12:00",
       "2028-02-29 00:00+00:00 to 2028-03-01 00:00+00:00"},
  };
  for (const Case& each : cases) {
    const TimeZone zone = zone_named(each.zone);
    const LocalTime start = local(each.start);
    const auto recurrence = *each.rule == '\0' ? once_at(start) : parse_rrule(start, each.rule, zone).value();
    const auto windows = Windows::until(recurrence, local(each.end), zone);
    ASSERT_TRUE(windows) << windows.error();
    EXPECT_EQ(window_at(*windows, zone, each.at), each.window)
        << each.start << " " << each.rule << " in " << each.zone << " at " << each.at;
  }
}

TEST(Windows, without_length_or_too_long_are_refused) {
  const auto always = parse_cron("* * * * *").value();
  const LocalTime start = local("2026-05-01 12:00");
  EXPECT_EQ(Windows::lasting(always, 0s, {}).error(), "duration: expected more than 0s and at most 2928d, found 0s");
  EXPECT_EQ(Windows::lasting(always, -1s, {}).error(), "duration: expected more than 0s and at most 2928d, found -1s");
  EXPECT_EQ(Windows::lasting(always, 2929 * 24h, {}).error(), "duration: expected more than 0s and at most 2928d, found 2929d");
  EXPECT_EQ(Windows::until(once_at(start), start, {}).error(), "end: expected a time after the start");
  EXPECT_EQ(Windows::until(once_at(start), start - 1s, {}).error(), "end: expected a time after the start");
  EXPECT_EQ(Windows::until(once_at(start), start + 2929 * 24h, {}).error(), "end: expected at most 2928d after the start");
  EXPECT_EQ(Windows::until(always, start, {}).error(), "end: a cron rule has no start to measure it from; expected a duration");
}

TEST(Windows, that_have_happened_have_no_next_opening) {
  const TimeZone zone;
  const auto windows = Windows::until(once_at(local("2026-12-24 18:00")), local("2026-12-26 18:00"), zone).value();
  EXPECT_EQ(openings(windows, zone, "2026-05-01 00:00", 5), std::vector<std::string>{"2026-12-24 18:00+00:00"});
  EXPECT_EQ(windows.next_opening(utc("2026-12-24 17:59:59")), utc("2026-12-24 18:00"));
  EXPECT_EQ(windows.next_opening(utc("2026-12-24 18:00")), std::nullopt);
}

TEST(Windows, open_again_across_a_century_without_leap_day_but_not_further_than_eight_years) {
  const TimeZone zone;
  EXPECT_EQ(openings(cron_windows("0 0 29 2 *", 1h, zone), zone, "2096-03-01 00:00", 1),
            std::vector<std::string>{"2104-02-29 00:00+00:00"});
  const auto far = Windows::lasting(once_at(local("2040-01-01 00:00")), 1h, zone).value();
  EXPECT_EQ(far.next_opening(utc("2026-01-01 00:00")), std::nullopt);
  EXPECT_EQ(far.next_opening(utc("2033-01-01 00:00")), utc("2040-01-01 00:00"));
}

TEST(Windows, inside_a_gap_are_left_out_of_the_next_openings) {
  const TimeZone berlin = zone_named(kBerlin);
  const LocalTime start = local("2026-03-28 02:00");
  const auto windows = Windows::until(parse_rrule(start, "FREQ=DAILY", berlin).value(), local("2026-03-28 02:30"), berlin).value();
  EXPECT_EQ(openings(windows, berlin, "2026-03-28 00:00", 2),
            (std::vector<std::string>{"2026-03-28 02:00+01:00", "2026-03-30 02:00+02:00"}));
}

// --- against the definition, minute by minute
// --------------------------------------------------------------------------------------

/// What a rule is, said in the plainest way.
struct Rule {
  std::function<bool(LocalTime)> has;
  bool every_hour = false;
  Duration duration{};
  bool wall_clock = false;
};

/// All windows that begin within days of `change`, by looking at the wall clock each minute.
class Definition {
 public:
  Definition(const Rule& rule, const TimeZone& zone, TimePoint begin, TimePoint end) : begin_(begin) {
    for (TimePoint at = begin; at < end; at += 1min) {
      const LocalTime shown = zone.to_local(at);
      if (rule.every_hour && rule.has(shown)) windows_.push_back({at, at + rule.duration});
      highest_.push_back(highest_.empty() ? shown : std::max(shown, highest_.back()));
    }
    for (LocalTime time = highest_.front(); time < highest_.back() - rule.duration && !rule.every_hour; time += 1min) {
      if (!rule.has(time)) continue;
      const TimePoint from = reached(time);
      const TimePoint to = rule.wall_clock ? reached(time + rule.duration) : from + rule.duration;
      if (from < to) windows_.push_back({from, to});
    }
  }

  [[nodiscard]] std::optional<Window> open_at(TimePoint at) const {
    std::optional<Window> best;
    for (auto each = first_after(at - 3 * 24h); each != windows_.end() && each->begin <= at; ++each) {
      if (each->end > at && (!best || each->end >= best->end)) best = *each;
    }
    return best;
  }

  [[nodiscard]] std::optional<TimePoint> next_opening(TimePoint after) const {
    const auto next = first_after(after);
    return next == windows_.end() ? std::nullopt : std::optional(next->begin);
  }

 private:
  /// The minute in which the wall clock first showed `time` or jumped over it.
  [[nodiscard]] TimePoint reached(LocalTime time) const {
    return begin_ + std::chrono::minutes{std::ranges::lower_bound(highest_, time) - highest_.begin()};
  }

  [[nodiscard]] std::vector<Window>::const_iterator first_after(TimePoint at) const {
    return std::ranges::upper_bound(windows_, at, {}, &Window::begin);
  }

  TimePoint begin_;
  std::vector<LocalTime> highest_;  ///< per minute, what the wall clock had shown by then
  std::vector<Window> windows_;
};

std::vector<TimePoint> changes_of_2026(const TimeZone& zone) {
  std::vector<TimePoint> changes;
  for (TimePoint at = zone.span_at(utc("2026-01-01 00:00")).end; at < utc("2027-01-01 00:00"); at = zone.span_at(at).end)
    changes.push_back(at);
  if (changes.empty()) changes = {utc("2026-03-29 00:00"), utc("2026-12-31 12:00")};
  return changes;
}

void agree_minute_by_minute(const Windows& windows, const Rule& rule, const TimeZone& zone, const std::string& text) {
  SCOPED_TRACE(text + " in " + zone.name());
  for (const TimePoint change : changes_of_2026(zone)) {
    const Definition definition(rule, zone, change - 12 * 24h, change + 40 * 24h);
    for (TimePoint at = change - 7 * 24h; at < change + 7 * 24h; at += 1min) {
      const auto window = windows.open_at(at);
      ASSERT_EQ(window, definition.open_at(at)) << format_time(at);
      ASSERT_TRUE(!window || (window->begin <= at && at < window->end)) << format_time(at);
      const auto next = windows.next_opening(at);
      if (const auto expected = definition.next_opening(at)) {
        ASSERT_EQ(next, expected) << format_time(at);
      }
      ASSERT_TRUE(!next || *next > at) << format_time(at);
      ASSERT_TRUE(!next || windows.open_at(*next)->begin == *next) << format_time(at);
    }
  }
}

/// A few of the values from `least` to `most`; `star`: all.
struct RandomField {
  std::set<unsigned> values;
  bool star = false;

  RandomField(std::mt19937& random, unsigned least, unsigned most) : star(random() % 3 == 0) {
    const std::size_t count = star ? 0 : 1 + random() % 4;
    while (values.size() < count) values.insert(least + static_cast<unsigned>(random()) % (most - least + 1));
  }
  [[nodiscard]] bool has(unsigned value) const { return star || values.contains(value); }
  [[nodiscard]] std::string text() const { return star ? "*" : fmt::format("{}", fmt::join(values, ",")); }
};

struct RandomCron {
  RandomField minute, hour, month_day, weekday;

  explicit RandomCron(std::mt19937& random)
      : minute(random, 0, 59), hour(random, 0, 5), month_day(random, 1, 31), weekday(random, 0, 6) {}

  [[nodiscard]] std::string text() const {
    return fmt::format("{} {} {} * {}", minute.text(), hour.text(), month_day.text(), weekday.text());
  }
  [[nodiscard]] bool has(LocalTime time) const {
    const LocalDay day = floor<days>(time);
    const std::chrono::hh_mm_ss clock{floor<std::chrono::minutes>(time - day)};
    if (!minute.has(static_cast<unsigned>(clock.minutes().count())) || !hour.has(static_cast<unsigned>(clock.hours().count())))
      return false;
    const bool date = month_day.has(static_cast<unsigned>(std::chrono::year_month_day{day}.day()));
    const bool week = weekday.has(std::chrono::weekday{day}.c_encoding());
    return month_day.star || weekday.star ? date && week : date || week;
  }
};

class CalendarProperties : public testing::TestWithParam<const char*> {};

TEST_P(CalendarProperties, cron_rules_agree_with_their_definition_around_every_change_of_the_clock) {
  const TimeZone zone = zone_named(GetParam());
  const Duration durations[] = {1min, 45min, 9h, 26h};
  for (unsigned seed = 1; seed <= 8; ++seed) {
    std::mt19937 random(seed);
    const RandomCron cron(random);
    const Duration duration = durations[random() % std::size(durations)];
    const Rule rule = {.has = [&](LocalTime time) { return cron.has(time); }, .every_hour = cron.hour.star, .duration = duration};
    agree_minute_by_minute(cron_windows(cron.text(), duration, zone), rule, zone,
                           cron.text() + " for " + format_duration(duration));
  }
}

TEST_P(CalendarProperties, repetitions_with_an_end_agree_with_their_definition_around_every_change_of_the_clock) {
  const TimeZone zone = zone_named(GetParam());
  const Duration lengths[] = {10min, 45min, 5h, 24h, 50h};
  for (unsigned seed = 1; seed <= 6; ++seed) {
    std::mt19937 random(seed);
    const auto minute = std::chrono::minutes{random() % 300};
    const Duration length = lengths[random() % std::size(lengths)];
    const std::size_t interval = 1 + random() % 2;
    const LocalTime start = local("2026-01-05 00:00") + minute;
    const auto recurrence = parse_rrule(start, fmt::format("FREQ=WEEKLY;INTERVAL={};BYDAY=SU,MO,WE", interval), zone).value();
    const auto has = [&](LocalTime time) {
      const LocalDay day = floor<days>(time);
      const auto weekday = std::chrono::weekday{day}.iso_encoding();
      const auto weeks = (day - floor<days>(start)).count() / 7;
      return time - day == minute && (weekday == 7 || weekday == 1 || weekday == 3) && weeks % static_cast<long>(interval) == 0;
    };
    agree_minute_by_minute(Windows::until(recurrence, start + length, zone).value(),
                           {.has = has, .duration = length, .wall_clock = true}, zone,
                           fmt::format("weekly at {} every {} for {}", format_duration(minute), interval, format_duration(length)));
    agree_minute_by_minute(
        Windows::lasting(recurrence, length, zone).value(), {.has = has, .duration = length}, zone,
        fmt::format("weekly at {} every {} lasting {}", format_duration(minute), interval, format_duration(length)));
  }
}

std::string name_of(const testing::TestParamInfo<const char*>& zone) {
  std::string name = zone.param;
  std::ranges::replace(name, '/', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Zones, CalendarProperties, testing::Values(kSeoul, kBerlin, kNewYork, kLordHowe, "Asia/Beirut"), name_of);

}  // namespace
}  // namespace weir
