#include "providers/kubernetes/kubernetes.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>

#include "platform/api_client.h"
#include "providers/kubernetes/cluster.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using kubernetes::Cluster;
using kubernetes::Kind;
using kubernetes::KubernetesApi;
using kubernetes::Ledger;
using kubernetes::Pod;
using kubernetes::Target;
using kubernetes::View;
using kubernetes::Wanted;
using kubernetes::Written;

/// How often a change is begun anew because somebody else was faster.
constexpr int kConflicts = 12;
/// How long a launch waits for its pod, which usually is there at once.
constexpr int kLooks = 10;
constexpr Duration kBetweenLooks = 200ms;

TimePoint system_now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

Wanted wanted_of(const Group& group) {
  const Settings& server = group.server;
  const bool deployment = server.has("deployment");
  return {.target = {.kind = deployment ? Kind::deployment : Kind::stateful_set,
                     .space = server.text("namespace"),
                     .name = server.text(deployment ? "deployment" : "statefulset")},
          .container = server.text("container")};
}

std::string name_of(const Target& target) {
  return fmt::format("{} {}/{}", kubernetes::singular(target.kind), target.space, target.name);
}

/// Unique for ever, since a StatefulSet gives the names of its pods out again.
std::string id_of(const Target& target, const Pod& pod) { return fmt::format("{}/{}/{}", target.space, pod.name, pod.uid); }

std::string address_of(const std::string& ip, int port) {
  if (ip.empty() || port == 0) return "";
  return ip.contains(':') ? fmt::format("[{}]:{}", ip, port) : fmt::format("{}:{}", ip, port);
}

/// The number of the only pod of a StatefulSet that can go.
int last_ordinal(const View& view) { return view.workload.first_ordinal + view.workload.replicas - 1; }

bool is_leaving(const View& view, const Pod& pod) {
  if (pod.deleting || view.ledger.is_removing(pod.uid)) return true;
  return view.workload.target.kind == Kind::stateful_set && pod.ordinal && *pod.ordinal > last_ordinal(view);
}

std::string autoscaler_conflict(const View& view) {
  return fmt::format(
      "the HorizontalPodAutoscaler {} scales {} too, and two cannot: delete it (`weir import hpa` takes its rules over), or take "
      "the "
      "group out",
      view.hpa, name_of(view.workload.target));
}

/// A pod that the ReplicaSet controller would take instead, whatever the deletion cost.
const Pod* removed_instead(const View& view, const Pod& pod) {
  const auto found = std::ranges::find_if(view.pods, [&](const Pod& other) {
    return other.alive && other.uid != pod.uid && !view.ledger.is_removing(other.uid) && is_removed_before(other, pod);
  });
  return found == view.pods.end() ? nullptr : &*found;
}

/// Why this pod of a Deployment cannot be the one that goes.
std::string deployment_protection(const View& view, const Pod& pod) {
  if (view.living_sets > 1) return "a rollout is under way: until its end its controller says which pods go";
  const Pod* other = removed_instead(view, pod);
  if (other == nullptr) return "";
  return fmt::format("pod {} is not ready yet, and a ReplicaSet removes those first", other->name);
}

std::string protection_of(const View& view, const Pod& pod) {
  if (is_leaving(view, pod)) return "";
  if (!view.hpa.empty()) return autoscaler_conflict(view);
  if (!pod.alive) return "";
  if (view.workload.target.kind == Kind::deployment) return deployment_protection(view, pod);
  if (pod.ordinal == last_ordinal(view)) return "";
  return fmt::format("a StatefulSet only gives up its highest number, which is {}-{} now", view.workload.target.name,
                     last_ordinal(view));
}

