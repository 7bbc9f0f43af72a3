#include "tests/support/free_port.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>
#include <stdexcept>
#include <string>

namespace weir::test {
namespace {

constexpr int kFirst = 21000;
constexpr int kLast = 29999;

/// The claim is a lock on a file that ends with this process, however it ends.
bool claim(int port) {
  const std::string directory = "/tmp/weir-test-ports";
  (void)::mkdir(directory.c_str(), 0777);
  (void)::chmod(directory.c_str(), 0777);
  const int file = ::open(fmt::format("{}/{}", directory, port).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return false;
  if (::flock(file, LOCK_EX | LOCK_NB) == 0) return true;
  ::close(file);
  return false;
}

bool can_listen(int port) {
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

}  // namespace

int free_port() {
  static std::mutex mutex;
  static int next = kFirst + static_cast<int>(::getpid()) * 16 % (kLast - kFirst);
  const std::lock_guard lock(mutex);
  for (int tried = 0; tried <= kLast - kFirst; ++tried) {
    const int port = next;
    next = next == kLast ? kFirst : next + 1;
    if (claim(port) && can_listen(port)) return port;
  }
  throw std::runtime_error("no free port");
}

}  // namespace weir::test
