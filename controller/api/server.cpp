#include "controller/api/server.h"

#include <cpprest/containerstream.h>
#include <cpprest/http_listener.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <barrier>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "controller/api/limits.h"

namespace weir {
namespace {

namespace http = web::http;
using http::experimental::listener::http_listener;

constexpr std::size_t kThreads = 4;
constexpr Duration kPause{20};

/// cpprestsdk has one thread pool per process, 40 threads by default, sized before its first use. OpenSSL comes before it: what is
/// set up last goes first at the end of the process, and the threads must still find OpenSSL there when they end.
void size_thread_pool() {
  static std::once_flag once;
  std::call_once(once, [] {
    (void)OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, nullptr);
    crossplat::threadpool::initialize_with_threads(kThreads);
  });
}

/// Returns when every thread of the pool has finished what it was doing and all that was queued before.
void wait_for_idle_threads() {
  // Shared: a thread may still be leaving the barrier when this returns.
  const auto all_here = std::make_shared<std::barrier<>>(kThreads + 1);
  for (std::size_t thread = 0; thread < kThreads; ++thread) {
    crossplat::threadpool::shared_instance().service().post([all_here] { all_here->arrive_and_wait(); });
  }
  all_here->arrive_and_wait();
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter; });
  return text;
}

/// The port of `host:port`; nothing if the text is anything else. cpprestsdk would take a missing one for "any".
std::optional<int> port_of(std::string_view listen) {
  const std::size_t colon = listen.find(':');
  if (colon == 0 || colon == std::string_view::npos || listen.find_first_of("/@?#[] ") != std::string_view::npos)
    return std::nullopt;
  const std::string_view text = listen.substr(colon + 1);
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port < 1 || port > 65'535) return std::nullopt;
  return port;
}

RequestSize size_of(const http::http_request& message) {
  RequestSize size;
  size.uri = message.request_uri().to_string().size();
  for (const auto& [name, value] : message.headers()) {
    ++size.headers;
    size.header_bytes += name.size() + value.size();
  }
  size.has_content_length = message.headers().has(http::header_names::content_length);
  size.has_transfer_encoding = message.headers().has(http::header_names::transfer_encoding);
  size.content_length = message.headers().content_length();
  size.most_body = most_body(message.method());
  return size;
}

ApiRequest request_of(const http::http_request& message) {
  ApiRequest request;
  const web::uri& uri = message.request_uri();
  request.method = message.method() == http::methods::HEAD ? "GET" : message.method();
  request.path = uri.path();
  for (const auto& [name, value] : web::uri::split_query(uri.query())) {
    request.query[web::uri::decode(name)] = web::uri::decode(value);
  }
  for (const auto& [name, value] : message.headers()) request.headers[lower(name)] = value;
  request.remote = message.remote_address();
  return request;
}

/// Nothing where it cannot be decoded: cpprestsdk throws.
Result<ApiRequest> try_request_of(const http::http_request& message) {
  try {
    return request_of(message);
  } catch (const std::exception& error) {
    return failure(ErrorKind::invalid, fmt::format("the request cannot be read: {}", error.what()));
  }
}

/// Done when the answer is sent, or its client gone.
pplx::task<void> reply(const http::http_request& message, ApiResponse answer) {
  http::http_response response(static_cast<http::status_code>(answer.status));
  for (const auto& [name, value] : answer.headers) response.headers().add(name, value);
  if (!response.headers().has("Cache-Control")) response.headers().add("Cache-Control", "no-store");
  response.headers().add("X-Content-Type-Options", "nosniff");
  if (message.method() == http::methods::HEAD) {
    // cpprestsdk knows no HEAD. A stream that ends early makes it send the headers, right length included, and then close; with the
    // length as a header alone it would abort.
    response.set_body(concurrency::streams::bytestream::open_istream(std::string()), answer.body.size(), answer.content_type);
    response.headers().add("Connection", "close");
  } else if (answer.status != 304) {  // that one has no body, and says nothing of its type
    response.set_body(std::move(answer.body), answer.content_type);
  }
  // The client may be gone by now; that is its own affair.
  return message.reply(response).then([](const pplx::task<void>& sent) {
    try {
      sent.get();
    } catch (const std::exception&) {
    }
  });
}

std::optional<ApiResponse> refusal_of(const http::http_request& message) {
  std::optional<ApiResponse> refused;
  try {
    refused = refusal(size_of(message));
  } catch (const std::exception& error) {
    refused = problem(400, fmt::format("the request cannot be read: {}", error.what()));
  }
  if (refused) refused->headers.emplace_back("Connection", "close");
  return refused;
}

/// Nothing if the body did not come to its end.
std::optional<std::string> text_of(const pplx::task<std::vector<unsigned char>>& read) {
  try {
    const std::vector<unsigned char> bytes = read.get();
    return std::string(bytes.begin(), bytes.end());
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

/// A connection is given up once it has its answer, also where nobody reads it any more.
void reply_to_nobody(const http::http_request& message) {
  try {
    (void)reply(message, problem(400, "the body did not come to its end"));
  } catch (const std::exception&) {  // the library has answered by itself
  }
}

/// The requests that were handed on and have no answer yet. The library must not hear of a request once its server is gone, so what
/// is answered too late goes nowhere. Thread-safe.
class Unanswered {
 public:
  std::uint64_t add(const http::http_request& message) {
    const std::lock_guard lock(mutex_);
    messages_.emplace(++last_, message);
    return last_;
  }
  void answer(std::uint64_t number, ApiResponse response) {
    const std::lock_guard lock(mutex_);
    const auto found = messages_.find(number);
    if (found == messages_.end()) return;
    send(found->second, std::move(response));
    messages_.erase(found);
  }
  void answer_all(const ApiResponse& response) {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, message] : messages_) send(message, response);
    messages_.clear();
  }
  [[nodiscard]] bool has_sent_all() {
    const std::lock_guard lock(mutex_);
    return std::ranges::all_of(sending_, &pplx::task<void>::is_done);
  }

 private:
  void send(const http::http_request& message, ApiResponse response) {
    std::erase_if(sending_, [](const pplx::task<void>& sent) { return sent.is_done(); });
    sending_.push_back(reply(message, std::move(response)));
  }

  std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, http::http_request> messages_;
  std::vector<pplx::task<void>> sending_;
};

