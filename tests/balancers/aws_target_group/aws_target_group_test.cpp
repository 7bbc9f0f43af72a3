#include "balancers/aws_target_group/aws_target_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/contract/balancer_contract.h"
#include "tests/fakes/aws_cloud.h"
#include "tests/fakes/network.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kArn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/tg/0123456789abcdef";

/// A target group, and what the controller gives the balancer that has it.
class TargetGroupWorld : public BalancerWorld {
 public:
  explicit TargetGroupWorld(const std::string& type) {
    cloud.add_target_group(kArn, type);
    provider.set("type", std::string("aws_asg"));
    provider.set("region", std::string("us-east-1"));
    provider.set("endpoint", cloud.url());
    provider.set("access_key_id", std::string("AKIDEXAMPLE"));
    provider.set("secret_access_key", std::string("hidden"));
    group.name = "app";
    group.provider = "aws";
    spec.settings.set("provider", std::string("aws"));
    spec.settings.set("arn", std::string(kArn));
  }
  ~TargetGroupWorld() override { EXPECT_THAT(cloud.violations(), IsEmpty()); }
  TargetGroupWorld(const TargetGroupWorld&) = delete;
  TargetGroupWorld& operator=(const TargetGroupWorld&) = delete;

  std::unique_ptr<Balancer> make() override { return std::move(*maker.make({group, spec})); }
  std::string mark() override {
    return std::to_string(cloud.calls("RegisterTargets")) + "/" + std::to_string(cloud.calls("DeregisterTargets"));
  }
  /// A target is an address: it has neither the id of a server nor a weight.
  std::vector<Peer> as_kept(std::vector<Peer> peers) const override {
    for (Peer& peer : peers) peer = {.address = peer.address};
    return peers;
  }

  ImpatientNetwork network;
  AwsCloud cloud{network.clock};
  Settings provider;
  Group group;
  BalancerSpec spec{.name = "tg", .type = "aws_target_group", .settings = {}};
  BalancerMaker maker{
      {.network = &network.network, .provider = [this](const std::string& name) { return name == "aws" ? &provider : nullptr; }}};
};

const BalancerWorldKind kIp{"aws_target_group_of_addresses", [] {
                              auto world = std::make_unique<TargetGroupWorld>("ip");
                              world->cloud.target_check = 0ms;
                              return world;
                            }};
INSTANTIATE_TEST_SUITE_P(AwsTargetGroup, BalancerContract, testing::Values(kIp), [](const auto& each) { return each.param.name; });

class TargetGroupTest : public testing::Test {
 protected:
  void write_good(const std::vector<Peer>& peers) {
    const auto written = write_peers(*balancer, peers);
    ASSERT_TRUE(written) << written.error().message;
  }
  static std::vector<std::string> addresses(const BalancerView& view) {
    std::vector<std::string> all;
    for (const Peer& peer : view.peers) all.push_back(peer.address);
    return all;
  }
  /// Past AWS's own checks of new targets.
  void settle() { world.network.clock.pass(1min); }

  TargetGroupWorld world{"ip"};
  std::unique_ptr<Balancer> balancer = world.make();
  const Peer one{"i-1", "10.0.0.1:3000"};
  const Peer two{"i-2", "10.0.0.2:3000"};
  const Peer three{"i-3", "10.0.0.3:3000"};
};

TEST_F(TargetGroupTest, a_new_target_is_in_force_when_aws_has_checked_it) {
  write_good({one});
  EXPECT_FALSE(balancer->read({}, {}).in_force);
  settle();
  EXPECT_TRUE(balancer->read({}, {}).in_force);
}

TEST_F(TargetGroupTest, those_that_serve_stay_until_their_successors_do) {
  write_good({one});
  settle();
  write_good({two});
  EXPECT_THAT(addresses(balancer->read({}, {})), SizeIs(2));
  EXPECT_EQ(world.cloud.calls("DeregisterTargets"), 0);
  settle();
  write_good({two});
  EXPECT_THAT(addresses(balancer->read({}, {})), testing::ElementsAre("10.0.0.2:3000"));
}

TEST_F(TargetGroupTest, nobody_is_taken_out_for_successors_that_aws_finds_unhealthy) {
  write_good({one, two});
  settle();
  world.cloud.set_target_health("10.0.0.2", "unhealthy");
  const auto written = write_peers(*balancer, {two});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(world.cloud.calls("DeregisterTargets"), 0);
  write_good({one});  // the unhealthy one may go
  EXPECT_THAT(addresses(balancer->read({}, {})), testing::ElementsAre("10.0.0.1:3000"));
}

TEST_F(TargetGroupTest, an_unhealthy_target_does_not_keep_the_drained_for_ever) {
  write_good({one, two, three});
  settle();
  world.cloud.set_target_health("10.0.0.2", "unhealthy");
  EXPECT_TRUE(balancer->read({}, {}).in_force);
  write_good({one, two});
  EXPECT_THAT(addresses(balancer->read({}, {})), SizeIs(2));
}

