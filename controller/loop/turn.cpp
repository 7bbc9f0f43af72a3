#include "controller/loop/turn.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <utility>

#include "controller/reconcile/classify.h"
#include "deploy/judge.h"

namespace weir {

Listing listing_for(const std::string& group, const Result<std::vector<Server>>& answer) {
  if (!answer) return {.detail = answer.error().message};
  Listing listing{.listed = true, .detail = {}};
  std::ranges::copy_if(*answer, std::back_inserter(listing.servers), [&](const Server& server) { return server.group == group; });
  return listing;
}

Result<void> check_provider(const Group& group, const Memory& memory) {
  const bool empty = memory.servers.empty() && memory.launches.empty();
  if (empty || memory.provider.empty() || memory.provider == group.provider) return {};
  return failure(ErrorKind::invalid,
                 fmt::format("group {}: its {} servers (those being launched included) are at provider '{}' and cannot move to "
                             "'{}': configure a group with another "
                             "name there, and remove this one when that one serves",
                             group.name, memory.servers.size() + memory.launches.size(), memory.provider, group.provider));
}

Record record_of_orders(const std::string& group, std::vector<Order> orders, const Memory& memory, const Record* last,
                        TimePoint at) {
  Record record{group, at, {}, {}, {}};
  if (last != nullptr) record.servers = last->servers;
  if (last != nullptr) record.servers_detail = last->servers_detail;
  Decision& decision = record.plan.decision;
  decision.previous = decision.desired = memory.desired.value_or(0);
  if (last != nullptr) decision.min = last->plan.decision.min;
  if (last != nullptr) decision.max = last->plan.decision.max;
  decision.steps = {{"operator", decision.desired, decision.desired, "obeyed as soon as weir runs"}};
  record.orders = std::move(orders);
  record.rollout = deploy_of_turn(memory.rollout, at);
  return record;
}

std::optional<Rollout> deploy_of_turn(const std::optional<Rollout>& rollout, TimePoint at) {
  const bool told = is_active(rollout) || (rollout && rollout->ended_at == at);
  return told ? rollout : std::nullopt;
}

std::string lane_of(const Group& group) {
  return group.overflow ? fmt::format("{}+{}", group.provider, group.overflow->provider) : group.provider;
}

Inquiry inquiry_of(const Managed& managed, const Memory& memory) {
  Inquiry inquiry{.queries = queries_of(managed.policies, horizon_of(managed.group, memory))};
  if (!is_active(memory.rollout)) return inquiry;
  std::vector<Query> judging = judge_queries(managed.group.deploy.judge, *memory.rollout);
  inquiry.judging = judging.size();
  inquiry.version = memory.rollout->version;
  std::ranges::move(judging, std::back_inserter(inquiry.queries));
  return inquiry;
}

Answers answers_to(const Inquiry& inquiry, std::vector<Sample> all) {
  const auto judging = all.end() - static_cast<std::ptrdiff_t>(std::min(inquiry.judging, all.size()));
  Answers answers{.judged = {std::make_move_iterator(judging), std::make_move_iterator(all.end())},
                  .judged_version = inquiry.version};
  all.erase(judging, all.end());
  answers.samples = std::move(all);
  return answers;
}

Answers take_for_turn(Answers& answers) {
  return {.samples = answers.samples, .judged = std::exchange(answers.judged, {}), .judged_version = answers.judged_version};
}

Observation observe(const Managed& managed, const Memory& memory, const Listing& listing, Answers answers, HealthProbe& probe,
                    TimePoint at, std::stop_token stop) {
  Observation seen{.at = at, .listed = listing.listed, .listed_detail = listing.detail, .samples = std::move(answers.samples)};
  seen.judged = std::move(answers.judged);
  seen.judged_version = std::move(answers.judged_version);
  seen.servers = with_remembered(managed.group, listing.listed ? &listing.servers : nullptr, memory);
  std::vector<ProbeTarget> targets;
  for (const Server& server : seen.servers) {
    if (!server.address.empty() && server.failure.empty() && server.phase != Phase::terminating) {
      targets.push_back({server.id, server.address});
    }
  }
  probe.watch(managed.group.name, managed.group.health, targets);
  for (Server& server : seen.servers) server.health = probe.health(managed.group.name, server.id);
  std::vector<std::string> draining;
  for (const ServerMemory& server : memory.servers) {
    if (server.drain_at) draining.push_back(server.address);
  }
  for (const auto& balancer : managed.balancers) seen.balancers.push_back(balancer->read(draining, stop));
  return seen;
}

std::optional<Outcome> apply_action(const Managed& managed, const Action& action, std::stop_token stop) {
  if (action.kind == Action::Kind::launch) {
    const auto made = managed.provider->launch({managed.group, action.server, action.version}, std::move(stop));
    return Outcome{Outcome::Kind::launch, action.server, made ? std::nullopt : std::optional(made.error())};
  }
  if (action.kind == Action::Kind::terminate) {
    const auto done = managed.provider->terminate(managed.group, action.server, std::move(stop));
    return Outcome{Outcome::Kind::terminate, action.server, done ? std::nullopt : std::optional(done.error())};
  }
  return std::nullopt;
}

std::vector<Peer> preview_peers(const Record& record) {
  const std::optional<Rollout>& rollout = record.rollout;
  std::vector<Peer> peers;
  if (is_active(rollout) && rollout->direction == Rollout::Direction::forward) {
    for (const Server& server : record.servers) {
      const bool stays = server.phase != Phase::draining && server.phase != Phase::terminating;
      const bool can = server.version == rollout->version && server.health.status == HealthStatus::healthy;
      if (stays && can && !server.address.empty()) peers.push_back({.server = server.id, .address = server.address});
    }
  }
  if (peers.empty()) peers = record.plan.peers;
  std::ranges::sort(peers, {}, &Peer::address);
  return peers;
}

std::string apply_balancers(const Managed& managed, const Plan& plan) {
  std::vector<std::future<Result<void>>> answers;
  for (const auto& balancer : managed.balancers) {
    auto promise = std::make_shared<std::promise<Result<void>>>();
    answers.push_back(promise->get_future());
    balancer->write(plan.peers, [promise](Result<void> result) { promise->set_value(std::move(result)); });
  }
  std::string failed;
  for (auto& answer : answers) {
    const Result<void> result = answer.get();
    if (!result) failed += (failed.empty() ? "" : "; ") + result.error().message;
  }
  return failed;
}

}  // namespace weir
