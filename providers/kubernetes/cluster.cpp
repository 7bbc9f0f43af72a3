#include "providers/kubernetes/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "providers/kubernetes/json_fields.h"
#include "providers/kubernetes/ledger_file.h"

namespace weir::kubernetes {
namespace {

/// With more workloads than this in a namespace all its pods are read at once instead of those of each.
constexpr std::size_t kSingly = 8;

std::string apps_path(const std::string& name, std::string_view resource) {
  return fmt::format("/apis/apps/v1/namespaces/{}/{}", url_encoded(name), resource);
}

std::string workload_path(const Target& target) {
  return fmt::format("{}/{}", apps_path(target.space, plural(target.kind)), url_encoded(target.name));
}

std::string pod_path(const Target& target, const Pod& pod) {
  return fmt::format("/api/v1/namespaces/{}/pods/{}", url_encoded(target.space), url_encoded(pod.name));
}

std::string resource_of(Kind kind) { return fmt::format("{}.apps", plural(kind)); }

ApiRequest list_request(const std::string& name, const std::string& resource, const std::string& path,
                        const std::string& selector) {
  return {.verb = "list",
          .resource = resource,
          .space = name,
          .path = path,
          .query = selector.empty() ? "" : "labelSelector=" + url_encoded(selector)};
}

/// The autoscaler that scales it too; empty if none does.
std::string autoscaler_of(const Target& target, const std::vector<nlohmann::json>& autoscalers) {
  for (const nlohmann::json& autoscaler : autoscalers) {
    const nlohmann::json& reference = field(autoscaler, {"spec", "scaleTargetRef"});
    const bool same = text_field(reference, {"kind"}) == singular(target.kind) && text_field(reference, {"name"}) == target.name;
    if (same && text_field(reference, {"apiVersion"}).starts_with("apps/")) return text_field(autoscaler, {"metadata", "name"});
  }
  return "";
}

/// Somebody's pod that nobody asked for is alive.
bool has_unexplained_pods(const View& view) { return with_all_known(view.ledger, facts_of(view)) != view.ledger; }

}  // namespace

/// What belongs to workloads of one namespace.
struct Cluster::Objects {
  std::vector<nlohmann::json> pods;
  std::vector<nlohmann::json> sets;
  std::vector<nlohmann::json> autoscalers;
};

LedgerFacts facts_of(const View& view) {
  LedgerFacts facts{.replicas = view.workload.replicas};
  for (const Pod& pod : view.pods) {
    facts.present.push_back(pod.uid);
    if (pod.alive) facts.alive.push_back(pod.uid);
  }
  return facts;
}

Result<Workload> Cluster::read_workload(const Target& target, const std::stop_token& stop) {
  const Result<nlohmann::json> object =
      api_.get({.verb = "get", .resource = resource_of(target.kind), .space = target.space, .path = workload_path(target)}, stop);
  if (!object) return std::unexpected(object.error());
  return parse_workload(target.kind, *object);
}

Result<View> Cluster::look(const Wanted& wanted, const std::stop_token& stop) {
  Result<Workload> workload = read_workload(wanted.target, stop);
  if (!workload) return std::unexpected(workload.error());
  const Result<Objects> objects =
      read_objects(wanted.target.space, {workload->selector}, wanted.target.kind == Kind::deployment, stop);
  if (!objects) return std::unexpected(objects.error());
  return join(std::move(*workload), *objects, wanted.container, stop);
}

Result<std::vector<View>> Cluster::look_at_all(std::span<const Wanted> wanted, const std::set<std::string>& namespaces,
                                               const std::stop_token& stop) {
  std::map<std::string, std::vector<Wanted>> by_namespace;
  for (const std::string& name : namespaces) by_namespace[name];
  for (const Wanted& one : wanted) by_namespace[one.target.space].push_back(one);
  std::vector<View> views;
  for (const auto& [name, inside] : by_namespace) {
    if (const Result<void> looked = look_in(name, inside, views, stop); !looked) return std::unexpected(looked.error());
  }
  return views;
}

Result<void> Cluster::look_in(const std::string& name, const std::vector<Wanted>& wanted, std::vector<View>& views,
                              const std::stop_token& stop) {
  std::vector<Workload> workloads;
  if (const Result<void> found = find_labelled(name, workloads, stop); !found) return found;
  std::map<Target, std::string> containers;
  for (const Wanted& one : wanted) {
    containers[one.target] = one.container;
    if (std::ranges::find(workloads, one.target, &Workload::target) != workloads.end()) continue;
    // A namespace that does not exist has empty lists; only asking for the workload itself shows it.
    Result<Workload> workload = read_workload(one.target, stop);
    if (!workload) return std::unexpected(workload.error());
    workloads.push_back(std::move(*workload));
  }
  if (workloads.empty()) return {};
  Selectors selectors;
  for (const Workload& workload : workloads) selectors.push_back(workload.selector);
  if (selectors.size() > kSingly) selectors = {""};
  const bool deployments =
      std::ranges::any_of(workloads, [](const Workload& workload) { return workload.target.kind == Kind::deployment; });
  const Result<Objects> objects = read_objects(name, selectors, deployments, stop);
  if (!objects) return std::unexpected(objects.error());
  for (Workload& workload : workloads) {
    const std::string container = containers[workload.target];
    Result<View> view = join(std::move(workload), *objects, container, stop);
    if (!view) return std::unexpected(view.error());
    views.push_back(std::move(*view));
  }
  return {};
}

Result<void> Cluster::find_labelled(const std::string& name, std::vector<Workload>& workloads, const std::stop_token& stop) {
  const std::string selector = fmt::format("{}={}", kOwnerLabel, options_.owner);
  for (const Kind kind : {Kind::deployment, Kind::stateful_set}) {
    const auto found = api_.list(list_request(name, resource_of(kind), apps_path(name, plural(kind)), selector), stop);
    // Whoever may use one kind only has none of the other.
    if (!found && found.error().kind == ErrorKind::denied && kind == Kind::stateful_set) continue;
    if (!found) return std::unexpected(found.error());
    for (const nlohmann::json& object : *found) {
      Result<Workload> workload = parse_workload(kind, object);
      if (!workload) return std::unexpected(workload.error());
      workloads.push_back(std::move(*workload));
    }
  }
  return {};
}

/// Pods before ReplicaSets: the set that made a pod is older than the pod.
Result<Cluster::Objects> Cluster::read_objects(const std::string& name, const Selectors& selectors, bool deployments,
                                               const std::stop_token& stop) {
  Objects objects;
  const auto append = [&](const ApiRequest& request, std::vector<nlohmann::json>& into) -> Result<void> {
    Result<std::vector<nlohmann::json>> found = api_.list(request, stop);
    if (!found) return std::unexpected(found.error());
    std::ranges::move(*found, std::back_inserter(into));
    return {};
  };
  const std::string pods = fmt::format("/api/v1/namespaces/{}/pods", url_encoded(name));
  for (const std::string& selector : selectors) {
    if (const auto read = append(list_request(name, "pods", pods, selector), objects.pods); !read)
      return std::unexpected(read.error());
    if (!deployments) continue;
    const ApiRequest sets = list_request(name, "replicasets.apps", apps_path(name, "replicasets"), selector);
    if (const auto read = append(sets, objects.sets); !read) return std::unexpected(read.error());
  }
  Result<std::vector<nlohmann::json>> autoscalers = read_autoscalers(name, stop);
  if (!autoscalers) return std::unexpected(autoscalers.error());
  objects.autoscalers = std::move(*autoscalers);
  return objects;
}

Result<std::vector<nlohmann::json>> Cluster::read_autoscalers(const std::string& name, const std::stop_token& stop) {
  const std::string path = fmt::format("/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers", url_encoded(name));
  Result<std::vector<nlohmann::json>> found = api_.list(list_request(name, "horizontalpodautoscalers.autoscaling", path, ""), stop);
  // A precaution that needs a permission of its own; an old cluster has no such version.
  const bool unseen = !found && (found.error().kind == ErrorKind::denied || found.error().kind == ErrorKind::not_found);
  if (unseen) return std::vector<nlohmann::json>();
  return found;
}

Result<View> Cluster::join(Workload workload, const Objects& objects, const std::string& container, const std::stop_token& stop) {
  View view{.workload = std::move(workload)};
  std::set<std::string> owners;
  if (view.workload.target.kind == Kind::stateful_set) owners.insert(view.workload.uid);
  for (const nlohmann::json& set : objects.sets) {
    if (controller_of(set) == view.workload.uid) owners.insert(text_field(set, {"metadata", "uid"}));
  }
  std::set<std::string> living;
  for (const nlohmann::json& object : objects.pods) {
    if (!owners.contains(controller_of(object))) continue;
    Result<Pod> pod = parse_pod(object, container);
    if (!pod) return std::unexpected(pod.error());
    if (pod->alive) living.insert(pod->owner);
    view.pods.push_back(std::move(*pod));
  }
  view.living_sets = static_cast<int>(living.size());
  std::ranges::sort(view.pods, {}, [](const Pod& pod) { return std::tie(pod.created, pod.name, pod.uid); });
  // Pods of two workloads whose selectors overlap are read twice.
  const auto [first, last] = std::ranges::unique(view.pods, {}, &Pod::uid);
  view.pods.erase(first, last);
  view.hpa = autoscaler_of(view.workload.target, objects.autoscalers);
  if (const Result<void> read = read_ledger(view); !read) return std::unexpected(read.error());
  settle(view);
  if (!has_unexplained_pods(view)) return view;
  // The pods were read after the ledger: a launch in between may explain them.
  Result<Workload> now = read_workload(view.workload.target, stop);
  if (!now) return std::unexpected(now.error());
  view.workload = std::move(*now);
  if (const Result<void> read = read_ledger(view); !read) return std::unexpected(read.error());
  settle(view);
  return view;
}

Result<void> Cluster::read_ledger(View& view) {
  std::string text = view.workload.ledger;
  if (text.empty()) {
    const Result<LedgerFile> file = load_ledger_file(options_.directory, view.workload.uid);
    if (!file) return std::unexpected(file.error());
    text = view.workload.replicas == file->replicas ? file->after : file->before;
  }
  Result<Ledger> ledger = parse_ledger(text);
  if (!ledger) {
    return failure(ledger.error().kind, fmt::format("{} {}/{}: {}", singular(view.workload.target.kind), view.workload.target.space,
                                                    view.workload.target.name, ledger.error().message));
  }
  view.stored = std::move(*ledger);
  return {};
}

void Cluster::settle(View& view) {
  const std::lock_guard lock(mutex_);
  auto& seen = seen_[view.workload.uid];
  view.ledger = settled(view.stored, facts_of(view), seen);
  seen.clear();
  for (const Ledger::Entry& entry : view.ledger.entries) {
    if (!entry.token.empty() && !entry.pod.empty()) seen[entry.token] = entry.pod;
  }
}

Result<Written> Cluster::change(const View& view, std::optional<int> replicas, const Ledger& ledger, const std::stop_token& stop) {
  const Target& target = view.workload.target;
  nlohmann::json patch{{"metadata",
                        {{"uid", view.workload.uid},
                         {"resourceVersion", view.workload.resource_version},
                         {"labels", {{kOwnerLabel, options_.owner}}},
                         {"annotations", {{kLedgerAnnotation, to_text(ledger)}}}}}};
  if (replicas) patch["spec"] = {{"replicas", *replicas}};
  Result<Written> written = api_.write({.verb = "patch",
                                        .resource = resource_of(target.kind),
                                        .space = target.space,
                                        .path = workload_path(target),
                                        .body = patch.dump()},
                                       stop);
  const bool refused = written && written->outcome == Written::Outcome::forbidden && !options_.directory.empty();
  return refused ? change_scale(view, replicas, ledger, stop) : written;
}

Result<Written> Cluster::change_scale(const View& view, std::optional<int> replicas, const Ledger& ledger,
                                      const std::stop_token& stop) {
  const Target& target = view.workload.target;
  LedgerFile file{.workload = view.workload.uid,
                  .before = to_text(view.stored),
                  .after = to_text(ledger),
                  .replicas = replicas.value_or(view.workload.replicas)};
  if (!replicas) file.before = file.after;
  if (const Result<void> saved = save_ledger_file(options_.directory, file); !saved) return std::unexpected(saved.error());
  if (!replicas) return Written{};
  const nlohmann::json scale{{"apiVersion", "autoscaling/v1"},
                             {"kind", "Scale"},
                             {"metadata",
                              {{"name", target.name},
                               {"namespace", target.space},
                               {"uid", view.workload.uid},
                               {"resourceVersion", view.workload.resource_version}}},
                             {"spec", {{"replicas", *replicas}}}};
  Result<Written> written = api_.write({.verb = "update",
                                        .resource = resource_of(target.kind) + "/scale",
                                        .space = target.space,
                                        .path = workload_path(target) + "/scale",
                                        .body = scale.dump()},
                                       stop);
  if (!written || written->outcome != Written::Outcome::done) return written;
  file.before = file.after;
  if (const Result<void> saved = save_ledger_file(options_.directory, file); !saved) return std::unexpected(saved.error());
  return written;
}

Result<Written> Cluster::mark(const Target& target, const Pod& pod, const std::stop_token& stop) {
  const nlohmann::json patch{{"metadata", {{"uid", pod.uid}, {"annotations", {{kDeletionCost, kLowestCost}}}}}};
  return api_.write(
      {.verb = "patch", .resource = "pods", .space = target.space, .path = pod_path(target, pod), .body = patch.dump()}, stop);
}

Result<Written> Cluster::remove(const Target& target, const Pod& pod, const std::stop_token& stop) {
  const nlohmann::json options{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"preconditions", {{"uid", pod.uid}}}};
  return api_.write(
      {.verb = "delete", .resource = "pods", .space = target.space, .path = pod_path(target, pod), .body = options.dump()}, stop);
}

}  // namespace weir::kubernetes
