#include "controller/simulate/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "balancers/balancer.h"
#include "controller/reconcile/classify.h"
#include "controller/reconcile/orders.h"
#include "policies/cost.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLongestTick = 5s;
/// What servers of the beginning are taken to be used at.
constexpr double kUsualUtilization = 0.7;
constexpr int kSlowBoot = 5;
/// As the loop has it: a plan that revisits itself must not stop the clock.
constexpr Duration kShortestRevisit = 20ms;
/// More turns never see anything new at the same moment.
constexpr int kMostTurnsAtOnce = 10;
constexpr const char* kNonce = "sim";

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double hours(Duration duration) { return seconds(duration) / 3600; }

}  // namespace

bool carries_traffic(const BalancerSpec& spec) {
  const auto types = balancer_catalog();
  const auto type = std::ranges::find(types, spec.type, &BalancerType::name);
  return type == types.end() || type->carries_traffic;
}

SimulatedWorld::SimulatedWorld(const Group& group, const Policies& policies, const Trace& trace, WorldModel model)
    : group_(without_judge(group)),
      is_judged_(!group.deploy.judge.checks.empty()),
      policies_(policies),
      model_(std::move(model)),
      cursor_(trace),
      begin_(trace.at.front()),
      end_(trace.at.back()),
      tick_(group.interval),
      random_(model_.seed),
      questions_(group, policies, model_.meanings),
      now_(begin_),
      next_tick_(begin_) {
  ticks_per_turn_ = static_cast<int>((group.interval + kLongestTick - 1ms) / kLongestTick);
  tick_ = group.interval / ticks_per_turn_;
  const auto ring = static_cast<std::size_t>(model_.metric_delay / tick_) + static_cast<std::size_t>(ticks_per_turn_) + 2;
  utilizations_.assign(ring, 0);
  std::ranges::stable_sort(model_.deploys, {}, &RehearsedDeploy::begin);
  Memory& memory = turn_.memory;
  memory.nonce = kNonce;
  memory.version = group.version;
  memory.provider = group.provider;
  memory.rules = group.rules;
  memory.turned_at = begin_ - group.interval;
  memory.watched_since = begin_ - 24h;
  memory.boots = {model_.boot};
  const LoadCursor::Reading first = cursor_.at(begin_);
  const double needed = std::ceil(first.value / (model_.capacity * kUsualUtilization) - 1e-9);
  const int start = model_.start.value_or(static_cast<int>(std::clamp(needed, 0.0, 1e6)));
  memory.desired = std::clamp(start, group.min, group.max);
  for (int number = 0; number < *memory.desired; ++number) {
    add_machine(fmt::format("{}-{}-{}", group.name, kNonce, memory.next_token++), group.version, begin_ - 24h, begin_ - 24h);
    machines_.back().paid_to = begin_;
    const Server& server = facts_.back();
    memory.servers.push_back({.id = server.id,
                              .token = server.token,
                              .address = server.address,
                              .version = server.version,
                              .launched_at = server.launched_at,
                              .seen_at = begin_,
                              .admitted_at = begin_ - 24h});
    in_balancers_.push_back({.server = server.id, .address = server.address});
  }
  seen_.balancers.resize(group.balancers.size());
  for (const BalancerSpec& spec : group.balancers) carries_traffic_.push_back(carries_traffic(spec));
  horizon_ = horizon_of(group, memory);
  questions_.look_ahead(horizon_);
  count_serving();
}

std::vector<std::string> SimulatedWorld::assumptions() const {
  std::vector<std::string> texts = {
      fmt::format("a server carries {:.6g} at 100 % and serves {} after its launch", model_.capacity, format_duration(model_.boot)),
      fmt::format("metrics are {} old{}", format_duration(model_.metric_delay),
                  model_.noise > 0 ? fmt::format(" and vary by {:.3g} %", model_.noise * 100) : std::string()),
      model_.queue > Duration{0}
          ? fmt::format("requests wait at most {} for a server, then they are lost", format_duration(model_.queue))
          : std::string("load beyond the capacity is lost, not carried over")};
  std::ranges::move(questions_.assumptions(), std::back_inserter(texts));
  if (model_.deploys.empty()) return texts;
  if (is_judged_) texts.emplace_back("the judge is taken to be content");
  if (!group_.deploy.pause_at.empty()) texts.emplace_back("somebody promotes a deploy as soon as it is at a checkpoint");
  return texts;
}

