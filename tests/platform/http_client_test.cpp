#include "platform/http_client.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstddef>
#include <future>
#include <latch>
#include <thread>
#include <vector>

#include "tests/support/free_port.h"
#include "tests/support/http_stub.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Answer = HttpStub::Answer;
using Ending = HttpStub::Ending;
using ::testing::HasSubstr;
using ::testing::Not;

std::string failure_of(const Result<HttpResponse>& result) { return result ? "no failure" : result.error().message; }

TEST(HttpClient, returns_status_type_and_body_of_any_answer) {
  HttpStub stub(Answer{.status = 503, .body = "not yet", .content_type = "text/plain"});
  HttpClient client;
  const auto response = client.fetch({.url = stub.url() + "/path?x=1"});
  ASSERT_TRUE(response) << failure_of(response);
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(response->content_type, "text/plain");
  EXPECT_EQ(response->body, "not yet");
  EXPECT_EQ(stub.requests().at(0).target, "/path?x=1");
}

TEST(HttpClient, keeps_the_headers_of_an_answer_if_it_is_asked_to) {
  HttpStub stub(Answer{.headers = {{"X-Limit", "30"}, {"X-Limit", "31"}, {"Retry-After", " 5 "}}});
  HttpClient client;
  const auto plain = client.fetch({.url = stub.url()});
  ASSERT_TRUE(plain) << failure_of(plain);
  EXPECT_TRUE(plain->headers.empty());
  const auto kept = client.fetch({.url = stub.url(), .keep_headers = true});
  ASSERT_TRUE(kept) << failure_of(kept);
  EXPECT_EQ(kept->header("x-limit"), "30");
  EXPECT_EQ(kept->header("retry-after"), "5");
  EXPECT_EQ(kept->header("x-other"), "");
}

TEST(HttpClient, sends_method_body_type_and_headers) {
  HttpStub stub;
  HttpClient client;
  HttpAccess access{.bearer_token = "token", .headers = {{"X-Name", "value"}, {"X-Empty", ""}}};
  ASSERT_TRUE(
      client.fetch({.method = "PUT", .url = stub.url(), .body = "{}", .content_type = "application/json", .access = access}));
  ASSERT_TRUE(client.fetch({.method = "DELETE", .url = stub.url()}));
  ASSERT_TRUE(client.fetch({.method = "POST", .url = stub.url()}));
  ASSERT_TRUE(client.fetch({.method = "HEAD", .url = stub.url()}));
  ASSERT_TRUE(client.fetch({.method = "GET", .url = stub.url()}));
  const auto requests = stub.requests();
  ASSERT_EQ(requests.size(), 5u);
  EXPECT_EQ(requests[0].method, "PUT");
  EXPECT_EQ(requests[0].body, "{}");
  EXPECT_EQ(requests[0].headers.at("content-type"), "application/json");
  EXPECT_EQ(requests[0].headers.at("authorization"), "Bearer token");
  EXPECT_EQ(requests[0].headers.at("x-name"), "value");
  EXPECT_TRUE(requests[0].headers.contains("x-empty"));
  EXPECT_EQ(requests[1].method, "DELETE");
  EXPECT_EQ(requests[2].method, "POST");
  EXPECT_EQ(requests[2].headers.at("content-length"), "0");
  EXPECT_EQ(requests[3].method, "HEAD");
  // Nothing of an earlier exchange sticks to a handle used again.
  EXPECT_EQ(requests[4].method, "GET");
  EXPECT_FALSE(requests[4].headers.contains("authorization"));
  EXPECT_FALSE(requests[4].headers.contains("content-type"));
}

TEST(HttpClient, uses_basic_authentication_when_there_is_a_user_name) {
  HttpStub stub;
  HttpClient client;
  ASSERT_TRUE(client.fetch({.url = stub.url(), .access = {.username = "user", .password = "pass"}}));
  EXPECT_EQ(stub.requests().at(0).headers.at("authorization"), "Basic dXNlcjpwYXNz");
}

