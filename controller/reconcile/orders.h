#pragma once

#include <span>

#include "model/error.h"
#include "model/group.h"
#include "model/memory.h"
#include "model/observation.h"

namespace weir {

/// Whether the group can do what is ordered, as it is now. Error: invalid: a size outside min..max, which would be cut to them
/// unseen; a deploy that weir cannot carry out or that changes nothing; a hand on a deploy that is not there.
[[nodiscard]] Result<void> check_order(const Order& order, const Group& group, const Memory& memory);

/// Writes what people ordered into memory, in order, and takes off what has expired. What has become senseless since it was checked
/// changes nothing. Pure.
void obey_orders(std::span<const Order> orders, const Group& group, TimePoint at, Memory& memory);

}  // namespace weir
