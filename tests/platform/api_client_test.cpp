#include "platform/api_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tests/fakes/network.h"
#include "tests/support/http_stub.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Answer = HttpStub::Answer;
using Ending = HttpStub::Ending;

const Answer kCutOff{.body = "half of this", .ending = Ending::cut_off};

/// Answers in this order; the last one again and again.
HttpStub::Handler in_order(std::vector<Answer> answers) {
  return [answers = std::move(answers), next = std::make_shared<std::atomic<std::size_t>>(0)](const HttpStub::Request&) {
    return answers[std::min((*next)++, answers.size() - 1)];
  };
}

class ApiClientTest : public testing::Test {
 protected:
  static ApiOptions options() {
    return {.name = "cloud", .rate_key = "cloud", .rate = {.per_second = 1000, .burst = 1000}, .breaker = {.failures = 100}};
  }
  ApiCall read() { return {.operation = "things.list", .http = {.url = stub.url() + "/things?secret=1"}, .repeat = Repeat::safe}; }
  ApiCall create() { return {.operation = "things.create", .http = {.method = "POST", .url = stub.url() + "/things"}}; }

  ImpatientNetwork world;
  HttpStub stub;
};

TEST_F(ApiClientTest, an_answer_is_handed_on_whatever_its_status) {
  ApiClient client(world.network, options());
  stub.answer(Answer{.status = 404, .body = "no such thing"});
  const auto answer = client.call(read(), {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->body, "no such thing");
  EXPECT_THAT(stub.requests(), SizeIs(1));
  EXPECT_EQ(client.message(read(), *answer, "no such thing"), "cloud: GET " + stub.url() + "/things: 404: no such thing");
}

TEST_F(ApiClientTest, what_is_safe_to_repeat_is_repeated_until_it_succeeds_with_growing_waits) {
  ApiClient client(world.network, options());
  stub.answer(in_order({{.status = 503}, {.status = 500, .body = "<html>"}, kCutOff, {.status = 200}}));
  const auto answer = client.call(read(), {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_THAT(world.clock.waits(), ElementsAre(500ms, 1s, 2s));
}

TEST_F(ApiClientTest, it_gives_up_after_so_many_attempts_with_the_last_answer) {
  ApiClient client(world.network, options());
  stub.answer(Answer{.status = 503, .body = "down"});
  const auto answer = client.call(read(), {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_THAT(stub.requests(), SizeIs(4));
}

TEST_F(ApiClientTest, a_call_never_to_repeat_is_sent_once_whatever_becomes_of_it) {
  ApiClient client(world.network, options());
  for (const Answer& bad : {Answer{.status = 500}, Answer{.ending = Ending::reset}, Answer{.ending = Ending::no_answer}, kCutOff}) {
    const std::size_t before = stub.requests().size();
    stub.answer(bad);
    const auto answer = client.call(create(), {});
    EXPECT_TRUE(!answer || answer->status == 500);
    if (!answer) {
      EXPECT_EQ(answer.error().kind, ErrorKind::unavailable);
    }
    EXPECT_THAT(stub.requests(), SizeIs(before + 1));
  }
}

TEST_F(ApiClientTest, throttled_nothing_was_done_so_even_that_is_asked_again_and_not_before_it_is_told_to) {
  ApiClient client(world.network, options());
  stub.answer(in_order({{.status = 429, .headers = {{"Retry-After", "7"}}}, {.status = 202}}));
  const auto begin = world.clock.now();
  const auto answer = client.call(create(), {});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 202);
  EXPECT_GE(world.clock.now() - begin, 7s);
}

TEST_F(ApiClientTest, a_call_may_have_fewer_attempts_than_others_even_when_it_is_busy) {
  ApiClient client(world.network, options());
  stub.answer(Answer{.status = 429});
  ApiCall once = read();
  once.attempts = 1;
  EXPECT_EQ(client.call(once, {})->status, 429);
  EXPECT_THAT(stub.requests(), SizeIs(1));
}

TEST_F(ApiClientTest, retry_after_holds_everybody_who_shares_the_budget) {
  ApiClient client(world.network, options());
  ApiClient other(world.network, options());
  ApiOptions impatient = options();
  impatient.attempts = 1;
  ApiClient first(world.network, impatient);
  stub.answer(in_order({{.status = 429, .headers = {{"Retry-After", "30"}}}, {.status = 200}}));
  const auto begin = world.clock.now();
  ASSERT_EQ(first.call(read(), {})->status, 429);
  EXPECT_EQ(world.clock.now(), begin);
  ASSERT_EQ(other.call(read(), {})->status, 200);
  EXPECT_GE(world.clock.now() - begin, 30s);
}

TEST_F(ApiClientTest, a_wait_longer_than_the_deadline_is_not_begun) {
  ApiClient client(world.network, options());
  stub.answer(Answer{.status = 429, .headers = {{"Retry-After", "600"}}});
  EXPECT_EQ(client.call(read(), {})->status, 429);
  const auto refused = client.call(read(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("not asked"));
  EXPECT_THAT(stub.requests(), SizeIs(1));
}

TEST_F(ApiClientTest, the_rate_is_kept_by_all_who_share_it) {
  ApiOptions slow = options();
  slow.rate = {.per_second = 10, .burst = 1};
  ApiClient one(world.network, slow);
  ApiClient two(world.network, slow);
  const auto begin = world.clock.now();
  for (int call = 0; call < 5; ++call) {
    ASSERT_TRUE(one.call(read(), {}));
    ASSERT_TRUE(two.call(read(), {}));
  }
  EXPECT_EQ(world.clock.now() - begin, 900ms);
}

TEST_F(ApiClientTest, an_api_that_is_down_is_left_alone_and_tried_by_one_call_later) {
  ApiOptions fragile = options();
  fragile.attempts = 1;
  fragile.breaker = {.failures = 3, .rest = 30s};
  ApiClient client(world.network, fragile);
  stub.answer(Answer{.status = 500});
  for (int call = 0; call < 3; ++call) ASSERT_TRUE(client.call(read(), {}));
  const auto refused = client.call(read(), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("asked again in 30s"));
  EXPECT_THAT(stub.requests(), SizeIs(3));
  world.clock.pass(30s);
  stub.answer(Answer{.status = 200});
  EXPECT_TRUE(client.call(read(), {}));
  EXPECT_TRUE(client.call(read(), {}));
}

TEST_F(ApiClientTest, a_judge_of_its_own_tells_refusals_from_trouble) {
  ApiOptions aws = options();
  aws.judge = [](const HttpResponse& response) {
    return response.body.contains("Throttling") ? ApiVerdict::busy : verdict_by_status(response);
  };
  ApiClient client(world.network, aws);
  stub.answer(in_order({{.status = 400, .body = "<Code>Throttling</Code>"}, {.status = 200}}));
  EXPECT_EQ(client.call(create(), {})->status, 200);
}

TEST_F(ApiClientTest, each_attempt_is_prepared_anew) {
  ApiClient client(world.network, options());
  stub.answer(in_order({{.status = 503}, {.status = 200}}));
  ApiCall call = read();
  int prepared = 0;
  call.prepare = [&prepared](HttpRequest& request) {
    request.access.headers.emplace_back("X-Attempt", std::to_string(++prepared));
  };
  ASSERT_TRUE(client.call(call, {}));
  const auto requests = stub.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0].headers.at("x-attempt"), "1");
  EXPECT_EQ(requests[1].headers.at("x-attempt"), "2");
}

TEST_F(ApiClientTest, every_attempt_is_told_of_without_secrets) {
  ApiClient client(world.network, options());
  stub.answer(in_order({{.status = 503}, {.status = 429}, kCutOff, {.status = 404}}));
  ASSERT_TRUE(client.call(read(), {}));
  const std::vector<ApiReport> reports = world.reports();
  EXPECT_THAT(reports, ElementsAre(Field(&ApiReport::outcome, "broken"), Field(&ApiReport::outcome, "busy"),
                                   Field(&ApiReport::outcome, "no_answer"), Field(&ApiReport::outcome, "refused")));
  for (const ApiReport& report : reports) {
    EXPECT_EQ(report.api, "cloud");
    EXPECT_EQ(report.operation, "things.list");
    EXPECT_THAT(report.url + report.detail, Not(HasSubstr("secret")));
  }
}

TEST_F(ApiClientTest, asked_to_stop_it_does_not_begin) {
  ApiClient client(world.network, options());
  std::stop_source stop;
  stop.request_stop();
  const auto answer = client.call(read(), stop.get_token());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, ErrorKind::cancelled);
  EXPECT_THAT(stub.requests(), IsEmpty());
}

TEST(RetryAfterTest, is_read_in_seconds_or_as_a_date_counted_from_the_answers_own) {
  const auto of = [](std::vector<std::pair<std::string, std::string>> headers) {
    return retry_after(HttpResponse{.headers = std::move(headers)});
  };
  EXPECT_EQ(of({{"retry-after", "12"}}), 12s);
  EXPECT_EQ(of({{"retry-after", "Wed, 21 Oct 2026 07:28:30 GMT"}, {"date", "Wed, 21 Oct 2026 07:28:00 GMT"}}), 30s);
  EXPECT_EQ(of({{"retry-after", "Wed, 21 Oct 2026 07:28:30 GMT"}, {"date", "Wed, 21 Oct 2026 08:00:00 GMT"}}), 0s);
  EXPECT_EQ(of({{"retry-after", "99999999"}}), 1h);
  EXPECT_EQ(of({{"retry-after", "-5"}}), 0s);
  EXPECT_EQ(of({{"retry-after", "soon"}}), std::nullopt);
  EXPECT_EQ(of({{"retry-after", "Wed, 21 Oct 2026 07:28:30 GMT"}}), std::nullopt);
  EXPECT_EQ(of({}), std::nullopt);
}

TEST(KindByStatusTest, says_what_the_caller_can_do) {
  EXPECT_EQ(kind_by_status(400), ErrorKind::invalid);
  EXPECT_EQ(kind_by_status(401), ErrorKind::denied);
  EXPECT_EQ(kind_by_status(403), ErrorKind::denied);
  EXPECT_EQ(kind_by_status(404), ErrorKind::not_found);
  EXPECT_EQ(kind_by_status(429), ErrorKind::unavailable);
  EXPECT_EQ(kind_by_status(503), ErrorKind::unavailable);
}

}  // namespace
}  // namespace weir
