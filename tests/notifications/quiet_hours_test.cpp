#include "controller/notifications/quiet_hours.h"

#include <gtest/gtest.h>

#include "platform/time_zones.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using std::chrono::February;
using std::chrono::March;
using std::chrono::October;

/// A UTC time of a day of 2026.
TimePoint utc(std::chrono::month month, unsigned day, Duration time) {
  return std::chrono::sys_days(std::chrono::year(2026) / month / std::chrono::day(day)) + time;
}

QuietHours from_to(std::chrono::minutes from, std::chrono::minutes to, const char* zone = "UTC") {
  return {.zone = load_time_zone(zone).value(), .from = from, .to = to};
}

TEST(QuietHours, of_one_day_end_on_it) {
  const QuietHours lunch = from_to(12h, 13h + 30min);
  EXPECT_EQ(quiet_until(lunch, utc(March, 2, 11h + 59min)), std::nullopt);
  EXPECT_EQ(quiet_until(lunch, utc(March, 2, 12h)), utc(March, 2, 13h + 30min));
  EXPECT_EQ(quiet_until(lunch, utc(March, 2, 13h + 29min)), utc(March, 2, 13h + 30min));
  EXPECT_EQ(quiet_until(lunch, utc(March, 2, 13h + 30min)), std::nullopt);
}

TEST(QuietHours, over_midnight_end_on_the_next_day) {
  const QuietHours night = from_to(22h, 7h);
  EXPECT_EQ(quiet_until(night, utc(February, 28, 23h)), utc(March, 1, 7h));
  EXPECT_EQ(quiet_until(night, utc(March, 1, 6h + 59min)), utc(March, 1, 7h));
  EXPECT_EQ(quiet_until(night, utc(March, 1, 7h)), std::nullopt);
}

TEST(QuietHours, are_those_of_the_zone) {
  const QuietHours night = from_to(22h, 7h, "Asia/Seoul");  // nine hours ahead
  EXPECT_EQ(quiet_until(night, utc(March, 1, 12h + 59min)), std::nullopt);
  EXPECT_EQ(quiet_until(night, utc(March, 1, 13h)), utc(March, 1, 22h));
}

TEST(QuietHours, belong_to_the_day_on_which_they_begin) {
  QuietHours weekend = from_to(20h, 8h);
  weekend.days = {false, false, false, false, false, true, false};  // Friday evening
  EXPECT_NE(quiet_until(weekend, utc(March, 6, 21h)), std::nullopt);
  EXPECT_EQ(quiet_until(weekend, utc(March, 7, 7h)), utc(March, 7, 8h));
  EXPECT_EQ(quiet_until(weekend, utc(March, 7, 21h)), std::nullopt);
  EXPECT_EQ(quiet_until(weekend, utc(March, 6, 7h)), std::nullopt);
}

TEST(QuietHours, end_though_the_clock_jumps_over_their_end) {
  // Berlin goes from 02:00 to 03:00 on March 29, 2026.
  const QuietHours night = from_to(22h, 2h + 30min, "Europe/Berlin");
  EXPECT_EQ(quiet_until(night, utc(March, 29, 0h)), utc(March, 29, 1h));
  EXPECT_EQ(quiet_until(night, utc(March, 29, 1h)), std::nullopt);
}

TEST(QuietHours, end_later_when_the_hour_of_their_end_comes_twice) {
  // Berlin goes from 03:00 back to 02:00 on October 25, 2026.
  const QuietHours night = from_to(22h, 2h + 30min, "Europe/Berlin");
  const auto second_time = quiet_until(night, utc(October, 25, 1h + 10min));  // 02:10 again
  ASSERT_TRUE(second_time);
  EXPECT_GT(*second_time, utc(October, 25, 1h + 10min));
  EXPECT_EQ(quiet_until(night, utc(October, 25, 1h + 31min)), std::nullopt);
}

}  // namespace
}  // namespace weir
