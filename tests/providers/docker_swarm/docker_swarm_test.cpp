#include "providers/docker_swarm/docker_swarm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/providers/docker_swarm/world.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Fault = FakeSwarm::Fault;
using Json = nlohmann::json;

class DockerSwarm : public testing::Test {
 protected:
  DockerSwarm() { world_.fake.add_service("app"); }

  Result<Server> launch(const std::string& token) { return provider_->launch({app_, token, "v1"}, {}); }
  Result<std::vector<Server>> listed() {
    const Group* const groups[] = {&app_};
    return provider_->list(groups, {});
  }
  std::vector<Server> list() {
    auto servers = listed();
    EXPECT_TRUE(servers) << (servers ? "" : servers.error().message);
    return servers.value_or(std::vector<Server>{});
  }
  Result<void> terminate(const std::string& id) { return provider_->terminate(app_, id, {}); }
  void restart_weir() { provider_ = world_.open(); }
  /// So many servers, launched one after the other.
  std::vector<std::string> with_servers(int count) {
    std::vector<std::string> ids;
    for (int number = 1; number <= count; ++number) {
      const auto made = launch("t" + std::to_string(number));
      EXPECT_TRUE(made) << (made ? "" : made.error().message);
      ids.push_back(made ? made->id : "");
    }
    return ids;
  }
  [[nodiscard]] int replicas() const { return world_.fake.replicas("app"); }
  [[nodiscard]] std::vector<std::string> tokens() {
    std::vector<std::string> found;
    for (const Server& server : list()) found.push_back(server.token);
    std::ranges::sort(found);
    return found;
  }
  void answers(int status, const std::string& body) {
    world_.fake.override([=](const HttpStub::Request&, HttpStub::Answer& answer) {
      answer = {.status = status, .body = body, .content_type = "application/json"};
      return true;
    });
  }
  /// Of calls that carry this method.
  [[nodiscard]] int calls(const std::string& operation) const {
    return static_cast<int>(std::ranges::count(world_.outside.reports(), operation, &ApiReport::operation));
  }
  void update_is(const std::string& state) {
    world_.fake.edit_service("app", [&](Json& service) { service["UpdateStatus"] = {{"State", state}}; });
  }

  SwarmWorld world_;
  Group app_ = swarm_group("app");
  std::unique_ptr<Provider> provider_ = world_.open();
};

// ---- launch

TEST_F(DockerSwarm, a_launch_raises_the_count_by_one_and_changes_nothing_else_of_the_spec) {
  world_.fake.edit("app", [](Json& spec) {
    spec["RollbackConfig"] = {{"Parallelism", 2}, {"Order", "stop-first"}, {"FailureAction", "pause"}};
    spec["OfTheFuture"] = {{"Kept", {1, nullptr, "x"}}};
  });
  Json before = world_.fake.service("app")["Spec"];
  const auto made = launch("t1");
  ASSERT_TRUE(made) << made.error().message;
  Json after = world_.fake.service("app")["Spec"];
  EXPECT_EQ(after["Mode"]["Replicated"]["Replicas"], 1);
  EXPECT_EQ(after["Labels"]["weir.group"], "app");
  EXPECT_EQ(after["Labels"]["weir.owner"], "weir");
  for (const char* label : {"weir.group", "weir.owner", "weir.ledger"}) after["Labels"].erase(label);
  before["Mode"]["Replicated"]["Replicas"] = 1;
  EXPECT_EQ(after, before);
}

TEST_F(DockerSwarm, a_change_that_was_overtaken_is_made_anew_on_what_is_there_now) {
  world_.fake.fail_next_updates({Fault::overtaken, Fault::overtaken});
  const auto made = launch("t1");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(replicas(), 1);
  EXPECT_EQ(world_.fake.service("app")["Spec"]["Labels"]["somebody"], "else") << "what the other one changed stays";
  EXPECT_EQ(calls("services.update"), 3);
}

