#include "balancers/unified_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir {
namespace {

constexpr std::size_t kContext = 3;
constexpr std::size_t kMaxCells = 4'000'000;  // of the table below; beyond that the whole middle is shown as replaced

struct Line {
  char mark = ' ';
  std::string_view text;
};

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

using Lines = std::span<const std::string_view>;

/// Longest common subsequence of what lies between the common beginning and end.
void add_middle(Lines before, Lines after, std::vector<Line>& script) {
  const std::size_t width = after.size() + 1;
  const bool too_large = (before.size() + 1) * width > kMaxCells;
  std::vector<std::uint32_t> longest(too_large ? 0 : (before.size() + 1) * width);
  for (std::size_t i = too_large ? 0 : before.size(); i-- > 0;) {
    for (std::size_t j = after.size(); j-- > 0;) {
      longest[i * width + j] = before[i] == after[j] ? longest[(i + 1) * width + j + 1] + 1
                                                     : std::max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while (!too_large && i < before.size() && j < after.size()) {
    if (before[i] == after[j]) {
      script.push_back({' ', before[i++]});
      ++j;
    } else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1]) {
      script.push_back({'-', before[i++]});
    } else {
      script.push_back({'+', after[j++]});
    }
  }
  while (i < before.size()) script.push_back({'-', before[i++]});
  while (j < after.size()) script.push_back({'+', after[j++]});
}

std::vector<Line> compare(Lines before, Lines after) {
  std::size_t head = 0;
  while (head < before.size() && head < after.size() && before[head] == after[head]) ++head;
  std::size_t tail = 0;
  while (tail < before.size() - head && tail < after.size() - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) {
    ++tail;
  }
  std::vector<Line> script;
  for (const std::string_view line : before.first(head)) script.push_back({' ', line});
  add_middle(before.subspan(head, before.size() - head - tail), after.subspan(head, after.size() - head - tail), script);
  for (const std::string_view line : before.last(tail)) script.push_back({' ', line});
  return script;
}

std::string range(std::size_t first, std::size_t count) {
  // diff's habit: an empty range names the line before it, and a count of one is left out.
  return count == 1 ? fmt::format("{}", first) : fmt::format("{},{}", count == 0 ? first - 1 : first, count);
}

std::string hunk(std::span<const Line> script, std::size_t old_line, std::size_t new_line) {
  const auto count = [&](char other) {
    return static_cast<std::size_t>(std::ranges::count_if(script, [other](const Line& line) { return line.mark != other; }));
  };
  std::string text = fmt::format("@@ -{} +{} @@\n", range(old_line, count('+')), range(new_line, count('-')));
  for (const Line& line : script) text += fmt::format("{}{}\n", line.mark, line.text);
  return text;
}

/// Where the hunk that begins with the change at `first` ends: changes with little between them share one.
std::size_t hunk_end(const std::vector<Line>& script, std::size_t first) {
  std::size_t last = first;
  for (std::size_t at = first; at < script.size() && at <= last + 2 * kContext; ++at) {
    if (script[at].mark != ' ') last = at;
  }
  return std::min(last + kContext + 1, script.size());
}

}  // namespace

std::string unified_diff(std::string_view name, std::string_view before, std::string_view after) {
  if (before == after) return {};
  const std::vector<std::string_view> old_lines = split_lines(before);
  const std::vector<std::string_view> new_lines = split_lines(after);
  const std::vector<Line> script = compare(old_lines, new_lines);
  std::string text = fmt::format("--- {0}\n+++ {0}\n", name);
  std::size_t old_line = 1;
  std::size_t new_line = 1;
  std::size_t done = 0;
  const auto skip_to = [&](std::size_t position) {
    for (; done < position; ++done) {
      if (script[done].mark != '+') ++old_line;
      if (script[done].mark != '-') ++new_line;
    }
  };
  for (std::size_t at = 0; at < script.size(); ++at) {
    if (script[at].mark == ' ') continue;
    skip_to(std::max(done, at - std::min(at, kContext)));
    const std::size_t end = hunk_end(script, at);
    text += hunk(std::span(script).subspan(done, end - done), old_line, new_line);
    skip_to(end);
    at = end - 1;
  }
  return text;
}

}  // namespace weir
