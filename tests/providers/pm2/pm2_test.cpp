#include "providers/pm2/pm2.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stop_token>
#include <thread>

#include "tests/providers/pm2/world.h"
#include "tests/support/free_port.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Json = nlohmann::json;

class Pm2 : public testing::Test {
 protected:
  Result<std::vector<Server>> try_list() {
    const Group* const groups[] = {&app_};
    return provider_->list(groups, {});
  }
  std::vector<Server> list() {
    const auto servers = try_list();
    EXPECT_TRUE(servers) << (servers ? "" : servers.error().message);
    return servers.value_or(std::vector<Server>{});
  }
  Result<Server> try_launch(const std::string& token) { return provider_->launch({app_, token, "v1"}, {}); }
  Server launch(const std::string& token) {
    const auto server = try_launch(token);
    EXPECT_TRUE(server) << (server ? "" : server.error().message);
    return server.value_or(Server{});
  }
  Error error_of(const Result<std::vector<Server>>& result) { return result ? Error{} : result.error(); }
  Error error_of(const Result<Server>& result) { return result ? Error{} : result.error(); }
  std::vector<std::string> names() {
    std::vector<std::string> names;
    for (const Json& entry : world_.list()) names.push_back(entry["name"]);
    return names;
  }

  Pm2World world_;
  Group app_ = pm2_group("shop", "app");
  std::unique_ptr<Provider> provider_ = world_.open();
};

TEST_F(Pm2, a_server_is_a_copy_of_the_app_with_a_port_and_marks_of_its_own) {
  const Server server = launch("t1");
  EXPECT_EQ(server.id, "app.t1");
  EXPECT_EQ(server.phase, Phase::pending);
  const Json environment = world_.environment_of("app.t1");
  EXPECT_EQ(server.address, "127.0.0.1:" + environment["PORT"].get<std::string>());
  EXPECT_GT(std::stoi(environment["PORT"].get<std::string>()), 31000) << "above that of the app itself";
  EXPECT_EQ(environment["SECRET"], "s");
  EXPECT_EQ(environment["WEIR_GROUP"], "shop");
  EXPECT_EQ(environment["WEIR_VERSION"], "v1");
  EXPECT_THAT(names(), ElementsAre("app", "web", "app.t1"));
  EXPECT_EQ(list()[0].phase, Phase::warming) << "online";
}

