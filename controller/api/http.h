#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace weir {

/// A request as the routes see it: decoded, within the limits.
struct ApiRequest {
  std::string method;                          ///< GET or another; HEAD arrives as GET
  std::string path;                            ///< percent-encoded as sent, without the query
  std::map<std::string, std::string> query;    ///< decoded
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body = {};                       ///< complete
  std::string remote = {};                     ///< address of the client; empty if not known
};

/// An answer.
struct ApiResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// Sends the answer to a request; to be called once, by any thread, and without effect once the server is gone.
using ApiReply = std::function<void(ApiResponse)>;

/// Answers a request, at once or later. Called on the server's few threads, several at once: it must not block, and it does not
/// throw.
using ApiHandler = std::function<void(const ApiRequest&, ApiReply)>;

/// An error answer: an RFC 9457 problem document. `detail` is for people and holds no secret.
[[nodiscard]] ApiResponse problem(int status, const std::string& detail);

}  // namespace weir
