#include "controller/render/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

using namespace std::chrono_literals;

template <typename T>
std::string written(const T& value) {
  std::string text;
  JsonWriter out(text);
  out.value(value);
  return text;
}

TEST(JsonWriter, separates_members_and_elements_with_commas) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("a", 1);
  out.key("b");
  out.begin_array();
  out.begin_object();
  out.end_object();
  out.value(true);
  out.null();
  out.end_array();
  out.field("c", std::optional<int>{});
  out.field_if("d", std::string());
  out.field_if("e", 0);
  out.field("f", "x");
  out.end_object();
  EXPECT_EQ(text, R"({"a":1,"b":[{},true,null],"c":null,"f":"x"})");
}

TEST(JsonWriter, escapes_what_json_must_not_contain) {
  EXPECT_EQ(written("a\"b\\c\nd\te\rf\x01g\x7f"), R"("a\"b\\c\nd\te\rf\u0001g\u007f")");
  EXPECT_EQ(written(std::string("a\0b", 3)), R"("a\u0000b")");
}

TEST(JsonWriter, keeps_utf_8_and_replaces_what_is_not) {
  const std::string good = "\u00e9\u20ac\U0001F600";
  EXPECT_EQ(written(good), "\"" + good + "\"");
  const std::string replaced = "\xEF\xBF\xBD";
  const std::string bad[] = {"\x80", "\xC0\x80", "\xE2\x82", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF"};
  for (const std::string& text : bad) {
    const auto parsed = nlohmann::json::parse(written("a" + text + "b")).get<std::string>();
    EXPECT_EQ(parsed.substr(0, 1 + replaced.size()), "a" + replaced) << text.size();
    EXPECT_EQ(parsed.back(), 'b');
  }
}

TEST(JsonWriter, writes_the_shortest_number_that_reads_back_the_same) {
  EXPECT_EQ(written(0.1), "0.1");
  EXPECT_EQ(written(70.0), "70");
  EXPECT_EQ(written(-1e300), "-1e+300");
  EXPECT_EQ(written(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(written(std::nan("")), "null");
  EXPECT_EQ(written(std::numeric_limits<double>::infinity()), "null");
}

TEST(JsonWriter, writes_times_as_format_time_does_and_clamps_the_unwritable) {
  const TimePoint times[] = {TimePoint{}, TimePoint{1'772'357'400'250ms}, TimePoint{-1ms}, TimePoint{253'402'300'799'999ms}};
  for (const TimePoint time : times) EXPECT_EQ(written(time), "\"" + format_time(time) + "\"");
  EXPECT_EQ(written(TimePoint::max()), "\"9999-12-31T23:59:59.999Z\"");
  EXPECT_EQ(written(TimePoint::min()), "\"0000-01-01T00:00:00.000Z\"");
}

}  // namespace
}  // namespace weir
