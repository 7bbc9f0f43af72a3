#include "controller/policy_test/notation.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace weir {
namespace {

/// The values as one would read them aloud; no data is `_`.
std::string spelled(const std::expected<SeriesValues, std::string>& values) {
  if (!values) return "error";
  std::string text;
  for (const std::optional<double>& value : *values) {
    text += (text.empty() ? "" : " ") + (value ? fmt::format("{:g}", *value) : std::string("_"));
  }
  return text;
}

TEST(Notation, is_that_of_prometheus) {
  const struct {
    const char* text;
    const char* values;
  } cases[] = {
      {"", ""},
      {"1", "1"},
      {"1 2 3", "1 2 3"},
      {"  1 \t 2\n3 ", "1 2 3"},
      {"1+1x3", "1 2 3 4"},
      {"-2+4x3", "-2 2 6 10"},
      {"1-2x4", "1 -1 -3 -5 -7"},
      {"5x2", "5 5 5"},
      {"5x0", "5"},
      {"1 _x3 stale", "1 _ _ _ _"},
      {"_", "_"},
      {"_x0", ""},
      {"0.5+0.25x2", "0.5 0.75 1"},
      {"1e3x1", "1000 1000"},
      {"1e-2+1e-2x1", "0.01 0.02"},
      {"+1+1x1", "1 2"},
      {"NaN Inf -Inf +Inf", "nan inf -inf inf"},
      {"Infx1", "inf inf"},
      {"1 2x2 _ 3+1x1", "1 2 2 2 _ 3 4"},
  };
  for (const auto& one : cases) EXPECT_EQ(spelled(parse_series(one.text)), one.values) << one.text;
}

TEST(Notation, refuses_what_is_none) {
  for (const char* text : {"a", "1x", "1x-2", "1 x3", "1+x3", "1+2", "1+-1x3", "_y3", "_x", "stalex3", "1x2x3", "+-1", "1x3.5",
                           "1,2", "{{schema:1}}", "x3", "1x99999999999999999999"}) {
    EXPECT_EQ(spelled(parse_series(text)), "error") << text;
  }
}

TEST(Notation, says_what_was_expected_and_found) {
  EXPECT_THAT(parse_series("1 2y 3").error(), testing::AllOf(testing::HasSubstr("'5+1x3'"), testing::HasSubstr("found '2y'")));
}

TEST(Notation, has_a_limit) {
  EXPECT_EQ(parse_series("1x999999").value().size(), 1'000'000U);
  EXPECT_FALSE(parse_series("1x1000000"));
  EXPECT_FALSE(parse_series("_x1000001"));
  EXPECT_FALSE(parse_series("1x600000 1x600000"));
}

}  // namespace
}  // namespace weir
