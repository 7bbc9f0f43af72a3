#pragma once

#include <string>

#include "controller/cli/commands.h"
#include "controller/config/config.h"
#include "model/error.h"
#include "platform/http_client.h"

namespace weir {

/// How a command reaches a running controller.
struct Connection {
  std::string url;  ///< http://HOST:PORT or https://, without a slash at the end
  HttpAccess access;
};

/// The controller that listens where this configuration says, with its token of that role. Where it speaks TLS, exactly its
/// certificate is trusted. What the options say goes before. Errors: those of the files they name.
[[nodiscard]] Result<Connection> connection_to(const ControllerSettings& controller, const ConnectionOptions& options);

/// The controller that `options.url` names. Errors: invalid (no URL), those of the files they name.
[[nodiscard]] Result<Connection> connection_to(const ConnectionOptions& options);

/// What to do about an exchange that failed or was refused; empty where that is plain.
[[nodiscard]] std::string advice_for(const Connection& connection, const Result<HttpResponse>& answer);

/// The body of the answer 200 to GET of that path. Errors: not_found (404), denied (401, 403), unavailable; each says what to do.
[[nodiscard]] Result<std::string> get_from(HttpClient& http, const Connection& connection, const std::string& path);

}  // namespace weir
