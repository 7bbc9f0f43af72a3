#include "platform/unix_socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>

#include "platform/descriptor.h"

namespace weir {
namespace {

using Clock = std::chrono::steady_clock;

/// While the other's queue of connections is full there is nothing to wait for but time.
constexpr std::int64_t kBetweenTries = 10;

/// One question: its socket, its deadline and its stop request.
class Question {
 public:
  Question(const std::filesystem::path& path, Duration timeout, std::stop_token stop)
      : path_(path),
        timeout_(timeout),
        deadline_(Clock::now() + timeout),
        socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
        wake_(::eventfd(0, EFD_CLOEXEC)),
        on_stop_(std::move(stop), [this] { (void)::eventfd_write(wake_.get(), 1); }) {}

  Result<void> connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = path_.string();
    if (name.size() >= sizeof address.sun_path) {
      return failure(ErrorKind::invalid, fmt::format("{}: longer than a socket's path may be", name));
    }
    if (socket_.get() < 0 || wake_.get() < 0) return failed("use", errno);
    std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
    for (;;) {
      if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
      if (errno != EAGAIN && errno != EINTR) return failed("connect to", errno);
      if (auto waited = wait(0, kBetweenTries); !waited) return std::unexpected(waited.error());
    }
  }

  Result<void> say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN && errno != EINTR) return failed("write to", errno);
      if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
      if (text.empty()) break;
      if (auto waited = wait(POLLOUT); !waited) return std::unexpected(waited.error());
    }
    if (::shutdown(socket_.get(), SHUT_WR) != 0) return failed("write to", errno);
    return {};
  }

  Result<std::string> hear(std::size_t most) {
    std::string answer;
    std::array<char, 16384> part{};
    for (;;) {
      const ssize_t count = ::recv(socket_.get(), part.data(), part.size(), 0);
      if (count == 0) return answer;
      if (count < 0 && errno != EAGAIN && errno != EINTR) return failed("read from", errno);
      if (count > 0) answer.append(part.data(), static_cast<std::size_t>(count));
      if (answer.size() > most) {
        return failure(ErrorKind::unavailable, fmt::format("{}: the answer is longer than {} bytes", path_.string(), most));
      }
      if (count > 0) continue;
      if (auto waited = wait(POLLIN); !waited) return std::unexpected(waited.error());
    }
  }

 private:
  /// Until the socket is ready for `events`, at most `longest` milliseconds; the deadline and a stop request are errors.
  Result<void> wait(short events, std::int64_t longest = 60'000) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    if (left <= 0) {
      return failure(ErrorKind::unavailable, fmt::format("{}: no end within {}", path_.string(), format_duration(timeout_)));
    }
    // Without events the socket is not looked at: one that is not connected always has something to say.
    std::array<pollfd, 2> waits{{{wake_.get(), POLLIN, 0}, {events == 0 ? -1 : socket_.get(), events, 0}}};
    (void)::poll(waits.data(), waits.size(), static_cast<int>(std::min(left, longest)));
    if (waits[0].revents != 0) return failure(ErrorKind::cancelled, fmt::format("{}: given up, we are stopping", path_.string()));
    return {};
  }

  [[nodiscard]] std::unexpected<Error> failed(std::string_view tried, int error) const {
    ErrorKind kind = ErrorKind::unavailable;
    if (error == ENOENT || error == ENOTDIR) kind = ErrorKind::not_found;
    if (error == EACCES || error == EPERM) kind = ErrorKind::denied;
    return failure(kind, fmt::format("cannot {} {}: {}", tried, path_.string(), std::strerror(error)));
  }

  const std::filesystem::path& path_;
  Duration timeout_;
  Clock::time_point deadline_;
  Descriptor socket_;
  Descriptor wake_;
  std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace

Result<std::string> ask_unix_socket(const std::filesystem::path& path, std::string_view request, Duration timeout,
                                    std::stop_token stop, std::size_t most) {
  if (stop.stop_requested()) return failure(ErrorKind::cancelled, fmt::format("{}: not asked, we are stopping", path.string()));
  Question question(path, timeout, std::move(stop));
  if (auto connected = question.connect(); !connected) return std::unexpected(connected.error());
  if (auto said = question.say(request); !said) return std::unexpected(said.error());
  return question.hear(most);
}

}  // namespace weir
