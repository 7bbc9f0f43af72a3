#include <algorithm>
#include <array>

#include "receivers/alertmanager/alertmanager.h"
#include "receivers/discord/discord.h"
#include "receivers/email/email.h"
#include "receivers/receiver.h"
#include "receivers/slack/slack.h"
#include "receivers/webhook/webhook.h"

namespace weir {
namespace {

constexpr Key kCommon[] = {
    {.name = "name", .doc = "The receiver's name, for routes, people and metrics.", .required = true},
    {.name = "timeout",
     .type = KeyType::duration,
     .doc = "After this an attempt to tell it has failed.",
     .fallback = "10s",
     .minimum = 0.1,
     .maximum = 300},
    {.name = "retry_for",
     .type = KeyType::duration,
     .doc = "How long a message is tried again when the receiver fails; then it is given up, counted and logged.",
     .fallback = "10m",
     .minimum = 0,
     .maximum = 86'400},
};

}  // namespace

std::span<const Key> receiver_keys() { return kCommon; }

std::span<const ReceiverType> receiver_catalog() {
  static const std::array types{
      alertmanager_receiver(), discord_receiver(), email_receiver(), slack_receiver(), webhook_receiver(),
  };
  return types;
}

const ReceiverType* receiver_type(std::string_view name) {
  const auto types = receiver_catalog();
  const auto found = std::ranges::find(types, name, &ReceiverType::name);
  return found == types.end() ? nullptr : &*found;
}

}  // namespace weir
