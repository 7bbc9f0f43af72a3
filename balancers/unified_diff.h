#pragma once

#include <string>
#include <string_view>

namespace weir {

/// What changes from `before` to `after`, as `diff -u` shows it; empty if nothing does. `name` heads it.
[[nodiscard]] std::string unified_diff(std::string_view name, std::string_view before, std::string_view after);

}  // namespace weir
