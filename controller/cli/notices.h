#pragma once

#include <set>
#include <string>

#include "controller/api/metrics.h"
#include "controller/config/config.h"
#include "controller/delivery/notifications.h"
#include "controller/notifications/news.h"

namespace weir {

/// Counts what becomes of messages. `metrics` outlives whoever is given them.
[[nodiscard]] DeliveryEvents delivery_events(Metrics& metrics);

/// All that may have news under this configuration.
[[nodiscard]] std::set<std::string> sources_in(const Config& config);

}  // namespace weir
