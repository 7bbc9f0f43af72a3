#include "controller/simulate/outlook.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controller/reconcile/classify.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// A server as the provider will list it, and from when on it answers its checks.
struct Expected {
  Server server;
  TimePoint healthy_at;
};

/// The world of the next half hour, if nothing goes wrong in it.
class Expectation {
 public:
  Expectation(const Group& group, const Policies& policies, const Turn& turn)
      : group_(group), policies_(policies), memory_(turn.memory), now_(turn.observation.at) {
    boot_ = horizon_of(group, memory_) - group.interval;
    for (const Server& server : turn.observation.servers) {
      if (!server.listed) continue;
      const bool healthy = server.health.status == HealthStatus::healthy;
      expected_.push_back({server, healthy ? now_ : std::max(now_, server.launched_at + boot_)});
    }
    for (const Sample& sample : turn.observation.samples) samples_.push_back(sample);
    judged_ = turn.observation.judged;
    judged_version_ = turn.observation.judged_version;
    serving_then_ = std::max(1, static_cast<int>(turn.plan.peers.size()));
    for (const Vote& vote : turn.plan.decision.votes) falls_.push_back(vote.value_falls);
    balancers_ = turn.observation.balancers;
    apply(turn.plan);
  }

  std::vector<PlannedStep> run() {
    const TimePoint begin = now_;
    std::vector<PlannedStep> steps;
    for (now_ += group_.interval; now_ - begin <= kOutlook; now_ += group_.interval) {
      Turn turn = reconcile(group_, policies_, observe(), std::move(memory_));
      memory_ = std::move(turn.memory);
      const Decision& decision = turn.plan.decision;
      if (decision.desired != decision.previous) {
        steps.push_back({now_ - begin, decision.previous, decision.desired, turn_reason(turn.plan)});
      }
      apply(turn.plan);
    }
    return steps;
  }

 private:
  Observation observe() {
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
    seen.outcomes = std::exchange(outcomes_, {});
    return seen;
  }

  /// The same load on another number of servers.
  [[nodiscard]] std::vector<Sample> expected_samples() const {
    std::vector<Sample> samples = samples_;
    const double share = static_cast<double>(serving_then_) / std::max(1, serving_);
    std::size_t index = 0;
    for (std::size_t policy = 0; policy < policies_.size(); ++policy) {
      for (std::size_t asked = policies_[policy]->query_count(); asked > 0 && index < samples.size(); --asked, ++index) {
        if (policy < falls_.size() && falls_[policy]) spread(share, samples[index]);
      }
    }
    return samples;
  }

  void spread(double share, Sample& sample) const {
    sample.value *= share;
    if (sample.series.empty()) return;
    double mean = 0;
    for (const Sample::Series& series : sample.series) mean += series.value / static_cast<double>(sample.series.size());
    sample.series.clear();
    for (const Expected& one : expected_) {
      if (one.healthy_at <= now_) sample.series.push_back({one.server.id, mean * share});
    }
  }

  void apply(const Plan& plan) {
    for (const Action& action : plan.actions) {
      if (action.kind == Action::Kind::launch) launch(action);
      if (action.kind == Action::Kind::run_hook) outcomes_.push_back({.kind = Outcome::Kind::hook, .subject = action.server});
      if (action.kind != Action::Kind::terminate) continue;
      std::erase_if(expected_, [&](const Expected& one) { return one.server.id == action.server; });
    }
    serving_ = static_cast<int>(plan.peers.size());
    for (BalancerView& view : balancers_) {
      view.known = view.in_force = true;
      view.peers = plan.peers;
      view.connections.emplace();
      for (const Expected& one : expected_) view.connections->push_back({one.server.address, 0});
    }
  }

  void launch(const Action& action) {
    const bool there = std::ranges::any_of(expected_, [&](const Expected& one) { return one.server.token == action.server; });
    if (there) return;
    Expected& one = expected_.emplace_back();
    one.server = {
        .id = action.server, .group = group_.name, .token = action.server, .version = action.version, .launched_at = now_};
    one.server.address = action.server + ":0";
    one.healthy_at = now_ + boot_;
  }

  const Group& group_;
  const Policies& policies_;
  Memory memory_;
  TimePoint now_;
  Duration boot_{0};
  std::vector<Expected> expected_;
  std::vector<Sample> samples_;
  std::vector<Sample> judged_;
  std::string judged_version_;
  std::vector<bool> falls_;        ///< per policy
  std::vector<Outcome> outcomes_;  // of hooks, which succeed here
  std::vector<BalancerView> balancers_;
  int serving_then_ = 1;
  int serving_ = 0;
};

}  // namespace

std::vector<PlannedStep> outlook(const Group& group, const Policies& policies, const Turn& turn) {
  const bool blind = !turn.observation.listed || !turn.memory.desired || !group.elastic;
  if (blind) return {};
  return Expectation(group, policies, turn).run();
}

namespace {

/// What the provider says of each listed server; one more costs what they cost on average. Nothing unless all have a price.
Cost reported_cost(const Turn& turn) {
  double sum = 0;
  int count = 0;
  std::string currency;
  for (const Server& server : turn.observation.servers) {
    if (!server.listed) continue;
    if (!server.price || (count > 0 && server.price->currency != currency)) return {};
    sum += server.price->per_hour;
    currency = server.price->currency;
    ++count;
  }
  if (count == 0) return {};
  return {.per_hour_before = sum, .per_hour_after = sum / count * turn.plan.decision.desired, .currency = currency};
}

}  // namespace

Cost cost_of(const Group& group, const Turn& turn) {
  if (!group.cost) return reported_cost(turn);
  const auto there = std::ranges::count_if(turn.observation.servers, &Server::listed);
  const double price = group.cost->per_hour;
  return {.per_hour_before = price * static_cast<double>(there),
          .per_hour_after = price * turn.plan.decision.desired,
          .currency = group.cost->currency};
}

}  // namespace weir
