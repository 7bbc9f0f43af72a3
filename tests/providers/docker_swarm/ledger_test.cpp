#include "providers/docker_swarm/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

SwarmTask task(const std::string& id, int slot, int age, TaskState state = TaskState::running) {
  SwarmTask made;
  made.id = id;
  made.slot = slot;
  made.node = "n1";
  made.state = state;
  made.created_at = SwarmTime(1000s - std::chrono::seconds(age));
  return made;
}

SwarmTask ended(SwarmTask task) {
  task.state = TaskState::failed;
  task.desired = TaskState::shutdown;
  return task;
}

const SwarmNodes kUp = {{"n1", {.id = "n1", .name = "one", .address = "10.0.0.1"}}};
const SwarmNodes kDown = {{"n1", {.id = "n1", .name = "one", .address = "10.0.0.1", .is_down = true}}};

TEST(SwarmLedger, is_written_and_read_again) {
  const Ledger ledger{.places = {{1, "a", "t1"}, {2, "b", ""}}, .waiting = {"t2"}, .leaving = {"a"}};
  EXPECT_EQ(read_ledger(write_ledger(ledger)), ledger);
}

TEST(SwarmLedger, one_that_somebody_spoilt_is_empty) {
  for (const char* text : {"", "{}", "[]", "{\"places\": 7}", "{\"places\": [[1]], \"waiting\": [], \"leaving\": []}", "{"}) {
    EXPECT_EQ(read_ledger(text), Ledger{}) << text;
  }
}

TEST(SwarmLedger, the_oldest_waiting_token_goes_to_the_oldest_task_nobody_has_claimed) {
  const Ledger ledger{.places = {{1, "a", "t1"}}, .waiting = {"t2", "t3"}, .leaving = {}};
  const Placement now = place(ledger, {task("c", 3, 1), task("a", 1, 9), task("b", 2, 2)}, kUp, 3);
  EXPECT_THAT(now.tokens, ElementsAre(Pair("a", "t1"), Pair("b", "t2"), Pair("c", "t3")));
  EXPECT_THAT(now.ledger.waiting, IsEmpty());
  EXPECT_EQ(now.to_come, 0);
}

TEST(SwarmLedger, tasks_that_nobody_launched_have_no_token) {
  const Placement now = place({}, {task("a", 1, 2), task("b", 2, 1)}, kUp, 2);
  EXPECT_THAT(now.tokens, ElementsAre(Pair("a", ""), Pair("b", "")));
}

TEST(SwarmLedger, what_replaces_a_task_inherits_its_token) {
  const Ledger ledger{.places = {{1, "a", "t1"}}, .waiting = {}, .leaving = {}};
  const Placement now = place(ledger, {ended(task("a", 1, 9)), task("b", 1, 1)}, kUp, 1);
  EXPECT_THAT(now.tokens, ElementsAre(Pair("a", "t1"), Pair("b", "t1")));
  EXPECT_THAT(now.ledger.places, ElementsAre(Ledger::Place{1, "b", "t1"}));
}

TEST(SwarmLedger, new_replicas_get_a_waiting_token_before_replacements_do) {
  const Ledger ledger{.places = {{1, "a", "t1"}}, .waiting = {"t2"}, .leaving = {}};
  const Placement now = place(ledger, {ended(task("a", 1, 9)), task("b", 1, 5), task("c", 2, 1)}, kUp, 2);
  EXPECT_THAT(now.tokens, ElementsAre(Pair("a", "t1"), Pair("b", "t1"), Pair("c", "t2")));
}

TEST(SwarmLedger, while_an_update_starts_the_new_task_first_it_is_no_answer_to_a_launch) {
  const Ledger ledger{.places = {{1, "a", "t1"}}, .waiting = {"t2"}, .leaving = {}};
  const Placement now = place(ledger, {task("a", 1, 9), task("b", 1, 1)}, kUp, 2);
  EXPECT_THAT(now.tokens, ElementsAre(Pair("a", "t1"), Pair("b", "t1")));
  EXPECT_THAT(now.ledger.waiting, ElementsAre("t2"));
  EXPECT_EQ(now.to_come, 1);
}

TEST(SwarmLedger, the_place_of_a_task_whose_node_is_down_is_vacant) {
  const Ledger ledger{.places = {{1, "a", "t1"}}, .waiting = {}, .leaving = {}};
  const Placement now = place(ledger, {task("a", 1, 9)}, kDown, 1);
  EXPECT_THAT(now.vacant, ElementsAre(1));
  EXPECT_EQ(now.to_come, 1);
  EXPECT_THAT(now.ledger.places, ElementsAre(Ledger::Place{1, "a", "t1"})) << "what it was stays known";
}

TEST(SwarmLedger, a_launched_task_whose_node_went_down_before_it_was_written_down_keeps_its_token) {
  const Ledger ledger{.places = {}, .waiting = {"t1"}, .leaving = {}};
  const Placement now = place(ledger, {task("a", 1, 9)}, kDown, 1);
  EXPECT_THAT(now.tokens, ElementsAre(Pair("a", "t1")));
  EXPECT_THAT(now.ledger.places, ElementsAre(Ledger::Place{1, "a", "t1"}));
  EXPECT_THAT(now.ledger.waiting, IsEmpty());
  EXPECT_EQ(now.to_come, 1);
}

TEST(SwarmLedger, a_token_that_waits_for_more_than_will_come_waits_in_vain) {
  const Ledger ledger{.places = {{1, "a", "t1"}}, .waiting = {"t2"}, .leaving = {}};
  EXPECT_THAT(place(ledger, {task("a", 1, 9)}, kUp, 1).ledger.waiting, IsEmpty());
  EXPECT_THAT(place(ledger, {task("a", 1, 9)}, kUp, 2).ledger.waiting, ElementsAre("t2"));
}

TEST(SwarmLedger, who_is_to_leave_is_remembered_until_swarm_has_picked) {
  const Ledger ledger{.places = {{1, "a", ""}, {2, "b", ""}}, .waiting = {}, .leaving = {"b"}};
  const Placement asked = place(ledger, {task("a", 1, 9), task("b", 2, 9)}, kUp, 1);
  EXPECT_EQ(asked.to_go, 1);
  EXPECT_THAT(asked.ledger.leaving, ElementsAre("b"));
  SwarmTask gone = task("a", 1, 9);
  gone.desired = TaskState::remove;
  const Placement picked = place(ledger, {gone, task("b", 2, 9)}, kUp, 1);
  EXPECT_EQ(picked.to_go, 0);
  EXPECT_THAT(picked.ledger.leaving, IsEmpty());
  EXPECT_THAT(picked.ledger.places, ElementsAre(Ledger::Place{2, "b", ""}));
}

}  // namespace
}  // namespace weir
