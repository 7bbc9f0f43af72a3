#include "platform/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <thread>
#include <unordered_map>

namespace weir {
namespace {

using Steady = std::chrono::steady_clock;

constexpr Duration kLongestTimeout = std::chrono::hours(24);
constexpr Duration kLongestWait = std::chrono::seconds(60);
constexpr std::size_t kIdleEasyHandles = 256;

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using Headers = std::unique_ptr<curl_slist, FreeList>;

bool is_one_line(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos; }

void append(Headers& headers, const std::string& line) { headers.reset(curl_slist_append(headers.release(), line.c_str())); }

/// libcurl reads `Name:` as "do not send it"; a header that is really empty is spelled `Name;`.
std::string header_line(const std::string& name, const std::string& value) {
  return value.empty() ? name + ";" : fmt::format("{}: {}", name, value);
}

/// What limits connections: the origin, or the socket.
std::string host_of(const HttpRequest& request) {
  if (!request.unix_socket.empty()) return request.unix_socket;
  const std::size_t scheme = request.url.find("://");
  if (scheme == std::string::npos) return request.url;
  return request.url.substr(0, request.url.find_first_of("/?#", scheme + 3));
}

/// Failures of this machine, about which the other side knows nothing.
bool is_local_shortage(long error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM || error == EADDRNOTAVAIL;
}

struct Wake;

/// One request from send() to its Done. Lives on the client's thread once it left the inbox.
struct Exchange {
  struct Cancel {
    Wake* wake;
    std::uint64_t id;
    void operator()() const noexcept;
  };

  std::uint64_t id = 0;
  HttpRequest request;
  HttpClient::Done done;
  std::stop_token stop;
  Steady::time_point started;
  Steady::time_point deadline;
  std::string host;
  Easy easy;  ///< set while it is under way
  Headers headers;
  Headers connect_to;
  HttpResponse response;
  bool too_large = false;
  int socket_error = 0;  ///< why there is not even a socket
  std::array<char, CURL_ERROR_SIZE> curl_says{};
  std::optional<std::stop_callback<Cancel>> on_stop;
};
using ExchangePtr = std::unique_ptr<Exchange>;

/// What other threads hand to the client's thread.
struct Wake {
  CURLM* multi = nullptr;
  std::mutex mutex;
  std::vector<ExchangePtr> inbox;
  std::vector<std::uint64_t> cancelled;
};

void Exchange::Cancel::operator()() const noexcept {
  {
    const std::lock_guard lock(wake->mutex);
    wake->cancelled.push_back(id);
  }
  curl_multi_wakeup(wake->multi);
}

std::size_t take_body(const char* data, std::size_t size, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::size_t bytes = size * count;
  if (exchange.response.body.size() + bytes > exchange.request.max_body) {
    exchange.too_large = true;
    return 0;
  }
  exchange.response.body.append(data, bytes);
  return bytes;
}

/// Keeps the reason for a failure, which libcurl drops, and the socket from the programs we start.
curl_socket_t open_socket(void* user, curlsocktype /*purpose*/, curl_sockaddr* address) {
  auto& exchange = *static_cast<Exchange*>(user);
  const int file = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (file < 0) exchange.socket_error = errno;
  return file;
}

/// False if a value could smuggle in another header.
bool has_safe_headers(const HttpRequest& request) {
  const auto is_safe = [](const auto& header) { return is_one_line(header.first) && is_one_line(header.second); };
  return is_one_line(request.method) && is_one_line(request.content_type) && is_one_line(request.access.bearer_token) &&
         std::ranges::all_of(request.access.headers, is_safe);
}

Headers make_headers(const HttpRequest& request) {
  const HttpAccess& access = request.access;
  Headers headers;
  // libcurl 7.88 signs every header it is given, also those that are only named to keep them from being sent, and those that the
  // next hop takes away.
  const bool signs = !access.aws_sigv4.empty();
  if (!signs) append(headers, "Expect:");
  if (!request.body.empty()) append(headers, header_line("Content-Type", request.content_type));
  if (request.body.empty() && !signs) append(headers, "Content-Type:");
  if (request.fresh_connection && !signs) append(headers, "Connection: close");
  if (!access.bearer_token.empty()) append(headers, "Authorization: Bearer " + access.bearer_token);
  for (const auto& [name, value] : access.headers) append(headers, header_line(name, value));
  return headers;
}

void set_method(CURL* easy, const HttpRequest& request) {
  const std::string& method = request.method;
  if (method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  const bool sends_body = !request.body.empty() || method == "POST" || method == "PUT" || method == "PATCH";
  if (sends_body) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  if (method != (sends_body ? "POST" : "GET")) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
}

void set_blob(CURL* easy, CURLoption option, const std::string& text) {
  if (text.empty()) return;
  // libcurl's own type wants a pointer to what it only reads.
  curl_blob blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
  curl_easy_setopt(easy, option, &blob);
}

void set_access(CURL* easy, const HttpAccess& access) {
  if (!access.username.empty()) {
    const bool signs = !access.aws_sigv4.empty();
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, static_cast<long>(signs ? CURLAUTH_AWS_SIGV4 : CURLAUTH_BASIC));
    if (signs) curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, access.aws_sigv4.c_str());
    curl_easy_setopt(easy, CURLOPT_USERNAME, access.username.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, access.password.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, access.verify ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, access.verify ? 2L : 0L);
  if (!access.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, access.ca_file.c_str());
  if (!access.certificate_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLCERT, access.certificate_file.c_str());
  if (!access.key_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLKEY, access.key_file.c_str());
  set_blob(easy, CURLOPT_CAINFO_BLOB, access.ca_pem);
  set_blob(easy, CURLOPT_SSLCERT_BLOB, access.certificate_pem);
  set_blob(easy, CURLOPT_SSLKEY_BLOB, access.key_pem);
}

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
  std::string result(text);
  curl_free(text);
  return result;
}

/// Asks for a server of another name than the one that is connected to: the name goes into the URL, from which libcurl takes what
/// it asks for and checks in TLS, and the connection and the Host header keep the address.
void set_server_name(Exchange& exchange) {
  const std::string& name = exchange.request.access.tls_server_name;
  if (name.empty()) return;
  const std::unique_ptr<CURLU, FreeUrl> url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, exchange.request.url.c_str(), 0) != CURLUE_OK) return;
  const std::string host = part_of(url.get(), CURLUPART_HOST);
  const std::string port = part_of(url.get(), CURLUPART_PORT);
  if (curl_url_set(url.get(), CURLUPART_HOST, name.c_str(), 0) != CURLUE_OK) return;
  append(exchange.connect_to, fmt::format("{}:{}:{}:{}", name, port, host, port));
  append(exchange.headers, fmt::format("Host: {}:{}", host, port));
  curl_easy_setopt(exchange.easy.get(), CURLOPT_URL, part_of(url.get(), CURLUPART_URL).c_str());
  curl_easy_setopt(exchange.easy.get(), CURLOPT_CONNECT_TO, exchange.connect_to.get());
  curl_easy_setopt(exchange.easy.get(), CURLOPT_HTTPHEADER, exchange.headers.get());
}

