#include "receivers/email/mail_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/receivers/support.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const MailAddresses kAddresses{.from = "weir <weir@example.com>", .to = {"ops@example.com", "Ann <ann@example.com>"}};

std::vector<std::string> lines_of_mail(const std::string& mail) {
  std::vector<std::string> lines;
  std::istringstream stream(mail);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(MailText, has_the_headers_a_mail_needs) {
  const std::string mail = mail_text(message_of({scaled_out()}), kAddresses, "id-1");
  EXPECT_THAT(mail, StartsWith("From: weir <weir@example.com>\r\n"
                               "To: ops@example.com,\r\n Ann <ann@example.com>\r\n"
                               "Subject: [info] app: scaled out from 2 to 4: votes: cpu-high wants 4\r\n"
                               "Date: Sun, 1 Mar 2026 09:30:30 +0000\r\n"
                               "Message-ID: <id-1@example.com>\r\n"
                               "Auto-Submitted: auto-generated\r\n"
                               "MIME-Version: 1.0\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Transfer-Encoding: base64\r\n\r\n"));
}

TEST(MailText, every_line_is_short_ascii_and_ends_as_lines_of_mail_do) {
  std::vector<Event> events(20, at_max());
  for (Event& event : events) event.summary = std::string(500, 'x').append("서버가 부족합니다");
  for (const std::string& line : lines_of_mail(mail_text(message_of(events), kAddresses, "id"))) {
    ASSERT_TRUE(line.ends_with('\r'));
    EXPECT_LE(line.size(), 79U) << line;
    EXPECT_TRUE(std::ranges::all_of(line, [](char c) { return c == '\r' || (c >= ' ' && c <= '~'); })) << line;
  }
}

TEST(MailText, a_subject_that_is_no_ascii_is_encoded_in_whole_characters) {
  Event event = scaled_out();
  event.summary = "서버가 부족합니다 서버가 부족합니다";
  const std::string mail = mail_text(message_of({event}), kAddresses, "id");
  EXPECT_THAT(mail, HasSubstr("Subject: =?utf-8?B?"));
  EXPECT_THAT(mail, HasSubstr("?=\r\n =?utf-8?B?"));
}

TEST(MailText, nothing_quoted_becomes_a_header) {
  Event event = scaled_out();
  event.summary = "x\r\nBcc: all@example.com\r\n\r\nbody";
  const std::string mail = mail_text(message_of({event}), kAddresses, "id");
  EXPECT_THAT(mail, testing::Not(HasSubstr("\nBcc:")));
}

TEST(MailAddress, is_taken_out_of_its_angles) {
  EXPECT_EQ(bare_address("weir@example.com"), "weir@example.com");
  EXPECT_EQ(bare_address("weir on call <weir@example.com>"), "weir@example.com");
  for (const char* wrong : {"", "weir", "@example.com", "weir@", "a b@example.com", "a@b@c", "x <a@b> y", "a@b\r\nBcc: c@d",
                            "a@b,c@d", "é@b", "Ops, Team <a@b>"})
    EXPECT_EQ(bare_address(wrong), "") << wrong;
}

TEST(MailDate, is_in_english_whatever_the_machine_speaks) { EXPECT_EQ(mail_date(TimePoint{}), "Thu, 1 Jan 1970 00:00:00 +0000"); }

}  // namespace
}  // namespace weir
