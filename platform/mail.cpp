#include "platform/mail.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <string_view>

namespace weir {
namespace {

/// curl_multi_poll() is woken when somebody says stop; this is only how long it sleeps at most.
constexpr int kLongestPollMilliseconds = 10'000;
/// From this on a refusal is meant for good (RFC 5321, 4.2.1).
constexpr long kPermanent = 500;

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Unsent {
  std::string_view text;
};

std::size_t give_text(char* into, std::size_t size, std::size_t count, void* user) {
  auto& unsent = *static_cast<Unsent*>(user);
  const std::size_t bytes = std::min(unsent.text.size(), size * count);
  std::memcpy(into, unsent.text.data(), bytes);
  unsent.text.remove_prefix(bytes);
  return bytes;
}

/// What the server says is its banner and its answers; nobody reads them here.
std::size_t pass_over(const char* /*data*/, std::size_t size, std::size_t count, void* /*user*/) { return size * count; }

std::string url_of(const MailServer& server) {
  const bool v6 = server.host.contains(':');
  return fmt::format("{}://{}{}{}:{}", server.tls == MailServer::Tls::tls ? "smtps" : "smtp", v6 ? "[" : "", server.host,
                     v6 ? "]" : "", server.port);
}

/// One conversation, under way on the caller's thread.
class Conversation {
 public:
  Conversation(const MailServer& server, const Mail& mail) : server_(server), unsent_{mail.text} {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (initialised != CURLE_OK || !easy_ || !multi_) std::abort();
    for (const std::string& to : mail.to) recipients_.reset(curl_slist_append(recipients_.release(), to.c_str()));
    set_mail(mail);
    set_connection();
  }

  Result<void> hold(const std::stop_token& stop) {
    curl_multi_add_handle(multi_.get(), easy_.get());
    const std::stop_callback wake(stop, [this] { curl_multi_wakeup(multi_.get()); });
    int running = 1;
    while (running > 0 && !stop.stop_requested()) {
      curl_multi_perform(multi_.get(), &running);
      if (running > 0) curl_multi_poll(multi_.get(), nullptr, 0, kLongestPollMilliseconds, nullptr);
    }
    int left = 0;
    const CURLMsg* message = curl_multi_info_read(multi_.get(), &left);
    const bool ended = message != nullptr && message->msg == CURLMSG_DONE;
    const CURLcode code = ended ? message->data.result : CURLE_ABORTED_BY_CALLBACK;
    Result<void> result = ended ? verdict(code) : failure(ErrorKind::cancelled, tried() + ": cancelled");
    // libcurl says QUIT to a server that it leaves, and waits for an answer.
    if (!ended) {
      for (const curl_socket_t socket : sockets_) (void)::shutdown(socket, SHUT_RDWR);
    }
    curl_multi_remove_handle(multi_.get(), easy_.get());
    return result;
  }

 private:
  static curl_socket_t open_socket(void* conversation, curlsocktype /*purpose*/, curl_sockaddr* address) {
    const curl_socket_t socket = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (socket != CURL_SOCKET_BAD) static_cast<Conversation*>(conversation)->sockets_.insert(socket);
    return socket;
  }
  static int close_socket(void* conversation, curl_socket_t socket) {
    static_cast<Conversation*>(conversation)->sockets_.erase(socket);
    return ::close(socket);
  }

  void set_mail(const Mail& mail) {
    CURL* easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, mail.from.c_str());
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients_.get());
    // One address that is no more must not keep the others from hearing of an outage.
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_text);
    curl_easy_setopt(easy, CURLOPT_READDATA, &unsent_);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, pass_over);
  }

  void set_connection() {
    CURL* easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_URL, url_of(server_).c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<Duration::rep>(server_.timeout.count(), 1)));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, curl_says_.data());
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
    if (server_.tls == MailServer::Tls::starttls) curl_easy_setopt(easy, CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
    if (!server_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, server_.ca_file.c_str());
    if (server_.username.empty()) return;
    curl_easy_setopt(easy, CURLOPT_USERNAME, server_.username.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, server_.password.c_str());
  }

  [[nodiscard]] std::string tried() const { return "mail to " + url_of(server_); }

  [[nodiscard]] Result<void> verdict(CURLcode code) const {
    if (code == CURLE_OK) return {};
    long answer = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &answer);
    const std::string detail = curl_says_[0] != '\0' ? curl_says_.data() : curl_easy_strerror(code);
    return failure(kind_of(code, answer), fmt::format("{}: {}", tried(), detail));
  }

  static ErrorKind kind_of(CURLcode code, long answer) {
    if (code == CURLE_LOGIN_DENIED) return ErrorKind::denied;
    const bool refused = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_WEIRD_SERVER_REPLY;
    return refused && answer >= kPermanent ? ErrorKind::invalid : ErrorKind::unavailable;
  }

  const MailServer& server_;
  Unsent unsent_;
  std::array<char, CURL_ERROR_SIZE> curl_says_{};
  std::set<curl_socket_t> sockets_;  ///< open now; outlives the handles below, which close them
  std::unique_ptr<curl_slist, FreeList> recipients_;
  std::unique_ptr<CURL, FreeEasy> easy_{curl_easy_init()};
  std::unique_ptr<CURLM, FreeMulti> multi_{curl_multi_init()};
};

}  // namespace

Result<void> send_mail(const MailServer& server, const Mail& mail, const std::stop_token& stop) {
  return Conversation(server, mail).hold(stop);
}

}  // namespace weir
