#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policies/local_times.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAreArray;
using Texts = std::vector<std::string>;

constexpr const char* kUtc = "UTC";
constexpr const char* kSeoul = "Asia/Seoul";
constexpr const char* kBerlin = "Europe/Berlin";
constexpr const char* kNewYork = "America/New_York";
constexpr const char* kLordHowe = "Australia/Lord_Howe";

Texts cron_openings(const char* rule, const char* zone_name, const char* after, std::size_t most) {
  const TimeZone zone = zone_named(zone_name);
  const auto recurrence = parse_cron(rule);
  if (!recurrence) return {recurrence.error()};
  const auto windows = Windows::lasting(*recurrence, 1min, zone);
  if (!windows) return {windows.error()};
  return openings(*windows, zone, after, most);
}

struct Case {
  const char* rule;
  const char* zone;
  const char* after;  ///< UTC
  Texts openings;
};

void check(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    EXPECT_THAT(cron_openings(each.rule, each.zone, each.after, each.openings.size()), ElementsAreArray(each.openings))
        << each.rule << " in " << each.zone;
  }
}

TEST(Cron, means_what_crontab_5_says) {
  check({
      {"0 9 * * 1-5", kSeoul, "2026-05-01 00:00", {"2026-05-04 09:00+09:00", "2026-05-05 09:00+09:00"}},
      {"*/15 * * * *",
       kUtc,
       "2026-05-01 00:00",
       {"2026-05-01 00:15+00:00", "2026-05-01 00:30+00:00", "2026-05-01 00:45+00:00", "2026-05-01 01:00+00:00"}},
      {"1-5/2 0 * * *",
       kUtc,
       "2026-05-01 00:00",
       {"2026-05-01 00:01+00:00", "2026-05-01 00:03+00:00", "2026-05-01 00:05+00:00", "2026-05-02 00:01+00:00"}},
      {"0,30 8 * * *", kUtc, "2026-05-01 00:00", {"2026-05-01 08:00+00:00", "2026-05-01 08:30+00:00", "2026-05-02 08:00+00:00"}},
      {"5,10-12,*/30 0 * * *",
       kUtc,
       "2026-05-01 00:00",
       {"2026-05-01 00:05+00:00", "2026-05-01 00:10+00:00", "2026-05-01 00:11+00:00", "2026-05-01 00:12+00:00",
        "2026-05-01 00:30+00:00", "2026-05-02 00:00+00:00"}},
      {"0 0 * * MON-FRI", kUtc, "2026-05-01 00:00", {"2026-05-04 00:00+00:00"}},
      {"0 0 * * fri-Sun", kUtc, "2026-05-01 00:00", {"2026-05-02 00:00+00:00", "2026-05-03 00:00+00:00", "2026-05-08 00:00+00:00"}},
      {"0 0 * * SUN-MON", kUtc, "2026-05-01 00:00", {"2026-05-03 00:00+00:00", "2026-05-04 00:00+00:00", "2026-05-10 00:00+00:00"}},
      {"0 0 1 JAN,jul *", kUtc, "2026-05-01 00:00", {"2026-07-01 00:00+00:00", "2027-01-01 00:00+00:00"}},
      {"0 0 * * 0", kUtc, "2026-05-01 00:00", {"2026-05-03 00:00+00:00", "2026-05-10 00:00+00:00"}},
      {"0 0 * * 7", kUtc, "2026-05-01 00:00", {"2026-05-03 00:00+00:00", "2026-05-10 00:00+00:00"}},
      {"0 0 * * 5-7", kUtc, "2026-05-01 00:00", {"2026-05-02 00:00+00:00", "2026-05-03 00:00+00:00", "2026-05-08 00:00+00:00"}},
      {"0 0 * * */2",
       kUtc,
       "2026-05-01 00:00",
       {"2026-05-02 00:00+00:00", "2026-05-03 00:00+00:00", "2026-05-05 00:00+00:00", "2026-05-07 00:00+00:00",
        "2026-05-09 00:00+00:00"}},
      {"  0\t0  *  * 1 ", kUtc, "2026-05-01 00:00", {"2026-05-04 00:00+00:00"}},
  });
}

