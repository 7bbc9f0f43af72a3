#include "controller/state/sqlite_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "controller/render/json.h"
#include "tests/state/turns.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Durability = Store::Durability;

void run_sql(const std::filesystem::path& path, const char* sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
  ASSERT_EQ(sqlite3_close(database), SQLITE_OK);
}

void write_file(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

std::string complaint(const Result<std::unique_ptr<SqliteStore>>& store) { return store ? "" : store.error().message; }

class SqliteStoreTest : public testing::Test {
 protected:
  TempDirectory directory_;
  std::filesystem::path path_ = directory_.path() / "lib" / "state.db";
};

TEST_F(SqliteStoreTest, makes_its_directory_and_a_file_for_its_owner_only) {
  const auto store = open_store(path_);
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_TRUE((*store)->save("app", memory_with(2), quiet_turn("app", 1), Durability::durable));
  for (const auto& entry : std::filesystem::directory_iterator(path_.parent_path())) {
    EXPECT_EQ(entry.status().permissions(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
        << entry.path();
  }
}

TEST_F(SqliteStoreTest, what_root_makes_in_a_services_folder_is_the_services) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files to others";
  constexpr uid_t kService = 12345;
  std::filesystem::create_directory(path_.parent_path());
  ASSERT_EQ(::chown(path_.parent_path().c_str(), kService, kService), 0);
  const auto store = open_store(path_);
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_TRUE((*store)->save("app", memory_with(2), quiet_turn("app", 1), Durability::durable));
  for (const auto& entry : std::filesystem::directory_iterator(path_.parent_path())) {
    struct stat file{};
    ASSERT_EQ(::stat(entry.path().c_str(), &file), 0);
    EXPECT_EQ(file.st_uid, kService) << entry.path();
    EXPECT_EQ(file.st_gid, kService) << entry.path();
  }
}

TEST_F(SqliteStoreTest, gives_every_new_group_a_nonce_of_its_own) {
  const auto store = open_store(path_);
  ASSERT_TRUE(store);
  std::set<std::string> nonces;
  for (int group = 0; group < 20; ++group) {
    const Result<Memory> memory = (*store)->load(std::to_string(group));
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->nonce.size(), 6U);
    EXPECT_EQ(memory->nonce.find_first_not_of("0123456789abcdef"), std::string::npos);
    nonces.insert(memory->nonce);
  }
  EXPECT_GT(nonces.size(), 18U);
}

TEST_F(SqliteStoreTest, remembers_across_a_restart) {
  {
    const auto store = open_store(path_);
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->save("app", memory_with(5), changing_turn("app", 1), Durability::durable));
    ASSERT_TRUE((*store)->save("web", memory_with(7), quiet_turn("web", 1), Durability::eventual));
  }
  const auto store = open_store(path_);
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->load("app"), memory_with(5));
  EXPECT_EQ((*store)->load("web"), memory_with(7)) << "closing writes what was waiting";
}

TEST_F(SqliteStoreTest, loads_what_was_saved_even_before_it_is_on_disk) {
  SqliteStore::Options options;
  options.path = path_;
  options.eventual_delay = 1h;
  const auto store = SqliteStore::open(options);
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->save("app", memory_with(5), quiet_turn("app", 1), Durability::eventual));
  EXPECT_EQ((*store)->load("app"), memory_with(5));
  EXPECT_EQ((*store)->reader().groups(), std::vector<std::string>{});
  ASSERT_TRUE((*store)->flush());
  EXPECT_EQ((*store)->reader().load("app"), memory_with(5));
}

TEST_F(SqliteStoreTest, an_eventual_save_reaches_the_disk_without_being_pushed) {
  const auto store = open_store(path_);
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->save("app", memory_with(5), quiet_turn("app", 1), Durability::eventual));
  EXPECT_TRUE(wait_until(20s, [&] { return (*store)->reader().groups()->size() == 1; }));
}

TEST_F(SqliteStoreTest, a_durable_save_takes_waiting_ones_along) {
  SqliteStore::Options options;
  options.path = path_;
  options.eventual_delay = 1h;
  const auto store = SqliteStore::open(options);
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->save("web", memory_with(1), quiet_turn("web", 1), Durability::eventual));
  ASSERT_TRUE((*store)->save("app", memory_with(2), changing_turn("app", 1), Durability::durable));
  EXPECT_EQ((*store)->reader().groups(), (std::vector<std::string>{"app", "web"}));
}

