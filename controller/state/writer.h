#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "controller/state/batch.h"
#include "controller/state/database.h"
#include "controller/state/sqlite_store.h"
#include "model/error.h"

namespace weir {

/// Puts batches into the database, each in one transaction, and forgets what is older than the retention. For one thread.
class Writer {
 public:
  [[nodiscard]] static Result<Writer> make(Database database, Retention retention);
  /// All or nothing.
  [[nodiscard]] Result<void> write(const Batch& batch);

 private:
  struct Row {
    std::int64_t id = 0;
    std::int64_t turns = 0;
    std::int64_t last_turn = 0;
    int changes_since_prune = kPruneEvery;
  };
  struct Work {
    Row* row = nullptr;
    const WaitingGroup* group = nullptr;
  };
  static constexpr int kPruneEvery = 64;

  Writer(Database database, std::vector<Statement> statements, Retention retention);
  Result<void> write_all(const Batch& batch);
  Result<Row*> row_of(const std::string& group);
  Result<void> write_group(Row& row, const WaitingGroup& group);
  Result<void> write_record(Row& row, const WaitingRecord& record);
  Result<void> prune();

  Database database_;
  Retention retention_;
  Statement begin_;
  Statement commit_;
  Statement find_group_;
  Statement add_group_;
  Statement update_group_;
  Statement add_change_;
  Statement add_turn_;
  Statement prune_changes_of_group_;
  Statement prune_changes_;
  Statement prune_turns_;
  Statement prune_old_changes_;
  Statement prune_old_turns_;
  std::unordered_map<std::string, Row> rows_;  ///< as of the last good commit; only a cache
  std::int64_t newest_at_ = 0;                 ///< of the batch: a clock that once ran ahead must not age everything
  std::uint64_t commits_ = 0;
};

}  // namespace weir
