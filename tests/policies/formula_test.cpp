#include "policies/formula.h"

#include <gmock/gmock.h>

#include <map>

namespace weir {
namespace {

using ::testing::ElementsAre;

/// a = 6, b = 3, zero = 0; every other name is missing.
std::optional<double> known(const std::string& name) {
  static const std::map<std::string, double> values = {{"a", 6}, {"b", 3}, {"zero", 0}, {"a_1", 10}};
  const auto found = values.find(name);
  return found == values.end() ? std::nullopt : std::optional(found->second);
}

std::optional<double> value_of(const std::string& text) {
  const auto formula = Formula::parse(text);
  if (!formula) {
    ADD_FAILURE() << text << ": " << formula.error();
    return std::nullopt;
  }
  std::vector<std::optional<double>> values;
  for (const std::string& name : formula->names()) values.push_back(known(name));
  return formula->value(values);
}

TEST(Formula, means_what_arithmetic_means) {
  const std::pair<const char*, double> cases[] = {
      {"1", 1},
      {"1.5", 1.5},
      {".5", 0.5},
      {"1e3", 1000},
      {"1E-2", 0.01},
      {"1 + 2 * 3", 7},
      {"(1 + 2) * 3", 9},
      {"10 - 4 - 3", 3},
      {"24 / 4 / 2", 3},
      {"7 % 4", 3},
      {"2 * 7 % 4", 2},
      {"-2", -2},
      {"--2", 2},
      {"3 - -2", 5},
      {"-a + b", -3},
      {"-2 * -3", 6},
      {"!0", 1},
      {"!5", 0},
      {"!!5", 1},
      {"!a + 1", 1},
      {"a / b", 2},
      {"a + 0.5 * b", 7.5},
      {"a_1", 10},
      {"1 < 2", 1},
      {"2 < 2", 0},
      {"2 <= 2", 1},
      {"3 > 2", 1},
      {"2 > 2", 0},
      {"2 >= 2", 1},
      {"2 == 2", 1},
      {"2 != 2", 0},
      {"1 + 1 == 2", 1},
      {"1 < 2 == 1", 1},
      {"1 && 2", 1},
      {"1 && 0", 0},
      {"0 || 2", 1},
      {"0 || 0", 0},
      {"1 || 0 && 0", 1},
      {"(1 || 0) && 0", 0},
      {"a > 5 && b < 5", 1},
      {"a > 5 ? 1 : 2", 1},
      {"a < 5 ? 1 : 2", 2},
      {"0 ? 1 : 0 ? 2 : 3", 3},
      {"1 ? 0 ? 1 : 2 : 3", 2},
      {"a>5?-1:-2", -1},
      {"1 + (a > 5 ? 10 : 20)", 11},
      {"min(4, a, b)", 3},
      {"max(4, a, b)", 6},
      {"abs(b - a)", 3},
      {"ceil(1.1)", 2},
      {"floor(1.9)", 1},
      {"round(1.5)", 2},
      {"round(-1.5)", -2},
      {"clamp(a, 1, 4)", 4},
      {"clamp(a, 8, 9)", 8},
      {"clamp(a, 1, 9)", 6},
      {"max(min(a, 4), ceil(b / 2))", 4},
      {" \t\n1\n+\t1 ", 2},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(value_of(text), expected) << text;
}

TEST(Formula, what_needs_a_missing_number_is_missing) {
  for (const char* text : {"x", "x + 1", "1 - x", "-x", "!x", "x == x", "x > 1", "1 || x", "0 && x", "0 * x", "min(1, x)", "abs(x)",
                           "x ? 1 : 2", "1 ? x : 2", "0 ? 1 : x", "x ?? y", "(x ?? y) + 1", "a + x ?? y"}) {
    EXPECT_EQ(value_of(text), std::nullopt) << text;
  }
}

TEST(Formula, a_fallback_stands_in_for_a_missing_number_and_only_for_that) {
  const std::pair<const char*, double> cases[] = {
      {"x ?? 1", 1},       {"a ?? 1", 6},     {"zero ?? 1", 0},      {"x ?? y ?? 4", 4},    {"x ?? b ?? 4", 3}, {"a + (x ?? 0)", 6},
      {"a + x ?? b", 3},   {"x ?? a + b", 9}, {"1 / zero ?? 7", 7},  {"max(x ?? 0, b)", 3}, {"1 ? a : x", 6},   {"0 ? x : b", 3},
      {"(x ?? 0) > 1", 0}, {"x ?? 0 > 1", 0}, {"x ?? 1 ? 5 : 6", 5}, {"x ?? 0 || a", 1},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(value_of(text), expected) << text;
}

TEST(Formula, a_result_that_is_not_finite_is_missing) {
  for (const char* text : {"1 / 0", "-1 / zero", "0 / 0", "1 % 0", "a / (b - 3)", "1e308 * 10", "1e308 + 1e308 > 1",
                           "min(1, 1 / 0)", "1 / 0 > 1", "1 / 0 ? 1 : 2"}) {
    EXPECT_EQ(value_of(text), std::nullopt) << text;
  }
  EXPECT_EQ(value_of("zero == 0 ? 1 : a / zero"), 1) << "the side that is not taken does not count";
}

TEST(Formula, names_are_listed_once_in_the_order_of_their_first_use) {
  EXPECT_THAT(Formula::parse("b + a * b ?? max(c, a)")->names(), ElementsAre("b", "a", "c"));
  EXPECT_THAT(Formula::parse("1 + 1")->names(), ElementsAre());
  EXPECT_THAT(Formula::parse("max + min(max, 1)")->names(), ElementsAre("max")) << "a function is one only with its bracket";
}

TEST(Formula, errors_say_where_and_what_was_expected) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "column 1: expected a number, a name or '(', found the end"},
      {"   ", "column 4: expected a number, a name or '(', found the end"},
      {"1 +", "column 4: expected a number, a name or '(', found the end"},
      {"1 2", "column 3: expected an operator or the end, found '2'"},
      {"a b", "column 3: expected an operator or the end, found 'b'"},
      {"1 + * 2", "column 5: expected a number, a name or '(', found '*'"},
      {"(1", "column 3: expected ')', found the end"},
      {"1)", "column 2: expected an operator or the end, found ')'"},
      {"a ? 1", "column 6: expected ':', found the end"},
      {"a ? : 1", "column 5: expected a number, a name or '(', found ':'"},
      {"a = 1", "column 3: expected an operator or the end, found '='"},
      {"a & b", "column 3: expected an operator or the end, found '&'"},
      {"a ! b", "column 3: expected an operator or the end, found '!'"},
      {"a ?? ", "column 6: expected a number, a name or '(', found the end"},
      {"a ??? b", "column 5: expected a number, a name or '(', found '?'"},
      {"$a", "column 1: expected a number, a name or '(', found '$'"},
      {".", "column 1: expected a number, found '.'"},
      {"1e999", "column 1: expected a number, found '1'"},
      {"0x10", "column 2: expected an operator or the end, found 'x'"},
      {"+1", "column 1: expected a number, a name or '(', found '+'"},
      {"sqrt(2)", "column 1: expected one of the functions min, max, abs, ceil, floor, round, clamp, found 's'"},
      {"1 + avg(a)", "column 5: expected one of the functions min, max, abs, ceil, floor, round, clamp, found 'a'"},
      {"min()", "column 5: expected a number, a name or '(', found ')'"},
      {"min(1)", "column 6: expected 2 operands of min, found ')'"},
      {"abs(1, 2)", "column 9: expected 1 operands of abs, found ')'"},
      {"clamp(1, 2)", "column 11: expected 3 operands of clamp, found ')'"},
      {"max(1, 2", "column 9: expected ',' or ')', found the end"},
      {"max(1 2)", "column 7: expected 2 operands of max, found '2'"},
      {"max(1,)", "column 7: expected a number, a name or '(', found ')'"},
  };
  for (const auto& [text, message] : cases) {
    const auto formula = Formula::parse(text);
    EXPECT_EQ(formula ? std::string("accepted") : formula.error(), message) << text;
  }
}

TEST(Formula, what_would_overflow_the_stack_is_refused) {
  const auto repeated = [](const char* text, int times) {
    std::string all;
    for (; times > 0; --times) all += text;
    return all;
  };
  EXPECT_TRUE(Formula::parse(repeated("(", 90) + "1" + repeated(")", 90)));
  EXPECT_TRUE(Formula::parse(repeated("-", 190) + "1"));
  EXPECT_TRUE(Formula::parse(repeated("1+", 499) + "1"));
  EXPECT_TRUE(Formula::parse(repeated("x??", 300) + "1"));
  EXPECT_THAT(Formula::parse(repeated("(", 400) + "1" + repeated(")", 400)).error(), ::testing::HasSubstr("expected fewer"));
  EXPECT_THAT(Formula::parse(repeated("-", 400) + "1").error(), ::testing::HasSubstr("expected fewer signs"));
  EXPECT_THAT(Formula::parse(repeated("1?1:", 249) + "1").error(), ::testing::HasSubstr("expected fewer"));
  EXPECT_THAT(Formula::parse(repeated("abs(", 200) + "1").error(), ::testing::HasSubstr("expected fewer"));
  EXPECT_EQ(Formula::parse(std::string(1001, '1')).error(), "expected at most 1000 characters");
}

}  // namespace
}  // namespace weir