TEST(Cron, day_of_month_and_day_of_week_are_alternatives_if_both_are_restricted) {
  check({
      {"0 0 13 * FRI",
       kUtc,
       "2026-02-01 00:00",
       {"2026-02-06 00:00+00:00", "2026-02-13 00:00+00:00", "2026-02-20 00:00+00:00", "2026-02-27 00:00+00:00",
        "2026-03-06 00:00+00:00", "2026-03-13 00:00+00:00", "2026-03-20 00:00+00:00", "2026-03-27 00:00+00:00",
        "2026-04-03 00:00+00:00", "2026-04-10 00:00+00:00", "2026-04-13 00:00+00:00"}},
      {"0 0 13 2 FRI", kUtc, "2026-02-25 00:00", {"2026-02-27 00:00+00:00", "2027-02-05 00:00+00:00"}},
      {"0 0 30 2 MON", kUtc, "2026-02-01 00:00", {"2026-02-02 00:00+00:00", "2026-02-09 00:00+00:00"}},
      {"0 0 */2 * MON", kUtc, "2026-05-01 00:00", {"2026-05-11 00:00+00:00", "2026-05-25 00:00+00:00", "2026-06-01 00:00+00:00"}},
      {"0 0 13 * *", kUtc, "2026-02-01 00:00", {"2026-02-13 00:00+00:00", "2026-03-13 00:00+00:00"}},
  });
}

TEST(Cron, has_nicknames) {
  check({
      {"@hourly", kUtc, "2026-12-31 22:30", {"2026-12-31 23:00+00:00", "2027-01-01 00:00+00:00"}},
      {"@daily", kSeoul, "2026-12-31 00:00", {"2027-01-01 00:00+09:00", "2027-01-02 00:00+09:00"}},
      {"@midnight", kUtc, "2026-12-31 00:00", {"2027-01-01 00:00+00:00"}},
      {"@weekly", kUtc, "2026-12-31 00:00", {"2027-01-03 00:00+00:00", "2027-01-10 00:00+00:00"}},
      {"@monthly", kUtc, "2026-12-31 00:00", {"2027-01-01 00:00+00:00", "2027-02-01 00:00+00:00"}},
      {"@yearly", kBerlin, "2026-12-31 00:00", {"2027-01-01 00:00+01:00", "2028-01-01 00:00+01:00"}},
      {"@annually", kUtc, "2026-12-31 00:00", {"2027-01-01 00:00+00:00"}},
  });
}

TEST(Cron, knows_the_ends_of_months_and_years_and_leap_days) {
  check({
      {"0 0 31 * *",
       kUtc,
       "2026-01-31 00:00",
       {"2026-03-31 00:00+00:00", "2026-05-31 00:00+00:00", "2026-07-31 00:00+00:00", "2026-08-31 00:00+00:00"}},
      {"59 23 31 12 *", kNewYork, "2026-12-31 00:00", {"2026-12-31 23:59-05:00", "2027-12-31 23:59-05:00"}},
      {"0 0 29 2 *", kUtc, "2026-01-01 00:00", {"2028-02-29 00:00+00:00", "2032-02-29 00:00+00:00"}},
      {"0 0 29 2 *", kUtc, "2096-02-29 00:00", {"2104-02-29 00:00+00:00"}},
      {"0 0 28-30 2 *", kUtc, "2027-01-01 00:00", {"2027-02-28 00:00+00:00", "2028-02-28 00:00+00:00", "2028-02-29 00:00+00:00"}},
  });
}

