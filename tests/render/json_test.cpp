#include "controller/render/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/render/examples.h"

namespace weir {
namespace {

using nlohmann::json;

std::vector<std::string> keys(const json& object) {
  std::vector<std::string> names;
  for (const auto& item : object.items()) names.push_back(item.key());
  return names;
}

TEST(MemoryJson, comes_back_whole) {
  for (const Memory& memory : {full_memory(), Memory{}}) {
    const Result<Memory> read = parse_memory(memory_json(memory));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, memory);
  }
}

TEST(MemoryJson, stays_readable_when_a_foreign_message_is_not_utf_8) {
  Memory memory = full_memory();
  memory.launches[0].last_error = "bad \xff byte";
  const Result<Memory> read = parse_memory(memory_json(memory));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->launches[0].last_error, "bad \xEF\xBF\xBD byte");
}

TEST(MemoryJson, passes_over_fields_it_does_not_know) {
  json document = json::parse(memory_json(full_memory()));
  document["weather"] = {{"strategy", "rolling"}};
  document["rollout"]["mood"] = "strict";
  document["servers"][0]["colour"] = "blue";
  const Result<Memory> read = parse_memory(document.dump());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, full_memory());
}

TEST(MemoryJson, of_a_version_that_knew_no_deploys_is_read) {
  const Result<Memory> read = parse_memory(
      R"({"format":1,"next_token":7,"version":"v1","servers":[{"id":"a","launched_at":"2026-03-01T09:30:00Z","seen_at":"2026-03-01T09:30:00Z"}]})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(read->rollout);
  ASSERT_EQ(read->servers.size(), 1U);
  EXPECT_FALSE(read->servers[0].ready_at);
  EXPECT_EQ(memory_json(*read).find("rollout"), std::string::npos) << "and nothing is written of what there is not";
}

TEST(MemoryJson, a_deploy_that_says_little_comes_back_as_it_was) {
  Memory memory;
  for (const Strategy strategy : {Strategy::rolling, Strategy::blue_green, Strategy::canary}) {
    memory.rollout = Rollout{.version = "v2", .from = "v1", .strategy = strategy, .started_at = full_record().at};
    const Result<Memory> read = parse_memory(memory_json(memory));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, memory);
  }
  const Result<Memory> sparse = parse_memory(R"({"format":1,"rollout":{"version":"v2"}})");
  ASSERT_TRUE(sparse) << sparse.error().message;
  EXPECT_EQ(sparse->rollout, Rollout{.version = "v2"});
}

TEST(MemoryJson, says_what_is_wrong_with_a_damaged_text) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "the remembered state is not valid JSON"},
      {"{\"format\":1", "the remembered state is not valid JSON"},
      {"[]", "the remembered state is damaged: the whole: expected an object"},
      {"{}", "the remembered state has format 0"},
      {R"({"format":2})", "the remembered state has format 2, this weir knows 1 only"},
      {R"({"format":1,"desired":"three"})", "desired: expected a whole number"},
      {R"({"format":1,"desired":99999999999})", "desired: expected a smaller number"},
      {R"({"format":1,"next_token":-1})", "next_token: expected a whole number, not negative"},
      {R"({"format":1,"turned_at":"yesterday"})", "turned_at: expected a time"},
      {R"({"format":1,"servers":{}})", "servers: expected a list"},
      {R"({"format":1,"servers":[{"id":"a"},{"id":1}]})", "servers[1].id: expected a text"},
      {R"({"format":1,"servers":[7]})", "servers[0]: expected an object"},
      {R"({"format":1,"rollout":7})", "rollout: expected an object"},
      {R"({"format":1,"rollout":{"strategy":"whim"}})", "rollout.strategy: expected one of the known names"},
      {R"({"format":1,"rollout":{"replaced":["v1",2]}})", "rollout.replaced: expected a list of texts"},
      {R"({"format":1,"servers":[{"drain_cause":"whim"}]})", "servers[0].drain_cause: expected one of the known names"},
  };
  for (const auto& [text, message] : cases) {
    const Result<Memory> read = parse_memory(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().kind, ErrorKind::invalid);
    EXPECT_NE(read.error().message.find(message), std::string::npos) << read.error().message;
  }
}

TEST(MemoryJson, no_cut_or_changed_byte_crashes_the_reader) {
  const std::string text = memory_json(full_memory());
  for (std::size_t index = 0; index < text.size(); ++index) {
    EXPECT_FALSE(parse_memory(text.substr(0, index)));
    std::string changed = text;
    changed[index] = '9';
    (void)parse_memory(changed);
  }
}

