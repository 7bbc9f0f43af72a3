#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "platform/aws/client.h"
#include "providers/aws_asg/api.h"
#include "tests/providers/aws_asg/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class AwsAsgListTest : public testing::Test {
 protected:
  void begin(AwsCloud::GroupSpec spec) {
    world.cloud.add_group("app-asg", spec);
    world.network.clock.pass(1min);
    (void)world.cloud.instances("app-asg");  // they come of age by being looked at
  }
  std::vector<Server> list(const Group& group) {
    const Group* const groups[] = {&group};
    const auto servers = provider->list(groups, {});
    EXPECT_TRUE(servers) << (servers ? "" : servers.error().message);
    return servers.value_or(std::vector<Server>{});
  }
  std::vector<Server> list() { return list(app); }
  std::string first() { return world.cloud.instances("app-asg").front().id; }

  AwsAsgWorld world;
  Group app = world.group("app");
  std::unique_ptr<Provider> provider = world.open();
};

TEST_F(AwsAsgListTest, instances_that_somebody_else_launched_are_listed_without_a_token) {
  begin({.desired = 2});
  const std::vector<Server> servers = list();
  ASSERT_THAT(servers, SizeIs(2));
  EXPECT_EQ(servers[0].group, "app");
  EXPECT_EQ(servers[0].token, "");
  EXPECT_EQ(servers[0].phase, Phase::warming);
  EXPECT_THAT(servers[0].address, testing::StartsWith("10.0.0."));
  EXPECT_THAT(servers[0].address, testing::EndsWith(":3000"));
  EXPECT_NE(servers[0].launched_at, TimePoint{});
  EXPECT_THAT(servers[0].zone, testing::StartsWith("us-east-1"));
  EXPECT_NE(servers[0].zone, servers[1].zone);
}

TEST_F(AwsAsgListTest, public_addresses_on_request) {
  begin({.desired = 1});
  app.server.set("address", std::string("public"));
  EXPECT_THAT(list().at(0).address, testing::StartsWith("203.0.0."));
}

struct StateCase {
  std::string lifecycle;
  std::optional<Phase> phase;  ///< absent: not a server
};

TEST_F(AwsAsgListTest, every_lifecycle_state_is_something) {
  begin({.desired = 1});
  const std::vector<StateCase> cases = {{"Pending", Phase::pending},
                                        {"Pending:Wait", Phase::pending},
                                        {"Pending:Proceed", Phase::pending},
                                        {"InService", Phase::warming},
                                        {"Quarantined", Phase::pending},
                                        {"ReplacingRootVolume", Phase::pending},
                                        {"Terminating:Wait", Phase::terminating},
                                        {"Terminating:Proceed", Phase::terminating},
                                        {"EnteringStandby", std::nullopt},
                                        {"Standby", std::nullopt},
                                        {"Detaching", std::nullopt},
                                        {"Warmed:Stopped", std::nullopt},
                                        {"Warmed:Running", std::nullopt},
                                        {"Warmed:Pending:Wait", std::nullopt}};
  world.cloud.suspend("app-asg", "Launch");
  world.cloud.boot = 24h;
  for (const StateCase& each : cases) {
    world.cloud.put(first(), each.lifecycle);
    const std::vector<Server> servers = list();
    EXPECT_EQ(servers.size(), each.phase ? 1U : 0U) << each.lifecycle;
    if (!each.phase || servers.empty()) continue;
    EXPECT_EQ(servers[0].phase, *each.phase) << each.lifecycle;
  }
}

TEST_F(AwsAsgListTest, what_auto_scaling_holds_for_unhealthy_and_what_does_not_run_has_failed) {
  begin({.desired = 1});
  world.cloud.set_health(first(), "Unhealthy");
  EXPECT_THAT(list().at(0).failure, HasSubstr("unhealthy"));
  world.cloud.set_health(first(), "Healthy");
  world.cloud.set_ec2_state(first(), "stopped");
  EXPECT_THAT(list().at(0).failure, HasSubstr("stopped"));
}

