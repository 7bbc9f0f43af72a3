#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/memory.h"
#include "model/time.h"

namespace weir {

/// Memory of a group nobody has seen before: only a random nonce.
[[nodiscard]] Memory fresh_memory();

/// One turn as it lies in the state file.
struct KeptRecord {
  std::int64_t number = 0;  ///< the group's turns count from 1; the difference of two numbers tells how many lay between
  TimePoint at{};
  bool change = false;  ///< it changed desired or a server, or was refused
  std::string json;     ///< parse_record() reads it
};

/// Reads the state file, also while a controller writes it; sees what is committed. Thread-safe; calls wait for each other.
class StateReader {
 public:
  enum class Which { every_turn, changes };

  /// Errors: not_found (no state file yet), invalid (damaged, not weir's, or written by a newer weir), denied.
  [[nodiscard]] static Result<std::unique_ptr<StateReader>> open(const std::filesystem::path& path);
  ~StateReader();
  StateReader(const StateReader&) = delete;
  StateReader& operator=(const StateReader&) = delete;

  /// A fresh memory for a group without one.
  [[nodiscard]] Result<Memory> load(const std::string& group) const;
  /// The newest turn; nothing for a group that had none.
  [[nodiscard]] Result<std::optional<KeptRecord>> last(const std::string& group) const;
  /// Newest first, at most `limit`, before the given time. How far back they go is bounded: changes longer than turns without one.
  [[nodiscard]] Result<std::vector<KeptRecord>> history(const std::string& group, int limit, std::optional<TimePoint> before = {},
                                                        Which which = Which::every_turn) const;
  /// Oldest first, later than `since`: of the time from there to the newest turn, cut into `slices` (at least 1), the newest turn
  /// of each slice, and the newest that changed something. So at most twice as many, however long it is.
  [[nodiscard]] Result<std::vector<KeptRecord>> spread(const std::string& group, TimePoint since, int slices) const;
  /// Names of all groups the file knows, sorted.
  [[nodiscard]] Result<std::vector<std::string>> groups() const;

 private:
  struct Impl;
  explicit StateReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
