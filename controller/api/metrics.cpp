#include "controller/api/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <sstream>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weir {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::array kPhases{Phase::pending, Phase::warming, Phase::in_service, Phase::draining, Phase::terminating};
constexpr std::array kKinds{Action::Kind::launch,    Action::Kind::admit,      Action::Kind::drain,   Action::Kind::readmit,
                            Action::Kind::terminate, Action::Kind::set_weight, Action::Kind::run_hook};
constexpr std::array kStatuses{Sample::Status::ok, Sample::Status::empty, Sample::Status::nan, Sample::Status::degraded,
                               Sample::Status::failed};
constexpr std::array kSuccesses{"done", "failed"};

enum class TurnOutcome { quiet, changed, blind, refused, failed };
constexpr std::array kOutcomes{"quiet", "changed", "blind", "refused", "failed"};
enum class Direction { out, in };
constexpr std::array kDirections{"out", "in"};

constexpr std::array kEnds{Rollout::End::done, Rollout::End::went_back};

template <typename E>
constexpr std::size_t index(E value) {
  return static_cast<std::size_t>(value);
}

TurnOutcome outcome_of(const Record& record) {
  if (!record.plan.refused.empty()) return TurnOutcome::refused;
  if (!record.servers_detail.empty()) return TurnOutcome::blind;
  const bool changed = !record.plan.actions.empty() || record.plan.decision.desired != record.plan.decision.previous;
  return changed ? TurnOutcome::changed : TurnOutcome::quiet;
}

/// A number that many threads write and nobody orders other writes by.
template <typename T>
class Number {
 public:
  void set(T value) { value_.store(value, std::memory_order_relaxed); }
  void add(T value) { value_.fetch_add(value, std::memory_order_relaxed); }
  [[nodiscard]] T get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<T> value_ = 0;
};

using Count = Number<std::uint64_t>;
using Level = Number<std::int64_t>;

/// What a policy last said, and how often its queries had no usable answer.
struct PolicyNumbers {
  std::array<std::uint64_t, kStatuses.size()> failures{};
  std::optional<double> value;
  std::optional<int> wants;
  std::optional<bool> abstains;  ///< absent: not asked yet
};

/// What policies and stages said; there are few of them, and their names come from outside.
struct DecisionNumbers {
  std::map<std::string, PolicyNumbers> policies;
  std::map<std::string, std::uint64_t, std::less<>> changes;  ///< by stage
  std::optional<Price> cost;                                  ///< of all servers, while each one's is known
};

/// All numbers of one group. prometheus-cpp's own counters and gauges cost some 400 bytes each; ten thousand groups have two
/// hundred thousand numbers.
struct GroupNumbers {
  Level min;
  Level max;
  Level interval;  ///< milliseconds
  Level desired;
  Level last_turn;  ///< milliseconds since the epoch; 0: none yet
  Level orphans;
  Level probe_suspected;
  Level held;
  std::array<Level, kDirections.size()> paused;
  Count lost_requests;
  std::atomic<bool> losses_known = false;
  std::array<Level, kPhases.size()> servers;
  std::array<Count, kOutcomes.size()> turns;
  std::array<Count, kDirections.size()> scale_events;
  std::array<std::array<Count, kSuccesses.size()>, kKinds.size()> actions;
  std::array<Count, kSuccesses.size()> balancer_writes;
  std::mutex decision_mutex;
  DecisionNumbers decision;
  std::optional<CostRule> cost;  ///< as configured
  std::array<Count, kEnds.size()> deploys;
  std::mutex deploy_mutex;
  std::optional<Rollout> deploy;  ///< under way
};

using Groups = std::unordered_map<std::string, std::unique_ptr<GroupNumbers>>;

