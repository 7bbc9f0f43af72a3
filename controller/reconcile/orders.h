#pragma once

#include <span>

#include "model/error.h"
#include "model/group.h"
#include "model/memory.h"
#include "model/observation.h"

namespace weir {

/// Whether the group can do what is ordered. Error: invalid, with its bounds, for a size outside min..max: it would be cut to them
/// unseen.
[[nodiscard]] Result<void> check_order(const Order& order, const Group& group);

/// Writes what people ordered into memory, in order, and takes off what has expired. Pure.
void obey_orders(std::span<const Order> orders, TimePoint at, Memory& memory);

}  // namespace weir
