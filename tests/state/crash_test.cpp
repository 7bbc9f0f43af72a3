#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include "controller/state/file_lock.h"
#include "tests/state/turns.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using Durability = Store::Durability;

/// Saves turn after turn of two groups and reports each durable one with a byte, until it is killed.
[[noreturn]] void save_for_ever(const std::filesystem::path& path, int report) {
  const auto store = open_store(path);
  if (!store) ::_exit(2);
  for (int turn = 1;; ++turn) {
    (void)(*store)->save("web", memory_with(turn), quiet_turn("web", turn), Durability::eventual);
    if (!(*store)->save("app", memory_with(turn), changing_turn("app", turn), Durability::durable)) ::_exit(3);
    if (::write(report, "s", 1) != 1) ::_exit(4);
  }
}

/// Lets a child save `count` times and kills it in the middle of its work; returns how many saves it reported.
int killed_after(const std::filesystem::path& path, int count) {
  int pipe[2] = {};
  if (::pipe(pipe) != 0) std::abort();
  const pid_t child = ::fork();
  if (child == 0) save_for_ever(path, pipe[1]);
  ::close(pipe[1]);
  int reported = 0;
  char byte = 0;
  while (reported < count && ::read(pipe[0], &byte, 1) == 1) ++reported;
  ::kill(child, SIGKILL);
  while (::read(pipe[0], &byte, 1) == 1) ++reported;
  ::close(pipe[0]);
  ::waitpid(child, nullptr, 0);
  return reported;
}

std::string integrity(const std::filesystem::path& path) {
  sqlite3* database = nullptr;
  sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr);
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(database, "PRAGMA integrity_check", -1, &statement, nullptr);
  std::string answer = "no answer";
  if (sqlite3_step(statement) == SQLITE_ROW) answer = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return answer;
}

TEST(Crash, a_killed_controller_loses_nothing_it_was_told_is_safe) {
  for (const int count : {1, 20, 90}) {
    const TempDirectory directory;
    const std::filesystem::path path = directory.path() / "state.db";
    const int reported = killed_after(path, count);
    ASSERT_GE(reported, count);
    EXPECT_EQ(integrity(path), "ok");

    const auto beside = StateReader::open(path);
    ASSERT_TRUE(beside) << beside.error().message;
    EXPECT_GE((*beside)->load("app")->desired, reported) << "readable without a controller, too";

    const auto store = open_store(path);
    ASSERT_TRUE(store) << "the lock of a dead controller holds nobody up: " << store.error().message;
    const int saved = (*store)->load("app")->desired.value_or(0);
    EXPECT_GE(saved, reported);
    EXPECT_LE(saved, reported + 1) << "at most the one that was under way";
    const auto records = (*store)->reader().history("app", 1000).value();
    ASSERT_EQ(std::ssize(records), saved) << "memory and record go together";
    EXPECT_EQ(records.front().at, changing_turn("app", saved).at);
    EXPECT_GE((*store)->load("web")->desired, reported);
  }
}

/// Takes the lock, makes a child as the start of a program does, and dies.
[[noreturn]] void die_with_a_child(const std::filesystem::path& path, int held, int hold) {
  auto lock = FileLock::acquire(path);
  if (!lock) ::_exit(2);
  if (::fork() == 0) {
    char byte = 0;
    (void)!::write(held, "h", 1);
    (void)!::read(hold, &byte, 1);
    ::_exit(0);
  }
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

TEST(Crash, a_child_of_a_killed_controller_holds_the_next_one_up_only_for_its_moment) {
  const TempDirectory directory;
  const std::filesystem::path path = directory.path() / "state.db.lock";
  int held[2] = {};
  int hold[2] = {};
  ASSERT_EQ(::pipe(held) + ::pipe(hold), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(hold[1]);
    die_with_a_child(path, held[1], hold[0]);
  }
  ::close(held[1]);
  char byte = 0;
  ASSERT_EQ(::read(held[0], &byte, 1), 1);
  ::waitpid(child, nullptr, 0);

  const auto refused = FileLock::acquire(path, Duration{0});
  ASSERT_FALSE(refused) << "the child holds it";
  EXPECT_NE(refused.error().message.find(std::to_string(child)), std::string::npos) << refused.error().message;
  for (const int end : {hold[0], hold[1], held[0]}) ::close(end);  // the child ends
  const auto taken = FileLock::acquire(path, Duration{60'000});
  EXPECT_TRUE(taken) << taken.error().message;
}

TEST(Crash, a_living_controller_is_not_waited_for) {
  const TempDirectory directory;
  const auto lock = FileLock::acquire(directory.path() / "state.db.lock");
  ASSERT_TRUE(lock);
  EXPECT_FALSE(FileLock::acquire(directory.path() / "state.db.lock", std::chrono::hours(24)));
}

}  // namespace
}  // namespace weir
