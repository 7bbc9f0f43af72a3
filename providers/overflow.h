#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "providers/provider.h"

namespace weir {

/// What makes one provider out of two.
struct OverflowParts {
  std::shared_ptr<Provider> first;   ///< used as long as it has room
  std::shared_ptr<Provider> second;  ///< used when the first is out of capacity
  std::filesystem::path directory;   ///< remembers which launches were begun at the second; created when first needed
};

/// The servers of groups that have `overflow:`, at two providers. A launch goes to the second only when the first has said
/// out_of_capacity, which promises that it made nothing; that is written down before, so that a repetition after a crash goes there
/// too. Servers of the second are marked as overflow, which makes them the first to go, and their ids begin with its name and a
/// slash. While the second cannot be asked and nothing of ours can be there, the first alone is the list.
[[nodiscard]] std::unique_ptr<Provider> make_overflow_provider(OverflowParts parts);

}  // namespace weir
