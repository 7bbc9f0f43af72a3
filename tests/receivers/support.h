#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "controller/config/config.h"
#include "platform/api_client.h"
#include "receivers/receiver.h"

namespace weir {

/// The receiver that a configuration with these keys comes to, `name` ops among them. `keys` begin with `type: …`.
[[nodiscard]] inline ReceiverSpec receiver_spec(const std::string& keys) {
  const std::string text =
      "providers: {fixed: {type: static}}\n"
      "groups: [{name: app, provider: fixed, server: {addresses: [\"127.0.0.1:1\"]}}]\n"
      "notifications:\n"
      "  receivers: [{name: ops, " +
      keys +
      "}]\n"
      "  routes: [{receiver: ops}]\n";
  const auto config = parse_config(text, "weir.yaml", process_environment(), builtin_catalogs());
  if (config) return config->notifications.receivers.front();
  for (const ConfigError& error : config.error()) ADD_FAILURE() << to_string(error);
  return {};
}

/// The same, made real.
[[nodiscard]] inline std::unique_ptr<Receiver> receiver_with(const std::string& keys, Network& network) {
  const ReceiverSpec spec = receiver_spec(keys);
  const ReceiverType* type = receiver_type(spec.type);
  return type == nullptr ? nullptr : type->make(spec, network);
}

/// What happens at 2026-03-01T09:30:00Z.
inline const TimePoint kThen{std::chrono::milliseconds(1'772'357'400'000)};

[[nodiscard]] inline Event scaled_out() {
  return {.kind = EventKind::scaled_out,
          .severity = Severity::info,
          .group = "app",
          .summary = "scaled out from 2 to 4: votes: cpu-high wants 4",
          .at = kThen};
}
[[nodiscard]] inline Event at_max(Event::Stage stage = Event::Stage::began) {
  const bool ended = stage == Event::Stage::ended;
  return {.kind = EventKind::at_max,
          .severity = Severity::critical,
          .stage = stage,
          .group = "app",
          .summary = "at max 6, and 9 are wanted: cpu-high: 91 > 70 & <!channel> *bold* é",
          .at = ended ? kThen + std::chrono::minutes(5) : kThen,
          .since = kThen};
}
[[nodiscard]] inline Message message_of(std::vector<Event> events, int omitted = 0) {
  return {.events = std::move(events), .omitted = omitted, .controller = "weir-eu", .at = kThen + std::chrono::seconds(30)};
}

}  // namespace weir
