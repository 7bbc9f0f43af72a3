#include "providers/docker_swarm/docker_swarm.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "providers/docker_swarm/own_service.h"
#include "providers/docker_swarm/servers.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// Conflicts with others' changes in a row before the caller hears of it.
constexpr int kRounds = 10;
constexpr Duration kAfterConflict = 20ms;
constexpr Duration kLookAgain = 50ms;

/// Lets the changes of one service go one after the other: those of this weir need not run into each other's versions.
class Turns {
 public:
  class Turn {
   public:
    Turn(Turns& turns, std::string service) : turns_(&turns), service_(std::move(service)) {}
    ~Turn() {
      if (turns_ != nullptr) turns_->give_back(service_);
    }
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)), service_(std::move(other.service_)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Turn& operator=(Turn&&) = delete;

   private:
    Turns* turns_;
    std::string service_;
  };

  /// Those before us have deadlines of their own. Errors: cancelled.
  [[nodiscard]] Result<Turn> take(const std::string& service, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!given_back_.wait(lock, stop, [&] { return !taken_.contains(service); })) {
      return failure(ErrorKind::cancelled, fmt::format("service {}: cancelled while others changed it", service));
    }
    taken_.insert(service);
    return Turn(*this, service);
  }

 private:
  void give_back(const std::string& service) {
    {
      const std::lock_guard lock(mutex_);
      taken_.erase(service);
    }
    given_back_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable_any given_back_;
  std::set<std::string> taken_;
};

/// Removals that were asked for in the name of a task and that no list has shown yet: until then a repetition is none. Afterwards
/// whoever goes is known, and the same name stands for one more.
class Removals {
 public:
  using Count = std::uint64_t;

  [[nodiscard]] bool is_unseen(const std::string& task) const {
    const std::lock_guard lock(mutex_);
    return unseen_.contains(task);
  }
  void asked_for(const std::string& task) {
    const std::lock_guard lock(mutex_);
    unseen_[task] = ++count_;
  }
  /// For a list that begins; given to seen() when it is complete.
  [[nodiscard]] Count so_far() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  void seen(Count until) {
    const std::lock_guard lock(mutex_);
    std::erase_if(unseen_, [until](const auto& each) { return each.second <= until; });
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Count> unseen_;
  Count count_ = 0;
};

const std::string& service_of(const Group& group) { return group.server.text("service"); }

class DockerSwarmProvider final : public Provider {
 public:
  DockerSwarmProvider(Network& network, DockerSwarmOptions options)
      : options_(std::move(options)),
        network_(network),
        engine_(network, options_.name, options_.engine, options_.access),
        own_services_(network, engine_, options_) {}

  Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) override;
  Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override;
  Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) override;

 private:
  /// What a look at the service says to do with its count.
  struct Step {
    enum class Kind { settled, change };
    Kind kind = Kind::settled;
    int replicas = 0;
    Ledger ledger = {};
  };
  /// `asked_for`: the count that a change whose answer was lost would have made.
  using Decide = std::function<Result<Step>(const ServiceView& view, std::optional<int> asked_for)>;

  enum class Changed { no, yes };

  /// A service of the list, and whose it is.
  struct Owned {
    std::string name;              ///< of the group
    const Group* group = nullptr;  ///< null: nobody configures it any more
    SwarmService service;
  };

  using Services = std::vector<SwarmService>;

  [[nodiscard]] Result<std::vector<Server>> list_counted(std::span<const Group* const> groups, const Services& services,
                                                         const std::stop_token& stop);
  [[nodiscard]] Result<void> lower_count(const std::string& service, const Group& group, const std::string& server,
                                         const std::stop_token& stop);
  [[nodiscard]] Result<std::vector<Owned>> owned(std::span<const Group* const> groups, const Services& services) const;
  [[nodiscard]] Result<const SwarmService*> service_in(const std::vector<SwarmService>& services, const Group& group) const;
  [[nodiscard]] Result<std::vector<Server>> servers_of_all(std::vector<Owned> services, const Engine::Tasks& tasks,
                                                           const SwarmNodes& nodes) const;
  [[nodiscard]] Result<ServiceView> look(const std::string& service, const std::stop_token& stop);
  [[nodiscard]] Result<Changed> change(const std::string& service, const Group& group, const Decide& decide,
                                       const std::stop_token& stop);
  [[nodiscard]] bool is_marked(const SwarmService& service) const;
  [[nodiscard]] Result<Step> decide_launch(const LaunchRequest& request, const ServiceView& view) const;
  [[nodiscard]] Result<Step> decide_removal(const std::string& server, const ServiceView& view, std::optional<int> asked_for) const;
  [[nodiscard]] Result<std::optional<std::string>> service_of_task(const Group& group, const std::string& task,
                                                                   const Services& services, const std::stop_token& stop);
  [[nodiscard]] Result<Server> promised(const LaunchRequest& request, const std::stop_token& stop);

  const DockerSwarmOptions options_;
  Network& network_;
  Engine engine_;
  OwnServices own_services_;
  Turns turns_;
  Removals removals_;
};

