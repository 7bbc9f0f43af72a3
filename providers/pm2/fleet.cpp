#include "providers/pm2/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "platform/ports.h"

namespace weir::pm2 {
namespace {

template <typename T>
std::optional<T> number(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

void set_state(Server& server, const Entry& entry) {
  const bool begins = entry.status == "launching" || entry.status == "one-launch-status";
  server.phase = begins ? Phase::pending : Phase::warming;
  if (entry.status == "stopping") server.phase = Phase::terminating;
  if (entry.status != "stopped" && entry.status != "errored") return;
  const std::string code = entry.exit_code ? fmt::format(", exit code {}", *entry.exit_code) : "";
  server.failure = fmt::format("PM2 calls it {} after {} restarts{}", entry.status, entry.restarts, code);
}

/// Workers of a cluster share one port, and nothing outside can tell them apart.
Result<void> require_addresses_of_their_own(const std::vector<Known>& all) {
  std::map<std::string, const Known*> seen;
  for (const Known& known : all) {
    if (!known.server.failure.empty()) continue;
    const auto [other, added] = seen.try_emplace(known.server.address, &known);
    if (added) continue;
    return failure(
        ErrorKind::invalid,
        fmt::format("{} and {} (numbers {} and {} in PM2) both have the address {}: workers of one cluster cannot be told "
                    "apart; run one of the app and let weir make the others, or give each a port of its own",
                    other->second->name, known.name, other->second->id, known.id, known.server.address));
  }
  return {};
}

}  // namespace

bool Fleet::is_ours(const Entry& entry) const {
  return entry.variable(kOwner) == owner_ && !entry.variable(kToken).empty() && !entry.variable(kGroup).empty();
}

bool Fleet::is_original(const Entry& entry, const std::string& app) const {
  return entry.name == app && entry.variable(kToken).empty();
}

std::string Fleet::name_or_id(const Entry& entry) const {
  const auto same = std::ranges::count(entries_, entry.name, &Entry::name);
  return same == 1 ? entry.name : std::to_string(entry.id);
}

std::optional<int> Fleet::port_of(const Entry& entry, const Settings& server) const {
  if (!entry.variable(kToken).empty()) return number<int>(entry.variable(kPort));
  if (server.has("port_env")) return number<int>(entry.variable(server.text("port_env")));
  return server.integer("port") + entry.instance.value_or(0);
}

/// A name that is there twice was started twice by an accident: only the first is the server that was asked for.
Known Fleet::copy(const Entry& entry) const {
  const bool first = std::ranges::none_of(
      entries_, [&](const Entry& other) { return is_ours(other) && other.name == entry.name && other.id < entry.id; });
  Server server;
  server.id = first ? entry.name : fmt::format("{}#{}", entry.name, entry.id);
  server.group = entry.variable(kGroup);
  if (first) server.token = entry.variable(kToken);
  server.address = entry.variable(kAddress);
  server.version = entry.variable(kVersion);
  if (const auto at = number<Duration::rep>(entry.variable(kLaunchedAt))) server.launched_at = TimePoint(Duration(*at));
  set_state(server, entry);
  if (!first) {
    server.failure = fmt::format("a second {} that nobody asked for", entry.name);
    server.failure_cause = FailureCause::platform;
  }
  return {.server = std::move(server), .name = entry.name, .id = entry.id, .removable_by = name_or_id(entry)};
}

/// One that was there before weir.
Known Fleet::original(const Entry& entry, const Group& group, int port) const {
  Server server;
  server.id = fmt::format("{}-{}", entry.name, entry.id);
  server.group = group.name;
  server.address = join_address(group.server.text("host"), port);
  server.launched_at = entry.created_at.value_or(TimePoint{});
  set_state(server, entry);
  return {.server = std::move(server), .name = entry.name, .id = entry.id, .removable_by = name_or_id(entry)};
}

/// One that is stopped is no server: somebody keeps it as the pattern.
Result<void> Fleet::add_originals(const Group& group, std::vector<Known>& all) const {
  const std::string& app = group.server.text("app");
  const auto count = std::ranges::count_if(entries_, [&](const Entry& entry) { return is_original(entry, app); });
  for (const Entry& entry : entries_) {
    if (!is_original(entry, app) || entry.status == "stopped") continue;
    const std::optional<int> port = port_of(entry, group.server);
    if (!port) {
      return failure(
          ErrorKind::invalid,
          fmt::format("group {}: {} (number {} in PM2) runs without a port in its variable {}: start it with one, or stop "
                      "it and let it be the pattern only",
                      group.name, app, entry.id, group.server.text("port_env")));
    }
    all.push_back(original(entry, group, *port));
    if (count == 1) all.back().server.protection = "the last one of the app itself: copies are made of it";
  }
  return {};
}

Result<std::vector<Known>> Fleet::servers(std::span<const Group* const> groups) const {
  std::vector<Known> all;
  for (const Entry& entry : entries_) {
    if (is_ours(entry)) all.push_back(copy(entry));
  }
  std::set<std::string> apps;
  for (const Group* group : groups) {
    if (!apps.insert(group->server.text("app")).second) continue;  // what runs of it belongs to the first
    if (Result<void> added = add_originals(*group, all); !added) return std::unexpected(added.error());
  }
  if (Result<void> apart = require_addresses_of_their_own(all); !apart) return std::unexpected(apart.error());
  std::ranges::sort(all, {}, [](const Known& known) -> const std::string& { return known.server.id; });
  return all;
}

std::optional<Known> Fleet::launched(const std::string& token, const std::string& group) const {
  for (const Entry& entry : entries_) {
    if (!is_ours(entry) || entry.variable(kToken) != token || entry.variable(kGroup) != group) continue;
    Known known = copy(entry);
    if (known.server.token == token) return known;
  }
  return std::nullopt;
}

const Entry* Fleet::pattern(const std::string& app) const {
  const auto itself = std::ranges::find_if(entries_, [&](const Entry& entry) { return is_original(entry, app); });
  if (itself != entries_.end()) return &*itself;
  const auto copied =
      std::ranges::find_if(entries_, [&](const Entry& entry) { return is_ours(entry) && entry.variable(kApp) == app; });
  return copied != entries_.end() ? &*copied : nullptr;
}

std::set<int> Fleet::taken_ports(const Settings& server) const {
  std::set<int> taken;
  for (const Entry& entry : entries_) {
    const bool counts = !entry.variable(kToken).empty() || entry.name == server.text("app");
    if (const std::optional<int> port = counts ? port_of(entry, server) : std::nullopt) taken.insert(*port);
  }
  return taken;
}

std::optional<int> Fleet::newest_port(const std::string& group) const {
  std::pair<Duration::rep, int> newest{};
  for (const Entry& entry : entries_) {
    if (!is_ours(entry) || entry.variable(kGroup) != group) continue;
    const auto at = number<Duration::rep>(entry.variable(kLaunchedAt));
    const auto port = number<int>(entry.variable(kPort));
    if (at && port) newest = std::max(newest, {*at, *port});
  }
  return newest.second != 0 ? std::optional(newest.second) : std::nullopt;
}

}  // namespace weir::pm2