/// How long troubles of pods are stood before they count.
struct Graces {
  Duration failure{60'000};
  Duration pending{300'000};
};

Graces graces_of(const Group* group) {
  if (group == nullptr) return {};
  return {group->server.duration("failure_grace"), group->server.duration("pending_grace")};
}

std::string failure_of(const Pod& pod, const Graces& graces, TimePoint now) {
  if (pod.deleting) return "";
  if (!pod.alive) return pod.failure;
  if (!pod.failure.empty() && now - pod.since >= graces.failure) return pod.failure;
  if (!pod.unschedulable.empty() && now - pod.since >= graces.pending) return pod.unschedulable;
  return "";
}

Server to_server(const View& view, const Pod& pod, const Group* group, TimePoint now) {
  Server server;
  server.id = id_of(view.workload.target, pod);
  server.group = group != nullptr ? group->name : view.stored.group;
  server.token = view.ledger.token_of(pod.uid);
  server.address = address_of(pod.ip, group != nullptr ? group->server.integer("port") : view.stored.port);
  server.version = pod.version;
  server.launched_at = pod.created;
  server.phase = pod.running && !server.address.empty() ? Phase::warming : Phase::pending;
  if (is_leaving(view, pod)) server.phase = Phase::terminating;
  server.failure = failure_of(pod, graces_of(group), now);
  server.protection = protection_of(view, pod);
  return server;
}

class KubernetesProvider final : public Provider {
 public:
  KubernetesProvider(Network& network, KubernetesProviderOptions options)
      : network_(network),
        options_(std::move(options)),
        now_(options_.now ? options_.now : system_now),
        api_(network, options_.name, options_.load, now_),
        cluster_(api_, {options_.owner, options_.directory}) {}

  Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) override;
  Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override;
  Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) override;

 private:
  /// Absent inside: somebody else was faster, begin anew.
  using Step = Result<std::optional<Server>>;
  [[nodiscard]] std::set<std::string> namespaces(const std::vector<Wanted>& wanted, const std::stop_token& stop);
  [[nodiscard]] Step try_launch(const LaunchRequest& request, const std::stop_token& stop);
  [[nodiscard]] Step begin_launch(const LaunchRequest& request, const View& view, const std::stop_token& stop);
  [[nodiscard]] Step give_back(const View& view, const std::string& token, const std::stop_token& stop);
  [[nodiscard]] Result<Server> await_pod(const LaunchRequest& request, const std::stop_token& stop);
  [[nodiscard]] Result<void> may_launch(const LaunchRequest& request, const View& view) const;
  [[nodiscard]] Ledger ledger_for(const View& view, const Group& group) const;
  /// False: begin anew.
  [[nodiscard]] Result<bool> try_terminate(const Group& group, const std::string& server, const std::stop_token& stop);
  [[nodiscard]] Result<bool> remove_from_deployment(const Group& group, const View& view, const Pod& pod,
                                                    const std::stop_token& stop);
  [[nodiscard]] Result<bool> remove_from_stateful_set(const Group& group, const View& view, const Pod& pod,
                                                      const std::stop_token& stop);
  [[nodiscard]] Result<bool> lower(const Group& group, const View& view, const Pod& pod, const std::stop_token& stop);
  [[nodiscard]] Result<bool> end_pod(const View& view, const Pod& pod, const std::stop_token& stop);
  [[nodiscard]] std::unexpected<Error> too_many_conflicts(const Group& group) const;
  [[nodiscard]] bool pause(Duration longest, const std::stop_token& stop);
  [[nodiscard]] std::unexpected<Error> refused(ErrorKind kind, const std::string& what) const {
    return failure(kind, fmt::format("{}: {}", options_.name, what));
  }

  Network& network_;
  const KubernetesProviderOptions options_;
  const kubernetes::Credentials::Now now_;
  KubernetesApi api_;
  Cluster cluster_;
  std::mutex mutex_;
  std::set<std::string> known_namespaces_;
};

/// Where workloads of ours may be: where the groups are, where they were, and what the configuration names.
std::set<std::string> KubernetesProvider::namespaces(const std::vector<Wanted>& wanted, const std::stop_token& stop) {
  std::set<std::string> result = options_.namespaces;
  {
    const std::lock_guard lock(mutex_);
    for (const Wanted& one : wanted) known_namespaces_.insert(one.target.space);
    result.insert(known_namespaces_.begin(), known_namespaces_.end());
  }
  if (!result.empty()) return result;
  if (const std::string own = api_.own_namespace(stop); !own.empty()) result.insert(own);
  return result;
}

