// weir-example-app: an app server to try weir with. GET / costs one unit of work: it waits in a queue for one of `--capacity`
// slots and holds it for `--service-time`. Overload therefore hurts as it does in real life: the queue grows, then answers are
// 503. GET /slow is a download that lasts `--slow-time`, and /echo takes a WebSocket; neither needs a slot. One thread, Boost.Beast
// coroutines.
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using asio::awaitable;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using Socket = websocket::stream<beast::tcp_stream>;
using SteadyClock = std::chrono::steady_clock;

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string version = "v1";
  std::size_t capacity = 4;
  std::size_t queue = 1000;
  milliseconds service_time{20};
  milliseconds boot{0};
  milliseconds slow_time{10'000};
  milliseconds crash_after{0};
  std::uint64_t crash_after_requests = 0;
  milliseconds unhealthy_after{0};
  double error_rate = 0;
  milliseconds linger{0};
  milliseconds stop_timeout{5000};
};

/// The status it exits with when it crashes on demand.
constexpr int kCrashed = 70;
/// Of the answer to /slow.
constexpr int kSlowLines = 20;

/// The work this server can do at once, and the requests waiting for it in the order they came.
class Slots {
 public:
  Slots(asio::io_context& context, std::size_t capacity, std::size_t queue)
      : context_(context), capacity_(capacity), limit_(queue) {}

  [[nodiscard]] bool full() const { return busy_ == capacity_ && waiting_.size() >= limit_; }
  [[nodiscard]] std::size_t busy() const { return busy_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  /// Holds a slot for that long, after waiting for one.
  awaitable<void> work(milliseconds length) {
    if (busy_ == capacity_) {
      co_await turn();  // whoever wakes us leaves us the slot
    } else {
      change_busy(+1);
    }
    asio::steady_timer timer(context_, length);
    co_await timer.async_wait(asio::use_awaitable);
    if (waiting_.empty()) {
      change_busy(-1);
    } else {
      waiting_.front()->cancel();
      waiting_.pop_front();
    }
  }

  /// Slots times seconds used since the start; its rate divided by the slots is the utilisation.
  double busy_seconds() {
    change_busy(0);
    return busy_seconds_;
  }

 private:
  awaitable<void> turn() {
    asio::steady_timer timer(context_, SteadyClock::time_point::max());
    waiting_.push_back(&timer);
    error_code cancelled;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }

  void change_busy(int change) {
    const auto now = SteadyClock::now();
    busy_seconds_ += static_cast<double>(busy_) * std::chrono::duration<double>(now - changed_at_).count();
    changed_at_ = now;
    busy_ += static_cast<std::size_t>(change);
  }

  asio::io_context& context_;
  std::size_t capacity_;
  std::size_t limit_;
  std::size_t busy_ = 0;
  std::deque<asio::steady_timer*> waiting_;
  double busy_seconds_ = 0;
  SteadyClock::time_point changed_at_ = SteadyClock::now();
};

/// How long requests took, in the form Prometheus takes.
class Histogram {
 public:
  void add(double seconds) {
    for (std::size_t bucket = 0; bucket < kBounds.size(); ++bucket) counts_[bucket] += seconds <= kBounds[bucket] ? 1U : 0U;
    sum_ += seconds;
    ++count_;
  }
  [[nodiscard]] std::string text(std::string_view name, std::string_view label) const {
    std::string out = fmt::format("# HELP {0} Seconds from request to answer, waiting included.\n# TYPE {0} histogram\n", name);
    for (std::size_t bucket = 0; bucket < kBounds.size(); ++bucket) {
      out += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, label, kBounds[bucket], counts_[bucket]);
    }
    out += fmt::format("{}_bucket{{{},le=\"+Inf\"}} {}\n", name, label, count_);
    return out + fmt::format("{0}_sum{{{1}}} {2}\n{0}_count{{{1}}} {3}\n", name, label, sum_, count_);
  }

 private:
  static constexpr std::array kBounds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0};
  std::array<std::uint64_t, kBounds.size()> counts_{};
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

