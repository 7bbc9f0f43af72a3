#include "controller/import/schedules.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string size_text(std::optional<int> size) { return size ? fmt::format("{}", *size) : "-"; }

/// "name cron-or-start minutes min/max" of each window.
std::vector<std::string> told(const ScheduleWindows& result) {
  std::vector<std::string> texts;
  for (const ScheduleWindow& window : result.windows) {
    texts.push_back(fmt::format("{} {} {} {}/{}", window.name, window.cron.empty() ? window.start : window.cron, window.minutes,
                                size_text(window.min), size_text(window.max)));
  }
  return texts;
}

ScheduledAction weekly(const std::string& name, const std::string& cron, std::optional<int> min, std::optional<int> max = {}) {
  return {.name = name, .recurrence = cron, .min = min, .max = max};
}

TEST(ScheduledActions, that_happen_daily_last_until_the_next) {
  const auto result = windows_of({weekly("up", "0 8 * * *", 4), weekly("down", "30 18 * * *", 1)});
  EXPECT_THAT(told(result), ElementsAre("up 0 8 * * * 630 4/-", "down 30 18 * * * 810 1/-"));
}

TEST(ScheduledActions, of_working_days_last_over_the_weekend) {
  const auto result = windows_of({weekly("up", "0 8 * * 1-5", 4), weekly("down", "0 18 * * MON-FRI", 1)});
  EXPECT_THAT(told(result), ElementsAre("up 0 8 * * 1-5 600 4/-", "down 0 18 * * 1-4 840 1/-", "down 0 18 * * 5 3720 1/-"));
}

TEST(ScheduledActions, may_act_several_times_a_day) {
  const auto result = windows_of({weekly("up", "0 6,18 * * *", 4), weekly("down", "0 */12 * * *", 1)});
  EXPECT_THAT(told(result),
              ElementsAre("up 0 6 * * * 360 4/-", "up 0 18 * * * 360 4/-", "down 0 0 * * * 360 1/-", "down 0 12 * * * 360 1/-"));
}

TEST(ScheduledActions, keep_the_size_that_the_one_before_set) {
  const auto result =
      windows_of({weekly("min", "0 8 * * *", 4), weekly("max", "0 9 * * *", {}, 20), weekly("both", "0 18 * * *", 1, 5)});
  EXPECT_THAT(told(result), ElementsAre("min 0 8 * * * 60 4/5", "max 0 9 * * * 540 4/20", "both 0 18 * * * 840 1/5"));
}

TEST(ScheduledActions, that_happen_once_last_until_the_next_and_the_last_stays) {
  const auto result = windows_of({{.name = "end", .start = "2026-11-30T22:30:00Z", .min = 2},
                                  {.name = "begin", .start = "2026-11-27T06:00:00Z", .min = 6, .max = 20}});
  EXPECT_THAT(told(result), ElementsAre("begin 2026-11-27T06:00:00 5310 6/20"));
  EXPECT_EQ(result.stays, 0U);
}

struct Inexact {
  std::vector<ScheduledAction> actions;
  const char* why;
};

TEST(ScheduledActions, that_no_window_equals_are_not_guessed) {
  const Inexact cases[] = {
      {{weekly("up", "0 8 * * *", 4)}, "stays for ever"},
      {{weekly("a", "0 0 1 * *", 4), weekly("b", "0 0 2 * *", 1)}, "'0 0 1 * *' is not the same every week"},
      {{weekly("a", "0 8 * 12 *", 4), weekly("b", "0 18 * * *", 1)}, "not the same every week"},
      {{weekly("a", "@daily", 4), weekly("b", "0 18 * * *", 1)}, "not the same every week"},
      {{weekly("a", "0 25 * * *", 4), weekly("b", "0 18 * * *", 1)}, "not the same every week"},
      {{weekly("a", "* * * * *", 4), weekly("b", "0 18 * * *", 1)}, "not the same every week"},
      {{weekly("a", "0 8 * * *", 4), weekly("b", "0 8 * * 1", 1)}, "at the same moment"},
      {{weekly("a", "0 8 * * *", 4), {.name = "b", .start = "2026-11-27T06:00:00Z"}}, "across each other"},
      {{weekly("a", "0 8 * * *", 4), {.name = "b", .recurrence = "0 9 * * *", .timezone = "Asia/Seoul"}}, "several time zones"},
      {{weekly("a", "0 8 * * *", 4), {.name = "b", .recurrence = "0 9 * * *", .end = "2027-01-01T00:00:00Z"}}, "EndTime"},
      {{{.name = "a", .start = "tomorrow"}, {.name = "b", .start = "2026-11-27T06:00:00Z"}}, "no time such as"},
      {{{.name = "a", .start = "2026-02-30T06:00:00Z"}, {.name = "b", .start = "2026-11-27T06:00:00Z"}}, "no time such as"},
      {{{.name = "a", .start = "2026-11-27T06:00Z"}, {.name = "b", .start = "2026-11-27T06:00:00Z"}}, "at the same moment"},
      {{{.name = "a", .start = "1970-01-01T00:00Z"}, {.name = "b", .start = "2026-11-27T06:00:00Z"}}, "years between"},
  };
  for (const Inexact& each : cases) {
    const auto result = windows_of(each.actions);
    EXPECT_THAT(result.windows, IsEmpty()) << each.why;
    EXPECT_THAT(result.why_not, HasSubstr(each.why));
  }
}

}  // namespace
}  // namespace weir
