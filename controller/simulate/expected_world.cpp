#include "controller/simulate/expected_world.h"

#include <algorithm>
#include <utility>

#include "controller/simulate/world.h"

namespace weir {

ExpectedWorld::ExpectedWorld(const Group& group, const Policies& policies, const Turn& turn, Duration boot)
    : group_(group), policies_(policies), now_(turn.observation.at), boot_(boot) {
  for (const Server& server : turn.observation.servers) {
    if (!server.listed) continue;
    const bool healthy = server.health.status == HealthStatus::healthy;
    expected_.push_back({server, healthy ? now_ : std::max(now_, server.launched_at + boot_)});
  }
  samples_ = turn.observation.samples;
  judged_ = turn.observation.judged;
  judged_version_ = turn.observation.judged_version;
  serving_then_ = std::max(1, static_cast<int>(turn.plan.peers.size()));
  for (const Vote& vote : turn.plan.decision.votes) falls_.push_back(vote.value_falls);
  balancers_ = turn.observation.balancers;
  for (const BalancerSpec& spec : group.balancers) carries_traffic_.push_back(carries_traffic(spec));
  turn_.memory = turn.memory;
  turn_.plan = turn.plan;
  apply(turn_.plan);
}

const Turn& ExpectedWorld::take_turn(TimePoint at, std::vector<Order> orders) {
  now_ = at;
  Observation seen = observe();
  seen.orders = std::move(orders);
  turn_ = reconcile(group_, policies_, std::move(seen), std::move(turn_.memory));
  apply(turn_.plan);
  return turn_;
}

std::optional<TimePoint> ExpectedWorld::next_event() const {
  if (changed_) return now_;
  std::optional<TimePoint> next = turn_.plan.revisit_at;
  for (const Expected& one : expected_) {
    if (one.healthy_at > now_ && (!next || one.healthy_at < *next)) next = one.healthy_at;
  }
  return next;
}

int ExpectedWorld::serving() const {
  return static_cast<int>(std::ranges::count_if(peers_, [&](const Peer& peer) {
    const auto found = std::ranges::find(expected_, peer.server, [](const Expected& one) { return one.server.id; });
    return found != expected_.end() && found->healthy_at <= now_;
  }));
}

Observation ExpectedWorld::observe() {
  Observation seen{.at = now_, .listed = true, .listed_detail = {}};
  for (const Expected& one : expected_) {
    seen.servers.push_back(one.server);
    Server& server = seen.servers.back();
    server.phase = Phase::warming;
    server.health = {.status = one.healthy_at <= now_ ? HealthStatus::healthy : HealthStatus::unknown, .detail = {}};
    server.in_service_since.reset();
    server.connections.reset();
  }
  std::ranges::sort(seen.servers, {}, &Server::id);
  seen.samples = expected_samples();
  seen.judged = judged_;
  seen.judged_version = judged_version_;
  seen.balancers = balancers_;
  seen.outcomes = outcomes_;
  return seen;
}

/// The same load on another number of servers.
std::vector<Sample> ExpectedWorld::expected_samples() const {
  std::vector<Sample> samples = samples_;
  const double share = static_cast<double>(serving_then_) / std::max(1, static_cast<int>(peers_.size()));
  std::size_t index = 0;
  for (std::size_t policy = 0; policy < policies_.size(); ++policy) {
    for (std::size_t asked = policies_[policy]->query_count(); asked > 0 && index < samples.size(); --asked, ++index) {
      if (policy < falls_.size() && falls_[policy]) spread(share, samples[index]);
    }
  }
  return samples;
}

void ExpectedWorld::spread(double share, Sample& sample) const {
  sample.value *= share;
  if (sample.series.empty()) return;
  double mean = 0;
  for (const Sample::Series& series : sample.series) mean += series.value / static_cast<double>(sample.series.size());
  sample.series.clear();
  for (const Expected& one : expected_) {
    if (one.healthy_at <= now_) sample.series.push_back({one.server.id, mean * share});
  }
}

/// With success, at once.
void ExpectedWorld::end_hook(const Action& action) {
  outcomes_.push_back({.kind = Outcome::Kind::hook, .subject = action.server});
  changed_ = true;
}

void ExpectedWorld::apply(const Plan& plan) {
  outcomes_.clear();
  changed_ = !balancers_.empty() && peers_ != plan.peers;
  peers_ = plan.peers;
  for (const Action& action : plan.actions) {
    if (action.kind == Action::Kind::launch) launch(action);
    if (action.kind == Action::Kind::run_hook) end_hook(action);
    if (action.kind != Action::Kind::terminate) continue;
    std::erase_if(expected_, [&](const Expected& one) { return one.server.id == action.server; });
  }
  for (std::size_t index = 0; index < balancers_.size(); ++index) {
    BalancerView& view = balancers_[index];
    view.known = view.in_force = true;
    view.peers = plan.peers;
    view.connections.emplace();
    if (!carries_traffic_[index]) continue;
    for (const Expected& one : expected_) view.connections->push_back({one.server.address, 0});
  }
}

void ExpectedWorld::launch(const Action& action) {
  const bool there = std::ranges::any_of(expected_, [&](const Expected& one) { return one.server.token == action.server; });
  if (there) return;
  changed_ = true;
  Expected& one = expected_.emplace_back();
  one.server = {.id = action.server, .group = group_.name, .token = action.server, .version = action.version, .launched_at = now_};
  one.server.address = action.server + ":0";
  one.healthy_at = now_ + boot_;
}

}  // namespace weir