Result<std::vector<Server>> KubernetesProvider::list(std::span<const Group* const> groups, std::stop_token stop) {
  std::vector<Wanted> wanted;
  std::map<Target, const Group*> group_of;
  for (const Group* group : groups) {
    wanted.push_back(wanted_of(*group));
    const auto [other, is_new] = group_of.emplace(wanted.back().target, group);
    if (is_new) continue;
    return refused(ErrorKind::unavailable,
                   fmt::format("the groups {} and {} both have the pods of {}: each needs a workload of its own",
                               other->second->name, group->name, name_of(wanted.back().target)));
  }
  Result<std::vector<View>> views = cluster_.look_at_all(wanted, namespaces(wanted, stop), stop);
  if (!views && views.error().kind == ErrorKind::not_found) return failure(ErrorKind::unavailable, views.error().message);
  if (!views) return std::unexpected(views.error());
  std::vector<Server> servers;
  for (const View& view : *views) {
    const auto group = group_of.find(view.workload.target);
    for (const Pod& pod : view.pods) {
      servers.push_back(to_server(view, pod, group == group_of.end() ? nullptr : group->second, now_()));
    }
  }
  std::ranges::sort(servers, {}, &Server::id);
  return servers;
}

/// The ledger as it is to be written: with everything known, under this group.
Ledger KubernetesProvider::ledger_for(const View& view, const Group& group) const {
  Ledger ledger = with_all_known(view.ledger, facts_of(view));
  ledger.group = group.name;
  ledger.port = group.server.integer("port");
  return ledger;
}

bool KubernetesProvider::pause(Duration longest, const std::stop_token& stop) {
  const double part = network_.random ? network_.random() : 0.5;
  const auto wait = std::chrono::duration_cast<Duration>(longest * (0.5 + part / 2));
  return network_.clock.wait_until(network_.clock.now() + wait, stop);
}

std::unexpected<Error> KubernetesProvider::too_many_conflicts(const Group& group) const {
  return refused(ErrorKind::unavailable,
                 fmt::format("{} was changed by others {} times while it was being scaled; asked again later",
                             name_of(wanted_of(group).target), kConflicts));
}

Result<Server> KubernetesProvider::launch(const LaunchRequest& request, std::stop_token stop) {
  for (int attempt = 0; attempt < kConflicts; ++attempt) {
    Step step = try_launch(request, stop);
    if (!step) return std::unexpected(step.error());
    if (*step) return std::move(**step);
    if (!pause(kBetweenLooks, stop)) return refused(ErrorKind::cancelled, "cancelled between two attempts");
  }
  return too_many_conflicts(request.group);
}

KubernetesProvider::Step KubernetesProvider::try_launch(const LaunchRequest& request, const std::stop_token& stop) {
  const Result<View> view = cluster_.look(wanted_of(request.group), stop);
  if (!view) return std::unexpected(view.error());
  const Ledger::Entry* known = view->ledger.find_token(request.token);
  if (known == nullptr) return begin_launch(request, *view, stop);
  const bool hopeless = known->pod.empty() && !view->workload.cannot_create.empty();
  if (hopeless) return give_back(*view, request.token, stop);
  return await_pod(request, stop);
}

Result<void> KubernetesProvider::may_launch(const LaunchRequest& request, const View& view) const {
  const std::string where = name_of(view.workload.target);
  if (!view.hpa.empty()) return refused(ErrorKind::denied, autoscaler_conflict(view));
  if (!view.workload.cannot_create.empty()) {
    return refused(ErrorKind::out_of_capacity, fmt::format("{} cannot make pods: {}", where, view.workload.cannot_create));
  }
  const Duration grace = request.group.server.duration("pending_grace");
  for (const Pod& pod : view.pods) {
    const bool waits = pod.alive && !pod.unschedulable.empty() && now_() - pod.since >= grace;
    if (waits) {
      return refused(ErrorKind::out_of_capacity, fmt::format("pod {} of {} already waits: {}", pod.name, where, pod.unschedulable));
    }
    const bool returns = view.workload.target.kind == Kind::stateful_set && is_leaving(view, pod);
    if (returns) {
      return refused(ErrorKind::unavailable,
                     fmt::format("pod {} of {} is still going, and its number comes next", pod.name, where));
    }
  }
  return {};
}

