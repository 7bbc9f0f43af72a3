#pragma once

#include <memory>
#include <string>

#include "controller/api/connections.h"
#include "controller/api/http.h"
#include "controller/api/tls.h"
#include "model/error.h"
#include "model/time.h"

namespace weir {

/// The HTTP server of the API: HTTP/1.1, by TLS where it has an identity. Requests outside the limits (limits.h, connections.h)
/// never reach the handler.
class ApiServer {
 public:
  /// Listens on `host:port` from now on (IPv4 or a name; cpprestsdk cannot do IPv6 literals). A port that is taken is waited for
  /// `patience` long. With `tls` nothing but TLS is spoken. Errors: invalid (not an address), denied (port taken or forbidden),
  /// naming the address.
  [[nodiscard]] static Result<std::unique_ptr<ApiServer>> start(const std::string& listen, const ApiHandler& handler,
                                                                ConnectionLimits limits = {}, Duration patience = Duration{0},
                                                                std::shared_ptr<const TlsIdentity> tls = nullptr);
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
