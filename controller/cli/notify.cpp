#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "controller/cli/assemble.h"
#include "controller/cli/commands.h"
#include "controller/cli/console.h"
#include "controller/config/config.h"
#include "controller/render/table.h"

namespace weir {
namespace {

/// What became of the message to one receiver.
struct Trial {
  const ReceiverSpec* receiver = nullptr;
  std::string error;  ///< empty: it took it
  Duration took{0};
};

Result<std::vector<const ReceiverSpec*>> chosen_of(const Config& config, const std::string& name) {
  std::vector<const ReceiverSpec*> chosen;
  std::vector<std::string> known;
  for (const ReceiverSpec& receiver : config.notifications.receivers) {
    known.push_back(receiver.name);
    if (name.empty() || receiver.name == name) chosen.push_back(&receiver);
  }
  if (!chosen.empty()) return chosen;
  if (known.empty())
    return failure(ErrorKind::invalid, fmt::format("{} has no receivers; add some under 'notifications'", config.source.string()));
  return failure(ErrorKind::invalid, fmt::format("no receiver '{}'; there are {}", name, fmt::join(known, ", ")));
}

Result<const EventType*> type_named(const std::string& name) {
  std::vector<std::string_view> known;
  for (const EventType& type : event_types()) {
    if (type.name == name) return &type;
    known.push_back(type.name);
  }
  return failure(ErrorKind::invalid, fmt::format("no event '{}'; there are {}", name, fmt::join(known, ", ")));
}

Message test_message(const Config& config, const EventType& type, TimePoint at) {
  Message message{.controller = config.notifications.controller, .at = at};
  const bool of_group = type.of == EventType::Of::group && !config.groups.empty();
  message.events.push_back({.kind = type.kind,
                            .severity = type.severity,
                            .group = of_group ? config.groups.front().name : "",
                            .summary = fmt::format("a test of weir's notifications; nothing has happened. {}", type.doc),
                            .at = at,
                            .since = at});
  return message;
}

std::string as_json(const std::vector<Trial>& trials) {
  nlohmann::json list = nlohmann::json::array();
  for (const Trial& trial : trials) {
    nlohmann::json one = {{"receiver", trial.receiver->name},
                          {"type", trial.receiver->type},
                          {"delivered", trial.error.empty()},
                          {"milliseconds", trial.took.count()}};
    if (!trial.error.empty()) one["error"] = trial.error;
    list.push_back(std::move(one));
  }
  return nlohmann::json{{"receivers", std::move(list)}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string as_text(const std::vector<Trial>& trials) {
  Table table({"RECEIVER", "TYPE", "RESULT"});
  for (const Trial& trial : trials) {
    table.add(
        {trial.receiver->name, trial.receiver->type,
         trial.error.empty() ? fmt::format("delivered in {}", format_duration(trial.took)) : "failed: " + printable(trial.error)});
  }
  return table.text("", "", "");
}

}  // namespace

Exit command_notify_test(const CommonOptions& options, const NotifyTestArguments& arguments) {
  const auto config = load_or_complain(options.config);
  if (!config) return Exit::error;
  const auto chosen = chosen_of(*config, arguments.receiver);
  if (!chosen) return complain(chosen.error().message);
  const auto type = type_named(arguments.event);
  if (!type) return complain(type.error().message);
  Outside outside;
  std::vector<Trial> trials;
  for (const ReceiverSpec* receiver : *chosen) {
    const auto begun = outside.waiting.now();
    const auto attempt = receiver_type(receiver->type)
                             ->make(*receiver, outside.network)
                             ->send(test_message(*config, **type, outside.clock.now()), {});
    trials.push_back({.receiver = receiver,
                      .error = attempt.result ? "" : attempt.result.error().message,
                      .took = std::chrono::floor<Duration>(outside.waiting.now() - begun)});
  }
  print(options.json ? as_json(trials) : as_text(trials));
  const bool all = std::ranges::all_of(trials, [](const Trial& trial) { return trial.error.empty(); });
  return all ? Exit::ok : Exit::error;
}

}  // namespace weir
