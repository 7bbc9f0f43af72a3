#include "controller/service/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// systemd's end of the notification socket.
class ServiceManager {
 public:
  ServiceManager() : file_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const std::string path = (directory_.path() / "notify").string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (::bind(file_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) std::abort();
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~ServiceManager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(file_);
  }
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  /// The next message; it was sent before, so there is nothing to wait for.
  [[nodiscard]] std::string message() const {
    std::array<char, 4096> text{};
    const ssize_t count = ::recv(file_, text.data(), text.size(), MSG_DONTWAIT);
    return count < 0 ? "none" : std::string(text.data(), static_cast<std::size_t>(count));
  }

 private:
  TempDirectory directory_;
  int file_;
};

TEST(ServiceNotifier, tells_systemd_how_it_stands) {
  const ServiceManager manager;
  ServiceNotifier notifier;
  EXPECT_TRUE(notifier.ready("3 groups, 7 servers in service"));
  EXPECT_EQ(manager.message(), "READY=1\nSTATUS=3 groups, 7 servers in service");
  EXPECT_TRUE(notifier.reloading());
  EXPECT_TRUE(manager.message().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_TRUE(notifier.watchdog());
  EXPECT_EQ(manager.message(), "WATCHDOG=1");
  EXPECT_TRUE(notifier.stopping());
  EXPECT_EQ(manager.message(), "STOPPING=1\nSTATUS=stopping");
}

TEST(ServiceNotifier, a_status_of_several_lines_cannot_say_anything_else) {
  const ServiceManager manager;
  ServiceNotifier notifier;
  EXPECT_TRUE(notifier.status("one\nSTOPPING=1"));
  EXPECT_EQ(manager.message(), "STATUS=one STOPPING=1");
}

TEST(ServiceNotifier, does_nothing_where_nobody_listens) {
  ::unsetenv("NOTIFY_SOCKET");
  ServiceNotifier notifier;
  EXPECT_TRUE(notifier.ready("x"));
  EXPECT_TRUE(notifier.watchdog());
}

TEST(ServiceNotifier, says_when_systemd_cannot_be_told) {
  const TempDirectory directory;
  ::setenv("NOTIFY_SOCKET", (directory.path() / "gone").c_str(), 1);
  ServiceNotifier notifier;
  const Result<void> told = notifier.ready("x");
  ::unsetenv("NOTIFY_SOCKET");
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().message, "cannot tell systemd READY=1: No such file or directory");
}

TEST(ServiceNotifier, beats_twice_as_often_as_the_watchdog_asks) {
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_EQ(ServiceNotifier::watchdog_interval(), std::nullopt);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(ServiceNotifier::watchdog_interval(), Duration{15s});
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(ServiceNotifier::watchdog_interval(), std::nullopt) << "meant for another process";
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
}

}  // namespace
}  // namespace weir