TEST(HttpClient, reuses_connections_unless_a_fresh_one_is_wanted) {
  HttpStub stub;
  HttpClient client;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.fetch({.url = stub.url()}));
  EXPECT_EQ(stub.connections(), 1);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.fetch({.url = stub.url(), .fresh_connection = true}));
  EXPECT_EQ(stub.connections(), 4);
  EXPECT_TRUE(wait_until(5s, [&] { return stub.open_connections() == 1; }));
}

TEST(HttpClient, repeats_a_request_once_when_a_kept_connection_was_closed_before_any_answer_byte) {
  HttpStub stub([](const HttpStub::Request& request) {
    return Answer{.body = "ok", .ending = request.turn == 2 ? Ending::no_answer : Ending::keep_open};
  });
  HttpClient client;
  ASSERT_TRUE(client.fetch({.url = stub.url()}));
  const auto second = client.fetch({.url = stub.url()});
  ASSERT_TRUE(second) << failure_of(second);
  EXPECT_EQ(stub.connections(), 2);
  EXPECT_EQ(stub.requests().size(), 3u);
}

TEST(HttpClient, a_request_survives_however_many_kept_connections_are_closed_at_once) {
  constexpr int kKept = 8;  // more than libcurl tries
  std::latch all_here(kKept);
  const HttpStub stub([&](const HttpStub::Request& request) {
    if (request.turn > 1) return Answer{.ending = Ending::reset};
    if (request.connection <= kKept) all_here.arrive_and_wait();
    return Answer{.body = "here"};
  });
  HttpClient client({.max_connections_per_host = kKept});
  std::vector<std::future<Result<HttpResponse>>> first;
  for (int index = 0; index < kKept; ++index)
    first.push_back(std::async(std::launch::async, [&] { return client.fetch({.url = stub.url()}); }));
  for (auto& answer : first) ASSERT_TRUE(answer.get());
  ASSERT_EQ(stub.connections(), kKept);
  const auto answer = client.fetch({.url = stub.url()});
  ASSERT_TRUE(answer) << failure_of(answer);
  EXPECT_EQ(answer->body, "here");
  EXPECT_EQ(stub.connections(), kKept + 1);
}

TEST(HttpClient, a_refused_connection_names_the_url_and_the_reason) {
  const int port = free_port();
  HttpClient client;
  const auto response = client.fetch({.url = fmt::format("http://127.0.0.1:{}/x", port)});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(response.error().message, fmt::format("GET http://127.0.0.1:{}/x: Connection refused", port));
}

TEST(HttpClient, a_slow_answer_fails_at_the_deadline) {
  HttpStub stub(Answer{.delay = 1h});
  HttpClient client;
  const auto response = client.fetch({.url = stub.url(), .timeout = 50ms});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(response.error().message, HasSubstr("no answer within 50ms"));
}

TEST(HttpClient, waiting_for_a_free_connection_counts_against_the_deadline) {
  HttpStub stub(Answer{.delay = 1h});
  HttpClient client(HttpClient::Options{.max_connections_per_host = 1});
  std::stop_source stop;
  std::latch first_done(1);
  client.send({.url = stub.url(), .timeout = 1h}, [&](const Result<HttpResponse>&) { first_done.count_down(); }, stop.get_token());
  ASSERT_TRUE(wait_until(5s, [&] { return stub.requests().size() == 1; }));
  EXPECT_THAT(failure_of(client.fetch({.url = stub.url(), .timeout = 20ms})), HasSubstr("no free connection within 20ms"));
  stop.request_stop();
  first_done.wait();
}

