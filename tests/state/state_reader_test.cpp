#include "controller/state/state_reader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "controller/render/json.h"
#include "tests/state/turns.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using Durability = Store::Durability;

std::vector<std::int64_t> numbers(const Result<std::vector<KeptRecord>>& records) {
  std::vector<std::int64_t> all;
  for (const KeptRecord& record : records.value()) all.push_back(record.number);
  return all;
}

class StateReaderTest : public testing::Test {
 protected:
  void open(Retention retention = {}) {
    auto opened = open_store(path_, retention);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  void save(const Record& record) {
    ASSERT_TRUE(store_->save(record.group, memory_with(2), record, Durability::eventual));
    ASSERT_TRUE(store_->flush());
  }
  [[nodiscard]] const StateReader& reader() const { return store_->reader(); }

  TempDirectory directory_;
  std::filesystem::path path_ = directory_.path() / "state.db";
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(StateReaderTest, tells_turns_newest_first_with_changes_among_them) {
  open();
  for (int turn = 1; turn <= 6; ++turn) {
    save(turn == 2 || turn == 5 ? changing_turn("app", turn) : quiet_turn("app", turn));
    save(quiet_turn("web", turn));
  }
  EXPECT_EQ(numbers(reader().history("app", 100)), (std::vector<std::int64_t>{6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(numbers(reader().history("app", 2)), (std::vector<std::int64_t>{6, 5}));
  EXPECT_EQ(numbers(reader().history("app", 2, quiet_turn("app", 4).at)), (std::vector<std::int64_t>{3, 2}));
  EXPECT_EQ(numbers(reader().history("app", 100, {}, StateReader::Which::changes)), (std::vector<std::int64_t>{5, 2}));
  EXPECT_TRUE(reader().history("nobody", 100)->empty());
}

TEST_F(StateReaderTest, the_turn_in_which_a_deploy_ended_is_a_change_and_one_while_it_waits_is_none) {
  open();
  Record record = quiet_turn("app", 1);
  record.rollout = Rollout{.version = "v2", .from = "v1"};
  save(record);
  record = quiet_turn("app", 2);
  record.rollout = Rollout{.version = "v2", .from = "v1", .ended_at = record.at, .end = Rollout::End::done};
  save(record);
  EXPECT_EQ(numbers(reader().history("app", 100, {}, StateReader::Which::changes)), (std::vector<std::int64_t>{2}));
}

TEST_F(StateReaderTest, a_long_time_is_told_by_its_newest_turns_and_changes) {
  open();
  EXPECT_TRUE(reader().spread("app", TimePoint{}, 3)->empty());
  const std::set<int> changes = {3, 4, 8};
  for (int turn = 1; turn <= 12; ++turn) save(changes.contains(turn) ? changing_turn("app", turn) : quiet_turn("app", turn));
  const TimePoint begin = quiet_turn("app", 0).at;
  EXPECT_EQ(numbers(reader().spread("app", begin, 100)), (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  EXPECT_EQ(numbers(reader().spread("app", begin, 3)), (std::vector<std::int64_t>{2, 4, 7, 8, 12})) << "of 1-4, 5-8 and 9-12";
  EXPECT_EQ(numbers(reader().spread("app", quiet_turn("app", 10).at, 3)), (std::vector<std::int64_t>{11, 12}));
  EXPECT_TRUE(reader().spread("app", quiet_turn("app", 12).at, 3)->empty());
}

TEST_F(StateReaderTest, the_last_record_is_whole) {
  open();
  EXPECT_FALSE(reader().last("app").value());
  save(changing_turn("app", 1));
  EXPECT_TRUE((*reader().last("app"))->change);
  save(quiet_turn("app", 2));
  const std::optional<KeptRecord> last = reader().last("app").value();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->number, 2);
  EXPECT_FALSE(last->change);
  EXPECT_EQ(last->at, quiet_turn("app", 2).at);
  EXPECT_EQ(last->json, record_json(quiet_turn("app", 2)));
}

TEST_F(StateReaderTest, numbers_go_on_after_a_restart) {
  open();
  save(quiet_turn("app", 1));
  store_.reset();
  open();
  save(quiet_turn("app", 2));
  EXPECT_EQ(numbers(reader().history("app", 100)), (std::vector<std::int64_t>{2, 1}));
}

TEST_F(StateReaderTest, turns_without_change_go_first_changes_stay) {
  open({.turns_per_group = 10});
  save(changing_turn("app", 1));
  for (int turn = 2; turn <= 40; ++turn) save(quiet_turn("app", turn));
  const auto kept = numbers(reader().history("app", 100));
  EXPECT_EQ(kept.size(), 11U);
  EXPECT_EQ(kept.front(), 40);
  EXPECT_EQ(kept[9], 31);
  EXPECT_EQ(kept.back(), 1);
}

TEST_F(StateReaderTest, changes_of_a_restless_group_are_bounded_and_cost_others_nothing) {
  open({.changes_per_group = 20});
  save(changing_turn("calm", 1));
  for (int turn = 1; turn <= 300; ++turn) save(changing_turn("restless", turn));
  const auto kept = numbers(reader().history("restless", 1000));
  EXPECT_GE(kept.size(), 20U);
  EXPECT_LT(kept.size(), 20U + 64U);
  EXPECT_EQ(kept.front(), 300);
  EXPECT_EQ(numbers(reader().history("calm", 10)).size(), 1U);
}

TEST_F(StateReaderTest, the_bound_for_all_groups_together_holds) {
  open({.turns = 15, .changes = 15});
  for (int turn = 1; turn <= 10; ++turn) {
    for (const char* group : {"a", "b", "c"}) save(turn % 2 == 0 ? changing_turn(group, turn) : quiet_turn(group, turn));
  }
  std::size_t kept = 0;
  for (const char* group : {"a", "b", "c"}) kept += reader().history(group, 100)->size();
  EXPECT_LE(kept, 30U);
  EXPECT_GE(kept, 20U);
}

TEST_F(StateReaderTest, what_is_too_old_goes) {
  open({.age = std::chrono::days{1}});
  save(changing_turn("app", 1));
  save(quiet_turn("app", 2));
  for (int turn = 1; turn <= 40; ++turn) save(quiet_turn("app", 2 * 86'400 + turn));
  const auto kept = numbers(reader().history("app", 100));
  EXPECT_EQ(kept.size(), 40U);
  EXPECT_EQ(kept.back(), 3);
}

// A controller that was away for longer than turns are kept began to count rows anew, and a walk along them never ended.
TEST_F(StateReaderTest, turns_that_got_the_rows_of_old_ones_lead_to_no_younger_ones) {
  open({.age = std::chrono::days{1}});
  constexpr int kLater = 2 * 86'400;
  for (int turn = 1; turn <= 12; ++turn) save(quiet_turn("app", turn));
  store_.reset();
  open({.age = std::chrono::days{1}});
  save(changing_turn("app", kLater));
  for (int turn = 1; turn <= 20; ++turn) save(quiet_turn("app", kLater + turn));
  const auto kept = numbers(reader().history("app", 100));
  EXPECT_EQ(kept.size(), 21U);
  EXPECT_EQ(kept.front(), 33);
  EXPECT_EQ(kept.back(), 13);
  EXPECT_EQ(reader().spread("app", quiet_turn("app", kLater - 1).at, 1000)->size(), 21U);
}

TEST_F(StateReaderTest, reads_beside_a_running_controller_and_without_one) {
  const auto none = StateReader::open(path_);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::not_found);
  open();
  save(changing_turn("app", 1));
  const auto beside = StateReader::open(path_);
  ASSERT_TRUE(beside) << beside.error().message;
  save(changing_turn("app", 2));
  EXPECT_EQ((*beside)->last("app").value()->number, 2);
  store_.reset();
  const auto alone = StateReader::open(path_);
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_EQ((*alone)->last("app").value()->number, 2);
  EXPECT_EQ((*alone)->load("app"), memory_with(2));
}

// A reader that came while the first controller made the file took it for somebody else's database.
TEST_F(StateReaderTest, a_file_that_is_being_made_is_not_there_yet_or_whole) {
  for (int round = 0; round < 100; ++round) {
    std::filesystem::remove_all(directory_.path());
    std::filesystem::create_directories(directory_.path());
    std::jthread maker([this] { open(); });
    for (bool there = false; !there;) {
      const auto opened = StateReader::open(path_);
      there = opened.has_value();
      ASSERT_TRUE(there || opened.error().kind == ErrorKind::not_found) << opened.error().message;
    }
    maker.join();
    store_.reset();
  }
}

TEST_F(StateReaderTest, every_read_is_of_one_instant_while_turns_are_written) {
  open();
  std::atomic<int> wrong = 0;
  std::jthread thread([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto records = reader().history("app", 6);
      if (!records) ++wrong;
      for (std::size_t index = 1; records && index < records->size(); ++index) {
        if ((*records)[index - 1].number != (*records)[index].number + 1) ++wrong;
      }
    }
  });
  for (int turn = 1; turn <= 300; ++turn) save(turn % 2 == 0 ? changing_turn("app", turn) : quiet_turn("app", turn));
  thread.request_stop();
  thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace weir
