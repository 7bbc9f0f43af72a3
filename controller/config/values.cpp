#include "controller/config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "model/limits.h"
#include "model/version.h"

namespace weir {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
constexpr Unit kUnits[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};
constexpr std::int64_t kLongest = 36'500LL * 86'400'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The whole text as a number; from_chars knows no locale, no blanks and no leading plus.
template <typename T>
std::optional<T> whole(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A number of digits and perhaps a point.
std::optional<double> unsigned_number(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '.'; });
  return plain ? whole<double>(text) : std::nullopt;
}

/// Takes the leading characters that satisfy the predicate off the text.
template <typename Predicate>
std::string_view take_while(std::string_view& text, Predicate predicate) {
  const auto end = std::ranges::find_if_not(text, predicate);
  const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

/// Levenshtein distance of two short words.
std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t substituted = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string folded(std::string_view word) {
  std::string result;
  for (const char c : word) result += c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

/// One pass over a command's characters.
class WordSplitter {
 public:
  explicit WordSplitter(std::string_view text) : text_(text) {}

  Parsed<std::vector<std::string>> split() {
    while (at_ < text_.size()) {
      if (!step(text_[at_++])) return std::unexpected(error_);
    }
    end_word();
    if (words_.empty()) return std::unexpected(Mismatch{"expected a command"});
    return std::move(words_);
  }

 private:
  bool step(char c) {
    switch (c) {
      case ' ':
      case '\t':
      case '\n':
      case '\r':
        end_word();
        return true;
      case '\'':
        return single_quoted();
      case '"':
        return double_quoted();
      case '\\':
        return escaped();
      case '|':
      case '&':
      case ';':
      case '<':
      case '>':
        error_ = {"expected a command", fmt::format("no shell runs it, so quote the {} or write [sh, -c, \"…\"]", c)};
        return false;
      default:
        add(c);
        return true;
    }
  }

  bool single_quoted() {
    in_word_ = true;
    const auto end = text_.find('\'', at_);
    if (end == std::string_view::npos) return unterminated("'");
    word_ += text_.substr(at_, end - at_);
    at_ = end + 1;
    return true;
  }

  bool double_quoted() {
    in_word_ = true;
    while (at_ < text_.size()) {
      char c = text_[at_++];
      if (c == '"') return true;
      const bool escapes = c == '\\' && at_ < text_.size() && std::string_view("\"\\$`").contains(text_[at_]);
      if (escapes) c = text_[at_++];
      word_ += c;
    }
    return unterminated("\"");
  }

  bool escaped() {
    if (at_ == text_.size()) return unterminated("\\");
    add(text_[at_++]);
    return true;
  }

  bool unterminated(std::string_view what) {
    error_ = {"expected a command", fmt::format("the {} has no end", what)};
    return false;
  }

  void add(char c) {
    in_word_ = true;
    word_ += c;
  }

  void end_word() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool in_word_ = false;
  std::string word_;
  std::vector<std::string> words_;
  Mismatch error_;
};

}  // namespace

Parsed<Duration> parse_duration(std::string_view text) {
  const Mismatch expected{"expected a duration such as 90s, 5m, 1h30m or 250ms"};
  if (whole<double>(text)) return std::unexpected(Mismatch{expected.expected, "add a unit to the number"});
  std::string_view rest = text;
  std::size_t next_unit = 0;
  std::int64_t sum = 0;
  do {
    const auto count = whole<std::int64_t>(take_while(rest, is_digit));
    const std::string_view name = take_while(rest, is_letter);
    const auto* unit =
        std::find_if(std::begin(kUnits) + next_unit, std::end(kUnits), [&](const Unit& u) { return u.name == name; });
    if (!count || unit == std::end(kUnits)) return std::unexpected(expected);
    if (*count > (kLongest - sum) / unit->milliseconds)
      return std::unexpected(Mismatch{"expected a duration of at most 100 years"});
    sum += *count * unit->milliseconds;
    next_unit = static_cast<std::size_t>(unit - std::begin(kUnits)) + 1;
  } while (!rest.empty());
  return Duration{sum};
}

Parsed<std::int64_t> parse_integer(std::string_view text) {
  const auto value = whole<std::int64_t>(text);
  if (!value) return std::unexpected(Mismatch{"expected a whole number"});
  if (!std::in_range<std::int32_t>(*value)) return std::unexpected(Mismatch{"expected a whole number of at most 9 digits"});
  return *value;
}

Parsed<double> parse_number(std::string_view text) {
  const auto value = whole<double>(text);
  if (!value || !std::isfinite(*value)) return std::unexpected(Mismatch{"expected a finite number"});
  return *value;
}

Parsed<bool> parse_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::unexpected(Mismatch{"expected true or false"});
}

