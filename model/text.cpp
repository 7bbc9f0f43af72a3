#include "model/text.h"

#include <algorithm>

namespace weir {
namespace {

bool is_control(char character) {
  const auto byte = static_cast<unsigned char>(character);
  return byte < 0x20 || byte == 0x7F;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  const auto byte = [text](std::size_t index) { return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U; };
  const auto tail = [&](std::size_t index, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(index) >= low && byte(index) <= high;
  };
  if (text.empty()) return 0;
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (lead >= 0xE0 && lead <= 0xEF) return tail(1, low, high) && tail(2) ? 3 : 0;
  if (lead >= 0xF0 && lead <= 0xF4) return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
  return 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string quoted_line(std::string_view text, std::size_t longest) {
  std::string line;
  std::size_t taken = 0;
  while (taken < text.size()) {
    const std::size_t length = utf8_length(text.substr(taken));
    const std::size_t step = length == 0 ? 1 : length;
    if (taken + step > longest) break;
    if (length == 0) {
      line += "\xEF\xBF\xBD";
    } else if (is_control(text[taken])) {
      line += ' ';
    } else {
      line += text.substr(taken, length);
    }
    taken += step;
  }
  while (line.ends_with(' ')) line.pop_back();
  return taken < text.size() ? line + "…" : line;
}

std::string filled(const std::string& text, const std::map<std::string, std::string>& values) {
  std::string result;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t open = std::min(text.find('{', begin), text.size());
    result += text.substr(begin, open - begin);
    const std::size_t close = text.find('}', open);
    const auto value = close == std::string::npos ? values.end() : values.find(text.substr(open + 1, close - open - 1));
    if (value != values.end()) result += value->second;
    if (value == values.end() && open < text.size()) result += '{';
    begin = value == values.end() ? open + 1 : close + 1;
  }
  return result;
}

}  // namespace weir
