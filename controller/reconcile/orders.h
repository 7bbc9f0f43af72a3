#pragma once

#include <span>

#include "model/error.h"
#include "model/group.h"
#include "model/memory.h"
#include "model/observation.h"

namespace weir {

/// Whether the group can do what is ordered, as `memory` has it. Errors: invalid, and why: a size outside min..max, which would be
/// cut to them unseen; a deploy of a group that weir cannot deploy, or of what it runs or is deploying already; promote or abort of
/// a deploy that does not go forward.
[[nodiscard]] Result<void> check_order(const Order& order, const Group& group, const Memory& memory);

/// Writes what people ordered into memory, in order, and takes off what has expired. An order about deploys that check_order()
/// would refuse by now is passed over. Pure.
void obey_orders(std::span<const Order> orders, const Group& group, TimePoint at, Memory& memory);

/// What an operator has ordered that still holds at `at`, whether or not a turn has seen the end of it.
[[nodiscard]] Manual manual_in_force(Manual manual, TimePoint at);

}  // namespace weir
