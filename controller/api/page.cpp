#include "controller/api/page.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

namespace weir {
namespace {

constexpr std::string_view kFolder = "/web/";
constexpr std::string_view kFrontPage = "index.html";
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

std::string_view type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return "text/javascript; charset=utf-8";
}

std::string tag_of(std::string_view content) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  unsigned length = 0;
  (void)EVP_Digest(content.data(), content.size(), digest.data(), &length, EVP_sha256(), nullptr);
  std::string tag = "\"";
  for (std::size_t index = 0; index < 16; ++index) tag += fmt::format("{:02x}", digest.at(index));
  return tag + '"';
}

bool is_known(const ApiRequest& request, std::string_view tag) {
  const auto known = request.headers.find("if-none-match");
  // RFC 9110 13.1.2: a list of tags, perhaps marked as weak by what stands in between.
  return known != request.headers.end() && known->second.find(tag) != std::string::npos;
}

ApiResponse file_answer(const ApiRequest& request, const PageFile& file) {
  const std::string tag = tag_of(file.content);
  ApiResponse response{200, std::string(type_of(file.name)), {}, {}};
  response.headers = {{"ETag", tag}, {"Cache-Control", "no-cache"}, {"Cross-Origin-Resource-Policy", "same-origin"}};
  if (file.name == kFrontPage) {
    response.headers.emplace_back("Content-Security-Policy", kPolicy);
    response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
    response.headers.emplace_back("Referrer-Policy", "no-referrer");
    response.headers.emplace_back("X-Frame-Options", "DENY");
  }
  if (is_known(request, tag)) {
    response.status = 304;
  } else {
    response.body = file.content;
  }
  return response;
}

}  // namespace

std::optional<ApiResponse> page_answer(const ApiRequest& request) {
  const std::string_view path = request.path;
  const bool front = path == "/" || path.empty();
  if (!front && !path.starts_with(kFolder)) return std::nullopt;
  const std::string_view name = front ? kFrontPage : path.substr(kFolder.size());
  const auto files = page_files();
  const auto found = std::ranges::find(files, name, &PageFile::name);
  if (found == files.end()) return problem(404, fmt::format("the web page has no part {}; it is at /", name));
  return file_answer(request, *found);
}

}  // namespace weir
