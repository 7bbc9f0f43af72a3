#include "providers/kubernetes/kubernetes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/providers/kubernetes/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using Fault = FakeKubernetes::Fault;
using Json = nlohmann::json;

class Kubernetes : public testing::Test {
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
  Server launch(const std::string& token) {
    const auto server = provider_->launch({app_, token, ""}, {});
    EXPECT_TRUE(server) << (server ? "" : server.error().message);
    return server.value_or(Server{});
  }
  std::string pod_of(const Server& server) {
    const std::size_t first = server.id.find('/');
    return server.id.substr(first + 1, server.id.rfind('/') - first - 1);
  }
  void terminate(const Server& server) {
    const auto done = provider_->terminate(app_, server.id, {});
    EXPECT_TRUE(done) << (done ? "" : done.error().message);
  }
  Server find(const Server& wanted) {
    for (const Server& server : list()) {
      if (server.id == wanted.id) return server;
    }
    return {};
  }
  /// Not ready and not running any more, for this reason.
  void break_pod(const std::string& pod, const std::string& reason) {
    fake().edit("Pod", pod, [&](Json& object) {
      object["status"]["containerStatuses"][0]["state"] = {{"waiting", {{"reason", reason}, {"message", "back-off"}}}};
      for (Json& condition : object["status"]["conditions"]) {
        if (condition["type"] != "PodScheduled") condition["status"] = "False";
      }
    });
  }
  std::size_t count(const std::string& method, const std::string& path) {
    return static_cast<std::size_t>(std::ranges::count_if(
        fake().asked(), [&](const FakeKubernetes::Asked& asked) { return asked.method == method && asked.path.contains(path); }));
  }
  FakeKubernetes& fake() { return world_.fake(); }
  void restart_weir() { provider_ = world_.open(); }

  KubernetesWorld world_;
  Group app_ = KubernetesWorld::group("app");
  std::unique_ptr<Provider> provider_ = world_.open();
};

class KubernetesDeployment : public Kubernetes {
 protected:
  KubernetesDeployment() { fake().add_deployment("shop", "app", 0); }
};

class KubernetesStatefulSet : public Kubernetes {
 protected:
  KubernetesStatefulSet() {
    app_ = KubernetesWorld::group("app", "statefulset");
    fake().add_stateful_set("shop", "app", 0);
  }
};

TEST_F(KubernetesDeployment, number_and_token_change_together_under_the_version_that_was_read) {
  const Server server = launch("t1");
  EXPECT_THAT(server.address, testing::MatchesRegex("10\\.42\\.0\\.[0-9]+:3000"));
  EXPECT_EQ(server.phase, Phase::warming);
  EXPECT_EQ(server.version, "v1");
  const auto asked = fake().asked();
  const auto patch = std::ranges::find(asked, "PATCH", &FakeKubernetes::Asked::method);
  ASSERT_NE(patch, asked.end());
  EXPECT_EQ(patch->body["spec"]["replicas"], 1);
  EXPECT_THAT(patch->body["metadata"]["annotations"]["weir.dev/tokens"].get<std::string>(), HasSubstr("t1"));
  EXPECT_TRUE(patch->body["metadata"].contains("resourceVersion"));
}

TEST_F(KubernetesDeployment, a_lost_reply_makes_no_second_pod) {
  fake().fault(Fault::lost_reply, "PATCH");
  launch("t1");
  launch("t1");
  EXPECT_EQ(fake().replicas("shop", "app"), 1);
  EXPECT_EQ(fake().pods_made(), 1);
}

TEST_F(KubernetesDeployment, a_conflict_is_read_and_decided_again) {
  for (int i = 0; i < 3; ++i) fake().fault(Fault::someone_else, "PATCH");
  launch("t1");
  EXPECT_EQ(fake().replicas("shop", "app"), 1);
}

TEST_F(KubernetesDeployment, conflicts_without_end_are_given_up) {
  for (int i = 0; i < 100; ++i) fake().fault(Fault::someone_else, "PATCH");
  const auto server = provider_->launch({app_, "t1", ""}, {});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(server.error().message, HasSubstr("changed by others"));
  EXPECT_EQ(fake().replicas("shop", "app"), 0);
}

TEST_F(KubernetesDeployment, a_pod_that_is_not_made_at_once_is_promised_and_gets_its_token_later) {
  fake().controllers(FakeKubernetes::Controllers::held);
  const Server promised = launch("t1");
  EXPECT_EQ(promised.token, "t1");
  launch("t1");
  EXPECT_EQ(fake().replicas("shop", "app"), 1);
  fake().act();
  ASSERT_EQ(list().size(), 1U);
  EXPECT_EQ(list()[0].token, "t1");
}

