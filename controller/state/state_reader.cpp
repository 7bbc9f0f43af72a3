#include "controller/state/state_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <mutex>
#include <random>
#include <system_error>
#include <utility>

#include "controller/render/json.h"
#include "controller/state/database.h"
#include "controller/state/schema.h"

namespace weir {
namespace {

struct GroupRow {
  std::int64_t id = 0;
  std::int64_t last_turn = 0;
};

/// Picks the newest of each slice, where times come newest first.
class Slices {
 public:
  Slices(std::int64_t since, std::int64_t until, int count)
      : since_(since), width_(std::max<std::int64_t>((until - since) / count, 1)) {}
  [[nodiscard]] bool takes(std::int64_t at) {
    const std::int64_t slice = (at - since_ - 1) / width_;
    return std::exchange(last_, slice) != slice;
  }

 private:
  std::int64_t since_;
  std::int64_t width_;
  std::int64_t last_ = -1;
};

TimePoint time_of(std::int64_t milliseconds) { return TimePoint{Duration{milliseconds}}; }

}  // namespace

Memory fresh_memory() {
  std::random_device random;
  Memory memory;
  memory.nonce = fmt::format("{:06x}", std::uniform_int_distribution<unsigned>(0, 0xFFFFFF)(random));
  return memory;
}

struct StateReader::Impl {
  Database database;
  Statement begin;
  Statement end;
  Statement find_memory;
  Statement find_group;
  Statement find_changes;
  Statement find_turn;
  Statement list_groups;
  std::mutex mutex;

  /// What `read` returns, all of it seen at one instant of the file.
  template <typename Read>
  auto at_one_instant(Read read) -> decltype(read()) {
    const std::scoped_lock lock(mutex);
    if (const Result<void> begun = begin.run(); !begun) return std::unexpected(begun.error());
    auto outcome = read();
    for (Statement* statement : {&find_memory, &find_group, &find_changes, &find_turn, &list_groups}) statement->reset();
    (void)end.run();
    return outcome;
  }

  Result<std::optional<GroupRow>> group(const std::string& name) {
    const Result<bool> row = find_group.bind(1, std::string_view(name)).step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return std::nullopt;
    return GroupRow{find_group.integer(0), find_group.integer(1)};
  }

  Result<std::vector<KeptRecord>> changes(const GroupRow& row, int limit, std::int64_t before) {
    std::vector<KeptRecord> records;
    find_changes.bind(1, row.id).bind(2, before).bind(3, std::int64_t{limit});
    for (;;) {
      const Result<bool> more = find_changes.step();
      if (!more) return std::unexpected(more.error());
      if (!*more) return records;
      records.push_back({find_changes.integer(0), time_of(find_changes.integer(1)), true, std::string(find_changes.text(2))});
    }
  }

  /// The turn before the one that find_turn has just found; 0: none. When all old rows are gone their ids are given anew, so one
  /// that is not smaller is no older turn but a younger one.
  [[nodiscard]] std::int64_t older(std::int64_t id) const {
    const std::int64_t previous = find_turn.integer(2);
    return previous < id ? previous : 0;
  }

  /// Follows the group's chain of turns without change; where the chain was cut off by age it ends.
  Result<std::vector<KeptRecord>> quiet_turns(const GroupRow& row, int limit, std::int64_t before) {
    std::vector<KeptRecord> records;
    for (std::int64_t id = row.last_turn; id != 0 && std::ssize(records) < limit;) {
      const Result<bool> found = find_turn.bind(1, id).bind(2, row.id).step();
      if (!found) return std::unexpected(found.error());
      if (!*found) break;
      const std::int64_t at = find_turn.integer(1);
      if (at < before) records.push_back({find_turn.integer(0), time_of(at), false, std::string(find_turn.text(3))});
      id = older(id);
      find_turn.reset();
    }
    return records;
  }

  /// Calls `keep(number, at, record)` for the group's turns without change later than `since`, newest first. The text is read from
  /// the file only where `wants(at)` says so.
  template <typename Wants, typename Keep>
  Result<void> walk_quiet_turns(const GroupRow& row, std::int64_t since, Wants wants, Keep keep) {
    for (std::int64_t id = row.last_turn; id != 0;) {
      const Result<bool> found = find_turn.bind(1, id).bind(2, row.id).step();
      if (!found) return std::unexpected(found.error());
      if (!*found || find_turn.integer(1) <= since) break;
      const std::int64_t at = find_turn.integer(1);
      if (wants(at)) keep(KeptRecord{find_turn.integer(0), time_of(at), false, std::string(find_turn.text(3))});
      id = older(id);
      find_turn.reset();
    }
    find_turn.reset();
    return {};
  }

  template <typename Wants, typename Keep>
  Result<void> walk_changes(const GroupRow& row, std::int64_t since, Wants wants, Keep keep) {
    find_changes.bind(1, row.id).bind(2, std::numeric_limits<std::int64_t>::max()).bind(3, std::int64_t{-1});
    for (;;) {
      const Result<bool> more = find_changes.step();
      if (!more) return std::unexpected(more.error());
      if (!*more || find_changes.integer(1) <= since) break;
      const std::int64_t at = find_changes.integer(1);
      if (wants(at)) keep(KeptRecord{find_changes.integer(0), time_of(at), true, std::string(find_changes.text(2))});
    }
    find_changes.reset();
    return {};
  }

