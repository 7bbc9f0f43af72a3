#include "controller/policy_test/notation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace weir {
namespace {

constexpr std::size_t kMostValues = 1'000'000;
constexpr std::string_view kBlanks = " \t\r\n";

/// Takes a number off the front, with a sign or without.
std::optional<double> take_number(std::string_view& rest) {
  const bool plus = rest.starts_with('+');
  if (plus && rest.substr(1).starts_with('-')) return std::nullopt;
  const char* const begin = rest.data() + (plus ? 1 : 0);
  double value = 0;
  const auto [end, error] = std::from_chars(begin, rest.data() + rest.size(), value);
  if (error != std::errc{}) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return value;
}

/// Takes `x3` off the front, which must be all of it.
std::optional<std::size_t> take_times(std::string_view& rest) {
  if (!rest.starts_with('x')) return std::nullopt;
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), count);
  if (error != std::errc{} || end != rest.data() + rest.size()) return std::nullopt;
  rest = {};
  return count;
}

/// One word: `a+bxn` is n + 1 values, `_xn` is n.
struct Item {
  std::optional<double> first;
  double step = 0;
  std::size_t count = 1;
};

std::optional<Item> parse_item(std::string_view word) {
  if (word == "_" || word == "stale") return Item{};
  if (word.starts_with('_')) {
    word.remove_prefix(1);
    const auto count = take_times(word);
    return count ? std::optional(Item{.first = {}, .count = *count}) : std::nullopt;
  }
  Item item;
  item.first = take_number(word);
  if (!item.first) return std::nullopt;
  if (word.empty()) return item;
  if (!word.starts_with('x')) {
    const auto step = take_number(word);
    if (!step) return std::nullopt;
    item.step = *step;
  }
  const auto times = take_times(word);
  if (!times || *times > kMostValues) return std::nullopt;
  item.count = *times + 1;
  return item;
}

}  // namespace

std::expected<SeriesValues, std::string> parse_series(std::string_view text) {
  SeriesValues values;
  while (true) {
    text.remove_prefix(std::min(text.size(), text.find_first_not_of(kBlanks)));
    if (text.empty()) return values;
    const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
    text.remove_prefix(word.size());
    const auto item = parse_item(word);
    if (!item) {
      return std::unexpected(
          fmt::format("expected values such as '5 7', '5x3', '5+1x3', '_', '_x3', 'stale', 'NaN' or 'Inf', found '{}'", word));
    }
    if (item->count > kMostValues - values.size()) return std::unexpected(fmt::format("expected at most {} values", kMostValues));
    for (std::size_t i = 0; i < item->count; ++i) {
      // 0 times infinity would be NaN.
      const double gone = item->step == 0 ? 0 : item->step * static_cast<double>(i);
      values.push_back(item->first ? std::optional(*item->first + gone) : std::nullopt);
    }
  }
}

}  // namespace weir
