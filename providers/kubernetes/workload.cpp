#include "providers/kubernetes/workload.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <tuple>

#include "model/text.h"
#include "providers/kubernetes/json_fields.h"
#include "providers/kubernetes/rfc3339.h"

namespace weir::kubernetes {
namespace {

/// What a container waits for that does not come by itself.
constexpr std::string_view kHopeless[] = {"CrashLoopBackOff",  "ImagePullBackOff",     "ErrImagePull",
                                          "InvalidImageName",  "ErrImageNeverPull",    "CreateContainerConfigError",
                                          "RunContainerError", "CreateContainerError", "PostStartHookError"};

std::unexpected<Error> incomplete(std::string_view what, const nlohmann::json& object) {
  return failure(ErrorKind::unavailable, fmt::format("kubernetes: a {} in the answer lacks what every one has (name: '{}')", what,
                                                     text_field(object, {"metadata", "name"})));
}

/// The condition of that type; null if it is not there.
const nlohmann::json& condition_of(const nlohmann::json& object, std::string_view type) {
  static const nlohmann::json none;
  for (const nlohmann::json& condition : list_field(object, {"status", "conditions"})) {
    if (text_field(condition, {"type"}) == type) return condition;
  }
  return none;
}

std::optional<int> ordinal_of(const std::string& name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string::npos) return std::nullopt;
  int number = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + dash + 1, end, number);
  return error == std::errc{} && stop == end && number >= 0 ? std::optional(number) : std::nullopt;
}

std::string image_of(const nlohmann::json& object, const std::string& wanted) {
  for (const nlohmann::json& container : list_field(object, {"spec", "containers"})) {
    if (wanted.empty() || text_field(container, {"name"}) == wanted) return text_field(container, {"image"});
  }
  return "";
}

/// Why a container waits, if that is hopeless.
std::string hopeless_wait(const nlohmann::json& object) {
  for (const std::string_view statuses : {"initContainerStatuses", "containerStatuses"}) {
    for (const nlohmann::json& container : list_field(object, {"status", statuses})) {
      const std::string reason = text_field(container, {"state", "waiting", "reason"});
      if (std::ranges::find(kHopeless, reason) == std::end(kHopeless)) continue;
      return fmt::format("container {}: {} ({})", text_field(container, {"name"}), reason,
                         quoted_line(text_field(container, {"state", "waiting", "message"}), 200));
    }
  }
  return "";
}

bool all_run(const nlohmann::json& object) {
  const nlohmann::json& statuses = list_field(object, {"status", "containerStatuses"});
  return !statuses.empty() && std::ranges::all_of(statuses, [](const nlohmann::json& container) {
    return field(container, {"state", "running"}).is_object();
  });
}

void read_trouble(const nlohmann::json& object, Pod& pod) {
  pod.since = pod.created;
  const auto since = [&](const nlohmann::json& condition) {
    pod.since = parse_time(text_field(condition, {"lastTransitionTime"})).value_or(pod.created);
  };
  const nlohmann::json& scheduled = condition_of(object, "PodScheduled");
  if (text_field(scheduled, {"status"}) == "False" && text_field(scheduled, {"reason"}) == "Unschedulable") {
    pod.unschedulable = fmt::format("no node takes it: {}", quoted_line(text_field(scheduled, {"message"}), 300));
    since(scheduled);
  }
  if (pod.phase == "Failed" || pod.phase == "Succeeded") {
    pod.failure = fmt::format("its pod has ended ({}{}{})", pod.phase, text_field(object, {"status", "reason"}).empty() ? "" : ": ",
                              text_field(object, {"status", "reason"}));
    return;
  }
  pod.failure = hopeless_wait(object);
  if (!pod.failure.empty()) since(condition_of(object, "ContainersReady"));
}

int phase_rank(const std::string& phase) {
  if (phase == "Pending") return 0;
  return phase == "Unknown" ? 1 : 2;
}

}  // namespace

std::string_view plural(Kind kind) { return kind == Kind::deployment ? "deployments" : "statefulsets"; }
std::string_view singular(Kind kind) { return kind == Kind::deployment ? "Deployment" : "StatefulSet"; }

