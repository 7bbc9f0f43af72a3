#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "controller/observe/prometheus.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Json = nlohmann::json;
using Status = Sample::Status;

const std::filesystem::path kRecordings = std::filesystem::path(WEIR_SOURCE_DIR) / "tests/data/prometheus";
constexpr TimePoint kNow{1'795'239'478s};

struct Recording {
  HttpResponse response;
  TimePoint at = kNow;  ///< when the answer says it was evaluated
};

Recording load(const std::string& name) {
  std::ifstream file(kRecordings / (name + ".json"));
  const Json json = Json::parse(file);
  const Json& response = json.at("response");
  Recording recording;
  recording.response = {.status = response.at("status"),
                        .content_type = response.at("headers").value("Content-Type", ""),
                        .body = response.at("body")};
  const Json& parsed = response.at("json");
  const Json::json_pointer first("/data/result/0/value/0");
  const Json::json_pointer scalar("/data/result/0");
  if (parsed.contains(first)) recording.at = TimePoint(Duration(static_cast<std::int64_t>(parsed.at(first).get<double>() * 1000)));
  return recording;
}

using Labels = std::vector<std::pair<std::string, std::string>>;
Query query(std::string server_label = {}, Labels select = {}) {
  return {.expression = "q", .server_label = std::move(server_label), .select = std::move(select), .on_empty = {}, .on_nan = {}};
}

HttpResponse json_answer(std::string body, int status = 200) {
  return {.status = status, .content_type = "application/json", .body = std::move(body)};
}

Sample sample_of(const HttpResponse& response, const Query& asked = query()) {
  return PrometheusAnswer(response).sample(asked, kNow, kNow);
}

std::string vector_of(const std::string& elements) {
  return fmt::format(R"({{"status":"success","data":{{"resultType":"vector","result":[{}]}}}})", elements);
}
std::string series(const std::string& labels, const std::string& value) {
  return fmt::format(R"({{"metric":{{{}}},"value":[1795239478.32,"{}"]}})", labels, value);
}

std::map<std::string, double> values(const Sample& sample) {
  std::map<std::string, double> result;
  for (const Sample::Series& one : sample.series) result[one.server] = one.value;
  return result;
}

struct Case {
  std::string file;
  Query asked = query();
  Status status = Status::ok;
  double value = 0;
  std::map<std::string, double> per_server = {};
  std::string detail = {};
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {.file = "error_400_bad_time", .status = Status::failed, .detail = "400 after 0.0 s: bad_data: invalid parameter \"time\""},
      {.file = "error_400_bad_timeout", .status = Status::failed, .detail = "bad_data: invalid parameter \"timeout\""},
      {.file = "error_400_missing_query", .status = Status::failed, .detail = "no expression found in input"},
      {.file = "error_400_parse", .status = Status::failed, .detail = "unclosed left parenthesis"},
      {.file = "error_404_unknown_path", .status = Status::failed, .detail = "404 after 0.0 s: 404 page not found"},
      {.file = "error_405_post_to_get_only", .status = Status::failed, .detail = "405 after 0.0 s"},
      {.file = "error_422_bad_regex_at_exec", .status = Status::failed, .detail = "422 after 0.0 s: execution: invalid regular"},
      {.file = "error_422_many_to_many", .status = Status::failed, .detail = "execution: found duplicate series"},
      {.file = "error_422_too_many_samples", .status = Status::failed, .detail = "too many samples"},
      {.file = "error_503_starting_up", .status = Status::failed, .detail = "503 after 0.0 s: Service Unavailable"},
      {.file = "error_503_timeout", .status = Status::failed, .detail = "503 after 0.0 s: timeout: query timed out"},
      {.file = "matrix_instant_range_selector",
       .status = Status::failed,
       .detail = "wrap it in a function such as avg_over_time()"},
      {.file = "scalar", .value = 1.25},
      {.file = "scalar_literal", .value = 42},
      {.file = "scalar_nan_of_empty", .status = Status::nan, .value = std::nan(""), .detail = "nan"},
      {.file = "scalar", .asked = query("instance"), .status = Status::failed, .detail = "scalar, which has no labels"},
      {.file = "scalar", .asked = query("", {{"app", "a"}}), .status = Status::failed, .detail = "scalar, which has no labels"},
      {.file = "string", .status = Status::failed, .detail = "a string, not a number"},
      {.file = "vector_at_time", .status = Status::failed, .detail = "2 series where one is expected; aggregate"},
      {.file = "vector_at_time", .asked = query("instance_id"), .per_server = {{"a", 0.5}, {"b", 0.75}}},
      {.file = "vector_at_time", .asked = query("", {{"instance_id", "b"}}), .value = 0.75},
      {.file = "vector_at_time",
       .asked = query("instance"),
       .status = Status::failed,
       .detail = "more than one series for instance="},
      {.file = "vector_at_time",
       .asked = query("pod"),
       .status = Status::failed,
       .detail = "has no label pod: {__name__=\"app_load\""},
      {.file = "vector_at_time",
       .asked = query("", {{"instance_id", "c"}}),
       .status = Status::empty,
       .detail = "{instance_id=\"c\"}"},
      {.file = "vector_bool", .asked = query("instance_id"), .per_server = {{"a", 0}, {"b", 1}}},
      {.file = "vector_count_values_string", .asked = query("v"), .per_server = {{"0.5", 1}, {"0.75", 1}}},
      {.file = "vector_dead_target_absent", .value = 1},
      {.file = "vector_empty", .status = Status::empty, .detail = "no series"},
      {.file = "vector_empty", .asked = query("instance"), .status = Status::empty, .detail = "no series"},
      {.file = "vector_empty_by_filter", .status = Status::empty},
      {.file = "vector_histogram_quantile", .value = 0.4600000000000001},
      {.file = "vector_histogram_quantile_nan", .status = Status::nan, .value = std::nan("")},
      {.file = "vector_lookback_expired", .status = Status::empty},
      {.file = "vector_lookback_old_value", .asked = query("instance_id"), .per_server = {{"a", 0.5}, {"b", 0.75}}},
      {.file = "vector_many", .status = Status::failed, .detail = "series where one is expected"},
      {.file = "vector_nan_division",
       .asked = query("instance_id"),
       .status = Status::nan,
       .value = std::nan(""),
       .detail = "none of 2"},
      {.file = "vector_nan_inf", .asked = query("kind"), .per_server = {{"huge", 1.7976931348623157e+308}, {"tiny", 1e-300}}},
      {.file = "vector_nan_inf", .asked = query("", {{"kind", "nan"}}), .status = Status::nan, .value = std::nan("")},
      {.file = "vector_nan_inf", .asked = query("", {{"kind", "pinf"}}), .status = Status::nan, .value = HUGE_VAL},
      {.file = "vector_nan_inf", .asked = query("", {{"kind", "ninf"}}), .status = Status::nan, .value = -HUGE_VAL},
      {.file = "vector_native_histogram",
       .status = Status::failed,
       .detail = "native histogram; take a number from it with histogram_quantile()"},
      {.file = "vector_one", .value = 31},
      {.file = "vector_post_form", .asked = query("instance_id", {{"job", "app"}}), .per_server = {{"a", 0.5}, {"b", 0.75}}},
      {.file = "vector_sample_age", .asked = query("", {{"instance_id", "a"}, {"job", "app"}}), .value = 199.63299989700317},
      {.file = "vector_stale_gone", .status = Status::empty},
      {.file = "vector_stale_gone_1s_later", .status = Status::empty},
      {.file = "vector_stale_past", .value = 42},
      {.file = "vector_stats", .value = 1.25},
      {.file = "vector_topk", .value = 0.75},
      {.file = "vector_unicode_label", .asked = query("path"), .per_server = {{"/héllo \"q\" \\ back", 1}}},
      {.file = "vector_up", .asked = query("instance", {{"job", "dead"}}), .per_server = {{"127.0.0.1:1", 0}}},
      {.file = "vector_zero_by_zero", .status = Status::empty},
      {.file = "vector_zero_div_zero_nan", .status = Status::nan, .value = std::nan("")},
      {.file = "warning_remote_read_down",
       .status = Status::degraded,
       .detail = "the data may be partial: remote_read: error sending request"},
      {.file = "warning_remote_read_down",
       .asked = query("instance_id"),
       .status = Status::degraded,
       .detail = "connection refused"},
  };
  return all;
}

