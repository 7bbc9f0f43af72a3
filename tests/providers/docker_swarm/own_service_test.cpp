// Servers that are services of their own, made after the group's service.
#include "providers/docker_swarm/own_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/providers/docker_swarm/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using Fault = FakeSwarm::Fault;
using Json = nlohmann::json;

// ---- the spec

const char* const kPattern = R"({
  "Name": "shop_app",
  "Labels": {"com.docker.stack.namespace": "shop", "com.docker.stack.image": "app:v0", "team": "shop", "weir.ledger": "{}"},
  "TaskTemplate": {
    "ContainerSpec": {"Image": "app:v0@sha256:0123", "Env": ["A=1", "WEIR_VERSION=old"], "Labels": {"com.docker.stack.namespace": "shop"},
                      "Secrets": [{"SecretName": "key"}]},
    "Resources": {"Limits": {"MemoryBytes": 67108864}},
    "RestartPolicy": {"Condition": "any", "Delay": 1000},
    "Placement": {"Constraints": ["node.role==worker"]},
    "Networks": [{"Target": "front", "Aliases": ["app"]}]
  },
  "Mode": {"Replicated": {"Replicas": 7}},
  "UpdateConfig": {"Order": "start-first"},
  "EndpointSpec": {"Mode": "vip", "Ports": [{"TargetPort": 8080, "PublishMode": "host"},
                                            {"TargetPort": 9090, "PublishedPort": 9090, "PublishMode": "ingress"}]}
})";

Json made_after(const std::string& pattern, const std::string& version = "v2") {
  const Group app = group_of_own_services("app");
  return Json::parse(own_service_spec(pattern, {app, "app-n0-1", version}, "weir"));
}

TEST(OwnServiceSpec, is_the_pattern_with_the_image_of_the_version_and_one_task) {
  const Json spec = made_after(kPattern);
  EXPECT_EQ(spec["Name"], "app-n0-1");
  EXPECT_EQ(spec["TaskTemplate"]["ContainerSpec"]["Image"], "app:v2");
  EXPECT_EQ(spec["TaskTemplate"]["ContainerSpec"]["Env"], (Json{"A=1", "WEIR_VERSION=v2"}));
  EXPECT_EQ(spec["Mode"], (Json{{"Replicated", {{"Replicas", 1}}}}));
  const Json pattern = Json::parse(kPattern);
  for (const char* kept : {"Resources", "Placement", "Networks"}) {
    EXPECT_EQ(spec["TaskTemplate"][kept], pattern["TaskTemplate"][kept]) << kept;
  }
  EXPECT_EQ(spec["TaskTemplate"]["ContainerSpec"]["Secrets"], pattern["TaskTemplate"]["ContainerSpec"]["Secrets"]);
  EXPECT_EQ(spec["UpdateConfig"], pattern["UpdateConfig"]);
}

TEST(OwnServiceSpec, has_no_restarts_no_port_of_the_mesh_and_is_no_part_of_a_stack) {
  const Json spec = made_after(kPattern);
  EXPECT_EQ(spec["TaskTemplate"]["RestartPolicy"], (Json{{"Condition", "none"}}));
  EXPECT_EQ(spec["EndpointSpec"],
            (Json{{"Mode", "dnsrr"}, {"Ports", Json::array({{{"TargetPort", 8080}, {"PublishMode", "host"}}})}}));
  EXPECT_EQ(
      spec["Labels"],
      (Json{{"team", "shop"}, {"weir.owner", "weir"}, {"weir.group", "app"}, {"weir.token", "app-n0-1"}, {"weir.version", "v2"}}));
  EXPECT_EQ(spec["TaskTemplate"]["ContainerSpec"]["Labels"]["weir.token"], "app-n0-1") << "a task tells whose it is";
}

TEST(OwnServiceSpec, is_made_of_the_least_pattern_too) {
  const Json spec =
      made_after(R"({"Name": "app", "TaskTemplate": {"ContainerSpec": {"Image": "app"}}, "Mode": {"Replicated": {}}})");
  EXPECT_EQ(spec["TaskTemplate"]["ContainerSpec"]["Image"], "app:v2");
  EXPECT_EQ(spec["EndpointSpec"]["Ports"], Json::array());
}

