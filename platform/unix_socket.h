#pragma once

#include <cstddef>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// Says something to whoever listens on a unix stream socket, closes our half, and returns what is answered until the other closes
/// its own. Errors: not_found (no such socket), denied, unavailable (nobody listens, the connection broke, longer than `most`
/// bytes, or not over in time), cancelled. Once connected, it is unknown after an error whether the other has acted on it.
[[nodiscard]] Result<std::string> ask_unix_socket(const std::filesystem::path& path, std::string_view request, Duration timeout,
                                                  std::stop_token stop = {}, std::size_t most = 16UL * 1024 * 1024);

}  // namespace weir