TEST_F(TargetGroupTest, a_draining_target_is_no_peer_and_may_have_connections_until_aws_lets_it_go) {
  write_good({one, two});
  settle();
  write_good({one});
  const std::vector<std::string> count{two.address};
  const BalancerView draining = balancer->read(count, {});
  EXPECT_TRUE(draining.in_force);
  EXPECT_THAT(addresses(draining), testing::ElementsAre("10.0.0.1:3000"));
  ASSERT_TRUE(draining.connections);
  EXPECT_EQ(*draining.connections, (std::vector<BalancerView::Connections>{{two.address, 1}}));
  world.network.clock.pass(5min);
  EXPECT_EQ(*balancer->read(count, {}).connections, (std::vector<BalancerView::Connections>{{two.address, 0}}));
}

TEST_F(TargetGroupTest, a_drain_that_is_cancelled_takes_the_target_back) {
  write_good({one, two});
  settle();
  write_good({one});
  write_good({one, two});
  settle();
  EXPECT_THAT(addresses(balancer->read({}, {})), SizeIs(2));
}

TEST_F(TargetGroupTest, what_cannot_be_read_is_not_known) {
  world.cloud.fail("DescribeTargetHealth", {.answer = AwsCloud::refusal(400, "Throttling", "Rate exceeded")}, 100);
  const BalancerView view = balancer->read({}, {});
  EXPECT_FALSE(view.known);
  EXPECT_FALSE(view.connections);
  EXPECT_THAT(view.detail, HasSubstr("Throttling"));
}

TEST_F(TargetGroupTest, a_failed_registration_takes_nobody_out) {
  write_good({one});
  settle();
  world.cloud.fail("RegisterTargets", {.answer = AwsCloud::refusal(400, "TooManyTargets", "limit")});
  const auto written = write_peers(*balancer, {two});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::out_of_capacity);
  EXPECT_EQ(world.cloud.calls("DeregisterTargets"), 0);
}

TEST_F(TargetGroupTest, many_targets_go_in_several_calls) {
  std::vector<Peer> many;
  for (int index = 0; index < 230; ++index)
    many.push_back({"i", "10.1." + std::to_string(index / 100) + "." + std::to_string(index % 100) + ":80"});
  write_good(many);
  EXPECT_EQ(world.cloud.calls("RegisterTargets"), 3);
  EXPECT_THAT(balancer->read({}, {}).peers, SizeIs(230));
}

TEST_F(TargetGroupTest, a_peer_without_a_port_is_refused) {
  for (const char* address : {"", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:x"}) {
    const auto written = write_peers(*balancer, {{"i-1", address}});
    ASSERT_FALSE(written) << address;
    EXPECT_EQ(written.error().kind, ErrorKind::invalid);
  }
}

class InstanceTargetsTest : public testing::Test {
 protected:
  InstanceTargetsTest() {
    world.cloud.target_check = 0ms;
    world.cloud.add_group("app-asg", {.desired = 2});
    world.network.clock.pass(1min);
    for (const AwsCloud::Instance& each : world.cloud.instances("app-asg")) peers.push_back({each.id, each.address + ":3000"});
    std::ranges::sort(peers, {}, &Peer::address);
  }
  TargetGroupWorld world{"instance"};
  std::vector<Peer> peers;
};

TEST_F(InstanceTargetsTest, instances_are_registered_by_id_and_read_back_with_their_addresses_also_by_a_new_weir) {
  ASSERT_TRUE(write_peers(*world.make(), peers));
  EXPECT_EQ(world.make()->read({}, {}).peers, peers);
}

TEST_F(InstanceTargetsTest, a_target_whose_instance_is_gone_is_still_seen) {
  ASSERT_TRUE(write_peers(*world.make(), {peers[0], {"i-00000000000000bad", "10.9.9.9:3000"}}));
  const BalancerView view = world.make()->read({}, {});
  ASSERT_THAT(view.peers, SizeIs(2));
  EXPECT_EQ(view.peers[1], (Peer{"i-00000000000000bad", "i-00000000000000bad:3000"}));
}

TEST_F(InstanceTargetsTest, servers_that_are_no_instances_are_refused) {
  const auto written = write_peers(*world.make(), {{"srv-1", "10.0.0.1:3000"}});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::invalid);
}

TEST(TargetGroupMakeTest, the_provider_must_be_there_of_the_right_type_and_region) {
  TargetGroupWorld world("ip");
  world.spec.settings.set("provider", std::string("nobody"));
  EXPECT_THAT(world.maker.make({world.group, world.spec}).error().message, HasSubstr("no provider 'nobody'"));
  world.spec.settings.set("provider", std::string("aws"));
  world.provider.set("region", std::string("eu-west-1"));
  EXPECT_THAT(world.maker.make({world.group, world.spec}).error().message, HasSubstr("eu-west-1"));
  world.provider.set("type", std::string("memory"));
  EXPECT_FALSE(world.maker.make({world.group, world.spec}));
}

TEST(TargetGroupMakeTest, an_arn_of_something_else_is_refused) {
  TargetGroupWorld world("ip");
  EXPECT_THAT(aws_target_group_balancer().check({world.group, world.spec}), IsEmpty());
  for (const char* arn : {"", "tg", "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/x/1", "arn:aws:s3:::targetgroup"}) {
    world.spec.settings.set("arn", std::string(arn));
    EXPECT_THAT(aws_target_group_balancer().check({world.group, world.spec}), SizeIs(1)) << arn;
  }
}

}  // namespace
}  // namespace weir
