// What a real Engine answered, read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "platform/file.h"
#include "providers/docker_swarm/swarm.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

Json recorded(const std::string& name) {
  const auto text = read_file(std::filesystem::path(WEIR_SOURCE_DIR) / "tests/data/docker" / (name + ".json"));
  EXPECT_TRUE(text) << name;
  return Json::parse(text.value_or("{}"))["response"]["json"];
}

std::vector<SwarmTask> recorded_tasks(const std::string& name) {
  const auto tasks = read_tasks(recorded(name).dump());
  EXPECT_TRUE(tasks) << (tasks ? "" : tasks.error().message);
  return tasks.value_or(std::vector<SwarmTask>{});
}

TEST(SwarmAnswers, a_service_is_read_with_its_version_its_count_and_its_whole_spec) {
  const Json json = recorded("service_inspect");
  const auto service = read_service(json.dump());
  ASSERT_TRUE(service) << service.error().message;
  EXPECT_EQ(service->id, json["ID"]);
  EXPECT_EQ(service->name, "web");
  EXPECT_EQ(service->version, json["Version"]["Index"]);
  EXPECT_EQ(service->mode, "replicated");
  EXPECT_EQ(service->replicas, 2);
  EXPECT_EQ(service->update_state, "");
  EXPECT_EQ(Json::parse(service->spec), json["Spec"]);
}

TEST(SwarmAnswers, the_state_of_an_update_is_read) {
  const auto service = read_service(recorded("service_inspect_after_roll").dump());
  ASSERT_TRUE(service);
  EXPECT_EQ(service->update_state, "completed");
  EXPECT_FALSE(service->rolls_back_by_itself);
}

TEST(SwarmAnswers, a_list_of_services_is_read_whole_or_not_at_all) {
  Json list = recorded("services_list_status");
  ASSERT_TRUE(read_services(list.dump()));
  EXPECT_THAT(*read_services(list.dump()), SizeIs(list.size()));
  list.push_back(list[0]);
  list[1].erase("ID");
  const auto broken = read_services(list.dump());
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(broken.error().message, HasSubstr("something without ID"));
}

TEST(SwarmAnswers, a_count_that_another_client_left_out_is_one) {
  Json json = recorded("service_inspect");
  json["Spec"]["Mode"]["Replicated"]["Replicas"] = nullptr;
  EXPECT_EQ(read_service(json.dump())->replicas, 1);
  json["Spec"]["Mode"]["Replicated"] = Json::object();
  EXPECT_EQ(read_service(json.dump())->replicas, 1);
  json["Spec"]["Mode"]["Replicated"]["Replicas"] = 0;
  EXPECT_EQ(read_service(json.dump())->replicas, 0) << "nought is a count";
}

TEST(SwarmAnswers, other_modes_are_told_by_name) {
  Json json = recorded("service_inspect");
  json["Spec"]["Mode"] = {{"Global", Json::object()}};
  EXPECT_EQ(read_service(json.dump())->mode, "global");
}

TEST(SwarmAnswers, tasks_that_run_have_a_slot_and_a_node) {
  const auto tasks = recorded_tasks("tasks_of_service");
  ASSERT_THAT(tasks, SizeIs(2));
  for (const SwarmTask& task : tasks) {
    EXPECT_EQ(task.state, TaskState::running);
    EXPECT_TRUE(is_wanted(task));
    EXPECT_TRUE(has_not_ended(task));
    EXPECT_FALSE(task.node.empty());
    EXPECT_GT(task.slot, 0);
    ASSERT_THAT(task.attachments, SizeIs(1));
    EXPECT_EQ(task.attachments[0].network, "host");
    EXPECT_EQ(task.attachments[0].address, "");
  }
  EXPECT_NE(tasks[0].created_at, tasks[1].created_at) << "they are microseconds apart";
}

TEST(SwarmAnswers, tasks_that_ended_are_history_with_a_reason) {
  for (const SwarmTask& task : recorded_tasks("tasks_bad")) {
    EXPECT_EQ(task.state, TaskState::failed);
    EXPECT_FALSE(is_wanted(task));
    EXPECT_EQ(task.trouble, "task: non-zero exit (3)");
  }
  for (const SwarmTask& task : recorded_tasks("tasks_noimg")) EXPECT_EQ(task.trouble, "No such image: sample/missing:9");
  for (const SwarmTask& task : recorded_tasks("tasks_after_zero")) {
    EXPECT_EQ(task.desired, TaskState::remove);
    EXPECT_FALSE(has_not_ended(task));
  }
}

/// The fuzzer's 1013 overflowed the nanoseconds of a time.
TEST(SwarmAnswers, a_time_of_a_year_that_no_swarm_has_seen_is_no_time) {
  Json tasks = recorded("tasks_of_service");
  for (const char* distant :
       {"1013-11-21T06:04:05.556472092Z", "0001-01-01T00:00:00Z", "2262-11-21T06:04:05.5Z", "9999-12-31T23:59:59Z"}) {
    tasks[0]["CreatedAt"] = distant;
    const auto read = read_tasks(tasks.dump());
    ASSERT_FALSE(read) << distant;
    EXPECT_THAT(read.error().message, HasSubstr(distant));
  }
}

TEST(SwarmAnswers, tasks_no_node_can_take_wait_without_one) {
  for (const SwarmTask& task : recorded_tasks("tasks_pend")) {
    EXPECT_EQ(task.state, TaskState::pending);
    EXPECT_TRUE(is_wanted(task));
    EXPECT_EQ(task.node, "");
    EXPECT_THAT(task.trouble, HasSubstr("no suitable node"));
  }
}