TEST_F(DockerSwarm, a_change_that_is_always_overtaken_is_given_up_after_a_while) {
  world_.fake.fail_next_updates(std::vector(20, Fault::overtaken));
  const auto made = launch("t1");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(made.error().message, HasSubstr("10 attempts to change its count were all overtaken"));
  EXPECT_EQ(replicas(), 0);
}

TEST_F(DockerSwarm, a_reply_that_was_lost_makes_no_second_server) {
  for (const Fault fault : {Fault::lost_reply, Fault::lost_request, Fault::broken}) {
    const int before = replicas();
    world_.fake.fail_next_updates({fault, fault});
    const auto made = launch("t" + std::to_string(static_cast<int>(fault)));
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(replicas(), before + 1);
  }
}

TEST_F(DockerSwarm, a_launch_of_two_weirs_at_once_makes_a_server_for_each) {
  const auto other = world_.open();
  {
    const std::jthread one([&] { EXPECT_TRUE(launch("t1")); });
    const std::jthread two([&] { EXPECT_TRUE(other->launch({app_, "t2", "v1"}, {})); });
  }
  EXPECT_EQ(replicas(), 2);
  EXPECT_THAT(tokens(), ElementsAre("t1", "t2"));
}

TEST_F(DockerSwarm, a_launch_into_a_service_with_tasks_of_others_leaves_those_alone) {
  world_.fake.edit("app", [](Json& spec) { spec["Mode"]["Replicated"]["Replicas"] = 2; });
  ASSERT_TRUE(launch("t1"));
  EXPECT_EQ(replicas(), 3);
  EXPECT_THAT(tokens(), ElementsAre("", "", "t1"));
}

TEST_F(DockerSwarm, a_task_that_swarm_takes_its_time_to_make_is_the_server_of_its_token_all_the_same) {
  world_.fake.be_slow();
  const auto early = launch("t1");
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(early.error().message, HasSubstr("Swarm has not made its task yet"));
  EXPECT_FALSE(launch("t1"));
  world_.fake.work();
  restart_weir();
  ASSERT_TRUE(launch("t1"));
  EXPECT_EQ(replicas(), 1);
  EXPECT_THAT(tokens(), ElementsAre("t1"));
}

TEST_F(DockerSwarm, nothing_is_launched_behind_a_task_that_no_node_can_take) {
  world_.fake.refuse_tasks("no suitable node (insufficient resources on 1 node)");
  ASSERT_TRUE(launch("t1"));
  const auto refused = launch("t2");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::out_of_capacity);
  EXPECT_THAT(refused.error().message, HasSubstr("insufficient resources on 1 node"));
  EXPECT_EQ(replicas(), 1);
  EXPECT_TRUE(launch("t1")) << "this one was promised";
}

TEST_F(DockerSwarm, a_launch_waits_until_swarm_has_picked_who_goes) {
  with_servers(2);
  world_.fake.be_slow();
  ASSERT_TRUE(terminate(list()[0].id));
  const auto early = launch("t3");
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(replicas(), 1) << "raised again the count would keep the one that was to go, and the launch would be lost in it";
}

TEST_F(DockerSwarm, the_task_that_swarm_makes_for_one_on_a_lost_node_is_the_server_that_is_launched_for_it) {
  const std::string lost = with_servers(1)[0];
  world_.fake.add_node("node-2");
  world_.fake.set_node("node-1", "down");
  EXPECT_EQ(list()[0].failure, "node host-of-node-1 is down");
  ASSERT_TRUE(terminate(lost)) << "gone for all we can do";
  EXPECT_EQ(replicas(), 1);
  world_.fake.be_slow();
  EXPECT_FALSE(launch("t2")) << "not made yet";
  world_.fake.work();
  const auto made = launch("t2");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_NE(made->id, lost);
  EXPECT_EQ(replicas(), 1);
}

