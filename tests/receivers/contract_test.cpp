// What every receiver that speaks HTTP must do, whatever the other side does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/receivers/support.h"
#include "tests/support/free_port.h"
#include "tests/support/http_stub.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ReceiverContract : public testing::TestWithParam<const char*> {
 protected:
  /// One that tells whoever listens there.
  std::unique_ptr<Receiver> receiver(const std::string& url, const std::string& more = "") {
    return receiver_with(std::string("type: ") + GetParam() + ", url: \"" + url + "/path-secret\"" + more, network_);
  }
  std::unique_ptr<Receiver> receiver(const HttpStub& stub, const std::string& more = "") { return receiver(stub.url(), more); }

  static void expect(const Attempt& attempt, ErrorKind kind) {
    ASSERT_FALSE(attempt.result);
    EXPECT_EQ(attempt.result.error().kind, kind) << attempt.result.error().message;
    EXPECT_THAT(attempt.result.error().message, AllOf(HasSubstr(GetParam()), HasSubstr("ops"), Not(HasSubstr("secret"))));
  }

  const Message message_ = message_of({at_max()});
  HttpClient http_;
  WaitingClock clock_;
  TokenBuckets buckets_{clock_};
  Network network_{.http = http_, .clock = clock_, .buckets = buckets_};
};

TEST_P(ReceiverContract, sends_json_once_and_is_content_with_any_good_status) {
  for (const int status : {200, 202, 204}) {
    HttpStub stub(HttpStub::Answer{.status = status});
    EXPECT_TRUE(receiver(stub)->send(message_, {}).result) << status;
    ASSERT_EQ(stub.requests().size(), 1U);
    EXPECT_EQ(stub.requests()[0].method, "POST");
    EXPECT_EQ(stub.requests()[0].headers.at("content-type"), "application/json");
    EXPECT_THAT(stub.requests()[0].body, HasSubstr("at max 6"));
  }
}

TEST_P(ReceiverContract, a_limit_is_told_with_how_long_to_wait) {
  HttpStub stub(HttpStub::Answer{.status = 429, .headers = {{"Retry-After", "17"}}});
  const Attempt attempt = receiver(stub)->send(message_, {});
  expect(attempt, ErrorKind::unavailable);
  EXPECT_EQ(attempt.retry_after, 17s);
}

TEST_P(ReceiverContract, trouble_of_the_other_side_may_pass_and_a_refusal_does_not) {
  const std::vector<std::pair<int, ErrorKind>> meanings = {{500, ErrorKind::unavailable}, {503, ErrorKind::unavailable},
                                                           {400, ErrorKind::invalid},     {403, ErrorKind::denied},
                                                           {404, ErrorKind::not_found},   {302, ErrorKind::invalid}};
  for (const auto& [status, kind] : meanings) {
    HttpStub stub(HttpStub::Answer{.status = status, .body = "no\nservice"});
    const Attempt attempt = receiver(stub)->send(message_, {});
    expect(attempt, kind);
    EXPECT_THAT(attempt.result.error().message, AllOf(HasSubstr(std::to_string(status)), HasSubstr("no service")));
  }
}

TEST_P(ReceiverContract, an_answer_that_repeats_the_url_does_not_spread_it) {
  HttpStub stub([](const HttpStub::Request& request) {
    return HttpStub::Answer{.status = 404,
                            .body = "cannot find " + request.target + " at http://" + request.headers.at("host") + request.target};
  });
  expect(receiver(stub)->send(message_, {}), ErrorKind::not_found);
}

TEST_P(ReceiverContract, nobody_there_may_pass) {
  expect(receiver("http://127.0.0.1:" + std::to_string(free_port()))->send(message_, {}), ErrorKind::unavailable);
}

TEST_P(ReceiverContract, a_lost_connection_may_pass) {
  HttpStub stub(HttpStub::Answer{.ending = HttpStub::Ending::reset});
  expect(receiver(stub)->send(message_, {}), ErrorKind::unavailable);
}

TEST_P(ReceiverContract, silence_ends_with_the_timeout) {
  HttpStub stub(HttpStub::Answer{.delay = 1h});
  expect(receiver(stub, ", timeout: 200ms")->send(message_, {}), ErrorKind::unavailable);
}

