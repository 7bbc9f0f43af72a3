#include "controller/render/json_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "model/text.h"

namespace weir {
namespace {

bool plain(char character) {
  const auto byte = static_cast<unsigned char>(character);
  return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

void append_escaped(std::string& out, char character) {
  constexpr std::string_view hex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(character);
  switch (character) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\r':
      out += "\\r";
      return;
    default:
      out += "\\u00";
      out += hex[byte >> 4U];
      out += hex[byte & 15U];
  }
}

/// One character that is not plain: escaped, copied, or replaced. Returns how many bytes of `text` it took.
std::size_t append_special(std::string& out, std::string_view text) {
  const auto byte = static_cast<unsigned char>(text[0]);
  if (byte < 0x20 || byte == 0x7F || byte == '"' || byte == '\\') {
    append_escaped(out, text[0]);
    return 1;
  }
  const std::size_t length = utf8_length(text);
  if (length == 0) {
    out += "\xEF\xBF\xBD";
    return 1;
  }
  out += text.substr(0, length);
  return length;
}

template <std::size_t Digits>
void put_digits(char* place, unsigned number) {
  for (std::size_t index = Digits; index-- > 0; number /= 10) place[index] = static_cast<char>('0' + number % 10);
}

}  // namespace

void JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  comma_ = false;
}

void JsonWriter::close(char bracket) {
  out_ += bracket;
  comma_ = true;
}

void JsonWriter::key(std::string_view name) {
  if (comma_) out_ += ',';
  out_ += '"';
  out_ += name;
  out_ += "\":";
  comma_ = false;
}

void JsonWriter::value(std::string_view text) {
  separate();
  out_ += '"';
  while (!text.empty()) {
    const auto run = static_cast<std::size_t>(std::ranges::find_if_not(text, plain) - text.begin());
    out_ += text.substr(0, run);
    text.remove_prefix(run);
    if (!text.empty()) text.remove_prefix(append_special(out_, text));
  }
  out_ += '"';
}

void JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  separate();
  std::array<char, 32> text{};
  out_.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr);
}

void JsonWriter::value(TimePoint time) {
  using namespace std::chrono;
  constexpr TimePoint first = sys_days{year{0} / 1 / 1};
  constexpr TimePoint last = TimePoint{sys_days{year{10000} / 1 / 1}} - milliseconds{1};
  const TimePoint clamped = std::clamp(time, first, last);
  const auto day = floor<days>(clamped);
  const year_month_day date{day};
  const auto rest = static_cast<unsigned>((clamped - day).count());
  std::array<char, 27> text{"\"0000-00-00T00:00:00.000Z\""};
  put_digits<4>(&text[1], static_cast<unsigned>(static_cast<int>(date.year())));
  put_digits<2>(&text[6], static_cast<unsigned>(date.month()));
  put_digits<2>(&text[9], static_cast<unsigned>(date.day()));
  put_digits<2>(&text[12], rest / 3'600'000);
  put_digits<2>(&text[15], rest / 60'000 % 60);
  put_digits<2>(&text[18], rest / 1000 % 60);
  put_digits<3>(&text[21], rest % 1000);
  raw({text.data(), 26});
}

void JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
}

void JsonWriter::signed_number(long long number) {
  separate();
  std::array<char, 24> text{};
  out_.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr);
}

void JsonWriter::unsigned_number(unsigned long long number) {
  separate();
  std::array<char, 24> text{};
  out_.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr);
}

}  // namespace weir