TEST_F(DockerSwarm, a_paused_update_is_for_a_person_to_finish) {
  update_is("paused");
  const auto refused = launch("t1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::denied);
  EXPECT_THAT(refused.error().message, HasSubstr("the update of service app is paused"));
  EXPECT_EQ(replicas(), 0);
}

TEST_F(DockerSwarm, an_update_under_way_does_not_hold_a_launch_up_unless_it_may_have_to_find_its_way_back) {
  update_is("updating");
  EXPECT_TRUE(launch("t1"));
  world_.fake.edit("app", [](Json& spec) { spec["UpdateConfig"]["FailureAction"] = "rollback"; });
  update_is("updating");
  const auto refused = launch("t2");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(replicas(), 1);
}

TEST_F(DockerSwarm, a_launch_without_a_token_or_service_is_invalid) {
  EXPECT_EQ(launch("").error().kind, ErrorKind::invalid);
  world_.fake.remove_service("app");
  const auto refused = launch("t1");
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_THAT(refused.error().message, HasSubstr("service app not found"));
}

// ---- terminate

TEST_F(DockerSwarm, one_fewer_is_asked_for_and_swarm_picks) {
  const auto ids = with_servers(3);
  world_.fake.linger();
  ASSERT_TRUE(terminate(ids[2]));
  EXPECT_EQ(replicas(), 2);
  std::vector<std::string> leaving;
  for (const Server& server : list()) {
    if (server.phase == Phase::terminating) leaving.push_back(server.id);
  }
  EXPECT_THAT(leaving, ElementsAre(ids[0])) << "not the one that was named";
}

TEST_F(DockerSwarm, a_repetition_removes_no_second_one) {
  const auto ids = with_servers(3);
  ASSERT_TRUE(terminate(ids[2]));
  ASSERT_TRUE(terminate(ids[2])) << "nobody has seen yet who goes";
  EXPECT_EQ(replicas(), 2);
  (void)list();
  ASSERT_TRUE(terminate(ids[2]));
  EXPECT_EQ(replicas(), 1) << "who went is known: this is a new wish";
}

TEST_F(DockerSwarm, a_repetition_removes_no_second_one_while_swarm_has_not_picked_whoever_repeats_it) {
  const auto ids = with_servers(3);
  world_.fake.be_slow();
  ASSERT_TRUE(terminate(ids[2]));
  EXPECT_THAT(list(), SizeIs(3));
  ASSERT_TRUE(terminate(ids[2]));
  restart_weir();
  ASSERT_TRUE(terminate(ids[2]));
  EXPECT_EQ(replicas(), 2);
  ASSERT_TRUE(terminate(ids[1])) << "another name is another wish";
  EXPECT_EQ(replicas(), 1);
}

TEST_F(DockerSwarm, a_removal_whose_reply_was_lost_is_one_removal) {
  for (const Fault fault : {Fault::lost_reply, Fault::lost_request, Fault::broken, Fault::overtaken}) {
    const auto ids = with_servers(3);
    const int before = replicas();
    world_.fake.fail_next_updates({fault, fault});
    ASSERT_TRUE(terminate(list().back().id));
    EXPECT_EQ(replicas(), before - 1);
  }
}

TEST_F(DockerSwarm, a_count_that_somebody_else_lowered_meanwhile_is_lowered_enough) {
  const auto ids = with_servers(3);
  world_.fake.be_slow();
  world_.fake.edit("app", [](Json& spec) { spec["Mode"]["Replicated"]["Replicas"] = 2; });
  ASSERT_TRUE(terminate(ids[2]));
  EXPECT_EQ(replicas(), 2);
}

TEST_F(DockerSwarm, tasks_of_other_services_are_nobody_to_remove) {
  world_.fake.add_service("database", 1);
  const std::string foreign = world_.fake.tasks("database")[0]["ID"];
  ASSERT_TRUE(terminate(foreign));
  EXPECT_EQ(world_.fake.replicas("database"), 1);
  EXPECT_EQ(world_.fake.updates(), 0);
}

TEST_F(DockerSwarm, a_removal_gets_by_with_what_a_proxy_lets_through) {
  const auto ids = with_servers(2);
  world_.fake.refuse_paths({"/tasks/"});
  const auto removed = terminate(ids[1]);
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(replicas(), 1);
  EXPECT_TRUE(terminate("gone long ago"));
  EXPECT_EQ(replicas(), 1);
}

TEST_F(DockerSwarm, nothing_is_removed_while_an_update_is_under_way_or_paused) {
  const auto ids = with_servers(2);
  for (const char* state : {"updating", "paused", "rollback_started", "rollback_paused"}) {
    update_is(state);
    const auto refused = terminate(ids[1]);
    ASSERT_FALSE(refused) << state;
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(refused.error().message, HasSubstr("nothing was removed"));
    EXPECT_THAT(list()[0].protection, HasSubstr("service app"));
  }
  EXPECT_EQ(replicas(), 2);
}

TEST_F(DockerSwarm, a_count_of_nought_is_not_lowered) {
  const auto ids = with_servers(1);
  ASSERT_TRUE(terminate(ids[0]));
  EXPECT_EQ(replicas(), 0);
  EXPECT_TRUE(terminate(ids[0]));
  EXPECT_EQ(replicas(), 0);
}

// ---- list

TEST_F(DockerSwarm, a_task_that_failed_is_listed_beside_the_one_that_took_its_place) {
  const std::string first = with_servers(1)[0];
  world_.fake.end_task(first, "failed", "task: non-zero exit (3)");
  const auto servers = list();
  ASSERT_THAT(servers, SizeIs(2));
  EXPECT_EQ(servers[0].failure, "task: non-zero exit (3)");
  EXPECT_EQ(servers[1].failure, "");
  EXPECT_EQ(servers[1].token, "t1") << "it stands where that one stood";
  world_.fake.pass(31s);
  EXPECT_THAT(list(), SizeIs(1));
}

TEST_F(DockerSwarm, a_redeploy_that_resets_count_and_labels_is_seen_and_can_be_made_good) {
  with_servers(5);
  world_.fake.linger();
  world_.fake.edit("app", [](Json& spec) {
    spec["Mode"]["Replicated"]["Replicas"] = 2;
    spec["Labels"] = {{"com.docker.stack.namespace", "shop"}};
  });
  const auto after = list();
  EXPECT_EQ(std::ranges::count(after, Phase::terminating, &Server::phase), 3);
  world_.fake.work();
  EXPECT_THAT(list(), SizeIs(2));
  for (const char* token : {"t6", "t7", "t8"}) ASSERT_TRUE(launch(token));
  EXPECT_EQ(replicas(), 5);
  EXPECT_THAT(tokens(), ElementsAre("", "", "t6", "t7", "t8"));
  EXPECT_EQ(world_.fake.service("app")["Spec"]["Labels"]["com.docker.stack.namespace"], "shop");
}

TEST_F(DockerSwarm, a_global_service_is_refused_with_a_sentence) {
  world_.fake.edit("app", [](Json& spec) { spec["Mode"] = {{"Global", Json::object()}}; });
  const auto servers = listed();
  ASSERT_FALSE(servers);
  EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(servers.error().message,
            "swarm: service app of group app is global, and only a replicated service has a number of tasks to change");
  const auto made = launch("t1");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::invalid);
  EXPECT_EQ(world_.fake.updates(), 0);
}

