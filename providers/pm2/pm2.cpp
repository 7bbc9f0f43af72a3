#include "providers/pm2/pm2.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "platform/directory_lock.h"
#include "platform/file.h"
#include "platform/ports.h"
#include "providers/pm2/cli.h"
#include "providers/pm2/entry.h"

namespace weir {
namespace {

namespace fs = std::filesystem;
using pm2::Entry;

// What a copy carries among its variables: PM2 keeps them, and shows them in its list.
constexpr const char* kToken = "WEIR_TOKEN";
constexpr const char* kGroup = "WEIR_GROUP";
constexpr const char* kVersion = "WEIR_VERSION";
constexpr const char* kApp = "WEIR_PM2_APP";
constexpr const char* kAddress = "WEIR_ADDRESS";
constexpr const char* kPort = "WEIR_PORT";
constexpr const char* kLaunchedAt = "WEIR_LAUNCHED_AT_MS";

constexpr int kDefaultPorts = 1000;

TimePoint system_now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

template <typename T>
std::optional<T> number(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

bool is_file_name(std::string_view name) {
  constexpr std::string_view kGood = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.size() <= 200 && name.front() != '.' && name.find_first_not_of(kGood) == std::string_view::npos;
}

bool is_ours(const Entry& entry) { return !entry.variable(kToken).empty() && !entry.variable(kGroup).empty(); }

/// The port that an entry of the app itself listens on.
std::optional<int> own_port(const Entry& entry, const Settings& server) {
  if (is_ours(entry)) return number<int>(entry.variable(kPort));
  if (server.has("port_env")) return number<int>(entry.variable(server.text("port_env")));
  return server.integer("port") + entry.instance.value_or(0);
}

/// A server and the entry it is.
struct Known {
  Server server;
  const Entry* entry;
};

void set_state(Server& server, const Entry& entry) {
  server.phase = entry.status == "launching" || entry.status == "one-launch-status" ? Phase::pending : Phase::warming;
  if (entry.status == "stopping") server.phase = Phase::terminating;
  const bool ended = entry.status == "stopped" || entry.status == "errored";
  if (!ended) return;
  const std::string code = entry.exit_code ? fmt::format(", exit code {}", *entry.exit_code) : "";
  server.failure = fmt::format("PM2 calls it {} after {} restarts{}", entry.status, entry.restarts, code);
}

/// One that weir launched. A name that is there twice was started twice by an accident: only the first is the one that was asked
/// for.
Known copy(const Entry& entry, bool is_first) {
  Server server;
  server.id = is_first ? entry.name : fmt::format("{}#{}", entry.name, entry.id);
  server.group = entry.variable(kGroup);
  server.token = is_first ? entry.variable(kToken) : "";
  server.address = entry.variable(kAddress);
  server.version = entry.variable(kVersion);
  if (const auto at = number<Duration::rep>(entry.variable(kLaunchedAt))) server.launched_at = TimePoint(Duration(*at));
  set_state(server, entry);
  if (!is_first) server.failure = fmt::format("a second {} that nobody asked for", entry.name);
  return {std::move(server), &entry};
}

/// One that was there before weir.
Known original(const Entry& entry, const Group& group, int port) {
  Server server;
  server.id = fmt::format("{}-{}", entry.name, entry.id);
  server.group = group.name;
  server.address = join_address(group.server.text("host"), port);
  server.launched_at = entry.created_at.value_or(TimePoint{});
  set_state(server, entry);
  return {std::move(server), &entry};
}

void add_copies(const std::vector<Entry>& entries, std::vector<Known>& all) {
  std::map<std::string, int> firsts;
  for (const Entry& entry : entries) {
    if (!is_ours(entry)) continue;
    const auto [first, added] = firsts.try_emplace(entry.name, entry.id);
    first->second = std::min(first->second, entry.id);
  }
  for (const Entry& entry : entries) {
    if (is_ours(entry)) all.push_back(copy(entry, firsts.at(entry.name) == entry.id));
  }
}

/// What runs of the group's app itself. One that is stopped is no server: somebody keeps it as the pattern.
Result<void> add_originals(const std::vector<Entry>& entries, const Group& group, std::vector<Known>& all) {
  const std::string& app = group.server.text("app");
  const auto is_original = [&](const Entry& entry) { return entry.name == app && !is_ours(entry); };
  const auto count = std::ranges::count_if(entries, is_original);
  for (const Entry& entry : entries) {
    if (!is_original(entry) || entry.status == "stopped") continue;
    const std::optional<int> port = own_port(entry, group.server);
    if (!port) {
      return failure(ErrorKind::invalid, fmt::format("group {}: {} (number {} in PM2) has no port in its variable {}", group.name,
                                                     app, entry.id, group.server.text("port_env")));
    }
    all.push_back(original(entry, group, *port));
    if (count == 1) all.back().server.protection = "the last one of the app itself: copies are made of it";
  }
  return {};
}

/// Workers of a cluster share one port, and a balancer cannot tell them apart.
Result<void> require_addresses_of_their_own(const std::vector<Known>& all) {
  std::map<std::string, const Known*> seen;
  for (const Known& known : all) {
    if (!known.server.failure.empty()) continue;
    const auto [other, added] = seen.try_emplace(known.server.address, &known);
    if (added) continue;
    return failure(
        ErrorKind::invalid,
        fmt::format("{} (numbers {} and {} in PM2) run on one address, {}: as workers of a cluster they cannot be told apart; "
                    "run one of the app and let weir make the others, or give each a port of its own",
                    known.entry->name, other->second->entry->id, known.entry->id, known.server.address));
  }
  return {};
}

Result<std::vector<Known>> servers_in(const std::vector<Entry>& entries, std::span<const Group* const> groups) {
  std::vector<Known> all;
  add_copies(entries, all);
  std::set<std::string> apps;
  for (const Group* group : groups) {
    if (!apps.insert(group->server.text("app")).second) continue;  // it belongs to the first
    if (Result<void> added = add_originals(entries, *group, all); !added) return std::unexpected(added.error());
  }
  if (Result<void> apart = require_addresses_of_their_own(all); !apart) return std::unexpected(apart.error());
  std::ranges::sort(all, {}, [](const Known& known) -> const std::string& { return known.server.id; });
  return all;
}

class Pm2Provider final : public Provider {
 public:
  explicit Pm2Provider(Pm2ProviderOptions options)
      : options_(std::move(options)), cli_(options_.home, options_.command, options_.timeout) {
    if (!options_.now) options_.now = system_now;
  }

  Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) override;
  Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override;
  Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) override;

