#include <sys/wait.h>
#include <unistd.h>

#include "tests/contract/deploy_contract.h"
#include "tests/support/process_world.h"

namespace weir {
namespace {

class ProcessHarness final : public ProviderHarness {
 public:
  std::unique_ptr<Provider> open() override { return world_.open(); }
  Group group(const std::string& name) override { return world_.group(name, {"--port", "{port}"}); }
  void launch_and_die(const LaunchRequest& request, int attempt) override {
    world_.launch_and_die(request, static_cast<LaunchStep>(attempt));
  }

 private:
  ProcessWorld world_;
};

const MakeHarness kProcess = [] { return std::make_unique<ProcessHarness>(); };

INSTANTIATE_TEST_SUITE_P(Process, ProviderContract, testing::Values(kProcess), named("process"));
INSTANTIATE_TEST_SUITE_P(Process, ElasticProviderContract, testing::Values(kProcess), named("process"));
INSTANTIATE_TEST_SUITE_P(Process, DeployContract, testing::Values(kProcess), named("process"));

}  // namespace
}  // namespace weir
