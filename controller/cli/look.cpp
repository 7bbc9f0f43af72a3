#include "controller/cli/look.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace weir {
namespace {

using namespace std::chrono_literals;

/// Waits for changes of health.
class HealthWatch {
 public:
  explicit HealthWatch(HealthProbe& probe) : probe_(probe) {
    probe.on_change([this](const std::string&) {
      const std::lock_guard lock(mutex_);
      changed_.notify_all();
    });
  }
  ~HealthWatch() { probe_.on_change({}); }
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  template <typename Settled>
  void wait(std::chrono::milliseconds most, Settled settled) {
    std::unique_lock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + most;
    while (!settled() && changed_.wait_until(lock, deadline) != std::cv_status::timeout) {
    }
  }

 private:
  HealthProbe& probe_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

struct Subject {
  Managed* managed;
  Memory memory;
  Listing listing;
  std::vector<Sample> samples;
};

Listing list_group(const Managed& managed) {
  const Group* group = &managed.group;
  return listing_for(group->name, managed.provider->list({&group, 1}, {}));
}

std::vector<Sample> ask_metrics(const Managed& managed, MetricSource* metrics) {
  const std::vector<Query> queries = queries_of(managed.policies);
  if (metrics == nullptr || queries.empty()) return samples_for(managed.policies, {});
  return samples_for(managed.policies, metrics->query(queries, {}));
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
      observe(managed, subject.memory, subject.listing, std::move(subject.samples), outside.probe, outside.clock.now(), {});
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
  plan.current = count_phase(plan.servers, Phase::in_service);
  if (!turn.observation.listed) plan.servers_detail = turn.observation.listed_detail;
  for (std::size_t index = 0; index < managed.balancers.size(); ++index) {
    const std::string diff = turn.plan.write_balancers ? managed.balancers[index]->diff(turn.plan.peers) : "";
    plan.balancers.push_back({managed.group.balancers[index].name, diff});
  }
  return result;
}

}  // namespace

Result<std::vector<Look>> look(Assembly& assembly, Outside& outside, const std::string& group,
                               const std::function<Result<Memory>(const std::string&)>& memory) {
  HealthWatch watch(outside.probe);
  std::vector<Subject> subjects;
  for (Managed& managed : assembly.groups) {
    if (!group.empty() && managed.group.name != group) continue;
    auto remembered = memory(managed.group.name);
    if (!remembered) return std::unexpected(remembered.error());
    subjects.push_back({&managed, std::move(*remembered), list_group(managed), ask_metrics(managed, assembly.metrics.get())});
  }
  if (subjects.empty() && !group.empty())
    return failure(ErrorKind::not_found, fmt::format("no group {} in the configuration", group));
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
