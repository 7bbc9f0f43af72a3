#include "controller/state/writer.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

constexpr std::uint64_t kPruneOldEvery = 16;  // commits

constexpr const char* kStatements[] = {
    "BEGIN IMMEDIATE",
    "COMMIT",
    "SELECT id, turns, last_turn FROM groups WHERE name = ?1",
    "INSERT INTO groups (name, turns, last_turn, memory) VALUES (?1, 0, 0, '{}')",
    "UPDATE groups SET turns = ?2, last_turn = ?3, memory = ?4 WHERE id = ?1",
    "INSERT INTO changes (group_id, number, at, record) VALUES (?1, ?2, ?3, ?4)",
    "INSERT INTO turns (group_id, previous, number, at, record) VALUES (?1, ?2, ?3, ?4, ?5)",
    // NOLINTNEXTLINE(bugprone-suspicious-missing-comma)
    ("DELETE FROM changes WHERE group_id = ?1 AND number <= "
     "(SELECT number FROM changes WHERE group_id = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)"),
    "DELETE FROM changes WHERE id <= (SELECT max(id) FROM changes) - ?1",
    "DELETE FROM turns WHERE id <= (SELECT max(id) FROM turns) - min(?2, ?1 * (SELECT count(*) FROM groups))",
    // A few at a time and oldest first: whatever the backlog, a commit stays short.
    "DELETE FROM changes WHERE at < ?1 AND id IN (SELECT id FROM changes ORDER BY id LIMIT 500)",
    "DELETE FROM turns WHERE at < ?1 AND id IN (SELECT id FROM turns ORDER BY id LIMIT 500)",
};

}  // namespace

Result<Writer> Writer::make(Database database, Retention retention) {
  std::vector<Statement> statements;
  for (const char* sql : kStatements) {
    Result<Statement> statement = database.prepare(sql);
    if (!statement) return std::unexpected(statement.error());
    statements.push_back(std::move(*statement));
  }
  return Writer(std::move(database), std::move(statements), retention);
}

Writer::Writer(Database database, std::vector<Statement> statements, Retention retention)
    : database_(std::move(database)),
      retention_(retention),
      begin_(std::move(statements[0])),
      commit_(std::move(statements[1])),
      find_group_(std::move(statements[2])),
      add_group_(std::move(statements[3])),
      update_group_(std::move(statements[4])),
      add_change_(std::move(statements[5])),
      add_turn_(std::move(statements[6])),
      prune_changes_of_group_(std::move(statements[7])),
      prune_changes_(std::move(statements[8])),
      prune_turns_(std::move(statements[9])),
      prune_old_changes_(std::move(statements[10])),
      prune_old_turns_(std::move(statements[11])) {}

Result<void> Writer::write(const Batch& batch) {
  Result<void> done = begin_.run();
  if (!done) return done;
  done = write_all(batch);
  if (done) done = commit_.run();
  if (done) return done;
  (void)database_.execute("ROLLBACK");  // SQLite itself may have rolled back already
  rows_.clear();
  return done;
}

Result<void> Writer::write_all(const Batch& batch) {
  newest_at_ = 0;
  std::vector<Work> work;
  work.reserve(batch.groups.size());
  for (const auto& [name, group] : batch.groups) {
    const Result<Row*> row = row_of(name);
    if (!row) return std::unexpected(row.error());
    work.push_back({*row, &group});
  }
  // In the order of the table, so that every page is touched once.
  std::ranges::sort(work, {}, [](const Work& item) { return item.row->id; });
  for (const Work& item : work) {
    if (const Result<void> done = write_group(*item.row, *item.group); !done) return done;
  }
  return prune();
}

Result<Writer::Row*> Writer::row_of(const std::string& group) {
  const auto known = rows_.find(group);
  if (known != rows_.end()) return &known->second;
  const Result<bool> found = find_group_.bind(1, std::string_view(group)).step();
  if (!found) return std::unexpected(found.error());
  Row row;
  if (*found) {
    row.id = find_group_.integer(0);
    row.turns = find_group_.integer(1);
    row.last_turn = find_group_.integer(2);
    find_group_.reset();
  } else {
    const Result<void> added = add_group_.bind(1, std::string_view(group)).run();
    if (!added) return std::unexpected(added.error());
    row.id = database_.last_row();
  }
  return &rows_.emplace(group, row).first->second;
}

Result<void> Writer::write_group(Row& row, const WaitingGroup& group) {
  for (const WaitingRecord& record : group.records) {
    if (const Result<void> done = write_record(row, record); !done) return done;
  }
  if (group.memory) return update_group_.bind(1, row.id).bind(2, row.turns).bind(3, row.last_turn).bind(4, *group.memory).run();
  return {};
}

Result<void> Writer::write_record(Row& row, const WaitingRecord& record) {
  row.turns += 1;
  newest_at_ = std::max(newest_at_, record.at);
  if (!record.change) {
    Statement& add = add_turn_.bind(1, row.id).bind(2, row.last_turn).bind(3, row.turns).bind(4, record.at).bind(5, record.json);
    const Result<void> done = add.run();
    row.last_turn = database_.last_row();
    return done;
  }
  const Result<void> done = add_change_.bind(1, row.id).bind(2, row.turns).bind(3, record.at).bind(4, record.json).run();
  if (!done || ++row.changes_since_prune < kPruneEvery) return done;
  row.changes_since_prune = 0;
  return prune_changes_of_group_.bind(1, row.id).bind(2, std::int64_t{retention_.changes_per_group}).run();
}

Result<void> Writer::prune() {
  Result<void> done = prune_turns_.bind(1, std::int64_t{retention_.turns_per_group}).bind(2, retention_.turns).run();
  if (done) done = prune_changes_.bind(1, retention_.changes).run();
  if (!done || commits_++ % kPruneOldEvery != 0) return done;
  const std::int64_t oldest = newest_at_ - retention_.age.count();
  done = prune_old_changes_.bind(1, oldest).run();
  return done ? prune_old_turns_.bind(1, oldest).run() : done;
}

}  // namespace weir
