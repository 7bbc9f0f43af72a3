#include "providers/pm2/pm2.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>

#include "platform/directory_lock.h"
#include "platform/ports.h"
#include "providers/pm2/cli.h"
#include "providers/pm2/entry.h"
#include "providers/pm2/fleet.h"

namespace weir {
namespace {

namespace fs = std::filesystem;
using pm2::Entry;
using pm2::Fleet;
using pm2::Known;

constexpr int kDefaultPorts = 1000;
constexpr int kHighestPort = 65'535;

TimePoint system_now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

std::string name_of(const LaunchRequest& request) { return fmt::format("{}.{}", request.group.server.text("app"), request.token); }

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
  [[nodiscard]] Result<DirectoryLock> lock(const std::stop_token& stop) const;
  [[nodiscard]] Result<Server> start(const LaunchRequest& request, const Fleet& fleet, const std::stop_token& stop);
  [[nodiscard]] Result<PortRange> ports(const Group& group, const Entry& pattern, const Fleet& fleet) const;
  [[nodiscard]] Result<int> choose_port(const Group& group, const Entry& pattern, const Fleet& fleet);
  [[nodiscard]] Result<Server> after_refusal(const LaunchRequest& request, const Error& refusal, const std::stop_token& stop) const;
  [[nodiscard]] Result<std::optional<Known>> find(const Group& group, const std::string& server, const std::stop_token& stop) const;