TEST(SwarmAnswers, after_a_drain_each_slot_has_one_task_that_is_wanted) {
  std::vector<int> slots;
  for (const SwarmTask& task : recorded_tasks("tasks_web_after_drain")) {
    if (is_wanted(task)) slots.push_back(task.slot);
  }
  EXPECT_THAT(slots, testing::UnorderedElementsAre(1, 2));
}

TEST(SwarmAnswers, addresses_and_ports_of_a_task_are_read) {
  Json json = recorded("tasks_of_service");
  json[0]["NetworksAttachments"] = {{{"Network", {{"ID", "n1"}, {"Spec", {{"Name", "front"}}}}}, {"Addresses", {"10.0.1.7/24"}}}};
  json[0]["Status"]["PortStatus"]["Ports"] = {
      {{"Protocol", "udp"}, {"TargetPort", 8080}, {"PublishedPort", 30000}, {"PublishMode", "host"}},
      {{"Protocol", "tcp"}, {"TargetPort", 8080}, {"PublishedPort", 80}, {"PublishMode", "ingress"}},
      {{"Protocol", "tcp"}, {"TargetPort", 8080}, {"PublishedPort", 32768}, {"PublishMode", "host"}}};
  const auto tasks = read_tasks(json.dump());
  ASSERT_TRUE(tasks) << tasks.error().message;
  ASSERT_THAT((*tasks)[0].attachments, SizeIs(1));
  EXPECT_EQ((*tasks)[0].attachments[0].address, "10.0.1.7");
  EXPECT_EQ((*tasks)[0].attachments[0].network_id, "n1");
  ASSERT_THAT((*tasks)[0].host_ports, SizeIs(1));
  EXPECT_EQ((*tasks)[0].host_ports[0].published, 32768);
}

TEST(SwarmAnswers, a_state_nobody_knows_makes_the_whole_list_unusable) {
  Json json = recorded("tasks_of_service");
  json[0]["Status"]["State"] = "hibernating";
  const auto tasks = read_tasks(json.dump());
  ASSERT_FALSE(tasks);
  EXPECT_THAT(tasks.error().message, HasSubstr("a task state 'hibernating'"));
}

TEST(SwarmAnswers, what_is_not_as_it_should_be_is_unavailable_and_no_crash) {
  for (const char* text : {"", "null", "{}", "[1]", "[{}]", "<html>", "[{\"ID\": 7}]", "[{\"ID\": \"a\"}", "{\"ID\": \"a\"}"}) {
    EXPECT_FALSE(read_services(text)) << text;
    EXPECT_FALSE(read_service(text)) << text;
    EXPECT_FALSE(read_tasks(text)) << text;
  }
  EXPECT_FALSE(read_nodes("[{}]"));
  EXPECT_EQ(read_message("<html>"), "");
  EXPECT_EQ(read_message(R"({"message": 7})"), "");
}

TEST(SwarmAnswers, times_that_are_none_are_refused) {
  const Json good = recorded("tasks_of_service");
  for (const char* text : {"", "yesterday", "2026-13-01T00:00:00Z", "2026-11-21T06:04:05", "2026-11-21T06:04:05.Z",
                           "2026-11-21T06:04:05.0123456789Z"}) {
    Json json = good;
    json[0]["CreatedAt"] = text;
    EXPECT_FALSE(read_tasks(json.dump())) << text;
  }
  Json json = good;
  json[0]["CreatedAt"] = "1970-01-01T00:00:01.5Z";
  EXPECT_EQ((*read_tasks(json.dump()))[0].created_at, SwarmTime(1500ms));
}

TEST(SwarmAnswers, a_node_is_reached_where_its_peers_reach_it) {
  Json json = recorded("nodes");
  EXPECT_EQ((*read_nodes(json.dump()))[0].address, "127.0.0.1");
  EXPECT_EQ((*read_nodes(json.dump()))[0].name, "vm");
  EXPECT_FALSE((*read_nodes(json.dump()))[0].is_down);
  json[0]["Status"] = {{"State", "down"}, {"Addr", "0.0.0.0"}};
  json[0]["ManagerStatus"]["Addr"] = "[fd00::1]:2377";
  EXPECT_EQ((*read_nodes(json.dump()))[0].address, "fd00::1");
  EXPECT_TRUE((*read_nodes(json.dump()))[0].is_down);
}

TEST(SwarmAnswers, a_changed_spec_differs_in_its_count_and_the_labels_and_in_nothing_else) {
  Json spec = recorded("service_inspect_after_roll")["Spec"];
  spec["SomethingOfTheFuture"] = {{"Nested", {1, 2.5, nullptr}}};
  spec["RollbackConfig"] = {{"Parallelism", 3}, {"Order", "stop-first"}};
  const Json changed = Json::parse(changed_spec(spec.dump(), 7, {{"weir.group", "app"}}));
  spec["Mode"]["Replicated"]["Replicas"] = 7;
  spec["Labels"]["weir.group"] = "app";
  EXPECT_EQ(changed, spec);
}

TEST(SwarmAnswers, the_version_of_a_task_is_the_tag_of_its_image) {
  const std::pair<const char*, const char*> cases[] = {{"app:v1", "v1"},
                                                       {"app", "latest"},
                                                       {"registry:5000/shop/app", "latest"},
                                                       {"registry:5000/shop/app:v2@sha256:0ab1", "v2"},
                                                       {"app@sha256:0ab1", "sha256:0ab1"}};
  for (const auto& [image, version] : cases) EXPECT_EQ(version_of_image(image), version) << image;
}

}  // namespace
}  // namespace weir
