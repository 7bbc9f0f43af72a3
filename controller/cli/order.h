#pragma once

#include <string>

#include "controller/cli/commands.h"
#include "controller/config/config.h"
#include "model/error.h"
#include "model/group.h"
#include "model/observation.h"
#include "model/time.h"

namespace weir {

/// What was typed, as an order given at `now`. Errors: invalid, with the option and what was expected.
[[nodiscard]] Result<Order> order_of(const OrderArguments& arguments, TimePoint now);

/// The group of that name; it belongs to the configuration. Errors: not_found, with the names there are.
[[nodiscard]] Result<const Group*> find_group(const Config& config, const std::string& name);

}  // namespace weir
