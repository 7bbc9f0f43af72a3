#include "receivers/webhook/body.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "model/text.h"
#include "receivers/text.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// As it stands between the quotes of a JSON string.
std::string inside(const std::string& text) {
  const std::string quoted = dumped(Json(text));
  return quoted.substr(1, quoted.size() - 2);
}

Json json_of(const Event& event) {
  Json json = {{"event", to_string(event.kind)},  {"severity", to_string(event.severity)},
               {"stage", to_string(event.stage)}, {"group", event.group},
               {"subject", event.subject},        {"summary", event.summary},
               {"at", format_time(event.at)}};
  if (event.stage != Event::Stage::happened) json["since"] = format_time(event.since);
  if (!event.touches.empty()) json["touches"] = event.touches;
  return json;
}

Json events_json(const Message& message) {
  Json events = Json::array();
  for (const Event& event : message.events) events.push_back(json_of(event));
  return events;
}

std::string text_of(const Message& message) { return fmt::format("{}", fmt::join(lines_of(message), "\n")); }

std::map<std::string, std::string> values_of(const Message& message) {
  const Event& first = message.events.front();
  const bool one_group = std::ranges::all_of(message.events, [&](const Event& event) { return event.group == first.group; });
  const bool one_kind = std::ranges::all_of(message.events, [&](const Event& event) { return event.kind == first.kind; });
  const std::size_t count = message.events.size() + static_cast<std::size_t>(message.omitted);
  return {{"title", inside(heading_of(message))},
          {"text", inside(text_of(message))},
          {"status", inside(std::string(status_of(message)))},
          {"severity", inside(std::string(to_string(severity_of(message))))},
          {"controller", inside(message.controller)},
          {"at", inside(format_time(message.at))},
          {"group", inside(one_group ? first.group : "")},
          {"event", one_kind ? std::string(to_string(first.kind)) : ""},
          {"count", std::to_string(count)},
          {"events", dumped(events_json(message))}};
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

/// The first {name} that there is not; empty: none.
std::string unknown_name(const std::string& body, const std::map<std::string, std::string>& values) {
  for (std::size_t open = body.find('{'); open != std::string::npos; open = body.find('{', open + 1)) {
    const std::size_t close = body.find('}', open);
    if (close == std::string::npos) return {};
    const std::string name = body.substr(open + 1, close - open - 1);
    if (is_name(name) && !values.contains(name)) return name;
  }
  return {};
}

}  // namespace

std::string webhook_body(const Message& message) {
  return dumped({{"version", 1},
                 {"controller", message.controller},
                 {"at", format_time(message.at)},
                 {"status", status_of(message)},
                 {"severity", to_string(severity_of(message))},
                 {"title", heading_of(message)},
                 {"text", text_of(message)},
                 {"omitted", message.omitted},
                 {"events", events_json(message)}});
}

std::string webhook_body(const Message& message, const std::string& body) { return filled(body, values_of(message)); }

std::optional<std::string> wrong_body(const std::string& body) {
  const Message sample{.events = {{.group = "app", .summary = "a \"sample\""}}, .controller = "weir"};
  const auto values = values_of(sample);
  const std::string unknown = unknown_name(body, values);
  if (!unknown.empty()) {
    std::vector<std::string> known;
    for (const auto& [name, value] : values) known.push_back("{" + name + "}");
    return fmt::format("there is no {{{}}} to fill in; there are {}", unknown, fmt::join(known, ", "));
  }
  if (Json::accept(webhook_body(sample, body))) return std::nullopt;
  return "expected text that is JSON once its {names} are filled in: texts stand inside quotes, {events} and {count} outside";
}

}  // namespace weir
