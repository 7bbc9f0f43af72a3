#include "controller/state/backup.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "controller/render/json.h"
#include "controller/state/schema.h"
#include "controller/state/state_reader.h"
#include "tests/state/turns.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using Durability = Store::Durability;
namespace files = std::filesystem;

constexpr TimePoint kAt{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};

void run_sql(const files::path& path, const std::string& sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
  EXPECT_EQ(sqlite3_close(database), SQLITE_OK);
}

int desired_in(const files::path& path, const std::string& group = "app") {
  const auto reader = StateReader::open(path);
  if (!reader) return -1;
  const auto memory = (*reader)->load(group);
  return memory ? memory->desired.value_or(-2) : -3;
}

class BackupTest : public testing::Test {
 protected:
  /// A state in which the group wants so many servers.
  void make(const files::path& path, int desired) const {
    const auto store = open_store(path);
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->save("app", memory_with(desired), changing_turn("app", desired), Durability::durable));
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : files::directory_iterator(directory_.path())) all.push_back(entry.path().filename().string());
    return all;
  }

  TempDirectory directory_;
  files::path state_ = directory_.path() / "state.db";
  files::path copy_ = directory_.path() / "copy.db";
};

TEST_F(BackupTest, a_copy_is_whole_alone_and_for_its_owner_only) {
  make(state_, 3);
  const auto done = backup_state(state_, copy_, Existing::keep);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->groups, 1);
  EXPECT_EQ(done->schema, newest_schema());
  EXPECT_EQ(done->newest, changing_turn("app", 3).at);
  EXPECT_EQ(files::status(copy_).permissions(), files::perms::owner_read | files::perms::owner_write);
  EXPECT_EQ(desired_in(copy_), 3);
  for (const std::string& name : names()) EXPECT_FALSE(name.starts_with(".copy") || name == "copy.db-wal") << name;
}

TEST_F(BackupTest, a_controller_may_write_all_the_while) {
  const auto store = open_store(state_);
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->save("app", memory_with(0), changing_turn("app", 0), Durability::durable));
  std::atomic<int> written = 0;
  {
    const std::jthread writer([&](const std::stop_token& stop) {
      for (int turn = 1; !stop.stop_requested(); ++turn) {
        // Two groups that always agree: a copy in which they do not was not made at one instant.
        ASSERT_TRUE((*store)->save("app", memory_with(turn), changing_turn("app", turn), Durability::durable));
        ++written;
      }
    });
    for (int copy = 0; copy < 10; ++copy) {
      const int before = written;
      const auto done = backup_state(state_, copy_, Existing::replace);
      ASSERT_TRUE(done) << done.error().message;
      EXPECT_GE(desired_in(copy_), before) << "what was saved before is in it";
      const auto reader = StateReader::open(copy_);
      ASSERT_TRUE(reader) << reader.error().message;
      const auto last = (*reader)->last("app");
      ASSERT_TRUE(last && *last);
      EXPECT_EQ((*last)->at, changing_turn("app", desired_in(copy_)).at) << "memory and record are of one turn";
    }
  }
}

TEST_F(BackupTest, a_file_that_exists_is_left_alone_unless_it_is_to_be_replaced) {
  make(state_, 3);
  std::ofstream(copy_) << "precious";
  const auto refused = backup_state(state_, copy_, Existing::keep);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("exists already and was left alone"));
  EXPECT_EQ(files::file_size(copy_), 8U);
  ASSERT_TRUE(backup_state(state_, copy_, Existing::replace));
  EXPECT_EQ(desired_in(copy_), 3);
  for (const Existing existing : {Existing::keep, Existing::replace}) {
    const auto itself = backup_state(state_, directory_.path() / "." / "state.db", existing);
    ASSERT_FALSE(itself);
    EXPECT_THAT(itself.error().message, HasSubstr("is the state itself"));
  }
  EXPECT_EQ(desired_in(state_), 3);
}

TEST_F(BackupTest, what_cannot_be_copied_leaves_nothing_behind) {
  const auto nothing = backup_state(state_, copy_, Existing::keep);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, ErrorKind::not_found);
  make(state_, 3);
  EXPECT_FALSE(backup_state(state_, directory_.path() / "no" / "where.db", Existing::keep));
  {
    // A page in the middle that is no page.
    std::fstream file(state_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(8192);
    file << std::string(8192, 'x');
  }
  const auto damaged = backup_state(state_, copy_, Existing::keep);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().kind, ErrorKind::invalid) << damaged.error().message;
  EXPECT_FALSE(files::exists(copy_));
  for (const std::string& name : names()) EXPECT_FALSE(name.ends_with("weir-tmp")) << name;
}

