#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "providers/kubernetes/credentials.h"
#include "providers/provider.h"

namespace weir {

struct Network;

/// `type: kubernetes`: every server is a pod of a Deployment or StatefulSet, whose number of replicas weir sets.
[[nodiscard]] ProviderType kubernetes_provider_type();

struct KubernetesProviderOptions {
  std::string name = "kubernetes";        ///< in messages, log and metrics
  std::string owner = "weir";             ///< value of the label weir.dev/owner on workloads that are ours
  std::set<std::string> namespaces = {};  ///< where else workloads of ours may be
  std::filesystem::path directory = {};   ///< for ledgers that may not be written into the cluster; empty: none may
  kubernetes::Credentials::Load load;     ///< which cluster, and as whom
  kubernetes::Credentials::Now now = {};  ///< the system clock if empty
};

/// The network outlives it.
[[nodiscard]] std::unique_ptr<Provider> make_kubernetes_provider(Network& network, KubernetesProviderOptions options);

}  // namespace weir
