#include "controller/log/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weir {
namespace {

struct Case {
  const char* name;
  std::string value;
  const char* text;
};

class LogValues : public testing::TestWithParam<Case> {};

TEST_P(LogValues, text_quotes_only_what_would_be_misread) {
  EXPECT_EQ(log_line(Log::Format::text, "scale_out", {{"why", GetParam().value}}),
            std::string("event=scale_out why=") + GetParam().text);
}

TEST_P(LogValues, json_carries_the_value_unchanged) {
  const std::string line = "{" + log_line(Log::Format::json, "scale_out", {{"why", GetParam().value}}) + "}";
  const nlohmann::json parsed = nlohmann::json::parse(line, nullptr, false);
  ASSERT_TRUE(parsed.is_object()) << line;
  EXPECT_EQ(parsed["event"], "scale_out");
  EXPECT_EQ(parsed["why"], GetParam().value);
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Values, LogValues,
                         testing::Values(Case{"plain", "10.0.0.5:3000", "10.0.0.5:3000"}, Case{"empty", "", R"("")"},
                                         Case{"spaces", "two words", R"("two words")"}, Case{"equals", "a=b", R"("a=b")"},
                                         Case{"quote", R"(say "no")", R"("say \"no\"")"}, Case{"backslash", R"(a\b)", R"("a\\b")"},
                                         Case{"newline", "a\nb", R"("a\nb")"}, Case{"escape", "\x1b[31mred", R"("\u001b[31mred")"},
                                         Case{"korean", "서버", "\"서버\""}, Case{"braces", "{} %v", R"("{} %v")"}),
                         [](const auto& tested) { return tested.param.name; });

TEST(LogLine, bytes_that_are_not_utf8_are_replaced_rather_than_thrown_about) {
  const std::string line = "{" + log_line(Log::Format::json, "note", {{"text", "a\xff"}}) + "}";
  EXPECT_EQ(nlohmann::json::parse(line, nullptr, false)["text"], "a\xef\xbf\xbd");
}

std::string written(Log::Format format, Log::Level level) {
  testing::internal::CaptureStderr();
  Log(format).write(level, "note", {{"group", "app"}, {"text", "{} %v %%"}});
  return testing::internal::GetCapturedStderr();
}

TEST(Log, text_lines_carry_time_and_level) {
  EXPECT_THAT(written(Log::Format::text, Log::Level::warning),
              testing::MatchesRegex("[0-9-]+T[0-9:.]+Z warning event=note group=app text=\"\\{\\} %v %%\"\n"));
}

TEST(Log, json_lines_are_json_objects) {
  const nlohmann::json line = nlohmann::json::parse(written(Log::Format::json, Log::Level::error), nullptr, false);
  ASSERT_TRUE(line.is_object());
  EXPECT_EQ(line["level"], "error");
  EXPECT_EQ(line["event"], "note");
  EXPECT_EQ(line["text"], "{} %v %%");
  EXPECT_TRUE(line["time"].get<std::string>().ends_with("Z"));
}

}  // namespace
}  // namespace weir
