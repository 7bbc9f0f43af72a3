#pragma once

#include <cstddef>
#include <optional>

#include "controller/api/http.h"

namespace weir {

/// What counts for the limits of a request.
struct RequestSize {
  std::size_t uri = 0;           ///< bytes
  std::size_t headers = 0;       ///< how many
  std::size_t header_bytes = 0;  ///< names and values together
  bool has_content_length = false;
  bool has_transfer_encoding = false;
  std::size_t content_length = 0;
};

/// The answer to a request that is too large or ambiguous (RFC 9112 6.3: Content-Length beside Transfer-Encoding); nothing if it
/// may pass. No request of this API has a body.
[[nodiscard]] std::optional<ApiResponse> refusal(const RequestSize& size);

}  // namespace weir