/// Errors: unavailable. A service that is not there is nothing to look at, which is not the same as one without tasks.
Result<const SwarmService*> DockerSwarmProvider::service_in(const std::vector<SwarmService>& services, const Group& group) const {
  const auto found = std::ranges::find_if(
      services, [&](const SwarmService& service) { return service.name == service_of(group) || service.id == service_of(group); });
  if (found == services.end()) {
    return failure(ErrorKind::unavailable, fmt::format("{}: there is no service {}, whose tasks are the servers of group {}",
                                                       options_.name, service_of(group), group.name));
  }
  if (std::string complaint = complaint_about(*found, group); !complaint.empty()) {
    return failure(ErrorKind::unavailable, fmt::format("{}: {}", options_.name, complaint));
  }
  return &*found;
}

bool DockerSwarmProvider::is_marked(const SwarmService& service) const {
  const auto owner = service.labels.find(kOwnerLabel);
  return owner != service.labels.end() && owner->second == options_.owner && service.labels.contains(kGroupLabel) &&
         !service.labels.contains(kTokenLabel);
}

/// The services whose count is a group's, then those that only their labels say are ours, unless they have become a group's
/// pattern. Sorted by id.
Result<std::vector<DockerSwarmProvider::Owned>> DockerSwarmProvider::owned(std::span<const Group* const> groups,
                                                                           const Services& services) const {
  std::map<std::string, Owned> result;
  std::set<std::string> patterns;
  for (const Group* group : groups) {
    if (has_own_services(group->server)) {
      patterns.insert(service_of(*group));
      continue;
    }
    const Result<const SwarmService*> service = service_in(services, *group);
    if (!service) return std::unexpected(service.error());
    const auto [place, fresh] = result.try_emplace((*service)->id, Owned{group->name, group, **service});
    if (fresh) continue;
    return failure(ErrorKind::unavailable, fmt::format("{}: service {} is configured for two groups, {} and {}", options_.name,
                                                       (*service)->name, place->second.name, group->name));
  }
  for (const SwarmService& service : services) {
    const bool is_pattern = patterns.contains(service.name) || patterns.contains(service.id);
    if (is_marked(service) && !is_pattern) result.try_emplace(service.id, Owned{service.labels.at(kGroupLabel), nullptr, service});
  }
  std::vector<Owned> sorted;
  for (auto& [id, each] : result) sorted.push_back(std::move(each));
  return sorted;
}

Result<std::vector<Server>> DockerSwarmProvider::list(std::span<const Group* const> groups, std::stop_token stop) {
  const Removals::Count shown = removals_.so_far();
  const Result<Services> services = engine_.services(stop);
  if (!services) return std::unexpected(services.error());
  Result<std::vector<Server>> servers = list_counted(groups, *services, stop);
  if (!servers) return servers;
  Result<std::vector<Server>> own = own_services_.list(groups, *services, stop);
  if (!own) return own;
  std::ranges::move(*own, std::back_inserter(*servers));
  std::ranges::sort(*servers, {}, &Server::id);
  removals_.seen(shown);
  return servers;
}