TEST_F(BackupTest, a_restored_state_is_that_of_the_copy_and_the_other_is_kept) {
  make(state_, 3);
  ASSERT_TRUE(backup_state(state_, copy_, Existing::keep));
  make(state_, 7);
  const auto done = restore_state(copy_, state_, kAt);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(desired_in(state_), 3);
  EXPECT_EQ(done->kept, state_.string() + ".before-restore-20260301T000000Z");
  EXPECT_EQ(desired_in(done->kept), 7);
  EXPECT_EQ(files::status(state_).permissions(), files::perms::owner_read | files::perms::owner_write);
  make(state_, 4);
  EXPECT_EQ(desired_in(state_), 4) << "a controller goes on with it";
  EXPECT_EQ(desired_in(copy_), 3);
}

TEST_F(BackupTest, what_root_restores_in_a_services_folder_is_the_services) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files to others";
  constexpr uid_t kService = 12345;
  make(copy_, 3);
  const files::path folder = directory_.path() / "lib";
  files::create_directory(folder);
  ASSERT_EQ(::chown(folder.c_str(), kService, kService), 0);
  ASSERT_TRUE(restore_state(copy_, folder / "state.db", kAt));
  for (const auto& entry : files::directory_iterator(folder)) {
    struct stat file{};
    ASSERT_EQ(::stat(entry.path().c_str(), &file), 0);
    EXPECT_EQ(file.st_uid, kService) << entry.path();
  }
}

TEST_F(BackupTest, a_journal_of_the_old_state_never_meets_the_new_one) {
  make(state_, 3);
  ASSERT_TRUE(backup_state(state_, copy_, Existing::keep));
  const files::path killed = directory_.path() / "killed";
  {
    // As a killed controller leaves it: most of it in the journal.
    const auto store = open_store(state_);
    ASSERT_TRUE(store);
    for (int turn = 4; turn < 40; ++turn)
      ASSERT_TRUE((*store)->save("app", memory_with(turn), changing_turn("app", turn), Durability::durable));
    files::create_directory(killed);
    for (const char* end : {"", "-wal"}) files::copy_file(state_.string() + end, killed.string() + "/state.db" + end);
  }
  ASSERT_GT(files::file_size(killed / "state.db-wal"), 0U);
  const auto done = restore_state(copy_, killed / "state.db", kAt);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(desired_in(killed / "state.db"), 3);
  EXPECT_EQ(desired_in(done->kept), 39) << "with what was in its journal";
}

TEST_F(BackupTest, a_damaged_state_can_be_replaced_and_is_kept_as_it_was) {
  make(copy_, 3);
  std::ofstream(state_) << "this is no database at all";
  std::ofstream(state_.string() + "-wal") << "nor is this";
  const auto done = restore_state(copy_, state_, kAt);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(desired_in(state_), 3);
  EXPECT_EQ(files::file_size(done->kept), 26U);
}

TEST_F(BackupTest, where_there_was_no_state_there_is_one) {
  make(copy_, 3);
  const files::path fresh = directory_.path() / "lib" / "state.db";
  const auto done = restore_state(copy_, fresh, kAt);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(done->kept.empty());
  EXPECT_EQ(desired_in(fresh), 3);
}

TEST_F(BackupTest, nothing_is_restored_under_a_controller) {
  make(copy_, 3);
  const auto store = open_store(state_);
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->save("app", memory_with(7), changing_turn("app", 7), Durability::durable));
  const auto refused = restore_state(copy_, state_, kAt);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::denied);
  EXPECT_THAT(refused.error().message, HasSubstr("another weir controller (pid "));
  EXPECT_EQ(desired_in(state_), 7);
}

