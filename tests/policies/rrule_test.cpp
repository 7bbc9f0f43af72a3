#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policies/local_times.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAreArray;
using Texts = std::vector<std::string>;

constexpr const char* kUtc = "UTC";
constexpr const char* kBerlin = "Europe/Berlin";
constexpr const char* kNewYork = "America/New_York";
constexpr const char* kLordHowe = "Australia/Lord_Howe";

Texts rule_openings(const char* start, const char* rule, const char* zone_name, const char* after, std::size_t most) {
  const TimeZone zone = zone_named(zone_name);
  const auto recurrence = parse_rrule(local(start), rule, zone);
  if (!recurrence) return {recurrence.error()};
  const auto windows = Windows::lasting(*recurrence, 1min, zone);
  if (!windows) return {windows.error()};
  return openings(*windows, zone, after, most);
}

struct Case {
  const char* start;
  const char* rule;
  const char* zone;
  const char* after;  ///< UTC
  Texts openings;
  bool no_more = false;  ///< nothing comes after these
};

void check(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    const std::size_t most = each.openings.size() + (each.no_more ? 1 : 0);
    EXPECT_THAT(rule_openings(each.start, each.rule, each.zone, each.after, most), ElementsAreArray(each.openings))
        << each.start << " " << each.rule << " in " << each.zone;
  }
}

TEST(Rrule, repeats_what_the_start_says) {
  check({
      {"2026-05-01T18:00", "FREQ=DAILY", kUtc, "2026-01-01 00:00", {"2026-05-01 18:00+00:00", "2026-05-02 18:00+00:00"}},
      {"2026-05-01T18:00:30",
       "FREQ=WEEKLY",
       kUtc,
       "2026-05-01 18:00:30",
       {"2026-05-08 18:00:30+00:00", "2026-05-15 18:00:30+00:00"}},
      {"2026-01-31 00:00", "FREQ=MONTHLY", kUtc, "2026-01-31 00:00", {"2026-03-31 00:00+00:00", "2026-05-31 00:00+00:00"}},
      {"2026-05-04T08:00", "FREQ=YEARLY", kNewYork, "2026-01-01 00:00", {"2026-05-04 08:00-04:00", "2027-05-04 08:00-04:00"}},
      {"2024-02-29T12:00", "FREQ=YEARLY", kUtc, "2024-03-01 00:00", {"2028-02-29 12:00+00:00", "2032-02-29 12:00+00:00"}},
      {"2096-02-29T12:00", "FREQ=YEARLY", kUtc, "2096-02-29 12:00", {"2104-02-29 12:00+00:00"}},
      {"2026-05-04T08:00",
       "freq=yearly;bymonth=5,11",
       kUtc,
       "2026-01-01 00:00",
       {"2026-05-04 08:00+00:00", "2026-11-04 08:00+00:00", "2027-05-04 08:00+00:00"}},
  });
}

TEST(Rrule, takes_every_other_day_week_month_or_year) {
  check({
      {"2026-02-27T00:00", "FREQ=DAILY;INTERVAL=2", kUtc, "2026-02-27 00:00", {"2026-03-01 00:00+00:00", "2026-03-03 00:00+00:00"}},
      {"2026-05-06T09:00",
       "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,SU",
       kUtc,
       "2026-01-01 00:00",
       {"2026-05-06 09:00+00:00", "2026-05-10 09:00+00:00", "2026-05-18 09:00+00:00", "2026-05-20 09:00+00:00",
        "2026-05-24 09:00+00:00", "2026-06-01 09:00+00:00"}},
      {"2026-12-28T09:00", "FREQ=WEEKLY;INTERVAL=2;WKST=MO", kUtc, "2026-12-28 09:00", {"2027-01-11 09:00+00:00"}},
      {"2026-01-15T09:00",
       "FREQ=MONTHLY;INTERVAL=5",
       kUtc,
       "2026-01-15 09:00",
       {"2026-06-15 09:00+00:00", "2026-11-15 09:00+00:00", "2027-04-15 09:00+00:00"}},
      {"2026-01-15T09:00",
       "FREQ=YEARLY;INTERVAL=3",
       kUtc,
       "2026-01-15 09:00",
       {"2029-01-15 09:00+00:00", "2032-01-15 09:00+00:00"}},
      {"2024-02-29T09:00", "FREQ=YEARLY;INTERVAL=3", kUtc, "2034-01-01 00:00", {"2036-02-29 09:00+00:00"}},
  });
}