  Pm2ProviderOptions options_;
  pm2::Cli cli_;
  std::mutex ports_mutex_;
  std::map<std::string, int> last_ports_;  ///< by group: the one given last
};

/// One launch at a time, whoever asks: it looks at what is there, and then adds to it.
Result<DirectoryLock> Pm2Provider::lock(const std::stop_token& stop) const {
  std::error_code error;
  fs::create_directories(options_.directory, error);
  if (error) {
    return failure(ErrorKind::unavailable, fmt::format("cannot create {}: {}", options_.directory.string(), error.message()));
  }
  return DirectoryLock::take(options_.directory, options_.timeout * 4, stop);
}

Result<std::vector<Server>> Pm2Provider::list(std::span<const Group* const> groups, std::stop_token stop) {
  const Result<std::vector<Entry>> entries = cli_.list(stop);
  if (!entries) return std::unexpected(entries.error());
  Result<std::vector<Known>> known = Fleet(*entries, options_.owner).servers(groups);
  if (!known) return std::unexpected(known.error());
  std::vector<Server> servers;
  for (Known& each : *known) servers.push_back(std::move(each.server));
  return servers;
}

Result<PortRange> Pm2Provider::ports(const Group& group, const Entry& pattern, const Fleet& fleet) const {
  const Settings& server = group.server;
  if (server.has("ports")) {
    if (const std::optional<PortRange> range = parse_port_range(server.text("ports"))) return *range;
  }
  if (const std::optional<int> base = fleet.port_of(pattern, server); base && *base < kHighestPort) {
    return PortRange{*base + 1, std::min(*base + kDefaultPorts, kHighestPort)};
  }
  return failure(
      ErrorKind::invalid,
      fmt::format("group {}: {} has no port in its variable {}, so give the range of ports in 'ports'; nothing was started",
                  group.name, pattern.name, server.has("port_env") ? server.text("port_env") : "NODE_APP_INSTANCE"));
}

/// The next free one after the one given last: a balancer may still send traffic to the port of a server that just died.
Result<int> Pm2Provider::choose_port(const Group& group, const Entry& pattern, const Fleet& fleet) {
  const Result<PortRange> range = ports(group, pattern, fleet);
  if (!range) return std::unexpected(range.error());
  const std::set<int> taken = fleet.taken_ports(group.server);
  const std::lock_guard guard(ports_mutex_);
  int& last = last_ports_.try_emplace(group.name, fleet.newest_port(group.name).value_or(range->last)).first->second;
  if (last < range->first || last > range->last) last = range->last;
  for (int tried = 0; tried < range->size(); ++tried) {
    last = last == range->last ? range->first : last + 1;
    if (taken.contains(last)) continue;
    const Result<bool> free = is_port_free(group.server.text("host"), last);
    if (!free) return std::unexpected(free.error());
    if (*free) return last;
  }
  return failure(ErrorKind::out_of_capacity, fmt::format("group {}: every port from {} to {} is taken; nothing was started",
                                                         group.name, range->first, range->last));
}

Result<Server> Pm2Provider::start(const LaunchRequest& request, const Fleet& fleet, const std::stop_token& stop) {
  const Group& group = request.group;
  const std::string& app = group.server.text("app");
  const Entry* pattern = fleet.pattern(app);
  if (pattern == nullptr) {
    return failure(ErrorKind::invalid,
                   fmt::format("PM2 of {} has no app '{}' to copy: start it once (`pm2 start … --name {}`), and "
                               "stop it if it shall not serve itself; nothing was started",
                               options_.home.string(), app, app));
  }
  const Result<int> port = choose_port(group, *pattern, fleet);
  if (!port) return std::unexpected(port.error());
  pm2::Variables variables{{pm2::kOwner, options_.owner},
                           {pm2::kToken, request.token},
                           {pm2::kGroup, group.name},
                           {pm2::kVersion, request.version},
                           {pm2::kApp, app},
                           {pm2::kPort, std::to_string(*port)},
                           {pm2::kAddress, join_address(group.server.text("host"), *port)},
                           {pm2::kLaunchedAt, std::to_string(options_.now().time_since_epoch().count())}};
  if (group.server.has("port_env")) variables[group.server.text("port_env")] = std::to_string(*port);
  if (group.server.has("port")) variables["NODE_APP_INSTANCE"] = std::to_string(*port - group.server.integer("port"));
  const std::string name = name_of(request);
  if (Result<void> started = cli_.start(name, pm2::copy_of(*pattern, name, variables), stop); !started)
    return std::unexpected(started.error());
  Entry entry{};
  entry.name = name;
  entry.status = "launching";
  entry.environment = std::move(variables);
  return Fleet({&entry, 1}, options_.owner).launched(request.token, group.name)->server;
}

Result<Server> Pm2Provider::launch(const LaunchRequest& request, std::stop_token stop) {
  const Result<DirectoryLock> locked = lock(stop);
  if (!locked) return std::unexpected(locked.error());
  const Result<std::vector<Entry>> entries = cli_.list(stop);
  if (!entries) {
    // Whether one of this token runs is not known, so this must not be read as "nothing was made".
    const bool cancelled = entries.error().kind == ErrorKind::cancelled;
    return failure(cancelled ? ErrorKind::cancelled : ErrorKind::unavailable, entries.error().message);
  }
  const Fleet fleet(*entries, options_.owner);
  if (std::optional<Known> known = fleet.launched(request.token, request.group.name)) return std::move(known->server);
  const auto same_name = [&](const Entry& entry) { return entry.name == name_of(request); };
  if (std::ranges::any_of(*entries, same_name)) {
    return failure(ErrorKind::invalid, fmt::format("PM2 of {} has an entry of somebody else's called {}; nothing was started",
                                                   options_.home.string(), name_of(request)));
  }
  Result<Server> started = start(request, fleet, stop);
  if (started || started.error().kind != ErrorKind::invalid) return started;
  return after_refusal(request, started.error(), stop);
}

/// PM2 says that it could not. Only its list says whether it did all the same.
Result<Server> Pm2Provider::after_refusal(const LaunchRequest& request, const Error& refusal, const std::stop_token& stop) const {
  const Result<std::vector<Entry>> after = cli_.list(stop);
  if (!after) return failure(ErrorKind::unavailable, refusal.message);
  if (std::optional<Known> known = Fleet(*after, options_.owner).launched(request.token, request.group.name)) return known->server;
  return std::unexpected(refusal);
}

Result<std::optional<Known>> Pm2Provider::find(const Group& group, const std::string& server, const std::stop_token& stop) const {
  const Result<std::vector<Entry>> entries = cli_.list(stop);
  if (!entries) return std::unexpected(entries.error());
  const Group* const groups[] = {&group};
  Result<std::vector<Known>> all = Fleet(*entries, options_.owner).servers(groups);
  if (!all) return std::unexpected(all.error());
  const auto found =
      std::ranges::find_if(*all, [&](const Known& known) { return known.server.id == server && known.server.group == group.name; });
  return found == all->end() ? std::optional<Known>() : std::move(*found);
}

Result<void> Pm2Provider::terminate(const Group& group, const std::string& server, std::stop_token stop) {
  const Result<std::optional<Known>> known = find(group, server, stop);
  if (!known) return std::unexpected(known.error());
  if (!*known || (*known)->server.phase == Phase::terminating) return {};
  if (!(*known)->server.protection.empty())
    return failure(ErrorKind::denied, fmt::format("{} is kept: {}", server, (*known)->server.protection));
  const Result<void> removed = cli_.remove((*known)->removable_by, stop);
  if (removed || removed.error().kind == ErrorKind::cancelled) return removed;
  // Gone already, or it takes longer to end than the call may last: PM2 goes on without us.
  const Result<std::optional<Known>> after = find(group, server, stop);
  if (after && (!*after || (*after)->server.phase == Phase::terminating)) return {};
  const ErrorKind kind = removed.error().kind == ErrorKind::invalid ? ErrorKind::unavailable : removed.error().kind;
  return failure(kind, removed.error().message);
}

}  // namespace

std::unique_ptr<Provider> make_pm2_provider(Pm2ProviderOptions options) {
  return std::make_unique<Pm2Provider>(std::move(options));
}

}  // namespace weir
