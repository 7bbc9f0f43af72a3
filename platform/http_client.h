#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// Credentials and trust for a server we talk to. Secrets in here never reach a message.
struct HttpAccess {
  std::string bearer_token;
  std::string username;  ///< basic auth when not empty
  std::string password;
  std::string ca_file;  ///< PEM; empty = the system's
  bool verify = true;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// One exchange to make. http:// and https:// URLs.
struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::string body;  ///< sent with Content-Type `content_type`
  std::string content_type = "application/x-www-form-urlencoded";
  HttpAccess access = {};
  std::string unix_socket = {};
  Duration timeout{5000};              ///< whole exchange; connecting included
  std::size_t max_body = 64ull << 20;  ///< a larger answer fails
  bool fresh_connection = false;       ///< no connection reuse: for health checks and load without keep-alive
  bool connect_only = false;           ///< TCP check: success as soon as the connection stands
};

/// The answer, whatever its status.
struct HttpResponse {
  int status = 0;
  std::string content_type;
  std::string body;
  Duration elapsed{0};
};

/// All outbound HTTP: one thread, one libcurl multi handle, deadlines, immediate cancellation. A request on a reused connection
/// that is closed before any answer byte is repeated once (RFC 9112 9.3.1; libcurl does it). Thread-safe.
class HttpClient {
 public:
  struct Options {
    int max_connections_per_host = 8;
    int max_connections = 1024;
  };
  using Done = std::function<void(Result<HttpResponse>)>;

  HttpClient();
  explicit HttpClient(Options options);
  ~HttpClient();  ///< cancels what is under way; every Done has been called when it returns
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Starts an exchange. `done` runs once on the client's own thread and must not block. Any HTTP status is a success here;
  /// errors are `unavailable` (no usable answer: refused, timeout, truncated, too large) or `cancelled`.
  void send(HttpRequest request, Done done, std::stop_token stop = {});

  /// The same, waiting for the answer. Not to be called from a Done.
  [[nodiscard]] Result<HttpResponse> fetch(HttpRequest request, std::stop_token stop = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