TEST(Rrule, narrows_or_widens_by_month_day_and_weekday) {
  check({
      {"2026-05-01T08:00",
       "FREQ=MONTHLY;BYDAY=1MO",
       kUtc,
       "2026-05-01 00:00",
       {"2026-05-04 08:00+00:00", "2026-06-01 08:00+00:00", "2026-07-06 08:00+00:00"}},
      {"2026-05-01T08:00",
       "FREQ=MONTHLY;BYDAY=-1FR",
       kUtc,
       "2026-05-01 00:00",
       {"2026-05-29 08:00+00:00", "2026-06-26 08:00+00:00", "2026-07-31 08:00+00:00"}},
      {"2026-12-01T08:00",
       "FREQ=MONTHLY;BYDAY=-1FR",
       kUtc,
       "2026-12-01 00:00",
       {"2026-12-25 08:00+00:00", "2027-01-29 08:00+00:00"}},
      {"2026-05-01T08:00",
       "FREQ=MONTHLY;BYDAY=+5SU,-5SU",
       kUtc,
       "2026-05-01 00:00",
       {"2026-05-03 08:00+00:00", "2026-05-31 08:00+00:00", "2026-08-02 08:00+00:00", "2026-08-30 08:00+00:00"}},
      {"2026-05-01T08:00",
       "FREQ=MONTHLY;BYMONTHDAY=1,-1",
       kUtc,
       "2026-05-01 00:00",
       {"2026-05-01 08:00+00:00", "2026-05-31 08:00+00:00", "2026-06-01 08:00+00:00", "2026-06-30 08:00+00:00"}},
      {"2027-02-01T08:00",
       "FREQ=MONTHLY;BYMONTHDAY=-1",
       kUtc,
       "2027-02-01 00:00",
       {"2027-02-28 08:00+00:00", "2027-03-31 08:00+00:00"}},
      {"2028-02-01T08:00", "FREQ=MONTHLY;BYMONTHDAY=-1", kUtc, "2028-02-01 00:00", {"2028-02-29 08:00+00:00"}},
      {"2026-01-01T08:00",
       "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR",
       kUtc,
       "2026-01-01 00:00",
       {"2026-02-13 08:00+00:00", "2026-03-13 08:00+00:00", "2026-11-13 08:00+00:00"}},
      {"2026-01-01T08:00",
       "FREQ=DAILY;BYDAY=SA,SU;BYMONTH=12",
       kUtc,
       "2026-01-01 00:00",
       {"2026-12-05 08:00+00:00", "2026-12-06 08:00+00:00", "2026-12-12 08:00+00:00"}},
      {"2026-01-01T08:00",
       "FREQ=DAILY;BYMONTHDAY=15",
       kUtc,
       "2026-01-01 00:00",
       {"2026-01-15 08:00+00:00", "2026-02-15 08:00+00:00"}},
      {"2026-01-01T08:00",
       "FREQ=WEEKLY;BYMONTH=2;BYDAY=TU",
       kUtc,
       "2026-01-01 00:00",
       {"2026-02-03 08:00+00:00", "2026-02-10 08:00+00:00"}},
      {"2026-01-01T08:00",
       "FREQ=YEARLY;BYDAY=20MO",
       kUtc,
       "2026-01-01 00:00",
       {"2026-05-18 08:00+00:00", "2027-05-17 08:00+00:00"}},
      {"2026-01-01T08:00",
       "FREQ=YEARLY;BYDAY=-1SU",
       kUtc,
       "2026-01-01 00:00",
       {"2026-12-27 08:00+00:00", "2027-12-26 08:00+00:00"}},
      {"2026-01-01T08:00", "FREQ=YEARLY;BYDAY=-1SU", kUtc, "2028-01-01 00:00", {"2028-12-31 08:00+00:00"}},
      {"2026-01-01T08:00",
       "FREQ=YEARLY;BYDAY=53TH",
       kUtc,
       "2026-01-01 00:00",
       {"2026-12-31 08:00+00:00", "2032-12-30 08:00+00:00"}},
      {"2026-01-01T08:00",
       "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
       kNewYork,
       "2026-01-01 00:00",
       {"2026-11-26 08:00-05:00", "2027-11-25 08:00-05:00"}},
      {"2026-01-01T08:00",
       "FREQ=YEARLY;BYDAY=TH",
       kUtc,
       "2026-12-20 00:00",
       {"2026-12-24 08:00+00:00", "2026-12-31 08:00+00:00", "2027-01-07 08:00+00:00"}},
      {"2026-01-01T08:00",
       "FREQ=YEARLY;BYMONTHDAY=1",
       kUtc,
       "2026-11-20 00:00",
       {"2026-12-01 08:00+00:00", "2027-01-01 08:00+00:00"}},
      {"1998-01-01T09:00",
       "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
       kNewYork,
       "1998-01-01 00:00",
       {"1998-11-03 09:00-05:00", "2002-11-05 09:00-05:00"}},
  });
}

