#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace weir::testing {

/// An HTTP server that keeps connections open, and closes each one without an answer when its n-th request comes: the race every
/// client of a server with idle timeouts runs into.
class ClosingServer {
 public:
  explicit ClosingServer(int answers_per_connection)
      : answers_(answers_per_connection), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_, 64);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }
  ~ClosingServer() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
  }
  ClosingServer(const ClosingServer&) = delete;
  ClosingServer& operator=(const ClosingServer&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }
  /// Requests that were met by a close.
  [[nodiscard]] int refused() const { return refused_; }

 private:
  void serve(const std::stop_token& stop) {
    std::vector<std::pair<pollfd, int>> connections;  // and how many answers each one had
    while (!stop.stop_requested()) {
      std::vector<pollfd> wanted{{.fd = listener_, .events = POLLIN, .revents = 0}};
      for (const auto& [connection, answers] : connections) wanted.push_back(connection);
      if (::poll(wanted.data(), wanted.size(), 20) <= 0) continue;
      std::vector<std::pair<pollfd, int>> kept;
      for (std::size_t index = 0; index < connections.size(); ++index) {
        auto& [connection, answers] = connections[index];
        if (wanted[index + 1].revents == 0 || answer(connection.fd, answers)) kept.emplace_back(connection, answers);
      }
      connections = std::move(kept);
      if (wanted[0].revents != 0)
        connections.push_back({{.fd = ::accept(listener_, nullptr, nullptr), .events = POLLIN, .revents = 0}, 0});
    }
    for (const auto& [connection, answers] : connections) ::close(connection.fd);
  }

  /// False if the connection was closed.
  bool answer(int connection, int& answers) {
    std::array<char, 4096> request{};
    const ssize_t count = ::recv(connection, request.data(), request.size(), 0);
    if (count > 0 && answers < answers_) {
      ++answers;
      constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
      (void)::send(connection, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
      return true;
    }
    if (count > 0) ++refused_;
    ::close(connection);
    return false;
  }

  int answers_;
  int listener_;
  std::string url_;
  std::atomic<int> refused_ = 0;
  std::jthread thread_;
};

}  // namespace weir::testing
