#include "model/time_zone.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;
using Kind = TimeZone::Instants::Kind;

TimePoint utc(int year, int month, int day, Duration time = 0h) {
  return std::chrono::sys_days{std::chrono::year{year} / month / day} + time;
}

LocalTime local(int year, int month, int day, Duration time = 0h) { return LocalDay{std::chrono::year{year} / month / day} + time; }

/// Berlin in 2026: forward at 01:00 UTC on 29 March, back at 01:00 UTC on 25 October.
TimeZone berlin() {
  return {"Europe/Berlin", {{utc(2025, 10, 26, 1h), 1h}, {utc(2026, 3, 29, 1h), 2h}, {utc(2026, 10, 25, 1h), 1h}}};
}

TEST(TimeZone, is_utc_by_default) {
  const TimeZone zone;
  EXPECT_EQ(zone.name(), "UTC");
  EXPECT_EQ(zone.offset_at(utc(2026, 7, 1)), 0s);
  EXPECT_EQ(zone.to_local(utc(2026, 7, 1, 12h)), local(2026, 7, 1, 12h));
  EXPECT_EQ(zone.high_water(utc(2026, 7, 1, 12h)), local(2026, 7, 1, 12h));
  EXPECT_EQ(zone.from_local(local(2026, 7, 1, 12h)).first, utc(2026, 7, 1, 12h));
  EXPECT_EQ(zone.span_at(utc(2026, 7, 1)).end, TimePoint::max());
}

TEST(TimeZone, without_transitions_never_leaves_utc) {
  const TimeZone zone("Etc/UTC", {});
  EXPECT_EQ(zone.to_local(utc(2026, 7, 1, 12h)), local(2026, 7, 1, 12h));
  EXPECT_EQ(zone.from_local(local(2026, 7, 1, 12h)).kind, Kind::unique);
  EXPECT_EQ(zone.high_water(utc(2026, 7, 1, 12h)), local(2026, 7, 1, 12h));
}

TEST(TimeZone, is_equal_by_name) {
  EXPECT_EQ(TimeZone(), TimeZone("UTC", {}));
  EXPECT_EQ(berlin(), TimeZone("Europe/Berlin", {}));
  EXPECT_FALSE(berlin() == TimeZone());
}

TEST(TimeZone, knows_the_offset_of_every_instant) {
  const std::pair<TimePoint, Duration> cases[] = {
      {utc(1990, 1, 1), 1h},       {utc(2026, 3, 29, 1h) - 1ms, 1h},
      {utc(2026, 3, 29, 1h), 2h},  {utc(2026, 10, 25, 1h) - 1ms, 2h},
      {utc(2026, 10, 25, 1h), 1h}, {utc(2200, 7, 1), 1h},
  };
  for (const auto& [at, offset] : cases) {
    EXPECT_EQ(berlin().offset_at(at), offset) << format_time(at);
    EXPECT_EQ(berlin().to_local(at).time_since_epoch() - at.time_since_epoch(), offset) << format_time(at);
  }
}

TEST(TimeZone, a_span_reaches_from_one_change_to_the_next) {
  const TimeZone::Span span = berlin().span_at(utc(2026, 7, 1));
  EXPECT_EQ(span.begin, utc(2026, 3, 29, 1h));
  EXPECT_EQ(span.end, utc(2026, 10, 25, 1h));
  EXPECT_EQ(berlin().span_at(utc(1980, 1, 1)).begin, TimePoint::min());
  EXPECT_EQ(berlin().span_at(utc(2026, 12, 1)).end, TimePoint::max());
}