TEST(Rrule, ends_with_count_or_until) {
  check({
      {"2026-05-01T08:00",
       "FREQ=YEARLY;COUNT=100000",
       kUtc,
       "2026-05-01 08:00",
       {"2027-05-01 08:00+00:00", "2028-05-01 08:00+00:00"}},
      {"2026-05-01T08:00",
       "FREQ=DAILY;COUNT=2",
       kUtc,
       "2026-01-01 00:00",
       {"2026-05-01 08:00+00:00", "2026-05-02 08:00+00:00"},
       true},
      {"2026-05-01T08:00",
       "FREQ=WEEKLY;BYDAY=MO,TU;COUNT=3",
       kUtc,
       "2026-01-01 00:00",
       {"2026-05-04 08:00+00:00", "2026-05-05 08:00+00:00", "2026-05-11 08:00+00:00"},
       true},
      {"2024-02-29T08:00",
       "FREQ=YEARLY;COUNT=2",
       kUtc,
       "2024-01-01 00:00",
       {"2024-02-29 08:00+00:00", "2028-02-29 08:00+00:00"},
       true},
      {"2026-05-01T08:00",
       "FREQ=DAILY;UNTIL=20260503T080000",
       kUtc,
       "2026-05-01 08:00",
       {"2026-05-02 08:00+00:00", "2026-05-03 08:00+00:00"},
       true},
      {"2026-05-01T08:00", "FREQ=DAILY;UNTIL=20260503T075959", kUtc, "2026-05-01 08:00", {"2026-05-02 08:00+00:00"}, true},
      {"2026-05-01T08:00", "FREQ=DAILY;UNTIL=20260503T080000", kBerlin, "2026-05-02 08:00", {"2026-05-03 08:00+02:00"}, true},
      {"2026-05-01T08:00", "FREQ=DAILY;UNTIL=20260503T060000Z", kBerlin, "2026-05-02 08:00", {"2026-05-03 08:00+02:00"}, true},
      {"2026-05-01T08:00", "FREQ=DAILY;UNTIL=20260503T055959Z", kBerlin, "2026-05-01 08:00", {"2026-05-02 08:00+02:00"}, true},
      {"2026-05-01T08:00", "FREQ=DAILY;UNTIL=20260501T080000", kUtc, "2026-01-01 08:00", {"2026-05-01 08:00+00:00"}, true},
      {"2026-10-24T02:30", "FREQ=DAILY;UNTIL=20261025T003000Z", kBerlin, "2026-10-24 12:00", {"2026-10-25 02:30+02:00"}, true},
  });
}