void SimulatedWorld::add_machine(const std::string& token, const std::string& version, TimePoint launched_at, TimePoint ready_at) {
  // Short enough to need no memory of their own, and sorted by their making.
  const std::uint64_t number = next_machine_++;
  facts_.push_back({.id = fmt::format("s{:08}", number),
                    .group = group_.name,
                    .token = token,
                    .address = fmt::format("s{:08}:80", number),
                    .version = version,
                    .phase = Phase::warming,
                    .launched_at = launched_at});
  machines_.push_back({launched_at, ready_at, launched_at - 1ms});
  facts_changed_ = true;
}

void SimulatedWorld::pay(const Machine& machine, TimePoint until) {
  if (group_.cost) cost_ += cost_between(*group_.cost, machine.launched_at, machine.paid_to, until);
}

void SimulatedWorld::remove_machine(std::size_t index) {
  pay(machines_[index], now_);
  machines_.erase(machines_.begin() + static_cast<std::ptrdiff_t>(index));
  facts_.erase(facts_.begin() + static_cast<std::ptrdiff_t>(index));
  facts_changed_ = true;
}

bool SimulatedWorld::fails(Fault::Kind kind) const {
  return std::ranges::any_of(model_.faults, [&](const Fault& fault) {
    const TimePoint begin = begin_ + fault.begin;
    return fault.kind == kind && now_ >= begin && now_ < begin + fault.length;
  });
}

bool SimulatedWorld::advance(const Watch& watch) {
  if (next_tick_ >= end_) return false;
  auto event = next_event();
  for (; event && *event < next_tick_; event = next_event()) {
    now_ = *event;
    take_turns(watch);
  }
  now_ = next_tick_;
  const bool regular = count_ % static_cast<std::uint64_t>(ticks_per_turn_) == 0;
  if (regular) answer_queries();
  if (regular || (event && *event <= now_)) take_turns(watch);
  pass_time();
  return true;
}

/// What else than an interval brings about a turn.
std::optional<TimePoint> SimulatedWorld::next_event() const {
  std::optional<TimePoint> next = revisit_;
  for (const Machine& machine : machines_) {
    if (machine.ready_at > now_ && (!next || machine.ready_at < *next)) next = machine.ready_at;
  }
  if (next_deploy_ < model_.deploys.size()) {
    const TimePoint ordered = begin_ + model_.deploys[next_deploy_].begin;
    next = std::min(next.value_or(ordered), ordered);
  }
  return next;
}

void SimulatedWorld::take_turns(const Watch& watch) {
  for (int left = kMostTurnsAtOnce; left > 0; --left) {
    take_turn();
    if (watch) watch(turn_);
    if (!changed_) return;
  }
}

void SimulatedWorld::take_turn() {
  changed_ = false;
  observe();
  turn_ = reconcile(group_, policies_, std::move(seen_), std::move(turn_.memory));
  seen_ = std::move(turn_.observation);
  seen_.outcomes.clear();
  seen_.orders.clear();
  ++turns_;
  revisit_ = turn_.plan.revisit_at;
  if (revisit_) *revisit_ = std::max(*revisit_, now_ + kShortestRevisit);
  apply(turn_.plan);
  promotes_ = is_active(turn_.memory.rollout) && turn_.memory.rollout->at_checkpoint;
  if (promotes_) changed_ = true;
  if (const Duration horizon = horizon_of(group_, turn_.memory); horizon != horizon_) {
    horizon_ = horizon;
    questions_.look_ahead(horizon);
  }
}

