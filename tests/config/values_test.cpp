#include "controller/config/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/config/support.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, takes_units_largest_first_each_once) {
  const std::pair<const char*, Duration> cases[] = {
      {"90s", 90s},     {"5m", 5min},
      {"1h30m", 90min}, {"250ms", 250ms},
      {"2d", 48h},      {"1d2h3m4s5ms", 26h + 3min + 4s + 5ms},
      {"0s", 0s},       {"36500d", 36500 * 24h},
  };
  for (const auto& [text, expected] : cases) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(*parsed, expected) << text;
    EXPECT_EQ(*parse_duration(format_duration(expected)), expected) << "and back";
  }
}

TEST(ParseDuration, refuses_everything_else) {
  for (const char* text : {"", "5", "0", "-5s", "+5s", "5 s", " 5s", "5s ", "s", "5x", "5S", "1m1h", "1s1s", "1.5h", "5sm", "1e3s",
                           "36500d1ms", "99999999999999999999s", "9223372036854775807ms"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
  EXPECT_EQ(parse_duration("15").error().hint, "add a unit to the number");
}

TEST(ParsePortion, takes_servers_and_percentages) {
  EXPECT_EQ(*parse_portion("0"), (Portion{0, false}));
  EXPECT_EQ(*parse_portion("100000"), (Portion{100'000, false}));
  EXPECT_EQ(*parse_portion("0%"), (Portion{0, true}));
  EXPECT_EQ(*parse_portion("12.5%"), (Portion{12.5, true}));
  EXPECT_EQ(*parse_portion("100%"), (Portion{100, true}));
  for (const char* text : {"", "%", "-1", "+1", "1.5", "0.25", "1e1", "1e1%", "-5%", "100.1%", "100001", "5 %", "5%%", "inf",
                           "nan%", "99999999999999999999", ".", ".%"}) {
    EXPECT_FALSE(parse_portion(text).has_value()) << text;
  }
}

TEST(ParsePercent, takes_what_lies_between_none_and_all) {
  EXPECT_EQ(*parse_percent("5%"), 5);
  EXPECT_EQ(*parse_percent("0.1%"), 0.1);
  EXPECT_EQ(*parse_percent("99.9%"), 99.9);
  for (const char* text : {"", "%", "5", "0%", "0.0%", "100%", "-5%", "+5%", "1e1%", "5 %", "5%%", "nan%", "inf%"}) {
    EXPECT_FALSE(parse_percent(text).has_value()) << text;
  }
  EXPECT_EQ(parse_percent("5").error().hint, "add the % to the number");
}

TEST(ParseVersion, takes_what_a_version_may_be) {
  EXPECT_EQ(*parse_version("v1.2-rc+3"), "v1.2-rc+3");
  const auto refused = parse_version("v1 or v2");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().expected, "expected a letter or digit, then letters, digits and . _ - + : / @, at most 128 characters");
}

TEST(ParseCommand, splits_words_as_a_shell_does) {
  using testing::ElementsAre;
  EXPECT_THAT(*parse_command("nginx -t"), ElementsAre("nginx", "-t"));
  EXPECT_THAT(*parse_command("  a\t b\n c "), ElementsAre("a", "b", "c"));
  EXPECT_THAT(*parse_command("sh -c 'exit 3; \"x\"'"), ElementsAre("sh", "-c", "exit 3; \"x\""));
  EXPECT_THAT(*parse_command(R"(a "b \" \\ \n $c" d\ e '' f"g"'h')"), ElementsAre("a", "b \" \\ \\n $c", "d e", "", "fgh"));
  EXPECT_THAT(*parse_command("{port} $HOME *.txt ~"), ElementsAre("{port}", "$HOME", "*.txt", "~"));
}

TEST(ParseCommand, refuses_what_only_a_shell_could_run_and_what_has_no_end) {
  for (const char* text : {"", "  ", "a | b", "a && b", "a; b", "a > b", "a < b", "a 'b", "a \"b", "a \\"}) {
    EXPECT_FALSE(parse_command(text).has_value()) << text;
  }
}

TEST(ParseListen, splits_host_and_port) {
  EXPECT_EQ(*parse_listen("127.0.0.1:8600"), (Listen{"127.0.0.1", 8600}));
  EXPECT_EQ(*parse_listen("localhost:1"), (Listen{"localhost", 1}));
  for (const char* text :
       {"", ":", "8600", "localhost", ":8600", "a:", "a:-1", "a:65536", "a:b", "::1:80", "[::1]", "[::1]:80", "a:0", "a/b:80"}) {
    EXPECT_FALSE(parse_listen(text).has_value()) << text;
  }
}

TEST(Nearest, finds_slips_and_not_other_words) {
  const std::vector<std::string_view> known = {"interval", "warm_up", "scale_out", "scale_in", "min", "max"};
  EXPECT_EQ(nearest("intervall", known), "interval");
  EXPECT_EQ(nearest("warm-up", known), "warm_up");
  EXPECT_EQ(nearest("WarmUp", known), "warm_up");
  EXPECT_EQ(nearest("scaleIn", known), "scale_in");
  EXPECT_EQ(nearest("mim", known), "min");
  EXPECT_EQ(nearest("colour", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(10'000, 'x'), known), "");
}

TEST(Substitute, replaces_each_variable_once) {
  const Environment environment = test_environment();
  EXPECT_EQ(*substitute("a ${NAME} b ${COUNT}", environment), "a app b 7");
  EXPECT_EQ(*substitute("$${NAME} $$ $ {NAME} $NAME", environment), "${NAME} $$ $ {NAME} $NAME");
  EXPECT_EQ(*substitute("${DOLLAR}", environment), "${NAME}") << "a value is not looked into";
  EXPECT_EQ(substitute("${NOBODY}", environment).error(), "the environment variable NOBODY is not set");
  for (const char* text : {"${", "${}", "${1A}", "${A B}", "${A", "${A:-b}"}) EXPECT_FALSE(substitute(text, environment)) << text;
}

TEST(ParseNumbers, know_no_other_spelling) {
  EXPECT_EQ(*parse_integer("-7"), -7);
  EXPECT_EQ(*parse_number("1e3"), 1000);
  EXPECT_EQ(*parse_number("-.5"), -0.5);
  for (const char* text : {"", "+1", "1.0", "0x10", "1_000", " 1", "1 ", "2147483648", "99999999999999999999"}) {
    EXPECT_FALSE(parse_integer(text).has_value()) << text;
  }
  for (const char* text : {"", "+1", "nan", "inf", "-inf", "1e999", "1,5", "0x10"})
    EXPECT_FALSE(parse_number(text).has_value()) << text;
}

}  // namespace
}  // namespace weir