TEST(TimeZone, finds_the_instants_of_a_local_time) {
  struct Case {
    LocalTime local;
    Kind kind;
    TimePoint first;
    TimePoint second;
  };
  const TimePoint spring = utc(2026, 3, 29, 1h);
  const TimePoint autumn = utc(2026, 10, 25, 1h);
  const Case cases[] = {
      {local(1990, 1, 1, 1h), Kind::unique, utc(1990, 1, 1), utc(1990, 1, 1)},
      {local(2026, 3, 29, 2h) - 1ms, Kind::unique, spring - 1ms, spring - 1ms},
      {local(2026, 3, 29, 2h), Kind::nonexistent, spring, spring},
      {local(2026, 3, 29, 3h) - 1ms, Kind::nonexistent, spring, spring},
      {local(2026, 3, 29, 3h), Kind::unique, spring, spring},
      {local(2026, 10, 25, 2h) - 1ms, Kind::unique, autumn - 1h - 1ms, autumn - 1h - 1ms},
      {local(2026, 10, 25, 2h), Kind::ambiguous, autumn - 1h, autumn},
      {local(2026, 10, 25, 3h) - 1ms, Kind::ambiguous, autumn - 1ms, autumn + 1h - 1ms},
      {local(2026, 10, 25, 3h), Kind::unique, autumn + 1h, autumn + 1h},
  };
  for (const Case& each : cases) {
    const TimeZone::Instants found = berlin().from_local(each.local);
    EXPECT_EQ(found.kind, each.kind) << each.local.time_since_epoch().count();
    EXPECT_EQ(found.first, each.first) << each.local.time_since_epoch().count();
    EXPECT_EQ(found.second, each.second) << each.local.time_since_epoch().count();
  }
}

TEST(TimeZone, a_local_time_does_not_repeat_if_the_clock_jumps_on_before) {
  const TimeZone zone("Hasty", {{utc(2026, 1, 1), 3h}, {utc(2026, 1, 2), 2h}, {utc(2026, 1, 2, 30min), 4h}});
  EXPECT_EQ(zone.from_local(local(2026, 1, 2, 2h + 15min)).kind, Kind::ambiguous);
  EXPECT_EQ(zone.from_local(local(2026, 1, 2, 2h + 45min)).kind, Kind::unique);
}

TEST(TimeZone, the_high_water_mark_waits_while_an_hour_repeats) {
  const TimePoint autumn = utc(2026, 10, 25, 1h);
  EXPECT_EQ(berlin().high_water(autumn - 1min), local(2026, 10, 25, 2h + 59min));
  EXPECT_EQ(berlin().high_water(autumn), local(2026, 10, 25, 3h) - 1ms);
  EXPECT_EQ(berlin().high_water(autumn + 59min), local(2026, 10, 25, 3h) - 1ms);
  EXPECT_EQ(berlin().high_water(autumn + 1h), local(2026, 10, 25, 3h));
  EXPECT_EQ(berlin().high_water(utc(2026, 3, 29, 1h)), local(2026, 3, 29, 3h));
}

/// Steps down twice before the first repeated hour is over, up again, and skips a day: no zone does, but nothing forbids it.
TimeZone restless() {
  return {"Restless",
          {{utc(2026, 1, 1), 3h},
           {utc(2026, 1, 2), 2h},
           {utc(2026, 1, 2, 30min), 1h},
           {utc(2026, 1, 2, 90min), 2h},
           {utc(2026, 1, 3), -22h},
           {utc(2026, 1, 5), 2h},
           {utc(2026, 1, 5), 1h}}};
}

TEST(TimeZone, the_first_instant_of_a_local_time_is_exactly_where_the_high_water_mark_reaches_it) {
  for (const TimeZone& zone : {TimeZone(), berlin(), restless()}) {
    for (const TimePoint around : {utc(2026, 1, 3), utc(2026, 3, 29), utc(2026, 10, 25)}) {
      for (TimePoint at = around - 72h; at < around + 72h; at += 10min) {
        const LocalTime shown = zone.to_local(at);
        const TimeZone::Instants instants = zone.from_local(shown);
        EXPECT_LE(instants.first, at);
        EXPECT_GE(zone.high_water(at), zone.high_water(at - 10min));
        EXPECT_LE(zone.from_local(zone.high_water(at)).first, at);
        EXPECT_GT(zone.from_local(zone.high_water(at) + 1ms).first, at);
      }
    }
  }
}

TEST(TimeZone, does_not_care_for_the_order_of_its_transitions) {
  const TimeZone zone("Z", {{utc(2026, 10, 25, 1h), 1h}, {utc(2025, 10, 26, 1h), 1h}, {utc(2026, 3, 29, 1h), 2h}});
  EXPECT_EQ(zone.offset_at(utc(2026, 7, 1)), 2h);
  EXPECT_EQ(zone.offset_at(utc(2026, 12, 1)), 1h);
  EXPECT_EQ(restless().offset_at(utc(2026, 1, 6)), 1h) << "of two at one instant the later holds";
}

}  // namespace
}  // namespace weir
