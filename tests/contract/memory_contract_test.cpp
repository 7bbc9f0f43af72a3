#include "providers/memory/memory.h"
#include "tests/contract/deploy_contract.h"
#include "tests/support/settings.h"

namespace weir {
namespace {

class MemoryHarness final : public ProviderHarness {
 public:
  std::unique_ptr<Provider> open() override { return make_memory_provider(cloud_); }
  Group group(const std::string& name) override {
    Group group;
    group.name = name;
    group.max = 8;
    group.server = with_defaults(memory_provider_type().server_keys);
    group.server.set("boot", Duration{0});
    group.server.set("shutdown", Duration{0});
    return group;
  }
  void launch_and_die(const LaunchRequest& request, int /*attempt*/) override {
    cloud_->lose_next_reply();
    EXPECT_EQ(open()->launch(request, {}).error().kind, ErrorKind::unavailable);
  }

 private:
  std::shared_ptr<MemoryCloud> cloud_ = std::make_shared<MemoryCloud>();
};

const MakeHarness kMemory = [] { return std::make_unique<MemoryHarness>(); };

INSTANTIATE_TEST_SUITE_P(Memory, ProviderContract, testing::Values(kMemory), named("memory"));
INSTANTIATE_TEST_SUITE_P(Memory, ElasticProviderContract, testing::Values(kMemory), named("memory"));
INSTANTIATE_TEST_SUITE_P(Memory, DeployContract, testing::Values(kMemory), named("memory"));

}  // namespace
}  // namespace weir
