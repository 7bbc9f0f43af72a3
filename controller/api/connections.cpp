#include "controller/api/connections.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/tcp.h>  // not <netinet/tcp.h>: its tcp_info ends before the byte counts
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weir {
namespace {

using Steady = std::chrono::steady_clock::time_point;

/// One accepted connection as the kernel sees it.
struct Connection {
  int file = -1;
  ino_t inode = 0;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
};

/// Where it stood when an answer last made progress.
struct Progress {
  Steady since;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
};

int port_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return 0;
}

bool is_on_port(int file, int port) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  return ::getsockname(file, reinterpret_cast<sockaddr*>(&address), &length) == 0 && port_of(address) == port;
}

/// What descriptor `file` of the directory /proc/self/fd is, if it is a TCP socket on this port. The library may close it at any
/// time and the number may then mean something else: this only looks, and by the number's own name, not through it.
std::optional<Connection> socket_at(int directory, int file, int port) {
  struct stat status{};
  if (::fstatat(directory, std::to_string(file).c_str(), &status, 0) != 0 || !S_ISSOCK(status.st_mode)) return std::nullopt;
  if (!is_on_port(file, port)) return std::nullopt;
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(file, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  return Connection{file, status.st_ino, info.tcpi_bytes_received, info.tcpi_bytes_sent};
}

bool is_connected(int file) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  return ::getpeername(file, reinterpret_cast<sockaddr*>(&address), &length) == 0;
}

enum class Ending { orderly, reset };

bool breaks(const ConnectionLimits& limits, const Connection& connection, const Progress& progress, Steady now) {
  const std::uint64_t unanswered = connection.received - progress.received;
  return unanswered > limits.unanswered || now - progress.since > (unanswered > 0 ? limits.answer : limits.idle);
}

}  // namespace

struct ConnectionGuard::Impl {
  Impl(DIR* opened, int guarded_port, ConnectionLimits given) : files(opened), port(guarded_port), limits(given) {}

  struct Close {
    void operator()(DIR* directory) const { (void)::closedir(directory); }
  };
  std::unique_ptr<DIR, Close> files;  ///< kept open: there may be no descriptor left when it matters
  int port;
  ConnectionLimits limits;
  std::unordered_map<ino_t, Progress> progress;
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::jthread thread;

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (!stopped.wait_for(lock, stop, limits.every, [&stop] { return stop.stop_requested(); })) look();
  }

  void look() {
    const Steady now = std::chrono::steady_clock::now();
    std::vector<std::pair<Steady, Connection>> open;
    std::unordered_map<ino_t, Progress> still_there;
    for (const Connection& connection : sockets(Kind::connected)) {
      const auto known = progress.find(connection.inode);
      const bool answered = known == progress.end() || known->second.sent != connection.sent;
      // A new connection has had no answer: all that it sent so far counts.
      const std::uint64_t received = known == progress.end() ? 0 : connection.received;
      const Progress state = answered ? Progress{now, received, connection.sent} : known->second;
      still_there.emplace(connection.inode, state);
      if (breaks(limits, connection, state, now)) {
        shut_down(connection, connection.received > state.received ? Ending::reset : Ending::orderly);
      } else {
        open.emplace_back(state.since, connection);
      }
    }
    progress = std::move(still_there);
    close_surplus(std::move(open));
  }

  /// Looks again first: that the number still means this connection.
  void shut_down(const Connection& connection, Ending ending) const {
    const std::optional<Connection> now = socket_at(::dirfd(files.get()), connection.file, port);
    if (!now || now->inode != connection.inode) return;
    const linger at_once{1, 0};  // without a reset a client that is still sending would not notice
    if (ending == Ending::reset) (void)::setsockopt(connection.file, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)::shutdown(connection.file, SHUT_RDWR);
  }

  void close_surplus(std::vector<std::pair<Steady, Connection>> open) const {
    if (open.size() <= limits.connections) return;
    std::ranges::sort(open, {}, &std::pair<Steady, Connection>::first);
    open.resize(open.size() - limits.connections);
    for (const auto& [since, connection] : open) shut_down(connection, Ending::orderly);
  }

  /// The kernel drops what knocks from now on; nothing else stops the library from accepting. True if somebody came in before and
  /// has not been accepted yet.
  static bool let_nobody_in(int listener) {
    sock_filter drop{BPF_RET | BPF_K, 0, 0, 0};
    const sock_fprog program{1, &drop};
    (void)::setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
    tcp_info info{};
    socklen_t length = sizeof info;
    // Of a listening socket this is the length of its queue.
    return ::getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_unacked > 0;
  }

  [[nodiscard]] bool let_nobody_in() const {
    bool waiting = false;
    for (const Connection& listener : sockets(Kind::listening)) waiting |= let_nobody_in(listener.file);
    return waiting;
  }

  enum class Kind { listening, connected };

  [[nodiscard]] std::vector<Connection> sockets(Kind kind) const {
    std::vector<Connection> all;
    ::rewinddir(files.get());
    while (const dirent* entry = ::readdir(files.get())) {
      const std::string_view name = entry->d_name;
      int file = -1;
      if (std::from_chars(name.data(), name.data() + name.size(), file).ec != std::errc{}) continue;  // "." and ".."
      const std::optional<Connection> socket = socket_at(::dirfd(files.get()), file, port);
      if (!socket) continue;
      // cpprestsdk leaves its sockets open to the programs we start: a server would hold the port after us.
      (void)::fcntl(file, F_SETFD, FD_CLOEXEC);
      if (is_connected(file) == (kind == Kind::connected)) all.push_back(*socket);
    }
    return all;
  }
};

ConnectionGuard::ConnectionGuard(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->look();
  impl_->thread = std::jthread([guard = impl_.get()](const std::stop_token& stop) { guard->run(stop); });
}

ConnectionGuard::~ConnectionGuard() = default;

bool ConnectionGuard::close_all() {
  const std::lock_guard lock(impl_->mutex);
  // In this order: one that leaves the queue meanwhile is found among the connections.
  const bool waiting = impl_->let_nobody_in();
  const std::vector<Connection> open = impl_->sockets(Impl::Kind::connected);
  for (const Connection& connection : open) impl_->shut_down(connection, Ending::orderly);
  return open.empty() && !waiting;
}

Result<std::unique_ptr<ConnectionGuard>> ConnectionGuard::start(int port, ConnectionLimits limits) {
  DIR* files = ::opendir("/proc/self/fd");
  if (files == nullptr) {
    return failure(ErrorKind::unavailable,
                   fmt::format("cannot read /proc/self/fd to guard port {}: {}", port, std::strerror(errno)));
  }
  return std::unique_ptr<ConnectionGuard>(new ConnectionGuard(std::make_unique<Impl>(files, port, limits)));
}

}  // namespace weir
