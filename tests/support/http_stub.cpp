#include "tests/support/http_stub.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <thread>

namespace weir {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

bool send_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(file, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Adds at least one byte to `text`, or says the other side is gone.
bool receive_more(int file, std::string& text) {
  char part[16384];
  const ssize_t count = ::recv(file, part, sizeof(part), 0);
  if (count <= 0) return false;
  text.append(part, static_cast<std::size_t>(count));
  return true;
}

void parse_head(std::string_view head, HttpStub::Request& request) {
  const std::size_t end_of_method = head.find(' ');
  const std::size_t end_of_target = head.find(' ', end_of_method + 1);
  request.method = head.substr(0, end_of_method);
  request.target = head.substr(end_of_method + 1, end_of_target - end_of_method - 1);
  for (std::size_t line = head.find("\r\n"); line != std::string_view::npos; line = head.find("\r\n", line + 2)) {
    const std::string_view field = head.substr(line + 2, head.find("\r\n", line + 2) - line - 2);
    const std::size_t colon = field.find(':');
    if (colon == std::string_view::npos) continue;
    const std::size_t value = field.find_first_not_of(' ', colon + 1);
    request.headers[lower(field.substr(0, colon))] = value == std::string_view::npos ? "" : std::string(field.substr(value));
  }
}

/// The next request from the connection; what came after it stays in `buffered`.
std::optional<HttpStub::Request> receive_request(int file, std::string& buffered) {
  std::size_t end = 0;
  while ((end = buffered.find("\r\n\r\n")) == std::string::npos)
    if (!receive_more(file, buffered)) return std::nullopt;
  HttpStub::Request request;
  parse_head(std::string_view(buffered).substr(0, end), request);
  buffered.erase(0, end + 4);
  const auto length = request.headers.find("content-length");
  const std::size_t size = length == request.headers.end() ? 0 : std::stoul(length->second);
  while (buffered.size() < size)
    if (!receive_more(file, buffered)) return std::nullopt;
  request.body = buffered.substr(0, size);
  buffered.erase(0, size);
  return request;
}

std::string render(const HttpStub::Answer& answer, bool with_body) {
  std::string text = fmt::format("HTTP/1.1 {} Status\r\nContent-Type: {}\r\nContent-Length: {}\r\n", answer.status,
                                 answer.content_type, answer.body.size());
  for (const auto& [name, value] : answer.headers) text += fmt::format("{}: {}\r\n", name, value);
  text += "\r\n";
  if (!with_body) return text;
  const bool half = answer.ending == HttpStub::Ending::cut_off;
  return text + answer.body.substr(0, half ? answer.body.size() / 2 : std::string::npos);
}

void close_with_reset(int file) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(file, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

int listen_on_loopback(int& port) {
  const int file = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (file < 0 || ::bind(file, generic, length) != 0 || ::getsockname(file, generic, &length) != 0) std::abort();
  port = ntohs(address.sin_port);
  return file;
}

int listen_on_unix_socket(const std::filesystem::path& path) {
  const int file = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (file < 0 || path.string().size() >= sizeof(address.sun_path)) std::abort();
  std::strcpy(address.sun_path, path.c_str());
  if (::bind(file, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) std::abort();
  return file;
}

}  // namespace

struct HttpStub::Impl {
  Impl(Handler first_handler, const std::filesystem::path& unix_socket) : handler(std::move(first_handler)) {
    listener = unix_socket.empty() ? listen_on_loopback(port) : listen_on_unix_socket(unix_socket);
    if (::listen(listener, 1024) != 0) std::abort();
    acceptor = std::thread([this] { accept_all(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
      for (const int file : open) ::shutdown(file, SHUT_RDWR);
    }
    changed.notify_all();
    ::shutdown(listener, SHUT_RDWR);
    acceptor.join();
    ::close(listener);
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return open.empty(); });
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void accept_all() {
    for (;;) {
      const int file = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      const std::lock_guard lock(mutex);
      if (stopping && file >= 0) ::close(file);
      if (stopping || file < 0) return;
      open.insert(file);
      // On its own: it signs off in `open`, which the destructor waits for.
      std::thread([this, file, number = ++accepted] { serve(file, number); }).detach();
    }
  }

  void serve(int file, int number) {
    std::string buffered;
    for (int turn = 1;; ++turn) {
      std::optional<Request> request = receive_request(file, buffered);
      if (!request) break;
      request->connection = number;
      request->turn = turn;
      if (!respond(file, *request)) break;
    }
    const std::lock_guard lock(mutex);
    open.erase(file);
    ::close(file);
    changed.notify_all();
  }

  /// False when the connection is over.
  bool respond(int file, const Request& request) {
    Handler current;
    {
      const std::lock_guard lock(mutex);
      requests.push_back(request);
      current = handler;
    }
    const Answer answer = current(request);
    {
      std::unique_lock lock(mutex);
      if (changed.wait_for(lock, answer.delay, [this] { return stopping; })) return false;
    }
    if (answer.ending == Ending::reset) close_with_reset(file);
    if (answer.ending == Ending::reset || answer.ending == Ending::no_answer) return false;
    if (!send_all(file, render(answer, request.method != "HEAD"))) return false;
    const auto connection = request.headers.find("connection");
    return answer.ending == Ending::keep_open && (connection == request.headers.end() || connection->second != "close");
  }

  int port = 0;
  int listener = -1;
  mutable std::mutex mutex;
  std::condition_variable changed;
  Handler handler;
  std::vector<Request> requests;
  std::set<int> open;
  int accepted = 0;
  bool stopping = false;
  std::thread acceptor;
};

HttpStub::HttpStub(Handler handler, const std::filesystem::path& unix_socket)
    : impl_(std::make_unique<Impl>(std::move(handler), unix_socket)) {}
HttpStub::HttpStub(Answer answer) : HttpStub([answer = std::move(answer)](const Request&) { return answer; }) {}
HttpStub::HttpStub() : HttpStub(Answer{}) {}
HttpStub::~HttpStub() = default;

void HttpStub::answer(Handler handler) {
  const std::lock_guard lock(impl_->mutex);
  impl_->handler = std::move(handler);
}

void HttpStub::answer(Answer answer) {
  this->answer([answer = std::move(answer)](const Request&) { return answer; });
}

int HttpStub::port() const { return impl_->port; }
std::string HttpStub::address() const { return fmt::format("127.0.0.1:{}", port()); }
std::string HttpStub::url() const { return fmt::format("http://{}", address()); }

std::vector<HttpStub::Request> HttpStub::requests() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->requests;
}

int HttpStub::connections() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->accepted;
}

int HttpStub::open_connections() const {
  const std::lock_guard lock(impl_->mutex);
  return static_cast<int>(impl_->open.size());
}

}  // namespace weir
