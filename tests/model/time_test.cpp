#include "model/time.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;

TEST(FormatDuration, writes_largest_unit_first_and_nothing_that_is_zero) {
  const std::pair<Duration, std::string> cases[] = {
      {0ms, "0s"},           {250ms, "250ms"}, {90s, "1m30s"},      {5min, "5m"},
      {1h + 30min, "1h30m"}, {48h, "2d"},      {1s + 5ms, "1s5ms"}, {-90s, "-1m30s"},
  };
  for (const auto& [duration, text] : cases) EXPECT_EQ(format_duration(duration), text);
}

TEST(FormatTime, is_rfc_3339_in_utc) {
  EXPECT_EQ(format_time(TimePoint{1'772'357'400'250ms}), "2026-03-01T09:30:00.250Z");
  EXPECT_EQ(format_time(TimePoint{}), "1970-01-01T00:00:00.000Z");
}

}  // namespace
}  // namespace weir