class AppServer {
 public:
  AppServer(asio::io_context& context, Options options)
      : context_(context),
        options_(std::move(options)),
        slots_(context, options_.capacity, options_.queue),
        acceptor_(context, {asio::ip::make_address(options_.host), options_.port}),
        name_(fmt::format("{}:{}", options_.host, acceptor_.local_endpoint().port())) {}

  [[nodiscard]] const std::string& name() const { return name_; }

  awaitable<void> accept() {
    for (;;) {
      error_code failed;
      tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, failed));
      if (stopping_) co_return;
      if (!failed) {
        asio::co_spawn(context_, serve(std::move(socket)), asio::detached);
        continue;
      }
      asio::steady_timer pause(context_, milliseconds(50));  // out of file descriptors: let some close
      co_await pause.async_wait(asio::use_awaitable);
    }
  }

  /// From now on it says that it is not healthy, so that whoever sends it traffic can stop, and answers all the same.
  void leave() { leaving_ = true; }

  /// No new connections, idle ones closed, running requests finished.
  void stop() {
    stopping_ = true;
    acceptor_.close();
    for (beast::tcp_stream* stream : idle_) stream->cancel();
    for (Socket* socket : sockets_) socket->async_close(websocket::close_code::going_away, asio::detached);
    if (connections_ == 0) context_.stop();
  }

 private:
  awaitable<void> serve(tcp::socket socket) {
    ++connections_;
    co_await talk(std::move(socket));
    --connections_;
    if (stopping_ && connections_ == 0) context_.stop();
  }

  awaitable<void> talk(tcp::socket socket) {
    beast::tcp_stream stream(std::move(socket));
    beast::flat_buffer buffer;
    error_code failed;
    failed = stream.socket().set_option(tcp::no_delay(true), failed);
    bool more = true;
    while (more && !stopping_) {
      Request request;
      idle_.insert(&stream);
      stream.expires_after(std::chrono::minutes(2));
      co_await http::async_read(stream, buffer, request, asio::redirect_error(asio::use_awaitable, failed));
      idle_.erase(&stream);
      if (failed) break;
      if (websocket::is_upgrade(request) && path_of(request) == "/echo") {
        co_await echo(Socket(std::move(stream)), request);
        co_return;
      }
      more = request.keep_alive() && !stopping_;
      if (path_of(request) == "/slow") {
        more = co_await drip(stream, request.version(), more);
        continue;
      }
      Response response = co_await answer(request);
      more = more && !stopping_;
      response.version(request.version());
      response.keep_alive(more);
      response.prepare_payload();
      if (request.method() == http::verb::head) response.body().clear();
      stream.expires_after(std::chrono::seconds(30));
      co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, failed));
      if (failed) break;
    }
    failed = stream.socket().shutdown(tcp::socket::shutdown_both, failed);
  }

  /// Says the same again until the other side, or stop(), closes it.
  awaitable<void> echo(Socket socket, const Request& request) {
    error_code failed;
    socket.next_layer().expires_never();
    socket.set_option(
        websocket::stream_base::decorator([this](websocket::response_type& response) { response.set("X-Server", name_); }));
    co_await socket.async_accept(request, asio::redirect_error(asio::use_awaitable, failed));
    sockets_.insert(&socket);
    for (beast::flat_buffer message; !failed; message.clear()) {
      co_await socket.async_read(message, asio::redirect_error(asio::use_awaitable, failed));
      if (!failed) co_await socket.async_write(message.data(), asio::redirect_error(asio::use_awaitable, failed));
    }
    sockets_.erase(&socket);
  }

  /// An answer line by line, evenly over the whole time. False: the connection is of no more use.
  awaitable<bool> drip(beast::tcp_stream& stream, unsigned version, bool keep_alive) {
    http::response<http::empty_body> head(http::status::ok, version);
    head.set(http::field::content_type, "text/plain");
    head.keep_alive(keep_alive);
    head.chunked(true);
    http::response_serializer<http::empty_body> serializer(head);
    error_code failed;
    stream.expires_after(options_.slow_time + std::chrono::seconds(30));
    co_await http::async_write_header(stream, serializer, asio::redirect_error(asio::use_awaitable, failed));
    asio::steady_timer pause(context_);
    for (int line = 1; line <= kSlowLines && !failed; ++line) {
      pause.expires_after(options_.slow_time / kSlowLines);
      co_await pause.async_wait(asio::use_awaitable);
      const std::string text = fmt::format("line {} of {}\n", line, kSlowLines);
      co_await asio::async_write(stream, http::make_chunk(asio::buffer(text)), asio::redirect_error(asio::use_awaitable, failed));
    }
    if (!failed) co_await asio::async_write(stream, http::make_chunk_last(), asio::redirect_error(asio::use_awaitable, failed));
    co_return keep_alive && !failed;
  }

  static beast::string_view path_of(const Request& request) { return request.target().substr(0, request.target().find('?')); }

  awaitable<Response> answer(const Request& request) {
    const auto path = path_of(request);
    if (path == "/health")
      co_return plain(ready() ? http::status::ok : http::status::service_unavailable, ready() ? "ok\n" : "no\n");
    if (path == "/metrics") co_return plain(http::status::ok, metrics());
    if (path != "/") co_return plain(http::status::not_found, "there is /, /slow, /echo, /health and /metrics\n");
    if (!booted() || slots_.full()) {
      ++refused_;
      co_return plain(http::status::service_unavailable, booted() ? "too many requests are waiting\n" : "still booting\n");
    }
    const auto start = SteadyClock::now();
    co_await slots_.work(options_.service_time);
    durations_.add(std::chrono::duration<double>(SteadyClock::now() - start).count());
    if (options_.crash_after_requests > 0 && answered_ + failed_ >= options_.crash_after_requests) std::_Exit(kCrashed);
    if (is_error_due()) {
      ++failed_;
      co_return plain(http::status::internal_server_error, "an error, as wished\n");
    }
    ++answered_;
    Response response = plain(http::status::ok, nlohmann::json{{"server", name_}, {"version", options_.version}}.dump() + "\n");
    response.set(http::field::content_type, "application/json");
    co_return response;
  }

  [[nodiscard]] bool booted() const { return SteadyClock::now() - started_ >= options_.boot; }
  [[nodiscard]] bool ready() const { return booted() && !leaving_ && !stopping_ && !has_sickened(); }
  [[nodiscard]] bool has_sickened() const {
    return options_.unhealthy_after > milliseconds(0) && SteadyClock::now() - started_ >= options_.unhealthy_after;
  }

  /// Evenly, so that few requests show the rate as well as many.
  bool is_error_due() {
    error_debt_ += options_.error_rate;
    if (error_debt_ < 1) return false;
    error_debt_ -= 1;
    return true;
  }

  static Response plain(http::status status, const std::string& body) {
    Response response;
    response.result(status);
    response.set(http::field::content_type, "text/plain; version=0.0.4");
    response.body() = body;
    return response;
  }

  std::string metrics() {
    const std::string label = fmt::format("version=\"{}\"", options_.version);
    return fmt::format(
        "# HELP app_requests_total Requests answered, by status.\n# TYPE app_requests_total counter\n"
        "app_requests_total{{{0},code=\"200\"}} {1}\napp_requests_total{{{0},code=\"500\"}} {2}\n"
        "app_requests_total{{{0},code=\"503\"}} {3}\n"
        "# HELP app_busy_seconds_total Slots times seconds used; its rate divided by app_slots is the utilisation.\n"
        "# TYPE app_busy_seconds_total counter\napp_busy_seconds_total {4}\n"
        "# HELP app_slots Requests this server can work on at once.\n# TYPE app_slots gauge\napp_slots {5}\n"
        "# HELP app_busy_slots Requests it works on now.\n# TYPE app_busy_slots gauge\napp_busy_slots {6}\n"
        "# HELP app_queue_length Requests that wait for a slot.\n# TYPE app_queue_length gauge\napp_queue_length {7}\n"
        "# HELP app_info What runs here.\n# TYPE app_info gauge\napp_info{{{0}}} 1\n{8}",
        label, answered_, failed_, refused_, slots_.busy_seconds(), slots_.capacity(), slots_.busy(), slots_.waiting(),
        durations_.text("app_request_duration_seconds", label));
  }

  asio::io_context& context_;
  Options options_;
  Slots slots_;
  tcp::acceptor acceptor_;
  std::string name_;
  std::set<beast::tcp_stream*> idle_;  ///< connections between two requests
  std::set<Socket*> sockets_;
  Histogram durations_;
  std::uint64_t answered_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t refused_ = 0;
  double error_debt_ = 0;
  std::size_t connections_ = 0;
  bool leaving_ = false;
  bool stopping_ = false;
  SteadyClock::time_point started_ = SteadyClock::now();
};

