// tests/data/state/VERSION.sql is the state that weir VERSION left, with a group for all that its memory and its records can say.
// What is in them is JSON, which the schema's number does not tell of: a field that is renamed or no longer read is lost to whoever
// updates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "controller/render/json.h"
#include "platform/file.h"
#include "tests/state/everything.h"
#include "tests/state/turns.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using nlohmann::json;
using testing::IsEmpty;
namespace files = std::filesystem;

files::path directory_of_releases() { return files::path(WEIR_SOURCE_DIR) / "tests/data/state"; }

std::vector<files::path> releases() {
  std::vector<files::path> all;
  for (const auto& entry : files::directory_iterator(directory_of_releases())) {
    if (entry.path().extension() == ".sql") all.push_back(entry.path());
  }
  std::ranges::sort(all);
  return all;
}

/// A database as SQL sees it.
class Sql {
 public:
  explicit Sql(const files::path& path) {
    if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) std::abort();
  }
  ~Sql() { sqlite3_close(database_); }
  Sql(const Sql&) = delete;
  Sql& operator=(const Sql&) = delete;

  void execute(const std::string& sql) const {
    EXPECT_EQ(sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database_);
  }
  /// The columns of all rows, one after the other.
  [[nodiscard]] std::vector<std::string> texts(const std::string& sql) const {
    std::vector<std::string> all;
    const auto keep = [](void* kept, int columns, char** values, char**) {
      for (int column = 0; column < columns; ++column) static_cast<std::vector<std::string>*>(kept)->emplace_back(values[column]);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database_, sql.c_str(), keep, &all, nullptr), SQLITE_OK) << sqlite3_errmsg(database_);
    return all;
  }
  /// What makes the same database again, a row a line.
  [[nodiscard]] std::string dump() const {
    std::string script;
    for (const std::string mark : {"application_id", "user_version"}) {
      script += "PRAGMA " + mark + " = " + texts("PRAGMA " + mark).at(0) + ";\n";
    }
    for (const std::string& made : texts("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")) {
      script += made + ";\n";
    }
    for (const std::string& table : texts("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")) {
      std::string row;
      for (const std::string& column : texts("SELECT name FROM pragma_table_info('" + table + "')")) {
        row += (row.empty() ? "quote(" : " || ', ' || quote(") + column + ")";
      }
      for (const std::string& values : texts("SELECT " + row + " FROM " + table + " ORDER BY id")) {
        script += "INSERT INTO " + table + " VALUES (" + values + ");\n";
      }
    }
    return script;
  }

 private:
  sqlite3* database_ = nullptr;
};

/// The state of this program when everything() was saved.
std::string written_now() {
  const TempDirectory directory;
  const files::path path = directory.path() / "state.db";
  {
    const auto store = open_store(path);
    if (!store) return store.error().message;
    for (const auto& [group, state] : everything()) {
      for (const Record& record : state.records) {
        EXPECT_TRUE((*store)->save(group, state.memory, record, Store::Durability::durable));
      }
    }
  }
  return Sql(path).dump();
}

/// Each field of the first that the second has not, or with another value, with its path.
std::vector<std::string> lost(const std::string& before, const std::string& after) {
  const json then = json::parse(before).flatten();
  const json now = json::parse(after).flatten();
  std::vector<std::string> all;
  for (const auto& [path, value] : then.items()) {
    const auto found = now.find(path);
    if (found == now.end() || *found != value) all.push_back(path + " was " + value.dump());
  }
  return all;
}

std::string again_memory(const std::string& text) {
  const Result<Memory> read = parse_memory(text);
  return read ? memory_json(*read) : json(read.error().message).dump();
}

std::string again_record(const std::string& text) {
  const Result<StoredRecord> read = parse_record(text);
  return read ? record_json(read->record) : json(read.error().message).dump();
}

// The state file comes with the version's number in CMakeLists.txt; that of a version that is out never changes again.
TEST(Releases, the_state_of_this_version_is_kept_for_those_to_come) {
  const files::path file = directory_of_releases() / WEIR_VERSION ".sql";
  const std::string now = written_now();
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(replace_file(file, now));
  }
  const Result<std::string> kept = read_file(file);
  ASSERT_TRUE(kept) << kept.error().message << "; WEIR_UPDATE_GOLDEN=1 writes it";
  EXPECT_TRUE(*kept == now) << file
                            << " is not what weir writes; if " WEIR_VERSION " is not out yet, WEIR_UPDATE_GOLDEN=1 writes it anew";
}

