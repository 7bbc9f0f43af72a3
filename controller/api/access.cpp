#include "controller/api/access.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>

namespace weir {
namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest digest_of(std::string_view text) {
  Digest digest{};
  (void)::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

/// The token of `Authorization: Bearer TOKEN`; empty without one.
std::string_view shown_token(const ApiRequest& request) {
  const auto header = request.headers.find("authorization");
  if (header == request.headers.end()) return {};
  constexpr std::string_view scheme = "bearer ";
  const std::string_view text = header->second;
  const bool bearer = std::ranges::equal(text.substr(0, scheme.size()), scheme, {},
                                         [](char letter) { return letter >= 'A' && letter <= 'Z' ? letter + 32 : letter; });
  if (!bearer) return {};
  const std::size_t begin = text.find_first_not_of(' ', scheme.size());
  return begin == std::string_view::npos ? std::string_view{} : text.substr(begin);
}

/// Null: no such token. Looks at all of them, and at digests, which tell nothing by how long they are compared.
const ApiToken* token_of(std::string_view shown, const ApiAccess& access) {
  const Digest wanted = digest_of(shown);
  const ApiToken* found = nullptr;
  for (const ApiToken& token : access.tokens) {
    const Digest digest = digest_of(token.secret);
    if (CRYPTO_memcmp(digest.data(), wanted.data(), wanted.size()) == 0) found = &token;
  }
  return found;
}

bool allows(const ApiToken& token, ApiRole needed) { return needed == ApiRole::read || token.role == ApiRole::operate; }

ApiResponse nobody_may(ApiRole needed) {
  return problem(403, fmt::format("no {} is allowed, because no token is configured: set controller.token_file to a file with a "
                                  "secret, reload weir, and send the secret as Authorization: Bearer",
                                  needed == ApiRole::read ? "read" : "write"));
}

ApiResponse unauthorized(const std::string& detail) {
  ApiResponse refused = problem(401, detail);
  refused.headers.emplace_back("WWW-Authenticate", R"(Bearer realm="weir")");
  return refused;
}

std::string what_it_needs(ApiRole needed) {
  if (needed == ApiRole::read) return "reading needs a token of controller.tokens, sent as Authorization: Bearer TOKEN";
  return "a write needs the token of controller.token_file, sent as Authorization: Bearer TOKEN";
}

}  // namespace

std::expected<std::string, ApiResponse> allowed(const ApiRequest& request, ApiRole needed, ApiControl& control) {
  const auto access = control.access();
  if (needed == ApiRole::read && access->reading_is_open) return std::string();
  const bool anybody = std::ranges::any_of(access->tokens, [needed](const ApiToken& token) { return allows(token, needed); });
  if (!anybody) return std::unexpected(nobody_may(needed));
  const std::string_view shown = shown_token(request);
  if (shown.empty()) return std::unexpected(unauthorized(what_it_needs(needed)));
  const ApiToken* token = token_of(shown, *access);
  if (token == nullptr) {
    if (const auto wait = control.wrong_token(request.remote))
      return std::unexpected(too_many(*wait, "too many wrong tokens from this address"));
    return std::unexpected(unauthorized("the token is wrong: " + what_it_needs(needed)));
  }
  if (allows(*token, needed)) return token->name;
  return std::unexpected(problem(
      403, fmt::format("token {} has the role read: it may ask, but a write needs a token with the role operate", token->name)));
}

ApiResponse too_many(Duration wait, const std::string& detail) {
  const auto seconds = std::max(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds(1)).count();
  ApiResponse refused = problem(429, fmt::format("{}; try again in {} s", detail, seconds));
  refused.headers.emplace_back("Retry-After", std::to_string(seconds));
  return refused;
}

bool is_public(std::string_view path) {
  return path.empty() || path == "/" || path.starts_with("/web/") || path == "/healthz" || path == "/readyz";
}

}  // namespace weir
