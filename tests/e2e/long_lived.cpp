#include "tests/e2e/long_lived.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>

namespace weir {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr Duration kLongest = 1h;
constexpr std::string_view kLastLine = "line 20 of 20\n";

LoadOptions downloads(const Stand& stand, int clients) {
  LoadOptions options;
  options.url = stand.url() + "slow";
  options.clients = clients;
  options.length = kLongest;
  options.keep_alive = false;
  options.timeout = 60s;
  return options;
}

unsigned short port_of(const std::string& url) {
  const std::string address = url.substr(0, url.find_last_not_of('/') + 1);
  return static_cast<unsigned short>(std::stoi(address.substr(address.rfind(':') + 1)));
}

}  // namespace

Downloads::Downloads(const Stand& stand, int clients)
    : load_(downloads(stand, clients), [this](const LoadRecord& record, const HttpResponse* answer) {
        const bool whole = !failed(record) && answer->status == 200 && answer->body.ends_with(kLastLine);
        ++(whole ? whole_ : broken_);
      }) {}

class Sockets::Impl {
 public:
  Impl(const Stand& stand, int clients, OnEnd on_end) : port_(port_of(stand.url())), on_end_(std::move(on_end)) {
    for (int client = 0; client < clients; ++client) asio::co_spawn(context_, talk(), asio::detached);
    thread_ = std::jthread([this] { context_.run(); });
  }
  ~Impl() { context_.stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] int talking() const { return talking_; }
  [[nodiscard]] std::size_t refused() const { return refused_; }

 private:
  asio::awaitable<void> talk() {
    for (;;) {
      co_await talk_once();
      co_await rest();
    }
  }

  asio::awaitable<void> talk_once() {
    error_code failed;
    websocket::stream<beast::tcp_stream> socket(context_);
    websocket::response_type answer;
    const tcp::endpoint nginx(asio::ip::address_v4::loopback(), port_);
    co_await socket.next_layer().async_connect(nginx, asio::redirect_error(asio::use_awaitable, failed));
    if (!failed) co_await socket.async_handshake(answer, "site", "/echo", asio::redirect_error(asio::use_awaitable, failed));
    if (failed) {
      ++refused_;
      co_return;
    }
    const std::string server(answer["X-Server"]);
    bool first = true;
    for (beast::flat_buffer echo; !failed; echo.clear()) {
      co_await socket.async_write(asio::buffer(std::string_view("still there?")),
                                  asio::redirect_error(asio::use_awaitable, failed));
      if (!failed) co_await socket.async_read(echo, asio::redirect_error(asio::use_awaitable, failed));
      if (failed) break;
      if (std::exchange(first, false)) ++talking_;
      co_await rest();
    }
    if (!first) --talking_;
    on_end_(server);
  }

  asio::awaitable<void> rest() {
    asio::steady_timer pause(context_, 50ms);
    co_await pause.async_wait(asio::use_awaitable);
  }

  unsigned short port_;
  OnEnd on_end_;
  std::atomic<int> talking_{0};
  std::atomic<std::size_t> refused_{0};
  asio::io_context context_{1};
  std::jthread thread_;
};

Sockets::Sockets(const Stand& stand, int clients, OnEnd on_end)
    : impl_(std::make_unique<Impl>(stand, clients, std::move(on_end))) {}
Sockets::~Sockets() = default;

int Sockets::talking() const { return impl_->talking(); }
std::size_t Sockets::refused() const { return impl_->refused(); }

}  // namespace weir