void set_connection(CURL* easy, const HttpRequest& request) {
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // Else cancelling during a name look-up waits for the resolver's thread.
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  if (!request.unix_socket.empty()) curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  if (request.fresh_connection || request.connect_only) {
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  }
  if (request.connect_only) curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
}

/// What was tried, for messages.
std::string tried(const HttpRequest& request) {
  const std::string where = request.unix_socket.empty() ? "" : fmt::format(" on {}", request.unix_socket);
  return fmt::format("{} {}{}", request.connect_only ? "connecting to" : request.method, redacted_url(request.url), where);
}

/// A connection that is there no more: that tells a server that closes what is idle from one that fails.
struct Lost {
  bool was_new = false;
  curl_off_t bytes = 0;  ///< of an answer that had come by then
};

Lost lost(CURL* easy) {
  long connects = 0;
  long headers = 0;
  curl_off_t body = 0;
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
  curl_easy_getinfo(easy, CURLINFO_HEADER_SIZE, &headers);
  curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &body);
  return {.was_new = connects > 0, .bytes = headers + body};
}

/// True if the request was sent on kept connections only, and each was closed before a byte of an answer. libcurl repeats such a
/// request on another connection that it kept, five times; where a server has just closed all of them, that is not enough.
bool met_only_closed_connections(const Exchange& exchange, CURLcode code) {
  if (code != CURLE_RECV_ERROR && code != CURLE_SEND_ERROR && code != CURLE_GOT_NOTHING) return false;
  const auto [was_new, bytes] = lost(exchange.easy.get());
  return !was_new && bytes == 0;
}

