#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// What a state file holds.
struct StateSummary {
  std::int64_t schema = 0;
  std::int64_t groups = 0;
  std::optional<TimePoint> newest;  ///< turn; absent if there is none
};

/// What is in the way of a backup's name.
enum class Existing { keep, replace };

/// Copies the state at one instant into `file`, also while a controller writes it: mode 0600, checked, on disk, and there in one
/// step or not at all. Errors: not_found (no state), invalid (damaged, not weir's, newer; or `file` exists and is to be kept),
/// denied, unavailable (disk).
[[nodiscard]] Result<StateSummary> backup_state(const std::filesystem::path& state, const std::filesystem::path& file,
                                                Existing existing);

/// What a restore did.
struct Restored {
  StateSummary summary;
  std::filesystem::path kept;  ///< the state that was there before; empty if there was none
};

/// Puts the copy in `file` in the place of the state; the next controller brings an older schema up to date. The state there was is
/// kept beside it under a name with `at`. Killed at any moment it leaves one of the two in place, whole. Errors: denied (a
/// controller works on the state), and those of backup_state(); then nothing has changed.
[[nodiscard]] Result<Restored> restore_state(const std::filesystem::path& file, const std::filesystem::path& state, TimePoint at);

}  // namespace weir
