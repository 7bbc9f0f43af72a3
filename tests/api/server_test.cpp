#include "controller/api/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "controller/api/connections.h"
#include "controller/api/routes.h"
#include "tests/api/fake_api_data.h"
#include "tests/support/free_port.h"
#include "tests/support/raw_client.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

using Client = RawClient;

/// Another program that has a port.
class Listener {
 public:
  Listener() : file_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    const bool listens = ::bind(file_, generic, length) == 0 && ::listen(file_, 1) == 0;
    if (!listens || ::getsockname(file_, generic, &length) != 0) std::abort();
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { ::close(file_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] int file() const { return file_; }

 private:
  int file_;
  int port_ = 0;
};

ConnectionLimits quick() {
  ConnectionLimits limits;
  limits.every = 5ms;
  return limits;
}

class ApiServerTest : public testing::Test {
 protected:
  void start(ConnectionLimits limits) {
    auto started = ApiServer::start(
        address(), [this](const ApiRequest& request, const ApiReply& reply) { answer(request, data_, control_, reply); }, limits);
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }
  void SetUp() override { start(quick()); }
  /// In the place of the server that is there; nullptr if it cannot be.
  [[nodiscard]] std::unique_ptr<ApiServer> server_with(ApiControl& control) {
    server_.reset();
    auto started = ApiServer::start(
        address(), [&](const ApiRequest& request, const ApiReply& reply) { answer(request, data_, control, reply); }, quick());
    return started ? std::move(*started) : nullptr;
  }

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// The whole answer to a request that asks to close.
  [[nodiscard]] std::string ask(const std::string& head) const {
    Client client(port_);
    client.send(head + "Host: x\r\nConnection: close\r\n\r\n");
    return client.read_all();
  }
  [[nodiscard]] bool answers() const { return ask("GET /healthz HTTP/1.1\r\n").ends_with("\r\n\r\nok\n"); }