int run(const Options& options) {
  asio::io_context context(1);
  AppServer server(context, options);
  fmt::print("listening on {} version={}\n", server.name(), options.version);
  (void)std::fflush(stdout);
  asio::co_spawn(context, server.accept(), asio::detached);

  asio::steady_timer last_moment(context);
  const auto stop = [&] {
    server.stop();
    last_moment.expires_after(options.stop_timeout);
    last_moment.async_wait([&](error_code cancelled) {
      if (!cancelled) context.stop();
    });
  };
  asio::steady_timer goodbye(context);
  asio::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([&](error_code, int) {
    server.leave();
    goodbye.expires_after(options.linger);
    goodbye.async_wait([&](error_code) { stop(); });
  });
  asio::steady_timer crash(context, options.crash_after);
  if (options.crash_after > milliseconds(0)) crash.async_wait([](error_code) { std::_Exit(kCrashed); });
  context.run();
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("An app server to try weir with: / works, /health answers, /metrics counts.", "weir-example-app");
  const CLI::AsNumberWithUnit duration(std::map<std::string, int>{{"ms", 1}, {"s", 1000}, {"m", 60'000}},
                                       CLI::AsNumberWithUnit::UNIT_REQUIRED, "DURATION");
  const auto add_duration = [&](const std::string& name, milliseconds& value, const std::string& help) {
    app.add_option_function<std::int64_t>(
           name, [&value](const std::int64_t& count) { value = milliseconds(count); }, help)
        ->transform(duration);
  };
  app.add_option("--host", options.host, "address to listen on")->capture_default_str();
  app.add_option("--port", options.port, "port to listen on; 0 takes a free one")->required();
  app.add_option("--version", options.version, "what it says it is")->envname("WEIR_VERSION")->capture_default_str();
  app.add_option("--capacity", options.capacity, "requests it works on at once")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--queue", options.queue, "requests that may wait; more get 503")->capture_default_str();
  add_duration("--service-time", options.service_time, "time one request takes (20ms)");
  add_duration("--boot", options.boot, "answers 503 for that long after its start (0s)");
  add_duration("--slow-time", options.slow_time, "how long the answer to /slow lasts (10s)");
  add_duration("--crash-after", options.crash_after, "exits with status 70 after that time (0s: never)");
  app.add_option("--crash-after-requests", options.crash_after_requests,
                 "exits with status 70 instead of answering one more (0: never)");
  add_duration("--unhealthy-after", options.unhealthy_after,
               "says after that time that it is not healthy, and goes on (0s: never)");
  app.add_option("--error-rate", options.error_rate, "share of the requests that it answers with 500")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  add_duration("--linger", options.linger, "after SIGTERM it goes on answering for that long, but says it is not healthy (0s)");
  add_duration("--stop-timeout", options.stop_timeout, "after SIGTERM, running requests get that long (5s)");
  app.set_config("--options", "", "a file with more of these options, one a line: service-time=50ms");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "weir-example-app: {}:{}: {}; not started\n", options.host, options.port, error.what());
    return EXIT_FAILURE;
  }
}