/// A ledger is read after the tasks it speaks of: a task whose token is not in it was not launched by us.
Result<std::vector<Server>> DockerSwarmProvider::list_counted(std::span<const Group* const> groups, const Services& services,
                                                              const std::stop_token& stop) {
  const Result<std::vector<Owned>> before = owned(groups, services);
  if (!before) return std::unexpected(before.error());
  if (before->empty()) return std::vector<Server>{};
  std::vector<std::string> ids;
  for (const Owned& each : *before) ids.push_back(each.service.id);
  Result<std::vector<SwarmNode>> nodes = engine_.nodes(stop);
  if (!nodes) return std::unexpected(nodes.error());
  const Result<Engine::Tasks> tasks = engine_.tasks(ids, stop);
  if (!tasks && tasks.error().kind == ErrorKind::not_found) return failure(ErrorKind::unavailable, tasks.error().message);
  if (!tasks) return std::unexpected(tasks.error());
  const Result<Services> now = engine_.services(stop);
  if (!now) return std::unexpected(now.error());
  Result<std::vector<Owned>> after = owned(groups, *now);
  if (!after) return std::unexpected(after.error());
  if (!std::ranges::equal(*after, ids, {}, [](const Owned& each) { return each.service.id; })) {
    return failure(ErrorKind::unavailable, fmt::format("{}: services came or went while they were listed", options_.name));
  }
  return servers_of_all(std::move(*after), *tasks, by_id(std::move(*nodes)));
}

Result<std::vector<Server>> DockerSwarmProvider::servers_of_all(std::vector<Owned> services, const Engine::Tasks& tasks,
                                                                const SwarmNodes& nodes) const {
  std::map<std::string, std::vector<SwarmTask>> by_service;
  for (const SwarmTask& task : tasks.tasks) by_service[task.service].push_back(task);
  std::vector<Server> servers;
  for (Owned& each : services) {
    std::vector<SwarmTask> own = std::move(by_service[each.service.id]);
    const ServiceView view{.service = std::move(each.service), .tasks = std::move(own), .nodes = nodes, .at = tasks.at};
    const std::string complaint = each.group == nullptr ? std::string() : complaint_about_addresses(view, *each.group);
    if (!complaint.empty()) return failure(ErrorKind::unavailable, fmt::format("{}: {}", options_.name, complaint));
    std::ranges::move(servers_of(view, each.name, each.group), std::back_inserter(servers));
  }
  std::ranges::sort(servers, {}, &Server::id);
  return servers;
}

/// The count last: what was decided over is then never older than the version that guards it. Errors: as Engine's.
Result<ServiceView> DockerSwarmProvider::look(const std::string& service, const std::stop_token& stop) {
  Result<std::vector<SwarmNode>> nodes = engine_.nodes(stop);
  if (!nodes) return std::unexpected(nodes.error());
  Result<Engine::Tasks> tasks = engine_.tasks({service}, stop);
  if (!tasks) return std::unexpected(tasks.error());
  Result<SwarmService> now = engine_.service(service, stop);
  if (!now) return std::unexpected(now.error());
  std::erase_if(tasks->tasks, [&](const SwarmTask& task) { return task.service != now->id; });
  return ServiceView{
      .service = std::move(*now), .tasks = std::move(tasks->tasks), .nodes = by_id(std::move(*nodes)), .at = tasks->at};
}

/// Compare and swap: looks, decides, and changes the service if it is still as it was seen; else once more.
Result<DockerSwarmProvider::Changed> DockerSwarmProvider::change(const std::string& service, const Group& group,
                                                                 const Decide& decide, const std::stop_token& stop) {
  const Result<Turns::Turn> turn = turns_.take(service, stop);
  if (!turn) return std::unexpected(turn.error());
  std::optional<int> asked_for;
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0 && !network_.clock.wait_until(network_.clock.now() + round * kAfterConflict, stop)) {
      return failure(ErrorKind::cancelled, fmt::format("{}: service {}: cancelled between two attempts", options_.name, service));
    }
    const Result<ServiceView> view = look(service, stop);
    if (!view) return std::unexpected(view.error());
    const Result<Step> step = decide(*view, asked_for);
    if (!step) return std::unexpected(step.error());
    if (step->kind == Step::Kind::settled) return asked_for ? Changed::yes : Changed::no;
    const std::string spec =
        changed_spec(view->service.spec, step->replicas,
                     {{kOwnerLabel, options_.owner}, {kGroupLabel, group.name}, {kLedgerLabel, write_ledger(step->ledger)}});
    const Result<ServiceUpdate> update = engine_.update(view->service, spec, stop);
    if (!update) return std::unexpected(update.error());
    if (*update == ServiceUpdate::done) return Changed::yes;
    if (*update == ServiceUpdate::unknown) asked_for = step->replicas;
  }
  return failure(ErrorKind::unavailable,
                 fmt::format("{}: service {}: {} attempts to change its count {}", options_.name, service, kRounds,
                             asked_for ? "had no usable answer" : "were all overtaken by changes of others"));
}