TEST(HttpClient, broken_answers_are_failures_that_say_how) {
  const std::pair<Ending, std::string> cases[] = {
      {Ending::no_answer, "closed without an answer"},
      {Ending::reset, "Connection reset by peer"},
      {Ending::cut_off, "cut off after 5 bytes"},
  };
  for (const auto& [ending, text] : cases) {
    HttpStub stub(Answer{.body = "0123456789", .ending = ending});
    HttpClient client;
    const auto response = client.fetch({.url = stub.url()});
    ASSERT_FALSE(response) << text;
    EXPECT_EQ(response.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(response.error().message, HasSubstr(text));
  }
}

TEST(HttpClient, an_answer_larger_than_allowed_fails) {
  HttpStub stub(Answer{.body = std::string(1001, 'x')});
  HttpClient client;
  EXPECT_TRUE(client.fetch({.url = stub.url(), .max_body = 1001}));
  EXPECT_THAT(failure_of(client.fetch({.url = stub.url(), .max_body = 1000})), HasSubstr("larger than 1000 bytes"));
}

TEST(HttpClient, does_not_follow_redirects) {
  HttpStub target;
  HttpStub stub(Answer{.status = 302, .headers = {{"Location", target.url()}}});
  HttpClient client;
  const auto response = client.fetch({.url = stub.url()});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(target.connections(), 0);
}

TEST(HttpClient, ignores_proxies_named_in_the_environment) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  HttpStub stub;
  HttpClient client;
  const auto response = client.fetch({.url = stub.url()});
  ::unsetenv("http_proxy");
  EXPECT_TRUE(response) << failure_of(response);
}

TEST(HttpClient, speaks_to_unix_sockets) {
  const TempDirectory directory;
  const auto path = directory.path() / "socket";
  HttpStub stub([](const HttpStub::Request&) { return Answer{.body = "ok"}; }, path);
  HttpClient client;
  const auto response = client.fetch({.url = "http://docker/version", .unix_socket = path.string()});
  ASSERT_TRUE(response) << failure_of(response);
  EXPECT_EQ(response->body, "ok");
  EXPECT_EQ(stub.requests().at(0).headers.at("host"), "docker");
}

TEST(HttpClient, a_tcp_check_succeeds_without_sending_anything_and_lets_go) {
  HttpStub stub;
  HttpClient client;
  const auto response = client.fetch({.url = stub.url(), .connect_only = true});
  ASSERT_TRUE(response) << failure_of(response);
  EXPECT_TRUE(wait_until(5s, [&] { return stub.connections() == 1 && stub.open_connections() == 0; }));
  EXPECT_TRUE(stub.requests().empty());
  EXPECT_THAT(failure_of(client.fetch({.url = fmt::format("http://127.0.0.1:{}", free_port()), .connect_only = true})),
              HasSubstr("Connection refused"));
}

TEST(HttpClient, what_cannot_be_sent_is_invalid) {
  HttpStub stub;
  HttpClient client;
  const HttpRequest requests[] = {
      {.url = "ftp://127.0.0.1/"},
      {.url = "http://127.0.0.1:99999/"},
      {.url = ""},
      {.url = stub.url(), .access = {.bearer_token = "a\r\nX-Other: b"}},
      {.url = stub.url(), .access = {.headers = {{"X-Name", "a\nb"}}}},
  };
  for (const HttpRequest& request : requests) {
    const auto response = client.fetch(request);
    ASSERT_FALSE(response) << request.url;
    EXPECT_EQ(response.error().kind, ErrorKind::invalid) << response.error().message;
  }
  EXPECT_EQ(stub.connections(), 0);
}

TEST(HttpClient, messages_hold_no_secrets) {
  HttpClient client;
  const std::string address = fmt::format("127.0.0.1:{}", free_port());
  const HttpAccess access{.bearer_token = "hush1", .username = "someone", .password = "hush2", .headers = {{"X-Api-Key", "hush3"}}};
  const std::string urls[] = {
      fmt::format("http://user:hush4@{}/v1?key=hush5#hush6", address),
      fmt::format("http://us/er:hush4@{}/", address),
      fmt::format("http://user:hush4@{}9999/", address),
      "ftp://user:hush4@127.0.0.1/",
  };
  for (const std::string& url : urls)
    EXPECT_THAT(failure_of(client.fetch({.url = url, .access = access, .timeout = 200ms})), Not(HasSubstr("hush"))) << url;
}

TEST(HttpClient, a_stop_request_ends_an_exchange_at_once) {
  HttpStub stub(Answer{.delay = 1h});
  HttpClient client;
  std::stop_source stop;
  const std::jthread stopper([&] {
    EXPECT_TRUE(wait_until(10s, [&] { return stub.requests().size() == 1; }));
    stop.request_stop();
  });
  const auto response = client.fetch({.url = stub.url(), .timeout = 1h}, stop.get_token());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::cancelled);
}

