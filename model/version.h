#pragma once

#include <string_view>

#include "model/error.h"

namespace weir {

/// What a version is, for messages.
inline constexpr std::string_view kVersionForm =
    "a letter or digit, then letters, digits and . _ - + : / @, at most 128 characters";

/// A version is handed to commands, tags and file names of all kinds of providers, so it must be plain: kVersionForm. Error:
/// invalid, with what it should be.
[[nodiscard]] Result<void> check_version(std::string_view version);

}  // namespace weir
