#pragma once

#include <string>
#include <vector>

#include "controller/notifications/router.h"
#include "receivers/receiver.h"

namespace weir {

/// The `notifications:` section, read.
struct NotificationRules {
  std::string controller = "weir";  ///< which weir speaks
  std::vector<ReceiverSpec> receivers;
  std::vector<Route> routes;
};

}  // namespace weir
