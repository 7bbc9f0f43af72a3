#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

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

}  // namespace
}  // namespace weir
