#pragma once

#include <optional>
#include <string>

#include "controller/cli/commands.h"
#include "controller/config/config.h"
#include "controller/render/text.h"

namespace weir {

/// Writes to standard output, with a line end if the text has none.
void print(const std::string& text);

/// Says on standard error what went wrong, and is the exit status for it.
[[nodiscard]] Exit complain(const std::string& message);

/// Whether standard output is a terminal that wants colours.
[[nodiscard]] Colour colour_for_output();

/// The configuration, or its errors on standard error.
[[nodiscard]] std::optional<Config> load_or_complain(const std::filesystem::path& file);

}  // namespace weir
