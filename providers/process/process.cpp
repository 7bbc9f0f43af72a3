#include "providers/process/process.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "model/text.h"
#include "platform/directory_lock.h"
#include "platform/ports.h"
#include "providers/process/file_name.h"
#include "providers/process/identity.h"
#include "providers/process/record.h"
#include "providers/process/spawn.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

/// What servers inherit from weir's own environment. Not all of it: weir's may hold secrets.
constexpr const char* kInherited[] = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"};
constexpr std::string_view kIdVariable = "WEIR_SERVER_ID";

TimePoint system_now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

using Values = std::map<std::string, std::string>;

std::vector<std::string> environment_of(const Settings& settings, const ServerRecord& record, const Values& values) {
  Values variables;
  for (const char* name : kInherited) {
    if (const char* value = std::getenv(name)) variables[name] = value;
  }
  variables["PORT"] = values.at("port");
  for (const auto& [name, value] : settings.text_map("env")) variables[name] = filled(value, values);
  variables[std::string(kIdVariable)] = record.token;
  variables["WEIR_TOKEN"] = record.token;
  variables["WEIR_GROUP"] = record.group;
  variables["WEIR_VERSION"] = record.version;
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) environment.push_back(fmt::format("{}={}", name, value));
  return environment;
}

Program program_of(const Settings& settings, const ServerRecord& record) {
  const Values values{
      {"port", std::to_string(record.port)}, {"version", record.version}, {"id", record.token}, {"group", record.group}};
  Program program;
  for (const std::string& word : settings.texts("command")) program.command.push_back(filled(word, values));
  program.environment = environment_of(settings, record, values);
  program.cwd = filled(settings.text("cwd"), values);
  program.log = record.log;
  return program;
}

enum class Condition {
  interrupted,  ///< weir died during the launch: the program never ran
  alive,
  dead,
  of_another_boot,  ///< dead, with all it ever started
};

Server to_server(const ServerRecord& record, Condition condition) {
  Server server;
  server.id = record.token;
  server.group = record.group;
  server.token = record.token;
  server.address = record.address;
  server.version = record.version;
  server.launched_at = record.launched_at;
  server.phase = condition == Condition::interrupted ? Phase::pending : Phase::warming;
  if (record.stop_asked_at) server.phase = Phase::terminating;
  // The end of a server that was asked to stop is not a failure.
  if (record.stop_asked_at || condition == Condition::alive) return server;
  if (condition == Condition::interrupted) server.failure = "its launch was interrupted before the program ran";
  if (condition == Condition::of_another_boot) server.failure = "ended when this machine was restarted";
  server.failure_cause = condition == Condition::dead ? FailureCause::program : FailureCause::platform;
  if (condition == Condition::dead) {
    server.failure = fmt::format("{} (log: {})", record.ended.empty() ? "no longer running" : record.ended, record.log.string());
  }
  return server;
}

/// The living processes of a server: its own and those it started, as long as they stayed in its process group.
Result<std::vector<ProcessFacts>> members(const ServerRecord& record, Condition condition) {
  const bool none = condition == Condition::interrupted || condition == Condition::of_another_boot;
  if (none) return std::vector<ProcessFacts>();
  Result<std::vector<ProcessFacts>> processes = read_processes();
  if (!processes) return processes;
  std::erase_if(*processes, [&](const ProcessFacts& process) {
    if (process.group != record.pid || !is_alive(process)) return true;
    // Without its leader the group's number may by now be another's; only the mark in the environment tells.
    return condition == Condition::dead && !was_started_with(process.pid, fmt::format("{}={}", kIdVariable, record.token));
  });
  return processes;
}

class ProcessProvider final : public Provider {
 public:
  explicit ProcessProvider(ProcessProviderOptions options) : options_(std::move(options)) {
    if (!options_.now) options_.now = system_now;
  }

  Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) override;
  Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override;
  Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) override;

 private:
  [[nodiscard]] Result<bool> directory_exists();
  [[nodiscard]] Result<DirectoryLock> make_and_lock(const std::stop_token& stop);
  [[nodiscard]] Result<Condition> settle(ServerRecord& record) const;
  [[nodiscard]] Result<ServerRecord> reserve(const LaunchRequest& request, const std::vector<ServerRecord>& others);
  [[nodiscard]] Result<int> choose_port(const Group& group, const std::vector<ServerRecord>& others);
  [[nodiscard]] Result<void> start(const Settings& settings, ServerRecord& record) const;
  [[nodiscard]] Result<Server> describe(ServerRecord record) const;
  void step(LaunchStep step) const {
    if (options_.on_step) options_.on_step(step);
  }

  ProcessProviderOptions options_;
  std::atomic<bool> seen_ = false;  ///< the directory was there once: its absence now is a fault, not an empty fleet
  std::mutex ports_mutex_;
  std::map<std::string, int> last_ports_;  ///< by group: the one given last
};