std::string selector_text(const nlohmann::json& selector) {
  std::vector<std::string> parts;
  const nlohmann::json& labels = field(selector, {"matchLabels"});
  if (labels.is_object()) {
    for (const auto& [name, value] : labels.items()) {
      parts.push_back(fmt::format("{}={}", name, value.is_string() ? value.get<std::string>() : std::string()));
    }
  }
  for (const nlohmann::json& rule : list_field(selector, {"matchExpressions"})) {
    const std::string key = text_field(rule, {"key"});
    const std::string how = text_field(rule, {"operator"});
    std::vector<std::string> values;
    for (const nlohmann::json& value : list_field(rule, {"values"}))
      values.push_back(value.is_string() ? value.get<std::string>() : "");
    if (how == "Exists") parts.push_back(key);
    if (how == "DoesNotExist") parts.push_back("!" + key);
    if (how == "In" || how == "NotIn")
      parts.push_back(fmt::format("{} {} ({})", key, how == "In" ? "in" : "notin", fmt::join(values, ",")));
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

std::string image_version(const std::string& image) {
  if (image.empty()) return "";
  const std::size_t at = image.find('@');
  const std::string name = image.substr(0, at);
  const std::size_t colon = name.rfind(':');
  const std::size_t slash = name.rfind('/');
  // A colon before the last slash is a registry's port.
  if (colon != std::string::npos && (slash == std::string::npos || colon > slash)) return name.substr(colon + 1);
  return at == std::string::npos ? "latest" : image.substr(at + 1);
}

std::string controller_of(const nlohmann::json& object) {
  for (const nlohmann::json& owner : list_field(object, {"metadata", "ownerReferences"})) {
    if (field(owner, {"controller"}) == true) return text_field(owner, {"uid"});
  }
  return "";
}

Result<Workload> parse_workload(Kind kind, const nlohmann::json& object) {
  Workload workload;
  workload.target = {kind, text_field(object, {"metadata", "namespace"}), text_field(object, {"metadata", "name"})};
  workload.uid = text_field(object, {"metadata", "uid"});
  workload.resource_version = text_field(object, {"metadata", "resourceVersion"});
  workload.selector = selector_text(field(object, {"spec", "selector"}));
  workload.ledger = text_field(object, {"metadata", "annotations", kLedgerAnnotation});
  // Nobody says one when they mean one.
  workload.replicas = int_field(object, {"spec", "replicas"}, 1);
  workload.first_ordinal = int_field(object, {"spec", "ordinals", "start"}, 0);
  const nlohmann::json& trouble = condition_of(object, "ReplicaFailure");
  if (text_field(trouble, {"status"}) == "True") workload.cannot_create = quoted_line(text_field(trouble, {"message"}), 300);
  const bool complete = !workload.target.name.empty() && !workload.uid.empty() && !workload.resource_version.empty() &&
                        !workload.selector.empty() && field(object, {"spec"}).is_object();
  if (!complete) return incomplete(singular(kind), object);
  return workload;
}

Result<Pod> parse_pod(const nlohmann::json& object, const std::string& container) {
  Pod pod;
  pod.uid = text_field(object, {"metadata", "uid"});
  pod.name = text_field(object, {"metadata", "name"});
  const auto created = parse_time(text_field(object, {"metadata", "creationTimestamp"}));
  if (pod.uid.empty() || pod.name.empty() || !created) return incomplete("pod", object);
  pod.created = *created;
  pod.owner = controller_of(object);
  pod.ip = text_field(object, {"status", "podIP"});
  pod.version = image_version(image_of(object, container));
  pod.phase = text_field(object, {"status", "phase"});
  pod.deleting = !text_field(object, {"metadata", "deletionTimestamp"}).empty();
  pod.alive = !pod.deleting && pod.phase != "Failed" && pod.phase != "Succeeded";
  pod.assigned = !text_field(object, {"spec", "nodeName"}).empty();
  pod.ready = text_field(condition_of(object, "Ready"), {"status"}) == "True";
  pod.running = pod.phase == "Running" && all_run(object);
  pod.marked = text_field(object, {"metadata", "annotations", kDeletionCost}) == kLowestCost;
  pod.ordinal = ordinal_of(pod.name);
  read_trouble(object, pod);
  return pod;
}

bool is_removed_before(const Pod& first, const Pod& second) {
  const auto rank = [](const Pod& pod) { return std::tuple(pod.assigned, phase_rank(pod.phase), pod.ready); };
  return rank(first) < rank(second);
}

}  // namespace weir::kubernetes