TEST(OwnServiceName, is_the_token_as_far_as_a_name_can_be) {
  EXPECT_EQ(own_service_name("app-04c5cd-4"), "app-04c5cd-4");
  EXPECT_EQ(own_service_name("a b.c"), "a-b-c");
  const std::string name = own_service_name(std::string(40, 'g') + "-" + std::string(30, 'h') + "-04c5cd-4");
  EXPECT_LE(name.size(), 63U);
  EXPECT_TRUE(name.ends_with("h-04c5cd-4"));
  EXPECT_TRUE(own_service_name(std::string(20, 'g') + std::string(62, '-') + "4").starts_with("4"))
      << "a name begins with a letter";
}

// ---- with a swarm

class OwnServicesTest : public testing::Test {
 protected:
  OwnServicesTest() { world_.fake.add_service("app"); }

  Result<Server> launch(const std::string& token, const std::string& version = "v1") {
    return provider_->launch({app_, token, version}, {});
  }
  std::vector<Server> list() {
    const Group* const groups[] = {&app_};
    auto servers = provider_->list(groups, {});
    EXPECT_TRUE(servers) << (servers ? "" : servers.error().message);
    return servers.value_or(std::vector<Server>{});
  }
  [[nodiscard]] Json spec_of(const std::string& service) const { return world_.fake.service(service)["Spec"]; }

  SwarmWorld world_;
  Group app_ = group_of_own_services("app");
  std::unique_ptr<Provider> provider_ = world_.open();
};

TEST_F(OwnServicesTest, each_server_runs_the_image_of_its_version_and_the_pattern_is_left_alone) {
  const Json before = world_.fake.service("app");
  ASSERT_TRUE(launch("t1", "v1"));
  ASSERT_TRUE(launch("t2", "v2"));
  EXPECT_EQ(spec_of("t1")["TaskTemplate"]["ContainerSpec"]["Image"], "app:v1");
  EXPECT_EQ(spec_of("t2")["TaskTemplate"]["ContainerSpec"]["Image"], "app:v2");
  EXPECT_EQ(world_.fake.service("app"), before);
}

TEST_F(OwnServicesTest, exactly_the_named_server_goes) {
  std::vector<std::string> ids;
  for (const char* token : {"t1", "t2", "t3"}) ids.push_back(launch(token).value_or(Server{}).id);
  ASSERT_TRUE(provider_->terminate(app_, ids[1], {}));
  EXPECT_THAT(world_.fake.service_names(), UnorderedElementsAre("app", "t1", "t3"));
}

TEST_F(OwnServicesTest, an_image_that_somebody_changed_is_what_is_listed) {
  const std::string id = launch("t1", "v1").value_or(Server{}).id;
  world_.fake.edit_task(id, [](Json& task) { task["Spec"]["ContainerSpec"]["Image"] = "app:hotfix"; });
  ASSERT_THAT(list(), SizeIs(1));
  EXPECT_EQ(list()[0].version, "hotfix");
}

TEST_F(OwnServicesTest, a_version_may_be_a_digest) {
  app_.server.set("image", std::string("registry:5000/app@{version}"));
  ASSERT_TRUE(launch("t1", "sha256:0123"));
  EXPECT_EQ(spec_of("t1")["TaskTemplate"]["ContainerSpec"]["Image"], "registry:5000/app@sha256:0123");
  EXPECT_EQ(list()[0].version, "sha256:0123");
}

TEST_F(OwnServicesTest, a_server_that_ended_is_listed_with_its_reason_until_it_is_removed) {
  const std::string id = launch("t1").value_or(Server{}).id;
  world_.fake.end_task(id, "rejected", "No such image: app:v1");
  world_.fake.pass(24h);
  ASSERT_THAT(list(), SizeIs(1));
  EXPECT_EQ(list()[0].failure, "No such image: app:v1");
  EXPECT_EQ(list()[0].token, "t1");
  ASSERT_TRUE(provider_->terminate(app_, id, {}));
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_THAT(world_.fake.service_names(), ElementsAre("app"));
}

TEST_F(OwnServicesTest, one_on_a_node_that_stays_down_is_not_left_behind) {
  const std::string id = launch("t1").value_or(Server{}).id;
  world_.fake.set_node("node-1", "down");
  world_.fake.work();
  world_.fake.pass(24h);
  ASSERT_THAT(list(), SizeIs(1));
  EXPECT_EQ(list()[0].id, id);
  EXPECT_EQ(list()[0].phase, Phase::terminating);
  EXPECT_EQ(list()[0].failure, "node host-of-node-1 is down");
  EXPECT_EQ(list()[0].failure_cause, FailureCause::platform);
  ASSERT_TRUE(provider_->terminate(app_, id, {}));
  EXPECT_THAT(world_.fake.service_names(), ElementsAre("app"));
  world_.fake.pass(31s);
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_FALSE(world_.fake.task(id).is_null()) << "only its node could say that it has stopped";
}