// What the reader looks for has to be in the file, or nobody notices when it no longer does.
TEST(Releases, the_state_of_this_version_has_every_field_that_is_read) {
  // Of plans for people, which are in no state.
  const std::set<std::string> elsewhere{"groups", "current", "balancers",       "name",
                                        "diff",   "cost",    "per_hour_before", "per_hour_after"};
  const std::string reader = read_file(files::path(WEIR_SOURCE_DIR) / "controller/render/json.cpp").value_or("");
  const std::string kept = read_file(directory_of_releases() / WEIR_VERSION ".sql").value_or("");
  const std::regex reads(R"re((?:read|section)\("(\w+)")re");
  std::set<std::string> fields;
  std::vector<std::string> missing;
  for (auto found = std::sregex_iterator(reader.begin(), reader.end(), reads); found != std::sregex_iterator(); ++found) {
    const std::string field = (*found)[1];
    if (!fields.insert(field).second || elsewhere.contains(field)) continue;
    if (!kept.contains("\"" + field + "\":")) missing.push_back(field);
  }
  EXPECT_GT(fields.size(), 100U);
  EXPECT_THAT(missing, IsEmpty()) << "give it a value in tests/state/everything.h";
}

TEST(Releases, this_version_reads_back_what_it_was_told) {
  const TempDirectory directory;
  const files::path path = directory.path() / "state.db";
  Sql(path).execute(read_file(directory_of_releases() / WEIR_VERSION ".sql").value_or(""));
  const auto reader = StateReader::open(path);
  ASSERT_TRUE(reader) << reader.error().message;
  for (const auto& [group, state] : everything()) {
    SCOPED_TRACE(group);
    const Result<Memory> memory = (*reader)->load(group);
    ASSERT_TRUE(memory) << memory.error().message;
    EXPECT_TRUE(*memory == state.memory) << memory_json(*memory);
    const auto last = (*reader)->history(group, 100);
    ASSERT_TRUE(last) << last.error().message;
    ASSERT_EQ(last->size(), state.records.size());
    const Result<StoredRecord> first = parse_record(last->back().json);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->record.orders, state.records.front().orders);
    EXPECT_EQ(first->record.servers, state.records.front().servers);
    EXPECT_EQ(first->record.rollout, state.records.front().rollout);
  }
}

TEST(Releases, nothing_that_an_older_version_left_is_lost) {
  ASSERT_FALSE(releases().empty());
  for (const files::path& release : releases()) {
    SCOPED_TRACE(release);
    const TempDirectory directory;
    const files::path path = directory.path() / "state.db";
    Sql(path).execute(read_file(release).value_or(""));
    const std::vector<std::string> memories = Sql(path).texts("SELECT name, memory FROM groups");
    ASSERT_GE(memories.size(), 2U);
    const auto store = open_store(path);
    ASSERT_TRUE(store) << store.error().message;
    for (std::size_t group = 0; group < memories.size(); group += 2) {
      SCOPED_TRACE(memories[group]);
      EXPECT_THAT(lost(memories[group + 1], again_memory(memories[group + 1])), IsEmpty());
      const auto loaded = (*store)->load(memories[group]);
      ASSERT_TRUE(loaded) << loaded.error().message;
      EXPECT_THAT(lost(memories[group + 1], memory_json(*loaded)), IsEmpty());
      const auto turns = (*store)->reader().history(memories[group], 100);
      ASSERT_TRUE(turns) << turns.error().message;
      EXPECT_GE(turns->size(), 2U) << "one that changed something and one that did not";
      for (const KeptRecord& turn : *turns) EXPECT_THAT(lost(turn.json, again_record(turn.json)), IsEmpty());
    }
  }
}

TEST(Releases, a_field_that_is_lost_is_noticed) {
  EXPECT_THAT(lost(R"({"a":{"b":1},"c":[1,2]})", R"({"c":[1,2],"a":{"b":1},"new":3})"), IsEmpty());
  EXPECT_THAT(lost(R"({"a":{"b":1},"c":[1,2]})", R"({"a":{"B":1},"c":[1]})"), testing::ElementsAre("/a/b was 1", "/c/1 was 2"));
}

}  // namespace
}  // namespace weir
