#pragma once

#include "receivers/receiver.h"

namespace weir {

/// Any program that takes JSON by HTTP.
[[nodiscard]] ReceiverType webhook_receiver();

}  // namespace weir