TEST_F(KubernetesDeployment, pods_that_were_there_before_have_no_token) {
  fake().scale("shop", "app", 2);
  fake().pass(1min);
  const auto before = list();
  const Server server = launch("t1");
  EXPECT_EQ(std::ranges::find(before, server.id, &Server::id), before.end()) << "what was there is not what was launched";
  std::vector<std::string> tokens;
  for (const Server& each : list()) {
    if (each.id != server.id) tokens.push_back(each.token);
  }
  EXPECT_THAT(tokens, ElementsAre("", ""));
  EXPECT_EQ(find(server).token, "t1");
}

TEST_F(KubernetesDeployment, the_pod_made_for_an_evicted_one_inherits_its_token) {
  const Server server = launch("t1");
  fake().edit("Pod", pod_of(server), [](Json& pod) { pod["status"] = {{"phase", "Failed"}, {"reason", "Evicted"}}; });
  const auto servers = list();
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_THAT(find(server).failure, HasSubstr("Evicted"));
  EXPECT_EQ(find(server).token, "");
  EXPECT_EQ(servers[servers[0].id == server.id ? 1 : 0].token, "t1");
  terminate(server);
  EXPECT_EQ(fake().replicas("shop", "app"), 1) << "what has ended does not count";
  EXPECT_EQ(list().size(), 1U);
}

TEST_F(KubernetesDeployment, the_named_pod_goes_whichever_the_controller_would_have_taken) {
  const Server first = launch("t1");
  fake().pass(1min);  // left to itself the controller takes the youngest
  const Server second = launch("t2");
  fake().pass(1min);
  const Server third = launch("t3");
  terminate(first);
  EXPECT_EQ(fake().replicas("shop", "app"), 2);
  std::vector<std::string> left{pod_of(second), pod_of(third)};
  std::ranges::sort(left);
  EXPECT_EQ(fake().living(), left);
}

TEST_F(KubernetesDeployment, a_repeated_removal_lowers_the_number_once) {
  const Server first = launch("t1");
  launch("t2");
  launch("t3");
  fake().controllers(FakeKubernetes::Controllers::held);
  for (int i = 0; i < 3; ++i) {
    terminate(first);
    restart_weir();
  }
  EXPECT_EQ(fake().replicas("shop", "app"), 2);
  EXPECT_EQ(find(first).phase, Phase::terminating);
  fake().act();
  EXPECT_EQ(fake().living().size(), 2U);
}

TEST_F(KubernetesDeployment, a_removal_whose_reply_was_lost_lowers_the_number_once) {
  const Server first = launch("t1");
  launch("t2");
  fake().fault(Fault::lost_reply, "PATCH");  // of the mark
  fake().fault(Fault::lost_reply, "PATCH");
  fake().fault(Fault::lost_reply, "PATCH");
  terminate(first);
  terminate(first);
  EXPECT_EQ(fake().replicas("shop", "app"), 1);
}

TEST_F(KubernetesDeployment, a_pod_that_ended_meanwhile_does_not_save_the_one_that_was_to_go) {
  const Server first = launch("t1");
  const Server second = launch("t2");
  launch("t3");
  fake().controllers(FakeKubernetes::Controllers::held);
  terminate(first);
  fake().edit("Pod", pod_of(second), [](Json& pod) { pod["status"] = {{"phase", "Failed"}, {"reason", "Evicted"}}; });
  fake().act();  // two are wanted, two are there
  EXPECT_THAT(fake().living(), testing::Contains(pod_of(first)));
  fake().controllers(FakeKubernetes::Controllers::prompt);
  terminate(first);
  EXPECT_EQ(fake().replicas("shop", "app"), 2);
  EXPECT_EQ(fake().living().size(), 2U);
  EXPECT_THAT(fake().living(), testing::Not(testing::Contains(pod_of(first))));
}

TEST_F(KubernetesDeployment, a_launch_during_a_removal_gets_a_pod_of_its_own) {
  const Server first = launch("t1");
  launch("t2");
  fake().controllers(FakeKubernetes::Controllers::held);
  terminate(first);
  launch("t3");
  fake().controllers(FakeKubernetes::Controllers::prompt);
  terminate(first);
  std::vector<std::string> tokens;
  for (const Server& server : list()) tokens.push_back(server.token);
  EXPECT_THAT(tokens, testing::UnorderedElementsAre("t2", "t3"));
  EXPECT_EQ(fake().replicas("shop", "app"), 2);
}

