#include "controller/render/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "controller/render/deploys.h"
#include "controller/render/orders.h"
#include "controller/render/report.h"
#include "controller/render/table.h"

namespace weir {
namespace {

using Glyphs = WatchView::Glyphs;

constexpr std::array<std::string_view, 8> kBlocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 8> kAscii{"_", ".", ":", "-", "=", "+", "*", "#"};

/// What a picture may take at most, and what it is worth at least.
constexpr std::size_t kWidest = 30;
constexpr std::size_t kNarrowest = 6;
/// Of the columns that are not pictures, roughly.
constexpr std::size_t kTheRest = 62;

std::size_t picture_width(const WatchView& view) {
  if (view.width <= 0) return kWidest;
  const auto width = static_cast<std::size_t>(view.width);
  return std::clamp((width - std::min(width, kTheRest)) / 3, kNarrowest, kWidest);
}

/// At most so many characters; what is cut off is not missed silently.
std::string cut(std::string text, int width, Glyphs glyphs) {
  if (width <= 0) return text;
  const std::string_view mark = glyphs == Glyphs::unicode ? "…" : "~";
  int characters = 0;
  std::size_t last = 0;
  for (std::size_t index = 0; index < text.size(); ++index) {
    if ((static_cast<unsigned char>(text[index]) & 0xC0U) == 0x80U) continue;
    if (characters == width - 1) last = index;
    if (++characters > width) return text.substr(0, last) + std::string(mark);
  }
  return text;
}

/// For a terminal that knows no other characters.
std::string in_ascii(const std::string& text) {
  std::string plain;
  for (std::size_t index = 0; index < text.size(); ++index) {
    const auto byte = static_cast<unsigned char>(text[index]);
    const bool arrow = text.compare(index, 3, "→") == 0;
    if (arrow) plain += "->";
    if (!arrow && byte >= 0xC0U) plain += '?';
    if (byte < 0x80U) plain += text[index];
  }
  return plain;
}

template <typename Get>
std::string picture(const WatchedGroup& group, const WatchView& view, Get get) {
  std::vector<std::optional<double>> values;
  for (const WatchedTurn& turn : group.turns) values.push_back(get(turn));
  return sparkline(values, picture_width(view), view.glyphs);
}

std::string beside(std::string picture, const std::string& number) {
  return picture.empty() ? number : fmt::format("{} {}", picture, number);
}

std::string load_cell(const WatchedGroup& group, const WatchView& view) {
  const std::optional<double> now = group.turns.empty() ? std::nullopt : group.turns.back().load;
  return beside(picture(group, view, [](const WatchedTurn& turn) { return turn.load; }), now ? fmt::format("{:.4g}", *now) : "-");
}

std::string desired_cell(const WatchedGroup& group, const WatchView& view) {
  const auto desired = [](const WatchedTurn& turn) { return std::optional<double>(turn.desired); };
  return beside(picture(group, view, desired), std::to_string(group.turns.back().desired));
}

std::string in_service_cell(const WatchedGroup& group, const WatchView& view) {
  const auto serving = [](const WatchedTurn& turn) { return std::optional<double>(turn.in_service); };
  return beside(picture(group, view, serving), std::to_string(group.turns.back().in_service));
}

/// "1 warming, 2 draining"
std::string phases_cell(const Record& record) {
  std::string text;
  for (const Phase phase : {Phase::pending, Phase::warming, Phase::draining, Phase::terminating}) {
    const int count = count_phase(record.servers, phase);
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, to_string(phase));
  }
  return text.empty() ? "-" : text;
}

std::string now_cell(const WatchedGroup& group, TimePoint now) {
  const Record& record = *group.last;
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() || part.empty() ? "" : "; ") + part; };
  add(printable(group.trouble));
  if (record.rollout) add("deploy: " + deploy_text(*record.rollout, record.servers, record.plan.decision.desired, now));
  for (const Order& order : record.orders) add("ordered: " + order_text(order));
  add(fmt::format("{} ago: {}", age_text(record.at, now), printable(turn_reason(record.plan))));
  return text;
}

std::vector<std::string> cells_of(const WatchedGroup& group, TimePoint now, const WatchView& view) {
  if (!group.last || group.turns.empty()) {
    return {group.name, "-", "-", "-", "-", group.trouble.empty() ? "no turn yet" : printable(group.trouble)};
  }
  return {group.name,
          load_cell(group, view),
          desired_cell(group, view),
          in_service_cell(group, view),
          phases_cell(*group.last),
          now_cell(group, now)};
}

std::string cut_lines(const std::string& text, const WatchView& view) {
  std::string all;
  bool heading = true;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = cut(text.substr(begin, end - begin), view.width, view.glyphs);
    const bool dim = std::exchange(heading, false) && view.colour == Colour::on;
    all += (dim ? "\x1b[2m" + line + "\x1b[0m" : line) + "\n";
    begin = end + 1;
  }
  return all;
}

}  // namespace

WatchedTurn watched_turn(const Record& record) {
  const Decision& decision = record.plan.decision;
  const auto vote = std::ranges::find_if(decision.votes, [](const Vote& one) { return one.value.has_value(); });
  return {.load = vote == decision.votes.end() ? std::nullopt : vote->value,
          .desired = decision.desired,
          .in_service = count_phase(record.servers, Phase::in_service)};
}

std::string sparkline(std::span<const std::optional<double>> values, std::size_t most, Glyphs glyphs) {
  if (values.size() > most) values = values.last(most);
  double least = 0;
  double largest = 0;
  bool any = false;
  for (const auto& value : values) {
    if (!value) continue;
    least = any ? std::min(least, *value) : *value;
    largest = any ? std::max(largest, *value) : *value;
    any = true;
  }
  if (!any) return {};
  const auto& levels = glyphs == Glyphs::unicode ? kBlocks : kAscii;
  const double span = largest - least;
  std::string text;
  for (const auto& value : values) {
    const double share = span > 0 && value ? (*value - least) / span : 0;
    const auto level = std::min(static_cast<std::size_t>(share * static_cast<double>(levels.size())), levels.size() - 1);
    text += value ? levels[level] : " ";
  }
  return text;
}

std::string watch_text(std::span<const WatchedGroup> groups, TimePoint now, const WatchView& view) {
  if (groups.empty()) return "no groups\n";
  std::size_t shown = groups.size();
  // The heading, and the line that says what is left out.
  const auto lines = static_cast<std::size_t>(std::max(view.height, 0));
  if (lines > 0 && shown + 1 > lines) shown = std::max<std::size_t>(lines, 3) - 2;
  Table table({"GROUP", "LOAD", "DESIRED", "IN_SERVICE", "OTHERS", "NOW"});
  for (const WatchedGroup& group : groups.first(std::min(shown, groups.size()))) table.add(cells_of(group, now, view));
  const std::string whole = table.text("", "", "");
  std::string text = cut_lines(view.glyphs == Glyphs::ascii ? in_ascii(whole) : whole, view);
  if (shown < groups.size()) text += fmt::format("and {} more groups\n", groups.size() - shown);
  return text;
}

}  // namespace weir
