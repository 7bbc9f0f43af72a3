#pragma once

#include <memory>
#include <string>

#include "platform/file.h"
#include "providers/kubernetes/kubernetes.h"
#include "tests/fakes/kubernetes.h"
#include "tests/fakes/network.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// A cluster and a weir beside it, for one test.
class KubernetesWorld {
 public:
  [[nodiscard]] std::unique_ptr<Provider> open() {
    return make_kubernetes_provider(
        network_.network, {.name = "cluster",
                           .directory = directory_.path() / "state",
                           .load = [this] { return kubernetes::parse_kubeconfig(fake_.kubeconfig(), directory_.path(), ""); },
                           .now = [this] { return fake_.now(); }});
  }

  [[nodiscard]] static Group group(const std::string& name, const std::string& key = "deployment") {
    Group group{.name = name};
    group.server.set("namespace", std::string("shop"));
    group.server.set(key, name);
    group.server.set("port", std::int64_t{3000});
    group.server.set("failure_grace", Duration(60'000));
    group.server.set("pending_grace", Duration(300'000));
    return group;
  }

  [[nodiscard]] FakeKubernetes& fake() { return fake_; }
  [[nodiscard]] ImpatientNetwork& network() { return network_; }
  [[nodiscard]] const std::filesystem::path& path() const { return directory_.path(); }

 private:
  TempDirectory directory_;
  FakeKubernetes fake_;
  ImpatientNetwork network_;
};

}  // namespace weir