 private:
  [[nodiscard]] Result<std::vector<Entry>> entries(const std::stop_token& stop) const;
  [[nodiscard]] Result<DirectoryLock> lock(const std::stop_token& stop) const;
  [[nodiscard]] Result<Entry> pattern_for(const Group& group, const std::vector<Entry>& entries) const;
  [[nodiscard]] Result<int> choose_port(const Group& group, const Entry& pattern, const std::vector<Entry>& entries) const;
  [[nodiscard]] Result<pm2::Copy> intend(const LaunchRequest& request, const std::string& name,
                                         const std::vector<Entry>& entries) const;
  [[nodiscard]] Result<Server> find(const std::string& token, const Group& group, const std::vector<Entry>& entries) const;
  [[nodiscard]] Result<Server> after_refusal(const LaunchRequest& request, const Error& refusal, const std::stop_token& stop) const;
  [[nodiscard]] fs::path intent(const std::string& token) const { return options_.directory / (token + ".json"); }
  void forget_intent(const std::string& token) const {
    std::error_code ignored;
    fs::remove(intent(token), ignored);
  }

  Pm2ProviderOptions options_;
  pm2::Cli cli_;
};

/// A daemon without a single entry is one of the wrong home, or one whose list was lost with it: there is nothing to copy in any
/// case.
Result<std::vector<Entry>> Pm2Provider::entries(const std::stop_token& stop) const {
  Result<std::vector<Entry>> entries = cli_.list(stop);
  if (!entries || !entries->empty()) return entries;
  return failure(
      ErrorKind::unavailable,
      fmt::format("PM2 of {} knows no app at all: is this the right home, and was `pm2 resurrect` run?", options_.home.string()));
}

/// One launch or removal at a time, whoever asks: PM2 itself reads and then adds.
Result<DirectoryLock> Pm2Provider::lock(const std::stop_token& stop) const {
  std::error_code error;
  fs::create_directories(options_.directory, error);
  if (error) {
    return failure(ErrorKind::unavailable, fmt::format("cannot create {}: {}", options_.directory.string(), error.message()));
  }
  // What is started from here has the variables of the app in it.
  fs::permissions(options_.directory, fs::perms::owner_all, error);
  return DirectoryLock::take(options_.directory, options_.timeout * 4, stop);
}

Result<std::vector<Server>> Pm2Provider::list(std::span<const Group* const> groups, std::stop_token stop) {
  const Result<std::vector<Entry>> found = entries(stop);
  if (!found) return std::unexpected(found.error());
  Result<std::vector<Known>> known = servers_in(*found, groups);
  if (!known) return std::unexpected(known.error());
  std::vector<Server> servers;
  for (Known& each : *known) servers.push_back(std::move(each.server));
  return servers;
}

/// The app itself or, if that is gone, a copy of it.
Result<Entry> Pm2Provider::pattern_for(const Group& group, const std::vector<Entry>& entries) const {
  const std::string& app = group.server.text("app");
  const auto itself = std::ranges::find_if(entries, [&](const Entry& entry) { return entry.name == app && !is_ours(entry); });
  if (itself != entries.end()) return *itself;
  const auto copied =
      std::ranges::find_if(entries, [&](const Entry& entry) { return is_ours(entry) && entry.variable(kApp) == app; });
  if (copied != entries.end()) return *copied;
  return failure(ErrorKind::invalid,
                 fmt::format("PM2 of {} has no app '{}' to copy: start it once (`pm2 start … --name {}`), and stop it "
                             "if it shall not serve itself",
                             options_.home.string(), app, app));
}

/// The next free one after the one given last: a balancer may still send traffic to the port of a server that just died.
Result<int> Pm2Provider::choose_port(const Group& group, const Entry& pattern, const std::vector<Entry>& entries) const {
  const Settings& server = group.server;
  const std::optional<int> base = own_port(pattern, server);
  std::optional<PortRange> range = parse_port_range(server.text("ports"));
  if (!range && base) range = PortRange{*base + 1, std::min(*base + kDefaultPorts, 65'535)};
  if (!range) {
    return failure(ErrorKind::invalid, fmt::format("group {}: {} has no variable {} in PM2, so give the range of ports in 'ports'",
                                                   group.name, pattern.name, server.text("port_env")));
  }
  std::set<int> taken;
  std::pair<std::string, int> newest{"", range->last};
  for (const Entry& entry : entries) {
    const std::optional<int> port = is_ours(entry) || entry.name == server.text("app") ? own_port(entry, server) : std::nullopt;
    if (port) taken.insert(*port);
    if (port && entry.variable(kGroup) == group.name) newest = std::max(newest, {entry.variable(kLaunchedAt), *port});
  }
  int port = newest.second >= range->first && newest.second <= range->last ? newest.second : range->last;
  for (int tried = 0; tried < range->size(); ++tried) {
    port = port == range->last ? range->first : port + 1;
    if (taken.contains(port)) continue;
    const Result<bool> free = is_port_free(server.text("host"), port);
    if (!free) return std::unexpected(free.error());
    if (*free) return port;
  }
  return failure(ErrorKind::out_of_capacity, fmt::format("group {}: every port from {} to {} is taken; nothing was started",
                                                         group.name, range->first, range->last));
}

/// Writes down what will be started, or reads what a launch of this token that came to no end has written: its port stays the same.
Result<pm2::Copy> Pm2Provider::intend(const LaunchRequest& request, const std::string& name,
                                      const std::vector<Entry>& entries) const {
  const Result<std::string> before = read_file(intent(request.token));
  if (before) {
    if (auto copy = pm2::parse_copy(*before); copy && copy->name == name) return *std::move(copy);
  }
  const Group& group = request.group;
  const Result<Entry> pattern = pattern_for(group, entries);
  if (!pattern) return std::unexpected(pattern.error());
  const Result<int> port = choose_port(group, *pattern, entries);
  if (!port) return std::unexpected(port.error());
  std::map<std::string, std::string> variables{{kToken, request.token},
                                               {kGroup, group.name},
                                               {kVersion, request.version},
                                               {kApp, group.server.text("app")},
                                               {kPort, std::to_string(*port)},
                                               {kAddress, join_address(group.server.text("host"), *port)},
                                               {kLaunchedAt, std::to_string(options_.now().time_since_epoch().count())}};
  if (group.server.has("port_env")) variables[group.server.text("port_env")] = std::to_string(*port);
  if (group.server.has("port")) variables["NODE_APP_INSTANCE"] = std::to_string(*port - group.server.integer("port"));
  if (Result<void> written = replace_file(intent(request.token), pm2::copy_of(*pattern, name, variables)); !written)
    return std::unexpected(written.error());
  return pm2::Copy{name, std::move(variables)};
}

/// The server of this token. Errors: not_found.
Result<Server> Pm2Provider::find(const std::string& token, const Group& group, const std::vector<Entry>& entries) const {
  std::vector<Known> all;
  add_copies(entries, all);
  const auto found =
      std::ranges::find_if(all, [&](const Known& each) { return each.server.token == token && each.server.group == group.name; });
  if (found == all.end()) return failure(ErrorKind::not_found, fmt::format("no server of {}", token));
  return found->server;
}

Result<Server> Pm2Provider::launch(const LaunchRequest& request, std::stop_token stop) {
  if (!is_file_name(request.token)) {
    return failure(ErrorKind::invalid, fmt::format("cannot launch {}: a token must do as the name of a file", request.token));
  }
  const Result<DirectoryLock> locked = lock(stop);
  if (!locked) return std::unexpected(locked.error());
  const Result<std::vector<Entry>> before = entries(stop);
  if (!before)
    return failure(before.error().kind == ErrorKind::cancelled ? ErrorKind::cancelled : ErrorKind::unavailable,
                   before.error().message);
  if (Result<Server> known = find(request.token, request.group, *before)) {
    forget_intent(request.token);
    return known;
  }
  const std::string name = fmt::format("{}.{}", request.group.server.text("app"), request.token);
  const Result<pm2::Copy> copy = intend(request, name, *before);
  if (!copy) return std::unexpected(copy.error());
  const Result<void> started = cli_.start(intent(request.token), stop);
  if (!started && started.error().kind == ErrorKind::invalid) return after_refusal(request, started.error(), stop);
  if (!started) return std::unexpected(started.error());
  forget_intent(request.token);
  Entry entry{.name = name,
              .id = 0,
              .status = "launching",
              .configuration = {},
              .environment = copy->variables,
              .instance = {},
              .restarts = 0,
              .exit_code = {},
              .created_at = {}};
  return weir::copy(entry, true).server;
}

/// PM2 says that it could not. Only its list says whether it did all the same.
Result<Server> Pm2Provider::after_refusal(const LaunchRequest& request, const Error& refusal, const std::stop_token& stop) const {
  const Result<std::vector<Entry>> after = cli_.list(stop);
  if (!after) return failure(ErrorKind::unavailable, refusal.message);
  Result<Server> found = find(request.token, request.group, *after);
  forget_intent(request.token);
  if (found) return found;
  return failure(ErrorKind::invalid, refusal.message + "; nothing was started");
}

Result<void> Pm2Provider::terminate(const Group& group, const std::string& server, std::stop_token stop) {
  const Result<DirectoryLock> locked = lock(stop);
  if (!locked) return std::unexpected(locked.error());
  const auto named = [&](const Known& known) { return known.server.id == server && known.server.group == group.name; };
  const auto look = [&]() -> Result<std::optional<std::pair<Server, int>>> {
    const Result<std::vector<Entry>> found = entries(stop);
    if (!found) return std::unexpected(found.error());
    std::vector<Known> all;
    add_copies(*found, all);
    if (Result<void> added = add_originals(*found, group, all); !added) return std::unexpected(added.error());
    const auto known = std::ranges::find_if(all, named);
    if (known == all.end()) return std::nullopt;
    return std::pair(known->server, known->entry->id);
  };
  const auto known = look();
  if (!known) return std::unexpected(known.error());
  if (!*known) return {};
  const auto& [found, id] = **known;
  if (!found.protection.empty()) return failure(ErrorKind::denied, fmt::format("{} is kept: {}", server, found.protection));
  if (found.phase == Phase::terminating) return {};
  const Result<void> removed = cli_.remove(std::to_string(id), stop);
  if (removed || removed.error().kind != ErrorKind::invalid) return removed;
  const auto after = look();
  if (after && !*after) return {};
  return failure(ErrorKind::unavailable, removed.error().message);
}

}  // namespace

std::unique_ptr<Provider> make_pm2_provider(Pm2ProviderOptions options) {
  return std::make_unique<Pm2Provider>(std::move(options));
}

}  // namespace weir