Parsed<Change> parse_change(std::string_view text) {
  const Mismatch expected{R"(expected a change: +N, -N, "+N%", "-N%" or "=N")"};
  if (text.empty() || !std::string_view("+-=").contains(text.front())) return std::unexpected(expected);
  const char sign = text.front();
  std::string_view digits = text.substr(1);
  const bool percent = digits.ends_with('%');
  if (percent) digits.remove_suffix(1);
  if (digits.empty() || !is_digit(digits.front())) return std::unexpected(expected);
  if (percent && sign == '=') return std::unexpected(expected);
  const auto servers = percent ? std::nullopt : whole<std::int32_t>(digits);
  const auto share = percent ? whole<double>(digits) : std::nullopt;
  if (!servers && !share) return std::unexpected(expected);
  const double amount = servers ? *servers : *share;
  if (sign == '=') return Change{Change::Kind::to_exactly, amount};
  if (amount == 0) return std::unexpected(Mismatch{"expected a change other than zero"});
  if (amount > 1e6 || (percent && sign == '-' && amount > 100))
    return std::unexpected(Mismatch{"expected a change that a fleet can make"});
  return Change{percent ? Change::Kind::by_percent : Change::Kind::by_servers, sign == '-' ? -amount : amount};
}

Parsed<Portion> parse_portion(std::string_view text) {
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const auto amount = unsigned_number(text);
  const bool whole_servers = percent || whole<std::int64_t>(text);
  if (!amount || !whole_servers) {
    return std::unexpected(Mismatch{R"(expected a whole number of servers or a percentage such as "25%")"});
  }
  if (percent && *amount > 100) return std::unexpected(Mismatch{"expected at most 100%"});
  if (*amount > kMostServers) return std::unexpected(Mismatch{fmt::format("expected at most {} servers", kMostServers)});
  return Portion{.amount = *amount, .percent = percent};
}

Parsed<double> parse_percent(std::string_view text) {
  const Mismatch expected{R"(expected a percentage such as "25%")"};
  if (unsigned_number(text)) return std::unexpected(Mismatch{expected.expected, "add the % to the number"});
  if (!text.ends_with('%')) return std::unexpected(expected);
  text.remove_suffix(1);
  const auto amount = unsigned_number(text);
  if (!amount) return std::unexpected(expected);
  if (*amount <= 0 || *amount >= 100) return std::unexpected(Mismatch{"expected more than 0% and less than 100%"});
  return *amount;
}

Parsed<std::string> parse_version(std::string_view text) {
  if (check_version(text)) return std::string(text);
  return std::unexpected(Mismatch{fmt::format("expected {}", kVersionForm)});
}

Parsed<std::vector<std::string>> parse_command(std::string_view text) { return WordSplitter(text).split(); }

Parsed<Listen> parse_listen(std::string_view text) {
  const Mismatch expected{"expected HOST:PORT with a name or an IPv4 address, such as 127.0.0.1:8600"};
  const auto colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) return std::unexpected(expected);
  const auto port = whole<std::int32_t>(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65'535) return std::unexpected(expected);
  if (text.substr(0, colon).find_first_of("/@?#[] ") != std::string_view::npos) return std::unexpected(expected);
  return Listen{std::string(text.substr(0, colon)), *port};
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known) {
  constexpr std::size_t kLongestWord = 64;
  if (word.size() > kLongestWord) return {};
  std::string_view best;
  // Half of a short word changed is another word.
  std::size_t best_distance = std::max<std::size_t>(1, std::min<std::size_t>(3, word.size() / 2)) + 1;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(folded(word), folded(candidate));
    if (distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

std::expected<std::string, std::string> substitute(std::string_view text, const Environment& environment) {
  std::string result;
  for (;;) {
    const auto at = text.find("${");
    if (at == std::string_view::npos) return result.append(text);
    const bool escaped = at > 0 && text[at - 1] == '$';
    if (escaped) {
      result.append(text.substr(0, at - 1)).append("${");
      text.remove_prefix(at + 2);
      continue;
    }
    result.append(text.substr(0, at));
    text.remove_prefix(at + 2);
    const std::string name(take_while(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; }));
    if (name.empty() || is_digit(name.front()) || !text.starts_with('}')) {
      return std::unexpected("expected ${NAME} with letters, digits and '_' (write $${ for a plain ${)");
    }
    text.remove_prefix(1);
    const auto value = environment.variable ? environment.variable(name) : std::nullopt;
    if (!value) return std::unexpected(fmt::format("the environment variable {} is not set", name));
    result.append(*value);
  }
}

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

}  // namespace weir