/// Builds one family of series, all of it with the label group.
class FamilyBuilder {
 public:
  FamilyBuilder(const char* name, const char* help, MetricType type) : family_{name, help, type, {}} {}
  void add(const std::string& group, std::vector<ClientMetric::Label> more, double value) {
    ClientMetric metric;
    metric.label.reserve(more.size() + 1);
    metric.label.push_back({"group", group});
    for (ClientMetric::Label& label : more) metric.label.push_back(std::move(label));
    (family_.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    family_.metric.push_back(std::move(metric));
  }
  [[nodiscard]] MetricFamily take() { return std::move(family_); }

 private:
  MetricFamily family_;
};

template <typename T>
double number(const Number<T>& value) {
  return static_cast<double>(value.get());
}

/// One family and how its series are read from a group's numbers.
struct FamilySpec {
  const char* name;
  const char* help;
  MetricType type;
  void (*read)(FamilyBuilder& out, const std::string& group, GroupNumbers& numbers);
};

void read_actions(FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
  for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
    for (std::size_t success = 0; success < kSuccesses.size(); ++success) {
      const Count& count = numbers.actions[kind][success];
      // Most groups never do most things. A failed launch is alerted on, so it is there from the start.
      if (count.get() == 0 && kKinds[kind] != Action::Kind::launch) continue;
      out.add(group, {{"kind", std::string(to_string(kKinds[kind]))}, {"outcome", kSuccesses[success]}}, number(count));
    }
  }
}

void read_sample_failures(FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
  const std::scoped_lock lock(numbers.decision_mutex);
  for (const auto& [policy, said] : numbers.decision.policies) {
    for (std::size_t status = 0; status < kStatuses.size(); ++status) {
      if (said.failures[status] == 0) continue;
      out.add(group, {{"policy", policy}, {"status", std::string(to_string(kStatuses[status]))}},
              static_cast<double>(said.failures[status]));
    }
  }
}

/// One series for each policy of which `member` is known.
template <auto member>
void read_policies(FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
  const std::scoped_lock lock(numbers.decision_mutex);
  for (const auto& [policy, said] : numbers.decision.policies) {
    if (said.*member) out.add(group, {{"policy", policy}}, static_cast<double>(*(said.*member)));
  }
}

void read_stage_changes(FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
  const std::scoped_lock lock(numbers.decision_mutex);
  for (const auto& [stage, count] : numbers.decision.changes) out.add(group, {{"stage", stage}}, static_cast<double>(count));
}

void read_cost(FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
  const std::scoped_lock lock(numbers.decision_mutex);
  const std::optional<Price>& cost = numbers.decision.cost;
  if (cost) out.add(group, {{"currency", cost->currency}}, cost->per_hour);
}

/// Calls `use` with the deploy under way, if there is one.
template <typename Use>
void with_deploy(GroupNumbers& numbers, Use use) {
  const std::scoped_lock lock(numbers.deploy_mutex);
  if (numbers.deploy) use(*numbers.deploy);
}

double unix_seconds(TimePoint time) { return static_cast<double>(time.time_since_epoch().count()) / 1000; }