TEST(Rrule, follows_the_rule_of_fixed_times_where_the_clock_changes) {
  check({
      {"2026-03-28T02:30", "FREQ=DAILY", kBerlin, "2026-03-28 12:00", {"2026-03-29 03:00+02:00", "2026-03-30 02:30+02:00"}},
      {"2026-10-24T02:30", "FREQ=DAILY", kBerlin, "2026-10-24 12:00", {"2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"}},
      {"2026-03-01T02:30",
       "FREQ=WEEKLY;BYDAY=SU",
       kNewYork,
       "2026-03-01 12:00",
       {"2026-03-08 03:00-04:00", "2026-03-15 02:30-04:00"}},
      {"2026-10-25T01:30", "FREQ=WEEKLY", kNewYork, "2026-10-26 12:00", {"2026-11-01 01:30-04:00", "2026-11-08 01:30-05:00"}},
      {"2026-10-01T02:15",
       "FREQ=MONTHLY;BYDAY=1SU",
       kLordHowe,
       "2026-09-26 12:00",
       {"2026-10-04 02:30+11:00", "2026-11-01 02:15+11:00"}},
  });
}

TEST(Rrule, says_what_is_wrong_and_with_which_part) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "rrule: expected NAME=VALUE, found nothing"},
      {"DAILY", "rrule: expected NAME=VALUE, found DAILY"},
      {"FREQ=DAILY;", "rrule: expected NAME=VALUE, found nothing"},
      {"INTERVAL=2", "rrule: expected FREQ"},
      {"FREQ=HOURLY", "FREQ: expected DAILY, WEEKLY, MONTHLY or YEARLY, found HOURLY"},
      {"FREQ=", "FREQ: expected DAILY, WEEKLY, MONTHLY or YEARLY, found nothing"},
      {"FREQ=DAILY;FREQ=DAILY", "FREQ is there twice"},
      {"FREQ=DAILY;EVERY=2", "rrule: expected one of FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, COUNT, UNTIL, WKST, found EVERY"},
      {"FREQ=DAILY;=2", "rrule: expected one of FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, COUNT, UNTIL, WKST, found nothing"},
      {"FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1", "BYSETPOS is not supported"},
      {"FREQ=DAILY;BYHOUR=9", "BYHOUR is not supported"},
      {"FREQ=DAILY;BYMINUTE=9", "BYMINUTE is not supported"},
      {"FREQ=DAILY;BYSECOND=9", "BYSECOND is not supported"},
      {"FREQ=YEARLY;BYYEARDAY=9", "BYYEARDAY is not supported"},
      {"FREQ=YEARLY;BYWEEKNO=9", "BYWEEKNO is not supported"},
      {"FREQ=YEARLY;RSCALE=HEBREW", "RSCALE is not supported"},
      {"FREQ=WEEKLY;WKST=SU", "WKST: only MO is supported, found SU"},
      {"FREQ=DAILY;INTERVAL=0", "INTERVAL: expected 1-1000, found 0"},
      {"FREQ=DAILY;INTERVAL=x", "INTERVAL: expected 1-1000, found X"},
      {"FREQ=DAILY;COUNT=0", "COUNT: expected 1-100000, found 0"},
      {"FREQ=DAILY;COUNT=99999999999999", "COUNT: expected 1-100000, found 99999999999999"},
      {"FREQ=DAILY;COUNT=1;UNTIL=20271231T000000", "COUNT: not together with UNTIL"},
      {"FREQ=DAILY;UNTIL=20271231", "UNTIL: expected a time such as 20261231T235959 or 20261231T235959Z, found 20271231"},
      {"FREQ=DAILY;UNTIL=20270231T000000",
       "UNTIL: expected a time such as 20261231T235959 or 20261231T235959Z, found 20270231T000000"},
      {"FREQ=DAILY;UNTIL=20270228T246000",
       "UNTIL: expected a time such as 20261231T235959 or 20261231T235959Z, found 20270228T246000"},
      {"FREQ=DAILY;UNTIL=20260101T000000", "UNTIL: expected a time not before the start, found 20260101T000000"},
      {"FREQ=DAILY;BYMONTH=13", "BYMONTH: expected 1-12, found 13"},
      {"FREQ=DAILY;BYMONTH=1,", "BYMONTH: expected 1-12, found nothing"},
      {"FREQ=DAILY;BYMONTHDAY=0", "BYMONTHDAY: expected 1-31, or -1 (the last day) to -31, found 0"},
      {"FREQ=DAILY;BYMONTHDAY=-32", "BYMONTHDAY: expected 1-31, or -1 (the last day) to -31, found -32"},
      {"FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY: not with FREQ=WEEKLY"},
      {"FREQ=WEEKLY;BYDAY=1MO", "BYDAY: a number as in 1MO only with FREQ=MONTHLY or YEARLY"},
      {"FREQ=WEEKLY;BYDAY=MON", "BYDAY: expected MO, TU, WE, TH, FR, SA or SU, found MON"},
      {"FREQ=WEEKLY;BYDAY=", "BYDAY: expected MO, TU, WE, TH, FR, SA or SU, found nothing"},
      {"FREQ=MONTHLY;BYDAY=6MO", "BYDAY: expected a number from 1 to 5 or -1 to -5 before the weekday, found 6MO"},
      {"FREQ=MONTHLY;BYDAY=0MO", "BYDAY: expected a number from 1 to 5 or -1 to -5 before the weekday, found 0MO"},
      {"FREQ=MONTHLY;BYDAY=--1MO", "BYDAY: expected a number from 1 to 5 or -1 to -5 before the weekday, found --1MO"},
      {"FREQ=YEARLY;BYDAY=54MO", "BYDAY: expected a number from 1 to 53 or -1 to -53 before the weekday, found 54MO"},
      {"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never happens: no day from the start on fits the rule"},
      {"FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29", "never happens: no day from the start on fits the rule"},
      {"FREQ=DAILY;BYDAY=MO;UNTIL=20260502T000000", "never happens: no day from the start on fits the rule"},
  };
  for (const auto& [rule, message] : cases) {
    const auto parsed = parse_rrule(local("2026-05-01 00:00"), rule, TimeZone());
    ASSERT_FALSE(parsed) << rule;
    EXPECT_EQ(parsed.error(), message) << rule;
  }
}