/// One change: a replica more, and its token.
KubernetesProvider::Step KubernetesProvider::begin_launch(const LaunchRequest& request, const View& view,
                                                          const std::stop_token& stop) {
  if (const Result<void> may = may_launch(request, view); !may) return std::unexpected(may.error());
  Ledger ledger = ledger_for(view, request.group);
  ledger.entries.push_back({request.token, ""});
  const Result<Written> written = cluster_.change(view, view.workload.replicas + 1, ledger, stop);
  if (!written) return std::unexpected(written.error());
  switch (written->outcome) {
    case Written::Outcome::done:
      return await_pod(request, stop);
    case Written::Outcome::conflict:
      return std::nullopt;
    case Written::Outcome::gone:
      return failure(ErrorKind::not_found, written->message);
    case Written::Outcome::forbidden:
      break;
  }
  return failure(ErrorKind::denied, written->message);
}

/// The token was taken and no pod can be made for it: undone, so that somebody else's room can be tried.
KubernetesProvider::Step KubernetesProvider::give_back(const View& view, const std::string& token, const std::stop_token& stop) {
  Ledger ledger = with_all_known(view.ledger, facts_of(view));
  std::erase_if(ledger.entries, [&](const Ledger::Entry& entry) { return entry.token == token; });
  const Result<Written> written = cluster_.change(view, std::max(0, view.workload.replicas - 1), ledger, stop);
  if (!written) return std::unexpected(written.error());
  if (written->outcome != Written::Outcome::done) return std::nullopt;
  return refused(ErrorKind::out_of_capacity, fmt::format("{} cannot make pods: {}; the replica was taken back",
                                                         name_of(view.workload.target), view.workload.cannot_create));
}

/// Waits for the pod of a token that is in the ledger, and writes down which it is.
Result<Server> KubernetesProvider::await_pod(const LaunchRequest& request, const std::stop_token& stop) {
  for (int look = 0; look < kLooks; ++look) {
    const Result<View> view = cluster_.look(wanted_of(request.group), stop);
    if (!view) return std::unexpected(view.error());
    const Ledger::Entry* entry = view->ledger.find_token(request.token);
    if (entry == nullptr) break;  // the replicas were lowered by somebody else; list() will tell
    const auto pod = std::ranges::find(view->pods, entry->pod, &Pod::uid);
    const Ledger::Entry* stored = view->stored.find_token(request.token);
    const bool written = stored != nullptr && stored->pod == entry->pod;
    if (pod != view->pods.end() && !written) {
      const Result<Written> noted = cluster_.change(*view, std::nullopt, ledger_for(*view, request.group), stop);
      if (!noted && noted.error().kind == ErrorKind::cancelled) return std::unexpected(noted.error());
      // Only a note: whoever reads the same pods comes to the same conclusion.
      const bool again = noted && noted->outcome == Written::Outcome::conflict && look + 1 < kLooks;
      if (again) continue;
    }
    if (pod != view->pods.end()) return to_server(*view, *pod, &request.group, now_());
    if (!pause(kBetweenLooks, stop)) return refused(ErrorKind::cancelled, "cancelled while waiting for a pod");
  }
  // Promised: the workload asks for it, and list() shows it as soon as it is made.
  return Server{.group = request.group.name, .token = request.token, .version = request.version};
}

Result<void> KubernetesProvider::terminate(const Group& group, const std::string& server, std::stop_token stop) {
  for (int attempt = 0; attempt < kConflicts; ++attempt) {
    const Result<bool> done = try_terminate(group, server, stop);
    if (!done && done.error().kind == ErrorKind::not_found) return {};  // with the workload its pods go
    if (!done) return std::unexpected(done.error());
    if (*done) return {};
    if (!pause(kBetweenLooks, stop)) return refused(ErrorKind::cancelled, "cancelled between two attempts");
  }
  return too_many_conflicts(group);
}