TEST(PrometheusAnswer, every_recorded_answer_has_its_defined_outcome) {
  for (const Case& wanted : cases()) {
    SCOPED_TRACE(wanted.file);
    const Recording recording = load(wanted.file);
    const Sample sample = PrometheusAnswer(recording.response).sample(wanted.asked, recording.at, recording.at);
    EXPECT_EQ(sample.status, wanted.status) << sample.detail;
    EXPECT_THAT(sample.value, ::testing::NanSensitiveDoubleEq(wanted.value));
    EXPECT_EQ(values(sample), wanted.per_server);
    EXPECT_THAT(sample.detail, HasSubstr(wanted.detail));
    EXPECT_EQ(sample.detail.empty(), wanted.status == Status::ok);
  }
}

TEST(PrometheusAnswer, no_recorded_answer_is_left_out) {
  for (const auto& entry : std::filesystem::directory_iterator(kRecordings)) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = entry.path().stem().string();
    EXPECT_TRUE(std::ranges::any_of(cases(), [&](const Case& one) { return one.file == name; })) << name;
  }
}

TEST(PrometheusAnswer, what_no_prometheus_should_say_fails_with_a_reason) {
  const std::string good = vector_of(series("", "1"));
  const std::pair<HttpResponse, std::string> bad[] = {
      {json_answer(""), "not JSON"},
      {json_answer("[]"), "not JSON"},
      {json_answer("null"), "not JSON"},
      {{.status = 200, .content_type = "text/html; charset=utf-8", .body = "<html>Sign in</html>"},
       "not JSON, is this the URL of Prometheus? an HTML page"},
      {{.status = 200, .content_type = "text/plain", .body = "hello\n"}, "is this the URL of Prometheus? hello"},
      {{.status = 502, .content_type = "text/html", .body = "<html>Bad gateway</html>"}, "502 after 0.0 s: an HTML page"},
      {{.status = 504}, "504 after 0.0 s: an empty body"},
      {{.status = 302, .content_type = "text/html"}, "302 after 0.0 s: redirects are not followed"},
      {{.status = 204}, "204"},
      {{.status = 401, .content_type = "text/plain", .body = "you sent Bearer hush"},
       "401 after 0.0 s: our credentials were refused"},
      {{.status = 403}, "our credentials were refused"},
      {json_answer(good, 500), "500"},
      {json_answer(good.substr(0, good.size() - 1)), "broken JSON"},
      {json_answer(good + "x"), "broken JSON"},
      {json_answer("{\"status\":\"\xFF\"}"), "broken JSON"},
      {json_answer(R"({"status":"error","errorType":"internal","error":"boom"})"), "no success: internal: boom"},
      {json_answer("{}"), "no success"},
      {json_answer(R"({"status":"success"})"), "holds no result"},
      {json_answer(R"({"status":"success","data":[]})"), "holds no result"},
      {json_answer(R"({"status":"success","data":{"resultType":"vector"}})"), "holds no result"},
      {json_answer(R"({"status":"success","data":{"resultType":"streams","result":[]}})"), "unknown result type 'streams'"},
      {json_answer(R"({"status":"success","data":{"result":[]}})"), "unknown result type ''"},
      {json_answer(R"({"status":"success","data":{"resultType":"vector","result":{}}})"), "no list"},
      {json_answer(R"({"status":"success","data":{"resultType":"scalar","result":[1,2]}})"), "no [time, \"number\"]"},
      {json_answer(vector_of("1")), "a series in the answer"},
      {json_answer(vector_of("{}")), "a series in the answer"},
      {json_answer(vector_of(R"({"metric":{}})")), "a series in the answer"},
      {json_answer(vector_of(R"({"metric":{"a":1},"value":[1,"2"]})")), "a series in the answer"},
      {json_answer(vector_of(R"({"metric":{},"value":[1795239478,2]})")), "a series in the answer"},
      {json_answer(vector_of(R"({"metric":{},"value":[1795239478,"2",3]})")), "a series in the answer"},
      {json_answer(vector_of(R"({"metric":{},"value":["1795239478","2"]})")), "a series in the answer"},
      {json_answer(vector_of(series("", ""))), "a series in the answer"},
      {json_answer(vector_of(series("", "1,5"))), "a series in the answer"},
      {json_answer(vector_of(series("", "1 "))), "a series in the answer"},
      {json_answer(vector_of(series("", "1e999"))), "a series in the answer"},
      {json_answer(vector_of(series("", "0x10"))), "a series in the answer"},
      {json_answer(R"({"status":"success","data":)" + std::string(5'000'000, '[')), "broken JSON"},
  };
  for (const auto& [response, reason] : bad) {
    const Sample sample = sample_of(response);
    EXPECT_EQ(sample.status, Status::failed) << response.body.substr(0, 200);
    EXPECT_THAT(sample.detail, HasSubstr(reason));
    EXPECT_THAT(sample.detail, ::testing::Not(HasSubstr("hush")));
  }
}

