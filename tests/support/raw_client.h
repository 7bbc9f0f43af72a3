#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

/// A connection to a server on this machine, for bytes as they come. `from` is any address of the loopback network, 127.0.0.0/8.
class RawClient {
 public:
  explicit RawClient(int port, const char* from = "127.0.0.1") : file_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{20, 0};  // a server that hangs fails the test, not the whole run
    (void)::setsockopt(file_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)::setsockopt(file_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    const int port_later = 1;  // when it connects: the same one may serve another server's connection
    (void)::setsockopt(file_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &port_later, sizeof port_later);
    const bool bound = ::inet_pton(AF_INET, from, &address.sin_addr) == 1 &&
                       ::bind(file_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    connected_ = bound && ::connect(file_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { ::close(file_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  /// False: the server closed the connection while we were sending.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(file_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// Sends no more: a server that has answered and waits for the next request closes.
  void send_no_more() { (void)::shutdown(file_, SHUT_WR); }
  /// Reads until `end` has come.
  std::string read_until(std::string_view end) {
    std::string text;
    while (text.find(end) == std::string::npos && read_some(text)) {
    }
    return text;
  }
  /// Reads until the server closes.
  std::string read_all() {
    std::string text;
    while (read_some(text)) {
    }
    return text;
  }
  /// The server has closed the connection by now.
  [[nodiscard]] bool at_end() const {
    char byte = 0;
    return ::recv(file_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }
  /// Nothing has come by now, and the connection is open.
  [[nodiscard]] bool silent() const {
    char byte = 0;
    return ::recv(file_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
  }
  /// The server closed or reset the connection (and did not just stay silent).
  [[nodiscard]] bool closed_by_server() {
    std::string rest;
    errno = 0;
    while (read_some(rest)) {
    }
    return errno != EAGAIN && errno != EWOULDBLOCK;
  }

 private:
  bool read_some(std::string& text) {
    std::array<char, 65536> part{};
    const ssize_t count = ::recv(file_, part.data(), part.size(), 0);
    if (count > 0) text.append(part.data(), static_cast<std::size_t>(count));
    return count > 0;
  }
  int file_;
  bool connected_ = false;
};

}  // namespace weir
