#include "platform/aws/times.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(AwsTimesTest, instants_are_read_with_and_without_a_fraction) {
  const auto plain = parse_aws_time("2026-11-21T05:53:46Z");
  ASSERT_TRUE(plain);
  EXPECT_EQ(format_time(*plain), "2026-11-21T05:53:46.000Z");
  EXPECT_EQ(parse_aws_time("2026-11-21T05:53:46.664222Z"), plain);
  EXPECT_EQ(format_aws_time(*plain), "20261121T055346Z");
}

TEST(AwsTimesTest, what_is_no_instant_is_absent) {
  for (const char* text : {"", "now", "2026-11-21", "2026-13-21T05:53:46Z", "2026-11-31T05:53:46Z", "2026-11-21T25:53:46Z",
                           "2026-11-21T05:53:46+01:00", "2026-11-2aT05:53:46Z"}) {
    EXPECT_FALSE(parse_aws_time(text)) << text;
  }
}

TEST(AwsTimesTest, a_signature_knows_midnight) {
  EXPECT_EQ(format_aws_time(TimePoint(std::chrono::sys_days(std::chrono::year(2024) / 2 / 1)) - Duration(1)), "20240131T235959Z");
}

}  // namespace
}  // namespace weir
