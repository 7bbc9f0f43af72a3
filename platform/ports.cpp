#include "platform/ports.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "platform/descriptor.h"

namespace weir {
namespace {

std::optional<int> parse_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port < 1 || port > 65535) return std::nullopt;
  return port;
}

bool is_ipv6(const std::string& host) { return host.find(':') != std::string::npos; }

int try_to_bind(const std::string& host, int port) {
  const Descriptor socket(::socket(is_ipv6(host) ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return errno;
  // As servers do: connections of the last server on this port that are still in TIME_WAIT do not count.
  const int yes = 1;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_storage address{};
  socklen_t length = 0;
  if (is_ipv6(host)) {
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<std::uint16_t>(port));
    (void)::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr);
    length = sizeof *v6;
  } else {
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&address);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<std::uint16_t>(port));
    (void)::inet_pton(AF_INET, host.c_str(), &v4->sin_addr);
    length = sizeof *v4;
  }
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0 ? 0 : errno;
}

}  // namespace

std::optional<PortRange> parse_port_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const std::optional<int> first = parse_port(text.substr(0, dash));
  const std::optional<int> last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return PortRange{*first, *last};
}

bool is_host_address(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return v4.s_addr != INADDR_ANY;
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6) == 0;
}

std::string join_address(const std::string& host, int port) {
  return is_ipv6(host) ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Result<bool> is_port_free(const std::string& host, int port) {
  if (!is_host_address(host)) return failure(ErrorKind::invalid, fmt::format("'{}' is not an address to listen on", host));
  const int error = try_to_bind(host, port);
  if (error == 0) return true;
  if (error == EADDRINUSE) return false;
  const bool ours = error == EADDRNOTAVAIL || error == EACCES || error == EAFNOSUPPORT;
  return failure(ours ? ErrorKind::invalid : ErrorKind::unavailable,
                 fmt::format("cannot listen on {}: {}", join_address(host, port), std::strerror(error)));
}

}  // namespace weir
