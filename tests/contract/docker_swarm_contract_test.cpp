#include <set>

#include "tests/contract/deploy_contract.h"
#include "tests/providers/docker_swarm/world.h"

namespace weir {
namespace {

class SwarmHarness final : public ProviderHarness {
 public:
  using MakeGroup = Group (*)(const std::string& name);

  explicit SwarmHarness(MakeGroup make_group) : make_group_(make_group) { world_.fake.lack_image("app:missing"); }

  std::unique_ptr<Provider> open() override { return world_.open(); }
  Group group(const std::string& name) override {
    if (services_.insert(name).second) world_.fake.add_service(name);
    return make_group_(name);
  }
  [[nodiscard]] bool makes_versions() const override { return make_group_ != swarm_group; }
  [[nodiscard]] std::string broken_version() const override { return "missing"; }
  std::string made_of(const Server& server) override {
    const auto task = world_.fake.task(server.id);
    return task.is_null() ? "nothing"
                          : task["Spec"]["ContainerSpec"]["Image"].get<std::string>().substr(std::string("app:").size());
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
  const MakeGroup make_group_;
  std::set<std::string> services_;
  SwarmWorld world_;
};

const MakeHarness kSwarm = [] { return std::make_unique<SwarmHarness>(swarm_group); };
const MakeHarness kOwnServices = [] { return std::make_unique<SwarmHarness>(group_of_own_services); };

INSTANTIATE_TEST_SUITE_P(DockerSwarm, ProviderContract, testing::Values(kSwarm), named("docker_swarm"));
INSTANTIATE_TEST_SUITE_P(DockerSwarm, ElasticProviderContract, testing::Values(kSwarm), named("docker_swarm"));
INSTANTIATE_TEST_SUITE_P(DockerSwarmServices, ProviderContract, testing::Values(kOwnServices), named("own_services"));
INSTANTIATE_TEST_SUITE_P(DockerSwarmServices, ElasticProviderContract, testing::Values(kOwnServices), named("own_services"));
INSTANTIATE_TEST_SUITE_P(DockerSwarmServices, DeployContract, testing::Values(kOwnServices), named("own_services"));

}  // namespace
}  // namespace weir
