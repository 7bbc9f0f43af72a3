#pragma once

#include <string_view>

#include "model/error.h"

namespace weir {

/// A version is handed to commands, tags and file names of all kinds of providers, so it must be plain: a letter or digit, then
/// letters, digits and . _ - + : / @, at most 128 characters. Error: invalid, with what it should be.
[[nodiscard]] Result<void> check_version(std::string_view version);

}  // namespace weir
