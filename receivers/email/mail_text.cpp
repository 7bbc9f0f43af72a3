#include "receivers/email/mail_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "model/text.h"
#include "platform/base64.h"
#include "receivers/text.h"

namespace weir {
namespace {

constexpr std::size_t kLineBytes = 57;  // 76 characters of base64, the longest line there may be (RFC 2045, 6.8)
constexpr std::size_t kWordBytes = 42;  // an encoded word has at most 75 characters (RFC 2047, 2)
constexpr std::size_t kLongestSubject = 200;

std::string base64_lines(std::string_view bytes) {
  std::string lines;
  for (std::size_t i = 0; i < bytes.size(); i += kLineBytes) lines += base64(bytes.substr(i, kLineBytes)) + "\r\n";
  return lines;
}

bool is_plain_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

/// Characters stay whole: each encoded word is decoded by itself.
std::string encoded_words(std::string_view text) {
  std::string words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words += fmt::format("{}=?utf-8?B?{}?=", words.empty() ? "" : "\r\n ", base64(word));
    word.clear();
  };
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t step = std::max<std::size_t>(utf8_length(text.substr(i)), 1);
    if (word.size() + step > kWordBytes) end_word();
    word += text.substr(i, step);
    i += step;
  }
  end_word();
  return words;
}

std::string subject_of(const Message& message) {
  const std::string heading = quoted_line(heading_of(message), kLongestSubject);
  // Short enough for one line of a header, which none but the encoded words may fold.
  const bool plain = is_plain_ascii(heading) && !heading.contains("=?");
  return plain ? heading : encoded_words(heading);
}

std::string body_of(const Message& message) {
  std::string body;
  for (const Event& event : message.events) {
    body += fmt::format("{}  [{}] {}\n", format_time(event.at), state_of(event), line_of(event));
  }
  if (message.omitted > 0) body += fmt::format("and {} more: see the log of weir, or `weir history`\n", message.omitted);
  return body + fmt::format("\n-- \n{}\n", message.controller);
}

}  // namespace

std::string mail_date(TimePoint at) {
  static constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(at - day));
  return fmt::format("{}, {} {} {} {:02}:{:02}:{:02} +0000", kDays.at(std::chrono::weekday(day).c_encoding()),
                     static_cast<unsigned>(date.day()), kMonths.at(static_cast<unsigned>(date.month()) - 1),
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(), time.seconds().count());
}

std::string bare_address(std::string_view text) {
  const std::size_t open = text.find('<');
  std::string_view address = text;
  if (open != std::string_view::npos) {
    const std::size_t close = text.find('>', open);
    if (close != text.size() - 1) return {};
    address = text.substr(open + 1, close - open - 1);
    // What stands in front of it unquoted may not be mistaken for more addresses (RFC 5322, 3.2.3).
    if (text.substr(0, open).find_first_of("()<>[]:;@\\,\"") != std::string_view::npos) return {};
  }
  const std::size_t at = address.find('@');
  const bool whole = at != std::string_view::npos && at > 0 && at + 1 < address.size() && address.find('@', at + 1) == address.npos;
  const bool clean = address.find_first_of(" \t<>,;\"") == std::string_view::npos;
  return whole && clean && is_plain_ascii(text) ? std::string(address) : std::string();
}

std::string mail_text(const Message& message, const MailAddresses& addresses, std::string_view id) {
  const std::string sender = bare_address(addresses.from);
  std::string text;
  const auto header = [&](std::string_view name, std::string_view value) { text += fmt::format("{}: {}\r\n", name, value); };
  header("From", addresses.from);
  header("To", fmt::format("{}", fmt::join(addresses.to, ",\r\n ")));
  header("Subject", subject_of(message));
  header("Date", mail_date(message.at));
  header("Message-ID", fmt::format("<{}@{}>", id, sender.substr(sender.find('@') + 1)));
  // Away messages are not for a controller (RFC 3834).
  header("Auto-Submitted", "auto-generated");
  header("MIME-Version", "1.0");
  header("Content-Type", "text/plain; charset=utf-8");
  header("Content-Transfer-Encoding", "base64");
  return text + "\r\n" + base64_lines(body_of(message));
}

}  // namespace weir
