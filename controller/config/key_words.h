#pragma once

#include <functional>
#include <span>
#include <string>

#include "model/settings.h"

namespace weir {

/// What a key takes, in words: `whole number, 1 to 10`. What is to be written literally stands in backticks.
[[nodiscard]] std::string takes(const Key& key);

/// Its default as one would write it; empty: none, or it must be given.
[[nodiscard]] std::string default_of(const Key& key);

/// Is told of a key and its path below the table.
using VisitKey = std::function<void(const Key& key, const std::string& path)>;

/// Calls `visit` for each key; those of nested sections follow their section, with its name in front: `limits[].per`.
void each_key(std::span<const Key> table, const VisitKey& visit);

}  // namespace weir
