#include "tests/contract/deploy_contract.h"
#include "tests/providers/aws_asg/world.h"

namespace weir {
namespace {

class AwsAsgHarness : public ProviderHarness {
 public:
  AwsAsgHarness() {
    world_.cloud.pace = Duration{100};
    world_.cloud.boot = Duration{3000};
    world_.cloud.shutdown = Duration{2000};
    world_.cloud.ec2_lag = Duration{1500};
    world_.cloud.page = 3;
  }
  std::unique_ptr<Provider> open() override { return world_.open(); }
  Group group(const std::string& name) override {
    world_.cloud.add_group(name + "-asg", {.min = 0, .max = 8});
    return AwsAsgWorld::group(name);
  }
  void launch_and_die(const LaunchRequest& request, int attempt) override {
    const AwsCloud::Fault lost{.kind = AwsCloud::Fault::Kind::lost_reply};
    const AwsCloud::Fault dropped{.kind = AwsCloud::Fault::Kind::dropped};
    if (attempt == 0) world_.cloud.fail("SetDesiredCapacity", dropped);
    if (attempt == 1) world_.cloud.fail("SetDesiredCapacity", lost);
    // Tags are written again within the call, so the connection stays broken longer than that.
    if (attempt == 2) world_.cloud.fail("CreateTags", dropped, 100);
    if (attempt == 3) world_.cloud.fail("CreateTags", lost, 100);
    const Result<Server> made = open()->launch(request, {});
    EXPECT_TRUE(!made && made.error().kind == ErrorKind::unavailable);
    world_.cloud.heal();
  }

 protected:
  AwsAsgWorld world_;
};

/// Versions are those of the launch template.
class TemplateHarness final : public AwsAsgHarness {
 public:
  Group group(const std::string& name) override {
    (void)AwsAsgHarness::group(name);
    return AwsAsgWorld::group_of_templates(name);
  }
  [[nodiscard]] std::string version(int number) const override { return std::to_string(number); }
  [[nodiscard]] std::string broken_version() const override { return "77"; }
  std::string made_of(const Server& server) override {
    for (const AwsCloud::Instance& instance : world_.cloud.instances("app-asg")) {
      if (instance.id == server.id) return instance.template_version;
    }
    return "nothing";
  }
};

const MakeHarness kTemplates = [] { return std::make_unique<TemplateHarness>(); };
const MakeHarness kAwsAsg = [] { return std::make_unique<AwsAsgHarness>(); };

INSTANTIATE_TEST_SUITE_P(AwsAsg, ProviderContract, testing::Values(kAwsAsg), named("aws_asg"));
INSTANTIATE_TEST_SUITE_P(AwsAsg, ElasticProviderContract, testing::Values(kAwsAsg), named("aws_asg"));
INSTANTIATE_TEST_SUITE_P(LaunchTemplate, ProviderContract, testing::Values(kTemplates), named("launch_template"));
INSTANTIATE_TEST_SUITE_P(LaunchTemplate, ElasticProviderContract, testing::Values(kTemplates), named("launch_template"));
INSTANTIATE_TEST_SUITE_P(LaunchTemplate, DeployContract, testing::Values(kTemplates), named("launch_template"));

}  // namespace
}  // namespace weir