TEST(Cron, a_fixed_time_in_the_gap_happens_right_after_it) {
  check({
      {"30 2 * * *", kBerlin, "2026-03-28 00:00", {"2026-03-28 02:30+01:00", "2026-03-29 03:00+02:00", "2026-03-30 02:30+02:00"}},
      {"0 2,3 * * *", kBerlin, "2026-03-28 12:00", {"2026-03-29 03:00+02:00", "2026-03-30 02:00+02:00"}},
      {"*/20 2 * * *", kBerlin, "2026-03-28 12:00", {"2026-03-29 03:00+02:00", "2026-03-30 02:00+02:00"}},
      {"30 2 * * *", kNewYork, "2026-03-07 12:00", {"2026-03-08 03:00-04:00", "2026-03-09 02:30-04:00"}},
      {"15 2 * * *", kLordHowe, "2026-10-03 00:00", {"2026-10-04 02:30+11:00", "2026-10-05 02:15+11:00"}},
      {"30 2 * * *", kSeoul, "2026-03-28 00:00", {"2026-03-29 02:30+09:00", "2026-03-30 02:30+09:00"}},
      {"0 0 * * *", "Asia/Beirut", "2026-03-28 12:00", {"2026-03-29 01:00+03:00", "2026-03-30 00:00+03:00"}},
  });
}

TEST(Cron, a_fixed_time_that_exists_twice_happens_the_first_time) {
  check({
      {"30 2 * * *", kBerlin, "2026-10-24 12:00", {"2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"}},
      {"0-59/30 2 * * *", kBerlin, "2026-10-25 00:00", {"2026-10-25 02:30+02:00", "2026-10-26 02:00+01:00"}},
      {"30 2 * * *", kBerlin, "2026-10-25 01:00", {"2026-10-26 02:30+01:00"}},
      {"30 1 * * *", kNewYork, "2026-10-31 12:00", {"2026-11-01 01:30-04:00", "2026-11-02 01:30-05:00"}},
      {"45 1 * * *", kLordHowe, "2026-04-04 00:00", {"2026-04-05 01:45+11:00", "2026-04-06 01:45+10:30"}},
      {"30 2 * * *", kSeoul, "2026-10-24 12:00", {"2026-10-25 02:30+09:00", "2026-10-26 02:30+09:00"}},
  });
}

TEST(Cron, a_rule_for_every_hour_happens_in_every_real_minute) {
  check({
      {"30 * * * *", kBerlin, "2026-10-25 00:00", {"2026-10-25 02:30+02:00", "2026-10-25 02:30+01:00", "2026-10-25 03:30+01:00"}},
      {"30 * * * *", kBerlin, "2026-03-29 00:00", {"2026-03-29 01:30+01:00", "2026-03-29 03:30+02:00"}},
      {"0 */2 * * *", kBerlin, "2026-10-24 23:00", {"2026-10-25 02:00+02:00", "2026-10-25 02:00+01:00", "2026-10-25 04:00+01:00"}},
      {"0 */2 * * *", kBerlin, "2026-03-28 23:30", {"2026-03-29 04:00+02:00"}},
      {"*/30 * * * *",
       kNewYork,
       "2026-11-01 05:00",
       {"2026-11-01 01:30-04:00", "2026-11-01 01:00-05:00", "2026-11-01 01:30-05:00", "2026-11-01 02:00-05:00"}},
      {"15 * * * *", kNewYork, "2026-03-08 06:00", {"2026-03-08 01:15-05:00", "2026-03-08 03:15-04:00"}},
      {"*/15 * * * *",
       kLordHowe,
       "2026-04-04 14:30",
       {"2026-04-05 01:45+11:00", "2026-04-05 01:30+10:30", "2026-04-05 01:45+10:30", "2026-04-05 02:00+10:30"}},
      {"*/15 * * * *", kLordHowe, "2026-10-03 15:15", {"2026-10-04 02:30+11:00", "2026-10-04 02:45+11:00"}},
      {"@hourly", kSeoul, "2026-10-25 00:00", {"2026-10-25 10:00+09:00", "2026-10-25 11:00+09:00"}},
  });
}