TEST_F(DockerSwarm, a_service_that_is_not_there_is_not_one_without_servers) {
  world_.fake.remove_service("app");
  const auto servers = listed();
  ASSERT_FALSE(servers);
  EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(servers.error().message, HasSubstr("there is no service app, whose tasks are the servers of group app"));
}

TEST_F(DockerSwarm, a_service_of_two_groups_is_refused) {
  Group web = swarm_group("web");
  web.server.set("service", std::string("id-of-app"));
  const Group* const groups[] = {&app_, &web};
  const auto servers = provider_->list(groups, {});
  ASSERT_FALSE(servers);
  EXPECT_THAT(servers.error().message, HasSubstr("service app is configured for two groups, app and web"));
}

TEST_F(DockerSwarm, services_that_another_weir_scales_are_none_of_ours) {
  ASSERT_TRUE(launch("t1"));
  EXPECT_THAT(*provider_->list({}, {}), SizeIs(1));
  EXPECT_THAT(*world_.open("other")->list({}, {}), IsEmpty());
}

TEST_F(DockerSwarm, a_service_is_found_by_its_id_as_well) {
  ASSERT_TRUE(launch("t1"));
  app_.server.set("service", std::string("id-of-app"));
  EXPECT_THAT(list(), SizeIs(1));
  ASSERT_TRUE(launch("t2"));
  EXPECT_EQ(replicas(), 2);
}