Result<bool> ProcessProvider::directory_exists() {
  // Asked before looking: another thread may make the directory right after we looked.
  const bool expected = seen_;
  std::error_code error;
  const fs::file_status found = fs::status(options_.directory, error);
  if (fs::is_directory(found)) {
    seen_ = true;
    return true;
  }
  if (fs::exists(found)) {
    return failure(ErrorKind::invalid,
                   fmt::format("{}, where the server records belong, is not a directory", options_.directory.string()));
  }
  if (found.type() == fs::file_type::not_found && !expected) return false;
  return failure(ErrorKind::unavailable,
                 fmt::format("the directory {} of the server records is gone: {}", options_.directory.string(), error.message()));
}

Result<DirectoryLock> ProcessProvider::make_and_lock(const std::stop_token& stop) {
  const Result<bool> exists = directory_exists();
  if (!exists) return std::unexpected(exists.error());
  std::error_code error;
  fs::create_directories(options_.directory, error);
  if (error) {
    const ErrorKind kind = error == std::errc::permission_denied ? ErrorKind::denied : ErrorKind::invalid;
    return failure(kind, fmt::format("cannot create {}: {}; nothing was started", options_.directory.string(), error.message()));
  }
  seen_ = true;
  return DirectoryLock::take(options_.directory, options_.lock_deadline, stop);
}

/// Compares the record with the process it names. How a child of ours ended is written down before the kernel may forget it.
Result<Condition> ProcessProvider::settle(ServerRecord& record) const {
  if (record.pid == 0) return Condition::interrupted;
  const Result<std::string> boot = read_boot_id();
  if (!boot) return std::unexpected(boot.error());
  if (record.boot_id != *boot) return Condition::of_another_boot;
  const Result<std::optional<ProcessFacts>> process = read_process(record.pid);
  if (!process) return std::unexpected(process.error());
  if (!*process || (*process)->start_time != record.start_time) return Condition::dead;
  if (is_alive(**process)) return Condition::alive;
  if (const std::optional<std::string> ended = how_child_ended(record.pid)) {
    record.ended = *ended;
    if (save_record(options_.directory, record)) reap_child(record.pid);
  }
  return Condition::dead;
}

Result<Server> ProcessProvider::describe(ServerRecord record) const {
  const Result<Condition> condition = settle(record);
  if (!condition) return std::unexpected(condition.error());
  return to_server(record, *condition);
}

Result<std::vector<Server>> ProcessProvider::list(std::span<const Group* const> /*groups*/, std::stop_token stop) {
  std::vector<Server> servers;
  const Result<bool> exists = directory_exists();
  if (!exists) return std::unexpected(exists.error());
  if (!*exists) return servers;
  const Result<DirectoryLock> lock = DirectoryLock::take(options_.directory, options_.lock_deadline, stop);
  if (!lock) return std::unexpected(lock.error());
  const Result<std::vector<ServerRecord>> records = load_records(options_.directory);
  if (!records) return std::unexpected(records.error());
  for (const ServerRecord& record : *records) {
    Result<Server> server = describe(record);
    if (!server) return std::unexpected(server.error());
    servers.push_back(std::move(*server));
  }
  std::ranges::sort(servers, {}, &Server::id);
  return servers;
}

Result<Server> ProcessProvider::launch(const LaunchRequest& request, std::stop_token stop) {
  if (!is_file_name(request.token) || !is_file_name(request.group.name)) {
    return failure(ErrorKind::invalid, fmt::format("cannot launch {} for group {}: token and group must do as file names",
                                                   request.token, request.group.name));
  }
  const Result<DirectoryLock> lock = make_and_lock(stop);
  if (!lock) return std::unexpected(lock.error());
  Result<std::vector<ServerRecord>> records = load_records(options_.directory);
  if (!records) return std::unexpected(records.error());
  const auto known = std::ranges::find_if(
      *records, [&](const ServerRecord& record) { return record.token == request.token && record.group == request.group.name; });
  if (known != records->end() && known->pid != 0) return describe(std::move(*known));
  if (known != records->end()) records->erase(known);  // interrupted before it had a process: begin again under the same token
  Result<ServerRecord> record = reserve(request, *records);
  if (!record) return std::unexpected(record.error());
  Result<void> started = start(request.group.server, *record);
  if (!started) return std::unexpected(started.error());
  return to_server(*record, Condition::alive);
}

/// The next free one after the one given last: a balancer may still send traffic to the port of a server that just died.
Result<int> ProcessProvider::choose_port(const Group& group, const std::vector<ServerRecord>& others) {
  const std::string& text = group.server.text("ports");
  const std::optional<PortRange> range = parse_port_range(text);
  if (!range) return failure(ErrorKind::invalid, fmt::format("group {}: '{}' is not a range of ports", group.name, text));
  std::set<int> reserved;
  std::pair<TimePoint, int> newest{TimePoint::min(), range->last};
  for (const ServerRecord& record : others) {
    reserved.insert(record.port);
    if (record.group == group.name) newest = std::max(newest, {record.launched_at, record.port});
  }
  const std::lock_guard lock(ports_mutex_);
  int& last = last_ports_.try_emplace(group.name, newest.second).first->second;
  if (last < range->first || last > range->last) last = range->last;
  for (int tried = 0; tried < range->size(); ++tried) {
    const int port = last == range->last ? range->first : last + 1;
    last = port;
    if (reserved.contains(port)) continue;
    const Result<bool> free = is_port_free(group.server.text("host"), port);
    if (!free) return std::unexpected(free.error());
    if (*free) return port;
  }
  return failure(
      ErrorKind::out_of_capacity,
      fmt::format("group {}: every port of {} is taken by a server or by another program; nothing was started", group.name, text));
}