std::string lost_when(const Lost& lost) {
  return fmt::format(" on a {} connection, after {} bytes of an answer", lost.was_new ? "new" : "kept", lost.bytes);
}

std::string describe(const Exchange& exchange, CURLcode code, long os_error) {
  if (exchange.too_large || code == CURLE_FILESIZE_EXCEEDED)
    return fmt::format("the answer is larger than {} bytes", exchange.request.max_body);
  if (code == CURLE_PARTIAL_FILE) return fmt::format("the answer was cut off after {} bytes", exchange.response.body.size());
  if (code == CURLE_GOT_NOTHING) return "the connection was closed without an answer";
  if (os_error != 0 && code == CURLE_COULDNT_CONNECT) return std::strerror(static_cast<int>(os_error));
  if (os_error != 0 && (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR))
    return std::strerror(static_cast<int>(os_error)) + lost_when(lost(exchange.easy.get()));
  return exchange.curl_says[0] != '\0' ? exchange.curl_says.data() : curl_easy_strerror(code);
}

Error error_of(const Exchange& exchange, CURLcode code) {
  long os_error = 0;
  curl_easy_getinfo(exchange.easy.get(), CURLINFO_OS_ERRNO, &os_error);
  if (os_error == 0) os_error = exchange.socket_error;
  ErrorKind kind = ErrorKind::unavailable;
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) kind = ErrorKind::invalid;
  if (code == CURLE_OUT_OF_MEMORY || (code == CURLE_COULDNT_CONNECT && is_local_shortage(os_error)))
    kind = ErrorKind::out_of_capacity;
  return {kind, fmt::format("{}: {}", tried(exchange.request), describe(exchange, code, os_error))};
}

/// How far it came, which tells a dead machine from a slow one.
std::string_view reached(const Exchange& exchange) {
  if (!exchange.easy) return "no free connection";
  curl_off_t connected = 0;
  long status = 0;
  curl_easy_getinfo(exchange.easy.get(), CURLINFO_CONNECT_TIME_T, &connected);
  curl_easy_getinfo(exchange.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 0) return "the answer did not end";
  return connected != 0 ? "no answer" : "no connection";
}

void read_headers(Exchange& exchange) {
  curl_header* header = nullptr;
  while ((header = curl_easy_nextheader(exchange.easy.get(), CURLH_HEADER, -1, header)) != nullptr) {
    std::string name(header->name);
    std::ranges::transform(name, name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    exchange.response.headers.emplace_back(std::move(name), header->value);
  }
}

void read_answer(Exchange& exchange) {
  CURL* easy = exchange.easy.get();
  long status = 0;
  curl_off_t microseconds = 0;
  const char* content_type = nullptr;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &microseconds);
  curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &content_type);
  exchange.response.status = static_cast<int>(status);
  exchange.response.elapsed = std::chrono::duration_cast<Duration>(std::chrono::microseconds(microseconds));
  if (content_type != nullptr) exchange.response.content_type = content_type;
  if (exchange.request.keep_headers) read_headers(exchange);
}

CURLM* new_multi(int max_connections) {
  // Thread-safe since 7.84, and never undone: other libraries in the process may use libcurl too.
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* multi = initialised == CURLE_OK ? curl_multi_init() : nullptr;
  if (multi == nullptr) std::abort();
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(max_connections));
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  return multi;
}

}  // namespace

std::string_view HttpResponse::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

std::string redacted_url(const std::string& url) {
  const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    return "(malformed URL)";
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_QUERY, CURLUPART_FRAGMENT})
    curl_url_set(parsed.get(), part, nullptr, 0);
  char* text = nullptr;
  if (curl_url_get(parsed.get(), CURLUPART_URL, &text, 0) != CURLUE_OK) return "(malformed URL)";
  std::string result(text);
  curl_free(text);
  // A password with a slash in it ends up in what looks like the path.
  if (result.find('@') != std::string::npos) return "(malformed URL)";
  return result;
}

std::string url_encoded(std::string_view text) {
  char* encoded = curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size()));
  if (encoded == nullptr) std::abort();
  std::string result(encoded);
  curl_free(encoded);
  return result;
}

