#include "controller/reconcile/classify.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <utility>

#include "deploy/advance.h"
#include "policies/cost.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// So many boot times are kept.
constexpr std::size_t kKeptBoots = 20;
/// Until one is known.
constexpr Duration kUnknownBoot = 2min;
using HalfMinutes = std::chrono::duration<std::int64_t, std::ratio<30>>;

/// A clock that was set back must not freeze cooldowns, windows, limits and drains: no mark lies in the future.
void forget_future(TimePoint at, Memory& memory) {
  const auto clamp = [at](std::optional<TimePoint>& mark) {
    if (mark && *mark > at) mark = at;
  };
  const auto clamp_all = [at](auto& marks) {
    for (auto& mark : marks) mark.at = std::min(mark.at, at);
  };
  clamp(memory.scaled_out_at);
  clamp(memory.scaled_in_at);
  clamp(memory.turned_at);
  clamp(memory.watched_since);
  clamp(memory.suspected_at);
  clamp(memory.help.stopped_at);
  if (memory.rollout) {
    clamp(memory.rollout->reached_at);
    clamp(memory.rollout->trusted_at);
    clamp(memory.rollout->blocked_at);
    memory.rollout->progressed_at = std::min(memory.rollout->progressed_at, at);
  }
  if (memory.help.trial) memory.help.trial->at = std::min(memory.help.trial->at, at);
  clamp_all(memory.highest);
  clamp_all(memory.lowest);
  clamp_all(memory.events);
  for (PolicyMemory& policy : memory.policies) {
    clamp(policy.above_since);
    clamp(policy.below_since);
    clamp(policy.good_at);
    clamp(policy.most_series_at);
  }
  for (ServerMemory& server : memory.servers) {
    clamp(server.admitted_at);
    clamp(server.ready_at);
    clamp(server.drain_at);
    clamp(server.idle_since);
    clamp(server.terminate_at);
    clamp(server.release_at);
    server.launched_at = std::min(server.launched_at, at);
    server.seen_at = std::min(server.seen_at, at);
  }
  // A back-off is never longer than the longest back-off there is.
  if (memory.launch_not_before) memory.launch_not_before = std::min(*memory.launch_not_before, at + kLongestBackoff);
  for (LaunchIntent& intent : memory.launches) {
    clamp(intent.abandoned_at);
    intent.next_attempt_at = std::min(intent.next_attempt_at, at + kLongestBackoff);
  }
}

Server remembered_server(const ServerMemory& known, const Group& group) {
  return {.id = known.id,
          .group = group.name,
          .token = known.token,
          .address = known.address,
          .version = known.version,
          .phase = known.address.empty() ? Phase::pending : Phase::warming,
          .launched_at = known.launched_at,
          .listed = false};
}

struct ById {
  bool operator()(const Server& server, const std::string& id) const { return server.id < id; }
  bool operator()(const std::string& id, const Server& server) const { return id < server.id; }
};

ServerMemory remember_server(const Server& server, TimePoint at) {
  return {.id = server.id,
          .token = server.token,
          .address = server.address,
          .version = server.version,
          // A provider that does not know when it made a server cannot make us wait for ever for it.
          .launched_at = server.launched_at == TimePoint{} ? at : std::min(server.launched_at, at),
          .seen_at = at};
}

/// The number of a token that this memory gave out, or would have.
std::optional<std::uint64_t> token_number(const std::string& token, const Group& group, const Memory& memory) {
  if (!is_own_token(token, group, memory)) return std::nullopt;
  std::uint64_t number = 0;
  const char* const end = token.data() + token.size();
  const auto parsed = std::from_chars(token.data() + group.name.size() + memory.nonce.size() + 2, end, number);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(number) : std::nullopt;
}

/// Every own server of this turn beside its memory; what is remembered but not listed is in it, with `missed` counted up.
class Join {
 public:
  Join(const Group& group, Observation& observation, Memory& memory, Classified& result)
      : group_(group), observation_(observation), memory_(memory), result_(result) {}

  void run() {
    // Mostly the servers are the ones of the last turn: nothing has to move.
    const bool same = std::ranges::equal(observation_.servers, memory_.servers, {}, &Server::id, &ServerMemory::id);
    same ? keep_all() : join();
  }

 private:
  void keep_all() {
    for (std::size_t index = 0; index < memory_.servers.size(); ++index)
      update(observation_.servers[index], memory_.servers[index]);
    result_.servers = std::exchange(observation_.servers, {});
  }

