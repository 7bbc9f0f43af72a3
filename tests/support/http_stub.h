#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir {

/// A small HTTP/1.1 server on loopback (or a unix socket) that answers as it is told, well or badly. Thread-safe.
class HttpStub {
 public:
  struct Request {
    std::string method;
    std::string target;
    std::map<std::string, std::string> headers;  ///< names in lower case
    std::string body;
    int connection = 0;  ///< counts from 1
    int turn = 0;        ///< which request of its connection, from 1
  };
  enum class Ending {
    keep_open,  ///< keep-alive, unless the request says `Connection: close`
    close,      ///< answers, then closes without having announced it
    no_answer,  ///< closes instead of answering
    reset,      ///< resets the connection instead of answering
    cut_off,    ///< promises the whole body, sends half of it and closes
  };
  struct Answer {
    int status = 200;
    std::string body = {};
    std::string content_type = "text/plain";
    std::chrono::milliseconds delay{0};  ///< before the first byte; ends early when the stub goes
    Ending ending = Ending::keep_open;
    std::vector<std::pair<std::string, std::string>> headers = {};
  };
  /// Called on one thread per connection.
  using Handler = std::function<Answer(const Request&)>;

  explicit HttpStub(Handler handler, const std::filesystem::path& unix_socket = {});
  explicit HttpStub(Answer answer);
  HttpStub();
  ~HttpStub();
  HttpStub(const HttpStub&) = delete;
  HttpStub& operator=(const HttpStub&) = delete;

  /// From the next request on.
  void answer(Handler handler);
  void answer(Answer answer);

  [[nodiscard]] int port() const;
  [[nodiscard]] std::string address() const;  ///< 127.0.0.1:port
  [[nodiscard]] std::string url() const;      ///< http://127.0.0.1:port
  [[nodiscard]] std::vector<Request> requests() const;
  [[nodiscard]] int connections() const;       ///< accepted so far
  [[nodiscard]] int open_connections() const;  ///< held now

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