void SimulatedWorld::observe() {
  seen_.at = now_;
  seen_.listed = !fails(Fault::Kind::provider);
  seen_.listed_detail = seen_.listed ? "" : "the provider does not answer (rehearsed)";
  if (!seen_.listed) {
    seen_.servers = with_remembered(group_, nullptr, turn_.memory);
    facts_changed_ = true;
  } else if (facts_changed_ || seen_.servers.size() != facts_.size()) {
    seen_.servers = facts_;
    facts_changed_ = false;
  }
  for (Server& server : seen_.servers) {
    const auto machine = std::ranges::lower_bound(facts_, server.id, {}, &Server::id);
    const bool there = machine != facts_.end() && machine->id == server.id;
    const bool healthy = there && is_healthy(static_cast<std::size_t>(machine - facts_.begin()));
    server.phase = Phase::warming;
    server.health.status = healthy ? HealthStatus::healthy : there ? HealthStatus::unknown : HealthStatus::unhealthy;
    server.in_service_since.reset();
    server.connections.reset();
    server.paid_until.reset();
  }
  observe_balancers();
  seen_.outcomes.swap(outcomes_);
  give_orders();
}

void SimulatedWorld::give_orders() {
  if (std::exchange(promotes_, false)) seen_.orders.push_back({.kind = Order::Kind::promote, .at = now_});
  for (; next_deploy_ < model_.deploys.size() && begin_ + model_.deploys[next_deploy_].begin <= now_; ++next_deploy_) {
    Order order{.kind = Order::Kind::deploy, .version = model_.deploys[next_deploy_].version, .at = now_};
    if (const auto possible = check_order(order, group_, turn_.memory); !possible) {
      refused_.push_back({now_, std::move(order.version), possible.error().message});
      continue;
    }
    seen_.orders.push_back(std::move(order));
  }
}

void SimulatedWorld::observe_balancers() {
  const bool broken = !seen_.balancers.empty() && fails(Fault::Kind::balancer);
  for (std::size_t index = 0; index < seen_.balancers.size(); ++index) {
    BalancerView& view = seen_.balancers[index];
    view.known = view.in_force = !broken;
    if (view.peers != in_balancers_) view.peers = in_balancers_;
    view.connections.emplace();
    if (!carries_traffic_[index]) continue;
    for (const ServerMemory& server : turn_.memory.servers) {
      if (server.drain_at) view.connections->push_back({server.address, 0});
    }
  }
}

void SimulatedWorld::answer_queries() {
  noise_ = model_.noise > 0 ? std::max(0.0, 1 + model_.noise * std::normal_distribution<double>()(random_)) : 1;
  const double load = cursor_.at(std::max(now_ - model_.metric_delay, begin_)).value * noise_;
  questions_.remember(load);
  if (fails(Fault::Kind::prometheus)) return questions_.fail("no answer (rehearsed)", seen_.samples);
  healthy_.clear();
  for (std::size_t index = 0; index < facts_.size(); ++index) {
    if (is_healthy(index)) healthy_.push_back(facts_[index].id);
  }
  questions_.answer({.load = load,
                     .utilization = visible_utilization(load),
                     .serving = state_.serving,
                     .wait_seconds = backlog_ / (std::max(1.0, state_.carried) * model_.capacity),
                     .servers = healthy_},
                    seen_.samples);
}

/// The mean over the last interval that can be seen by now.
double SimulatedWorld::visible_utilization(double load) const {
  const auto delay = static_cast<std::uint64_t>(model_.metric_delay / tick_);
  double sum = 0;
  int counted = 0;
  for (int back = 1; back <= ticks_per_turn_; ++back) {
    const std::uint64_t ago = delay + static_cast<std::uint64_t>(back);
    if (ago > count_) break;
    sum += utilizations_[(count_ - ago) % utilizations_.size()];
    ++counted;
  }
  const double mean = counted > 0 ? sum / counted : load / (std::max(1, state_.serving) * model_.capacity);
  return std::min(1.0, mean * noise_);
}