/// Everything below `wake_` belongs to the client's thread. libcurl's own connection limits are not used: an exchange waiting
/// for them has no deadline there, and one busy host can keep another's from starting.
struct HttpClient::Impl {
  explicit Impl(Options options) : options_(options), multi_(new_multi(options.max_connections)) {
    wake_.multi = multi_.get();
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  ~Impl() {
    thread_.request_stop();
    curl_multi_wakeup(multi_.get());
    thread_.join();
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void send(HttpRequest request, Done done, std::stop_token stop) {
    auto exchange = std::make_unique<Exchange>();
    exchange->request = std::move(request);
    exchange->done = std::move(done);
    exchange->stop = std::move(stop);
    exchange->host = host_of(exchange->request);
    exchange->started = Steady::now();
    exchange->deadline = exchange->started + std::clamp(exchange->request.timeout, Duration(0), kLongestTimeout);
    const std::uint64_t id = next_id_.fetch_add(1, std::memory_order_relaxed);
    exchange->id = id;
    // Before it is in the inbox: afterwards the other thread may already be done with it.
    if (exchange->stop.stop_possible()) exchange->on_stop.emplace(exchange->stop, Exchange::Cancel{&wake_, id});
    bool first = false;
    {
      const std::lock_guard lock(wake_.mutex);
      first = wake_.inbox.empty();
      wake_.inbox.push_back(std::move(exchange));
    }
    if (first) curl_multi_wakeup(multi_.get());
  }

 private:
  struct Host {
    int active = 0;
    bool runnable = false;              ///< it is in runnable_
    std::deque<std::uint64_t> waiting;  ///< some may be gone: cancelled or out of time
  };

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      take_inbox();
      take_cancelled();
      expire();
      start_waiting();
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      collect();
      start_waiting();
      curl_multi_poll(multi_.get(), nullptr, 0, poll_milliseconds(), nullptr);
    }
    while (take_inbox() || !exchanges_.empty()) {
      if (!exchanges_.empty()) finish(exchanges_.begin()->first, cancelled(*exchanges_.begin()->second));
    }
  }

  bool take_inbox() {
    std::vector<ExchangePtr> arrived;
    {
      const std::lock_guard lock(wake_.mutex);
      arrived.swap(wake_.inbox);
    }
    for (ExchangePtr& exchange : arrived) accept(std::move(exchange));
    return !arrived.empty();
  }

  void accept(ExchangePtr exchange) {
    const std::uint64_t id = exchange->id;
    deadlines_.emplace(exchange->deadline, id);
    Exchange& accepted = *exchanges_.emplace(id, std::move(exchange)).first->second;
    // A stop before it left the inbox may have been read from the list of cancelled ones already.
    if (accepted.stop.stop_requested()) return finish(id, cancelled(accepted));
    if (!has_safe_headers(accepted.request))
      return finish(id, failure(ErrorKind::invalid, fmt::format("{}: a header would hold a line break", tried(accepted.request))));
    hosts_[accepted.host].waiting.push_back(id);
    make_runnable(accepted.host);
  }

  void take_cancelled() {
    std::vector<std::uint64_t> ids;
    {
      const std::lock_guard lock(wake_.mutex);
      ids.swap(wake_.cancelled);
    }
    for (const std::uint64_t id : ids) {
      const auto found = exchanges_.find(id);
      if (found != exchanges_.end()) finish(id, cancelled(*found->second));
    }
  }

