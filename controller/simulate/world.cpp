#include "controller/simulate/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "controller/reconcile/classify.h"
#include "policies/cost.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLongestTick = 5s;
/// What servers of the beginning are taken to be used at.
constexpr double kUsualUtilization = 0.7;
constexpr int kSlowBoot = 5;
constexpr const char* kNonce = "sim";

constexpr std::array kMeanings = {Meaning::load,         Meaning::load_per_server,
                                  Meaning::utilization,  Meaning::utilization_percent,
                                  Meaning::wait_seconds, Meaning::nothing};
double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
double hours(Duration duration) { return seconds(duration) / 3600; }

/// Without a word from the user: what the policy's own keys say about the number they are compared with.
Meaning usual_meaning(const PolicySpec& spec) {
  const Settings& settings = spec.settings;
  if (spec.type == "guard") return Meaning::nothing;
  if (spec.type == "predictive" || spec.type == "did_it_help" || spec.type == "pass_through") return Meaning::load;
  if (spec.type == "target_tracking" && settings.text("value") == "total") return Meaning::load;
  double bound = 0;
  for (const char* key : {"target", "above", "below"}) {
    if (settings.has(key)) bound = std::max(bound, settings.number(key));
  }
  for (const Settings& step : settings.sections("steps")) {
    if (step.has("from")) bound = std::max(bound, step.number("from"));
  }
  if (bound <= 1.5) return Meaning::utilization;
  return bound <= 100 ? Meaning::utilization_percent : Meaning::load_per_server;
}

/// A number that the cross-check agrees with.
double agreeing(const Settings& trust) {
  if (trust.has("above") && trust.has("below")) return (trust.number("above") + trust.number("below")) / 2;
  if (trust.has("above")) return trust.number("above") + std::max(1.0, std::abs(trust.number("above")));
  return trust.number("below") - std::max(1.0, std::abs(trust.number("below")));
}

/// The name of the formula's operand that asks this; empty if none does.
std::string operand_named(const Settings& settings, const std::string& expression) {
  for (const auto& [name, query] : settings.text_map("queries")) {
    if (query == expression) return name;
  }
  return {};
}

}  // namespace

std::string_view to_string(Meaning meaning) {
  switch (meaning) {
    case Meaning::load:
      return "load";
    case Meaning::load_per_server:
      return "load_per_server";
    case Meaning::utilization:
      return "utilization";
    case Meaning::utilization_percent:
      return "utilization_percent";
    case Meaning::wait_seconds:
      return "wait_seconds";
    case Meaning::nothing:
      break;
  }
  return "nothing";
}

std::optional<Meaning> meaning_named(std::string_view name) {
  const auto* const found = std::ranges::find(kMeanings, name, [](Meaning meaning) { return to_string(meaning); });
  return found == kMeanings.end() ? std::nullopt : std::optional(*found);
}

SimulatedWorld::SimulatedWorld(const Group& group, const Policies& policies, const Trace& trace, WorldModel model)
    : group_(group),
      policies_(policies),
      trace_(trace),
      model_(std::move(model)),
      cursor_(trace),
      begin_(trace.at.front()),
      end_(trace.at.back()),
      tick_(group.interval),
      ticks_per_turn_(1),
      random_(model_.seed),
      now_(begin_) {
  ticks_per_turn_ = static_cast<int>((group.interval + kLongestTick - 1ms) / kLongestTick);
  tick_ = group.interval / ticks_per_turn_;
  const auto ring = static_cast<std::size_t>(model_.metric_delay / tick_) + static_cast<std::size_t>(ticks_per_turn_) + 2;
  utilizations_.assign(ring, 0);
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
  horizon_ = horizon_of(group, memory);
  ask_what(group);
  count_serving();
}

void SimulatedWorld::ask_what(const Group& group) {
  questions_.clear();
  std::vector<Query> queries;
  for (std::size_t index = 0; index < policies_.size(); ++index) {
    queries.clear();
    policies_[index]->append_queries(horizon_, queries);
    for (const Query& query : queries) questions_.push_back(question_of(group.policies[index], query));
  }
  seen_.samples.assign(questions_.size(), Sample{});
}

SimulatedWorld::Question SimulatedWorld::question_of(const PolicySpec& spec, const Query& query) const {
  const Settings& trust = spec.settings.section("trust");
  if (trust.has("age") && query.expression == trust.text("age")) return {.constant = 0.0};
  if (trust.has("series") && query.expression == trust.text("series")) return {.constant = 1.0};
  if (trust.has("cross_check") && query.expression == trust.text("cross_check")) return {.constant = agreeing(trust)};
  Question question{.meaning = usual_meaning(spec), .past = query.past, .per_server = !query.server_label.empty()};
  const std::string operand = operand_named(spec.settings, query.expression);
  if (!operand.empty()) question.meaning = Meaning::load;
  const auto said = model_.meanings.find(operand.empty() ? spec.name : spec.name + "." + operand);
  if (said != model_.meanings.end()) question.meaning = said->second;
  return question;
}

