#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir::kubernetes {

enum class Kind { deployment, stateful_set };

/// `deployments` or `statefulsets`.
[[nodiscard]] std::string_view plural(Kind kind);
/// `Deployment` or `StatefulSet`.
[[nodiscard]] std::string_view singular(Kind kind);

/// Where a workload is.
struct Target {
  Kind kind = Kind::deployment;
  std::string space;
  std::string name;
  auto operator<=>(const Target&) const = default;
};

/// A Deployment or StatefulSet, as far as it matters here.
struct Workload {
  Target target;
  std::string uid;
  std::string resource_version;
  std::string selector;  ///< as a query takes it
  std::string ledger;    ///< the annotation
  int replicas = 0;
  int first_ordinal = 0;      ///< of a StatefulSet's pods
  std::string cannot_create;  ///< non-empty: its controller cannot make pods (a quota, an admission webhook), and why
};

/// One pod. `alive` is what its controller counts: neither ended nor asked to end.
struct Pod {
  std::string uid;
  std::string name;
  std::string owner;  ///< uid of its controller
  std::string ip;
  std::string version;  ///< tag of the image
  std::string phase;    ///< Pending | Running | Succeeded | Failed | Unknown
  TimePoint created;
  bool alive = true;
  bool deleting = false;
  bool assigned = false;      ///< to a node
  bool ready = false;         ///< as Kubernetes sees it
  bool running = false;       ///< all its containers
  bool marked = false;        ///< its deletion cost is the lowest there is
  std::string failure;        ///< why it cannot serve, since `since`
  std::string unschedulable;  ///< why no node takes it, since `since`
  TimePoint since;
  std::optional<int> ordinal;  ///< the number at the end of its name
};

/// The annotation by which the ReplicaSet controller ranks pods for removal, and the lowest value it takes.
inline constexpr std::string_view kDeletionCost = "controller.kubernetes.io/pod-deletion-cost";
inline constexpr std::string_view kLowestCost = "-2147483648";
inline constexpr std::string_view kLedgerAnnotation = "weir.dev/tokens";
inline constexpr std::string_view kOwnerLabel = "weir.dev/owner";

/// Errors: unavailable if it lacks what every one has.
[[nodiscard]] Result<Workload> parse_workload(Kind kind, const nlohmann::json& object);
/// `container` is the one whose image tells the version; empty: the first. Errors: unavailable.
[[nodiscard]] Result<Pod> parse_pod(const nlohmann::json& object, const std::string& container);

/// A label selector as the query parameter takes it: `app=web,tier in (a,b)`.
[[nodiscard]] std::string selector_text(const nlohmann::json& selector);
/// `v2` of `registry:5000/team/app:v2@sha256:…`; `latest` if it has neither tag nor digest.
[[nodiscard]] std::string image_version(const std::string& image);
/// The uid of the object's controller among its owners; empty if it has none.
[[nodiscard]] std::string controller_of(const nlohmann::json& object);

/// True if the ReplicaSet controller takes `first` before `second` whatever their deletion cost.
[[nodiscard]] bool is_removed_before(const Pod& first, const Pod& second);

}  // namespace weir::kubernetes
