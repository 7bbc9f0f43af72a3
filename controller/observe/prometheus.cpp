#include "controller/observe/prometheus.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "controller/observe/prometheus_json.h"

namespace weir {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLargestAnswer = 32ull << 20;  // some 200,000 series
constexpr double kClockDifferenceSeconds = 60;

Sample without_value(Sample::Status status, std::string detail) {
  return {.status = status, .value = 0, .series = {}, .detail = std::move(detail)};
}
Sample failed(std::string detail) { return without_value(Sample::Status::failed, std::move(detail)); }

double seconds(TimePoint time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

/// Label values joined by a byte that UTF-8 never has.
void append_key(std::string& key, std::string_view value) {
  key += value;
  key += '\xFF';
}

}  // namespace

/// Takes an answer apart. Every step returns what is wrong with it, or nothing.
struct PrometheusReader {
  PrometheusAnswer& answer;

  std::string read(const HttpResponse& response) {
    auto data = read_prometheus_data(response);
    if (!data) return data.error();
    answer.warning_ = std::move(data->warning);
    return read_result(data->type, data->result);
  }

  std::string read_result(const std::string& type, const Json& result) {
    if (type == "vector") return read_vector(result);
    if (type == "scalar") return read_scalar(result);
    if (type == "string") return "the query gives a string, not a number";
    if (type == "matrix") return "the query gives a range of points; wrap it in a function such as avg_over_time() or rate()";
    return fmt::format("the answer has the unknown result type '{}'", log_excerpt(type));
  }

  std::string read_scalar(const Json& result) {
    PrometheusAnswer::Row row;
    if (!read_point(result, row)) return "the scalar in the answer is no [time, \"number\"]";
    answer.scalar_ = true;
    answer.rows_.push_back(std::move(row));
    return {};
  }

  std::string read_vector(const Json& result) {
    if (!result.is_array()) return "the vector in the answer is no list";
    answer.rows_.reserve(result.size());
    for (const Json& element : result) {
      PrometheusAnswer::Row row;
      if (!read_series(element, row)) return "a series in the answer is no {metric, value: [time, \"number\"]}";
      answer.rows_.push_back(std::move(row));
    }
    return {};
  }

  static bool read_series(const Json& element, PrometheusAnswer::Row& row) {
    const Json* metric = json_member(element, "metric");
    if (metric == nullptr || !metric->is_object()) return false;
    row.labels.reserve(metric->size());
    for (const auto& [name, value] : metric->items()) {
      if (!value.is_string()) return false;
      row.labels.emplace_back(name, value.get_ref<const std::string&>());
    }
    const Json* value = json_member(element, "value");
    row.histogram = value == nullptr && json_member(element, "histogram") != nullptr;
    return row.histogram || (value != nullptr && read_point(*value, row));
  }