  void join() {
    joined_.reserve(observation_.servers.size());
    result_.servers.reserve(observation_.servers.size());
    auto known = memory_.servers.begin();
    for (Server& server : observation_.servers) {
      for (; known != memory_.servers.end() && known->id < server.id; ++known) keep_missing(*known);
      if (known != memory_.servers.end() && known->id == server.id) {
        keep(server, *known);
        ++known;
      } else {
        meet(server);
      }
    }
    for (; known != memory_.servers.end(); ++known) keep_missing(*known);
    memory_.servers = std::move(joined_);
    observation_.servers.clear();
  }

  void update(Server& server, ServerMemory& known) const {
    // Not every provider can say what a server runs.
    if (server.version.empty()) server.version = known.version;
    if (observation_.listed && server.listed) {
      known.missed = 0;
      known.seen_at = observation_.at;
    } else if (observation_.listed) {
      ++known.missed;
    }
    if (server.address.empty() || server.address == known.address) return;
    if (!known.address.empty()) {
      known.ready_at.reset();
      // Nobody has proven the new address; what was proven of the old one says nothing about it.
      known.admitted_at.reset();
      known.found_serving = false;
      known.launched_at = observation_.at;
    }
    known.address = server.address;
  }

  void keep(Server& server, ServerMemory& known) {
    update(server, known);
    joined_.push_back(std::move(known));
    result_.servers.push_back(std::move(server));
  }

  void keep_missing(ServerMemory& known) {
    Server server = remembered_server(known, group_);
    keep(server, known);
  }

  void meet(Server& server) {
    const auto intent = std::ranges::find(memory_.launches, server.token, &LaunchIntent::token);
    const bool intended = !server.token.empty() && intent != memory_.launches.end();
    // A state file restored from a backup must not give out again what was given out after the backup: the provider would take such
    // a launch for one that has happened already.
    if (const auto number = token_number(server.token, group_, memory_); number && *number >= memory_.next_token) {
      memory_.next_token = *number + 1;
    }
    if (intended) {
      // Not every provider can say what a server runs.
      if (server.version.empty()) server.version = intent->version;
      memory_.launches.erase(intent);
      result_.met.push_back(server.id);
    }
    const bool ours = intended || !group_.elastic || !memory_.desired || is_own_token(server.token, group_, memory_);
    if (!ours && group_.orphans != OrphanRule::adopt) {
      result_.strangers.push_back(std::move(server));
      return;
    }
    if (!ours) {
      result_.notes.push_back(
          fmt::format("adopted {} at {}: it carries the group's tag and was not known", server.id, server.address));
    }
    joined_.push_back(remember_server(server, observation_.at));
    if (!intended) recognise(server, joined_.back());
    result_.servers.push_back(std::move(server));
  }

  void recognise(const Server& server, ServerMemory& known) const {
    if (serves_already(server)) {
      // Memory was lost, not the server: what a balancer is proven to send traffic to has been proven healthy before.
      known.admitted_at = known.launched_at;
    } else {
      // It may be old, but nobody has asked it for its health yet: its deadline begins now. Traffic that goes to it by another's
      // hand is not taken away before anything is known against it.
      known.launched_at = observation_.at;
      known.found_serving = is_peer_now(observation_, server.address);
    }
  }

  [[nodiscard]] bool serves_already(const Server& server) const {
    return std::ranges::any_of(observation_.balancers, [&](const BalancerView& view) {
      return view.known && view.in_force && std::ranges::any_of(view.peers, [&](const Peer& peer) {
               return peer.server == server.id && peer.address == server.address;
             });
    });
  }

  const Group& group_;
  Observation& observation_;
  Memory& memory_;
  Classified& result_;
  std::vector<ServerMemory> joined_;
};

bool removal_expected(const ServerMemory& known) { return known.terminate_at || known.release_at; }

bool is_gone(const Group& group, TimePoint at, const Server& server, const ServerMemory& known, bool list_suspected) {
  if (!group.elastic) return known.missed > 0;
  const bool plausible = removal_expected(known) || server.health.status == HealthStatus::unhealthy;
  if (plausible) return known.missed >= 2;
  // Lists are asked for in quick succession while something leaves; a list that lags by seconds is not proof.
  return known.missed >= 3 && at - known.seen_at >= 2 * group.interval && !list_suspected;
}

