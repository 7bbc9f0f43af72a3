#pragma once

#include "receivers/receiver.h"

namespace weir {

/// A Prometheus Alertmanager, by its API v2: conditions become alerts that resolve by themselves.
[[nodiscard]] ReceiverType alertmanager_receiver();

}  // namespace weir
