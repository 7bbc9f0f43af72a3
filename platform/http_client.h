#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// Credentials and trust for a server we talk to. Secrets in here never reach a message.
struct HttpAccess {
  std::string bearer_token = {};
  std::string username = {};  ///< basic auth when not empty
  std::string password = {};
  std::string ca_file = {};           ///< PEM; empty = the system's
  std::string certificate_file = {};  ///< PEM; shown to servers that ask who we are (mutual TLS), with `key_file`
  std::string key_file = {};
  std::string ca_pem = {};           ///< the same three as text, for those who have no file of them; the text counts
  std::string certificate_pem = {};  ///< may be followed by intermediate certificates
  std::string key_pem = {};
  bool verify = true;
  std::string tls_server_name =
      {};                      ///< what the server's certificate must say, and what it is asked for, where that is not its address
  std::string aws_sigv4 = {};  ///< "aws:amz:REGION:SERVICE": signs with `username` and `password` as access key and secret key
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// One exchange to make. http:// and https:// URLs.
struct HttpRequest {
  std::string method = "GET";
  std::string url = {};
  std::string body = {};  ///< sent with Content-Type `content_type`
  std::string content_type = "application/x-www-form-urlencoded";
  HttpAccess access = {};
  std::string unix_socket = {};
  Duration timeout{5000};              ///< whole exchange; waiting for a free connection and connecting included
  std::size_t max_body = 64ull << 20;  ///< a larger answer fails
  bool fresh_connection = false;       ///< no connection reuse: for health checks, load without keep-alive, and requests
                                       ///< that must never be sent twice
  bool connect_only = false;           ///< TCP check: success as soon as the connection stands
  bool keep_headers = false;           ///< the answer's headers are wanted
};

/// The answer, whatever its status.
struct HttpResponse {
  int status = 0;
  std::string content_type = {};
  std::string body = {};
  Duration elapsed{0};
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< only if asked for; names in lower case

  /// The first header of that name (in lower case); empty if there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

/// The URL without user, password, query and fragment: what may appear in a message.
[[nodiscard]] std::string redacted_url(const std::string& url);

/// Percent-encoded for a query string or a form.
[[nodiscard]] std::string url_encoded(std::string_view text);

/// All outbound HTTP: one thread, one libcurl multi handle, deadlines, immediate cancellation. A request on a reused connection
/// that is closed before any answer byte is repeated, at last on a new one (RFC 9112 9.3.1). HTTP/1.1, http and https only;
/// redirects are answers like any other; proxies named in the environment are not used, since a health check or a metric read
/// through a proxy says nothing about the server. Thread-safe.
class HttpClient {
 public:
  struct Options {
    int max_connections_per_host = 8;  ///< further exchanges with the same host and port wait for their turn
    int max_connections = 1024;
  };
  using Done = std::function<void(Result<HttpResponse>)>;

  HttpClient();
  explicit HttpClient(Options options);
  /// Cancels what is under way; every Done has been called when it returns. A Done told `cancelled` must not send again.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Starts an exchange. `done` runs once on the client's own thread and must neither block nor throw. Any HTTP status is a
  /// success here. Errors: `unavailable` (no usable answer: refused, timeout, truncated, too large), `cancelled`, `invalid` (no
  /// such URL or header can be sent), `out_of_capacity` (this machine has no file descriptor or port left: the server was not
  /// asked).
  void send(HttpRequest request, Done done, std::stop_token stop = {});

  /// The same, waiting for the answer. Not to be called from a Done.
  [[nodiscard]] Result<HttpResponse> fetch(HttpRequest request, std::stop_token stop = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
