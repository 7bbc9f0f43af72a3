#include "model/text.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

TEST(Utf8, is_what_rfc_3629_says) {
  for (const char* good : {"", "a", "é", "€", "😀", "한국어", "\x7F"}) EXPECT_TRUE(is_utf8(good)) << good;
  const std::string bad[] = {"\x80",
                             "a\xFF",
                             "\xC0\xAF",
                             "\xC3",
                             "\xE0\x80\x80",
                             "\xED\xA0\x80",
                             "\xE2\x82",
                             "\xF0\x80\x80\x80",
                             "\xF4\x90\x80\x80",
                             "\xF5\x80\x80\x80"};
  for (const std::string& text : bad) EXPECT_FALSE(is_utf8(text)) << text;
}

TEST(Utf8, of_nothing_no_sequence_is_at_the_front) { EXPECT_EQ(utf8_length(""), 0U); }

TEST(QuotedLine, is_one_line_of_text_whatever_came) {
  EXPECT_EQ(quoted_line("no such\ttable\r\n", 100), "no such table");
  EXPECT_EQ(quoted_line("a\x1B[31mb\x7F"
                        "c",
                        100),
            "a [31mb c");
  EXPECT_EQ(quoted_line("a\xFF\xC3(", 100), "a\xEF\xBF\xBD\xEF\xBF\xBD(");
  EXPECT_EQ(quoted_line("", 100), "");
}

TEST(QuotedLine, is_not_cut_within_a_character) {
  EXPECT_EQ(quoted_line("abc", 3), "abc");
  EXPECT_EQ(quoted_line("abcd", 3), "abc…");
  EXPECT_EQ(quoted_line("ab€", 4), "ab…");
  EXPECT_EQ(quoted_line("ab€", 5), "ab€");
}

}  // namespace
}  // namespace weir
