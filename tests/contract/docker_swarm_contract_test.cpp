#include <set>

#include "tests/contract/provider_contract.h"
#include "tests/providers/docker_swarm/world.h"

namespace weir {
namespace {

class SwarmHarness final : public ProviderHarness {
 public:
  std::unique_ptr<Provider> open() override { return world_.open(); }
  Group group(const std::string& name) override {
    if (services_.insert(name).second) world_.fake.add_service(name);
    return swarm_group(name);
  }
  void launch_and_die(const LaunchRequest& request, int attempt) override {
    using Fault = FakeSwarm::Fault;
    constexpr Fault kFaults[] = {Fault::lost_reply, Fault::lost_request, Fault::broken, Fault::overtaken};
    std::stop_source weir;
    world_.fake.fail_next_updates({kFaults[attempt % 4]});
    world_.fake.override([&](const HttpStub::Request& call, HttpStub::Answer&) {
      if (call.method == "POST") weir.request_stop();
      return false;
    });
    EXPECT_FALSE(open()->launch(request, weir.get_token()));
    world_.fake.override({});
    world_.fake.fail_next_updates({});
  }

 private:
  std::set<std::string> services_;
  SwarmWorld world_;
};

const MakeHarness kSwarm = [] { return std::make_unique<SwarmHarness>(); };

INSTANTIATE_TEST_SUITE_P(DockerSwarm, ProviderContract, testing::Values(kSwarm), named("docker_swarm"));
INSTANTIATE_TEST_SUITE_P(DockerSwarm, ElasticProviderContract, testing::Values(kSwarm), named("docker_swarm"));

}  // namespace
}  // namespace weir
