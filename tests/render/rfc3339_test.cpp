#include "controller/render/rfc3339.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;

TEST(ParseRfc3339, reads_what_format_time_writes) {
  for (const auto since : {0ms, -1ms, 1'772'357'400'250ms, 253'402'300'799'999ms}) {
    EXPECT_EQ(parse_rfc3339(format_time(TimePoint{since})), TimePoint{since});
  }
}

TEST(ParseRfc3339, reads_offsets_fractions_and_leap_seconds) {
  const TimePoint time{1'772'357'400'000ms};
  EXPECT_EQ(parse_rfc3339("2026-03-01T09:30:00Z"), time);
  EXPECT_EQ(parse_rfc3339("2026-03-01t18:30:00+09:00"), time);
  EXPECT_EQ(parse_rfc3339("2026-03-01 04:00:00-05:30"), time);
  EXPECT_EQ(parse_rfc3339("2026-03-01T09:30:00.25z"), time + 250ms);
  EXPECT_EQ(parse_rfc3339("2026-03-01T09:30:00.123456789Z"), time + 123ms);
  EXPECT_EQ(parse_rfc3339("2026-03-01T09:29:60Z"), time);
}

TEST(ParseRfc3339, refuses_everything_else) {
  for (const char* text : {"", "now", "2026-03-01", "2026-03-01T09:30:00", "2026-02-30T09:30:00Z", "2026-03-01T24:00:00Z",
                           "2026-03-01T09:60:00Z", "2026-03-01T09:30:00.Z", "2026-03-01T09:30:00Zx", "2026-03-01T09:30:00+24:00",
                           "2026-13-01T09:30:00Z", "-026-03-01T09:30:00Z", "2026-03-01T09:30:00+0900"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

}  // namespace
}  // namespace weir
