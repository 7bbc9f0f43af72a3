#include "tests/contract/provider_contract.h"
#include "tests/providers/pm2/world.h"

namespace weir {
namespace {

class Pm2Harness final : public ProviderHarness {
 public:
  std::unique_ptr<Provider> open() override { return world_.open(); }
  Group group(const std::string& name) override { return pm2_group(name, name); }
  void launch_and_die(const LaunchRequest& request, int attempt) override {
    if (attempt < 3) world_.fail_next("start", attempt == 0 ? "before" : attempt == 1 ? "after" : "nothing of note");
    (void)open()->launch(request, {});
  }

 private:
  Pm2World world_;
};

const MakeHarness kPm2 = [] { return std::make_unique<Pm2Harness>(); };

INSTANTIATE_TEST_SUITE_P(Pm2, ProviderContract, testing::Values(kPm2), named("pm2"));
INSTANTIATE_TEST_SUITE_P(Pm2, ElasticProviderContract, testing::Values(kPm2), named("pm2"));

}  // namespace
}  // namespace weir