/// Writes the record that holds token and port, before there is any process.
Result<ServerRecord> ProcessProvider::reserve(const LaunchRequest& request, const std::vector<ServerRecord>& others) {
  const Settings& settings = request.group.server;
  const Result<int> port = choose_port(request.group, others);
  if (!port) return std::unexpected(port.error());
  ServerRecord record;
  record.token = request.token;
  record.group = request.group.name;
  record.version = request.version;
  record.port = *port;
  record.address = join_address(settings.text("host"), *port);
  record.launched_at = options_.now();
  const fs::path logs = settings.has("log_dir") ? fs::path(settings.text("log_dir")) : options_.directory / record.group / "log";
  record.log = logs / (record.token + ".log");
  std::error_code error;
  fs::create_directories(logs, error);
  if (error) {
    return failure(ErrorKind::invalid, fmt::format("cannot create {}: {}; nothing was started", logs.string(), error.message()));
  }
  if (Result<void> saved = save_record(options_.directory, record); !saved) return std::unexpected(saved.error());
  return record;
}

/// Makes the process, names it in the record and only then lets the program run: no server ever runs without a record of it.
Result<void> ProcessProvider::start(const Settings& settings, ServerRecord& record) const {
  step(LaunchStep::reserved);
  const auto give_up = [&](Error error) -> Result<void> {
    // If even this fails, list() shows an interrupted launch.
    const Result<void> removed = remove_record(options_.directory, record);
    if (!removed) error.message += "; " + removed.error().message;
    return std::unexpected(std::move(error));
  };
  Result<WaitingProcess> process = WaitingProcess::make(program_of(settings, record));
  if (!process) return give_up(process.error());
  step(LaunchStep::forked);
  const Result<std::optional<ProcessFacts>> facts = read_process(process->pid());
  if (!facts) return give_up(facts.error());
  Result<std::string> boot = read_boot_id();
  if (!boot) return give_up(boot.error());
  if (!*facts) return give_up({ErrorKind::unavailable, fmt::format("the process {} of {} vanished", process->pid(), record.token)});
  record.pid = process->pid();
  record.start_time = (*facts)->start_time;
  record.boot_id = std::move(*boot);
  if (Result<void> saved = save_record(options_.directory, record); !saved) return give_up(saved.error());
  step(LaunchStep::recorded);
  process->release();
  step(LaunchStep::released);
  Result<void> started = process->wait_until_started(options_.start_deadline);
  if (!started && started.error().kind == ErrorKind::invalid) return give_up(started.error());
  return started;
}

Result<void> ProcessProvider::terminate(const Group& group, const std::string& server, std::stop_token stop) {
  if (!is_file_name(server) || !is_file_name(group.name)) return {};  // none such can exist
  const Result<bool> exists = directory_exists();
  if (!exists) return std::unexpected(exists.error());
  if (!*exists) return {};
  const Result<DirectoryLock> lock = DirectoryLock::take(options_.directory, options_.lock_deadline, stop);
  if (!lock) return std::unexpected(lock.error());
  Result<std::optional<ServerRecord>> found = load_record(options_.directory, group.name, server);
  if (!found) return std::unexpected(found.error());
  if (!*found) return {};
  ServerRecord& record = **found;
  const Result<Condition> condition = settle(record);
  if (!condition) return std::unexpected(condition.error());
  const Result<std::vector<ProcessFacts>> living = members(record, *condition);
  if (!living) return std::unexpected(living.error());
  if (living->empty()) return remove_record(options_.directory, record);

  const TimePoint now = options_.now();
  const bool first = !record.stop_asked_at;
  if (first || now < *record.stop_asked_at) {  // in the second case the clock was set back: the grace period begins again
    record.stop_asked_at = now;
    if (Result<void> saved = save_record(options_.directory, record); !saved) return saved;
  }
  const bool expired = !first && now - *record.stop_asked_at >= group.server.duration("stop_grace");
  if (!first && !expired) return {};
  Result<void> result;
  for (const ProcessFacts& process : *living) {
    if (Result<void> sent = signal_process(process, expired ? SIGKILL : SIGTERM); !sent) result = sent;
  }
  return result;
}

}  // namespace

std::unique_ptr<Provider> make_process_provider(ProcessProviderOptions options) {
  return std::make_unique<ProcessProvider>(std::move(options));
}

}  // namespace weir