TEST_F(OwnServicesTest, one_on_a_node_that_stays_down_is_found_though_nobody_configures_its_group) {
  const std::string id = launch("t1").value_or(Server{}).id;
  world_.fake.set_node("node-1", "down");
  world_.fake.work();
  world_.fake.pass(24h);
  const auto servers = provider_->list({}, {});
  ASSERT_TRUE(servers);
  ASSERT_THAT(*servers, SizeIs(1));
  EXPECT_EQ((*servers)[0].id, id);
  EXPECT_EQ((*servers)[0].group, "app");
  Group nobodys;
  nobodys.name = "app";
  ASSERT_TRUE(provider_->terminate(nobodys, id, {}));
  EXPECT_THAT(world_.fake.service_names(), ElementsAre("app"));
}

TEST_F(OwnServicesTest, one_that_is_being_stopped_is_listed_until_it_has_stopped) {
  world_.fake.linger();
  const std::string id = launch("t1").value_or(Server{}).id;
  ASSERT_TRUE(provider_->terminate(app_, id, {}));
  ASSERT_TRUE(provider_->terminate(app_, id, {})) << "its service is gone already";
  ASSERT_THAT(list(), SizeIs(1));
  EXPECT_EQ(list()[0].phase, Phase::terminating);
  EXPECT_EQ(list()[0].failure, "");
  world_.fake.work();
  EXPECT_THAT(list(), IsEmpty());
}

TEST_F(OwnServicesTest, a_service_that_lost_its_task_is_not_left_behind) {
  world_.fake.be_slow();
  EXPECT_FALSE(launch("t1")) << "Swarm has made no task yet";
  EXPECT_THAT(list(), IsEmpty()) << "it may come in a moment";
  world_.fake.pass(2min);
  ASSERT_THAT(list(), SizeIs(1));
  EXPECT_EQ(list()[0].failure, "its service has no task");
  EXPECT_EQ(list()[0].version, "v1");
  ASSERT_TRUE(provider_->terminate(app_, list()[0].id, {}));
  EXPECT_THAT(world_.fake.service_names(), ElementsAre("app"));
}

TEST_F(OwnServicesTest, nothing_is_launched_while_another_finds_no_node) {
  world_.fake.refuse_tasks("no suitable node (insufficient resources on 1 node)");
  ASSERT_TRUE(launch("t1"));
  EXPECT_TRUE(launch("t1")) << "a repeat is none";
  const auto refused = launch("t2");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::out_of_capacity);
  EXPECT_THAT(refused.error().message, HasSubstr("waits already: no suitable node (insufficient resources on 1 node)"));
  EXPECT_THAT(world_.fake.service_names(), UnorderedElementsAre("app", "t1"));
}

TEST_F(OwnServicesTest, one_that_finds_no_node_holds_no_other_version_up) {
  world_.fake.refuse_tasks("no suitable node (unsupported platform on 1 node)");
  ASSERT_TRUE(launch("t1", "v2"));
  world_.fake.refuse_tasks("");
  const auto made = launch("t2", "v1");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->version, "v1");
  const auto refused = launch("t3", "v2");
  ASSERT_FALSE(refused) << "its own version waits";
  EXPECT_EQ(refused.error().kind, ErrorKind::out_of_capacity);
}

