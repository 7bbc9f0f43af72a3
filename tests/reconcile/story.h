#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "controller/reconcile/classify.h"
#include "controller/reconcile/reconcile.h"

namespace weir {

/// One group whose outside is written by hand, turn by turn: what the provider lists, what the checks say, what the balancers say.
/// Without policies, so `memory.desired` is the only wish.
class Story {
 public:
  explicit Story(int serving = 0, int max = 10) {
    group.max = max;
    group.health.deadline = Duration(600'000);
    group.drain_timeout = Duration(60'000);
    group.balancers = {{.name = "nginx", .type = "nginx"}};
    views = {{.known = true, .in_force = true, .connections = std::vector<BalancerView::Connections>()}};
    memory.nonce = "n0";
    memory.version = "v1";
    memory.watched_since = now - std::chrono::hours(24);
    memory.turned_at = now;
    memory.desired = serving;
    for (int number = 1; number <= serving; ++number) serve("s" + std::to_string(number));
  }

  Group group{.name = "app", .provider = "icn", .version = "v1", .min = 1};
  Memory memory;
  TimePoint now{std::chrono::hours(500'000)};
  std::vector<Server> listed;
  std::string list_error;  ///< non-empty: the provider gave no list
  std::map<std::string, HealthStatus> health;
  std::vector<BalancerView> views;
  bool balancers_obey = true;
  std::vector<Outcome> outcomes;
  Policies policies;
  std::vector<Sample> samples;
  std::vector<std::string> hooks;  ///< tokens of those that run
  std::vector<Sample> judged;      ///< what every turn of a deploy is told about its new version
  Plan plan;                       ///< of the last turn

  /// A server that has been in service for about an hour and is in the balancers. Each is younger than the one before.
  void serve(const std::string& id) {
    appear(id, HealthStatus::healthy).launched_at = now - std::chrono::hours(1) + std::chrono::milliseconds(listed.size());
    const Server& server = *find(id);
    memory.servers.push_back({.id = id,
                              .token = server.token,
                              .address = server.address,
                              .version = "v1",
                              .launched_at = server.launched_at,
                              .seen_at = now,
                              .admitted_at = now - std::chrono::hours(1)});
    for (BalancerView& view : views) view.peers.push_back({.server = id, .address = server.address});
  }

  /// From now on the provider lists it: running since now, with that health.
  Server& appear(const std::string& id, HealthStatus status = HealthStatus::unknown, const std::string& token = "") {
    health[id] = status;
    listed.push_back({.id = id,
                      .group = "app",
                      .token = token.empty() ? "app-n0-0" + id : token,
                      .address = id + ":80",
                      .version = "v1",
                      .phase = Phase::warming,
                      .launched_at = now});
    return listed.back();
  }

  Server* find(const std::string& id) {
    const auto found = std::ranges::find(listed, id, &Server::id);
    return found == listed.end() ? nullptr : &*found;
  }
  void vanish(const std::string& id) {
    std::erase_if(listed, [&](const Server& server) { return server.id == id; });
  }
  ServerMemory& remembered(const std::string& id) { return *std::ranges::find(memory.servers, id, &ServerMemory::id); }
  bool remembers(const std::string& id) const {
    return std::ranges::find(memory.servers, id, &ServerMemory::id) != memory.servers.end();
  }

  void connections(const std::string& id, int count) {
    for (BalancerView& view : views) {
      std::erase_if(*view.connections, [&](const BalancerView::Connections& one) { return one.address == id + ":80"; });
      view.connections->push_back({id + ":80", count});
    }
  }

  /// Lets that much time pass, then one turn. Returns its actions: "drain s1".
  std::vector<std::string> turn(Duration later = Duration(1000)) {
    now += later;
    std::vector<Server> list = listed;
    std::ranges::sort(list, {}, &Server::id);
    Observation seen{.at = now, .listed = list_error.empty(), .listed_detail = list_error};
    seen.servers = with_remembered(group, list_error.empty() ? &list : nullptr, memory);
    for (Server& server : seen.servers) server.health = {health[server.id], "GET /: 503"};
    seen.samples = samples;
    if (is_active(memory.rollout)) {
      seen.judged = judged;
      seen.judged_version = memory.rollout->version;
    }
    seen.hooks = hooks;
    seen.balancers = views;
    seen.outcomes = std::exchange(outcomes, {});
    Turn turn = reconcile(group, policies, std::move(seen), memory);
    memory = std::move(turn.memory);
    plan = std::move(turn.plan);
    classified = std::move(turn.observation.servers);
    if (plan.write_balancers && balancers_obey) {
      for (BalancerView& view : views) {
        view.known = view.in_force = true;
        view.peers = plan.peers;
      }
    }
    std::vector<std::string> actions;
    for (const Action& action : plan.actions) actions.push_back(std::string(to_string(action.kind)) + " " + action.server);
    return actions;
  }

  /// Many turns of a second each; all their actions.
  std::vector<std::string> turns(int count) {
    std::vector<std::string> all;
    for (; count > 0; --count) std::ranges::move(turn(), std::back_inserter(all));
    return all;
  }

  Phase phase(const std::string& id) const {
    const auto found = std::ranges::find(classified, id, &Server::id);
    return found == classified.end() ? Phase::terminating : found->phase;
  }
  std::vector<std::string> peers() const {
    std::vector<std::string> ids;
    for (const Peer& peer : plan.peers) ids.push_back(peer.server);
    return ids;
  }
  bool noted(std::string_view part) const {
    return std::ranges::any_of(plan.notes, [&](const std::string& note) { return note.contains(part); });
  }

  std::vector<Server> classified;
};

}  // namespace weir
