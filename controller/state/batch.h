#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/ports/ports.h"

namespace weir {

/// A record on its way to disk.
struct WaitingRecord {
  std::int64_t at = 0;  ///< milliseconds since the epoch
  bool change = false;
  bool durable = false;
  std::string json;
};

/// What waits to be written for one group.
struct WaitingGroup {
  std::optional<std::string> memory;    ///< the newest
  bool durable = false;                 ///< `memory` came with a durable save
  std::optional<std::string> fallback;  ///< then: the newest eventual memory before it
  std::vector<WaitingRecord> records;   ///< oldest first
};

/// Saves that go to disk together.
struct Batch {
  std::map<std::string, WaitingGroup> groups;
  std::size_t bytes = 0;
  bool urgent = false;                  ///< somebody waits for it
  std::optional<Result<void>> outcome;  ///< set once it was tried

  void add(const std::string& group, std::string memory, WaitingRecord record);
  /// Puts the eventual saves of a batch that failed before everything in this one. The durable ones are forgotten: their callers
  /// are told. Of each group at most `max_records` records stay.
  void take_back(Batch failed, std::size_t max_records);
};

}  // namespace weir
