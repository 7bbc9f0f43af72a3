#include "tests/contract/provider_contract.h"

#include <map>
#include <set>
#include <thread>

namespace weir {

TEST_P(ProviderContract, lists_servers_sorted_by_id_and_twice_the_same) {
  const std::vector<Server> servers = list();
  EXPECT_TRUE(std::ranges::is_sorted(servers, {}, &Server::id));
  EXPECT_EQ(list(), servers);
}

TEST_P(ProviderContract, every_listed_server_carries_the_tag_of_its_group_and_a_phase_a_provider_can_know) {
  for (const Server& server : list()) {
    EXPECT_TRUE(server.group == "app" || server.group == "web") << server.id;
    EXPECT_TRUE(server.phase == Phase::pending || server.phase == Phase::warming || server.phase == Phase::terminating);
    EXPECT_EQ(server.health, Health{}) << "health is not the provider's to judge";
  }
}

TEST_P(ProviderContract, terminating_a_server_that_never_was_is_success) {
  EXPECT_TRUE(provider_->terminate(app_, "no-such-server", {}));
  EXPECT_TRUE(provider_->terminate(app_, "../../etc/passwd", {}));
  EXPECT_TRUE(provider_->terminate(app_, "", {}));
}

TEST_P(ElasticProviderContract, begins_with_no_servers) { EXPECT_TRUE(list().empty()); }

TEST_P(ElasticProviderContract, a_launched_server_is_listed_as_it_was_asked_for) {
  const Server launched = launch(app_, "app-1");
  EXPECT_FALSE(launched.id.empty());
  const std::vector<Server> servers = list();
  ASSERT_EQ(servers.size(), 1U);
  EXPECT_EQ(servers[0].id, launched.id);
  EXPECT_EQ(servers[0].token, "app-1");
  EXPECT_EQ(servers[0].group, "app");
  EXPECT_EQ(servers[0].version, harness_->version(1));
  EXPECT_NE(servers[0].launched_at, TimePoint{});
  EXPECT_EQ(servers[0].failure, "");
}

TEST_P(ElasticProviderContract, versions_stand_beside_each_other_and_are_told_apart_also_after_a_restart_of_weir) {
  if (!harness_->makes_versions()) GTEST_SKIP() << "the platform says what its servers run";
  std::map<std::string, std::string> launched;
  for (const auto& [token, number] : std::map<std::string, int>{{"app-1", 1}, {"app-2", 2}, {"app-3", 1}, {"app-4", 3}}) {
    launched[token] = harness_->version(number);
    EXPECT_EQ(launch(app_, token, number).version, launched[token]);
  }
  const auto listed = [this] {
    std::map<std::string, std::string> found;
    for (const Server& server : list()) found[server.token] = server.version;
    return found;
  };
  EXPECT_EQ(listed(), launched);
  restart_weir();
  EXPECT_EQ(listed(), launched);
  EXPECT_EQ(launch(app_, "app-2", 2).version, harness_->version(2));
  for (const Server& server : list()) {
    if (server.version != harness_->version(1)) continue;
    EXPECT_TRUE(terminate_until_gone(app_, server.id));
  }
  launched.erase("app-1");
  launched.erase("app-3");
  EXPECT_EQ(listed(), launched);
}

TEST_P(ElasticProviderContract, the_same_token_is_the_same_server) {
  const Server first = launch(app_, "app-1");
  const Server again = launch(app_, "app-1");
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(again.address, first.address);
  EXPECT_EQ(list().size(), 1U);
}

TEST_P(ElasticProviderContract, the_same_token_is_the_same_server_after_a_restart_of_weir) {
  const Server first = launch(app_, "app-1");
  restart_weir();
  EXPECT_EQ(launch(app_, "app-1").id, first.id);
  EXPECT_EQ(list().size(), 1U);
}

TEST_P(ElasticProviderContract, servers_outlive_a_restart_of_weir) {
  const Server first = launch(app_, "app-1");
  const std::vector<Server> before = list();
  restart_weir();
  EXPECT_EQ(list(), before);
}

TEST_P(ElasticProviderContract, a_launch_whose_answer_was_lost_can_be_repeated) {
  constexpr int kAttempts = 4;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const LaunchRequest request{app_, "lost-" + std::to_string(attempt), harness_->version(1)};
    harness_->launch_and_die(request, attempt);
    restart_weir();
    (void)launch(app_, request.token);
    (void)launch(app_, request.token);
  }
  std::vector<std::string> tokens;
  for (const Server& server : list()) tokens.push_back(server.token);
  std::ranges::sort(tokens);  // the list is in the order of ids, which need not be that of launches
  EXPECT_EQ(tokens, (std::vector<std::string>{"lost-0", "lost-1", "lost-2", "lost-3"}));
}

