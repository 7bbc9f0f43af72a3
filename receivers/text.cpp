#include "receivers/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "model/text.h"

namespace weir {
namespace {

constexpr std::string_view kEllipsis = "…";

bool is_over(const Event& event) { return event.stage == Event::Stage::ended; }

std::string whole_seconds(Duration span) {
  return format_duration(std::chrono::floor<std::chrono::seconds>(std::max(span, Duration{0})));
}

}  // namespace

std::string_view state_of(const Event& event) { return is_over(event) ? "over" : to_string(event.severity); }

std::string line_of(const Event& event) {
  const std::string who = event.group.empty() ? "" : event.group + ": ";
  const std::string lasted = is_over(event) ? fmt::format("over after {}: ", whole_seconds(event.at - event.since)) : "";
  return who + lasted + event.summary;
}

std::string heading_of(const Message& message) {
  const Event& first = message.events.front();
  const std::size_t all = message.events.size() + static_cast<std::size_t>(message.omitted);
  if (all == 1) return fmt::format("[{}] {}", state_of(first), line_of(first));
  const bool one_group = std::ranges::all_of(message.events, [&](const Event& event) { return event.group == first.group; });
  const std::string_view status = status_of(message);
  return fmt::format("[{}] {}{} events", status == "problem" ? to_string(severity_of(message)) : status,
                     one_group && !first.group.empty() ? first.group + ": " : "", all);
}

std::vector<std::string> lines_of(const Message& message) {
  std::vector<std::string> lines;
  for (const Event& event : message.events) lines.push_back(fmt::format("[{}] {}", state_of(event), line_of(event)));
  if (message.omitted > 0) lines.push_back(fmt::format("and {} more: see the log of weir, or `weir history`", message.omitted));
  return lines;
}

Severity severity_of(const Message& message) {
  Severity gravest = Severity::info;
  for (const Event& event : message.events) {
    if (!is_over(event)) gravest = std::max(gravest, event.severity);
  }
  return gravest;
}

std::string_view status_of(const Message& message) {
  if (severity_of(message) > Severity::info) return "problem";
  return std::ranges::all_of(message.events, is_over) ? "over" : "info";
}

std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  if (most < kEllipsis.size()) return {};
  std::size_t taken = 0;
  while (taken < text.size()) {
    const std::size_t step = std::max<std::size_t>(utf8_length(text.substr(taken)), 1);
    if (taken + step > most - kEllipsis.size()) break;
    taken += step;
  }
  return std::string(text.substr(0, taken)) + std::string(kEllipsis);
}

}  // namespace weir
