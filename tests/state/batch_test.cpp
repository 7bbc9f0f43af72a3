#include "controller/state/batch.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

WaitingRecord eventual(const std::string& json) { return {.json = json}; }
WaitingRecord durable(const std::string& json) { return {.durable = true, .json = json}; }

std::vector<std::string> records(const WaitingGroup& group) {
  std::vector<std::string> all;
  for (const WaitingRecord& record : group.records) all.push_back(record.json);
  return all;
}

TEST(Batch, the_newest_memory_wins_and_every_record_stays) {
  Batch batch;
  batch.add("app", "m1", eventual("r1"));
  batch.add("app", "m2", eventual("r2"));
  EXPECT_EQ(batch.groups["app"].memory, "m2");
  EXPECT_EQ(records(batch.groups["app"]), (std::vector<std::string>{"r1", "r2"}));
  EXPECT_EQ(batch.bytes, 8U);
}

TEST(Batch, of_a_failed_batch_only_the_eventual_saves_come_back) {
  Batch failed;
  failed.add("app", "m1", eventual("r1"));
  failed.add("app", "m2", durable("r2"));
  failed.add("only-durable", "m3", durable("r3"));
  Batch next;
  next.take_back(failed, 10);
  EXPECT_EQ(next.groups.size(), 1U);
  EXPECT_EQ(next.groups["app"].memory, "m1");
  EXPECT_EQ(records(next.groups["app"]), (std::vector<std::string>{"r1"}));
  EXPECT_EQ(next.bytes, 4U);
}

TEST(Batch, what_came_later_is_newer_than_what_comes_back) {
  Batch failed;
  failed.add("eventual", "old", eventual("r1"));
  failed.add("durable", "old", eventual("r1"));
  Batch next;
  next.add("eventual", "new", eventual("r2"));
  next.add("durable", "new", durable("r2"));
  next.take_back(failed, 10);
  EXPECT_EQ(next.groups["eventual"].memory, "new");
  EXPECT_EQ(records(next.groups["eventual"]), (std::vector<std::string>{"r1", "r2"}));
  EXPECT_EQ(next.groups["durable"].memory, "new");
  Batch after;
  after.take_back(next, 10);
  EXPECT_EQ(after.groups["durable"].memory, "old") << "the durable save failed too, the eventual one before it is still owed";
}

TEST(Batch, a_disk_that_fails_for_long_costs_bounded_memory) {
  Batch waiting;
  for (int turn = 0; turn < 100; ++turn) {
    Batch failed = std::exchange(waiting, Batch{});
    failed.add("app", "m" + std::to_string(turn), eventual("r" + std::to_string(turn)));
    waiting.take_back(failed, 2);
  }
  EXPECT_EQ(waiting.groups["app"].memory, "m99");
  EXPECT_EQ(records(waiting.groups["app"]), (std::vector<std::string>{"r98", "r99"}));
}

}  // namespace
}  // namespace weir
