#include "providers/docker_swarm/servers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/providers/docker_swarm/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const SwarmTime kNow = SwarmTime(1'800'000'000s);

/// One service with one task, each to be changed before it is looked at.
class SwarmServers : public testing::Test {
 protected:
  SwarmServers() {
    view_.at = std::chrono::floor<Duration>(kNow);
    view_.service = {.id = "s", .name = "app", .version = 1, .spec = {}, .labels = {}, .image = "app:v1", .mode = "replicated"};
    view_.service.replicas = 1;
    view_.service.ports = {{.target = 8080, .on_host = true}};
    view_.nodes["n1"] = {.id = "n1", .name = "one", .address = "192.0.2.1"};
    view_.tasks = {task("a", 1)};
  }

  static SwarmTask task(const std::string& id, int slot) {
    SwarmTask made;
    made.id = id;
    made.service = "s";
    made.slot = slot;
    made.node = "n1";
    made.image = "app:v1";
    made.state = TaskState::running;
    made.created_at = kNow - 1h;
    made.updated_at = kNow - 1h;
    made.host_ports = {{.target = 8080, .published = 32768}};
    return made;
  }

  [[nodiscard]] std::vector<Server> servers() const { return servers_of(view_, "app", &group_); }
  [[nodiscard]] Server only() const {
    const auto all = servers();
    EXPECT_THAT(all, SizeIs(1));
    return all.empty() ? Server{} : all[0];
  }
  SwarmTask& first() { return view_.tasks[0]; }
  void reach_by(const std::string& network) { group_.server.set("network", network); }
  void ends(TaskState state, const std::string& error, std::chrono::seconds ago) {
    first().state = state;
    first().desired = TaskState::shutdown;
    first().trouble = error;
    first().updated_at = kNow - ago;
  }

  ServiceView view_;
  Group group_ = swarm_group("app");
};

// ---- addresses

TEST_F(SwarmServers, are_reached_at_their_node_at_the_port_published_there) {
  EXPECT_EQ(only().address, "192.0.2.1:32768");
  view_.nodes["n1"].address = "fd00::1";
  EXPECT_EQ(only().address, "[fd00::1]:32768");
}

TEST_F(SwarmServers, have_no_address_before_their_port_or_node_is_known) {
  first().host_ports = {{.target = 9090, .published = 32768}};
  EXPECT_EQ(only().address, "") << "another port";
  first().host_ports = {{.target = 8080, .published = 32768}};
  first().node = "n2";
  EXPECT_EQ(only().address, "");
  first().node = "n1";
  first().state = TaskState::preparing;
  EXPECT_EQ(only().address, "");
}

TEST_F(SwarmServers, are_reached_at_their_address_in_the_chosen_network) {
  reach_by("front");
  first().attachments = {{.network = "back", .network_id = "n1", .address = "10.0.1.7"},
                         {.network = "front", .network_id = "n2", .address = "10.0.2.7"}};
  EXPECT_EQ(only().address, "10.0.2.7:8080");
  reach_by("n1");
  EXPECT_EQ(only().address, "10.0.1.7:8080") << "by its id";
}

TEST_F(SwarmServers, in_the_network_of_their_host_are_reached_at_their_node) {
  reach_by("host");
  first().attachments = {{.network = "host", .network_id = "h", .address = ""}};
  EXPECT_EQ(only().address, "192.0.2.1:8080");
}

TEST_F(SwarmServers, a_network_that_no_task_is_on_is_a_mistake_and_no_server_without_address) {
  reach_by("frnot");
  first().attachments = {{.network = "front", .network_id = "n2", .address = "10.0.2.7"}};
  EXPECT_EQ(complaint_about_addresses(view_, group_),
            "the tasks of service app of group app are not on network frnot; they are on: front");
  first().attachments.clear();
  EXPECT_THAT(complaint_about_addresses(view_, group_), HasSubstr("they are on: none"));
  first().state = TaskState::starting;
  EXPECT_EQ(complaint_about_addresses(view_, group_), "") << "it may get there yet";
}

TEST_F(SwarmServers, a_service_whose_tasks_nobody_can_reach_is_refused) {
  EXPECT_EQ(complaint_about(view_.service, group_), "");
  view_.service.ports = {{.target = 8080, .on_host = false}};
  EXPECT_THAT(complaint_about(view_.service, group_), HasSubstr("publishes port 8080 through the ingress mesh only"));
  view_.service.ports.clear();
  EXPECT_THAT(complaint_about(view_.service, group_), HasSubstr("does not publish port 8080"));
  reach_by("front");
  EXPECT_EQ(complaint_about(view_.service, group_), "");
}

TEST_F(SwarmServers, a_service_without_a_count_is_refused) {
  view_.service.mode = "global";
  EXPECT_THAT(complaint_about(view_.service, group_),
              HasSubstr("service app of group app is global, and only a replicated service has a number of tasks to change"));
}

// ---- phases and failures

