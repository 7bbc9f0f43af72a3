#include "platform/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <string>

#include "platform/descriptor.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

sockaddr_in6 endpoint(const char* host, int port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<std::uint16_t>(port));
  EXPECT_EQ(::inet_pton(AF_INET6, host, &address.sin6_addr), 1);
  return address;
}

/// Listens on one loopback address, given as IPv6 (`::1`, or `::ffff:127.0.0.1` for IPv4).
class Listener {
 public:
  explicit Listener(const char* host) : socket_(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)), address_(endpoint(host, 0)) {
    socklen_t length = sizeof address_;
    EXPECT_EQ(::bind(socket_.get(), generic(), length), 0);
    EXPECT_EQ(::listen(socket_.get(), 16), 0);
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address_), &length), 0);
  }
  [[nodiscard]] int port() const { return ntohs(address_.sin6_port); }
  [[nodiscard]] const sockaddr* generic() const { return reinterpret_cast<const sockaddr*>(&address_); }
  /// A connection made through an IPv6 socket; an IPv4 address is then one mapped to IPv6.
  [[nodiscard]] Descriptor connect() const {
    Descriptor client(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(client.get(), generic(), sizeof address_), 0) << std::strerror(errno);
    return client;
  }
  [[nodiscard]] Descriptor connect_by_ipv4() const {
    Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = address_.sin6_port;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return client;
  }
  [[nodiscard]] Descriptor accept() const { return Descriptor(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  Descriptor socket_;
  sockaddr_in6 address_;
};

std::string ipv4(const Listener& listener) { return "127.0.0.1:" + std::to_string(listener.port()); }

int count_of(pid_t process, const std::string& address) {
  const std::vector<std::string> addresses{address};
  const std::vector<pid_t> processes{process};
  const auto counted = count_connections(processes, addresses);
  EXPECT_TRUE(counted.has_value()) << counted.error().message;
  if (!counted || counted->size() != 1) return -1;
  EXPECT_EQ(counted->front().address, address);
  return counted->front().count;
}

TEST(Sockets, counts_open_connections_to_each_address) {
  const Listener one("::ffff:127.0.0.1");
  const Listener two("::ffff:127.0.0.1");
  const Descriptor first = one.connect_by_ipv4();
  const Descriptor second = one.connect_by_ipv4();
  const std::vector<std::string> addresses{ipv4(two), ipv4(one)};
  const std::vector<pid_t> self{::getpid()};
  const auto counted = count_connections(self, addresses);
  ASSERT_TRUE(counted.has_value()) << counted.error().message;
  EXPECT_EQ(*counted, (std::vector<BalancerView::Connections>{{ipv4(two), 0}, {ipv4(one), 2}}));
}

TEST(Sockets, a_closed_connection_no_longer_counts) {
  const Listener listener("::ffff:127.0.0.1");
  Descriptor client = listener.connect_by_ipv4();
  EXPECT_EQ(count_of(::getpid(), ipv4(listener)), 1);
  client.reset();
  EXPECT_EQ(count_of(::getpid(), ipv4(listener)), 0);
}

TEST(Sockets, a_connection_the_other_side_has_half_closed_counts) {
  const Listener listener("::ffff:127.0.0.1");
  const Descriptor client = listener.connect_by_ipv4();
  listener.accept().reset();
  EXPECT_EQ(count_of(::getpid(), ipv4(listener)), 1);
}

TEST(Sockets, ipv6_is_counted_by_its_own_address) {
  const Listener listener("::1");
  const Descriptor client = listener.connect();
  EXPECT_EQ(count_of(::getpid(), "[::1]:" + std::to_string(listener.port())), 1);
  EXPECT_EQ(count_of(::getpid(), ipv4(listener)), 0);
}

TEST(Sockets, ipv4_through_an_ipv6_socket_counts_as_ipv4) {
  const Listener listener("::ffff:127.0.0.1");
  const Descriptor client = listener.connect();
  EXPECT_EQ(count_of(::getpid(), ipv4(listener)), 1);
}

TEST(Sockets, the_accepting_side_is_not_a_connection_to_the_address) {
  const Listener listener("::ffff:127.0.0.1");
  Descriptor client = listener.connect_by_ipv4();
  const Descriptor accepted = listener.accept();
  EXPECT_EQ(count_of(::getpid(), ipv4(listener)), 1);
}

/// A child that holds what is open at its start until the object goes.
class Holder {
 public:
  Holder() : pid_(::fork()) {
    if (pid_ != 0) return;
    for (;;) ::pause();
  }
  ~Holder() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST(Sockets, only_sockets_of_the_given_processes_count) {
  const Listener listener("::ffff:127.0.0.1");
  Descriptor inherited = listener.connect_by_ipv4();
  const Holder holder;
  inherited.reset();
  const Descriptor ours = listener.connect_by_ipv4();
  const Descriptor ours_too = listener.connect_by_ipv4();
  EXPECT_EQ(count_of(holder.pid(), ipv4(listener)), 1);
  EXPECT_EQ(count_of(::getpid(), ipv4(listener)), 2);
}

TEST(Sockets, a_socket_two_processes_share_counts_once) {
  const Listener listener("::ffff:127.0.0.1");
  const Descriptor shared = listener.connect_by_ipv4();
  const Holder holder;
  const std::vector<pid_t> both{::getpid(), holder.pid()};
  const std::vector<std::string> addresses{ipv4(listener)};
  const auto counted = count_connections(both, addresses);
  ASSERT_TRUE(counted.has_value());
  EXPECT_EQ(counted->front().count, 1);
}

TEST(Sockets, a_process_that_has_ended_has_none) {
  pid_t gone = 0;
  {
    const Holder holder;
    gone = holder.pid();
  }
  EXPECT_EQ(count_of(gone, "127.0.0.1:1"), 0);
}

TEST(Sockets, a_process_that_is_dead_but_not_reaped_has_none) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(count_of(child, "127.0.0.1:1"), 0);
  ::waitpid(child, nullptr, 0);
}

TEST(Sockets, a_host_name_cannot_be_counted) {
  const std::vector<pid_t> self{::getpid()};
  for (const std::string text : {"app.example:80", "127.0.0.1", "127.0.0.1:port", "::1:80"}) {
    const auto counted = count_connections(self, std::vector<std::string>{text});
    ASSERT_FALSE(counted.has_value()) << text;
    EXPECT_EQ(counted.error().kind, ErrorKind::invalid);
  }
}

TEST(Sockets, connections_in_another_network_namespace_are_seen) {
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // Nothing is reachable in a new namespace until its loopback is up.
    const bool moved = ::unshare(CLONE_NEWNET) == 0 && std::system("ip link set lo up 2>/dev/null") == 0;
    int port = 0;
    if (moved) {
      const Listener listener("::ffff:127.0.0.1");
      [[maybe_unused]] const Descriptor client = listener.connect_by_ipv4();
      port = listener.port();
      (void)!::write(ready[1], &port, sizeof port);
      for (;;) ::pause();
    }
    (void)!::write(ready[1], &port, sizeof port);
    ::_exit(0);
  }
  int port = 0;
  ASSERT_EQ(::read(ready[0], &port, sizeof port), static_cast<ssize_t>(sizeof port));
  const int counted = port == 0 ? -1 : count_of(child, "127.0.0.1:" + std::to_string(port));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  if (port == 0) GTEST_SKIP() << "no permission to make a network namespace, or no ip command";
  EXPECT_EQ(counted, 1);
}

}  // namespace
}  // namespace weir
