#pragma once

#include <string>

namespace weir {

/// RFC 4648, with padding.
[[nodiscard]] std::string base64(const std::string& bytes);

}  // namespace weir
