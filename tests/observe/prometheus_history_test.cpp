#include "controller/observe/prometheus_history.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/http_stub.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Answer = HttpStub::Answer;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr TimePoint kBegin{1'795'239'468s};

Answer json_answer(std::string body, int status = 200) {
  return {.status = status, .body = std::move(body), .content_type = "application/json"};
}

std::string matrix_of(const std::string& series) {
  return fmt::format(R"({{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}})", series);
}

Answer recorded(const std::string& name) {
  std::ifstream file(std::filesystem::path(WEIR_SOURCE_DIR) / "tests/data/prometheus/range" / (name + ".json"));
  const auto response = nlohmann::json::parse(file).at("response");
  return json_answer(response.at("body"), response.at("status"));
}

double field(const std::string& body, const std::string& name) {
  const std::size_t at = body.find("&" + name + "=") + name.size() + 2;
  double value = 0;
  std::from_chars(body.data() + at, body.data() + body.size(), value);
  return value;
}

/// A Prometheus whose value at every moment is the moment.
Answer every_moment(const HttpStub::Request& request) {
  std::string points;
  const double step = field(request.body, "step");
  const double begin = field(request.body, "start");
  const auto count = static_cast<int>(std::floor((field(request.body, "end") - begin) / step + 1e-6)) + 1;
  if (count > 11'000) return recorded("error_400_too_many_points");
  for (int i = 0; i < count; ++i) {
    points += fmt::format("{}[{:.3f},\"{:.3f}\"]", points.empty() ? "" : ",", begin + i * step, begin + i * step);
  }
  return json_answer(matrix_of(fmt::format(R"({{"metric":{{}},"values":[{}]}})", points)));
}

struct World {
  HttpStub stub;
  HttpClient http;
  HistoryQuestion question{.expression = "sum(load)", .from = kBegin, .to = kBegin + 10s, .step = 2s};

  explicit World(HttpStub::Handler handler) : stub(std::move(handler)) {}
  explicit World(Answer answer) : stub(std::move(answer)) {}

  Result<History> ask(HttpAccess access = {}) {
    return ask_history({.url = stub.url(), .access = std::move(access)}, http, question);
  }
};

TEST(PrometheusHistory, has_every_point_of_the_range_once_however_many_requests_it_takes) {
  World world(every_moment);
  world.question.to = kBegin + 25'000 * 2s;
  const auto history = world.ask();
  ASSERT_TRUE(history) << history.error().message;
  ASSERT_EQ(history->at.size(), 25'001U);
  for (std::size_t i = 0; i < history->at.size(); ++i) {
    ASSERT_EQ(history->at[i], kBegin + static_cast<int>(i) * 2s);
    ASSERT_EQ(history->values[i], static_cast<double>((1'795'239'468s + static_cast<int>(i) * 2s).count()));
  }
  EXPECT_EQ(world.stub.requests().size(), 3U);
}

TEST(PrometheusHistory, one_request_takes_all_that_prometheus_allows) {
  World world(every_moment);
  world.question.to = kBegin + 10'999 * 2s;
  EXPECT_EQ(world.ask()->at.size(), 11'000U);
  EXPECT_EQ(world.stub.requests().size(), 1U);
}

TEST(PrometheusHistory, steps_may_be_parts_of_a_second) {
  World world(every_moment);
  world.question.step = 250ms;
  world.question.to = kBegin + 1s;
  EXPECT_THAT(world.ask()->at, ElementsAre(kBegin, kBegin + 250ms, kBegin + 500ms, kBegin + 750ms, kBegin + 1s));
}

TEST(PrometheusHistory, no_series_is_no_points) {
  World world(recorded("matrix_empty"));
  const auto history = world.ask();
  ASSERT_TRUE(history) << history.error().message;
  EXPECT_THAT(history->at, ElementsAre());
}

TEST(PrometheusHistory, what_is_no_number_comes_as_it_is) {
  World world(json_answer(matrix_of(R"({"metric":{},"values":[[1795239468,"NaN"],[1795239470,"+Inf"]]})")));
  const auto history = world.ask();
  ASSERT_TRUE(history) << history.error().message;
  EXPECT_TRUE(std::isnan(history->values.at(0)));
  EXPECT_TRUE(std::isinf(history->values.at(1)));
}

TEST(PrometheusHistory, partial_data_is_told_once) {
  World world([](const HttpStub::Request& request) {
    Answer answer = every_moment(request);
    answer.body.insert(answer.body.size() - 1, R"(,"warnings":["a store is down"])");
    return answer;
  });
  world.question.to = kBegin + 25'000 * 2s;
  EXPECT_THAT(world.ask()->notes, ElementsAre("the data may be partial: a store is down"));
}

struct Refusal {
  const char* name;
  Answer answer;
  const char* complaint;
};
class PrometheusHistoryFails : public testing::TestWithParam<Refusal> {};

TEST_P(PrometheusHistoryFails, and_says_with_which_query_and_why) {
  World world(GetParam().answer);
  const auto history = world.ask();
  ASSERT_FALSE(history);
  EXPECT_THAT(history.error().message, AllOf(HasSubstr(GetParam().complaint), HasSubstr("(query: sum(load))")));
}

INSTANTIATE_TEST_SUITE_P(
    Answers, PrometheusHistoryFails,
    testing::Values(
        Refusal{"several_series", recorded("matrix_range_query"),
                "2 series where one is expected, among them {__name__=\"app_load\""},
        Refusal{"five_series", recorded("matrix_range_nan"), "aggregate them, for instance with sum()"},
        Refusal{"too_many_points", recorded("error_400_too_many_points"), "exceeded maximum resolution of 11,000 points"},
        Refusal{"end_before_start", recorded("error_400_end_before_start"), "end timestamp must not be before start time"},
        Refusal{"instant", recorded("../vector_one"), "the answer is a vector, not a matrix"},
        Refusal{"not_found", {.status = 404, .body = "404 page not found"}, "404"},
        Refusal{"no_json", {.body = "<html>", .content_type = "text/html"}, "is this the URL of Prometheus?"},
        Refusal{"no_point", json_answer(matrix_of(R"({"metric":{},"values":[[1795239468,5]]})")), "a point in the answer is no"},
        Refusal{"far_time", json_answer(matrix_of(R"({"metric":{},"values":[[1e300,"5"]]})")), "a point in the answer is no"},
        Refusal{"back_in_time", json_answer(matrix_of(R"({"metric":{},"values":[[1795239468,"5"],[1795239467,"5"]]})")),
                "not in order of time"},
        Refusal{"no_values", json_answer(matrix_of(R"({"metric":{}})")), "has no values"},
        Refusal{"histogram", json_answer(matrix_of(R"({"metric":{},"histograms":[]})")), "native histogram"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(PrometheusHistory, secrets_stay_out_of_errors) {
  World world([](const HttpStub::Request& request) {
    return json_answer(
        fmt::format(R"({{"status":"error","errorType":"bad_data","error":"{}"}})", request.headers.at("authorization")), 400);
  });
  const auto history = world.ask({.bearer_token = "open-sesame"});
  ASSERT_FALSE(history);
  EXPECT_THAT(history.error().message, AllOf(HasSubstr("Bearer *"), Not(HasSubstr("sesame"))));
}

TEST(PrometheusHistory, can_be_stopped) {
  World world(Answer{.delay = 60s});
  std::stop_source stop;
  stop.request_stop();
  const auto history = ask_history({.url = world.stub.url()}, world.http, world.question, {}, stop.get_token());
  ASSERT_FALSE(history);
  EXPECT_EQ(history.error().kind, ErrorKind::cancelled);
}

}  // namespace
}  // namespace weir