Result<DockerSwarmProvider::Step> DockerSwarmProvider::decide_launch(const LaunchRequest& request, const ServiceView& view) const {
  Placement now = place(view);
  const bool launched = std::ranges::find(now.ledger.places, request.token, &Ledger::Place::token) != now.ledger.places.end() ||
                        std::ranges::find(now.ledger.waiting, request.token) != now.ledger.waiting.end();
  if (launched) return Step{};
  const auto refused = [&](ErrorKind kind, const std::string& why) {
    return failure(kind, fmt::format("{}: {}; nothing was launched", options_.name, why));
  };
  if (const std::string why = complaint_about(view.service, request.group); !why.empty()) return refused(ErrorKind::invalid, why);
  const bool under_way = view.service.update_state == "updating" && !view.service.rolls_back_by_itself;
  const std::string hands_off = under_way ? std::string() : reason_to_leave_alone(view.service);
  if (!hands_off.empty()) {
    const bool paused = view.service.update_state.ends_with("paused");
    return refused(paused ? ErrorKind::denied : ErrorKind::unavailable, hands_off);
  }
  if (const SwarmTask* waiting = waiting_for_a_node(view)) {
    return refused(ErrorKind::out_of_capacity,
                   fmt::format("task {} of service {} waits already: {}", waiting->id, view.service.name, waiting->trouble));
  }
  if (now.to_go > 0) {
    return refused(ErrorKind::unavailable, fmt::format("service {} is about to lose {} of its tasks, and Swarm has not picked yet",
                                                       view.service.name, now.to_go));
  }
  // What Swarm is about to make anyway, in the place of a task whose node went down for one, is this server as well as another.
  const bool comes_anyway = std::cmp_less(now.ledger.waiting.size(), now.to_come);
  now.ledger.waiting.push_back(request.token);
  return Step{
      .kind = Step::Kind::change, .replicas = view.service.replicas + (comes_anyway ? 0 : 1), .ledger = std::move(now.ledger)};
}

Result<Server> DockerSwarmProvider::launch(const LaunchRequest& request, std::stop_token stop) {
  if (request.token.empty()) return failure(ErrorKind::invalid, fmt::format("{}: a launch without a token", options_.name));
  if (has_own_services(request.group.server)) return own_services_.launch(request, stop);
  const Result<Changed> changed = change(
      service_of(request.group), request.group,
      [&](const ServiceView& view, std::optional<int> /*asked_for*/) { return decide_launch(request, view); }, stop);
  if (!changed && changed.error().kind == ErrorKind::not_found) return failure(ErrorKind::invalid, changed.error().message);
  if (!changed) return std::unexpected(changed.error());
  return promised(request, stop);
}

/// The count is Swarm's promise; the task that keeps it follows in a moment.
Result<Server> DockerSwarmProvider::promised(const LaunchRequest& request, const std::stop_token& stop) {
  const auto deadline = network_.clock.now() + options_.task_deadline;
  while (true) {
    const Result<ServiceView> view = look(service_of(request.group), stop);
    if (!view) return failure(ErrorKind::unavailable, view.error().message);
    for (const Server& server : servers_of(*view, request.group.name, &request.group)) {
      if (server.token == request.token && server.phase != Phase::terminating) return server;
    }
    if (network_.clock.now() >= deadline) break;
    if (!network_.clock.wait_until(network_.clock.now() + kLookAgain, stop)) {
      return failure(ErrorKind::cancelled, fmt::format("{}: cancelled while waiting for a task", options_.name));
    }
  }
  return failure(ErrorKind::unavailable, fmt::format("{}: service {} has a replica for {}, but Swarm has not made its task yet",
                                                     options_.name, service_of(request.group), request.token));
}

