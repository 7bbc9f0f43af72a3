#include "tests/contract/provider_contract.h"
#include "tests/providers/kubernetes/world.h"

namespace weir {
namespace {

class KubernetesHarness final : public ProviderHarness {
 public:
  explicit KubernetesHarness(std::string key) : key_(std::move(key)) {
    for (const char* name : {"app", "web"}) {
      key_ == "deployment" ? world_.fake().add_deployment("shop", name, 0) : world_.fake().add_stateful_set("shop", name, 0);
    }
  }
  std::unique_ptr<Provider> open() override { return world_.open(); }
  Group group(const std::string& name) override { return KubernetesWorld::group(name, key_); }
  [[nodiscard]] bool makes_versions() const override { return false; }

  /// Dies without an answer to its change, which was or was not made, or before it.
  void launch_and_die(const LaunchRequest& request, int attempt) override {
    const auto fault = attempt % 2 == 0 ? FakeKubernetes::Fault::lost_reply : FakeKubernetes::Fault::reset;
    world_.fake().fault_always(fault, attempt < 2 ? "PATCH" : "GET");
    const Result<Server> launched = open()->launch(request, {});
    world_.fake().fault_always(std::nullopt);
    ASSERT_FALSE(launched);
    EXPECT_EQ(launched.error().kind, ErrorKind::unavailable);
  }

 private:
  KubernetesWorld world_;
  std::string key_;
};

const MakeHarness kDeployment = [] { return std::make_unique<KubernetesHarness>("deployment"); };
const MakeHarness kStatefulSet = [] { return std::make_unique<KubernetesHarness>("statefulset"); };

INSTANTIATE_TEST_SUITE_P(Deployment, ProviderContract, testing::Values(kDeployment), named("deployment"));
INSTANTIATE_TEST_SUITE_P(Deployment, ElasticProviderContract, testing::Values(kDeployment), named("deployment"));
INSTANTIATE_TEST_SUITE_P(StatefulSet, ProviderContract, testing::Values(kStatefulSet), named("stateful_set"));
INSTANTIATE_TEST_SUITE_P(StatefulSet, ElasticProviderContract, testing::Values(kStatefulSet), named("stateful_set"));

}  // namespace
}  // namespace weir
