#pragma once

#include <span>
#include <string>
#include <vector>

#include "controller/ports/ports.h"
#include "controller/render/report.h"
#include "model/time.h"

namespace weir {

/// Whether escape sequences may be written; the caller knows the terminal and NO_COLOR.
enum class Colour { off, on };

/// One line of `weir history`: a turn that changed something.
struct HistoryEntry {
  std::int64_t number = 0;  ///< the group's turns count from 1
  Record record;
};

/// `weir plan`: every vote, stage, server, balancer diff and price of each group.
[[nodiscard]] std::string plans_text(std::span<const GroupPlan> plans, Colour colour);

/// `weir status`: one line per group. `now` gives the ages.
[[nodiscard]] std::string status_text(std::span<const GroupStatus> statuses, TimePoint now, Colour colour);

/// `weir explain G`: one turn in full; `manual` is what an operator has ordered since or before and is in force now.
[[nodiscard]] std::string explain_text(const Record& record, TimePoint now, Colour colour, const Manual& manual = {});

/// The votes and stages of one decision, as `explain` shows them.
[[nodiscard]] std::string decision_text(const Decision& decision, Colour colour);

/// `weir history G`: one line per change, newest first as given, and how many turns without change lay between; `newest_turn` is
/// the number of the group's last turn.
[[nodiscard]] std::string history_text(std::span<const HistoryEntry> changes, std::int64_t newest_turn, Colour colour);

}  // namespace weir