TEST(PrometheusAnswer, quotes_of_it_are_short_and_fit_for_a_log) {
  const std::string error(200, 'x');
  const Sample sample =
      sample_of(json_answer(fmt::format(R"({{"status":"error","errorType":"a\nb","error":"y{}é{}"}})", error, error), 422));
  EXPECT_THAT(sample.detail, HasSubstr("a b"));
  EXPECT_LT(sample.detail.size(), 250u);
  // Cut in the middle of a two-byte character it would be no UTF-8.
  const std::string accents = [] {
    std::string text = "x";
    for (int i = 0; i < 200; ++i) text += "é";
    return text;
  }();
  const Sample cut = sample_of(json_answer(fmt::format(R"({{"status":"error","error":"{}"}})", accents), 422));
  EXPECT_NO_THROW((void)Json(cut.detail).dump());
  EXPECT_NO_THROW((void)Json(sample_of({.status = 500, .body = "\xFF\xFE\x01"}).detail).dump());
}

TEST(PrometheusAnswer, numbers_do_not_depend_on_the_locale) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : {"de_DE.UTF-8", "C.UTF-8"}) {
    std::setlocale(LC_ALL, name);
    EXPECT_EQ(sample_of(json_answer(vector_of(series("", "1.5")))).value, 1.5);
  }
  std::setlocale(LC_ALL, before.c_str());
}