bool is_in_use(const Error& error) { return error.message.ends_with(std::strerror(EADDRINUSE)); }

}  // namespace

struct ApiServer::Impl {
  Impl(const web::uri& uri, ApiHandler answering, const std::shared_ptr<const TlsIdentity>& tls)
      : handler(std::move(answering)), listener(uri, configuration(tls)) {
    const auto answer = [this](const http::http_request& message) { take(message); };
    listener.support(answer);
    // These two it would answer by itself, TRACE with everything the request carried.
    listener.support(http::methods::OPTIONS, answer);
    listener.support(http::methods::TRCE, answer);
  }

  /// The library makes a context for each connection, so a certificate that was read again is shown from the next one on.
  static http::experimental::listener::http_listener_config configuration(const std::shared_ptr<const TlsIdentity>& tls) {
    http::experimental::listener::http_listener_config made;
    // A context without a certificate ends the connection in its handshake.
    if (tls)
      made.set_ssl_context_callback([tls](boost::asio::ssl::context& context) { (void)tls->use_in(context.native_handle()); });
    return made;
  }

  static Result<std::unique_ptr<Impl>> open(const std::string& listen, const ApiHandler& handler,
                                            const std::shared_ptr<const TlsIdentity>& tls) {
    try {
      auto impl = std::make_unique<Impl>(web::uri((tls ? "https://" : "http://") + listen), handler, tls);
      impl->listener.open().get();
      return impl;
    } catch (const std::exception& error) {
      return failure(ErrorKind::denied, fmt::format("cannot listen on {}: {}", listen, error.what()));
    }
  }

  void take(const http::http_request& message) const {
    if (std::optional<ApiResponse> refused = refusal_of(message)) return (void)reply(message, std::move(*refused));
    if (message.headers().content_length() == 0) return hand_on(message, {});
    // No thread waits for the body: the library reads it, at most as much as refusal_of() lets pass and no longer than the guard.
    message.extract_vector().then([this, message](const pplx::task<std::vector<unsigned char>>& read) {
      const std::optional<std::string> body = text_of(read);
      // Without its body the client is gone, and this server perhaps too; with it the connection is open, which keeps the server.
      if (!body) return reply_to_nobody(message);
      hand_on(message, *body);
    });
  }

  void hand_on(const http::http_request& message, std::string body) const {
    Result<ApiRequest> request = try_request_of(message);
    if (!request) return (void)reply(message, problem(400, request.error().message));
    request->body = std::move(body);
    handler(*request, [waiting = unanswered, number = unanswered->add(message)](ApiResponse response) {
      waiting->answer(number, std::move(response));
    });
  }

  ApiHandler handler;
  std::shared_ptr<Unanswered> unanswered = std::make_shared<Unanswered>();
  http_listener listener;
  std::unique_ptr<ConnectionGuard> guard;
};

ApiServer::ApiServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ApiServer::~ApiServer() {
  // cpprestsdk frees a listener while its threads may still be at work on a connection that was just accepted or just ended, and
  // crashes. So it is closed only when there is none and all its threads are known to be idle.
  const ApiResponse ended = problem(503, "weir is stopping and cannot tell what became of this request; look when it runs again");
  Unanswered& unanswered = *impl_->unanswered;
  unanswered.answer_all(ended);
  // Those who are told something shall hear it, except those who do not read.
  for (int round = 0; round < 100 && !unanswered.has_sent_all(); ++round) wait_for_idle_threads();
  bool empty = false;
  for (int round = 0; round < 100 && !empty; ++round) {
    unanswered.answer_all(ended);
    empty = impl_->guard->close_all();
    wait_for_idle_threads();
  }
  try {
    impl_->listener.close().get();
  } catch (const std::exception&) {  // it was not open any more
  }
}

Result<std::unique_ptr<ApiServer>> ApiServer::start(const std::string& listen, const ApiHandler& handler, ConnectionLimits limits,
                                                    Duration patience, std::shared_ptr<const TlsIdentity> tls) {
  const std::optional<int> port = port_of(listen);
  if (!port) {
    return failure(ErrorKind::invalid,
                   fmt::format("cannot listen on {}: expected an IPv4 address or a name, and a port: 127.0.0.1:8600", listen));
  }
  size_thread_pool();
  const auto until = std::chrono::steady_clock::now() + patience;
  Result<std::unique_ptr<Impl>> opened = Impl::open(listen, handler, tls);
  while (!opened && is_in_use(opened.error()) && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kPause);
    opened = Impl::open(listen, handler, tls);
  }
  if (!opened) return std::unexpected(opened.error());
  std::unique_ptr<Impl> impl = std::move(*opened);
  Result<std::unique_ptr<ConnectionGuard>> guard = ConnectionGuard::start(*port, limits);
  if (!guard) return std::unexpected(guard.error());
  impl->guard = std::move(*guard);
  return std::unique_ptr<ApiServer>(new ApiServer(std::move(impl)));
}

}  // namespace weir