/// One replica fewer, unless it is so already: the server is on its way out, or one of the others is and Swarm has yet to say
/// which.
Result<DockerSwarmProvider::Step> DockerSwarmProvider::decide_removal(const std::string& server, const ServiceView& view,
                                                                      std::optional<int> asked_for) const {
  const int replicas = view.service.replicas;
  const auto task = std::ranges::find(view.tasks, server, &SwarmTask::id);
  const bool serves = task != view.tasks.end() && is_wanted(*task) && has_not_ended(*task) && !is_cut_off(*task, view.nodes);
  if (!serves || replicas == 0 || view.service.mode != "replicated") return Step{};
  if (asked_for && replicas <= *asked_for) return Step{};
  Placement now = place(view);
  const bool asked_already = std::ranges::find(now.ledger.leaving, server) != now.ledger.leaving.end();
  // More go than we have asked for: somebody else lowered the count, and that is one fewer too.
  if (asked_already || std::cmp_greater(now.to_go, now.ledger.leaving.size())) return Step{};
  if (const std::string hands_off = reason_to_leave_alone(view.service); !hands_off.empty()) {
    return failure(ErrorKind::unavailable, fmt::format("{}: {}; nothing was removed", options_.name, hands_off));
  }
  now.ledger.leaving.push_back(server);
  return Step{.kind = Step::Kind::change, .replicas = replicas - 1, .ledger = std::move(now.ledger)};
}

Result<void> DockerSwarmProvider::terminate(const Group& group, const std::string& server, std::stop_token stop) {
  if (server.empty() || removals_.is_unseen(server)) return {};
  if (has_own_services(group.server)) return own_services_.terminate(group, server, stop);
  const Result<Services> services = engine_.services(stop);
  if (!services) return std::unexpected(services.error());
  const Result<std::optional<std::string>> service = service_of_task(group, server, *services, stop);
  if (!service) return std::unexpected(service.error());
  if (*service) return lower_count(**service, group, server, stop);
  // A proxy may let a group without them have nothing but the lists.
  if (own_services_.has_any(group, *services)) return own_services_.terminate(group, server, stop);
  return {};
}

Result<void> DockerSwarmProvider::lower_count(const std::string& service, const Group& group, const std::string& server,
                                              const std::stop_token& stop) {
  const Result<Changed> changed = change(
      service, group,
      [&](const ServiceView& view, std::optional<int> asked_for) { return decide_removal(server, view, asked_for); }, stop);
  if (!changed && changed.error().kind == ErrorKind::not_found) return {};
  if (!changed) return std::unexpected(changed.error());
  if (*changed == Changed::yes) removals_.asked_for(server);
  return {};
}

/// The service whose task it is, if that is the group's or marked as the group's.
Result<std::optional<std::string>> DockerSwarmProvider::service_of_task(const Group& group, const std::string& task,
                                                                        const Services& services, const std::stop_token& stop) {
  std::vector<std::string> ids;
  for (const SwarmService& service : services) {
    const bool configured = service.name == service_of(group) || service.id == service_of(group);
    if (configured || (is_marked(service) && service.labels.at(kGroupLabel) == group.name)) ids.push_back(service.id);
  }
  if (ids.empty()) return std::nullopt;
  const Result<Engine::Tasks> tasks = engine_.tasks(ids, stop);
  if (!tasks && tasks.error().kind != ErrorKind::not_found) return std::unexpected(tasks.error());
  if (!tasks) return failure(ErrorKind::unavailable, tasks.error().message);
  const auto found = std::ranges::find(tasks->tasks, task, &SwarmTask::id);
  return found == tasks->tasks.end() ? std::nullopt : std::optional(found->service);
}

}  // namespace

std::unique_ptr<Provider> make_docker_swarm_provider(Network& network, DockerSwarmOptions options) {
  return std::make_unique<DockerSwarmProvider>(network, std::move(options));
}

}  // namespace weir
