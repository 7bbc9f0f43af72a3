#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <latch>
#include <set>
#include <thread>

#include "controller/observe/prometheus.h"
#include "tests/support/free_port.h"
#include "tests/support/http_stub.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Answer = HttpStub::Answer;
using Ending = HttpStub::Ending;
using Status = Sample::Status;
using ::testing::HasSubstr;
using ::testing::Not;

class FixedClock : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return TimePoint{1'795'239'478s}; }
};

Query query(std::string expression, std::string server_label = {}, std::vector<std::pair<std::string, std::string>> select = {}) {
  return {.expression = std::move(expression),
          .server_label = std::move(server_label),
          .select = std::move(select),
          .on_empty = {},
          .on_nan = {}};
}

Answer vector_answer(const std::string& elements) {
  return {.body = fmt::format(R"({{"status":"success","data":{{"resultType":"vector","result":[{}]}}}})", elements),
          .content_type = "application/json"};
}
Answer number_answer(const std::string& number) {
  return vector_answer(fmt::format(R"({{"metric":{{}},"value":[1795239478,"{}"]}})", number));
}

struct World {
  HttpStub stub;
  HttpClient http;
  FixedClock clock;
  PrometheusOptions options;

  explicit World(HttpStub::Handler handler) : stub(std::move(handler)) { options.url = stub.url(); }
  explicit World(Answer answer) : stub(std::move(answer)) { options.url = stub.url(); }

  std::vector<Sample> ask(const std::vector<Query>& queries, std::stop_token stop = {}) {
    return PrometheusSource(options, http, clock).query(queries, std::move(stop));
  }
  Sample ask_one() { return ask({query("up")}).at(0); }
};