Result<bool> KubernetesProvider::try_terminate(const Group& group, const std::string& server, const std::stop_token& stop) {
  const Wanted wanted = wanted_of(group);
  if (!server.starts_with(wanted.target.space + "/")) return true;
  const Result<View> view = cluster_.look(wanted, stop);
  if (!view) return std::unexpected(view.error());
  const auto pod = std::ranges::find_if(view->pods, [&](const Pod& each) { return id_of(view->workload.target, each) == server; });
  if (pod == view->pods.end() || pod->deleting) return true;
  if (!view->hpa.empty()) return refused(ErrorKind::denied, autoscaler_conflict(*view));
  // It has ended and does not count any more: its controller has made another already.
  if (!pod->alive) return end_pod(*view, *pod, stop);
  return wanted.target.kind == Kind::deployment ? remove_from_deployment(group, *view, *pod, stop)
                                                : remove_from_stateful_set(group, *view, *pod, stop);
}

Result<bool> KubernetesProvider::remove_from_deployment(const Group& group, const View& view, const Pod& pod,
                                                        const std::stop_token& stop) {
  const int replicas = view.workload.replicas;
  const auto alive = static_cast<int>(facts_of(view).alive.size());
  if (view.ledger.is_removing(pod.uid)) {
    // Its controller is about to take the one it was told to. Or something else ended meanwhile, and nothing is left over for it to
    // take: then the pod goes, and what is missing is made anew.
    return alive > replicas ? Result<bool>(true) : end_pod(view, pod, stop);
  }
  if (replicas == 0) return true;
  if (const std::string protection = deployment_protection(view, pod); !protection.empty()) {
    return refused(ErrorKind::unavailable,
                   fmt::format("pod {} of {} cannot be removed now: {}", pod.name, name_of(view.workload.target), protection));
  }
  if (!pod.marked) {
    const Result<Written> marked = cluster_.mark(view.workload.target, pod, stop);
    if (!marked) return std::unexpected(marked.error());
    if (marked->outcome == Written::Outcome::forbidden) return failure(ErrorKind::denied, marked->message);
    if (marked->outcome != Written::Outcome::done) return false;
  }
  return lower(group, view, pod, stop);
}

Result<bool> KubernetesProvider::remove_from_stateful_set(const Group& group, const View& view, const Pod& pod,
                                                          const std::stop_token& stop) {
  const int last = last_ordinal(view);
  if (pod.ordinal.value_or(0) > last) return true;
  if (pod.ordinal == last) return lower(group, view, pod, stop);
  // Its number stays; what can be done for one that is broken is to begin it anew.
  if (!failure_of(pod, graces_of(&group), now_()).empty()) return end_pod(view, pod, stop);
  return refused(ErrorKind::invalid, fmt::format("pod {} cannot be removed: {}", pod.name, protection_of(view, pod)));
}

/// One change: a replica less, and which pod that is.
Result<bool> KubernetesProvider::lower(const Group& group, const View& view, const Pod& pod, const std::stop_token& stop) {
  Ledger ledger = ledger_for(view, group);
  ledger.forget_pod(pod.uid);
  if (!ledger.is_removing(pod.uid)) ledger.removing.push_back(pod.uid);
  const Result<Written> written = cluster_.change(view, std::max(0, view.workload.replicas - 1), ledger, stop);
  if (!written) return std::unexpected(written.error());
  if (written->outcome == Written::Outcome::forbidden) return failure(ErrorKind::denied, written->message);
  return written->outcome == Written::Outcome::done;
}

Result<bool> KubernetesProvider::end_pod(const View& view, const Pod& pod, const std::stop_token& stop) {
  const Result<Written> removed = cluster_.remove(view.workload.target, pod, stop);
  if (!removed) return std::unexpected(removed.error());
  if (removed->outcome == Written::Outcome::forbidden) return failure(ErrorKind::denied, removed->message);
  return true;
}

}  // namespace

std::unique_ptr<Provider> make_kubernetes_provider(Network& network, KubernetesProviderOptions options) {
  return std::make_unique<KubernetesProvider>(network, std::move(options));
}

}  // namespace weir
