#include "controller/api/limits.h"

#include <fmt/format.h>

namespace weir {
namespace {

constexpr std::size_t kMaxUri = 8UL * 1024;
constexpr std::size_t kMaxHeaders = 100;
constexpr std::size_t kMaxHeaderBytes = 16UL * 1024;
constexpr std::size_t kMaxBody = 64UL * 1024;

}  // namespace

std::size_t most_body(std::string_view method) { return method == "POST" ? kMaxBody : 0; }

std::optional<ApiResponse> refusal(const RequestSize& size) {
  if (size.uri > kMaxUri) return problem(414, fmt::format("the URI has {} bytes, at most {} are taken", size.uri, kMaxUri));
  if (size.headers > kMaxHeaders)
    return problem(431, fmt::format("{} header fields, at most {} are taken", size.headers, kMaxHeaders));
  if (size.header_bytes > kMaxHeaderBytes) {
    return problem(431, fmt::format("{} bytes of header fields, at most {} are taken", size.header_bytes, kMaxHeaderBytes));
  }
  if (size.has_content_length && size.has_transfer_encoding) {
    return problem(400, "Content-Length and Transfer-Encoding together are ambiguous");
  }
  if (size.most_body == 0 && (size.content_length > 0 || size.has_transfer_encoding)) {
    return problem(413, "this request takes no body");
  }
  if (size.has_transfer_encoding) return problem(411, "a body is taken with a Content-Length only");
  if (size.content_length > size.most_body) {
    return problem(413, fmt::format("a body of {} bytes, at most {} are taken", size.content_length, size.most_body));
  }
  return std::nullopt;
}

}  // namespace weir