  int port_ = free_port();
  FakeApiData data_;
  FakeControl control_;
  std::unique_ptr<ApiServer> server_;
};

TEST_F(ApiServerTest, answers_over_http) {
  const std::string text = ask("GET /v1/groups/app/decisions?limit=7&before=2026-03-01T09%3A30%3A00Z HTTP/1.1\r\n");
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n")) << text;
  EXPECT_NE(text.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_NE(text.find("X-Content-Type-Options: nosniff\r\n"), std::string::npos);
  EXPECT_NE(text.find(R"({"decisions":[{"format":1,)"), std::string::npos) << text;
  EXPECT_EQ(data_.asked.limit, 7);
  EXPECT_TRUE(data_.asked.before);
}

TEST_F(ApiServerTest, keeps_a_connection_for_further_requests) {
  Client client(port_);
  for (int request = 0; request < 20; ++request) {
    ASSERT_TRUE(client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"));
    ASSERT_TRUE(client.read_until("ok\n").ends_with("ok\n"));
  }
}

TEST_F(ApiServerTest, head_tells_the_length_and_sends_no_body) {
  Client client(port_);
  client.send("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string text = client.read_all();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n")) << text;
  EXPECT_NE(text.find("Content-Length: 11\r\n"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\r\n\r\n")) << text;
  Client failing(port_);
  failing.send("HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(failing.read_all().starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(answers());
}

TEST_F(ApiServerTest, refuses_other_methods_and_says_which_it_knows) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "BREW"}) {
    const std::string text = ask(std::string(method) + " /v1/groups HTTP/1.1\r\nSecret: hunter2\r\n");
    EXPECT_TRUE(text.starts_with("HTTP/1.1 405 ") || text.starts_with("HTTP/1.1 400 ")) << text;
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << "TRACE must not echo";
    if (std::string_view(method) != "BREW" && text.starts_with("HTTP/1.1 405 ")) {
      EXPECT_NE(text.find("Allow: GET, HEAD\r\n"), std::string::npos) << text;
    }
  }
}

TEST_F(ApiServerTest, refuses_what_is_too_large_or_ambiguous) {
  std::string many;
  for (int header = 0; header < 101; ++header) many += "X-" + std::to_string(header) + ": a\r\n";
  const std::pair<std::string, const char*> cases[] = {
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n", "HTTP/1.1 414 "},
      {"GET / HTTP/1.1\r\nX: " + std::string(20'000, 'a') + "\r\n", "HTTP/1.1 431 "},
      {"GET / HTTP/1.1\r\n" + many, "HTTP/1.1 431 "},
  };
  for (const auto& [head, status] : cases) EXPECT_TRUE(ask(head).starts_with(status)) << status;

  const std::pair<const char*, const char*> bodies[] = {
      {"GET / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 "},
      {"GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 413 "},
      {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 413 "},
  };
  for (const auto& [request, status] : bodies) {
    Client client(port_);
    client.send(request);
    const std::string text = client.read_all();  // to the end: such a connection is not used again
    EXPECT_TRUE(text.starts_with(status)) << request << text;
  }
}

TEST_F(ApiServerTest, takes_a_body_in_as_many_pieces_as_it_comes_and_knows_from_where) {
  const std::string body = R"({"servers": 3, "by": "ops"})" + std::string(65'536 - 27, ' ');
  Client client(port_);
  client.send("POST /v1/groups/app/scale HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + control_.secret +
              "\r\nContent-Length: 65536\r\n\r\n");
  ASSERT_TRUE(client.send(std::string_view(body).substr(0, 10)));
  EXPECT_TRUE(answers()) << "nobody waits for a body that is on its way";
  ASSERT_TRUE(client.send(std::string_view(body).substr(10)));
  const std::string text = client.read_all();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 202 ")) << text;
  ASSERT_EQ(control_.taken.size(), 1U);
  EXPECT_EQ(control_.taken[0].servers, 3);
  EXPECT_EQ(control_.writes[0].remote, "127.0.0.1");
}

TEST_F(ApiServerTest, keeps_a_connection_for_further_orders) {
  Client client(port_);
  const std::string head = "HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + control_.secret + "\r\n";
  for (int order = 0; order < 10; ++order) {
    ASSERT_TRUE(client.send("POST /v1/groups/app/pause " + head + "Content-Length: 2\r\n\r\n{}"));
    ASSERT_TRUE(client.read_until("\"by\":\"api\"}").starts_with("HTTP/1.1 202 "));
    ASSERT_TRUE(client.send("POST /v1/groups/app/resume " + head + "Content-Length: 0\r\n\r\n"));
    ASSERT_TRUE(client.read_until("\"by\":\"api\"}").starts_with("HTTP/1.1 202 "));
  }
  EXPECT_EQ(control_.taken.size(), 20U);
}

TEST_F(ApiServerTest, refuses_bodies_that_are_too_large_or_do_not_say_how_large_they_are) {
  const std::pair<std::string, const char*> cases[] = {
      {"Content-Length: 65537\r\n\r\n" + std::string(65'537, ' '), "HTTP/1.1 413 "},
      {"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "HTTP/1.1 411 "},
      {"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "HTTP/1.1 400 "}};
  for (const auto& [request, status] : cases) {
    Client client(port_);
    client.send("POST /v1/groups/app/pause HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + control_.secret + "\r\n" + request);
    const std::string text = client.read_all();
    EXPECT_TRUE(text.starts_with(status)) << status << text;
  }
  EXPECT_TRUE(control_.taken.empty());
}

/// Keeps orders until somebody answers them.
class SlowControl final : public ApiControl {
 public:
  [[nodiscard]] std::shared_ptr<const ApiAccess> access() const override {
    return std::make_shared<ApiAccess>(ApiAccess{.tokens = {{"token", ApiRole::operate, "secret"}}});
  }
  [[nodiscard]] std::optional<Duration> admit(const std::string&) override { return {}; }
  [[nodiscard]] std::optional<Duration> wrong_token(const std::string&) override { return {}; }
  [[nodiscard]] TimePoint now() const override { return {}; }
  void order(const std::string&, const Order&, Ordered ordered) override {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(ordered));
  }
  void written(const ApiWrite&) override {}
  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  void answer_all(const Result<void>& result) {
    std::vector<Ordered> waiting;
    {
      const std::lock_guard lock(mutex_);
      waiting.swap(waiting_);
    }
    for (const Ordered& ordered : waiting) ordered(result);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Ordered> waiting_;
};

constexpr const char* kPause =
    "POST /v1/groups/app/pause HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\nContent-Length: 2\r\n\r\n{}";

// Found by killing it: the answer came before the order was saved.
TEST_F(ApiServerTest, an_order_is_answered_when_it_is_saved_and_holds_up_nobody_until_then) {
  SlowControl control;
  auto slow = server_with(control);
  ASSERT_TRUE(slow);
  std::vector<std::unique_ptr<Client>> clients;
  for (int count = 0; count < 12; ++count) {
    clients.push_back(std::make_unique<Client>(port_));
    ASSERT_TRUE(clients.back()->send(kPause));
  }
  ASSERT_TRUE(wait_until(20s, [&] { return control.waiting() == 12; })) << "more than there are threads";
  EXPECT_TRUE(answers());
  for (const auto& client : clients) EXPECT_TRUE(client->silent());
  control.answer_all({});
  for (const auto& client : clients) EXPECT_TRUE(client->read_until("\"by\":\"api\"}").starts_with("HTTP/1.1 202 "));
  Client refused(port_);
  ASSERT_TRUE(refused.send(kPause));
  ASSERT_TRUE(wait_until(20s, [&] { return control.waiting() == 1; }));
  control.answer_all(failure(ErrorKind::unavailable, "disk full"));
  EXPECT_TRUE(refused.read_until("disk full").starts_with("HTTP/1.1 503 "));
}

TEST_F(ApiServerTest, a_server_that_goes_answers_what_waits_and_an_answer_that_comes_too_late_goes_nowhere) {
  SlowControl control;
  auto slow = server_with(control);
  ASSERT_TRUE(slow);
  Client client(port_);
  ASSERT_TRUE(client.send(kPause));
  ASSERT_TRUE(wait_until(20s, [&] { return control.waiting() == 1; }));
  slow.reset();
  control.answer_all({});
  const std::string told = client.read_all();
  EXPECT_TRUE(told.starts_with("HTTP/1.1 503 ")) << told;
  EXPECT_TRUE(told.contains("weir is stopping")) << told;
}

TEST_F(ApiServerTest, a_server_that_goes_has_sent_the_answers_that_were_given) {
  constexpr std::size_t kClients = 40;  // more than there are threads to send at once
  SlowControl control;
  auto slow = server_with(control);
  ASSERT_TRUE(slow);
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t count = 0; count < kClients; ++count) {
    clients.push_back(std::make_unique<Client>(port_));
    ASSERT_TRUE(clients.back()->send(kPause));
  }
  ASSERT_TRUE(wait_until(20s, [&] { return control.waiting() == kClients; }));
  control.answer_all({});
  slow.reset();
  for (const auto& client : clients) EXPECT_TRUE(client->read_all().starts_with("HTTP/1.1 202 "));
}

TEST_F(ApiServerTest, a_body_that_ends_too_soon_orders_nothing) {
  ConnectionLimits limits = quick();
  limits.answer = 50ms;
  server_.reset();
  start(limits);
  const std::string head = "POST /v1/groups/app/pause HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + control_.secret + "\r\n";
  for (int round = 0; round < 20; ++round) {
    Client hanging(port_);
    ASSERT_TRUE(hanging.send(head + "Content-Length: 4\r\n\r\n{}"));
    if (round % 2 == 0) {
      EXPECT_TRUE(hanging.closed_by_server());
    }
  }
  // One may be on its way when the server goes.
  Client last(port_);
  ASSERT_TRUE(last.send(head + "Content-Length: 4\r\n\r\n{}"));
  EXPECT_TRUE(answers());
  server_.reset();
  EXPECT_TRUE(control_.taken.empty());
}

TEST_F(ApiServerTest, survives_what_is_no_request) {
  const std::string nul("GET /\0 HTTP/1.1\r\n\r\n", 19);
  const std::string requests[] = {"\r\n\r\n",
                                  "GARBAGE\r\n\r\n",
                                  "GET\r\n\r\n",
                                  "GET /\r\n\r\n",
                                  "GET  / HTTP/1.1\r\n\r\n",
                                  "GET / HTTP/9.9\r\n\r\n",
                                  "GET / HTTP/1.1\nHost: x\n\n",
                                  "GET /%zz HTTP/1.1\r\n\r\n",
                                  "GET /v1/groups?limit=%q HTTP/1.1\r\n\r\n",
                                  "GET //////// HTTP/1.1\r\n\r\n",
                                  "GET http:// HTTP/1.1\r\n\r\n",
                                  "GET http://[::1/ HTTP/1.1\r\n\r\n",
                                  "GET * HTTP/1.1\r\n\r\n",
                                  "HEAD / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n",
                                  "GET / HTTP/1.1\r\nno colon\r\n\r\n",
                                  "GET / HTTP/1.1\r\n: no name\r\n\r\n",
                                  "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                                  "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
                                  "GET / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
                                  "GET / HTTP/1.1\r\nContent-Length: abc\r\n\r\n",
                                  "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                                  "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
                                  "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
                                  "GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
                                  "GET / HTTP/1.1\r\nConnection: \xff\xfe\r\n\r\n",
                                  "GET /\xff\xfe HTTP/1.1\r\n\r\n",
                                  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                  std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
                                  nul,
                                  std::string(3000, '\n'),
                                  std::string(4, '\0')};
  for (const std::string& request : requests) {
    Client client(port_);
    client.send(request);
    client.send_no_more();
    EXPECT_TRUE(client.closed_by_server()) << request;
    ASSERT_TRUE(answers()) << request;
  }
}

TEST_F(ApiServerTest, half_a_request_and_silence_do_not_hold_a_connection) {
  ConnectionLimits limits = quick();
  limits.answer = 50ms;
  limits.idle = 50ms;
  server_.reset();
  start(limits);
  const char* beginnings[] = {"",
                              "GET / HT",
                              "GET / HTTP/1.1\r\nX: y\r\n",
                              "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab",
                              "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
                              "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"};
  for (const char* beginning : beginnings) {
    Client client(port_);
    client.send(beginning);
    EXPECT_TRUE(client.closed_by_server()) << beginning;
  }
  EXPECT_TRUE(answers());
}

TEST_F(ApiServerTest, a_client_that_drips_is_cut_off_all_the_same) {
  ConnectionLimits limits = quick();
  limits.answer = 100ms;
  server_.reset();
  start(limits);
  Client client(port_);
  client.send("GET / HTTP/1.1\r\nX: ");
  EXPECT_TRUE(wait_until(20s, [&] { return !client.send("a"); }));
}

TEST_F(ApiServerTest, endless_headers_and_bodies_are_cut_off) {
  const char* beginnings[] = {"GET / HTTP/1.1\r\nX: ", "GET / HTTP/1.1\r\nContent-Length: 9000000000\r\n\r\n"};
  for (const char* beginning : beginnings) {
    Client client(port_);
    client.send(beginning);
    const std::string part(100'000, 'a');
    bool cut_off = false;
    for (int count = 0; count < 20'000 && !cut_off; ++count) cut_off = !client.send(part);
    EXPECT_TRUE(cut_off) << beginning;
  }
  EXPECT_TRUE(answers());
}

TEST_F(ApiServerTest, a_body_that_drips_is_cut_off_and_orders_nothing) {
  ConnectionLimits limits = quick();
  limits.answer = 100ms;
  server_.reset();
  start(limits);
  Client client(port_);
  client.send("POST /v1/groups/app/pause HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + control_.secret +
              "\r\nContent-Length: 60000\r\n\r\n{");
  EXPECT_TRUE(wait_until(20s, [&] { return !client.send(" "); }));
  EXPECT_TRUE(control_.taken.empty());
  EXPECT_TRUE(answers());
}

// Each of these has an outcome of its own, and none of them is an order.
TEST_F(ApiServerTest, what_is_malformed_has_a_defined_outcome) {
  const std::string host = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
  const std::string token = "Authorization: Bearer " + control_.secret + "\r\n";
  const std::string pause = "POST /v1/groups/app/pause" + host + token;
  const auto sized = [](const std::string& body) { return "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body; };
  const std::pair<std::string, std::string> cases[] = {
      {"BREW /v1/groups" + host + "\r\n", "405"},
      {"GET /v1/groups/%zz" + host + "\r\n", "400"},
      {"GET /v1/groups/%00" + host + "\r\n", "404"},
      {"GET /v1/groups/%ff%fe" + host + "\r\n", "404"},
      {"GET /" + std::string(8'300, 'a') + host + "\r\n", "414"},
      {pause + sized(std::string(60'000, '[')), "400"},
      {pause + sized("{\"by\": \"\xff\xfe\"}"), "400"},
      {pause + sized(std::string("{\"by\": \"\0\"}", 11)), "400"},
      {pause + sized(R"({"by": "a", "by": 7})"), "400"},
      {pause + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "411"},
      {pause + "Transfer-Encoding: gzip\r\n\r\n", "411"},
      {"POST /v1/groups/app/pause" + host + "Authorization: Bearer \xff\r\n" + sized("{}"), "401"},
  };
  for (const auto& [request, status] : cases) {
    Client client(port_);
    client.send(request);
    client.send_no_more();
    const std::string text = client.read_all();
    EXPECT_TRUE(text.starts_with("HTTP/1.1 " + status + " ")) << request.substr(0, 300) << "\n→ " << text;
  }
  EXPECT_TRUE(control_.taken.empty());
}

TEST_F(ApiServerTest, a_thousand_connections_do_not_lock_others_out) {
  const rlimit many{8192, 8192};
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit more{std::min<rlim_t>(many.rlim_cur, before.rlim_max), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &more), 0);
  {
    const char* beginnings[] = {"", "GET / HTTP/1.1\r\nX: ", "POST /v1/groups/app/pause HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"};
    std::vector<std::unique_ptr<Client>> crowd;
    for (int count = 0; count < 1000; ++count) {
      crowd.push_back(std::make_unique<Client>(port_));
      ASSERT_TRUE(crowd.back()->connected()) << count;
      crowd.back()->send(beginnings[count % 3]);
    }
    // One that comes with the crowd may be turned away with it, and is answered when it asks again.
    EXPECT_TRUE(wait_until(60s, [&] { return answers(); }));
    const auto open = [&crowd] { return std::ranges::count_if(crowd, [](const auto& client) { return client->silent(); }); };
    EXPECT_TRUE(wait_until(60s, [&] { return open() <= 64; })) << open();
    EXPECT_TRUE(answers());
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(ApiServerTest, a_crowd_of_silent_connections_does_not_lock_others_out) {
  ConnectionLimits limits = quick();
  limits.connections = 5;
  server_.reset();
  start(limits);
  std::vector<std::unique_ptr<Client>> crowd;
  for (int count = 0; count < 40; ++count) crowd.push_back(std::make_unique<Client>(port_));
  const auto closed = [&crowd] { return std::ranges::count_if(crowd, [](const auto& client) { return client->at_end(); }); };
  EXPECT_TRUE(wait_until(20s, [&] { return closed() == 35; })) << closed();
  EXPECT_TRUE(answers());
}

TEST_F(ApiServerTest, answers_many_at_once) {
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int worker = 0; worker < 8; ++worker) {
      threads.emplace_back([&] {
        for (int request = 0; request < 20; ++request)
          good += ask("GET /v1/groups HTTP/1.1\r\n").starts_with("HTTP/1.1 200 ") ? 1 : 0;
      });
    }
  }
  EXPECT_EQ(good, 160);
}

TEST_F(ApiServerTest, waits_for_a_port_that_is_held_a_moment_longer) {
  // Now and then the port is free before anybody has to wait for it.
  for (int round = 0; round < 8; ++round) {
    auto other = std::make_unique<Listener>();
    const std::string address = other->address();
    const auto start = [&](Duration patience) {
      return ApiServer::start(address, [](const ApiRequest&, const ApiReply& reply) { reply({}); }, {}, patience);
    };
    ASSERT_FALSE(start(0ms));
    const std::jthread holder([&] { other.reset(); });
    const auto server = start(60s);
    ASSERT_TRUE(server) << server.error().message;
  }
}

TEST_F(ApiServerTest, says_why_it_cannot_listen) {
  const auto refuse = [](const std::string& listen) {
    return ApiServer::start(listen, [](const ApiRequest&, const ApiReply& reply) { reply({}); });
  };
  const Listener other;
  const auto second = refuse(other.address());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::denied);
  EXPECT_EQ(second.error().message, "cannot listen on " + other.address() + ": bind: Address already in use");
  for (const char* listen : {"", "127.0.0.1", "127.0.0.1:", ":8600", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", "[::1]:8600",
                             "http://127.0.0.1:8600", "127.0.0.1:8600/x", "a b:8600"}) {
    const auto wrong = refuse(listen);
    ASSERT_FALSE(wrong) << listen;
    EXPECT_EQ(wrong.error().kind, ErrorKind::invalid) << listen;
  }
}

TEST_F(ApiServerTest, the_port_is_free_again_when_it_is_gone) {
  Client lingering(port_);
  server_.reset();
  start(quick());
  EXPECT_TRUE(answers());
}

TEST(ConnectionGuardTest, a_connection_that_nobody_accepted_yet_is_not_the_end) {
  const Listener listener;
  const auto guard = ConnectionGuard::start(listener.port(), {});
  ASSERT_TRUE(guard) << guard.error().message;
  const Client waiting(listener.port());
  ASSERT_TRUE(waiting.connected());
  EXPECT_FALSE((*guard)->close_all());
  ::close(::accept4(listener.file(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE((*guard)->close_all());
}

TEST_F(ApiServerTest, programs_we_start_do_not_inherit_the_port) {
  Client client(port_);
  client.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  (void)client.read_until("ok\n");
  const auto inherited = [] {
    int count = 0;
    for (int file = 3; file < 200; ++file) {
      sockaddr_in address{};
      socklen_t length = sizeof address;
      if (::getsockname(file, reinterpret_cast<sockaddr*>(&address), &length) != 0 || address.sin_family != AF_INET) continue;
      count += (::fcntl(file, F_GETFD) & FD_CLOEXEC) == 0 ? 1 : 0;
    }
    return count;
  };
  EXPECT_TRUE(wait_until(20s, [&] { return inherited() == 0; }));
}

}  // namespace
}  // namespace weir