TEST_P(ElasticProviderContract, a_repeated_token_at_the_same_moment_makes_one_server) {
  std::vector<std::string> ids(4);
  {
    std::vector<std::jthread> threads;
    for (std::string& id : ids) threads.emplace_back([&] { id = launch(app_, "app-1").id; });
  }
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 1U);
  EXPECT_EQ(list().size(), 1U);
}

TEST_P(ElasticProviderContract, launches_at_the_same_moment_make_different_servers) {
  {
    std::vector<std::jthread> threads;
    for (const char* token : {"a", "b", "c", "d"}) threads.emplace_back([this, token] { launch(app_, token); });
  }
  std::set<std::string> ids;
  std::set<std::string> addresses;
  for (const Server& server : list()) {
    ids.insert(server.id);
    if (!server.address.empty()) addresses.insert(server.address);
  }
  EXPECT_EQ(ids.size(), 4U);
  EXPECT_TRUE(addresses.empty() || addresses.size() == 4U);
}

TEST_P(ElasticProviderContract, the_list_is_complete_and_sorted_whatever_the_order_of_launches) {
  for (const char* token : {"m", "c", "x", "a"}) launch(app_, token);
  const std::vector<Server> servers = list();
  EXPECT_EQ(servers.size(), 4U);
  EXPECT_TRUE(std::ranges::is_sorted(servers, {}, &Server::id));
}

TEST_P(ElasticProviderContract, groups_are_told_apart) {
  const Server of_app = launch(app_, "app-1");
  const Server of_web = launch(web_, "web-1");
  EXPECT_NE(of_app.id, of_web.id);
  for (const Server& server : list()) EXPECT_EQ(server.group, server.id == of_app.id ? "app" : "web");
  EXPECT_TRUE(provider_->terminate(web_, of_app.id, {})) << "not a server of that group: as good as gone";
  EXPECT_TRUE(has(list(), of_app.id));
  EXPECT_TRUE(terminate_until_gone(app_, of_app.id));
  EXPECT_TRUE(has(list(), of_web.id));
}

TEST_P(ElasticProviderContract, servers_of_a_group_nobody_configures_any_more_are_listed) {
  const Server of_web = launch(web_, "web-1");
  restart_weir();
  const Group* const configured[] = {&app_};
  EXPECT_TRUE(has(list(configured), of_web.id));
}

TEST_P(ElasticProviderContract, a_terminated_server_is_never_listed_as_able_to_serve_and_goes_in_the_end) {
  const Server server = launch(app_, "app-1");
  ASSERT_TRUE(provider_->terminate(app_, server.id, {}));
  for (const Server& each : list()) EXPECT_TRUE(each.phase == Phase::terminating || !each.failure.empty());
  EXPECT_TRUE(terminate_until_gone(app_, server.id));
}

TEST_P(ElasticProviderContract, terminating_can_be_repeated_also_after_the_server_is_gone) {
  const Server server = launch(app_, "app-1");
  ASSERT_TRUE(terminate_until_gone(app_, server.id));
  EXPECT_TRUE(provider_->terminate(app_, server.id, {}));
  EXPECT_TRUE(provider_->terminate(app_, server.id, {}));
}

TEST_P(ElasticProviderContract, a_termination_is_continued_after_a_restart_of_weir) {
  const Server server = launch(app_, "app-1");
  ASSERT_TRUE(provider_->terminate(app_, server.id, {}));
  restart_weir();
  EXPECT_TRUE(terminate_until_gone(app_, server.id));
}

TEST_P(ElasticProviderContract, the_place_of_a_removed_server_can_be_taken_by_another) {
  for (int round = 0; round < 12; ++round) {
    const Server server = launch(app_, "round-" + std::to_string(round));
    ASSERT_TRUE(terminate_until_gone(app_, server.id)) << round;
  }
}

// A program with a provider of one kind only uses one of the suites.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ProviderContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ElasticProviderContract);

}  // namespace weir