TEST_P(ReceiverContract, silence_ends_at_once_when_weir_stops) {
  HttpStub stub(HttpStub::Answer{.delay = 1h});
  std::stop_source stop;
  std::jthread stopper([&] {
    (void)wait_until(60s, [&] { return !stub.requests().empty(); });
    stop.request_stop();
  });
  expect(receiver(stub, ", timeout: 5m")->send(message_, stop.get_token()), ErrorKind::cancelled);
}

TEST_P(ReceiverContract, a_huge_answer_is_not_read_to_its_end) {
  HttpStub large(HttpStub::Answer{.status = 200, .body = std::string(1 << 19, 'x')});
  EXPECT_TRUE(receiver(large)->send(message_, {}).result);
  HttpStub huge(HttpStub::Answer{.status = 200, .body = std::string(10 << 20, 'x')});
  const Attempt attempt = receiver(huge)->send(message_, {});
  expect(attempt, ErrorKind::unavailable);
  EXPECT_LT(attempt.result.error().message.size(), 500U);
}

TEST_P(ReceiverContract, without_tls_where_it_should_be_nothing_is_sent) {
  HttpStub stub;
  expect(receiver("https://" + stub.address(), ", timeout: 1s")->send(message_, {}), ErrorKind::unavailable);
  EXPECT_TRUE(stub.requests().empty());
}

INSTANTIATE_TEST_SUITE_P(All, ReceiverContract, testing::Values("alertmanager", "discord", "slack", "webhook"),
                         [](const auto& tested) { return std::string(tested.param); });

/// `ann:pass-secret`, as basic authentication has it.
constexpr const char* kBasic = "YW5uOnBhc3Mtc2VjcmV0";

/// A receiver with credentials, as keys after its type and URL.
struct Door {
  const char* type;
  const char* keys;
};
class ReceiverSecrets : public testing::TestWithParam<Door> {};

// Found by review: the page of a proxy that shows what it was asked brought a token into the log and into messages.
TEST_P(ReceiverSecrets, stay_out_of_the_error_though_the_answer_repeats_them) {
  HttpStub stub([](const HttpStub::Request& request) {
    std::string page = "refused:";
    for (const auto& [name, value] : request.headers) {
      if (name == "authorization" || name == "x-api-key") page += " " + name + "=" + value + ",";
    }
    return HttpStub::Answer{.status = 403, .body = page + " go away"};
  });
  HttpClient http;
  WaitingClock clock;
  TokenBuckets buckets(clock);
  Network network{.http = http, .clock = clock, .buckets = buckets};
  const auto [type, keys] = GetParam();
  const auto receiver = receiver_with(std::string("type: ") + type + ", url: \"" + stub.url() + "/hook\", " + keys, network);
  const Attempt attempt = receiver->send(message_of({at_max()}), {});
  ASSERT_FALSE(attempt.result);
  const std::string& message = attempt.result.error().message;
  EXPECT_THAT(message, AllOf(HasSubstr("refused:"), HasSubstr("go away"), HasSubstr("=")));
  EXPECT_THAT(message, AllOf(Not(HasSubstr("secret")), Not(HasSubstr(kBasic))));
}

INSTANTIATE_TEST_SUITE_P(
    All, ReceiverSecrets,
    testing::Values(Door{"alertmanager", "bearer_token: token-secret"},
                    Door{"alertmanager", "username: ann, password: pass-secret"}, Door{"webhook", "bearer_token: token-secret"},
                    Door{"webhook", "username: ann, password: pass-secret"},
                    Door{"webhook", "secret_header: X-Api-Key, secret: key-secret"},
                    Door{"webhook", "bearer_token: secret, secret_header: X-Api-Key, secret: more-secret-secret"}));

TEST(ReceiverCatalog, has_every_receiver_once_by_name) {
  std::vector<std::string_view> names;
  for (const ReceiverType& type : receiver_catalog()) {
    names.push_back(type.name);
    EXPECT_FALSE(type.doc.empty());
    EXPECT_EQ(receiver_type(type.name), &type);
  }
  EXPECT_THAT(names, testing::ElementsAre("alertmanager", "discord", "email", "slack", "webhook"));
  EXPECT_EQ(receiver_type("pigeon"), nullptr);
}

}  // namespace
}  // namespace weir