TEST_F(SwarmServers, are_pending_until_their_task_runs) {
  for (const TaskState state : {TaskState::created, TaskState::assigned, TaskState::preparing, TaskState::starting}) {
    first().state = state;
    EXPECT_EQ(only().phase, Phase::pending);
  }
  first().state = TaskState::running;
  EXPECT_EQ(only().phase, Phase::warming);
  EXPECT_EQ(only().launched_at, std::chrono::floor<Duration>(kNow - 1h));
  EXPECT_EQ(only().version, "v1");
}

TEST_F(SwarmServers, are_leaving_as_soon_as_swarm_means_them_to_though_they_run) {
  first().desired = TaskState::remove;
  EXPECT_EQ(only().phase, Phase::terminating);
  EXPECT_EQ(only().failure, "") << "it goes because it was told to";
  first().desired = TaskState::shutdown;
  EXPECT_EQ(only().phase, Phase::terminating);
  first().state = TaskState::shutdown;
  EXPECT_THAT(servers(), IsEmpty());
}

TEST_F(SwarmServers, that_ended_by_themselves_are_listed_for_a_while_with_the_reason) {
  ends(TaskState::failed, "task: non-zero exit (3)", 29s);
  EXPECT_EQ(only().failure, "task: non-zero exit (3)");
  EXPECT_EQ(only().phase, Phase::terminating);
  ends(TaskState::complete, "", 29s);
  EXPECT_EQ(only().failure, "it ended by itself");
  ends(TaskState::failed, "task: non-zero exit (3)", 30s);
  EXPECT_THAT(servers(), IsEmpty()) << "history";
}

TEST_F(SwarmServers, of_a_slot_that_fails_again_and_again_only_the_last_failure_is_listed) {
  ends(TaskState::rejected, "No such image: app:v1", 20s);
  SwarmTask next = task("b", 1);
  next.state = TaskState::rejected;
  next.desired = TaskState::ready;
  next.trouble = "No such image: app:v1";
  next.created_at = kNow - 10s;
  next.updated_at = kNow - 9s;
  view_.tasks.push_back(next);
  EXPECT_EQ(only().id, "b");
  EXPECT_EQ(only().failure, "No such image: app:v1");
}

TEST_F(SwarmServers, on_a_node_that_is_down_have_failed) {
  view_.nodes["n1"].is_down = true;
  EXPECT_EQ(only().failure, "node one is down");
  first().desired = TaskState::shutdown;
  first().updated_at = kNow - 29s;
  EXPECT_EQ(only().failure, "node one is down") << "replaced, but its node never said that it ended";
  first().updated_at = kNow - 31s;
  EXPECT_THAT(servers(), IsEmpty());
}

TEST_F(SwarmServers, that_are_services_stay_listed_as_long_as_those_whatever_their_lost_task_has_become) {
  view_.obituaries = ServiceView::Obituaries::lasting;
  view_.nodes["n1"].is_down = true;
  for (const TaskState state : {TaskState::running, TaskState::orphaned, TaskState::failed, TaskState::shutdown}) {
    ends(state, "", 24h);
    EXPECT_EQ(only().failure, "node one is down");
    EXPECT_EQ(only().failure_cause, FailureCause::platform);
  }
  ends(TaskState::running, "", 24h);
  first().desired = TaskState::remove;
  EXPECT_THAT(servers(), IsEmpty()) << "its service is gone, and its node cannot say that it has stopped";
}

TEST_F(SwarmServers, that_are_services_and_were_updated_go_on_as_the_newer_task) {
  view_.obituaries = ServiceView::Obituaries::lasting;
  SwarmTask next = task("b", 1);
  next.created_at = kNow - 10s;
  view_.tasks.push_back(next);
  EXPECT_THAT(servers(), SizeIs(2)) << "the older one serves until the newer runs";
  view_.tasks[1].node = "n2";
  for (const bool is_down : {false, true}) {
    view_.nodes["n1"].is_down = is_down;
    for (const TaskState state : {TaskState::running, TaskState::shutdown}) {
      ends(state, "", 1s);
      EXPECT_EQ(only().id, "b");
      EXPECT_EQ(only().failure, "");
    }
  }
}

TEST_F(SwarmServers, that_wait_too_long_for_a_node_have_failed) {
  first().state = TaskState::pending;
  first().node.clear();
  first().trouble = "no suitable node (insufficient resources on 1 node)";
  first().created_at = kNow - 59s;
  EXPECT_EQ(only().failure, "");
  first().created_at = kNow - 60s;
  EXPECT_EQ(only().failure, "no suitable node (insufficient resources on 1 node)");
  EXPECT_EQ(waiting_for_a_node(view_), &view_.tasks[0]);
}

TEST_F(SwarmServers, cannot_be_removed_while_an_update_would_lose_its_way) {
  for (const char* state : {"updating", "rollback_started", "paused", "rollback_paused"}) {
    view_.service.update_state = state;
    EXPECT_THAT(only().protection, HasSubstr("service app")) << state;
  }
  for (const char* state : {"", "completed", "rollback_completed"}) {
    view_.service.update_state = state;
    EXPECT_EQ(only().protection, "") << state;
  }
}

TEST_F(SwarmServers, of_a_group_nobody_configures_have_no_address) {
  const auto all = servers_of(view_, "gone", nullptr);
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].group, "gone");
  EXPECT_EQ(all[0].address, "");
}

}  // namespace
}  // namespace weir
