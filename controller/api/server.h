#pragma once

#include <memory>
#include <string>

#include "controller/api/connections.h"
#include "controller/api/http.h"
#include "model/error.h"
#include "model/time.h"

namespace weir {

/// The HTTP server of the API: plain HTTP/1.1, meant for loopback; to be reached from elsewhere it stands behind nginx, which
/// brings TLS and rate limits. Requests outside the limits (limits.h, connections.h) never reach the
/// handler.
class ApiServer {
 public:
  /// Listens on `host:port` from now on (IPv4 or a name; cpprestsdk cannot do IPv6 literals). A port that is taken is waited for
  /// `patience` long. Errors: invalid (not an address), denied (port taken or forbidden), naming the address.
  [[nodiscard]] static Result<std::unique_ptr<ApiServer>> start(const std::string& listen, const ApiHandler& handler,
                                                                ConnectionLimits limits = {}, Duration patience = Duration{0});
  /// Answers what is under way, then closes.
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

 private:
  struct Impl;
  explicit ApiServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