TEST_F(KubernetesDeployment, while_another_pod_would_be_taken_instead_the_ready_ones_are_protected) {
  const Server first = launch("t1");
  const Server second = launch("t2");
  break_pod(pod_of(second), "ContainerCreating");
  EXPECT_THAT(find(first).protection, HasSubstr(pod_of(second)));
  EXPECT_EQ(find(second).protection, "");
  EXPECT_EQ(find(second).phase, Phase::pending);
  EXPECT_EQ(provider_->terminate(app_, first.id, {}).error().kind, ErrorKind::unavailable);
  EXPECT_EQ(fake().replicas("shop", "app"), 2);
  terminate(second);
  EXPECT_THAT(fake().living(), ElementsAre(pod_of(first)));
}

TEST_F(KubernetesDeployment, during_a_rollout_nobody_can_be_chosen) {
  const Server first = launch("t1");
  launch("t2");
  fake().begin_rollout("shop", "app");
  EXPECT_THAT(find(first).protection, HasSubstr("rollout"));
  EXPECT_EQ(provider_->terminate(app_, first.id, {}).error().kind, ErrorKind::unavailable);
  const auto servers = list();
  EXPECT_EQ(servers.size(), 3U);
  EXPECT_EQ(std::ranges::count(servers, "v2", &Server::version), 1);
}

TEST_F(KubernetesDeployment, a_second_writer_is_named_and_nothing_is_changed) {
  const Server first = launch("t1");
  fake().add_autoscaler("shop", "app-hpa", "Deployment", "app");
  const auto launched = provider_->launch({app_, "t2", ""}, {});
  EXPECT_EQ(launched.error().kind, ErrorKind::denied);
  EXPECT_THAT(launched.error().message, HasSubstr("HorizontalPodAutoscaler app-hpa"));
  EXPECT_EQ(provider_->terminate(app_, first.id, {}).error().kind, ErrorKind::denied);
  EXPECT_THAT(find(first).protection, HasSubstr("app-hpa"));
  EXPECT_EQ(fake().replicas("shop", "app"), 1);
}

TEST_F(KubernetesDeployment, an_autoscaler_of_something_else_or_out_of_sight_does_not_matter) {
  fake().add_autoscaler("shop", "other", "StatefulSet", "app");
  launch("t1");
  fake().add_autoscaler("shop", "app-hpa", "Deployment", "app");
  fake().deny("list", "horizontalpodautoscalers.autoscaling");
  launch("t2");
  EXPECT_EQ(fake().replicas("shop", "app"), 2);
}

TEST_F(KubernetesDeployment, a_quota_is_no_capacity_and_the_replica_is_taken_back) {
  launch("t1");
  fake().allow_pods(1);
  fake().controllers(FakeKubernetes::Controllers::held);
  launch("t2");
  fake().controllers(FakeKubernetes::Controllers::prompt);
  const auto again = provider_->launch({app_, "t2", ""}, {});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::out_of_capacity);
  EXPECT_THAT(again.error().message, HasSubstr("exceeded quota"));
  EXPECT_EQ(fake().replicas("shop", "app"), 1);
}

TEST_F(KubernetesDeployment, full_nodes_are_no_capacity_after_a_grace) {
  fake().fill_nodes();
  const Server waits = launch("t1");
  EXPECT_EQ(waits.phase, Phase::pending);
  EXPECT_EQ(waits.failure, "");
  launch("t2");  // a cluster autoscaler counts the pods that wait
  fake().pass(5min);
  EXPECT_THAT(find(waits).failure, HasSubstr("Insufficient cpu"));
  const auto launched = provider_->launch({app_, "t3", ""}, {});
  EXPECT_EQ(launched.error().kind, ErrorKind::out_of_capacity);
  EXPECT_EQ(fake().replicas("shop", "app"), 2);
}

TEST_F(KubernetesDeployment, a_crash_loop_is_a_failure_after_its_grace) {
  const Server server = launch("t1");
  break_pod(pod_of(server), "CrashLoopBackOff");
  EXPECT_EQ(find(server).failure, "");
  EXPECT_EQ(find(server).phase, Phase::pending);
  fake().pass(60s);
  EXPECT_THAT(find(server).failure, HasSubstr("CrashLoopBackOff"));
}

TEST_F(KubernetesDeployment, pods_of_others_with_the_same_labels_are_not_ours) {
  launch("t1");
  fake().add_deployment("shop", "twin", 2);
  for (const Json& pod : fake().objects("Pod")) {
    if (pod["metadata"]["name"].get<std::string>().starts_with("twin")) {
      fake().edit("Pod", pod["metadata"]["name"], [](Json& object) { object["metadata"]["labels"]["app"] = "app"; });
    }
  }
  EXPECT_EQ(list().size(), 1U);
}

