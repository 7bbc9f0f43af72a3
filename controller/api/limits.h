#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

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
  std::size_t most_body = 0;  ///< bytes that a request with this method may bring
};

/// How long a body may be with this method: only POST takes one.
[[nodiscard]] std::size_t most_body(std::string_view method);

/// The answer to a request that is too large or ambiguous (RFC 9112 6.3: Content-Length beside Transfer-Encoding); nothing if it
/// may pass. A body has to say beforehand how long it is.
[[nodiscard]] std::optional<ApiResponse> refusal(const RequestSize& size);

}  // namespace weir