TEST_F(SqliteStoreTest, too_much_waiting_goes_to_disk_before_its_time) {
  SqliteStore::Options options;
  options.path = path_;
  options.eventual_delay = 1h;
  options.max_waiting = 2000;
  const auto store = SqliteStore::open(options);
  ASSERT_TRUE(store);
  for (int turn = 1; turn <= 200; ++turn) {
    ASSERT_TRUE((*store)->save("app", memory_with(turn), quiet_turn("app", turn), Durability::eventual));
  }
  EXPECT_TRUE(wait_until(20s, [&] { return (*store)->reader().history("app", 1000)->size() > 150; }));
}

TEST_F(SqliteStoreTest, saves_of_many_threads_all_arrive) {
  const auto store = open_store(path_);
  ASSERT_TRUE(store);
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (int worker = 0; worker < 4; ++worker) {
      threads.emplace_back([&, group = "group-" + std::to_string(worker)] {
        for (int turn = 1; turn <= 50; ++turn) {
          const Durability durability = turn % 5 == 0 ? Durability::durable : Durability::eventual;
          if (!(*store)->save(group, memory_with(turn), quiet_turn(group, turn), durability)) ++failures;
          if ((*store)->load(group) != memory_with(turn)) ++failures;
          if (!(*store)->reader().history(group, 5)) ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  ASSERT_TRUE((*store)->flush());
  const std::vector<std::string> groups = (*store)->reader().groups().value();
  EXPECT_EQ(groups.size(), 4U);
  for (const std::string& group : groups) EXPECT_EQ((*store)->reader().history(group, 100)->size(), 50U);
}

TEST_F(SqliteStoreTest, a_second_controller_is_told_who_is_there) {
  const auto first = open_store(path_);
  ASSERT_TRUE(first);
  const auto second = open_store(path_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::denied);
  EXPECT_NE(complaint(second).find("pid " + std::to_string(::getpid())), std::string::npos) << complaint(second);
}

TEST_F(SqliteStoreTest, the_next_controller_may_come_when_the_first_is_gone) {
  {
    ASSERT_TRUE(open_store(path_));
  }
  EXPECT_TRUE(open_store(path_));
}

TEST_F(SqliteStoreTest, refuses_a_file_that_is_no_database_and_leaves_it_as_it_is) {
  const std::filesystem::path path = directory_.path() / "notes.txt";
  write_file(path,
             "these are my notes, and there are enough of them to fill a header of a hundred bytes, which SQLite reads first");
  const auto before = std::filesystem::file_size(path);
  const auto store = open_store(path);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, ErrorKind::invalid);
  EXPECT_NE(complaint(store).find("not a database"), std::string::npos) << complaint(store);
  EXPECT_NE(complaint(store).find(path.string()), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(path), before);
}

TEST_F(SqliteStoreTest, refuses_the_database_of_another_program) {
  const std::filesystem::path path = directory_.path() / "other.db";
  run_sql(path, "CREATE TABLE pets (name TEXT)");
  const auto store = open_store(path);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, ErrorKind::invalid);
  EXPECT_NE(complaint(store).find("not one of weir's"), std::string::npos) << complaint(store);
}

TEST_F(SqliteStoreTest, refuses_what_a_newer_weir_wrote) {
  {
    ASSERT_TRUE(open_store(path_));
  }
  run_sql(path_, "PRAGMA user_version = 99");
  const auto store = open_store(path_);
  ASSERT_FALSE(store);
  EXPECT_NE(complaint(store).find("schema version 99"), std::string::npos) << complaint(store);
  const auto reader = StateReader::open(path_);
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().kind, ErrorKind::invalid);
}

TEST_F(SqliteStoreTest, a_damaged_memory_is_an_error_not_a_fresh_start) {
  {
    const auto store = open_store(path_);
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->save("app", memory_with(5), quiet_turn("app", 1), Durability::durable));
  }
  run_sql(path_, "UPDATE groups SET memory = '{\"format\":1,\"desired\":\"x\"}'");
  const auto store = open_store(path_);
  ASSERT_TRUE(store);
  const Result<Memory> memory = (*store)->load("app");
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().message, "group app: the remembered state is damaged: desired: expected a whole number");
}

