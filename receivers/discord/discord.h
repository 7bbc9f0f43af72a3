#pragma once

#include "receivers/receiver.h"

namespace weir {

/// A Discord channel, by a webhook.
[[nodiscard]] ReceiverType discord_receiver();

}  // namespace weir