void SimulatedWorld::apply(const Plan& plan) {
  write_balancers(plan);
  for (const Action& action : plan.actions) {
    if (action.kind == Action::Kind::launch) launch(action);
    if (action.kind == Action::Kind::run_hook) outcomes_.push_back({.kind = Outcome::Kind::hook, .subject = action.server});
    if (action.kind != Action::Kind::terminate || fails(Fault::Kind::provider)) continue;
    const auto found = std::ranges::lower_bound(facts_, action.server, {}, &Server::id);
    if (found != facts_.end() && found->id == action.server) remove_machine(static_cast<std::size_t>(found - facts_.begin()));
  }
  count_serving();
}

void SimulatedWorld::launch(const Action& action) {
  Outcome outcome{.kind = Outcome::Kind::launch, .subject = action.server, .error = {}};
  if (fails(Fault::Kind::provider)) {
    outcome.error = Error{ErrorKind::unavailable, "the provider does not answer (rehearsed)"};
  } else if (fails(Fault::Kind::quota)) {
    outcome.error = Error{ErrorKind::out_of_capacity, "no room for another server (rehearsed)"};
  } else {
    create(action);
  }
  outcomes_.push_back(std::move(outcome));
}

/// The same token is the same server.
void SimulatedWorld::create(const Action& action) {
  changed_ = true;
  if (std::ranges::find(facts_, action.server, &Server::token) != facts_.end()) return;
  const Duration boot = model_.boot * (fails(Fault::Kind::slow_boot) ? kSlowBoot : 1);
  add_machine(action.server, action.version, now_, now_ + boot);
}

void SimulatedWorld::write_balancers(const Plan& plan) {
  const bool takes = group_.balancers.empty() || (plan.write_balancers && !fails(Fault::Kind::balancer));
  if (!takes || in_balancers_ == plan.peers) return;
  in_balancers_ = plan.peers;
  // Whether what was written is in force is for the next turn to see.
  if (!group_.balancers.empty()) changed_ = true;
}

void SimulatedWorld::count_serving() {
  state_.serving = 0;
  int shares = 0;
  int largest = 0;
  for (const Peer& peer : in_balancers_) {
    const auto found = std::ranges::lower_bound(facts_, peer.server, {}, &Server::id);
    const bool there = found != facts_.end() && found->id == peer.server;
    if (!there || !is_healthy(static_cast<std::size_t>(found - facts_.begin()))) continue;
    ++state_.serving;
    shares += peer.weight;
    largest = std::max(largest, peer.weight);
  }
  state_.carried = largest > 0 ? static_cast<double>(shares) / largest : 0;
  state_.launched = static_cast<int>(facts_.size());
}

void SimulatedWorld::pass_time() {
  const LoadCursor::Reading load = cursor_.at(now_);
  state_.at = now_;
  state_.load = load.value * noise_;
  state_.in_gap = load.in_gap;
  const double capacity = state_.carried * model_.capacity;
  const double whole = state_.serving * model_.capacity;
  const double length = seconds(tick_);
  const double arrived = state_.load + backlog_ / length;
  const double waiting = std::max(0.0, arrived - capacity) * length;
  const double kept = std::min(waiting, capacity * seconds(model_.queue));
  state_.lost = state_.load > 0 ? std::clamp((waiting - kept) / (state_.load * length), 0.0, 1.0) : 0;
  backlog_ = kept;
  utilizations_[count_ % utilizations_.size()] = whole > 0 ? std::min(arrived, capacity) / whole : arrived > 0 ? 1 : 0;
  server_hours_ += hours(tick_) * state_.launched;
  next_tick_ += tick_;
  ++count_;
}

double SimulatedWorld::server_hours() const { return server_hours_; }

std::optional<double> SimulatedWorld::cost() const {
  if (!group_.cost) return std::nullopt;
  double total = cost_;
  for (const Machine& machine : machines_) total += cost_between(*group_.cost, machine.launched_at, machine.paid_to, next_tick_);
  return total;
}

}  // namespace weir