  void expire() {
    const Steady::time_point now = Steady::now();
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
      const std::uint64_t id = deadlines_.begin()->second;
      const Exchange& exchange = *exchanges_.at(id);
      finish(id, failure(ErrorKind::unavailable, fmt::format("{}: {} within {}", tried(exchange.request), reached(exchange),
                                                             format_duration(exchange.request.timeout))));
    }
  }

  /// Hosts take turns, so that a long queue for one does not hold up the others.
  void start_waiting() {
    while (active_ < options_.max_connections && !runnable_.empty()) {
      const std::string host = std::move(runnable_.front());
      runnable_.pop_front();
      start_next_of(host);
    }
  }

  void start_next_of(const std::string& name) {
    Host& host = hosts_.at(name);
    host.runnable = false;
    while (!host.waiting.empty()) {
      const auto found = exchanges_.find(host.waiting.front());
      host.waiting.pop_front();
      if (found == exchanges_.end()) continue;
      ++host.active;
      ++active_;
      start(*found->second);
      break;
    }
    make_runnable(name);
  }

  /// Queues the host if it can start something, forgets it if nothing is left of it.
  void make_runnable(const std::string& name) {
    const auto found = hosts_.find(name);
    if (found == hosts_.end()) return;
    Host& host = found->second;
    if (host.runnable) return;
    if (host.waiting.empty()) {
      if (host.active == 0) hosts_.erase(found);
      return;
    }
    if (host.active >= options_.max_connections_per_host) return;
    host.runnable = true;
    runnable_.push_back(name);
  }

  void start(Exchange& exchange) {
    exchange.easy = take_easy();
    exchange.headers = make_headers(exchange.request);
    CURL* easy = exchange.easy.get();
    curl_easy_setopt(easy, CURLOPT_URL, exchange.request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange.headers.get());
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "weir");
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &exchange);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange.curl_says.data());
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &exchange);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(exchange.request.max_body));
    set_connection(easy, exchange.request);
    set_access(easy, exchange.request.access);
    set_server_name(exchange);
    set_method(easy, exchange.request);
    curl_multi_add_handle(multi_.get(), easy);
  }

  void collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      char* user = nullptr;
      const CURLcode code = message->data.result;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
      complete(*reinterpret_cast<Exchange*>(user), code);
    }
  }

  void complete(Exchange& exchange, CURLcode code) {
    if (met_only_closed_connections(exchange, code)) return repeat_on_a_new_connection(exchange);
    if (code != CURLE_OK) return finish(exchange.id, std::unexpected(error_of(exchange, code)));
    read_answer(exchange);
    finish(exchange.id, std::move(exchange.response));
  }

  void repeat_on_a_new_connection(Exchange& exchange) {
    CURL* easy = exchange.easy.get();
    curl_multi_remove_handle(multi_.get(), easy);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_multi_add_handle(multi_.get(), easy);
  }

  /// The one way out: gives the handle and the place back, then tells.
  void finish(std::uint64_t id, Result<HttpResponse> result) {
    const auto found = exchanges_.find(id);
    if (found == exchanges_.end()) return;
    const ExchangePtr exchange = std::move(found->second);
    exchanges_.erase(found);
    deadlines_.erase({exchange->deadline, id});
    if (exchange->easy) {
      curl_multi_remove_handle(multi_.get(), exchange->easy.get());
      give_back(std::move(exchange->easy));
      --hosts_.at(exchange->host).active;
      --active_;
    }
    make_runnable(exchange->host);
    exchange->on_stop.reset();
    exchange->done(std::move(result));
  }

  static Result<HttpResponse> cancelled(const Exchange& exchange) {
    return failure(ErrorKind::cancelled, fmt::format("{}: cancelled", tried(exchange.request)));
  }

  [[nodiscard]] int poll_milliseconds() const {
    Duration wait = kLongestWait;
    if (!deadlines_.empty())
      wait = std::clamp(std::chrono::ceil<Duration>(deadlines_.begin()->first - Steady::now()), Duration(0), wait);
    return static_cast<int>(wait.count());
  }

  Easy take_easy() {
    if (idle_.empty()) {
      Easy easy(curl_easy_init());
      if (!easy) std::abort();
      return easy;
    }
    Easy easy = std::move(idle_.back());
    idle_.pop_back();
    return easy;
  }

  void give_back(Easy easy) {
    if (idle_.size() >= kIdleEasyHandles) return;
    curl_easy_reset(easy.get());
    idle_.push_back(std::move(easy));
  }

  Options options_;
  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::atomic<std::uint64_t> next_id_{1};
  Wake wake_;

  std::vector<Easy> idle_;
  std::unordered_map<std::uint64_t, ExchangePtr> exchanges_;
  std::set<std::pair<Steady::time_point, std::uint64_t>> deadlines_;
  std::unordered_map<std::string, Host> hosts_;
  std::deque<std::string> runnable_;
  int active_ = 0;

  std::jthread thread_;
};

HttpClient::HttpClient() : HttpClient(Options{}) {}
HttpClient::HttpClient(Options options) : impl_(std::make_unique<Impl>(options)) {}
HttpClient::~HttpClient() = default;

void HttpClient::send(HttpRequest request, Done done, std::stop_token stop) {
  impl_->send(std::move(request), std::move(done), std::move(stop));
}

Result<HttpResponse> HttpClient::fetch(HttpRequest request, std::stop_token stop) {
  // Shared: set_value() may still touch it when get() has returned.
  const auto answer = std::make_shared<std::promise<Result<HttpResponse>>>();
  std::future<Result<HttpResponse>> future = answer->get_future();
  send(std::move(request), [answer](Result<HttpResponse> result) { answer->set_value(std::move(result)); }, std::move(stop));
  return future.get();
}

}  // namespace weir