void forget_gone(const Group& group, TimePoint at, Classified& result, Memory& memory) {
  int expected = 0;
  int lost = 0;
  int answering = 0;
  for (std::size_t index = 0; index < memory.servers.size(); ++index) {
    if (removal_expected(memory.servers[index])) continue;
    ++expected;
    const HealthStatus health = result.servers[index].health.status;
    if (memory.servers[index].missed == 0 || health == HealthStatus::unhealthy) continue;
    ++lost;
    if (health == HealthStatus::healthy) ++answering;
  }
  // The only server of a group is no majority, unless it proves the list wrong by answering.
  result.list_suspected = group.elastic && lost * 2 > expected && (lost >= 2 || answering == lost);
  if (result.list_suspected) {
    result.notes.push_back(fmt::format(
        "the provider's list lacks {} of {} servers whose checks do not fail: not believed, nothing is replaced", lost, expected));
  }
  std::size_t kept = 0;
  for (std::size_t index = 0; index < memory.servers.size(); ++index) {
    if (is_gone(group, at, result.servers[index], memory.servers[index], result.list_suspected)) {
      if (!removal_expected(memory.servers[index])) {
        result.notes.push_back(fmt::format("{} is gone: the provider has not listed it {} times", result.servers[index].id,
                                           memory.servers[index].missed));
      }
      continue;
    }
    if (kept != index) {
      memory.servers[kept] = std::move(memory.servers[index]);
      result.servers[kept] = std::move(result.servers[index]);
    }
    ++kept;
  }
  memory.servers.resize(kept);
  result.servers.resize(kept);
}

Phase phase_of(const Server& server, const ServerMemory& known) {
  if (server.phase == Phase::terminating || known.terminate_at || !server.failure.empty()) return Phase::terminating;
  if (known.drain_at) return Phase::draining;
  if (known.admitted_at) return Phase::in_service;
  return server.phase == Phase::pending ? Phase::pending : Phase::warming;
}

/// How many servers in service there are, and how many of them look unhealthy.
struct Poll {
  int in_service = 0;
  int unhealthy = 0;

  void ask(const Server& server) {
    ++in_service;
    if (server.health.status == HealthStatus::unhealthy) ++unhealthy;
  }
  [[nodiscard]] bool is_most() const { return unhealthy * 2 > in_service; }
};

/// Servers that failed together recover one by one: the last are not guilty because the others were faster.
void suspect_the_probe(const Group& group, TimePoint at, const Poll& poll, bool blames_version, Classified& result,
                       Memory& memory) {
  const auto [in_service, unhealthy] = poll;
  const bool most = unhealthy >= 2 && poll.is_most() && !blames_version;
  if (most) memory.suspected_at = at;
  if (unhealthy == 0 || (memory.suspected_at && at - *memory.suspected_at > recovery_time(group.health))) {
    memory.suspected_at.reset();
  }
  result.probe_suspected = memory.suspected_at.has_value();
  if (!result.probe_suspected) return;
  result.notes.push_back(
      most ? fmt::format("{} of {} servers of {} look unhealthy together: the check itself is suspected, nothing is taken out",
                         unhealthy, in_service, group.name)
           : fmt::format("{} of {} servers of {} still look unhealthy after most did together: they are given {} to recover",
                         unhealthy, in_service, group.name, format_duration(recovery_time(group.health))));
}

void learn_boot(Duration boot, Memory& memory) {
  if (boot <= Duration{0}) return;
  memory.boots.push_back(boot);
  if (memory.boots.size() > kKeptBoots) memory.boots.erase(memory.boots.begin());
}

