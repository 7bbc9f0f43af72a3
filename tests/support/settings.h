#pragma once

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "model/settings.h"

namespace weir {

/// Settings with the defaults of a table, as the configuration would give them: for text, integers and durations in seconds.
[[nodiscard]] inline Settings with_defaults(std::span<const Key> keys) {
  Settings settings;
  for (const Key& key : keys) {
    if (key.fallback.empty()) continue;
    std::int64_t number = 0;
    (void)std::from_chars(key.fallback.data(), key.fallback.data() + key.fallback.size(), number);
    switch (key.type) {
      case KeyType::text:
        settings.set(key.name, std::string(key.fallback));
        break;
      case KeyType::integer:
        settings.set(key.name, number);
        break;
      case KeyType::duration:
        settings.set(key.name, Duration(std::chrono::seconds(number)));
        break;
      default:
        std::abort();  // a default of this type has not been needed yet
    }
  }
  return settings;
}

}  // namespace weir