// ---- what goes wrong with the Engine

TEST_F(DockerSwarm, a_node_that_is_no_manager_is_asked_once_and_not_taken_for_an_empty_swarm) {
  with_servers(1);
  answers(503, R"({"message":"This node is not a swarm manager. Use \"docker swarm init\" to connect this node."})");
  const int before = calls("services.list");
  const auto servers = listed();
  ASSERT_FALSE(servers);
  EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(servers.error().message, HasSubstr("This node is not a swarm manager"));
  EXPECT_EQ(calls("services.list"), before + 1);
}

TEST_F(DockerSwarm, errors_say_what_can_be_done_about_them) {
  const std::string id = with_servers(1)[0];
  const std::pair<int, ErrorKind> cases[] = {
      {400, ErrorKind::invalid}, {401, ErrorKind::denied}, {403, ErrorKind::denied}, {500, ErrorKind::unavailable}};
  for (const auto& [status, kind] : cases) {
    ASSERT_THAT(list(), SizeIs(1));
    answers(status, R"({"message":"such is life"})");
    const auto servers = listed();
    ASSERT_FALSE(servers);
    EXPECT_EQ(servers.error().kind, kind);
    EXPECT_THAT(servers.error().message, AllOf(HasSubstr("such is life"), HasSubstr("/services")));
    EXPECT_FALSE(launch("t2"));
    EXPECT_FALSE(terminate(id));
    world_.fake.override({});
    restart_weir();  // its circuit breaker too
  }
}

/// The fuzzer's message of two lines stood as two lines in ours.
TEST_F(DockerSwarm, an_engines_words_become_one_line_of_a_message_however_many_they_are) {
  with_servers(1);
  answers(401, nlohmann::json{{"message", "first\nsecond\r" + std::string(1000, 'x')}}.dump());
  const auto servers = listed();
  ASSERT_FALSE(servers);
  EXPECT_THAT(servers.error().message, AllOf(HasSubstr("first second "), HasSubstr("xxx…")));
  EXPECT_LT(servers.error().message.size(), 500U);
}

TEST_F(DockerSwarm, an_update_that_is_refused_was_not_made) {
  const std::string id = with_servers(1)[0];
  const std::pair<int, ErrorKind> cases[] = {
      {400, ErrorKind::invalid}, {401, ErrorKind::denied}, {403, ErrorKind::denied}, {501, ErrorKind::invalid}};
  for (const auto& [status, kind] : cases) {
    world_.fake.override([status = status](const HttpStub::Request& call, HttpStub::Answer& answer) {
      answer = {.status = status, .body = R"({"message":"no"})"};
      return call.method == "POST";
    });
    EXPECT_EQ(launch("t2").error().kind, kind) << status;
    EXPECT_EQ(terminate(id).error().kind, kind) << status;
  }
  EXPECT_EQ(replicas(), 1);
}

TEST_F(DockerSwarm, answers_that_are_none_are_no_list) {
  with_servers(2);
  for (const char* body : {"", "<html>502</html>", "null", "{}", "[{}]", "[[]]", R"([{"ID":"x","Version":{"Index":"many"}}])"}) {
    answers(200, body);
    const auto servers = listed();
    ASSERT_FALSE(servers) << body;
    EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
  }
  world_.fake.override([](const HttpStub::Request& call, HttpStub::Answer& answer) {
    answer = {.body = "[{}]"};
    return call.target.find("/tasks") != std::string::npos;
  });
  EXPECT_FALSE(listed());
  world_.fake.override({});
  EXPECT_THAT(list(), SizeIs(2));
}