TEST_F(AwsAsgListTest, what_would_not_be_removed_says_why) {
  begin({.min = 2, .desired = 3});
  EXPECT_EQ(list().at(0).protection, "");
  world.cloud.protect(first());
  EXPECT_THAT(list().at(0).protection, HasSubstr("protected from scale-in"));
  EXPECT_EQ(list().at(1).protection, "");
  world.cloud.set_bounds("app-asg", 3, 10);
  EXPECT_THAT(list().at(1).protection, HasSubstr("MinSize of 3 is above the group's min of 0"));
  app.min = 3;
  EXPECT_EQ(list().at(1).protection, "") << "weir wants as many itself: it only ever replaces one";
  world.cloud.suspend("app-asg", "Terminate");
  EXPECT_THAT(list().at(1).protection, HasSubstr("Terminate is suspended"));
}

TEST_F(AwsAsgListTest, an_instance_that_ec2_does_not_know_yet_is_pending_without_an_address) {
  world.cloud.ec2_lag = 10min;
  begin({.desired = 1});
  const std::vector<Server> servers = list();
  ASSERT_THAT(servers, SizeIs(1));
  EXPECT_EQ(servers[0].phase, Phase::pending);
  EXPECT_EQ(servers[0].address, "");
}

TEST_F(AwsAsgListTest, a_group_that_aws_does_not_know_makes_no_list_instead_of_an_empty_one) {
  const Group* const groups[] = {&app};
  const auto servers = provider->list(groups, {});
  ASSERT_FALSE(servers);
  EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(servers.error().message, HasSubstr("app-asg"));
}

TEST_F(AwsAsgListTest, pages_are_read_to_the_end_or_not_at_all) {
  world.cloud.page = 1;
  begin({.desired = 4});
  EXPECT_THAT(list(), SizeIs(4));
  for (const char* action : {"DescribeInstances", "DescribeAutoScalingGroups"}) {
    world.cloud.fail(action, {.answer = AwsCloud::refusal(503, "ServiceUnavailable", "later")}, 100);
    const Group* const groups[] = {&app};
    EXPECT_EQ(provider->list(groups, {}).error().kind, ErrorKind::unavailable);
    world.cloud.heal();
    world.network.clock.pass(1min);  // for the circuit breaker
  }
  EXPECT_THAT(list(), SizeIs(4));
}

TEST_F(AwsAsgListTest, more_groups_than_one_call_may_name_are_asked_for_in_several) {
  std::vector<Group> many;
  for (int index = 0; index < 120; ++index) {
    many.push_back(AwsAsgWorld::group("g" + std::to_string(index)));
    world.cloud.add_group("g" + std::to_string(index) + "-asg", {.desired = index % 50 == 0 ? 1 : 0});
  }
  std::vector<const Group*> groups;
  for (const Group& group : many) groups.push_back(&group);
  const auto servers = provider->list(groups, {});
  ASSERT_TRUE(servers) << servers.error().message;
  EXPECT_THAT(*servers, SizeIs(3));
  EXPECT_GE(world.cloud.calls("DescribeAutoScalingGroups"), 3);
}

TEST_F(AwsAsgListTest, two_groups_of_one_auto_scaling_group_are_a_mistake) {
  begin({});
  const Group web = [&] {
    Group group = app;
    group.name = "web";
    return group;
  }();
  const Group* const groups[] = {&app, &web};
  const auto servers = provider->list(groups, {});
  ASSERT_FALSE(servers);
  EXPECT_EQ(servers.error().kind, ErrorKind::invalid);
}

// --- recorded answers ------------------------------------------------------------------------------------------------------------

nlohmann::json recorded(const std::string& name) {
  std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/tests/data/aws/moto-samples/" + name + ".json");
  return nlohmann::json::parse(file);
}