TEST(RecordJson, comes_back_whole) {
  const std::string text = record_json(full_record());
  const Result<StoredRecord> read = parse_record(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->record.servers, full_record().servers);
  EXPECT_EQ(read->record.plan.decision.votes[0].type, "threshold");
  EXPECT_EQ(record_json(read->record), text);
}

TEST(RecordJson, a_copy_outlives_what_it_was_copied_from) {
  StoredRecord copy;
  {
    const Result<StoredRecord> read = parse_record(record_json(full_record()));
    ASSERT_TRUE(read);
    copy = *read;
  }
  EXPECT_EQ(copy.record.plan.decision.steps[1].stage, "min_max");
}

TEST(PlansJson, has_the_fields_users_script_against) {
  const GroupPlan plans[] = {full_plan()};
  const json document = json::parse(plans_json(plans));
  const json& group = document.at("groups").at(0);
  EXPECT_EQ(group.at("group"), "app");
  EXPECT_EQ(group.at("provider"), "icn");
  EXPECT_EQ(group.at("current"), 2);
  EXPECT_EQ(group.at("desired"), 4);
  EXPECT_EQ(group.at("votes").at(0),
            json::parse(R"({"policy":"cpu-high","type":"threshold","stance":"wants","desired":4,"value":81.25,
      "scales_in":false,"why":"cpu 81.25 is above 70 for 5m: +2"})"));
  EXPECT_TRUE(group.at("votes").at(1).at("desired").is_null());
  EXPECT_TRUE(group.at("votes").at(2).at("value").is_null());
  EXPECT_EQ(group.at("votes").at(2).at("stance"), "abstains");
  EXPECT_EQ(group.at("steps").at(0), json::parse(R"({"stage":"votes","from":2,"to":4,"why":"cpu-high wants 4"})"));
  EXPECT_EQ(group.at("actions").at(0),
            json::parse(R"({"kind":"launch","server":"app-a1b2c3-7","version":"v1","why":"desired 4, have 2"})"));
  EXPECT_EQ(keys(group.at("balancers").at(0)), (std::vector<std::string>{"diff", "name"}));
  EXPECT_EQ(group.at("cost"), json::parse(R"({"per_hour_before":0.03,"per_hour_after":0.06,"currency":"USD"})"));
}

TEST(PlansJson, an_unknown_price_is_null_and_an_empty_plan_has_all_its_lists) {
  const GroupPlan plans[] = {GroupPlan{}};
  const json group = json::parse(plans_json(plans)).at("groups").at(0);
  EXPECT_EQ(group.at("cost"), json::parse(R"({"per_hour_before":null,"per_hour_after":null,"currency":null})"));
  for (const char* list : {"votes", "steps", "actions", "balancers", "servers"}) EXPECT_EQ(group.at(list), json::array()) << list;
}

TEST(PlansJson, comes_back_whole) {
  const GroupPlan plans[] = {full_plan(), GroupPlan{}};
  const std::string text = plans_json(plans);
  const Result<StoredPlans> read = parse_plans(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(plans_json(read->plans), text);
  EXPECT_FALSE(parse_plans("{}"));
  EXPECT_FALSE(parse_plans(R"({"format":1,"groups":[{"cost":3}]})"));
}

TEST(RecordJson, keeps_orders) {
  const TimePoint at = full_record().at;
  Record record = full_record();
  record.orders = {
      {.kind = Order::Kind::scale, .servers = 4, .until = at, .at = at, .by = "ops", .token = "ann", .from = "10.0.0.9"},
      {.kind = Order::Kind::pause, .out = false, .in = true, .at = at},
      {.kind = Order::Kind::resume, .at = at, .by = "a\"b"},
      {.kind = Order::Kind::deploy, .version = "v2", .strategy = Strategy::canary, .at = at, .by = "ops"},
      {.kind = Order::Kind::deploy, .version = "v3", .at = at},
      {.kind = Order::Kind::promote, .at = at},
      {.kind = Order::Kind::abort, .at = at}};
  const Result<StoredRecord> read = parse_record(record_json(record));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->record.orders, record.orders);
  EXPECT_FALSE(json::parse(record_json(full_record())).contains("orders"));
}

TEST(RecordJson, keeps_the_deploy) {
  Record record = full_record();
  EXPECT_FALSE(json::parse(record_json(record)).contains("deploy"));
  record.rollout = full_rollout();
  const Result<StoredRecord> read = parse_record(record_json(record));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->record.rollout, full_rollout());
}