TEST(HttpClient, nothing_is_sent_when_the_stop_came_first) {
  HttpStub stub;
  HttpClient client;
  std::stop_source stop;
  stop.request_stop();
  const auto response = client.fetch({.url = stub.url()}, stop.get_token());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::cancelled);
  EXPECT_EQ(stub.connections(), 0);
}

TEST(HttpClient, its_end_cancels_what_is_under_way_and_what_waits) {
  HttpStub stub(Answer{.delay = 1h});
  std::atomic<int> cancelled = 0;
  {
    HttpClient client;
    for (int i = 0; i < 50; ++i) {
      client.send({.url = stub.url(), .timeout = 1h}, [&](const Result<HttpResponse>& result) {
        if (!result && result.error().kind == ErrorKind::cancelled) ++cancelled;
      });
    }
    ASSERT_TRUE(wait_until(5s, [&] { return stub.requests().size() == 8; }));
  }
  EXPECT_EQ(cancelled, 50);
}

TEST(HttpClient, thousands_of_sends_share_few_connections) {
  HttpStub stub(Answer{.body = "ok"});
  HttpClient client(HttpClient::Options{.max_connections_per_host = 4});
  constexpr int kCount = 3000;
  std::atomic<int> good = 0;
  std::latch done(kCount);
  for (int i = 0; i < kCount; ++i) {
    client.send({.url = stub.url(), .timeout = 60s}, [&](const Result<HttpResponse>& result) {
      if (result) ++good;
      done.count_down();
    });
  }
  done.wait();
  EXPECT_EQ(good, kCount);
  EXPECT_LE(stub.connections(), 4);
}

TEST(HttpClient, a_host_that_does_not_answer_holds_up_no_other) {
  HttpStub silent(Answer{.delay = 1h});
  HttpStub stub;
  HttpClient client(HttpClient::Options{.max_connections_per_host = 2, .max_connections = 3});
  for (int i = 0; i < 100; ++i) client.send({.url = silent.url(), .timeout = 1h}, [](const Result<HttpResponse>&) {});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(client.fetch({.url = stub.url(), .timeout = 30s}));
}

TEST(HttpClient, a_done_may_send_again) {
  HttpStub stub;
  HttpClient client;
  std::latch done(1);
  client.send({.url = stub.url()}, [&](const Result<HttpResponse>&) {
    client.send({.url = stub.url()}, [&](const Result<HttpResponse>&) { done.count_down(); });
  });
  done.wait();
  EXPECT_EQ(stub.requests().size(), 2u);
}

/// From now on the kernel tells this thread, and those it starts, that there is no file descriptor left for a socket. Really having
/// none left would also blind the sanitizers, which look at memory through a pipe.
bool refuse_sockets() {
  sock_filter program[] = {{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
                           {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_socket},
                           {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EMFILE},
                           {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  const sock_fprog filter{.len = 4, .filter = program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST(HttpClient, a_lack_of_file_descriptors_here_is_not_blamed_on_the_server) {
  const HttpStub stub;
  std::thread([&] {
    ASSERT_TRUE(refuse_sockets());
    HttpClient client;
    const auto response = client.fetch({.url = stub.url(), .fresh_connection = true});
    const auto check = client.fetch({.url = stub.url(), .connect_only = true});
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::out_of_capacity) << response.error().message;
    ASSERT_FALSE(check);
    EXPECT_EQ(check.error().kind, ErrorKind::out_of_capacity) << check.error().message;
  }).join();
}

TEST(RedactedUrl, keeps_only_scheme_host_and_path) {
  EXPECT_EQ(redacted_url("http://user:pass@host:9090/path?token=x#y"), "http://host:9090/path");
  EXPECT_EQ(redacted_url("http://token@host:9090"), "http://host:9090/");
  EXPECT_EQ(redacted_url("http://user:pass@host:port"), "(malformed URL)");
  EXPECT_EQ(redacted_url("http://user/x:pass@host"), "(malformed URL)");
}

}  // namespace
}  // namespace weir