TEST_F(Pm2, an_app_that_counts_its_port_up_is_told_by_its_instance_number) {
  app_.server = {};
  app_.server.set("app", std::string("app"));
  app_.server.set("port", std::int64_t{31'000});
  app_.server.set("host", std::string("127.0.0.1"));
  const Server server = launch("t1");
  const int instance = std::stoi(world_.environment_of("app.t1")["NODE_APP_INSTANCE"].get<std::string>());
  EXPECT_GE(instance, 1);
  EXPECT_EQ(server.address, "127.0.0.1:" + std::to_string(31'000 + instance));
}

TEST_F(Pm2, the_port_of_a_server_that_just_went_is_not_given_again_at_once) {
  const Server first = launch("t1");
  ASSERT_TRUE(provider_->terminate(app_, first.id, {}));
  EXPECT_NE(launch("t2").address, first.address);
}

TEST_F(Pm2, without_a_free_port_there_is_no_room) {
  const std::string port = std::to_string(free_port());
  app_.server.set("ports", port);
  (void)launch("t1");
  const Error error = error_of(try_launch("t2"));
  EXPECT_EQ(error.kind, ErrorKind::out_of_capacity);
  EXPECT_THAT(error.message, HasSubstr("every port from " + port + " to " + port + " is taken; nothing was started"));
}

// How PM2 is asked.

TEST_F(Pm2, messages_before_the_list_and_complaints_beside_it_do_no_harm) {
  launch("t1");
  world_.write("noise", "\n>>>> In-memory PM2 is out-of-date, do:\n[PM2] $ pm2 update\n[1, 2\n");
  world_.write("complaint", "[PM2][WARN] [] {");
  EXPECT_EQ(list().size(), 1U);
}

TEST_F(Pm2, without_a_daemon_there_is_no_list_and_none_is_made) {
  launch("t1");
  world_.write("calls", "");
  world_.end_daemon();
  const Error error = error_of(try_list());
  EXPECT_EQ(error.kind, ErrorKind::unavailable);
  EXPECT_THAT(error.message, HasSubstr("no PM2 daemon answers at " + (world_.home() / "rpc.sock").string()));
  EXPECT_EQ(error_of(try_launch("t2")).kind, ErrorKind::unavailable);
  EXPECT_EQ(world_.read("calls"), "") << "any call of pm2 would make one";
}

TEST_F(Pm2, the_list_of_a_daemon_that_was_made_by_asking_is_none) {
  world_.write("noise", "[PM2] Spawning PM2 daemon with pm2_home=/h\n[PM2] PM2 Successfully daemonized\n");
  EXPECT_THAT(error_of(try_list()).message, HasSubstr("its daemon was gone"));
}

TEST_F(Pm2, an_empty_list_is_taken_for_the_wrong_home_or_a_lost_one) {
  world_.set_list(Json::array());
  EXPECT_EQ(error_of(try_list()).kind, ErrorKind::unavailable);
  EXPECT_THAT(error_of(try_list()).message, HasSubstr("is this the right home"));
  EXPECT_EQ(error_of(try_launch("t1")).kind, ErrorKind::unavailable);
}

TEST_F(Pm2, an_answer_that_is_no_list_makes_no_servers_vanish) {
  launch("t1");
  for (const char* how : {"before", "Segmentation fault", "[{\"name\": \"app\""}) {
    world_.fail_next("jlist", how);
    EXPECT_EQ(error_of(try_list()).kind, ErrorKind::unavailable) << how;
  }
  EXPECT_EQ(list().size(), 1U);
}

TEST_F(Pm2, a_call_that_hangs_is_ended) {
  provider_ = world_.open(200ms);
  world_.fail_next("jlist", "hang");
  const Error error = error_of(try_list());
  EXPECT_EQ(error.kind, ErrorKind::unavailable);
  EXPECT_THAT(error.message, HasSubstr("jlist: no end within 200ms"));
}

TEST_F(Pm2, a_command_that_is_not_there_is_named_without_the_environment) {
  provider_ = make_pm2_provider({.home = world_.home(), .command = {"/nowhere/pm2"}, .directory = world_.home() / "state"});
  const Error error = error_of(try_list());
  EXPECT_EQ(error.kind, ErrorKind::not_found);
  EXPECT_THAT(error.message, HasSubstr("/nowhere/pm2 jlist"));
  EXPECT_THAT(error.message, Not(HasSubstr("PATH=")));
}

TEST_F(Pm2, what_weir_s_own_environment_holds_is_not_handed_on) {
  ASSERT_EQ(::setenv("PM2_TEST_SECRET", "hidden", 1), 0);
  launch("t1");
  ::unsetenv("PM2_TEST_SECRET");
  EXPECT_FALSE(world_.environment_of("app.t1").contains("PM2_TEST_SECRET"));
}

// A launch that goes wrong.

TEST_F(Pm2, a_refusal_tells_why_and_that_nothing_was_made) {
  world_.fail_next("start", "before");
  const Error error = error_of(try_launch("t1"));
  EXPECT_EQ(error.kind, ErrorKind::invalid);
  EXPECT_THAT(error.message, HasSubstr("[PM2][ERROR] Error: Script not found: /srv/app.js"));
  EXPECT_THAT(list(), IsEmpty());
}

TEST_F(Pm2, a_refusal_of_what_was_done_is_no_refusal) {
  for (const char* how : {"after", "[PM2] something else"}) {
    const std::string token = std::string("t") + std::to_string(how[0]);
    world_.fail_next("start", how);
    const Server server = launch(token);
    EXPECT_EQ(server.token, token);
  }
  EXPECT_EQ(list().size(), 2U);
}

TEST_F(Pm2, a_launch_whose_answer_never_came_is_found_by_its_token) {
  world_.fail_next("start", "hang");
  std::stop_source stop;
  Result<Server> first;
  {
    const std::jthread asks([&] { first = provider_->launch({app_, "t1", "v1"}, stop.get_token()); });
    EXPECT_TRUE(wait_until(20s, [&] { return world_.read("list.json").contains("app.t1"); }));
    stop.request_stop();
  }
  EXPECT_EQ(error_of(first).kind, ErrorKind::cancelled);
  const Server server = launch("t1");
  EXPECT_THAT(list(), ElementsAre(testing::Field(&Server::address, server.address)));
}

TEST_F(Pm2, a_launch_is_not_refused_when_it_is_unknown_whether_it_was_made) {
  world_.fail_next("jlist", "before");
  EXPECT_EQ(error_of(try_launch("t1")).kind, ErrorKind::unavailable);
}

TEST_F(Pm2, an_app_nobody_knows_cannot_be_copied) {
  app_.server.set("app", std::string("shop"));
  const Error error = error_of(try_launch("t1"));
  EXPECT_EQ(error.kind, ErrorKind::invalid);
  EXPECT_THAT(error.message, HasSubstr("has no app 'shop' to copy"));
}

TEST_F(Pm2, an_app_too_large_for_the_input_of_pm2_is_refused) {
  world_.add(pm2_entry("large", 2, "stopped", {{"PORT", "31000"}, {"X", std::string(70'000, 'x')}}));
  app_.server.set("app", std::string("large"));
  EXPECT_THAT(error_of(try_launch("t1")).message, HasSubstr("PM2 reads only 60000 from its input"));
}

TEST_F(Pm2, an_app_without_a_port_needs_a_range) {
  world_.add(pm2_entry("bare", 2, "stopped"));
  app_.server.set("app", std::string("bare"));
  EXPECT_THAT(error_of(try_launch("t1")).message, HasSubstr("give the range of ports in 'ports'"));
  app_.server.set("ports", std::string("31100-31200"));
  EXPECT_TRUE(try_launch("t1"));
}

TEST_F(Pm2, a_copy_serves_as_the_pattern_when_the_app_itself_is_gone) {
  launch("t1");
  Json entries = world_.list();
  entries.erase(0);
  world_.set_list(entries);
  launch("t2");
  EXPECT_EQ(world_.environment_of("app.t2")["SECRET"], "s");
}

TEST_F(Pm2, one_that_was_started_twice_is_a_server_and_a_failure_and_only_the_second_is_removed) {
  const Server server = launch("t1");
  Json second = world_.list()[2];
  second["pm_id"] = 7;
  world_.add(second);
  const std::vector<Server> servers = list();
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_EQ(servers[0].token, "t1");
  EXPECT_EQ(servers[0].failure, "");
  EXPECT_EQ(servers[1].token, "");
  EXPECT_THAT(servers[1].failure, HasSubstr("a second app.t1 that nobody asked for"));
  ASSERT_TRUE(provider_->terminate(app_, servers[1].id, {}));
  EXPECT_THAT(list(), ElementsAre(testing::Field(&Server::id, server.id)));
  EXPECT_THAT(world_.read("calls"), HasSubstr("delete 7\n")) << "by its number: the name is that of both";
}

// What belongs to others.

TEST_F(Pm2, entries_of_others_are_neither_listed_nor_restarted_nor_removed) {
  world_.add(pm2_entry("db", 5, "online"));
  world_.add(pm2_entry("app.t1", 6, "online", {{"PORT", "31000"}}));
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_THAT(error_of(try_launch("t1")).message, HasSubstr("an entry of somebody else's called app.t1"));
  for (const char* id : {"db", "5", "db-5", "app.t1", "all", "web", "app"}) EXPECT_TRUE(provider_->terminate(app_, id, {}));
  EXPECT_THAT(names(), ElementsAre("app", "web", "db", "app.t1"));
  EXPECT_THAT(world_.read("calls"), Not(HasSubstr("delete")));
  EXPECT_THAT(world_.read("calls"), Not(HasSubstr("start")));
}

TEST_F(Pm2, copies_of_another_weir_are_not_ours) {
  launch("t1");
  const auto other = world_.open(30s, "east");
  const Group* const groups[] = {&app_};
  EXPECT_THAT(other->list(groups, {}).value(), IsEmpty());
  EXPECT_TRUE(other->terminate(app_, "app.t1", {}));
  EXPECT_EQ(list().size(), 1U);
  const auto theirs = other->launch({app_, "t2", ""}, {});
  ASSERT_TRUE(theirs);
  EXPECT_NE(theirs->address, list()[0].address);
}

TEST_F(Pm2, what_runs_of_the_app_itself_is_a_server_and_the_last_of_it_is_kept) {
  world_.set_list(Json::array({pm2_entry("app", 0, "online", {{"PORT", "31000"}})}));
  launch("t1");
  const std::vector<Server> servers = list();
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_EQ(servers[0].id, "app-0");
  EXPECT_EQ(servers[0].token, "");
  EXPECT_EQ(servers[0].address, "127.0.0.1:31000");
  EXPECT_THAT(servers[0].protection, HasSubstr("the last one of the app itself"));
  const auto refused = provider_->terminate(app_, "app-0", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::denied);
  EXPECT_EQ(servers[1].protection, "");
}

TEST_F(Pm2, of_an_app_that_was_scaled_by_hand_one_is_removed_by_its_number) {
  world_.set_list(recorded_list("jlist_after_scale_fork"));
  app_.server = {};
  app_.server.set("app", std::string("forky"));
  app_.server.set("port", std::int64_t{31'000});
  app_.server.set("host", std::string("127.0.0.1"));
  const std::vector<Server> servers = list();
  ASSERT_EQ(servers.size(), 3U);
  EXPECT_THAT(servers[0].failure, HasSubstr("errored after 15 restarts, exit code 1"));
  EXPECT_EQ(servers[1].address, "127.0.0.1:31001");
  EXPECT_EQ(servers[2].address, "127.0.0.1:31002");
  ASSERT_TRUE(provider_->terminate(app_, servers[1].id, {}));
  EXPECT_THAT(world_.read("calls"), HasSubstr("delete 6\n"));
  EXPECT_EQ(list().size(), 2U);
}

TEST_F(Pm2, workers_that_share_a_port_are_refused) {
  world_.set_list(recorded_list("jlist_cluster_two"));
  Json entries = world_.list();
  for (Json& entry : entries) entry["pm2_env"]["env"]["PORT"] = "31000";
  world_.set_list(entries);
  app_.server.set("app", std::string("web"));
  const Error error = error_of(try_list());
  EXPECT_EQ(error.kind, ErrorKind::invalid);
  EXPECT_THAT(error.message, HasSubstr("workers of one cluster cannot be told apart"));
}

TEST_F(Pm2, one_that_runs_without_a_port_that_could_be_known_is_refused) {
  world_.set_list(Json::array({pm2_entry("app", 0, "online")}));
  EXPECT_THAT(error_of(try_list()).message, HasSubstr("(number 0 in PM2) runs without a port in its variable PORT"));
}

// How a server ends.

TEST_F(Pm2, a_server_is_removed_by_its_name_since_numbers_begin_again_with_the_daemon) {
  ASSERT_TRUE(provider_->terminate(app_, launch("t1").id, {}));
  EXPECT_THAT(world_.read("calls"), HasSubstr("delete app.t1\n"));
  EXPECT_THAT(list(), IsEmpty());
}

TEST_F(Pm2, a_server_that_takes_longer_to_end_than_a_call_may_last_is_left_to_it) {
  const Server server = launch("t1");
  provider_ = world_.open(3s);
  world_.fail_next("delete", "hang");
  ASSERT_TRUE(provider_->terminate(app_, server.id, {}));
  EXPECT_THAT(list(), ElementsAre(testing::Field(&Server::phase, Phase::terminating)));
  world_.write("calls", "");
  EXPECT_TRUE(provider_->terminate(app_, server.id, {}));
  EXPECT_EQ(world_.read("calls"), "jlist\n") << "not asked twice";
}

TEST_F(Pm2, a_removal_that_was_done_and_refused_is_done) {
  const Server server = launch("t1");
  world_.fail_next("delete", "after");
  EXPECT_TRUE(provider_->terminate(app_, server.id, {}));
}

TEST_F(Pm2, a_removal_that_failed_is_to_be_repeated) {
  const Server server = launch("t1");
  world_.fail_next("delete", "before");
  const auto failed = provider_->terminate(app_, server.id, {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(provider_->terminate(app_, server.id, {}));
}

TEST_F(Pm2, a_copy_that_gave_up_is_listed_as_failed) {
  launch("t1");
  Json entries = world_.list();
  entries[2]["pm2_env"]["status"] = "errored";
  entries[2]["pm2_env"]["restart_time"] = 16;
  world_.set_list(entries);
  EXPECT_THAT(list()[0].failure, HasSubstr("PM2 calls it errored after 16 restarts"));
}

TEST_F(Pm2, nothing_is_done_once_we_are_to_stop) {
  std::stop_source stop;
  stop.request_stop();
  const Group* const groups[] = {&app_};
  EXPECT_EQ(error_of(provider_->list(groups, stop.get_token())).kind, ErrorKind::cancelled);
  EXPECT_EQ(error_of(provider_->launch({app_, "t1", ""}, stop.get_token())).kind, ErrorKind::cancelled);
  EXPECT_THAT(names(), ElementsAre("app", "web"));
}

}  // namespace
}  // namespace weir