TEST(PrometheusAnswer, is_degraded_when_its_time_is_a_minute_from_ours) {
  PrometheusAnswer answer(json_answer(vector_of(series("", "1"))));
  EXPECT_EQ(answer.sample(query(), kNow - 59s, kNow - 59s).status, Status::ok);
  EXPECT_EQ(answer.sample(query(), kNow + 60s, kNow + 60s).status, Status::ok);
  const Sample ahead = answer.sample(query(), kNow - 2min, kNow - 2min);
  EXPECT_EQ(ahead.status, Status::degraded);
  EXPECT_THAT(ahead.detail, HasSubstr("120 s ahead of ours"));
  const Sample behind = answer.sample(query(), kNow + 1h, kNow + 1h);
  EXPECT_EQ(behind.status, Status::degraded);
  EXPECT_THAT(behind.detail, HasSubstr("3600 s behind ours"));
  // However long we waited for it, it was evaluated in between.
  EXPECT_EQ(answer.sample(query(), kNow, kNow + 10min).status, Status::ok);
}

TEST(PrometheusAnswer, a_missing_label_is_selected_by_the_empty_text) {
  PrometheusAnswer answer(json_answer(vector_of(series(R"("app":"a")", "1") + "," + series("", "2"))));
  EXPECT_EQ(answer.sample(query("", {{"app", ""}}), kNow, kNow).value, 2);
}

TEST(PrometheusAnswer, labels_that_look_alike_when_joined_are_told_apart) {
  PrometheusAnswer answer(json_answer(vector_of(series(R"("a":"x","b":"yz")", "1") + "," + series(R"("a":"xy","b":"z")", "2"))));
  EXPECT_EQ(answer.sample(query("", {{"a", "x"}, {"b", "yz"}}), kNow, kNow).value, 1);
  EXPECT_EQ(answer.sample(query("", {{"a", "xy"}, {"b", "z"}}), kNow, kNow).value, 2);
}

TEST(PrometheusAnswer, ten_thousand_groups_each_find_their_own_series) {
  constexpr int kGroups = 10'000;
  std::string elements;
  for (int i = 0; i < kGroups; ++i)
    elements += (i > 0 ? "," : "") + series(fmt::format(R"("app":"app-{}","job":"node")", i), std::to_string(i));
  PrometheusAnswer answer(json_answer(vector_of(elements)));
  int right = 0;
  for (int i = 0; i < kGroups; ++i)
    right += answer.sample(query("", {{"app", fmt::format("app-{}", i)}}), kNow, kNow).value == i ? 1 : 0;
  EXPECT_EQ(right, kGroups);
}

TEST(PrometheusAnswer, one_native_histogram_among_numbers_fails_only_who_asks_for_it) {
  const std::string histogram = R"({"metric":{"app":"b"},"histogram":[1795239478,{"count":"1","sum":"1"}]})";
  PrometheusAnswer answer(json_answer(vector_of(series(R"("app":"a")", "1") + "," + histogram)));
  EXPECT_EQ(answer.sample(query("", {{"app", "a"}}), kNow, kNow).status, Status::ok);
  EXPECT_EQ(answer.sample(query("", {{"app", "b"}}), kNow, kNow).status, Status::failed);
}

}  // namespace
}  // namespace weir