TEST(PlansJson, keeps_the_deploy) {
  GroupPlan plan = full_plan();
  EXPECT_FALSE(json::parse(plans_json({&plan, 1})).at("groups").at(0).contains("deploy"));
  plan.rollout = full_rollout();
  const Result<StoredPlans> read = parse_plans(plans_json({&plan, 1}));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->plans[0].rollout, full_rollout());
}

TEST(StatusJson, shows_the_deploy_under_way_and_the_last_one) {
  GroupStatus status;
  EXPECT_FALSE(json::parse(status_json(status)).contains("deploy"));
  status.rollout = full_rollout();
  const json deploy = json::parse(status_json(status)).at("deploy");
  EXPECT_EQ(deploy, json::parse(R"({"version": "v3", "from": "v1", "replaced": ["v2", "v2.1"], "strategy": "canary", "by": "ops",
      "started_at": "2026-03-01T09:28:00.250Z", "direction": "back", "why_back": "aborted by ops", "step": 2,
      "passed": 10, "reached_at": "2026-03-01T09:29:48.250Z", "share": 0.25, "replaced_share": 0.1,
      "blocked_at": "2026-03-01T09:29:46.250Z", "promoted": true,
      "trusted_at": "2026-03-01T09:29:47.250Z", "progressed_at": "2026-03-01T09:29:48.250Z", "moved": 3,
      "failures": 1, "last_failure": "v3-2: exited with status 1",
      "judge": {"judged_at": "2026-03-01T09:29:57.250Z", "inconclusive_since": "2026-03-01T09:29:51.250Z", "bad": 1,
                "why": "errors: 0.05 is not below 0.01"},
      "hooks": [{"point": "after_new_healthy", "token": "after_new_healthy-7", "about": 2, "started_at": "2026-03-01T09:29:30.250Z",
                 "ended_at": "2026-03-01T09:29:40.250Z", "failed": true, "asks_to_wait": true, "said": "smoke test: 500"}],
      "ended_at": "2026-03-01T09:30:00.250Z", "end": "went_back", "waits": "i-7 drains", "at_checkpoint": true})"));
  status.rollout = Rollout{.version = "v2", .from = "v1"};
  for (const char* always :
       {"version", "from", "strategy", "by", "started_at", "direction", "step", "progressed_at", "failures", "end"})
    EXPECT_TRUE(json::parse(status_json(status)).at("deploy").contains(always)) << always;
}

TEST(StatusJson, shows_what_an_operator_has_ordered) {
  GroupStatus status;
  EXPECT_FALSE(json::parse(status_json(status)).contains("hold"));
  EXPECT_FALSE(json::parse(status_json(status)).contains("pause"));
  status.manual.hold = Manual::Hold{3, full_record().at, "ops"};
  status.manual.pause = Manual::Pause{true, false, {}, ""};
  const json group = json::parse(status_json(status));
  EXPECT_EQ(group.at("paused"), true);
  EXPECT_EQ(group.at("pause"), json::parse(R"({"out": true, "in": false})"));
  EXPECT_EQ(group.at("hold"), json::parse(R"({"servers": 3, "until": "2026-03-01T09:30:00.250Z", "by": "ops"})"));
}

TEST(StatusJson, shows_a_group_with_its_servers) {
  GroupStatus status;
  status.name = "app";
  status.min = 2;
  status.max = 10;
  status.desired = 4;
  status.servers = full_record().servers;
  status.last_turn = full_record().at;
  status.why = "cpu-high wants 4";
  const json group = json::parse(status_json(status));
  EXPECT_EQ(group.at("in_service"), 1);
  EXPECT_EQ(group.at("paused"), false);
  EXPECT_EQ(group.at("last_turn"), "2026-03-01T09:30:00.250Z");
  const json& server = group.at("servers").at(0);
  EXPECT_EQ(server.at("id"), "i-1");
  EXPECT_EQ(server.at("phase"), "draining");
  EXPECT_EQ(server.at("health"), "unhealthy");
  EXPECT_EQ(server.at("connections"), 17);
  EXPECT_TRUE(group.at("servers").at(1).at("connections").is_null());
  const std::shared_ptr<const GroupStatus> statuses[] = {std::make_shared<GroupStatus>(status), std::make_shared<GroupStatus>()};
  EXPECT_EQ(json::parse(statuses_json(statuses)).at("groups").size(), 2U);
}

}  // namespace
}  // namespace weir