  static bool read_point(const Json& point, PrometheusAnswer::Row& row) {
    const auto read = read_prometheus_point(point);
    if (read) std::tie(row.time, row.value) = *read;
    return read.has_value();
  }
};

PrometheusAnswer::PrometheusAnswer(const HttpResponse& response) {
  problem_ = PrometheusReader{*this}.read(response);
  if (!problem_.empty()) rows_.clear();
}

Sample PrometheusAnswer::sample(const Query& query, TimePoint asked, TimePoint now) {
  if (!problem_.empty()) return failed(problem_);
  if (!warning_.empty()) return without_value(Sample::Status::degraded, "the data may be partial: " + warning_);
  if (scalar_ && !(query.select.empty() && query.server_label.empty())) {
    return failed("the query gives a scalar, which has no labels for select or server_label");
  }
  const Rows& rows = select(query.select);
  if (rows.empty()) {
    return without_value(Sample::Status::empty,
                         query.select.empty() ? "no series" : "no series with " + describe_labels(query.select));
  }
  if (std::ranges::any_of(rows, [&](std::size_t row) { return rows_[row].histogram; })) {
    return failed("the query gives a native histogram; take a number from it with histogram_quantile() or histogram_sum()");
  }
  const double time = rows_[rows.front()].time;
  if (time > seconds(now) + kClockDifferenceSeconds) {
    return without_value(Sample::Status::degraded,
                         fmt::format("the answer's time is {:.0f} s ahead of ours: clocks differ", time - seconds(now)));
  }
  if (time < seconds(asked) - kClockDifferenceSeconds) {
    return without_value(
        Sample::Status::degraded,
        fmt::format("the answer's time is {:.0f} s behind ours: clocks differ, or it is an old answer", seconds(asked) - time));
  }
  return query.server_label.empty() ? one_value(rows) : one_per_server(rows, query.server_label);
}

Sample PrometheusAnswer::one_value(const Rows& rows) const {
  if (rows.size() > 1) {
    return failed(fmt::format("{} series where one is expected; aggregate them, or set select or server_label", rows.size()));
  }
  const double value = rows_[rows.front()].value;
  if (std::isfinite(value)) return {.status = Sample::Status::ok, .value = value, .series = {}, .detail = {}};
  return {.status = Sample::Status::nan, .value = value, .series = {}, .detail = fmt::format("the value is {}", value)};
}

Sample PrometheusAnswer::one_per_server(const Rows& rows, const std::string& server_label) const {
  Sample sample{.status = Sample::Status::ok, .value = 0, .series = {}, .detail = {}};
  std::vector<std::string_view> servers;
  servers.reserve(rows.size());
  sample.series.reserve(rows.size());
  for (const std::size_t index : rows) {
    const Row& row = rows_[index];
    servers.push_back(label(row, server_label));
    if (servers.back().empty()) {
      return failed(fmt::format("a series has no label {}: {}", server_label, log_excerpt(describe_labels(row.labels))));
    }
    if (std::isfinite(row.value)) sample.series.push_back({.server = std::string(servers.back()), .value = row.value});
  }
  std::ranges::sort(servers);
  const auto twice = std::ranges::adjacent_find(servers);
  if (twice != servers.end()) {
    return failed(
        fmt::format("more than one series for {}=\"{}\"; aggregate by ({})", server_label, log_excerpt(*twice), server_label));
  }
  std::ranges::sort(sample.series, {}, &Sample::Series::server);
  if (!sample.series.empty()) return sample;
  return {.status = Sample::Status::nan,
          .value = std::numeric_limits<double>::quiet_NaN(),
          .series = {},
          .detail = fmt::format("none of {} values is finite", rows.size())};
}

std::string_view PrometheusAnswer::label(const Row& row, std::string_view name) {
  const auto found = std::ranges::find(row.labels, name, &Labels::value_type::first);
  // As in PromQL: a label that is not there equals the empty text.
  return found == row.labels.end() ? std::string_view() : std::string_view(found->second);
}

const PrometheusAnswer::Rows& PrometheusAnswer::select(const Labels& wanted) {
  std::vector<std::string> names;
  std::string key;
  for (const auto& [name, value] : wanted) {
    names.push_back(name);
    append_key(key, value);
  }
  const auto [place, is_new] = indexes_.try_emplace(std::move(names));
  auto& [label_names, index] = *place;
  for (std::size_t row = 0; is_new && row < rows_.size(); ++row) {
    std::string row_key;
    for (const std::string& name : label_names) append_key(row_key, label(rows_[row], name));
    index[row_key].push_back(row);
  }
  return index[key];
}

std::string promql_of(const Query& query) {
  if (!query.past) return query.expression;
  const PastWindow& past = *query.past;
  const auto seconds = [](Duration duration) { return std::chrono::duration_cast<std::chrono::seconds>(duration).count(); };
  // Enough points to see a peak by, few enough to stay cheap.
  const auto step = std::clamp<std::int64_t>(seconds(past.length) / 30, 1, 60);
  std::string text = fmt::format("{}(({})[{}s:{}s]", past.take == PastWindow::Take::maximum ? "max_over_time" : "avg_over_time",
                                 query.expression, seconds(past.length), step);
  // Only where there is one: not every server of this protocol takes a negative offset, or one of nothing.
  if (past.ago != Duration{0}) text += fmt::format(" offset {}s", seconds(past.ago));
  return text + ")";
}

PrometheusSource::PrometheusSource(PrometheusOptions options, HttpClient& http, const Clock& clock)
    : options_(std::move(options)), http_(http), clock_(clock) {
  options_.url = without_trailing_slash(options_.url);
  name_ = "prometheus " + without_trailing_slash(redacted_url(options_.url));
}

/// Answers in the order they arrive. Shared with the client's callbacks, the last of which may still be inside when all are taken.
class PrometheusSource::Arrivals {
 public:
  void put(std::size_t expression, Result<HttpResponse> response) {
    const std::lock_guard lock(mutex_);
    arrived_.emplace_back(expression, std::move(response));
    changed_.notify_one();
  }
  [[nodiscard]] std::pair<std::size_t, Result<HttpResponse>> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !arrived_.empty(); });
    auto first = std::move(arrived_.front());
    arrived_.pop_front();
    return first;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::size_t, Result<HttpResponse>>> arrived_;
};

void PrometheusSource::ask(std::span<const Query> queries, const Answered& answered, std::stop_token stop) {
  std::vector<std::string_view> expressions;
  std::vector<std::vector<std::size_t>> askers;
  std::unordered_map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const auto [place, is_new] = seen.try_emplace(promql_of(queries[i]), expressions.size());
    if (is_new) {
      expressions.push_back(place->first);
      askers.emplace_back();
    }
    askers[place->second].push_back(i);
  }
  const TimePoint asked = clock_.now();
  const auto arrivals = std::make_shared<Arrivals>();
  send(expressions, arrivals, stop);
  for (std::size_t left = expressions.size(); left > 0; --left) {
    const auto [expression, response] = arrivals->take();
    std::optional<PrometheusAnswer> answer;
    if (response) answer.emplace(*response);
    const TimePoint now = clock_.now();
    for (const std::size_t asker : askers[expression]) {
      Sample sample = answer ? answer->sample(queries[asker], asked, now) : failed(response.error().message);
      if (sample.status != Sample::Status::ok) sample.detail = explain(sample.detail, expressions[expression]);
      answered(asker, std::move(sample));
    }
  }
}

void PrometheusSource::send(std::span<const std::string_view> expressions, const std::shared_ptr<Arrivals>& arrivals,
                            const std::stop_token& stop) {
  // The client says this of every failure, explain() too.
  const std::string prefix = fmt::format("POST {}: ", redacted_url(options_.url + "/api/v1/query"));
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    HttpRequest request{.method = "POST", .url = options_.url + "/api/v1/query", .access = options_.access};
    request.body = fmt::format("query={}&timeout={}ms", url_encoded(expressions[i]), options_.timeout.count());
    request.timeout = options_.timeout;
    request.max_body = kLargestAnswer;
    const auto done = [arrivals, i, prefix](Result<HttpResponse> response) {
      if (!response && response.error().message.starts_with(prefix)) response.error().message.erase(0, prefix.size());
      arrivals->put(i, std::move(response));
    };
    http_.send(std::move(request), done, stop);
  }
}

std::string PrometheusSource::explain(const std::string& detail, std::string_view expression) const {
  return without_secrets(fmt::format("{}: {} (query: {})", name_, detail, log_excerpt(expression)), options_.access);
}

}  // namespace weir
