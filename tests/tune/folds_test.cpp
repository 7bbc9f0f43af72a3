// How a history is parted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "controller/tune/folds.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

Trace lasting(Duration length) {
  const TimePoint begin(500'000h);
  return {.name = "load", .at = {begin, begin + length / 2, begin + length}, .load = {1, 1, 1}, .step = 1min};
}

TEST(Folds, are_whole_days_where_there_are_enough) {
  struct Case {
    Duration length;
    std::size_t folds;
    Duration block;
    std::size_t blocks;
  };
  for (const Case& each :
       {Case{28 * 24h, 4, 24h, 28}, Case{8 * 24h, 4, 24h, 8}, Case{7 * 24h, 3, 24h, 7}, Case{4 * 24h, 2, 24h, 4},
        Case{4 * 24h - 1min, 2, 24h, 4}, Case{3 * 24h, 4, 6h, 12}, Case{24h, 2, 6h, 4}, Case{10h, 4, 1h, 10}, Case{4h, 2, 1h, 4}}) {
    const auto folds = folds_of(lasting(each.length), 4);
    ASSERT_TRUE(folds) << folds.error().message;
    EXPECT_EQ(folds->count, each.folds) << format_duration(each.length);
    EXPECT_EQ(folds->block, each.block) << format_duration(each.length);
    EXPECT_EQ(folds->cuts.size() + 1, each.blocks) << format_duration(each.length);
  }
}

TEST(Folds, each_have_two_blocks_and_the_last_takes_what_is_left) {
  const Trace trace = lasting(11 * 24h + 5h);
  const auto folds = folds_of(trace, 4);
  ASSERT_TRUE(folds);
  EXPECT_EQ(folds->cuts.size(), 10U);
  EXPECT_EQ(folds->cuts.front(), trace.at.front() + 24h);
  EXPECT_EQ(folds->cuts.back(), trace.at.front() + 240h);
  std::multiset<std::size_t> dealt;
  for (std::size_t block = 0; block <= folds->cuts.size(); ++block) dealt.insert(folds->fold_of(block));
  for (std::size_t fold = 0; fold < folds->count; ++fold) EXPECT_GE(dealt.count(fold), 2U);
}

TEST(Folds, say_that_there_are_fewer_or_that_days_are_not_told_apart) {
  EXPECT_THAT(folds_of(lasting(28 * 24h), 4)->notes, IsEmpty());
  EXPECT_THAT(folds_of(lasting(5 * 24h), 4)->notes, Contains(HasSubstr("2 folds instead of 4")));
  EXPECT_THAT(folds_of(lasting(2 * 24h), 4)->notes, Contains(HasSubstr("other hours of the same days")));
}

TEST(Folds, a_history_too_short_is_an_error_that_says_how_long_it_has_to_be) {
  const auto folds = folds_of(lasting(3h), 4);
  ASSERT_FALSE(folds);
  EXPECT_EQ(folds.error().kind, ErrorKind::invalid);
  EXPECT_THAT(folds.error().message, HasSubstr("covers 3h1m; expected at least 4h"));
}

}  // namespace
}  // namespace weir
