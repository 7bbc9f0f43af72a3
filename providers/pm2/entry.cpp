#include "providers/pm2/entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

namespace weir::pm2 {
namespace {

using Json = nlohmann::json;

/// What a copy has in common with its pattern, as PM2 keeps it and as its configuration files call it.
struct Kept {
  const char* known_as;
  const char* given_as;
};
constexpr Kept kKept[] = {{"pm_exec_path", "script"},
                          {"pm_cwd", "cwd"},
                          {"exec_interpreter", "interpreter"},
                          {"args", "args"},
                          {"node_args", "node_args"},
                          {"exec_mode", "exec_mode"},
                          {"namespace", "namespace"},
                          {"kill_timeout", "kill_timeout"},
                          {"kill_retry_time", "kill_retry_time"},
                          {"shutdown_with_message", "shutdown_with_message"},
                          {"treekill", "treekill"},
                          {"wait_ready", "wait_ready"},
                          {"listen_timeout", "listen_timeout"},
                          {"max_memory_restart", "max_memory_restart"},
                          {"min_uptime", "min_uptime"},
                          {"max_restarts", "max_restarts"},
                          {"restart_delay", "restart_delay"},
                          {"exp_backoff_restart_delay", "exp_backoff_restart_delay"},
                          {"autorestart", "autorestart"},
                          {"stop_exit_codes", "stop_exit_codes"},
                          {"cron_restart", "cron_restart"},
                          {"log_date_format", "log_date_format"},
                          {"log_type", "log_type"},
                          {"pm_out_log_path", "out_file"},
                          {"pm_err_log_path", "error_file"},
                          {"pm_log_path", "log_file"},
                          {"disable_logs", "disable_logs"},
                          {"source_map_support", "source_map_support"},
                          {"vizion", "vizion"},
                          {"pmx", "pmx"},
                          {"automation", "automation"},
                          {"filter_env", "filter_env"},
                          {"uid", "uid"},
                          {"gid", "gid"}};

/// What PM2 itself puts among the variables.
constexpr std::string_view kPm2Variables[] = {
    "PM2_HOME", "PM2_USAGE", "PM2_INTERACTOR_PROCESSING", "PM2_JSON_PROCESSING", "NODE_APP_INSTANCE", "unique_id", "pm_id"};
/// What PM2 calls its number in a copy.
constexpr std::string_view kInstanceVariable = "WEIR_PM2_INSTANCE";

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  return found->is_number() || found->is_boolean() ? found->dump() : "";
}

/// A number without its fraction; nothing if it is none, or one beyond what a double holds exactly.
std::optional<std::int64_t> number_of(const Json& object, const char* name) {
  constexpr double kMost = 9007199254740992;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const double number = found->get<double>();
  return number >= -kMost && number <= kMost ? std::optional(static_cast<std::int64_t>(number)) : std::nullopt;
}

std::optional<int> small_number_of(const Json& object, const char* name) {
  const auto number = number_of(object, name);
  return number && std::in_range<int>(*number) ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

/// The variables as they were given: PM2 also spreads them over the entry itself, and adds things that are none.
Variables environment_of(const Json& state) {
  Variables environment;
  const auto given = state.find("env");
  if (given == state.end() || !given->is_object()) return environment;
  for (const auto& [name, value] : given->items()) {
    if (value.is_string() || value.is_number() || value.is_boolean()) environment[name] = text_of(*given, name.c_str());
  }
  return environment;
}

std::optional<Entry> entry_from(const Json& json) {
  if (!json.is_object() || !json.contains("pm2_env") || !json["pm2_env"].is_object()) return std::nullopt;
  const Json& state = json["pm2_env"];
  Entry entry;
  entry.name = text_of(json, "name");
  entry.id = small_number_of(json, "pm_id").value_or(-1);
  entry.status = text_of(state, "status");
  entry.configuration = state.dump(-1, ' ', false, Json::error_handler_t::replace);
  entry.environment = environment_of(state);
  entry.instance = small_number_of(state, "NODE_APP_INSTANCE");
  entry.restarts = small_number_of(state, "restart_time").value_or(0);
  entry.exit_code = small_number_of(state, "exit_code");
  if (const auto created = number_of(state, "created_at")) entry.created_at = TimePoint(Duration(*created));
  const bool usable = !entry.name.empty() && entry.id >= 0 && !entry.status.empty();
  return usable ? std::optional(std::move(entry)) : std::nullopt;
}

Result<std::vector<Entry>> entries_from(const Json& list) {
  std::vector<Entry> entries;
  for (const Json& each : list) {
    std::optional<Entry> entry = entry_from(each);
    if (!entry) return failure(ErrorKind::unavailable, "its list has an entry without name, number or status");
    entries.push_back(*std::move(entry));
  }
  return entries;
}

}  // namespace

std::string Entry::variable(std::string_view wanted) const {
  const auto found = environment.find(std::string(wanted));
  return found == environment.end() ? "" : found->second;
}

Result<std::vector<Entry>> parse_list(std::string_view output) {
  while (!output.empty()) {
    const std::string_view line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(output.size(), line.size() + 1));
    if (!line.starts_with('[')) continue;
    const Json list = Json::parse(line, nullptr, false);
    if (list.is_array()) return entries_from(list);
  }
  return failure(ErrorKind::unavailable, "it printed no list");
}

std::string copy_of(const Entry& pattern, const std::string& name, const Variables& variables) {
  const Json known = Json::parse(pattern.configuration, nullptr, false);
  Variables environment = pattern.environment;
  for (const std::string_view own : kPm2Variables) environment.erase(std::string(own));
  environment.erase(std::string(kInstanceVariable));
  environment.erase(pattern.name);  // where PM2 keeps what it was told of the entry apart from the rest
  for (const auto& [variable, value] : variables) environment[variable] = value;
  Json app{{"name", name}, {"instances", 1}, {"instance_var", kInstanceVariable}, {"merge_logs", true}, {"env", environment}};
  for (const Kept& kept : kKept) {
    const auto value = known.find(kept.known_as);
    if (value != known.end() && !value->is_null()) app[kept.given_as] = *value;
  }
  return Json{{"apps", Json::array({std::move(app)})}}.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace weir::pm2