TEST_F(SqliteStoreTest, overwritten_pages_are_an_error) {
  {
    const auto store = open_store(path_);
    ASSERT_TRUE(store);
    for (int turn = 0; turn < 50; ++turn) {
      ASSERT_TRUE((*store)->save("app", memory_with(5), quiet_turn("app", turn), Durability::durable));
    }
  }
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(8192);
  file << std::string(std::filesystem::file_size(path_) - 8192, '\x5a');
  file.close();
  const auto store = open_store(path_);
  if (!store) return;  // noticed at once
  const Result<void> saved = (*store)->save("app", memory_with(6), quiet_turn("app", 60), Durability::durable);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().kind, ErrorKind::invalid);
  EXPECT_NE(saved.error().message.find("malformed"), std::string::npos) << saved.error().message;
  EXPECT_FALSE((*store)->load("app"));
}

TEST_F(SqliteStoreTest, a_directory_that_cannot_be_made_is_named) {
  write_file(directory_.path() / "file", "");
  const auto store = open_store(directory_.path() / "file" / "state.db");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, ErrorKind::denied);
  EXPECT_NE(complaint(store).find((directory_.path() / "file").string()), std::string::npos) << complaint(store);
}

/// A file system of 400 KiB, for as long as the object lives.
class SmallDisk {
 public:
  explicit SmallDisk(std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=400k") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  [[nodiscard]] bool mounted() const { return mounted_; }

 private:
  std::filesystem::path path_;
  bool mounted_ = false;
};

TEST_F(SqliteStoreTest, on_a_full_disk_durable_saves_fail_and_eventual_ones_wait_for_room) {
  const std::filesystem::path mount = directory_.path() / "small";
  const SmallDisk disk(mount);
  if (!disk.mounted()) GTEST_SKIP() << "mounting a tmpfs needs root";
  const auto store = open_store(mount / "state.db");
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_TRUE((*store)->save("app", memory_with(2), changing_turn("app", 1), Durability::durable));

  write_file(mount / "ballast", std::string(1 << 20, 'x'));  // as much of it as fits
  Record large = changing_turn("app", 2);
  large.plan.notes = {std::string(60'000, 'n')};
  const Result<void> durable = (*store)->save("app", memory_with(3), large, Durability::durable);
  ASSERT_FALSE(durable);
  EXPECT_EQ(durable.error().kind, ErrorKind::unavailable);
  EXPECT_NE(durable.error().message.find("full"), std::string::npos) << durable.error().message;
  EXPECT_EQ((*store)->load("app"), memory_with(2)) << "a failed durable save has changed nothing";

  Record large_quiet = quiet_turn("app", 3);
  large_quiet.plan.notes = large.plan.notes;
  for (int turn = 3; turn < 30; ++turn) {
    ASSERT_TRUE((*store)->save("app", memory_with(turn), turn == 3 ? large_quiet : quiet_turn("app", turn), Durability::eventual));
    (void)(*store)->flush();
  }
  EXPECT_EQ((*store)->load("app"), memory_with(29));

  std::filesystem::remove(mount / "ballast");
  EXPECT_TRUE(wait_until(20s, [&] { return !(*store)->trouble() && (*store)->flush(); }));
  EXPECT_EQ((*store)->reader().load("app"), memory_with(29));
  EXPECT_EQ((*store)->reader().history("app", 2)->size(), 2U);
}

// Found by review: a disk that hung held every worker that had something to save, and with the last one all groups.
TEST_F(SqliteStoreTest, a_disk_that_hangs_holds_nobody_for_ever) {
  const auto store = SqliteStore::open({.path = path_, .save_deadline = 50ms});
  ASSERT_TRUE(store) << complaint(store);
  ASSERT_TRUE((*store)->save("app", memory_with(2), changing_turn("app", 1), Durability::eventual));
  ASSERT_TRUE((*store)->flush());
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr), SQLITE_OK);
  for (int turn = 2; turn < 5; ++turn) {
    const Result<void> saved = (*store)->save("app", memory_with(turn), changing_turn("app", turn), Durability::durable);
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().kind, ErrorKind::unavailable);
    EXPECT_NE(saved.error().message.find("has not finished a write for 50ms"), std::string::npos) << saved.error().message;
  }
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_close(other), SQLITE_OK);
  EXPECT_TRUE(wait_until(
      20s, [&] { return (*store)->save("app", memory_with(9), changing_turn("app", 9), Durability::durable).has_value(); }));
  EXPECT_EQ((*store)->reader().load("app"), memory_with(9));
}

}  // namespace
}  // namespace weir