TEST_F(DockerSwarm, what_came_or_went_while_it_was_listed_makes_no_half_list) {
  ASSERT_TRUE(launch("t1"));
  world_.fake.add_service("web");
  const Group web = swarm_group("web");
  ASSERT_TRUE(provider_->launch({web, "w1", "v1"}, {}));
  std::atomic<int> lists{0};
  world_.fake.override([&](const HttpStub::Request& call, HttpStub::Answer& answer) {
    const bool second = call.target.ends_with("/services") && ++lists == 2;
    answer = {.body = "[]", .content_type = "application/json"};
    return second;
  });
  const auto servers = provider_->list({}, {});
  world_.fake.override({});
  ASSERT_FALSE(servers);
  EXPECT_THAT(servers.error().message, HasSubstr("came or went"));
}

TEST_F(DockerSwarm, the_newest_version_that_both_know_is_spoken) {
  (void)list();
  EXPECT_THAT(world_.stub.requests().back().target, testing::StartsWith("/v1.41/"));
}

TEST_F(DockerSwarm, an_engine_that_is_too_old_is_told_so) {
  world_.stub.answer([](const HttpStub::Request&) { return HttpStub::Answer{.headers = {{"Api-Version", "1.24"}}}; });
  const auto servers = listed();
  ASSERT_FALSE(servers);
  EXPECT_EQ(servers.error().kind, ErrorKind::invalid);
  EXPECT_THAT(servers.error().message, HasSubstr("the Engine's API is 1.24; weir needs 1.30 or newer"));
}

TEST_F(DockerSwarm, what_is_no_engine_is_told_so) {
  world_.stub.answer(HttpStub::Answer{.body = "hello"});
  EXPECT_THAT(listed().error().message, HasSubstr("is this a Docker Engine?"));
}

TEST_F(DockerSwarm, an_engine_that_was_replaced_by_an_older_one_is_asked_for_its_version_again) {
  (void)list();
  answers(400, R"({"message":"client version 1.41 is too new. Maximum supported API version is 1.39"})");
  const auto servers = listed();
  ASSERT_FALSE(servers);
  EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
  world_.fake.override({});
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_EQ(calls("ping"), 2);
}

TEST_F(DockerSwarm, an_engine_that_is_away_is_unavailable) {
  const TempDirectory directory;
  const auto provider = make_docker_swarm_provider(
      world_.outside.network,
      {.name = "swarm", .engine = {.url = "http://docker", .unix_socket = directory.path() / "docker.sock"}, .access = {}});
  const auto servers = provider->list({}, {});
  ASSERT_FALSE(servers);
  EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(servers.error().message, HasSubstr("docker.sock"));
}

TEST_F(DockerSwarm, is_spoken_to_over_a_unix_socket) {
  const TempDirectory directory;
  const std::string path = directory.path() / "docker.sock";
  const HttpStub stub([&](const HttpStub::Request& request) { return world_.fake.answer(request); }, path);
  const auto provider = make_docker_swarm_provider(
      world_.outside.network, {.name = "swarm", .engine = {.url = "http://docker", .unix_socket = path}, .access = {}});
  EXPECT_TRUE(provider->launch({app_, "t1", "v1"}, {}));
  EXPECT_EQ(replicas(), 1);
}

TEST_F(DockerSwarm, every_verb_ends_when_it_is_asked_to) {
  const std::string id = with_servers(1)[0];
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(provider_->list({}, stop.get_token()).error().kind, ErrorKind::cancelled);
  EXPECT_EQ(provider_->launch({app_, "t2", "v1"}, stop.get_token()).error().kind, ErrorKind::cancelled);
  EXPECT_EQ(provider_->terminate(app_, id, stop.get_token()).error().kind, ErrorKind::cancelled);
}

}  // namespace
}  // namespace weir
