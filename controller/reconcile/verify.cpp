#include "controller/reconcile/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "deploy/advance.h"

namespace weir {
namespace {

bool is_peer(const std::vector<Peer>& peers, const std::string& address) {
  return std::ranges::find(peers, address, &Peer::address) != peers.end();
}

const ServerMemory* remembered(const Memory& memory, const std::string& id) {
  const auto found = std::ranges::find(memory.servers, id, &ServerMemory::id);
  return found == memory.servers.end() ? nullptr : &*found;
}

std::string check_launches(const Group& group, const Observation& observation, const Classified& classified, const Memory& memory,
                           const Plan& plan) {
  int max = plan.decision.max;
  // The turn that ends a deploy still has its room.
  const bool deploys = is_active(memory.rollout) || (memory.rollout && memory.rollout->ended_at == observation.at);
  if (deploys) max += surge_of(group.deploy, *memory.rollout, plan.decision.desired, plan.decision.min);
  const auto launches = std::ranges::count(plan.actions, Action::Kind::launch, &Action::kind);
  const auto total = static_cast<std::ptrdiff_t>(classified.servers.size()) + launches;
  if (launches == 0 || total <= max) return {};
  return fmt::format("{} launches on top of {} servers exceed max {}", launches, classified.servers.size(), max);
}

std::string check_drains(const Classified& classified, const Memory& memory, const Plan& plan) {
  std::ptrdiff_t taken = 0;
  for (const Action& action : plan.actions) {
    if (action.kind != Action::Kind::drain) continue;
    const auto server = std::ranges::find(classified.servers, action.server, &Server::id);
    if (server == classified.servers.end()) return "drain of a server that is not there: " + action.server;
    if (!server->protection.empty())
      return fmt::format("drain of {}, which may not be removed: {}", server->id, server->protection);
    const ServerMemory* known = remembered(memory, action.server);
    const bool served = known != nullptr && known->admitted_at;
    if (served && (server->health.status != HealthStatus::unhealthy || classified.probe_suspected)) ++taken;
  }
  const auto left = std::ranges::count_if(classified.servers,
                                          [&](const Server& server) { return can_serve(server, classified.probe_suspected); });
  if (taken == 0 || left >= plan.decision.min) return {};
  return fmt::format("{} servers would be left in service, min is {}", left, plan.decision.min);
}

/// Where the platform picks, whoever serves may go.
std::string check_releases(const Observation& observation, const Classified& classified, const Memory& memory, const Plan& plan) {
  bool asks = false;
  std::ptrdiff_t left = 0;
  for (const Server& server : classified.servers) {
    const ServerMemory* known = remembered(memory, server.id);
    const bool released = known != nullptr && known->release_at;
    if (released && *known->release_at == observation.at && can_serve(server, classified.probe_suspected)) asks = true;
    if (!released && can_serve(server, classified.probe_suspected)) ++left;
  }
  if (!asks || left >= plan.decision.min) return {};
  return fmt::format("{} servers would be left in service when the platform has picked, min is {}", left, plan.decision.min);
}

std::string check_termination(const Group& group, const Observation& observation, const Classified& classified,
                              const Memory& memory, const Action& action, const Plan& plan) {
  const auto server = std::ranges::find(classified.servers, action.server, &Server::id);
  const ServerMemory* known = remembered(memory, action.server);
  if (!group.chooses_victim && known != nullptr && known->release_at) return {};
  // The address of one that is gone may have been given to another since.
  const bool here = server == classified.servers.end() || server->listed;
  if (here && !action.address.empty() && is_peer(plan.peers, action.address))
    return "termination of a server that stays a peer: " + action.server;
  if (server == classified.servers.end() || !server->failure.empty()) return {};
  // A mark of this very instant was set by the plan under test.
  const auto earlier = [&](const std::optional<TimePoint>& mark) { return mark && *mark != observation.at; };
  if (known == nullptr || earlier(known->terminate_at) || !known->admitted_at) return {};
  if (!earlier(known->drain_at)) return "termination of a server in service that was not drained: " + action.server;
  const bool alone = group.max == 1 && server->health.status == HealthStatus::unhealthy;
  for (const BalancerView& view : observation.balancers) {
    const bool left = view.known && view.in_force && !is_peer(view.peers, action.address);
    if (!left && !alone) return "termination of a server that may still get traffic: " + action.server;
  }
  return {};
}

}  // namespace

std::string verify(const Group& group, const Observation& observation, const Classified& classified, const Memory& memory,
                   const Plan& plan) {
  const int desired = plan.decision.desired;
  if (group.elastic && memory.desired && (desired < plan.decision.min || desired > plan.decision.max)) {
    return fmt::format("desired {} is outside {} to {}", desired, plan.decision.min, plan.decision.max);
  }
  if (group.elastic) {
    if (std::string wrong = check_launches(group, observation, classified, memory, plan); !wrong.empty()) return wrong;
    if (std::string wrong = check_drains(classified, memory, plan); !wrong.empty()) return wrong;
    if (std::string wrong = check_releases(observation, classified, memory, plan); !wrong.empty()) return wrong;
  }
  for (const Action& action : plan.actions) {
    if (action.kind != Action::Kind::terminate) continue;
    if (std::string wrong = check_termination(group, observation, classified, memory, action, plan); !wrong.empty()) return wrong;
  }
  if (plan.peers.empty() && plan.write_balancers) {
    for (const BalancerView& view : observation.balancers) {
      if (view.known && view.in_force && !view.peers.empty()) return "the balancers would be left without any server";
    }
  }
  return {};
}

}  // namespace weir
