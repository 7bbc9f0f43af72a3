#pragma once

#include <span>

#include "model/memory.h"
#include "model/observation.h"

namespace weir {

/// Writes what people ordered into memory, in order, and takes off what has expired. Pure.
void obey_orders(std::span<const Order> orders, TimePoint at, Memory& memory);

}  // namespace weir