TEST_F(KubernetesDeployment, addresses_of_version_six_stand_in_brackets) {
  const Server server = launch("t1");
  fake().edit("Pod", pod_of(server), [](Json& pod) { pod["status"]["podIP"] = "fd00::7"; });
  EXPECT_EQ(find(server).address, "[fd00::7]:3000");
}

TEST_F(KubernetesDeployment, long_lists_come_in_pages_and_begin_anew_when_they_expire) {
  fake().scale("shop", "app", 7);
  fake().page_size(2);
  EXPECT_EQ(list().size(), 7U);
  fake().expire_continue(2);
  EXPECT_EQ(list().size(), 7U);
  fake().expire_continue(100);
  const auto servers = try_list();
  ASSERT_FALSE(servers);
  EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
}

TEST_F(KubernetesDeployment, a_list_with_a_part_missing_is_no_list) {
  launch("t1");
  for (const Fault fault : {Fault::garbage, Fault::cut_off, Fault::broken, Fault::reset}) {
    restart_weir();
    fake().fault_always(fault, "GET");
    const auto servers = try_list();
    fake().fault_always(std::nullopt);
    ASSERT_FALSE(servers);
    EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
  }
  restart_weir();
  fake().edit("Pod", fake().living()[0], [](Json& pod) { pod["metadata"].erase("uid"); });
  EXPECT_EQ(try_list().error().kind, ErrorKind::unavailable);
}

TEST_F(KubernetesDeployment, throttling_is_waited_out_as_long_as_it_says) {
  fake().fault(Fault::throttled);
  EXPECT_TRUE(list().empty());
  EXPECT_THAT(world_.network().clock.waits(), testing::Contains(testing::Ge(1000ms)));
}

TEST_F(KubernetesDeployment, a_workload_that_is_not_there_has_no_list_and_no_launch) {
  fake().erase("Deployment", "app");
  EXPECT_EQ(try_list().error().kind, ErrorKind::unavailable);
  EXPECT_THAT(try_list().error().message, HasSubstr("\"app\" not found"));
  EXPECT_EQ(provider_->launch({app_, "t1", ""}, {}).error().kind, ErrorKind::not_found);
  EXPECT_TRUE(provider_->terminate(app_, "shop/x/y", {}));
}

