#pragma once

#include <optional>
#include <string>

#include "receivers/receiver.h"

namespace weir {

/// The message as weir's own JSON document.
[[nodiscard]] std::string webhook_body(const Message& message);

/// The user's JSON with its {names} filled in: texts as the inside of a JSON string, `{events}` and `{count}` as JSON.
[[nodiscard]] std::string webhook_body(const Message& message, const std::string& body);

/// Why `body` cannot be such a text; absent if it can.
[[nodiscard]] std::optional<std::string> wrong_body(const std::string& body);

}  // namespace weir
