#pragma once

#include <string_view>

#include "model/error.h"

namespace weir {

/// Whether this can be a version: letters, digits and . _ - + : / @ after a first letter or digit, at most 128 characters. It
/// becomes part of paths, command lines, queries and templates, none of which can take any of these for something else. Errors:
/// invalid.
[[nodiscard]] Result<void> check_version(std::string_view version);

}  // namespace weir