TEST(PrometheusSource, asks_by_form_with_its_timeout) {
  World world(number_answer("3"));
  world.options.url += "/prefix/";
  world.options.access.bearer_token = "token";
  EXPECT_EQ(world.ask({query("a{b=\"c d\"} + 1")}).at(0).value, 3);
  const HttpStub::Request request = world.stub.requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/prefix/api/v1/query");
  EXPECT_EQ(request.headers.at("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(request.headers.at("authorization"), "Bearer token");
  EXPECT_EQ(request.body, "query=a%7Bb%3D%22c%20d%22%7D%20%2B%201&timeout=5000ms");
}

TEST(PrometheusSource, asks_an_expression_once_for_all_who_want_it) {
  World world(vector_answer(R"({"metric":{"app":"a"},"value":[1795239478,"1"]},{"metric":{"app":"b"},"value":[1795239478,"2"]})"));
  const auto samples =
      world.ask({query("load", "", {{"app", "b"}}), query("load", "", {{"app", "a"}}), query("load", "app"), query("load")});
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_EQ(samples[0].value, 2);
  EXPECT_EQ(samples[1].value, 1);
  EXPECT_EQ(samples[2].series.size(), 2u);
  EXPECT_EQ(samples[3].status, Status::failed);
  EXPECT_EQ(world.stub.requests().size(), 1u);
}

TEST(PrometheusSource, answers_in_the_order_of_the_questions_over_few_connections) {
  World world([](const HttpStub::Request& request) {
    const std::size_t begin = request.body.find('=') + 1;
    return number_answer(request.body.substr(begin, request.body.find('&') - begin));
  });
  std::vector<Query> queries;
  for (int i = 0; i < 200; ++i) queries.push_back(query(std::to_string(i)));
  const auto samples = world.ask(queries);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(samples.at(static_cast<std::size_t>(i)).value, i);
  EXPECT_LE(world.stub.connections(), 8);
}

TEST(PrometheusSource, no_questions_need_no_answer) {
  World world(number_answer("1"));
  EXPECT_TRUE(world.ask({}).empty());
  EXPECT_EQ(world.stub.connections(), 0);
}

TEST(PrometheusSource, one_bad_query_leaves_the_others_alone) {
  World world([](const HttpStub::Request& request) {
    if (!request.body.starts_with("query=bad")) return number_answer("7");
    return Answer{.status = 400,
                  .body = R"({"status":"error","errorType":"bad_data","error":"parse error"})",
                  .content_type = "application/json"};
  });
  const auto samples = world.ask({query("good"), query("bad")});
  EXPECT_EQ(samples[0].value, 7);
  EXPECT_EQ(samples[1].detail, fmt::format("prometheus {}: 400 after 0.0 s: bad_data: parse error (query: bad)", world.stub.url()));
}

TEST(PrometheusSource, a_refused_connection_fails_and_says_so_once) {
  World world(number_answer("1"));
  world.options.url = fmt::format("http://user:hush@127.0.0.1:{}", free_port());
  const Sample sample = world.ask_one();
  EXPECT_EQ(sample.status, Status::failed);
  EXPECT_THAT(sample.detail, ::testing::MatchesRegex("prometheus http://127.0.0.1:[0-9]+: Connection refused \\(query: up\\)"));
}

TEST(PrometheusSource, a_slow_answer_fails_at_the_timeout) {
  World world(Answer{.delay = 1h});
  world.options.timeout = 50ms;
  EXPECT_THAT(world.ask_one().detail, HasSubstr("no answer within 50ms"));
}

TEST(PrometheusSource, a_slow_query_keeps_no_other_answer_waiting) {
  std::latch told(2);
  World world([&](const HttpStub::Request& request) {
    if (!request.body.starts_with("query=slow")) return number_answer("7");
    told.wait();  // answers only once the others have been told of
    return number_answer("8");
  });
  const std::vector<Query> queries = {query("slow"), query("quick"), query("slow"), query("other")};
  std::vector<std::pair<std::size_t, double>> answers;
  PrometheusSource(world.options, world.http, world.clock)
      .ask(queries,
           [&](std::size_t index, const Sample& sample) {
             answers.emplace_back(index, sample.value);
             if (sample.value == 7) told.count_down();
           },
           {});
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[2], std::pair(std::size_t{0}, 8.0));
  EXPECT_EQ(answers[3], std::pair(std::size_t{2}, 8.0));
}

TEST(PrometheusSource, an_answer_that_calls_itself_partial_is_degraded) {
  const auto answer = [](const char* partial) {
    return Answer{.body = fmt::format(R"({{"status":"success","isPartial":{},"data":{{"resultType":"vector","result":)"
                                      R"([{{"metric":{{}},"value":[1795239478,"7"]}}]}}}})",
                                      partial),
                  .content_type = "application/json"};
  };
  const Sample partial = World(answer("true")).ask_one();
  EXPECT_EQ(partial.status, Status::degraded);
  EXPECT_THAT(partial.detail, HasSubstr("the data may be partial"));
  EXPECT_EQ(World(answer("false")).ask_one().value, 7);
}

TEST(PrometheusSource, a_stop_request_ends_the_wait) {
  World world(Answer{.delay = 1h});
  world.options.timeout = 1h;
  std::stop_source stop;
  const std::jthread stopper([&] {
    EXPECT_TRUE(wait_until(10s, [&] { return !world.stub.requests().empty(); }));
    stop.request_stop();
  });
  const auto samples = world.ask({query("a"), query("b")}, stop.get_token());
  EXPECT_EQ(samples.at(0).status, Status::failed);
  EXPECT_THAT(samples.at(1).detail, HasSubstr("cancelled"));
}

TEST(PrometheusSource, broken_exchanges_fail_with_their_reason) {
  const std::string page = "<html>" + std::string(1000, 'x') + "</html>";
  const std::pair<Answer, std::string> cases[] = {
      {{.body = "{}", .ending = Ending::reset}, "Connection reset by peer"},
      {{.body = "{}", .ending = Ending::no_answer}, "closed without an answer"},
      {{.body = R"({"status":"success"})", .ending = Ending::cut_off}, "cut off after 10 bytes"},
      {{.body = R"({"status":"succ)", .content_type = "application/json"}, "broken JSON"},
      {{.body = page, .content_type = "text/html"}, "is this the URL of Prometheus? an HTML page"},
      {{.status = 503, .body = "Service Unavailable"}, "503 after 0.0 s: Service Unavailable"},
      {{.body = std::string((32u << 20U) + 1, ' ')}, "larger than 33554432 bytes"},
  };
  for (const auto& [answer, reason] : cases) {
    World world(answer);
    const Sample sample = world.ask_one();
    EXPECT_EQ(sample.status, Status::failed);
    EXPECT_THAT(sample.detail, HasSubstr(reason));
    EXPECT_THAT(sample.detail, HasSubstr("prometheus " + world.stub.url() + ": "));
  }
}

TEST(PrometheusSource, secrets_a_server_sends_back_stay_out_of_the_detail) {
  World world([](const HttpStub::Request& request) {
    return Answer{.status = request.body.starts_with("query=denied") ? 401 : 400,
                  .body = "bad " + request.headers.at("authorization")};
  });
  world.options.access.bearer_token = "hush";
  for (const Sample& sample : world.ask({query("denied"), query("echo")})) {
    EXPECT_EQ(sample.status, Status::failed);
    EXPECT_THAT(sample.detail, Not(HasSubstr("hush")));
  }
}

TEST(PrometheusSource, a_good_answer_follows_bad_ones) {
  World world(Answer{.ending = Ending::reset});
  EXPECT_EQ(world.ask_one().status, Status::failed);
  world.stub.answer(number_answer("5"));
  EXPECT_EQ(world.ask_one().value, 5);
}

TEST(PrometheusSource, long_expressions_are_cut_in_messages) {
  World world(Answer{.status = 500});
  const auto samples = world.ask({query(std::string(10'000, 'q'))});
  EXPECT_LT(samples.at(0).detail.size(), 400u);
}

}  // namespace
}  // namespace weir
