#include "controller/import/writing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/config/values.h"
#include "controller/config/yaml.h"
#include "controller/import/metrics.h"

namespace weir {
namespace {

TEST(ImportWriting, a_text_is_read_back_as_it_was) {
  const std::string texts[] = {"cpu",   "true",   "on", "",     "1e3",        "-",  "a: b",   "it's",   "a # b",   "${HOME}",
                               "$${x}", "line\n", "\t", "'",    "\"quoted\"", "\\", "$",      "a${",    "{x}",     "~",
                               "[1]",   "*a",     "&a", "!tag", "%x",         "@x", "\u2028", "\u0085", "\uFEFFx", "grün"};
  const Environment nothing = {.variable = {}, .read_file = {}};
  for (const std::string& text : texts) {
    const auto root = parse_yaml("x: " + yaml_text(text) + "  # comment\n");
    ASSERT_TRUE(root) << text;
    EXPECT_EQ(substitute(find(*root, "x")->text, nothing), text);
  }
}

TEST(ImportWriting, a_comment_stays_one_line) {
  EXPECT_EQ(clean("a\nb\r\tc\u2028d\u0085e"), "a b  c d e");
  EXPECT_EQ(clean("\xff\xfe"), "??");
  const std::string endless(130, 'x');
  EXPECT_EQ(clean(endless).size(), 120 + std::string_view("…").size());
  // Not in the middle of a character.
  EXPECT_EQ(clean("aü", 2), "a…");
}

TEST(ImportWriting, names_of_groups_are_weirs) {
  std::set<std::string> taken;
  EXPECT_EQ(group_name("WebServerGroup", taken), "web-server-group");
  EXPECT_EQ(group_name("web_server.group", taken), "web-server-group-2");
  EXPECT_EQ(group_name("ASGTarget2Blue", taken), "asg-target2-blue");
  EXPECT_EQ(group_name("--Über--", taken), "ber");
  EXPECT_EQ(group_name("日本", taken), "group");
}

TEST(ImportWriting, long_names_are_cut_and_stay_different) {
  std::set<std::string> taken;
  const std::string endless(100, 'a');
  EXPECT_EQ(group_name(endless, taken).size(), 63U);
  const std::string second = group_name(endless, taken);
  EXPECT_EQ(second.size(), 63U);
  EXPECT_TRUE(second.ends_with("aaa-2")) << second;
}

TEST(ImportWriting, numbers_are_short_and_exact) {
  EXPECT_EQ(number_text(50), "50");
  EXPECT_EQ(number_text(0.75), "0.75");
  EXPECT_EQ(number_text(-0.0), "0");
  EXPECT_EQ(seconds_text(300), "5m");
  EXPECT_EQ(seconds_text(0), "0s");
}

TEST(ImportWriting, promql_is_quoted_and_named_as_promql_wants) {
  EXPECT_EQ(promql_text("a\"b\\c\nd"), "\"a\\\"b\\\\c\\x0ad\"");
  EXPECT_EQ(promql_name("nvidia.com/gpu"), "nvidia_com_gpu");
  EXPECT_EQ(promql_name("9lives"), "_9lives");
  EXPECT_EQ(snake_case("ApproximateNumberOfMessagesVisible"), "approximate_number_of_messages_visible");
  EXPECT_EQ(snake_case("AWS/SQS"), "aws_sqs");
  EXPECT_EQ(snake_case("CPUUtilization"), "cpu_utilization");
  EXPECT_EQ(literal_regex("/metrics.json"), "/metrics\\.json");
}

TEST(ImportMetrics, math_is_translated_only_if_it_is_arithmetic_of_known_metrics) {
  const std::map<std::string, std::string> queries = {{"m1", "sum(a)"}, {"m2", "sum(b)"}};
  EXPECT_EQ(translate_math("100*(m1 / m2)", queries), "100*((sum(a)) / (sum(b)))");
  EXPECT_EQ(translate_math("m1 + 0.5", queries), "(sum(a)) + 0.5");
  for (const char* no : {"", "m3", "SUM(METRICS())", "FILL(m1, 0)", "m1 > 5", "IF(m1, m2)", "\"x\""}) {
    EXPECT_EQ(translate_math(no, queries), std::nullopt) << no;
  }
  const std::string endless(5000, '(');
  EXPECT_EQ(translate_math(endless, queries), std::nullopt);
}

TEST(ImportMetrics, each_predefined_metric_has_a_suggestion) {
  for (const char* type : {"ASGAverageCPUUtilization", "ASGAverageNetworkIn", "ASGAverageNetworkOut", "ALBRequestCountPerTarget"}) {
    const auto suggestion = suggest_predefined(type, "web");
    ASSERT_TRUE(suggestion) << type;
    EXPECT_FALSE(suggestion->query.empty());
    EXPECT_EQ(suggestion->total, std::string_view(type).starts_with("ALB"));
  }
  EXPECT_FALSE(suggest_predefined("ECSServiceAverageCPUUtilization", "web"));
}

}  // namespace
}  // namespace weir
