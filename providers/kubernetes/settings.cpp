#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "platform/file.h"
#include "providers/kubernetes/kubernetes.h"

namespace weir {
namespace {

constexpr Key kProviderKeys[] = {
    {.name = "kubeconfig",
     .doc = "The kubeconfig file that says which cluster and as whom; without it weir takes itself to run in a pod and uses its "
            "service account."},
    {.name = "context", .doc = "The context of the kubeconfig; by default its current-context."},
    {.name = "owner",
     .doc = "The value of the label weir.dev/owner on workloads that this weir scales; different for each weir in a cluster.",
     .fallback = "weir"},
    {.name = "namespaces",
     .type = KeyType::texts,
     .doc = "Where to look for workloads of groups that are no longer configured, besides the namespaces of those that are."},
};

constexpr Key kServerKeys[] = {
    {.name = "namespace", .doc = "The namespace of the workload.", .required = true},
    {.name = "deployment", .doc = "The Deployment whose pods are the servers; this or `statefulset`."},
    {.name = "statefulset", .doc = "The StatefulSet whose pods are the servers; this or `deployment`."},
    {.name = "port",
     .type = KeyType::integer,
     .doc = "The port on which the pods listen.",
     .required = true,
     .minimum = 1,
     .maximum = 65535},
    {.name = "container", .doc = "The container whose image tag is the version of a server; by default the first."},
    {.name = "failure_grace",
     .type = KeyType::duration,
     .doc = "How long containers may crash over and over, or their image be missing, before the pod counts as failed.",
     .fallback = "60s",
     .minimum = 0},
    {.name = "pending_grace",
     .type = KeyType::duration,
     .doc = "How long a pod may wait for a node to have room for it before that counts as no capacity; longer than a cluster "
            "autoscaler takes to bring one.",
     .fallback = "300s",
     .minimum = 0},
};

constexpr std::string_view kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

/// A name as DNS has it, which all objects here bear.
bool is_name(const std::string& text) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, allowed) && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back());
}

bool is_label_value(const std::string& text) {
  const auto allowed = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, allowed) && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back());
}

std::vector<SettingsError> check(const Settings& provider, const Group& group) {
  std::vector<SettingsError> errors;
  const Settings& server = group.server;
  for (const char* key : {"namespace", "deployment", "statefulset"}) {
    if (!server.has(key) || is_name(server.text(key))) continue;
    errors.push_back(
        {fmt::format("server.{}", key),
         fmt::format("'{}' cannot be the name of a Kubernetes object (small letters, digits, '-' and '.')", server.text(key)),
         server.mark(key)});
  }
  if (server.has("deployment") == server.has("statefulset")) {
    errors.push_back({"server.deployment", "exactly one of deployment and statefulset says whose pods the servers are",
                      server.mark("deployment")});
  }
  if (!is_label_value(provider.text("owner"))) {
    errors.push_back({"provider", fmt::format("its owner '{}' cannot be the value of a label", provider.text("owner")), {}});
  }
  return errors;
}

Result<kubernetes::ClusterAccess> load_kubeconfig(const std::filesystem::path& path, const std::string& context) {
  const Result<std::string> text = read_file(path);
  if (!text) return failure(text.error().kind, "kubeconfig: " + text.error().message);
  Result<kubernetes::ClusterAccess> access = kubernetes::parse_kubeconfig(*text, path.parent_path(), context);
  if (!access) return failure(access.error().kind, fmt::format("kubeconfig {}: {}", path.string(), access.error().message));
  return access;
}

Result<kubernetes::ClusterAccess> load_service_account() {
  const auto variable = [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  };
  Result<kubernetes::ClusterAccess> access = kubernetes::in_cluster_access(variable, kServiceAccount);
  if (!access) return access;
  access->space = read_file(std::filesystem::path(kServiceAccount) / "namespace").value_or("");
  return access;
}

Result<std::unique_ptr<Provider>> make(const Settings& provider, ProviderContext context) {
  if (context.network == nullptr) return failure(ErrorKind::invalid, "the kubernetes provider needs a network");
  KubernetesProviderOptions options{
      .name = std::move(context.name), .owner = provider.text("owner"), .directory = std::move(context.state_directory)};
  const Settings::Texts& namespaces = provider.texts("namespaces");
  options.namespaces.insert(namespaces.begin(), namespaces.end());
  options.load = load_service_account;
  if (provider.has("kubeconfig")) {
    options.load = [path = std::filesystem::path(provider.text("kubeconfig")), name = provider.text("context")] {
      return load_kubeconfig(path, name);
    };
  }
  return make_kubernetes_provider(*context.network, std::move(options));
}

}  // namespace

ProviderType kubernetes_provider_type() {
  return {.name = "kubernetes",
          .doc = "Servers are the pods of a Deployment or StatefulSet, whose number of replicas weir sets.",
          .provider_keys = kProviderKeys,
          .server_keys = kServerKeys,
          .check = check,
          .abilities = {.sizing = ProviderAbilities::Sizing::desired_count,
                        .deployed_with = "kubectl, Helm or whatever applies the workload",
                        .tested_against = "a stateful fake of the API server and its controllers"},
          .make = make};
}

}  // namespace weir
