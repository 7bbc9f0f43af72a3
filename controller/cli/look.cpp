#include "controller/cli/look.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>

#include "controller/reconcile/classify.h"
#include "controller/simulate/outlook.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// Waits for changes of health.
class HealthWatch {
 public:
  explicit HealthWatch(HealthProbe& probe) : probe_(probe) {
    probe.on_change([signal = signal_](const std::string&) {
      const std::lock_guard lock(signal->mutex);
      signal->changed.notify_all();
    });
  }
  ~HealthWatch() { probe_.on_change({}); }
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  template <typename Settled>
  void wait(std::chrono::milliseconds most, Settled settled) {
    std::unique_lock lock(signal_->mutex);
    signal_->changed.wait_until(lock, std::chrono::steady_clock::now() + most, settled);
  }

 private:
  /// Shared with a report that may be on its way when the watch goes.
  struct Signal {
    std::mutex mutex;
    std::condition_variable changed;
  };

  HealthProbe& probe_;
  std::shared_ptr<Signal> signal_ = std::make_shared<Signal>();
};

struct Subject {
  Managed* managed;
  Memory memory;
  Listing listing;
  Answers answers;
};

/// Asks each provider once for all its groups.
void list_providers(std::vector<Subject>& subjects) {
  std::map<Provider*, std::vector<Subject*>> by_provider;
  for (Subject& subject : subjects) by_provider[subject.managed->provider.get()].push_back(&subject);
  for (const auto& [provider, asking] : by_provider) {
    std::vector<const Group*> groups;
    for (const Subject* subject : asking) groups.push_back(&subject->managed->group);
    const auto answer = provider->list(groups, {});
    for (Subject* subject : asking) subject->listing = listing_for(subject->managed->group.name, answer);
  }
}

/// Asks all queries of all groups in one call.
void ask_metrics(std::vector<Subject>& subjects, MetricSource* metrics) {
  std::vector<Query> queries;
  std::vector<Inquiry> inquiries;
  for (const Subject& subject : subjects) {
    inquiries.push_back(inquiry_of(*subject.managed, subject.memory));
    std::ranges::copy(inquiries.back().queries, std::back_inserter(queries));
  }
  if (metrics == nullptr || queries.empty()) return;
  const std::vector<Sample> answers = metrics->query(queries, {});
  std::span<const Sample> rest = answers;
  for (std::size_t index = 0; index < subjects.size(); ++index) {
    const std::span<const Sample> own = rest.first(inquiries[index].queries.size());
    subjects[index].answers = answers_to(inquiries[index], {own.begin(), own.end()});
    rest = rest.subspan(own.size());
  }
}

bool health_is_known(const Subject& subject, const HealthProbe& probe) {
  return std::ranges::all_of(subject.listing.servers, [&](const Server& server) {
    const bool watched = !server.address.empty() && server.failure.empty() && server.phase != Phase::terminating;
    return !watched || probe.health(subject.managed->group.name, server.id).status != HealthStatus::unknown;
  });
}

/// How long healthy_after or unhealthy_after answers take, for the slowest group.
std::chrono::milliseconds patience(const std::vector<Subject>& subjects) {
  Duration most{0};
  for (const Subject& subject : subjects) {
    const HealthCheck& check = subject.managed->group.health;
    const int checks = std::max(check.healthy_after, check.unhealthy_after);
    most = std::max(most, checks * (std::min<Duration>(check.interval, 1s) + check.timeout));
  }
  return std::min<Duration>(most, 15s);
}

Look look_at(Subject& subject, Outside& outside) {
  Managed& managed = *subject.managed;
  Observation seen =
      observe(managed, subject.memory, subject.listing, std::move(subject.answers), outside.probe, outside.clock.now(), {});
  Look result{.managed = &managed,
              .turn = reconcile(managed.group, managed.policies, std::move(seen), std::move(subject.memory)),
              .plan = {}};
  const Turn& turn = result.turn;
  GroupPlan& plan = result.plan;
  plan = {.group = managed.group.name,
          .provider = managed.group.provider,
          .at = turn.observation.at,
          .plan = turn.plan,
          .servers = turn.observation.servers};
  plan.cost = cost_of(managed.group, turn);
  plan.then = outlook(managed.group, managed.policies, turn);
  plan.current = count_phase(plan.servers, Phase::in_service);
  plan.rollout = deploy_of_turn(turn.memory.rollout, plan.at);
  if (!turn.observation.listed) plan.servers_detail = turn.observation.listed_detail;
  for (std::size_t index = 0; index < managed.balancers.size(); ++index) {
    const std::string diff = turn.plan.write_balancers ? managed.balancers[index]->diff(turn.plan.peers) : "";
    plan.balancers.push_back({managed.group.balancers[index].name, diff});
  }
  return result;
}

}  // namespace

Result<std::vector<Look>> look(Assembly& assembly, Outside& outside, std::span<const std::string> groups,
                               const std::function<Result<Memory>(const std::string&)>& memory) {
  for (const std::string& name : groups) {
    const bool known = std::ranges::any_of(assembly.groups, [&](const Managed& managed) { return managed.group.name == name; });
    if (!known) return failure(ErrorKind::not_found, fmt::format("no group {} in the configuration", name));
  }
  HealthWatch watch(outside.probe);
  std::vector<Subject> subjects;
  for (Managed& managed : assembly.groups) {
    if (!groups.empty() && std::ranges::find(groups, managed.group.name) == groups.end()) continue;
    auto remembered = memory(managed.group.name);
    if (!remembered) return std::unexpected(remembered.error());
    if (auto there = check_provider(managed.group, *remembered); !there) return std::unexpected(there.error());
    subjects.push_back({&managed, std::move(*remembered), {}, {}});
  }
  list_providers(subjects);
  ask_metrics(subjects, assembly.metrics.get());
  for (const Subject& subject : subjects) {
    // Tells the probe whom to watch; the facts are taken again when the checks have spoken.
    (void)observe(*subject.managed, subject.memory, subject.listing, {}, outside.probe, outside.clock.now(), {});
  }
  watch.wait(patience(subjects), [&] {
    return std::ranges::all_of(subjects, [&](const Subject& subject) { return health_is_known(subject, outside.probe); });
  });
  std::vector<Look> looks;
  for (Subject& subject : subjects) looks.push_back(look_at(subject, outside));
  return looks;
}

}  // namespace weir