std::vector<std::string> SimulatedWorld::assumptions() const {
  std::vector<std::string> texts = {
      fmt::format("a server carries {:.6g} at 100 % and serves {} after its launch", model_.capacity, format_duration(model_.boot)),
      fmt::format("metrics are {} old{}", format_duration(model_.metric_delay),
                  model_.noise > 0 ? fmt::format(" and vary by {:.3g} %", model_.noise * 100) : std::string()),
      model_.queue > Duration{0}
          ? fmt::format("requests wait at most {} for a server, then they are lost", format_duration(model_.queue))
          : std::string("load beyond the capacity is lost, not carried over")};
  std::size_t index = 0;
  for (std::size_t policy = 0; policy < policies_.size(); ++policy) {
    if (policies_[policy]->query_count() == 0) continue;
    const Question& question = questions_[index];
    index += policies_[policy]->query_count();
    const std::string_view what = question.meaning == Meaning::nothing ? "is not simulated and has no data" : "is taken for";
    texts.push_back(
        fmt::format("the query of {} {}{}", group_.policies[policy].name, what,
                    question.meaning == Meaning::nothing ? std::string() : fmt::format(" {}", to_string(question.meaning))));
  }
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

bool SimulatedWorld::advance() {
  if (now_ >= end_) return false;
  turned_ = false;
  const bool regular = count_ % static_cast<std::uint64_t>(ticks_per_turn_) == 0;
  if (regular) answer_queries();
  if (regular || woken_ || (revisit_ && *revisit_ <= now_)) take_turn();
  pass_time();
  return true;
}

void SimulatedWorld::take_turn() {
  woken_ = false;
  observe();
  turn_ = reconcile(group_, policies_, std::move(seen_), std::move(turn_.memory));
  seen_ = std::move(turn_.observation);
  seen_.outcomes.clear();
  turned_ = true;
  ++turns_;
  revisit_ = turn_.plan.revisit_at;
  // No turn follows at once: a plan that revisits itself must not stop the clock.
  if (revisit_) *revisit_ = std::max(*revisit_, now_ + tick_);
  apply(turn_.plan);
  if (const Duration horizon = horizon_of(group_, turn_.memory); horizon != horizon_) {
    horizon_ = horizon;
    ask_what(group_);
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
  const bool broken = !seen_.balancers.empty() && fails(Fault::Kind::balancer);
  for (BalancerView& view : seen_.balancers) {
    view.known = view.in_force = !broken;
    if (view.peers != in_balancers_) view.peers = in_balancers_;
    view.connections.reset();
    for (const ServerMemory& server : turn_.memory.servers) {
      if (!server.drain_at) continue;
      if (!view.connections) view.connections.emplace();
      view.connections->push_back({server.address, 0});
    }
  }
  seen_.outcomes.swap(outcomes_);
}

void SimulatedWorld::answer_queries() {
  noise_ = model_.noise > 0 ? std::max(0.0, 1 + model_.noise * std::normal_distribution<double>()(random_)) : 1;
  const TimePoint then = now_ - model_.metric_delay;
  const double load = cursor_.at(std::max(then, begin_)).value * noise_;
  loads_.push_back(load);
  load_sums_.push_back((load_sums_.empty() ? 0 : load_sums_.back()) + load);
  if (fails(Fault::Kind::prometheus)) {
    for (Sample& sample : seen_.samples) sample = {.status = Sample::Status::failed, .detail = "no answer (rehearsed)"};
    return;
  }
  for (std::size_t index = 0; index < questions_.size(); ++index) answer(questions_[index], seen_.samples[index]);
}

void SimulatedWorld::answer(const Question& question, Sample& sample) {
  sample.status = Sample::Status::ok;
  sample.detail.clear();
  if (question.constant) {
    sample.value = *question.constant;
  } else if (question.past) {
    const std::optional<double> value = past(*question.past);
    sample.status = value ? Sample::Status::ok : Sample::Status::empty;
    sample.value = value.value_or(0);
  } else if (question.meaning == Meaning::nothing) {
    sample.status = Sample::Status::failed;
    sample.detail = "not simulated";
  } else {
    sample.value = measured(question.meaning);
  }
  if (!question.per_server) return;
  sample.series.clear();
  for (std::size_t index = 0; index < facts_.size(); ++index) {
    if (is_healthy(index)) sample.series.push_back({facts_[index].id, sample.value});
  }
}

double SimulatedWorld::measured(Meaning meaning) const {
  const double load = loads_.back();
  switch (meaning) {
    case Meaning::load:
      return load;
    case Meaning::load_per_server:
      return load / std::max(1, state_.serving);
    case Meaning::wait_seconds:
      return backlog_ / (std::max(1, state_.serving) * model_.capacity);
    case Meaning::utilization:
    case Meaning::utilization_percent:
    case Meaning::nothing:
      break;
  }
  // The mean over the last interval that can be seen by now.
  const auto delay = static_cast<std::uint64_t>(model_.metric_delay / tick_);
  double sum = 0;
  int counted = 0;
  for (int back = 1; back <= ticks_per_turn_; ++back) {
    const std::uint64_t ago = delay + static_cast<std::uint64_t>(back);
    if (ago > count_) break;
    sum += utilizations_[(count_ - ago) % utilizations_.size()];
    ++counted;
  }
  const double mean = counted > 0 ? sum / counted : std::min(1.0, load / (std::max(1, state_.serving) * model_.capacity));
  const double noisy = std::min(1.0, mean * noise_);
  return meaning == Meaning::utilization_percent ? noisy * 100 : noisy;
}

/// From the loads seen so far, one per interval: as the metric source would have kept them.
std::optional<double> SimulatedWorld::past(const PastWindow& window) const {
  const auto steps = [this](Duration duration) { return static_cast<std::int64_t>(duration / group_.interval); };
  const auto newest = static_cast<std::int64_t>(loads_.size()) - 1;
  const std::int64_t last = newest - steps(window.ago);
  const std::int64_t first = std::max<std::int64_t>(0, last - std::max<std::int64_t>(1, steps(window.length)) + 1);
  if (last < 0 || last < first) return std::nullopt;
  const auto at = [](std::int64_t index) { return static_cast<std::size_t>(index); };
  if (window.take == PastWindow::Take::maximum) {
    return *std::max_element(loads_.begin() + first, loads_.begin() + last + 1);
  }
  const double before = first == 0 ? 0 : load_sums_[at(first - 1)];
  return (load_sums_[at(last)] - before) / static_cast<double>(last - first + 1);
}

void SimulatedWorld::apply(const Plan& plan) {
  write_balancers(plan);
  for (const Action& action : plan.actions) {
    if (action.kind == Action::Kind::launch) launch(action);
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
  } else if (std::ranges::find(facts_, action.server, &Server::token) == facts_.end()) {
    const Duration boot = model_.boot * (fails(Fault::Kind::slow_boot) ? kSlowBoot : 1);
    add_machine(action.server, action.version, now_, now_ + boot);
  }
  outcomes_.push_back(std::move(outcome));
}

void SimulatedWorld::write_balancers(const Plan& plan) {
  const bool takes = group_.balancers.empty() || (plan.write_balancers && !fails(Fault::Kind::balancer));
  if (!takes || in_balancers_ == plan.peers) return;
  in_balancers_ = plan.peers;
  // Whether what was written is in force is for the next turn to see.
  if (!group_.balancers.empty()) woken_ = true;
}

void SimulatedWorld::count_serving() {
  state_.serving = 0;
  for (const Peer& peer : in_balancers_) {
    const auto found = std::ranges::lower_bound(facts_, peer.server, {}, &Server::id);
    const bool there = found != facts_.end() && found->id == peer.server;
    if (there && is_healthy(static_cast<std::size_t>(found - facts_.begin()))) ++state_.serving;
  }
  state_.launched = static_cast<int>(facts_.size());
}

void SimulatedWorld::pass_time() {
  const LoadCursor::Reading load = cursor_.at(now_);
  state_.at = now_;
  state_.load = load.value * noise_;
  state_.in_gap = load.in_gap;
  const double capacity = state_.serving * model_.capacity;
  const double length = seconds(tick_);
  const double arrived = state_.load + backlog_ / length;
  const double waiting = std::max(0.0, arrived - capacity) * length;
  const double kept = std::min(waiting, capacity * seconds(model_.queue));
  state_.lost = state_.load > 0 ? std::clamp((waiting - kept) / (state_.load * length), 0.0, 1.0) : 0;
  backlog_ = kept;
  utilizations_[count_ % utilizations_.size()] = capacity > 0 ? std::min(1.0, arrived / capacity) : arrived > 0 ? 1 : 0;
  server_hours_ += hours(tick_) * state_.launched;
  const TimePoint before = now_;
  now_ += tick_;
  ++count_;
  for (const Machine& machine : machines_) {
    if (machine.ready_at > before && machine.ready_at <= now_) woken_ = true;
  }
}

double SimulatedWorld::server_hours() const { return server_hours_; }

std::optional<double> SimulatedWorld::cost() const {
  if (!group_.cost) return std::nullopt;
  double total = cost_;
  for (const Machine& machine : machines_) total += cost_between(*group_.cost, machine.launched_at, machine.paid_to, now_);
  return total;
}

}  // namespace weir