TEST_F(KubernetesDeployment, a_missing_permission_is_named) {
  const Server server = launch("t1");
  fake().deny("patch", "pods");
  const auto done = provider_->terminate(app_, server.id, {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::denied);
  EXPECT_THAT(done.error().message, HasSubstr("the verb `patch` on pods in namespace shop"));
  EXPECT_EQ(fake().replicas("shop", "app"), 1);
  fake().deny("list", "pods");
  EXPECT_EQ(try_list().error().kind, ErrorKind::denied);
}

TEST_F(KubernetesDeployment, refused_credentials_are_got_anew_once) {
  fake().accept_token("token-2");
  EXPECT_EQ(try_list().error().kind, ErrorKind::denied);
  EXPECT_EQ(fake().asked().size(), 2U);
  EXPECT_EQ(try_list().error().message.find("token-1"), std::string::npos);
  fake().accept_token("token-1");
  EXPECT_TRUE(list().empty());
}

TEST_F(KubernetesDeployment, where_only_the_scale_may_be_changed_the_ledger_is_a_file) {
  fake().deny("patch", "deployments.apps");
  const Server first = launch("t1");
  restart_weir();
  EXPECT_EQ(launch("t1").id, first.id);
  EXPECT_EQ(find(first).token, "t1");
  launch("t2");
  EXPECT_EQ(fake().replicas("shop", "app"), 2);
  terminate(first);
  EXPECT_EQ(fake().replicas("shop", "app"), 1);
  EXPECT_EQ(find(first).id, "");
  EXPECT_EQ(count("PUT", "/scale"), 3U);
}

TEST_F(KubernetesDeployment, a_scale_whose_reply_was_lost_is_recognised_by_its_number) {
  fake().deny("patch", "deployments.apps");
  fake().fault_always(Fault::lost_reply, "PUT");
  EXPECT_FALSE(provider_->launch({app_, "t1", ""}, {}));
  fake().fault_always(std::nullopt);
  restart_weir();
  launch("t1");
  EXPECT_EQ(fake().replicas("shop", "app"), 1);
}

TEST_F(KubernetesDeployment, a_scale_that_did_not_happen_is_made_again) {
  fake().deny("patch", "deployments.apps");
  fake().fault_always(Fault::reset, "PUT");
  EXPECT_FALSE(provider_->launch({app_, "t1", ""}, {}));
  fake().fault_always(std::nullopt);
  restart_weir();
  launch("t1");
  EXPECT_EQ(fake().replicas("shop", "app"), 1);
}

TEST_F(KubernetesDeployment, two_groups_of_one_workload_are_refused) {
  Group twin = app_;
  twin.name = "twin";
  const Group* const groups[] = {&app_, &twin};
  const auto servers = provider_->list(groups, {});
  ASSERT_FALSE(servers);
  EXPECT_THAT(servers.error().message, HasSubstr("app and twin"));
}

TEST_F(KubernetesDeployment, many_workloads_are_read_with_one_list_of_pods) {
  std::vector<Group> groups;
  for (int i = 0; i < 12; ++i) {
    groups.push_back(KubernetesWorld::group("many-" + std::to_string(i)));
    fake().add_deployment("shop", groups.back().name, 1);
  }
  std::vector<const Group*> pointers;
  for (const Group& group : groups) pointers.push_back(&group);
  const auto servers = provider_->list(pointers, {});
  ASSERT_TRUE(servers) << servers.error().message;
  EXPECT_EQ(servers->size(), 12U);
  EXPECT_EQ(count("GET", "/pods"), 1U);
}

TEST_F(KubernetesDeployment, a_damaged_ledger_stops_everything_until_it_is_repaired) {
  fake().edit("Deployment", "app", [](Json& object) { object["metadata"]["annotations"]["weir.dev/tokens"] = "oops"; });
  EXPECT_FALSE(try_list());
  const auto launched = provider_->launch({app_, "t1", ""}, {});
  EXPECT_EQ(launched.error().kind, ErrorKind::invalid);
  EXPECT_EQ(fake().replicas("shop", "app"), 0);
}

TEST_F(KubernetesStatefulSet, only_the_highest_number_can_go_and_the_others_say_so) {
  const Server zero = launch("t1");
  const Server one = launch("t2");
  EXPECT_THAT(find(zero).protection, HasSubstr("app-1"));
  EXPECT_EQ(find(one).protection, "");
  EXPECT_EQ(provider_->terminate(app_, zero.id, {}).error().kind, ErrorKind::invalid);
  terminate(one);
  EXPECT_THAT(fake().living(), ElementsAre("app-0"));
}

TEST_F(KubernetesStatefulSet, a_number_given_out_again_is_another_server) {
  launch("t1");
  const Server one = launch("t2");
  terminate(one);
  const Server again = launch("t3");
  EXPECT_NE(again.id, one.id);
  EXPECT_THAT(again.id, HasSubstr("/app-1/"));
}

TEST_F(KubernetesStatefulSet, a_number_that_is_still_going_is_waited_for) {
  launch("t1");
  const Server one = launch("t2");
  fake().keep_terminating(true);
  terminate(one);
  EXPECT_EQ(provider_->launch({app_, "t3", ""}, {}).error().kind, ErrorKind::unavailable);
  fake().keep_terminating(false);
  launch("t3");
  EXPECT_EQ(fake().replicas("shop", "app"), 2);
}

TEST_F(KubernetesStatefulSet, a_broken_pod_below_the_highest_begins_anew_in_its_place) {
  const Server zero = launch("t1");
  launch("t2");
  break_pod("app-0", "CrashLoopBackOff");
  fake().pass(60s);
  terminate(zero);
  EXPECT_EQ(fake().replicas("shop", "app"), 2);
  EXPECT_THAT(fake().living(), ElementsAre("app-0", "app-1"));
  EXPECT_EQ(find(zero).id, "");
}

TEST(KubernetesSettings, say_exactly_one_workload_and_names_that_can_be) {
  Settings provider;
  provider.set("owner", std::string("weir"));
  const auto complaints = [&](const Group& group) { return kubernetes_provider_type().check(provider, group).size(); };
  Group group = KubernetesWorld::group("app");
  EXPECT_EQ(complaints(group), 0U);
  group.server.set("statefulset", std::string("app"));
  EXPECT_EQ(complaints(group), 1U);
  group.server.set("namespace", std::string("Shop/../x"));
  EXPECT_EQ(complaints(group), 2U);
  provider.set("owner", std::string("a b"));
  EXPECT_EQ(complaints(group), 3U);
}

}  // namespace
}  // namespace weir
