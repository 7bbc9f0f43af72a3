#include "tests/contract/deploy_contract.h"
#include "tests/providers/vultr/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

class VultrHarness final : public ProviderHarness {
 public:
  ~VultrHarness() override { EXPECT_TRUE(world_.fake.violations().empty()) << world_.fake.violations().front(); }
  VultrHarness() { world_.fake.lack_snapshot("snapshot-gone"); }
  VultrHarness(const VultrHarness&) = delete;
  VultrHarness& operator=(const VultrHarness&) = delete;

  std::unique_ptr<Provider> open() override { return world_.open(); }
  Group group(const std::string& name) override {
    Group group = vultr_group(name);
    Settings image;
    image.set("snapshot", std::string("snapshot-{version}"));
    group.server.set("image", Settings::Sections{std::move(image)});
    return group;
  }
  void pass(Duration duration) override { world_.clock.pass(duration); }
  std::string made_of(const Server& server) override {
    for (const FakeVultr::Machine& machine : world_.fake.all()) {
      if (machine.id == server.id) return machine.order->value("snapshot_id", "").substr(std::string("snapshot-").size());
    }
    return "nothing";
  }
  [[nodiscard]] std::string broken_version() const override { return "gone"; }
  void launch_and_die(const LaunchRequest& request, int attempt) override {
    using Fault = FakeVultr::Fault;
    constexpr Fault kFaults[] = {Fault::reset_after, Fault::reset, Fault::error_after, Fault::cut_off};
    std::stop_source weir;
    world_.fake.choose([&, fault = kFaults[attempt % 4]](const FakeVultr::Call& call) {
      if (call.operation != "instances.create") return Fault::none;
      weir.request_stop();
      return fault;
    });
    EXPECT_FALSE(open()->launch(request, weir.get_token()));
    world_.fake.choose({});
  }

 private:
  VultrWorld world_{[](FakeVultr::Options& options) {
    options.leave = 2s;
    options.page = 3;
  }};
};

const MakeHarness kVultr = [] { return std::make_unique<VultrHarness>(); };

INSTANTIATE_TEST_SUITE_P(Vultr, ProviderContract, testing::Values(kVultr), named("vultr"));
INSTANTIATE_TEST_SUITE_P(Vultr, ElasticProviderContract, testing::Values(kVultr), named("vultr"));
INSTANTIATE_TEST_SUITE_P(Vultr, DeployContract, testing::Values(kVultr), named("vultr"));

}  // namespace
}  // namespace weir
