#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controller/ports/ports.h"
#include "controller/render/report.h"
#include "model/error.h"
#include "model/memory.h"

namespace weir {

/// A record read back from JSON. `names` keeps alive what the plan's string_views (Vote::type, Step::stage) point into.
struct StoredRecord {
  Record record;
  std::shared_ptr<const void> names;
};

/// Plans read back from JSON, likewise.
struct StoredPlans {
  std::vector<GroupPlan> plans;
  std::shared_ptr<const void> names;
};

/// All of Memory, one compact object with `"format":1`; fields that say nothing (absent, zero, empty) are left out.
[[nodiscard]] std::string memory_json(const Memory& memory);
/// Inverse of memory_json. Unknown fields are passed over. Errors: invalid for text that is not such JSON (where and what), and for
/// a format this program does not know.
[[nodiscard]] Result<Memory> parse_memory(std::string_view json);

/// One turn: group, at, previous, desired, votes, steps, actions and servers, and the rest of the plan where it says anything.
[[nodiscard]] std::string record_json(const Record& record);
[[nodiscard]] Result<StoredRecord> parse_record(std::string_view json);
/// A record_json() with its number among the turns of its group, as `turn`. parse_record() reads that too.
[[nodiscard]] std::string numbered_json(std::string record_json, std::int64_t turn);

/// `weir plan --json`: {"groups":[…]}, and what `weir apply` needs to do exactly this.
[[nodiscard]] std::string plans_json(std::span<const GroupPlan> plans);
[[nodiscard]] Result<StoredPlans> parse_plans(std::string_view json);

/// One group of GET /v1/groups.
[[nodiscard]] std::string status_json(const GroupStatus& status);
/// What status_json() tells of orders in force. Errors: as parse_memory().
[[nodiscard]] Result<Manual> parse_manual(std::string_view status_json);
/// {"groups":[…]}
[[nodiscard]] std::string statuses_json(std::span<const std::shared_ptr<const GroupStatus>> statuses);

}  // namespace weir
