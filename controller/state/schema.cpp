#include "controller/state/schema.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <string>
#include <utility>

namespace weir {
namespace {

constexpr std::int64_t kApplication = 0x77656972;  // "weir"

/// Step N takes a file of version N to N + 1. Released steps never change.
///
/// `changes` are few and kept long, so an index finds a group's. `turns` without a change are many and short-lived: a pure
/// append at one end and deletion at the other, without an index, which would dirty a page per group and tick; each names the one
/// before it of the same group.
constexpr std::array kSteps{R"sql(
CREATE TABLE groups (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, turns INTEGER NOT NULL, last_turn INTEGER NOT NULL,
                     memory TEXT NOT NULL);
CREATE TABLE changes (id INTEGER PRIMARY KEY, group_id INTEGER NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,
                      record TEXT NOT NULL);
CREATE UNIQUE INDEX changes_of_group ON changes (group_id, number);
CREATE TABLE turns (id INTEGER PRIMARY KEY, group_id INTEGER NOT NULL, previous INTEGER NOT NULL, number INTEGER NOT NULL,
                    at INTEGER NOT NULL, record TEXT NOT NULL);
)sql"};

/// Whose a database is.
struct Marks {
  std::int64_t application = 0;
  std::int64_t version = 0;
  std::int64_t tables = 0;
};

Result<Marks> read_marks(Database& database) {
  Marks marks;
  for (const auto& [question, mark] :
       {std::pair("PRAGMA application_id", &marks.application), std::pair("PRAGMA user_version", &marks.version),
        std::pair("SELECT count(*) FROM sqlite_schema", &marks.tables)}) {
    const Result<std::int64_t> answer = database.number(question);
    if (!answer) return std::unexpected(answer.error());
    *mark = *answer;
  }
  return marks;
}

}  // namespace

std::int64_t newest_schema() { return static_cast<std::int64_t>(kSteps.size()); }

Result<void> check_schema(Database& database, const std::filesystem::path& path) {
  // All at one instant: another process may be making it.
  if (const Result<void> begun = database.execute("BEGIN"); !begun) return begun;
  const Result<Marks> marks = read_marks(database);
  if (const Result<void> ended = database.execute("COMMIT"); marks && !ended) return ended;
  if (!marks) return std::unexpected(marks.error());
  const auto& [application, version, tables] = *marks;
  if (application != kApplication && (tables != 0 || application != 0 || version != 0)) {
    return failure(ErrorKind::invalid,
                   fmt::format("state {}: an SQLite database, but not one of weir's; choose another `state`", path.string()));
  }
  if (version > static_cast<std::int64_t>(kSteps.size())) {
    return failure(ErrorKind::invalid,
                   fmt::format("state {}: has schema version {}, this weir knows {} at most; it was written by a newer weir",
                               path.string(), version, kSteps.size()));
  }
  return {};
}

Result<void> migrate_schema(Database& database) {
  const Result<std::int64_t> version = database.number("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (static_cast<std::size_t>(*version) == kSteps.size()) return {};
  std::string script = "BEGIN IMMEDIATE;";
  for (auto step = static_cast<std::size_t>(*version); step < kSteps.size(); ++step) script += kSteps[step];
  script += fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT;", kApplication, kSteps.size());
  const Result<void> done = database.execute(script.c_str());
  if (!done) (void)database.execute("ROLLBACK");
  return done;
}

}  // namespace weir
