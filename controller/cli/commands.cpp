#include "controller/cli/commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <nlohmann/json.hpp>

#include "controller/cli/connection.h"
#include "controller/cli/console.h"
#include "controller/cli/look.h"
#include "controller/cli/past.h"
#include "controller/cli/questions.h"
#include "controller/cli/run.h"
#include "controller/cli/watch.h"
#include "controller/loop/hook.h"
#include "controller/reconcile/orders.h"
#include "controller/render/json.h"
#include "controller/render/text.h"
#include "controller/state/sqlite_store.h"
#include "deploy/advance.h"
#include "platform/file.h"

namespace weir {
namespace {

std::optional<Config> load(const CommonOptions& options) { return load_or_complain(options.config); }

/// Of a group whose configuration cannot be read: no silence is then too long.
constexpr Duration kUnknownInterval = std::chrono::hours(24);

}  // namespace

std::optional<Config> load_for_questions(const CommonOptions& options) {
  ConfigDraft draft = load_draft(options.config, process_environment(), builtin_catalogs());
  for (const ConfigError& error : draft.errors) (void)std::fprintf(stderr, "%s\n", to_string(error).c_str());
  if (!draft.tells_of_the_controller()) return std::nullopt;
  if (draft.errors.empty()) return std::move(draft.config);
  (void)std::fprintf(stderr, "weir: %s is not valid; this is what the controller did with the text it has:\n",
                     options.config.c_str());
  // A group that could not be read has no name; when its turns are due nobody can tell now.
  std::erase_if(draft.config.groups, [](const Group& group) { return group.name.empty(); });
  for (Group& group : draft.config.groups) group.interval = kUnknownInterval;
  const auto reader = StateReader::open(draft.config.controller.state);
  const auto known = reader ? (*reader)->groups() : std::unexpected(reader.error());
  for (const std::string& name : known.value_or(std::vector<std::string>{})) {
    if (std::ranges::find(draft.config.groups, name, &Group::name) == draft.config.groups.end()) {
      draft.config.groups.push_back({.name = name, .interval = kUnknownInterval});
    }
  }
  return std::move(draft.config);
}

std::function<Result<Memory>(const std::string&)> memory_on_disk(const Config& config) {
  auto opened = std::make_shared<Result<std::unique_ptr<StateReader>>>(StateReader::open(config.controller.state));
  return [opened](const std::string& group) -> Result<Memory> {
    if (*opened) return (**opened)->load(group);
    if (opened->error().kind == ErrorKind::not_found) return fresh_memory();
    return std::unexpected(opened->error());
  };
}

namespace {

std::vector<GroupPlan> plans_of(const std::vector<Look>& looks) {
  std::vector<GroupPlan> plans;
  for (const Look& look : looks) plans.push_back(look.plan);
  return plans;
}

nlohmann::json error_json(const ConfigError& error) {
  return {{"file", error.file}, {"line", error.line}, {"column", error.column}, {"path", error.path}, {"message", error.message}};
}

Exit validate_as_json(const CommonOptions& options) {
  const ConfigResult config = load_config(options.config, process_environment(), builtin_catalogs());
  nlohmann::json answer = {
      {"valid", config.has_value()}, {"errors", nlohmann::json::array()}, {"warnings", nlohmann::json::array()}};
  if (config) {
    for (const std::string& warning : lint_config(*config)) answer["warnings"].push_back(warning);
  } else {
    for (const ConfigError& error : config.error()) answer["errors"].push_back(error_json(error));
  }
  print(answer.dump());
  return config ? Exit::ok : Exit::error;
}

// ---- apply ----------------------------------------------------------------------------------------------------------------

/// What makes two plans the same plan, sorted: launches and hooks are alike whatever token they carry.
std::vector<std::string> essence(const GroupPlan& plan) {
  std::vector<std::string> lines;
  for (const Action& action : plan.plan.actions) {
    std::string subject = action.server;
    if (action.kind == Action::Kind::launch) subject = "a server";
    if (action.kind == Action::Kind::run_hook) subject = "of the deploy";
    const std::string version = action.version.empty() ? "" : fmt::format(" of version {}", action.version);
    lines.push_back(fmt::format("{} {}{}", to_string(action.kind), subject, version));
  }
  for (const Peer& peer : plan.plan.peers) lines.push_back(fmt::format("{} as a peer of the balancers", peer.address));
  lines.push_back(fmt::format("desired {}", plan.plan.decision.desired));
  std::ranges::sort(lines);
  return lines;
}

/// What is planned now instead of what was planned then, and why; empty if that is the same.
std::string difference(const GroupPlan& then, const GroupPlan& now) {
  const std::vector<std::string> old = essence(then);
  const std::vector<std::string> fresh = essence(now);
  std::vector<std::string> gone;
  std::vector<std::string> come;
  std::ranges::set_difference(old, fresh, std::back_inserter(gone));
  std::ranges::set_difference(fresh, old, std::back_inserter(come));
  std::string text;
  if (!gone.empty()) text += fmt::format("no longer {}", fmt::join(gone, ", "));
  if (!come.empty()) text += fmt::format("{}now {}", text.empty() ? "" : "; ", fmt::join(come, ", "));
  return text.empty() ? text : fmt::format("{} ({})", text, turn_reason(now.plan));
}

/// The groups of the stored plan that would now be planned otherwise, each with what is different.
std::vector<std::string> what_moved(const std::vector<GroupPlan>& stored, const std::vector<Look>& now) {
  std::vector<std::string> moved;
  for (const GroupPlan& plan : stored) {
    const auto found = std::ranges::find_if(now, [&](const Look& look) { return look.plan.group == plan.group; });
    const std::string what = found == now.end() ? "not looked at" : difference(plan, found->plan);
    if (!what.empty()) moved.push_back(fmt::format("group {}: {}", plan.group, what));
  }
  return moved;
}

/// Nobody else is there to be told how it ended.
Result<void> run_hook_to_its_end(Look& look, const Action& action, Record& record, HttpClient& http, const Clock& clock,
                                 Store& store) {
  const Group& group = look.managed->group;
  const auto run = std::ranges::find(record.rollout->hooks, action.server, &HookRun::token);
  if (run == record.rollout->hooks.end()) return {};
  const Outcome outcome = run_hook(group, record, *run, &http, {});
  hook_ended(outcome, clock.now(), *look.turn.memory.rollout);
  record.rollout = look.turn.memory.rollout;
  return store.save(group.name, look.turn.memory, record, Store::Durability::durable);
}

/// One look made real: memory first, then the balancers, the provider, and hooks to their end. What went wrong.
std::vector<std::string> carry_out(Look& look, Outside& outside, Store& store) {
  const Managed& managed = *look.managed;
  Record record{managed.group.name,
                look.turn.observation.at,
                look.turn.plan,
                look.turn.observation.servers,
                look.turn.observation.listed_detail,
                {},
                look.plan.rollout};
  if (const auto saved = store.save(managed.group.name, look.turn.memory, record, Store::Durability::durable); !saved) {
    return {fmt::format("{}: nothing was done: {}", managed.group.name, saved.error().message)};
  }
  std::vector<std::string> failed;
  if (look.turn.plan.write_balancers) {
    if (std::string problem = apply_balancers(managed, look.turn.plan); !problem.empty()) failed.push_back(std::move(problem));
  }
  for (const Action& action : look.turn.plan.actions) {
    const auto outcome = apply_action(managed, action, {});
    if (outcome && outcome->error) failed.push_back(outcome->error->message);
    if (action.kind != Action::Kind::run_hook) continue;
    const auto saved = run_hook_to_its_end(look, action, record, outside.http, outside.clock, store);
    if (!saved) failed.push_back(saved.error().message);
  }
  return failed;
}

Exit refuse(const std::string& message) {
  (void)complain(message);
  return Exit::refused;
}

Exit apply_plans(const Config& config, const std::vector<GroupPlan>& stored, bool json) {
  auto store = SqliteStore::open({.path = config.controller.state, .retention = {.age = config.controller.history_retention}});
  if (!store && store.error().kind == ErrorKind::denied) return refuse("refused, nothing was done: " + store.error().message);
  if (!store) return complain(store.error().message);
  Outside outside;
  auto assembly = assemble(config, outside);
  if (!assembly) return complain(assembly.error().message);
  std::vector<std::string> groups;
  for (const GroupPlan& plan : stored) groups.push_back(plan.group);
  if (groups.empty()) return Exit::ok;
  auto looks = look(**assembly, outside, groups, [&](const std::string& group) { return (*store)->load(group); });
  if (!looks) return complain(looks.error().message);
  const std::vector<std::string> moved = what_moved(stored, *looks);
  if (!moved.empty()) {
    return refuse(fmt::format("refused, nothing was done: the world moved since the plan was made; make a new plan. {}",
                              fmt::join(moved, ". ")));
  }
  std::vector<std::string> failed;
  nlohmann::json applied = nlohmann::json::array();
  for (Look& one : *looks) {
    if (!changes_something(one.plan)) continue;
    if (auto problems = carry_out(one, outside, **store); !problems.empty()) {
      std::ranges::move(problems, std::back_inserter(failed));
      continue;
    }
    const std::size_t actions = one.plan.plan.actions.size();
    if (!json) print(fmt::format("{}: {} {} applied", one.plan.group, actions, actions == 1 ? "action" : "actions"));
    applied.push_back({{"group", one.plan.group}, {"actions", actions}});
  }
  if (json) print(nlohmann::json{{"applied", applied}}.dump());
  if (!json && applied.empty() && failed.empty()) print("nothing to do");
  return failed.empty() ? Exit::ok : complain(fmt::format("{}", fmt::join(failed, "; ")));
}

// ---- questions ------------------------------------------------------------------------------------------------------------

Result<std::optional<StoredRecord>> last_record(const StateReader& reader, const std::string& group) {
  auto kept = reader.last(group);
  if (!kept) return std::unexpected(kept.error());
  if (!*kept) return std::nullopt;
  auto record = parse_record((*kept)->json);
  if (!record) return std::unexpected(record.error());
  return std::move(*record);
}

Manual in_force(const Memory& memory) { return manual_in_force(memory.manual, SystemClock().now()); }

}  // namespace

Result<GroupStatus> status_on_disk(const StateReader* reader, const Group& group) {
  GroupStatus status{.name = group.name, .provider = group.provider, .version = group.version, .min = group.min, .max = group.max};
  status.why = "no turn yet";
  if (reader == nullptr) return status;
  auto record = last_record(*reader, group.name);
  if (!record) return std::unexpected(record.error());
  if (!*record) return status;
  const Record& last = (*record)->record;
  status.desired = last.plan.decision.desired;
  status.servers = last.servers;
  status.last_turn = last.at;
  status.why = turn_reason(last.plan);
  const Duration silence = SystemClock().now() - last.at;
  if (silence > std::max<Duration>(3 * group.interval, std::chrono::seconds(10))) {
    status.why = fmt::format("no turn for {}: is `weir run` running? Before: {}",
                             format_duration(std::chrono::floor<std::chrono::seconds>(silence)), status.why);
  }
  auto memory = reader->load(group.name);
  if (memory) status.manual = in_force(*memory);
  if (memory) status.rollout = memory->rollout;
  if (memory) status.desired = memory->desired;
  if (memory && !memory->version.empty()) status.version = memory->version;
  if (memory) status.last_change = std::max(memory->scaled_out_at, memory->scaled_in_at);
  return status;
}

namespace {

Result<std::string> status_page(const Config& config, bool json) {
  auto reader = StateReader::open(config.controller.state);
  if (!reader && reader.error().kind != ErrorKind::not_found) return std::unexpected(reader.error());
  std::vector<std::shared_ptr<const GroupStatus>> statuses;
  for (const Group& group : config.groups) {
    auto status = status_on_disk(reader ? reader->get() : nullptr, group);
    if (!status) return std::unexpected(status.error());
    statuses.push_back(std::make_shared<const GroupStatus>(std::move(*status)));
  }
  if (json) return statuses_json(statuses);
  std::vector<GroupStatus> lines;
  for (const auto& status : statuses) lines.push_back(*status);
  return status_text(lines, SystemClock().now(), colour_for_output());
}

/// Waits a second; false if the user pressed Ctrl-C meanwhile.
bool wait_a_second() {
  sigset_t interrupts;
  sigemptyset(&interrupts);
  sigaddset(&interrupts, SIGINT);
  sigaddset(&interrupts, SIGTERM);
  const timespec second{1, 0};
  return sigtimedwait(&interrupts, nullptr, &second) < 0;
}

Exit watch_as_json(const Config& config) {
  sigset_t interrupts;
  sigemptyset(&interrupts);
  sigaddset(&interrupts, SIGINT);
  sigaddset(&interrupts, SIGTERM);
  (void)pthread_sigmask(SIG_BLOCK, &interrupts, nullptr);
  do {
    const auto page = status_page(config, true);
    if (!page) return complain(page.error().message);
    print(*page);
  } while (wait_a_second());
  return Exit::ok;
}

}  // namespace

Result<std::unique_ptr<StateReader>> reader_for(const Config& config, const std::string& group) {
  if (std::ranges::find(config.groups, group, &Group::name) == config.groups.end()) {
    std::vector<std::string> names;
    for (const Group& one : config.groups) names.push_back(one.name);
    return failure(ErrorKind::not_found,
                   fmt::format("no group {} in {}; there are: {}", group, config.source.string(), fmt::join(names, ", ")));
  }
  return StateReader::open(config.controller.state);
}

namespace {

std::string history_json(const std::string& group, const std::vector<KeptRecord>& kept) {
  std::string text = fmt::format(R"({{"group":{},"changes":[)", nlohmann::json(group).dump());
  for (const KeptRecord& one : kept) text += (&one == kept.data() ? "" : ",") + one.json;
  return text + "]}";
}

}  // namespace

Exit command_run(const CommonOptions& options, const std::string& log_format) {
  auto config = load(options);
  if (!config) return Exit::error;
  if (!log_format.empty()) config->controller.log_format = log_format == "json" ? LogFormat::json : LogFormat::text;
  return run_service(std::move(*config)) == 0 ? Exit::ok : Exit::error;
}

Exit command_validate(const CommonOptions& options, ValidateShow show) {
  if (show == ValidateShow::schema) return print(config_schema(builtin_catalogs())), Exit::ok;
  if (show == ValidateShow::reference) return print(config_reference(builtin_catalogs())), Exit::ok;
  if (options.json) return validate_as_json(options);
  const auto config = load(options);
  if (!config) return Exit::error;
  for (const std::string& warning : lint_config(*config)) print("warning: " + warning);
  print(fmt::format("{}: valid, {} groups", options.config.string(), config->groups.size()));
  return Exit::ok;
}

Exit command_plan(const CommonOptions& options, const std::string& group, const std::filesystem::path& out) {
  const auto config = load(options);
  if (!config) return Exit::error;
  Outside outside;
  auto assembly = assemble(*config, outside);
  if (!assembly) return complain(assembly.error().message);
  std::vector<std::string> groups;
  if (!group.empty()) groups.push_back(group);
  const auto looks = look(**assembly, outside, groups, memory_on_disk(*config));
  if (!looks) return complain(looks.error().message);
  const std::vector<GroupPlan> plans = plans_of(*looks);
  if (!out.empty()) {
    nlohmann::json file = nlohmann::json::parse(plans_json(plans));
    file["config"] = std::filesystem::absolute(options.config).string();
    file["fingerprint"] = config->fingerprint;
    if (const auto written = replace_file(out, file.dump(2) + "\n"); !written) return complain(written.error().message);
  }
  print(options.json ? plans_json(plans) : plans_text(plans, colour_for_output()));
  const auto unknown = std::ranges::find_if(plans, [](const GroupPlan& plan) { return !plan.servers_detail.empty(); });
  if (unknown != plans.end()) {
    return complain(fmt::format("the servers of group {} are not known, so this plan holds still: {}", unknown->group,
                                unknown->servers_detail));
  }
  return std::ranges::any_of(plans, changes_something) ? Exit::changes : Exit::ok;
}

Exit command_apply(const CommonOptions& options, const std::filesystem::path& plan) {
  const auto text = read_file(plan);
  if (!text) return complain(text.error().message);
  const auto stored = parse_plans(*text);
  if (!stored) return complain(fmt::format("{}: {}", plan.string(), stored.error().message));
  const nlohmann::json file = nlohmann::json::parse(*text, nullptr, false);
  if (!file.is_object() || !file.contains("config") || !file["config"].is_string() || !file.contains("fingerprint")) {
    return complain(fmt::format("{}: not a file that `weir plan --out` wrote: it does not name its configuration", plan.string()));
  }
  const auto config = load({.config = file["config"].get<std::string>(), .json = options.json});
  if (!config) return Exit::error;
  if (file["fingerprint"] != config->fingerprint) {
    return refuse(
        fmt::format("refused, nothing was done: {} changed since the plan was made; make a new plan", config->source.string()));
  }
  return apply_plans(*config, stored->plans, options.json);
}

namespace {

Exit status_elsewhere(const CommonOptions& options, bool watch) {
  auto connection = connection_to(options.connection);
  if (!connection) return complain(connection.error().message);
  if (options.json && watch) return complain("--watch --json works on the state of this machine only; leave out --url");
  if (options.json) {
    HttpClient http;
    const auto groups = get_from(http, *connection, "/v1/groups");
    if (!groups) return complain(groups.error().message);
    print(*groups);
    return Exit::ok;
  }
  const auto source = watch_controller(std::move(*connection));
  return watch ? show_live(*source) : show_once(*source);
}

}  // namespace

Exit command_status(const CommonOptions& options, bool watch) {
  if (!options.connection.url.empty()) return status_elsewhere(options, watch);
  const auto config = load_for_questions(options);
  if (!config) return Exit::error;
  if (watch && !options.json) return show_live(*watch_state(*config));
  if (watch) return watch_as_json(*config);
  const auto page = status_page(*config, options.json);
  if (!page) return complain(page.error().message);
  print(*page);
  return Exit::ok;
}

namespace {

/// From the controller that the options name, or else from the state of this machine. Nothing: why is said.
std::optional<Past> past_of(const CommonOptions& options, const PastAsked& asked) {
  Result<Past> past;
  if (options.connection.url.empty()) {
    const auto config = load_for_questions(options);
    if (!config) return std::nullopt;
    past = past_on_disk(*config, asked);
  } else {
    const auto connection = connection_to(options.connection);
    past = connection ? past_from(*connection, asked) : std::unexpected(connection.error());
  }
  if (past) return std::move(*past);
  (void)complain(past.error().message);
  return std::nullopt;
}

}  // namespace

Exit command_explain(const CommonOptions& options, const std::string& group) {
  const auto past = past_of(options, {.group = group});
  if (!past) return Exit::error;
  if (past->turns.empty()) {
    const char* question = options.connection.url.empty() ? ": is `weir run` running?" : "";
    return complain(fmt::format("group {} has had no turn yet{}", group, question));
  }
  const std::string& json = past->turns.front().json;
  const auto stored = parse_record(json);
  if (!stored) return complain(stored.error().message);
  const TimePoint now = SystemClock().now();
  print(options.json ? json : explain_text(stored->record, now, colour_for_output(), manual_in_force(past->manual, now)));
  return Exit::ok;
}

Exit command_history(const CommonOptions& options, const std::string& group, int limit) {
  const auto past = past_of(options, {.group = group, .changes = limit});
  if (!past) return Exit::error;
  if (options.json) {
    print(history_json(group, past->turns));
    return Exit::ok;
  }
  std::vector<HistoryEntry> entries;
  std::vector<std::shared_ptr<const void>> names;
  for (const KeptRecord& one : past->turns) {
    auto record = parse_record(one.json);
    if (!record) return complain(record.error().message);
    names.push_back(record->names);
    entries.push_back({one.number, std::move(record->record)});
  }
  print(history_text(entries, past->newest_turn, colour_for_output()));
  return Exit::ok;
}

}  // namespace weir