class AwsRecordedTest : public testing::Test {
 protected:
  void play(const std::string& name) {
    const nlohmann::json response = recorded(name).at("response");
    stub.answer(HttpStub::Answer{.status = response.at("status"), .body = response.at("body"), .content_type = "text/xml"});
  }

  ImpatientNetwork network;
  HttpStub stub;
  AwsClient client{network.network,
                   {.name = "aws", .region = "us-east-1", .endpoint = stub.url(), .access_key_id = "a", .secret_access_key = "s"}};
  AsgApi api{client};
};

TEST_F(AwsRecordedTest, a_group_and_its_instances_are_read) {
  play("DescribeAutoScalingGroups");
  const auto groups = api.describe({"web"}, {});
  ASSERT_TRUE(groups) << groups.error().message;
  ASSERT_THAT(*groups, SizeIs(1));
  const AutoScalingGroup& group = groups->front();
  EXPECT_EQ(group.name, "web");
  EXPECT_EQ(group.min, 1);
  EXPECT_EQ(group.max, 5);
  EXPECT_EQ(group.desired, 3);
  EXPECT_EQ(group.live(), 3);
  EXPECT_TRUE(group.counts_instances);
  EXPECT_EQ(group.members.front().id, "i-fc8688e545232dd70");
  EXPECT_EQ(group.members.front().health, "Healthy");
}

TEST_F(AwsRecordedTest, an_unknown_group_is_no_group) {
  play("DescribeAutoScalingGroups_unknown_is_empty");
  EXPECT_THAT(*api.describe({"nobody"}, {}), IsEmpty());
}

TEST_F(AwsRecordedTest, an_instance_is_read_with_its_addresses_and_tags) {
  play("ec2_DescribeInstances_by_tag");
  const auto instances = api.instances_of({"g0"}, {});
  ASSERT_TRUE(instances) << instances.error().message;
  ASSERT_FALSE(instances->empty());
  EXPECT_EQ(instances->front().id, "i-30db447ff663703d9");
  EXPECT_EQ(instances->front().private_address, "172.31.0.13");
  EXPECT_EQ(instances->front().public_address, "54.214.158.82");
  EXPECT_EQ(instances->front().auto_scaling_group, "g0");
  EXPECT_EQ(instances->front().state, "running");
}

TEST_F(AwsRecordedTest, changes_are_understood_and_what_is_not_implemented_is_unavailable) {
  play("SetDesiredCapacity");
  EXPECT_TRUE(api.set_desired("web", 4, {}));
  play("TerminateInstance_decrement");
  EXPECT_TRUE(api.terminate("i-978e06080c7f5d57f", true, {}));
  play("ec2_CreateTags");
  EXPECT_TRUE(api.tag("i-30db447ff663703d9", {}, {}));
  play("ec2_DescribeInstances_unknown_error");
  EXPECT_EQ(api.instances_of({"x"}, {}).error().kind, ErrorKind::not_found);
  play("CompleteLifecycleAction_not_implemented");
  EXPECT_EQ(api.complete_hook("web", "h", "i-1", {}).error().kind, ErrorKind::unavailable);
}

TEST_F(AwsRecordedTest, an_answer_that_lacks_what_it_must_have_is_unavailable) {
  const auto describe = [&](const std::string& member) {
    stub.answer(HttpStub::Answer{
        .body = "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups>" + member +
                "</AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"});
    return api.describe({"web"}, {});
  };
  const std::string sizes = "<AutoScalingGroupName>web</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>9</MaxSize>";
  EXPECT_FALSE(describe("<member>" + sizes + "</member>"));
  EXPECT_FALSE(describe("<member>" + sizes + "<DesiredCapacity>many</DesiredCapacity></member>"));
  EXPECT_FALSE(describe("<member>" + sizes + "<DesiredCapacity>1</DesiredCapacity><Instances><member/></Instances></member>"));
  EXPECT_TRUE(describe("<member>" + sizes + "<DesiredCapacity>1</DesiredCapacity></member>"));
}

}  // namespace
}  // namespace weir
