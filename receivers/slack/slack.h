#pragma once

#include "receivers/receiver.h"

namespace weir {

/// A Slack channel, by an incoming webhook; also what speaks its format, as Mattermost and Rocket.Chat do.
[[nodiscard]] ReceiverType slack_receiver();

}  // namespace weir