const FamilySpec kFamilies[] = {
    {"weir_min", "Servers that must be in service, from the configuration.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) { out.add(group, {}, number(numbers.min)); }},
    {"weir_max", "Servers that may be launched, from the configuration.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) { out.add(group, {}, number(numbers.max)); }},
    {"weir_interval_seconds", "How often the group is to have a turn, from the configuration.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       out.add(group, {}, number(numbers.interval) / 1000);
     }},
    {"weir_desired", "Servers there should be, as of the last turn.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       if (numbers.last_turn.get() != 0) out.add(group, {}, number(numbers.desired));
     }},
    {"weir_servers", "Servers by phase, as of the last turn.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       if (numbers.last_turn.get() == 0) return;
       for (const Phase phase : kPhases) {
         out.add(group, {{"phase", std::string(to_string(phase))}}, number(numbers.servers[index(phase)]));
       }
     }},
    {"weir_last_turn_timestamp_seconds", "When the last turn was.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       if (numbers.last_turn.get() != 0) out.add(group, {}, number(numbers.last_turn) / 1000);
     }},
    {"weir_turns_total", "Turns by outcome; blind: the provider gave no list; refused: the plan was unsafe.", MetricType::Counter,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       for (std::size_t outcome = 0; outcome < kOutcomes.size(); ++outcome) {
         out.add(group, {{"outcome", kOutcomes[outcome]}}, number(numbers.turns[outcome]));
       }
     }},
    {"weir_scale_events_total", "Changes of desired.", MetricType::Counter,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       for (std::size_t way = 0; way < kDirections.size(); ++way) {
         out.add(group, {{"direction", kDirections[way]}}, number(numbers.scale_events[way]));
       }
     }},
    {"weir_actions_total", "Actions applied.", MetricType::Counter, read_actions},
    {"weir_balancer_writes_total", "Changes of a balancer.", MetricType::Counter,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       for (std::size_t success = 0; success < kSuccesses.size(); ++success) {
         out.add(group, {{"outcome", kSuccesses[success]}}, number(numbers.balancer_writes[success]));
       }
     }},
    {"weir_sample_failures_total", "Answers to a policy's query that were not usable numbers.", MetricType::Counter,
     read_sample_failures},
    {"weir_policy_value", "The number a policy looked at in the last turn.", MetricType::Gauge,
     read_policies<&PolicyNumbers::value>},
    {"weir_policy_wants",
     "Servers a policy asked for in the last turn: those there were to be if it was content; absent while it abstains.",
     MetricType::Gauge, read_policies<&PolicyNumbers::wants>},
    {"weir_policy_abstains", "1 while a policy has no data it trusts, so that nobody may scale in.", MetricType::Gauge,
     read_policies<&PolicyNumbers::abstains>},
    {"weir_stage_changes_total", "Turns in which this stage of the decision changed the number of servers.", MetricType::Counter,
     read_stage_changes},
    {"weir_cost_per_hour", "What the group's servers cost an hour, by `cost:` or as the provider says; absent if that is unknown.",
     MetricType::Gauge, read_cost},
    {"weir_lost_requests_total", "Requests that nginx answered with 502 or 504 because their server was leaving.",
     MetricType::Counter,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       if (numbers.losses_known) out.add(group, {}, number(numbers.lost_requests));
     }},
    {"weir_orphans", "Servers that carry the group's tag and that it neither knows nor adopts.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) { out.add(group, {}, number(numbers.orphans)); }},
    {"weir_probe_suspected", "1 while the health check itself is taken to be wrong, not the servers.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       out.add(group, {}, number(numbers.probe_suspected));
     }},
    {"weir_group_paused", "1 while an operator has paused scaling in this direction.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       for (std::size_t way = 0; way < kDirections.size(); ++way) {
         out.add(group, {{"direction", kDirections[way]}}, number(numbers.paused[way]));
       }
     }},
    {"weir_group_held", "1 while an operator holds the group at a size.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) { out.add(group, {}, number(numbers.held)); }},
    {"weir_deploy", "1 while a deploy is under way.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       with_deploy(numbers, [&](const Rollout& deploy) {
         out.add(group,
                 {{"version", deploy.version},
                  {"strategy", std::string(to_string(deploy.strategy))},
                  {"direction", std::string(to_string(deploy.direction))}},
                 1);
       });
     }},
    {"weir_deploy_waiting", "1 while the deploy under way waits for something, a person for instance.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       with_deploy(numbers, [&](const Rollout& deploy) { out.add(group, {}, deploy.waits.empty() ? 0 : 1); });
     }},
    {"weir_deploy_start_timestamp_seconds", "When the deploy under way was ordered.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       with_deploy(numbers, [&](const Rollout& deploy) { out.add(group, {}, unix_seconds(deploy.started_at)); });
     }},
    {"weir_deploy_progress_timestamp_seconds", "When the deploy under way last moved.", MetricType::Gauge,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       with_deploy(numbers, [&](const Rollout& deploy) { out.add(group, {}, unix_seconds(deploy.progressed_at)); });
     }},
    {"weir_deploys_total", "Deploys that ended, by how.", MetricType::Counter,
     [](FamilyBuilder& out, const std::string& group, GroupNumbers& numbers) {
       for (std::size_t end = 0; end < kEnds.size(); ++end) {
         out.add(group, {{"end", std::string(to_string(kEnds[end]))}}, number(numbers.deploys[end]));
       }
     }},
};

prometheus::Histogram::BucketBoundaries turn_buckets() {
  return {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30};
}
prometheus::Histogram::BucketBoundaries call_buckets() { return {0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30}; }
prometheus::Histogram::BucketBoundaries wait_buckets() { return {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800}; }
prometheus::Histogram::BucketBoundaries connection_buckets() { return {0, 1, 2, 5, 10, 50, 100, 1000}; }