  Result<std::vector<KeptRecord>> spread(const std::string& name, std::int64_t since, std::int64_t until, int slices) {
    std::vector<KeptRecord> kept;
    const Result<std::optional<GroupRow>> row = group(name);
    if (!row) return std::unexpected(row.error());
    if (!*row) return kept;
    const auto keep = [&kept](KeptRecord record) { kept.push_back(std::move(record)); };
    Slices quiet(since, until, slices);
    Slices changed(since, until, slices);
    Result<void> walked = walk_quiet_turns(**row, since, [&quiet](std::int64_t at) { return quiet.takes(at); }, keep);
    if (walked) walked = walk_changes(**row, since, [&changed](std::int64_t at) { return changed.takes(at); }, keep);
    if (!walked) return std::unexpected(walked.error());
    std::ranges::sort(kept, {}, &KeptRecord::number);
    return kept;
  }

  Result<std::vector<KeptRecord>> history(const std::string& name, int limit, std::int64_t before, Which which) {
    const Result<std::optional<GroupRow>> row = group(name);
    if (!row) return std::unexpected(row.error());
    if (!*row) return std::vector<KeptRecord>{};
    Result<std::vector<KeptRecord>> changed = changes(**row, limit, before);
    if (!changed || which == Which::changes) return changed;
    Result<std::vector<KeptRecord>> quiet = quiet_turns(**row, limit, before);
    if (!quiet) return quiet;
    std::vector<KeptRecord> merged;
    merged.reserve(changed->size() + quiet->size());
    const auto newer = [](const KeptRecord& left, const KeptRecord& right) { return left.number > right.number; };
    std::merge(std::move_iterator(changed->begin()), std::move_iterator(changed->end()), std::move_iterator(quiet->begin()),
               std::move_iterator(quiet->end()), std::back_inserter(merged), newer);
    if (std::ssize(merged) > limit) merged.resize(static_cast<std::size_t>(limit));
    return merged;
  }
};

StateReader::StateReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StateReader::~StateReader() = default;

Result<std::unique_ptr<StateReader>> StateReader::open(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return failure(ErrorKind::not_found, fmt::format("state {}: there is no such file; `weir run` makes it", path.string()));
  }
  Result<Database> database = Database::open(path, Database::Access::read);
  if (!database) return std::unexpected(database.error());
  if (const Result<void> checked = check_schema(*database, path); !checked) return std::unexpected(checked.error());
  if (database->number("PRAGMA user_version") == 0) {
    return failure(ErrorKind::not_found, fmt::format("state {}: nothing in it yet; `weir run` fills it", path.string()));
  }
  std::vector<Statement> statements;
  for (const char* sql : {
           "BEGIN",
           "COMMIT",
           "SELECT memory FROM groups WHERE name = ?1",
           "SELECT id, last_turn FROM groups WHERE name = ?1",
           "SELECT number, at, record FROM changes WHERE group_id = ?1 AND at < ?2 ORDER BY number DESC LIMIT ?3",
           "SELECT number, at, previous, record FROM turns WHERE id = ?1 AND group_id = ?2",
           "SELECT name FROM groups ORDER BY name",
       }) {
    Result<Statement> statement = database->prepare(sql);
    if (!statement) return std::unexpected(statement.error());
    statements.push_back(std::move(*statement));
  }
  // NOLINTNEXTLINE(modernize-make-unique): an aggregate
  auto impl = std::unique_ptr<Impl>(new Impl{std::move(*database),
                                             std::move(statements[0]),
                                             std::move(statements[1]),
                                             std::move(statements[2]),
                                             std::move(statements[3]),
                                             std::move(statements[4]),
                                             std::move(statements[5]),
                                             std::move(statements[6]),
                                             {}});
  return std::unique_ptr<StateReader>(new StateReader(std::move(impl)));
}

Result<Memory> StateReader::load(const std::string& group) const {
  return impl_->at_one_instant([&]() -> Result<Memory> {
    const Result<bool> row = impl_->find_memory.bind(1, std::string_view(group)).step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return fresh_memory();
    Result<Memory> memory = parse_memory(impl_->find_memory.text(0));
    if (!memory) return failure(memory.error().kind, fmt::format("group {}: {}", group, memory.error().message));
    return memory;
  });
}

Result<std::optional<KeptRecord>> StateReader::last(const std::string& group) const {
  Result<std::vector<KeptRecord>> newest = history(group, 1);
  if (!newest) return std::unexpected(newest.error());
  if (newest->empty()) return std::nullopt;
  return std::move(newest->front());
}

Result<std::vector<KeptRecord>> StateReader::history(const std::string& group, int limit, std::optional<TimePoint> before,
                                                     Which which) const {
  const std::int64_t until = before ? before->time_since_epoch().count() : std::numeric_limits<std::int64_t>::max();
  return impl_->at_one_instant([&] { return impl_->history(group, limit, until, which); });
}

Result<std::vector<KeptRecord>> StateReader::spread(const std::string& group, TimePoint since, int slices) const {
  const Result<std::optional<KeptRecord>> newest = last(group);
  if (!newest) return std::unexpected(newest.error());
  if (!*newest) return std::vector<KeptRecord>{};
  const auto milliseconds = [](TimePoint time) { return time.time_since_epoch().count(); };
  const std::int64_t until = milliseconds((*newest)->at);
  return impl_->at_one_instant([&] { return impl_->spread(group, milliseconds(since), until, slices); });
}

Result<std::vector<std::string>> StateReader::groups() const {
  return impl_->at_one_instant([&]() -> Result<std::vector<std::string>> {
    std::vector<std::string> names;
    for (;;) {
      const Result<bool> more = impl_->list_groups.step();
      if (!more) return std::unexpected(more.error());
      if (!*more) return names;
      names.emplace_back(impl_->list_groups.text(0));
    }
  });
}

}  // namespace weir
