#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <string>

namespace weir {
namespace free_port_detail {

inline constexpr int kFirst = 21000;
inline constexpr int kLast = 29999;

/// The claim is a lock on a file that ends with this process, however it ends.
inline bool claim(int port) {
  const std::string directory = "/tmp/weir-test-ports";
  (void)::mkdir(directory.c_str(), 0777);
  (void)::chmod(directory.c_str(), 0777);
  const int file = ::open((directory + "/" + std::to_string(port)).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return false;
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return true;
  ::close(file);
  return false;
}

inline bool can_listen(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(socket);
  return bound;
}

}  // namespace free_port_detail

/// A TCP port of 127.0.0.1 that nobody listens on. It lies below the range from which the kernel takes ports for outgoing
/// connections, and no other test program gets it as long as this one runs.
[[nodiscard]] inline int free_port() {
  static std::mutex mutex;
  static int next =
      free_port_detail::kFirst + static_cast<int>(::getpid()) * 16 % (free_port_detail::kLast - free_port_detail::kFirst);
  const std::lock_guard lock(mutex);
  for (int tried = 0; tried <= free_port_detail::kLast - free_port_detail::kFirst; ++tried) {
    const int port = next;
    next = next == free_port_detail::kLast ? free_port_detail::kFirst : next + 1;
    if (free_port_detail::claim(port) && free_port_detail::can_listen(port)) return port;
  }
  std::abort();
}

}  // namespace weir
