#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "controller/ports/ports.h"
#include "controller/state/state_reader.h"

namespace weir {

/// How far back decisions can be looked up.
struct Retention {
  Duration age = std::chrono::days(30);
  int changes_per_group = 2000;    ///< turns that changed something
  int turns_per_group = 2000;      ///< on average, turns that changed nothing …
  std::int64_t turns = 100'000;    ///< … and of all groups together: about 250 MB
  std::int64_t changes = 200'000;  ///< of all groups together
};

/// The state of one controller in an SQLite file (WAL, synchronous=FULL, mode 0600). One thread writes: whatever is waiting goes
/// into one transaction. Thread-safe.
class SqliteStore final : public Store {
 public:
  struct Options {
    std::filesystem::path path;
    Retention retention = {};
    Duration eventual_delay{500};          ///< how long an eventual save may wait for company
    Duration retry_delay{1000};            ///< after a failed write
    Duration save_deadline{20'000};        ///< a save waits no longer for a disk that neither works nor fails
    std::size_t max_waiting = 4UL << 20U;  ///< bytes; more eventual saves wait for the disk, unless it fails
  };

  /// Opens or makes the file, as the only controller. Errors: denied (another controller, permissions), invalid (damaged, not
  /// weir's, written by a newer weir), unavailable (disk).
  [[nodiscard]] static Result<std::unique_ptr<SqliteStore>> open(Options options);
  /// Writes what is waiting; what cannot be written then is lost (flush() before tells).
  ~SqliteStore() override;

  [[nodiscard]] Result<Memory> load(const std::string& group) override;
  /// A failed durable save has changed nothing, unless it failed by its deadline (unavailable): then it may reach the disk yet. An
  /// eventual one succeeds at once; as long as the disk fails, the newest memory and the newest records of each group are kept for
  /// the next attempt.
  [[nodiscard]] Result<void> save(const std::string& group, const Memory& memory, const Record& record,
                                  Durability durability) override;
  /// Waits until everything saved before is on disk, or says why it is not.
  [[nodiscard]] Result<void> flush();
  /// Why the last write failed, while that is so.
  [[nodiscard]] std::optional<Error> trouble() const;
  /// What is on disk.
  [[nodiscard]] const StateReader& reader() const;

 private:
  struct Impl;
  explicit SqliteStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
