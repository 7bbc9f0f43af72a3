#include "controller/cli/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controller/api/tls.h"
#include "controller/cli/deploys.h"
#include "controller/config/values.h"
#include "platform/file.h"

namespace weir {
namespace {

constexpr Duration kTimeout{10'000};

/// What the options say of trust and of who asks.
Result<void> apply(const ConnectionOptions& options, HttpAccess& access) {
  if (!options.ca.empty()) {
    access.ca_file = options.ca;
    access.ca_pem.clear();
    access.tls_server_name.clear();
  }
  access.certificate_file = options.certificate;
  access.key_file = options.key;
  if (options.token_file.empty()) return {};
  auto token = read_file(options.token_file);
  if (!token) return failure(token.error().kind, "--token-file: " + token.error().message);
  while (token->ends_with('\n') || token->ends_with('\r')) token->pop_back();
  if (token->empty()) return failure(ErrorKind::invalid, fmt::format("--token-file: {} is empty", options.token_file));
  access.bearer_token = *std::move(token);
  return {};
}

/// The one that may do most.
std::string own_token(const ApiAccess& access) {
  const auto best = std::ranges::max_element(access.tokens, {}, [](const ApiToken& token) { return static_cast<int>(token.role); });
  return best == access.tokens.end() ? "" : best->secret;
}

}  // namespace

Result<Connection> connection_to(const ControllerSettings& controller, const ConnectionOptions& options) {
  if (!options.url.empty()) return connection_to(options);
  Connection connection{.url = fmt::format("{}://{}", controller.tls.wanted() ? "https" : "http", address_of(controller.listen)),
                        .access = {.bearer_token = own_token(controller.access)}};
  if (controller.tls.wanted() && options.ca.empty()) {
    auto certificate = read_file(controller.tls.certificate);
    if (!certificate) return std::unexpected(certificate.error());
    connection.access.tls_server_name = name_in_certificate(*certificate);
    connection.access.ca_pem = *std::move(certificate);
  }
  if (auto applied = apply(options, connection.access); !applied) return std::unexpected(applied.error());
  return connection;
}

Result<Connection> connection_to(const ConnectionOptions& options) {
  Connection connection{.url = options.url, .access = {}};
  while (connection.url.ends_with('/')) connection.url.pop_back();
  if (!connection.url.starts_with("http://") && !connection.url.starts_with("https://")) {
    return failure(ErrorKind::invalid,
                   fmt::format("--url: expected http://HOST:PORT or https://HOST:PORT, found '{}'", options.url));
  }
  if (auto applied = apply(options, connection.access); !applied) return std::unexpected(applied.error());
  return connection;
}

std::string advice_for(const Connection& connection, const Result<HttpResponse>& answer) {
  if (answer) return answer->status == 401 ? "; name the file of a token with --token-file" : "";
  const std::string& why = answer.error().message;
  const bool distrusted = connection.url.starts_with("https://") && (why.contains("certificate") || why.contains("SSL"));
  return distrusted ? "; name the file of its authority, or of its own certificate, with --ca" : "";
}

Result<std::string> get_from(HttpClient& http, const Connection& connection, const std::string& path) {
  const auto answer = http.fetch({.url = connection.url + path, .access = connection.access, .timeout = kTimeout});
  if (!answer) {
    return failure(ErrorKind::unavailable, fmt::format("no weir answers at {}: {}{}", connection.url, answer.error().message,
                                                       advice_for(connection, answer)));
  }
  if (answer->status == 200) return answer->body;
  const bool denied = answer->status == 401 || answer->status == 403;
  const ErrorKind other = denied ? ErrorKind::denied : ErrorKind::unavailable;
  return failure(answer->status == 404 ? ErrorKind::not_found : other,
                 fmt::format("weir at {} refused ({}): {}{}", connection.url, answer->status, detail_of(*answer),
                             advice_for(connection, answer)));
}

}  // namespace weir
