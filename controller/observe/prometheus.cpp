#include "controller/observe/prometheus.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

namespace weir {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLargestAnswer = 32ull << 20;  // some 200,000 series
constexpr int kDeepestNesting = 16;                  // a bucket of a native histogram is at 8
constexpr double kClockDifferenceSeconds = 60;
constexpr std::size_t kExcerpt = 160;

/// The beginning of a text from outside, fit for a log line: no control characters, not cut within a UTF-8 sequence.
std::string excerpt(std::string_view text) {
  std::size_t end = std::min(text.size(), kExcerpt);
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  std::string result(text.substr(0, end));
  std::ranges::replace_if(result, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return end < text.size() ? result + "…" : result;
}

/// The same for bytes that need not even be text.
std::string raw_excerpt(std::string_view bytes) {
  std::string text(bytes.substr(0, kExcerpt + 1));
  std::ranges::replace_if(text, [](unsigned char c) { return c >= 0x80; }, '?');
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return excerpt(text);
}

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string text_member(const Json& object, const char* name) {
  const Json* value = member(object, name);
  return value != nullptr && value->is_string() ? value->get_ref<const std::string&>() : std::string();
}

/// Brackets are counted before parsing: every open one costs the parser memory many times its own byte.
bool nests_too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') ++i;
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if ((c == '[' || c == '{') && ++depth > kDeepestNesting) return true;
    if (c == ']' || c == '}') --depth;
  }
  return false;
}

/// Prometheus writes numbers as Go does: "1", "1e-300", "NaN", "+Inf". Independent of the locale.
std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string html_or_text(const HttpResponse& response) {
  if (response.content_type.starts_with("text/html")) return "an HTML page";
  return response.body.empty() ? "an empty body" : raw_excerpt(response.body);
}

std::string after(const HttpResponse& response) {
  return fmt::format("after {:.1f} s", std::chrono::duration<double>(response.elapsed).count());
}

/// Why an answer other than 200 is one: Prometheus's own words if it is JSON, for starting servers and proxies what there is.
std::string describe_status(const HttpResponse& response, const Json& json) {
  const std::string status = fmt::format("{} {}", response.status, after(response));
  if (response.status == 401 || response.status == 403) return status + ": our credentials were refused";
  if (response.status >= 300 && response.status < 400) return status + ": redirects are not followed";
  const std::string error = text_member(json, "error");
  if (error.empty()) return fmt::format("{}: {}", status, html_or_text(response));
  return fmt::format("{}: {}: {}", status, excerpt(text_member(json, "errorType")), excerpt(error));
}

std::string describe_labels(const std::vector<std::pair<std::string, std::string>>& labels) {
  std::string text;
  for (const auto& [name, value] : labels) text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ", ", name, value);
  return "{" + text + "}";
}

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

void replace_all(std::string& text, const std::string& secret) {
  if (secret.empty()) return;
  for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 1)) {
    text.replace(at, secret.size(), "*");
  }
}

std::string without_trailing_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace

/// Takes an answer apart. Every step returns what is wrong with it, or nothing.
struct PrometheusReader {
  PrometheusAnswer& answer;

  std::string read(const HttpResponse& response) {
    const Json json = parse(response.body);
    if (response.status != 200) return describe_status(response, json);
    if (json.is_discarded()) return not_json(response);
    if (text_member(json, "status") != "success") {
      return fmt::format("the answer is no success: {}: {}", excerpt(text_member(json, "errorType")),
                         excerpt(text_member(json, "error")));
    }
    read_warnings(json);
    const Json* data = member(json, "data");
    const Json* result = data == nullptr ? nullptr : member(*data, "result");
    if (result == nullptr) return "the answer holds no result";
    return read_result(text_member(*data, "resultType"), *result);
  }

  static bool begins_as_object(const std::string& body) {
    const std::size_t first = body.find_first_not_of(" \r\n\t");
    return first != std::string::npos && body[first] == '{';
  }

  /// Discarded if it is no object or cannot be one of Prometheus.
  static Json parse(const std::string& body) {
    if (!begins_as_object(body) || nests_too_deep(body)) return Json::value_t::discarded;
    return Json::parse(body, nullptr, false);
  }

  static std::string not_json(const HttpResponse& response) {
    if (begins_as_object(response.body)) return fmt::format("broken JSON ({} bytes)", response.body.size());
    return fmt::format("not JSON, is this the URL of Prometheus? {}", html_or_text(response));
  }

  void read_warnings(const Json& json) {
    // VictoriaMetrics' word for it.
    const Json* partial = member(json, "isPartial");
    if (partial != nullptr && *partial == true) answer.warning_ = "isPartial";
    const Json* warnings = member(json, "warnings");
    if (warnings == nullptr || warnings->empty()) return;
    const Json& first = warnings->is_array() ? warnings->front() : *warnings;
    answer.warning_ = first.is_string() ? excerpt(first.get_ref<const std::string&>()) : "(not a text)";
    if (warnings->size() > 1) answer.warning_ += fmt::format(" (and {} more)", warnings->size() - 1);
  }

  std::string read_result(const std::string& type, const Json& result) {
    if (type == "vector") return read_vector(result);
    if (type == "scalar") return read_scalar(result);
    if (type == "string") return "the query gives a string, not a number";
    if (type == "matrix") return "the query gives a range of points; wrap it in a function such as avg_over_time() or rate()";
    return fmt::format("the answer has the unknown result type '{}'", excerpt(type));
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
    const Json* metric = member(element, "metric");
    if (metric == nullptr || !metric->is_object()) return false;
    row.labels.reserve(metric->size());
    for (const auto& [name, value] : metric->items()) {
      if (!value.is_string()) return false;
      row.labels.emplace_back(name, value.get_ref<const std::string&>());
    }
    const Json* value = member(element, "value");
    row.histogram = value == nullptr && member(element, "histogram") != nullptr;
    return row.histogram || (value != nullptr && read_point(*value, row));
  }

  static bool read_point(const Json& point, PrometheusAnswer::Row& row) {
    if (!point.is_array() || point.size() != 2 || !point[0].is_number() || !point[1].is_string()) return false;
    const std::optional<double> value = parse_number(point[1].get_ref<const std::string&>());
    row.time = point[0].get<double>();
    row.value = value.value_or(0);
    return value.has_value();
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
      return failed(fmt::format("a series has no label {}: {}", server_label, excerpt(describe_labels(row.labels))));
    }
    if (std::isfinite(row.value)) sample.series.push_back({.server = std::string(servers.back()), .value = row.value});
  }
  std::ranges::sort(servers);
  const auto twice = std::ranges::adjacent_find(servers);
  if (twice != servers.end()) {
    return failed(
        fmt::format("more than one series for {}=\"{}\"; aggregate by ({})", server_label, excerpt(*twice), server_label));
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
  std::string text = fmt::format("{}: {} (query: {})", name_, detail, excerpt(expression));
  // A server may repeat in an error what we sent it.
  replace_all(text, options_.access.bearer_token);
  replace_all(text, options_.access.password);
  return text;
}

}  // namespace weir
