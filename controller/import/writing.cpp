#include "controller/import/writing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "controller/config/yaml.h"
#include "model/text.h"
#include "model/time.h"

namespace weir {
namespace {

constexpr std::size_t kLongestName = 63;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter_or_digit(char c) { return is_lower(c) || is_upper(c) || is_digit(c); }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }
char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

/// What YAML 1.1 takes for the end of a line though it is no control character, and the byte order mark.
constexpr std::string_view kBreaks[] = {"\u0085", "\u2028", "\u2029", "\uFEFF"};

void replace_breaks(std::string& text) {
  for (const std::string_view each : kBreaks) {
    for (std::size_t at = text.find(each); at != std::string::npos; at = text.find(each, at)) text.replace(at, each.size(), " ");
  }
}

bool is_plain(std::string_view text) {
  const auto allowed = [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.' || c == '/'; };
  const bool word = !text.empty() && (is_lower(text.front()) || is_upper(text.front())) && std::ranges::all_of(text, allowed);
  static constexpr std::string_view kOther[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  return word && std::ranges::find(kOther, std::string_view(snake_case(text))) == std::ranges::end(kOther);
}

/// Words are parted where a capital follows a small letter, or begins a word after capitals: ASGTarget -> asg-target.
bool begins_word(std::string_view text, std::size_t i) {
  if (i == 0 || !is_upper(text[i])) return false;
  const bool after_small = is_lower(text[i - 1]) || is_digit(text[i - 1]);
  const bool before_small = i + 1 < text.size() && is_lower(text[i + 1]) && is_upper(text[i - 1]);
  return after_small || before_small;
}

/// Lower-case words joined by `joint`, which also stands for everything that is no letter or digit.
std::string joined_words(std::string_view text, char joint) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool gap = !is_letter_or_digit(text[i]);
    const bool joined = result.empty() || result.back() == joint;
    if ((gap || begins_word(text, i)) && !joined) result += joint;
    if (!gap) result += lower(text[i]);
  }
  while (!result.empty() && result.back() == joint) result.pop_back();
  return result;
}

std::string unique(std::string name, std::set<std::string>& taken) {
  const std::string stem = name;
  for (int i = 2; !taken.insert(name).second; ++i) {
    const std::string number = fmt::format("-{}", i);
    name = stem.substr(0, kLongestName - number.size()) + number;
  }
  return name;
}

}  // namespace

std::string clean(std::string_view text, std::size_t longest) {
  std::string result(text.substr(0, longest));
  if (text.size() > longest) {
    while (!result.empty() && is_continuation(result.back())) result.pop_back();
    if (!result.empty() && static_cast<unsigned char>(result.back()) >= 0xC0U) result.pop_back();
    result += "…";
  }
  std::ranges::replace_if(result, is_control, ' ');
  if (!is_utf8(result)) std::ranges::replace_if(result, [](char c) { return static_cast<unsigned char>(c) >= 0x80U; }, '?');
  replace_breaks(result);
  return result;
}

std::string yaml_text(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string kept(text);
  for (std::size_t at = kept.find("${"); at != std::string::npos; at = kept.find("${", at + 3)) kept.insert(at, "$");
  const bool breaks = std::ranges::any_of(kBreaks, [&](std::string_view each) { return kept.contains(each); });
  const bool one_line = std::ranges::none_of(kept, is_control) && !breaks && is_utf8(kept);
  // JSON's quotes are YAML's double quotes.
  if (!one_line) return nlohmann::json(kept).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  for (std::size_t at = kept.find('\''); at != std::string::npos; at = kept.find('\'', at + 2)) kept.insert(at, "'");
  return "'" + kept + "'";
}

std::string number_text(double value) { return fmt::format("{}", value == 0 ? 0.0 : value); }

std::string seconds_text(double seconds) { return format_duration(Duration(std::llround(seconds * 1000))); }

std::string group_name(std::string_view text, std::set<std::string>& taken) {
  std::string name = joined_words(text.substr(0, 4 * kLongestName), '-').substr(0, kLongestName);
  if (name.empty()) name = "group";
  return unique(std::move(name), taken);
}

std::string policy_name(std::string_view text, std::set<std::string>& taken) {
  std::string name = joined_words(text.substr(0, 4 * kLongestName), '-').substr(0, kLongestName);
  if (name.empty()) name = "policy";
  return unique(std::move(name), taken);
}

std::string promql_text(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (is_control(c)) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string promql_name(std::string_view text) {
  std::string name(text.substr(0, 200));
  std::ranges::replace_if(name, [](char c) { return !is_letter_or_digit(c); }, '_');
  if (name.empty() || is_digit(name.front())) name.insert(0, "_");
  return name;
}

std::string snake_case(std::string_view text) { return joined_words(text, '_'); }

std::string literal_regex(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (std::string_view(".+*?()[]{}|^$\\").contains(c)) result += '\\';
    result += c;
  }
  return result;
}

}  // namespace weir