TEST_F(OwnServicesTest, a_name_that_is_somebody_elses_is_left_to_them) {
  world_.fake.add_service("t1");
  const auto refused = launch("t1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::denied);
  EXPECT_THAT(refused.error().message, HasSubstr("the name t1 is taken by a service that is not weir's"));
}

TEST_F(OwnServicesTest, a_spec_that_swarm_refuses_made_nothing) {
  world_.fake.fail_next_updates({Fault::refused});
  const auto refused = launch("t1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_THAT(refused.error().message, HasSubstr("ContainerSpec: invalid"));
}

TEST_F(OwnServicesTest, without_the_pattern_nothing_is_launched_and_all_is_listed) {
  ASSERT_TRUE(launch("t1"));
  world_.fake.remove_service("app");
  const auto refused = launch("t2");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_THAT(refused.error().message, HasSubstr("there is no service app, which the servers of group app are made after"));
  EXPECT_THAT(list(), SizeIs(1));
}

TEST_F(OwnServicesTest, a_pattern_behind_the_mesh_is_refused) {
  world_.fake.edit("app", [](Json& spec) { spec["EndpointSpec"]["Ports"][0]["PublishMode"] = "ingress"; });
  const auto refused = launch("t1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_THAT(refused.error().message, HasSubstr("through the ingress mesh only"));
}

TEST_F(OwnServicesTest, the_login_for_a_registry_goes_with_the_order_and_into_no_message) {
  std::string given;
  world_.fake.override([&](const HttpStub::Request& call, HttpStub::Answer&) {
    const auto header = call.headers.find("x-registry-auth");
    if (header != call.headers.end()) given = header->second;
    return false;
  });
  const auto provider =
      make_docker_swarm_provider(world_.outside.network, {.name = "swarm",
                                                          .engine = {.url = world_.stub.url(), .unix_socket = {}},
                                                          .access = {},
                                                          .registry = RegistryLogin{.username = "ci", .password = "hidden?>"}});
  world_.fake.fail_next_updates({Fault::refused});
  const auto refused = provider->launch({app_, "t1", "v1"}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(given, "eyJwYXNzd29yZCI6ImhpZGRlbj8-IiwidXNlcm5hbWUiOiJjaSJ9");
  EXPECT_THAT(refused.error().message, testing::Not(HasSubstr(given)));
}

TEST_F(OwnServicesTest, those_of_another_weir_are_not_ours) {
  const std::string id = world_.open("other")->launch({app_, "t1", "v1"}, {}).value_or(Server{}).id;
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_TRUE(provider_->terminate(app_, id, {}));
  EXPECT_THAT(world_.fake.service_names(), UnorderedElementsAre("app", "t1"));
}

TEST_F(OwnServicesTest, those_of_a_group_that_nobody_configures_any_more_can_be_removed) {
  ASSERT_TRUE(launch("t1"));
  const auto servers = provider_->list({}, {});
  ASSERT_TRUE(servers);
  ASSERT_THAT(*servers, SizeIs(1));
  EXPECT_EQ((*servers)[0].group, "app");
  EXPECT_EQ((*servers)[0].version, "v1");
  Group nobodys;
  nobodys.name = "app";
  EXPECT_TRUE(provider_->terminate(nobodys, (*servers)[0].id, {}));
  EXPECT_THAT(world_.fake.service_names(), ElementsAre("app"));
}

TEST_F(OwnServicesTest, the_tasks_of_the_pattern_are_no_servers) {
  world_.fake.edit("app", [](Json& spec) { spec["Mode"]["Replicated"]["Replicas"] = 2; });
  EXPECT_THAT(list(), IsEmpty());
}

TEST_F(OwnServicesTest, take_the_place_of_counted_ones_and_give_it_back) {
  Group counted = swarm_group("app");
  ASSERT_TRUE(provider_->launch({counted, "c1", "v1"}, {}));
  EXPECT_THAT(list(), IsEmpty()) << "the service has become the pattern";
  ASSERT_TRUE(launch("t1", "v2"));
  const Group* const groups[] = {&counted};
  const auto both = provider_->list(groups, {});
  ASSERT_TRUE(both);
  EXPECT_THAT(*both, SizeIs(2)) << "without an image again, its tasks are servers again";
  EXPECT_EQ(world_.fake.replicas("app"), 1);
  const auto own = std::ranges::find(*both, "t1", &Server::token);
  ASSERT_NE(own, both->end());
  EXPECT_TRUE(provider_->terminate(counted, own->id, {}));
  EXPECT_THAT(world_.fake.service_names(), ElementsAre("app"));
  EXPECT_EQ(world_.fake.replicas("app"), 1) << "no counted one went for it";
}

TEST_F(OwnServicesTest, stand_beside_a_group_whose_servers_are_counted) {
  world_.fake.add_service("web");
  const Group web = swarm_group("web");
  ASSERT_TRUE(launch("t1", "v2"));
  ASSERT_TRUE(provider_->launch({web, "w1", "v1"}, {}));
  const Group* const groups[] = {&app_, &web};
  const auto servers = provider_->list(groups, {});
  ASSERT_TRUE(servers);
  ASSERT_THAT(*servers, SizeIs(2));
  EXPECT_TRUE(std::ranges::is_sorted(*servers, {}, &Server::id));
  for (const Server& server : *servers) EXPECT_EQ(server.group, server.token == "t1" ? "app" : "web");
}

}  // namespace
}  // namespace weir