TEST(Cron, says_what_is_wrong_and_where) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "expected 5 fields (minute hour day-of-month month day-of-week), found 0"},
      {"* * * *", "expected 5 fields (minute hour day-of-month month day-of-week), found 4"},
      {"0 0 9 * * *", "expected 5 fields (minute hour day-of-month month day-of-week), found 6; seconds and years have no field"},
      {"60 * * * *", "minute: expected 0-59, found 60"},
      {"0 24 * * *", "hour: expected 0-23, found 24"},
      {"0 0 0 * *", "day-of-month: expected 1-31, found 0"},
      {"0 0 32 * *", "day-of-month: expected 1-31, found 32"},
      {"0 0 1 13 *", "month: expected 1-12 or JAN-DEC, found 13"},
      {"0 0 1 MAI *", "month: expected 1-12 or JAN-DEC, found MAI"},
      {"0 0 * * 8", "day-of-week: expected 0-7 or SUN-SAT, found 8"},
      {"0 0 * * MONDAY", "day-of-week: expected 0-7 or SUN-SAT, found MONDAY"},
      {"0 JAN * * *", "hour: expected 0-23, found JAN"},
      {"-1 * * * *", "minute: expected 0-59, found nothing"},
      {"+1 * * * *", "minute: expected 0-59, found +1"},
      {"1, * * * *", "minute: expected 0-59, found nothing"},
      {"1-2-3 * * * *", "minute: expected 0-59, found 2-3"},
      {"99999999999 * * * *", "minute: expected 0-59, found 99999999999"},
      {"30-10 * * * *", "minute: expected a range that runs forwards, found 30-10"},
      {"0 0 * * SAT-MON", "day-of-week: expected a range that runs forwards, found SAT-MON"},
      {"*/0 * * * *", "minute: step: expected 1-60, found 0"},
      {"*/61 * * * *", "minute: step: expected 1-60, found 61"},
      {"0 */ * * *", "hour: step: expected 1-24, found nothing"},
      {"5/15 * * * *", "minute: expected a step of '*' or of a range such as 5-59/15, found 5/15"},
      {"0 0 L * *",
       "day-of-month: L, W, # and ? are not supported, found L; an rrule can say such days: BYMONTHDAY=-1, BYDAY=-1FR"},
      {"0 0 LW * *",
       "day-of-month: L, W, # and ? are not supported, found LW; an rrule can say such days: BYMONTHDAY=-1, BYDAY=-1FR"},
      {"0 0 15W * *",
       "day-of-month: L, W, # and ? are not supported, found 15W; an rrule can say such days: BYMONTHDAY=-1, BYDAY=-1FR"},
      {"0 0 ? * MON",
       "day-of-month: L, W, # and ? are not supported, found ?; an rrule can say such days: BYMONTHDAY=-1, BYDAY=-1FR"},
      {"0 0 * * FRI#2",
       "day-of-week: L, W, # and ? are not supported, found FRI#2; an rrule can say such days: BYMONTHDAY=-1, BYDAY=-1FR"},
      {"0 0 * * 5L",
       "day-of-week: L, W, # and ? are not supported, found 5L; an rrule can say such days: BYMONTHDAY=-1, BYDAY=-1FR"},
      {"0 0 30 2 *", "never happens: no month of '2' has a day '30'"},
      {"0 0 31 4,6,FEB */2", "never happens: no month of '4,6,FEB' has a day '31'"},
      {"@reboot", "expected @hourly, @daily, @weekly, @monthly or @yearly, found @reboot"},
  };
  for (const auto& [rule, message] : cases) {
    const auto parsed = parse_cron(rule);
    ASSERT_FALSE(parsed) << rule;
    EXPECT_EQ(parsed.error(), message) << rule;
  }
}

}  // namespace
}  // namespace weir
