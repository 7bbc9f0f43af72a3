#include "controller/observe/prometheus_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "controller/observe/prometheus_json.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMostPoints = 11'000;  // of one answer; Prometheus refuses more
constexpr std::size_t kLargestAnswer = 64ull << 20;
constexpr Duration kTimeout = 60s;

std::string seconds_text(Duration time) { return fmt::format("{}.{:03}", time / 1s, time % 1s / 1ms); }

/// The labels of a series, in order of their names.
std::vector<std::pair<std::string, std::string>> labels_of(const nlohmann::json& series) {
  std::vector<std::pair<std::string, std::string>> labels;
  const nlohmann::json* metric = json_member(series, "metric");
  if (metric == nullptr || !metric->is_object()) return labels;
  for (const auto& [name, value] : metric->items()) {
    if (value.is_string()) labels.emplace_back(name, value.get<std::string>());
  }
  return labels;
}

/// What is wrong with the points, or nothing.
std::string take_points(const nlohmann::json& series, History& history) {
  if (json_member(series, "histograms") != nullptr) {
    return "the query gives a native histogram; take a number from it with histogram_quantile() or histogram_count()";
  }
  const nlohmann::json* values = json_member(series, "values");
  if (values == nullptr || !values->is_array()) return "the series in the answer has no values";
  for (const nlohmann::json& each : *values) {
    const auto point = read_prometheus_point(each);
    // Of the years 1 to 9999, so that it can be counted in milliseconds.
    if (!point || std::abs(point->first) > 250e9) return "a point in the answer is no [time, \"number\"]";
    const TimePoint at{Duration{std::llround(point->first * 1000)}};
    if (!history.at.empty() && at <= history.at.back()) return "the points of the answer are not in order of time";
    history.at.push_back(at);
    history.values.push_back(point->second);
  }
  return {};
}

/// What is wrong with an answer, or nothing.
std::string take(const PrometheusData& data, History& history) {
  if (data.type != "matrix" || !data.result.is_array())
    return fmt::format("the answer is a {}, not a matrix", log_excerpt(data.type));
  if (!data.warning.empty()) {
    std::string note = "the data may be partial: " + data.warning;
    if (std::ranges::find(history.notes, note) == history.notes.end()) history.notes.push_back(std::move(note));
  }
  if (data.result.size() > 1) {
    return fmt::format("{} series where one is expected, among them {} and {}; aggregate them, for instance with sum()",
                       data.result.size(), log_excerpt(describe_labels(labels_of(data.result[0]))),
                       log_excerpt(describe_labels(labels_of(data.result[1]))));
  }
  return data.result.empty() ? "" : take_points(data.result[0], history);
}

HttpRequest request_for(const PrometheusOptions& prometheus, const HistoryQuestion& question, TimePoint from, TimePoint to) {
  HttpRequest request{
      .method = "POST", .url = without_trailing_slash(prometheus.url) + "/api/v1/query_range", .access = prometheus.access};
  request.body = fmt::format("query={}&start={}&end={}&step={}&timeout={}s", url_encoded(question.expression),
                             seconds_text(from.time_since_epoch()), seconds_text(to.time_since_epoch()),
                             seconds_text(question.step), kTimeout / 1s);
  request.timeout = kTimeout + 5s;
  request.max_body = kLargestAnswer;
  return request;
}

double share_done(const HistoryQuestion& question, TimePoint to) {
  const Duration whole = std::max(Duration{1}, question.to - question.from);
  return static_cast<double>((to - question.from).count()) / static_cast<double>(whole.count());
}

}  // namespace

Result<History> ask_history(const PrometheusOptions& prometheus, HttpClient& http, const HistoryQuestion& question,
                            const std::function<void(double share)>& progress, std::stop_token stop) {
  const auto complain = [&](ErrorKind kind, const std::string& what) {
    return failure(
        kind, without_secrets(fmt::format("prometheus {}: {} (query: {})", without_trailing_slash(redacted_url(prometheus.url)),
                                          what, log_excerpt(question.expression)),
                              prometheus.access));
  };
  History history;
  const Duration longest = question.step * (kMostPoints - 1);
  for (TimePoint from = question.from; from <= question.to; from += longest + question.step) {
    const TimePoint to = std::min(question.to, from + longest);
    const auto response = http.fetch(request_for(prometheus, question, from, to), stop);
    if (!response) return std::unexpected(response.error());
    const auto data = read_prometheus_data(*response);
    if (!data) return complain(ErrorKind::unavailable, data.error());
    if (const std::string wrong = take(*data, history); !wrong.empty()) return complain(ErrorKind::invalid, wrong);
    if (progress) progress(share_done(question, to));
  }
  return history;
}

}  // namespace weir