TEST(LocalTimes, are_read_with_or_without_seconds) {
  const LocalTime six = LocalDay{std::chrono::year{2026} / 12 / 24} + 18h;
  EXPECT_EQ(parse_local_time("2026-12-24T18:00"), six);
  EXPECT_EQ(parse_local_time("2026-12-24 18:00"), six);
  EXPECT_EQ(parse_local_time("2026-12-24 18:00:59"), six + 59s);
  EXPECT_EQ(parse_local_time("2028-02-29 00:00"), LocalTime{LocalDay{std::chrono::year{2028} / 2 / 29}});
}

TEST(LocalTimes, that_are_none_are_refused) {
  for (const char* text : {"",
                           "2026-12-24",
                           "18:00",
                           "2026-12-24T",
                           "2026-12-24T18",
                           "2026-12-24T18:",
                           "2026-12-24T18:60",
                           "2026-12-24T24:00",
                           "2026-12-24T18:00:60",
                           "2026-12-24T18:00:",
                           "2026-12-24T18:00Z",
                           "2026-12-24T18:00+01:00",
                           "2026-02-29T18:00",
                           "2026-13-01T18:00",
                           "2026-00-01T18:00",
                           "26-12-24T18:00",
                           "2026-12-24  18:00",
                           " 2026-12-24 18:00",
                           "1969-12-31T18:00",
                           "2201-01-01T00:00",
                           "2026-1-1T18:00",
                           "2026/12/24 18:00",
                           "-026-12-24T18:00"}) {
    const auto parsed = parse_local_time(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error(),
              "expected a local time such as 2026-12-24T18:00, found " + std::string(*text == '\0' ? "nothing" : text));
  }
}

}  // namespace
}  // namespace weir