prometheus::Histogram& histogram(prometheus::Registry& registry, const char* name, const char* help,
                                 const prometheus::Histogram::BucketBoundaries& buckets) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
}

double seconds(Metrics::Elapsed elapsed) { return std::chrono::duration<double>(elapsed).count(); }

}  // namespace

struct Metrics::Impl {
  mutable std::shared_mutex mutex;  ///< guards the map; the numbers in it guard themselves
  Groups groups;

  prometheus::Registry registry;
  prometheus::Histogram& turn_duration = histogram(
      registry, "weir_turn_duration_seconds", "One turn of one group, from its facts at hand to its plan applied.", turn_buckets());
  prometheus::Histogram& breach = histogram(registry, "weir_breach_to_decision_seconds",
                                            "From the first bad sample of a breach to the decision.", wait_buckets());
  prometheus::Histogram& serving =
      histogram(registry, "weir_decision_to_serving_seconds", "From the decision to a server in service.", wait_buckets());
  prometheus::Histogram& open_connections =
      histogram(registry, "weir_termination_open_connections", "Connections still open at the termination of a server.",
                connection_buckets());
  prometheus::Family<prometheus::Gauge>& unowned =
      prometheus::BuildGauge()
          .Name("weir_unowned_servers")
          .Help("Servers with a tag of weir's whose group nobody configures: they may cost money.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& api_calls =
      prometheus::BuildCounter()
          .Name("weir_api_calls_total")
          .Help("Attempts at calls to a provider's or balancer's API, by what became of them.")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& api_call_duration =
      prometheus::BuildHistogram()
          .Name("weir_api_call_duration_seconds")
          .Help("One attempt at a call to a provider's or balancer's API, up to its answer.")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& notifications = prometheus::BuildCounter()
                                                               .Name("weir_notifications_total")
                                                               .Help(
                                                                   "Messages to receivers of notifications, by what became of "
                                                                   "them: delivered, failed, or dropped because too many waited.")
                                                               .Register(registry);
  prometheus::Family<prometheus::Gauge>& notifications_queued = prometheus::BuildGauge()
                                                                    .Name("weir_notifications_queued")
                                                                    .Help("Messages that wait for a receiver of notifications.")
                                                                    .Register(registry);
  prometheus::Family<prometheus::Counter>& reload_family =
      prometheus::BuildCounter().Name("weir_config_reloads_total").Help("Reloads of the configuration.").Register(registry);
  std::array<prometheus::Counter*, 2> reloads{&reload_family.Add({{"outcome", kSuccesses[0]}}),
                                              &reload_family.Add({{"outcome", kSuccesses[1]}})};
  prometheus::Counter& wrong_tokens = prometheus::BuildCounter()
                                          .Name("weir_api_wrong_tokens_total")
                                          .Help("Requests of the API that showed a wrong token.")
                                          .Register(registry)
                                          .Add({});
  prometheus::Counter& limited = prometheus::BuildCounter()
                                     .Name("weir_api_limited_total")
                                     .Help("Requests of the API that were answered 429: their peer asked too often.")
                                     .Register(registry)
                                     .Add({});
  prometheus::Counter& save_failures = prometheus::BuildCounter()
                                           .Name("weir_state_save_failures_total")
                                           .Help("Turns whose memory could not be written; their plans were not applied.")
                                           .Register(registry)
                                           .Add({});

  /// Calls `use` with the group's numbers, if it is known.
  template <typename Use>
  void with(const std::string& group, Use use) {
    const std::shared_lock lock(mutex);
    const auto found = groups.find(group);
    if (found != groups.end()) use(*found->second);
  }
};

namespace {

/// What they cost together; nothing unless all have a price in one currency.
std::optional<Price> cost_of(const std::vector<Server>& servers, const std::optional<CostRule>& rule) {
  std::optional<Price> sum;
  for (const Server& server : servers) {
    if (!server.listed) continue;
    const std::optional<Price> price = rule ? Price{.per_hour = rule->per_hour, .currency = rule->currency} : server.price;
    if (!price || (sum && sum->currency != price->currency)) return std::nullopt;
    sum = Price{.per_hour = price->per_hour + (sum ? sum->per_hour : 0), .currency = price->currency};
  }
  return sum;
}

/// How many servers the vote comes to. Nothing if the policy does not know, or has no say, as a guard.
std::optional<int> asked_for(const Vote& vote, int previous) {
  if (vote.stance == Vote::Stance::wants) return vote.wants;
  const bool has_a_say = vote.scales_out || vote.scales_in;
  return vote.stance == Vote::Stance::content && has_a_say ? std::optional(previous) : std::nullopt;
}

/// What policies and stages said in a turn, and what the servers cost.
void note_decision(GroupNumbers& numbers, const Record& record) {
  const std::scoped_lock lock(numbers.decision_mutex);
  for (const Vote& vote : record.plan.decision.votes) {
    const auto found = numbers.decision.policies.find(vote.policy);
    if (found == numbers.decision.policies.end()) continue;
    found->second.value = vote.value;
    found->second.wants = asked_for(vote, record.plan.decision.previous);
    found->second.abstains = vote.stance == Vote::Stance::abstains;
  }
  for (const Step& step : record.plan.decision.steps) {
    if (step.from == step.to) continue;
    const auto counted = numbers.decision.changes.find(step.stage);
    if (counted != numbers.decision.changes.end()) ++counted->second;
    if (counted == numbers.decision.changes.end()) numbers.decision.changes.emplace(step.stage, 1);
  }
  numbers.decision.cost = cost_of(record.servers, numbers.cost);
}

/// What a turn says of the group's deploy; one that ended is told of once.
void note_deploy(GroupNumbers& numbers, const std::optional<Rollout>& rollout) {
  if (rollout && rollout->end == Rollout::End::done) numbers.deploys[0].add(1);
  if (rollout && rollout->end == Rollout::End::went_back) numbers.deploys[1].add(1);
  const std::scoped_lock lock(numbers.deploy_mutex);
  numbers.deploy = is_active(rollout) ? rollout : std::nullopt;
}

}  // namespace

Metrics::Metrics(std::string_view version) : impl_(std::make_unique<Impl>()) {
  prometheus::BuildGauge()
      .Name("weir_build_info")
      .Help("Always 1; the version is in the label.")
      .Register(impl_->registry)
      .Add({{"version", std::string(version)}})
      .Set(1);
}

Metrics::~Metrics() = default;

void Metrics::group(const Group& group) {
  const std::unique_lock lock(impl_->mutex);
  std::unique_ptr<GroupNumbers>& numbers = impl_->groups[group.name];
  if (!numbers) numbers = std::make_unique<GroupNumbers>();
  numbers->min.set(group.min);
  numbers->max.set(group.max);
  numbers->interval.set(group.interval.count());
  const std::scoped_lock decision_lock(numbers->decision_mutex);
  numbers->cost = group.cost;
  std::map<std::string, PolicyNumbers> policies;
  for (const PolicySpec& policy : group.policies) policies[policy.name] = numbers->decision.policies[policy.name];
  numbers->decision.policies = std::move(policies);
}

void Metrics::remove_group(const std::string& group) {
  const std::unique_lock lock(impl_->mutex);
  impl_->groups.erase(group);
}

void Metrics::turn(const Record& record, Elapsed took) {
  impl_->turn_duration.Observe(seconds(took));
  impl_->with(record.group, [&record](GroupNumbers& numbers) {
    const Decision& decision = record.plan.decision;
    numbers.turns[index(outcome_of(record))].add(1);
    if (decision.desired > decision.previous) numbers.scale_events[index(Direction::out)].add(1);
    if (decision.desired < decision.previous) numbers.scale_events[index(Direction::in)].add(1);
    std::array<std::int64_t, kPhases.size()> servers{};
    for (const Server& server : record.servers) ++servers[index(server.phase)];
    for (std::size_t phase = 0; phase < servers.size(); ++phase) numbers.servers[phase].set(servers[phase]);
    numbers.desired.set(decision.desired);
    numbers.last_turn.set(record.at.time_since_epoch().count());
    note_decision(numbers, record);
    note_deploy(numbers, record.rollout);
  });
}

void Metrics::turn_failed(const std::string& group) {
  impl_->with(group, [](GroupNumbers& numbers) { numbers.turns[index(TurnOutcome::failed)].add(1); });
}

void Metrics::action(const std::string& group, Action::Kind kind, Success success) {
  impl_->with(group, [&](GroupNumbers& numbers) { numbers.actions[index(kind)][index(success)].add(1); });
}

void Metrics::sample(const std::string& group, const std::string& policy, Sample::Status status) {
  if (status == Sample::Status::ok) return;
  impl_->with(group, [&](GroupNumbers& numbers) {
    const std::scoped_lock lock(numbers.decision_mutex);
    const auto found = numbers.decision.policies.find(policy);
    if (found != numbers.decision.policies.end()) ++found->second.failures[index(status)];
  });
}

void Metrics::breach_to_decision(Elapsed elapsed) { impl_->breach.Observe(seconds(elapsed)); }
void Metrics::decision_to_serving(Elapsed elapsed) { impl_->serving.Observe(seconds(elapsed)); }

void Metrics::terminated_with(int connections) { impl_->open_connections.Observe(connections); }

void Metrics::lost(const std::string& group, int requests) {
  impl_->with(group, [&](GroupNumbers& numbers) {
    numbers.lost_requests.add(static_cast<std::uint64_t>(requests));
    numbers.losses_known = true;
  });
}

void Metrics::orphans(const std::string& group, int servers) {
  impl_->with(group, [&](GroupNumbers& numbers) { numbers.orphans.set(servers); });
}

void Metrics::unowned(const std::string& provider, int servers) { impl_->unowned.Add({{"provider", provider}}).Set(servers); }

void Metrics::probe_suspected(const std::string& group, bool suspected) {
  impl_->with(group, [&](GroupNumbers& numbers) { numbers.probe_suspected.set(suspected ? 1 : 0); });
}

void Metrics::manual(const std::string& group, const Manual& manual) {
  impl_->with(group, [&](GroupNumbers& numbers) {
    numbers.held.set(manual.hold ? 1 : 0);
    numbers.paused[index(Direction::out)].set(manual.pause && manual.pause->out ? 1 : 0);
    numbers.paused[index(Direction::in)].set(manual.pause && manual.pause->in ? 1 : 0);
  });
}

void Metrics::balancer_write(const std::string& group, Success success) {
  impl_->with(group, [&](GroupNumbers& numbers) { numbers.balancer_writes[index(success)].add(1); });
}

void Metrics::api_call(const ApiReport& report) {
  impl_->api_calls.Add({{"api", report.api}, {"operation", report.operation}, {"outcome", std::string(report.outcome)}})
      .Increment();
  if (report.outcome == "not_asked") return;
  impl_->api_call_duration.Add({{"api", report.api}}, call_buckets()).Observe(seconds(report.elapsed));
}

void Metrics::notification(const std::string& receiver, std::string_view result) {
  impl_->notifications.Add({{"receiver", receiver}, {"result", std::string(result)}}).Increment();
}

void Metrics::notifications_queued(const std::string& receiver, std::size_t waiting) {
  impl_->notifications_queued.Add({{"receiver", receiver}}).Set(static_cast<double>(waiting));
}

void Metrics::config_reload(Success success) { impl_->reloads[index(success)]->Increment(); }
void Metrics::wrong_token() { impl_->wrong_tokens.Increment(); }
void Metrics::request_limited() { impl_->limited.Increment(); }
void Metrics::state_save_failed() { impl_->save_failures.Increment(); }

std::string Metrics::text() const {
  const prometheus::TextSerializer serializer;
  std::ostringstream out;
  serializer.Serialize(out, impl_->registry.Collect());
  for (const FamilySpec& spec : kFamilies) {  // one at a time: all of them would be large
    FamilyBuilder builder(spec.name, spec.help, spec.type);
    {
      const std::shared_lock lock(impl_->mutex);
      for (const auto& [name, numbers] : impl_->groups) spec.read(builder, name, *numbers);
    }
    const MetricFamily family = builder.take();
    if (!family.metric.empty()) serializer.Serialize(out, {family});
  }
  return std::move(out).str();
}

}  // namespace weir
