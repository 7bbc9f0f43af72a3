#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "providers/kubernetes/api.h"
#include "providers/kubernetes/ledger.h"
#include "providers/kubernetes/workload.h"

namespace weir::kubernetes {

/// A workload that is looked for, and the container whose image tells the version of its pods.
struct Wanted {
  Target target;
  std::string container;
};

/// A workload and all that belongs to it, as seen within one moment.
struct View {
  Workload workload;
  std::vector<Pod> pods;  ///< those its controller made, in the order in which they were made
  std::string hpa;        ///< name of a HorizontalPodAutoscaler that scales it too
  int living_sets = 0;    ///< ReplicaSets that have pods alive: more than one during a rollout
  Ledger stored;          ///< as it is written
  Ledger ledger;          ///< as it follows from the pods
};

[[nodiscard]] LedgerFacts facts_of(const View& view);

/// Reads and changes workloads. Thread-safe.
class Cluster {
 public:
  struct Options {
    std::string owner;                ///< value of the label by which our workloads are found again
    std::filesystem::path directory;  ///< for ledgers that may not be written into annotations
  };

  Cluster(KubernetesApi& api, Options options) : api_(api), options_(std::move(options)) {}

  /// Errors: not_found (no such workload or namespace), denied, unavailable, invalid, cancelled.
  [[nodiscard]] Result<View> look(const Wanted& wanted, const std::stop_token& stop);
  /// Those wanted, and all with our label in their namespaces and in these.
  [[nodiscard]] Result<std::vector<View>> look_at_all(std::span<const Wanted> wanted, const std::set<std::string>& namespaces,
                                                      const std::stop_token& stop);

  /// Writes the ledger, and the number of replicas with it if there is one, unless the workload has changed since it was looked at.
  /// Where only its scale may be changed, the ledger goes to a file.
  [[nodiscard]] Result<Written> change(const View& view, std::optional<int> replicas, const Ledger& ledger,
                                       const std::stop_token& stop);
  /// Makes the pod the first to go among those that are equally well.
  [[nodiscard]] Result<Written> mark(const Target& target, const Pod& pod, const std::stop_token& stop);
  /// Ends the pod itself; its controller makes another if the number of replicas asks for it.
  [[nodiscard]] Result<Written> remove(const Target& target, const Pod& pod, const std::stop_token& stop);

 private:
  struct Objects;
  using Selectors = std::vector<std::string>;
  [[nodiscard]] Result<Workload> read_workload(const Target& target, const std::stop_token& stop);
  [[nodiscard]] Result<void> look_in(const std::string& name, const std::vector<Wanted>& wanted, std::vector<View>& views,
                                     const std::stop_token& stop);
  [[nodiscard]] Result<void> find_labelled(const std::string& name, std::vector<Workload>& workloads, const std::stop_token& stop);
  [[nodiscard]] Result<Objects> read_objects(const std::string& name, const Selectors& selectors, bool deployments,
                                             const std::stop_token& stop);
  [[nodiscard]] Result<std::vector<nlohmann::json>> read_autoscalers(const std::string& name, const std::stop_token& stop);
  [[nodiscard]] Result<View> join(Workload workload, const Objects& objects, const std::string& container,
                                  const std::stop_token& stop);
  [[nodiscard]] Result<void> read_ledger(View& view);
  void settle(View& view);
  [[nodiscard]] Result<Written> change_scale(const View& view, std::optional<int> replicas, const Ledger& ledger,
                                             const std::stop_token& stop);

  KubernetesApi& api_;
  const Options options_;
  std::mutex mutex_;
  std::map<std::string, std::map<std::string, std::string>> seen_;  ///< uid of a workload to token to pod, not written yet
};

}  // namespace weir::kubernetes