TEST_F(BackupTest, only_a_whole_copy_of_a_known_schema_is_restored) {
  make(state_, 7);
  make(copy_, 3);
  run_sql(copy_, "PRAGMA user_version = 99");
  const auto newer = restore_state(copy_, state_, kAt);
  ASSERT_FALSE(newer);
  EXPECT_THAT(newer.error().message, HasSubstr("it was written by a newer weir"));
  const files::path other = directory_.path() / "other.db";
  run_sql(other, "CREATE TABLE songs (name TEXT)");
  const auto foreign = restore_state(other, state_, kAt);
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().message, HasSubstr("not one of weir's"));
  std::ofstream(directory_.path() / "empty.db");
  EXPECT_FALSE(restore_state(directory_.path() / "empty.db", state_, kAt));
  EXPECT_FALSE(restore_state(state_, state_, kAt));
  EXPECT_EQ(restore_state(directory_.path() / "none.db", state_, kAt).error().kind, ErrorKind::not_found);
  EXPECT_EQ(desired_in(state_), 7);
}

// ---- files of every schema there ever was -------------------------------------------------------------------------------

/// tests/data/state/vN.db: a state as a weir of schema N left it, and what that weir told of it. A new schema needs one more.
struct OldState {
  std::int64_t schema = 0;
  std::string nonce;  ///< of group app
  int desired = 0;
  int held = 0;
  std::size_t turns = 0;
  std::size_t changes = 0;
};

std::vector<OldState> old_states() {
  return {{.schema = 1, .nonce = "884e5b", .desired = 2, .held = 3, .turns = 11, .changes = 2}};
}

files::path golden(std::int64_t schema) {
  return files::path(WEIR_SOURCE_DIR) / "tests/data/state" / ("v" + std::to_string(schema) + ".db");
}

TEST(OldStates, there_is_one_of_every_schema) {
  std::int64_t next = 1;
  for (const OldState& old : old_states()) {
    EXPECT_EQ(old.schema, next++);
    EXPECT_TRUE(files::exists(golden(old.schema))) << golden(old.schema);
  }
  EXPECT_EQ(next, newest_schema() + 1);
}

TEST(OldStates, are_brought_up_to_date_and_lose_nothing) {
  const TempDirectory directory;
  for (const OldState& old : old_states()) {
    SCOPED_TRACE(old.schema);
    const files::path path = directory.path() / std::to_string(old.schema) / "state.db";
    files::create_directories(path.parent_path());
    files::copy_file(golden(old.schema), path);
    const auto store = open_store(path);
    ASSERT_TRUE(store) << store.error().message;
    const auto memory = (*store)->load("app");
    ASSERT_TRUE(memory) << memory.error().message;
    EXPECT_EQ(memory->nonce, old.nonce) << "or servers of before would be strangers";
    EXPECT_EQ(memory->desired, old.desired);
    EXPECT_EQ(memory->manual.hold.value_or(Manual::Hold{}).servers, old.held);
    EXPECT_EQ(memory->servers.size(), static_cast<std::size_t>(old.desired));
    const StateReader& reader = (*store)->reader();
    EXPECT_EQ(reader.groups().value(), (std::vector<std::string>{"app", "worker"}));
    const auto turns = reader.history("app", 100);
    ASSERT_TRUE(turns) << turns.error().message;
    EXPECT_EQ(turns->size(), old.turns);
    for (const KeptRecord& turn : *turns) EXPECT_TRUE(parse_record(turn.json)) << turn.json;
    EXPECT_EQ(reader.history("app", 100, {}, StateReader::Which::changes)->size(), old.changes);
    ASSERT_TRUE((*store)->save("app", memory_with(4), changing_turn("app", 3), Durability::durable));
    EXPECT_EQ(reader.history("app", 100)->size(), old.turns + 1);
    const auto copied = backup_state(path, path.string() + ".copy", Existing::keep);
    ASSERT_TRUE(copied) << copied.error().message;
    EXPECT_EQ(copied->schema, newest_schema());
  }
}

TEST(OldStates, can_be_restored_from) {
  const TempDirectory directory;
  for (const OldState& old : old_states()) {
    const files::path path = directory.path() / std::to_string(old.schema) / "state.db";
    const files::path copy = directory.path() / ("v" + std::to_string(old.schema) + ".db");
    files::copy_file(golden(old.schema), copy);
    const auto done = restore_state(copy, path, kAt);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->summary.groups, 2);
    const auto store = open_store(path);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_EQ((*store)->load("app")->nonce, old.nonce);
  }
}

}  // namespace
}  // namespace weir
