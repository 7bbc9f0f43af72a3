#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace weir {

/// A TCP port of 127.0.0.1 that nobody listens on at this moment.
[[nodiscard]] inline int free_port() {
  const int file = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (file < 0 || ::bind(file, generic, length) != 0 || ::getsockname(file, generic, &length) != 0) std::abort();
  ::close(file);
  return ntohs(address.sin_port);
}

}  // namespace weir