void give_phases(const Group& group, TimePoint at, Classified& result, Memory& memory) {
  Poll all;
  Poll others;
  const auto is_tried = [&](const Server& server) {
    return is_active(memory.rollout) && is_fresh(*memory.rollout, server.version);
  };
  for (std::size_t index = 0; index < memory.servers.size(); ++index) {
    Server& server = result.servers[index];
    ServerMemory& known = memory.servers[index];
    server.launched_at = known.launched_at;
    server.listed = known.missed == 0;  // a turn without a list says what the last list said
    server.phase = phase_of(server, known);
    const bool proven = server.health.status == HealthStatus::healthy && !server.address.empty() && known.missed == 0;
    const bool held = holds_back(memory.rollout, server.version) && !known.found_serving;
    if (server.phase == Phase::warming && proven && held) {
      if (!known.ready_at) known.ready_at = at;
    } else if (server.phase == Phase::warming && proven) {
      known.admitted_at = at;
      if (!known.found_serving && is_own_token(known.token, group, memory)) learn_boot(at - known.launched_at, memory);
      server.phase = Phase::in_service;
      result.admitted.push_back(server.id);
    }
    server.in_service_since = known.admitted_at;
    if (group.cost && !server.paid_until) server.paid_until = paid_until(*group.cost, known.launched_at, at);
    // Where the platform picks, one that never passed the check is left out too: it is no witness against the check.
    const bool taken_out =
        server.phase == Phase::draining && known.drain_cause == DrainCause::unhealthy && known.admitted_at.has_value();
    const bool found = server.phase == Phase::warming && known.found_serving;
    // Kept as a way back it is checked like any other, and tells whether the check is to blame or the new version.
    const bool standby = server.phase == Phase::draining && known.drain_cause == DrainCause::standby;
    if (standby && !is_tried(server)) others.ask(server);
    if (server.phase != Phase::in_service && !taken_out && !found) continue;
    all.ask(server);
    if (!is_tried(server)) others.ask(server);
  }
  // A version that is being tried says something about itself, not about the check, as long as others do well.
  const bool blames_version = others.in_service > 0 && !others.is_most();
  suspect_the_probe(group, at, all, blames_version, result, memory);
}

}  // namespace

bool is_peer_now(const Observation& observation, const std::string& address) {
  return std::ranges::any_of(observation.balancers, [&](const BalancerView& view) {
    return view.known && std::ranges::find(view.peers, address, &Peer::address) != view.peers.end();
  });
}

Duration recovery_time(const HealthCheck& check) {
  return (check.healthy_after + check.unhealthy_after) * check.interval + check.timeout;
}

bool is_own_token(const std::string& token, const Group& group, const Memory& memory) {
  if (memory.nonce.empty()) return false;
  const std::string prefix = group.name + "-" + memory.nonce + "-";
  return token.starts_with(prefix);
}

bool can_serve(const Server& server, bool probe_suspected) {
  return server.phase == Phase::in_service && (probe_suspected || server.health.status != HealthStatus::unhealthy);
}

std::vector<Server> with_remembered(const Group& group, const std::vector<Server>* listed, const Memory& memory) {
  std::vector<Server> servers;
  if (listed != nullptr) servers = *listed;
  const std::size_t count = servers.size();
  for (const ServerMemory& known : memory.servers) {
    if (!std::binary_search(servers.begin(), servers.begin() + static_cast<std::ptrdiff_t>(count), known.id, ById())) {
      servers.push_back(remembered_server(known, group));
    }
  }
  if (servers.size() != count) std::ranges::sort(servers, {}, &Server::id);
  return servers;
}

Classified classify(const Group& group, Observation& observation, Memory& memory) {
  Classified result;
  forget_future(observation.at, memory);
  Join(group, observation, memory, result).run();
  forget_gone(group, observation.at, result, memory);
  give_phases(group, observation.at, result, memory);
  return result;
}

Duration horizon_of(const Group& group, const Memory& memory) {
  Duration slowest{0};
  Duration second{0};
  for (const Duration boot : memory.boots) {
    second = std::max(second, std::min(boot, slowest));
    slowest = std::max(slowest, boot);
  }
  // The slowest of many is an accident, the second slowest is the rule.
  const Duration boot = memory.boots.empty() ? kUnknownBoot : memory.boots.size() < kKeptBoots ? slowest : second;
  return std::chrono::ceil<HalfMinutes>(boot + group.interval);
}

Fleet fleet_of(const Group& group, const Classified& classified, TimePoint at, const Memory& memory) {
  Fleet fleet{.desired = memory.desired.value_or(0), .servers = classified.servers, .warmed_before = at - group.warm_up};
  fleet.horizon = horizon_of(group, memory);
  for (const Server& server : classified.servers) {
    if (server.phase == Phase::in_service) ++fleet.in_service;
    if (fleet.is_warmed(server)) {
      ++fleet.warmed;
    } else if (server.phase != Phase::draining && server.phase != Phase::terminating) {
      ++fleet.on_the_way;
    }
  }
  return fleet;
}

}  // namespace weir
