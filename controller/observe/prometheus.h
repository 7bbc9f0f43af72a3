#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "controller/ports/ports.h"
#include "model/query.h"
#include "model/time.h"
#include "platform/http_client.h"

namespace weir {

/// What Prometheus said to one instant query, shared by every group that asked it. Any bytes will do: what cannot be used makes
/// every sample `failed`, with the reason. Not thread-safe.
class PrometheusAnswer {
 public:
  explicit PrometheusAnswer(const HttpResponse& response);

  /// One group's share of the answer. `asked` and `now` are from our own clock, which the answer's must agree with to a minute.
  /// The first call with a new set of label names in `select` reads the whole answer once, further ones only look up.
  [[nodiscard]] Sample sample(const Query& query, TimePoint asked, TimePoint now);

 private:
  using Labels = std::vector<std::pair<std::string, std::string>>;
  /// One series of the answer, or the scalar.
  struct Row {
    Labels labels;  ///< sorted by name
    double time = 0;
    double value = 0;
    bool histogram = false;  ///< then there is no value
  };
  using Rows = std::vector<std::size_t>;
  using Index = std::unordered_map<std::string, Rows>;

  friend struct PrometheusReader;
  [[nodiscard]] const Rows& select(const Labels& wanted);
  [[nodiscard]] Sample one_value(const Rows& rows) const;
  [[nodiscard]] Sample one_per_server(const Rows& rows, const std::string& label) const;
  [[nodiscard]] static std::string_view label(const Row& row, std::string_view name);

  std::string problem_;  ///< non-empty: no sample can be made, and why
  std::string warning_;  ///< non-empty: the data may be partial
  bool scalar_ = false;
  std::vector<Row> rows_;
  std::map<std::vector<std::string>, Index> indexes_;  ///< by the label names selected by
};

struct PrometheusOptions {
  std::string url;  ///< up to, not including, /api/v1
  Duration timeout{5000};
  HttpAccess access = {};
};

/// The PromQL that asks it: a span of the past becomes a subquery.
[[nodiscard]] std::string promql_of(const Query& query);

/// Metrics from a Prometheus server, or anything that answers like one (Thanos, Mimir, VictoriaMetrics).
///
/// Equal expressions are asked once per call, different ones in parallel over the client's kept connections. They are not joined
/// into one: ten joined by `or` cost Prometheus 2 ms instead of 5, but a hundred cost nearly as much as apart, a thousand several
/// times as much, and one bad expression would fail all the others.
///
/// How old a value may be is Prometheus's to say: an instant query finds samples up to `--query.lookback-delta` (5 minutes) old and
/// stamps them with the time of the query, and Prometheus 2.42 has no parameter to change that per query. A vanished target's
/// series end at once; values go stale unseen only when Prometheus itself stops scraping. Rates over a short window, which run
/// empty then, or a smaller `--query.lookback-delta`, close that gap. Thread-safe.
class PrometheusSource : public MetricSource {
 public:
  /// `http` and `clock` must outlive it.
  PrometheusSource(PrometheusOptions options, HttpClient& http, const Clock& clock);

  void ask(std::span<const Query> queries, const Answered& answered, std::stop_token stop) override;

 private:
  class Arrivals;
  void send(std::span<const std::string_view> expressions, const std::shared_ptr<Arrivals>& arrivals, const std::stop_token& stop);
  [[nodiscard]] std::string explain(const std::string& detail, std::string_view expression) const;

  PrometheusOptions options_;
  std::string name_;  ///< for messages
  HttpClient& http_;
  const Clock& clock_;
};

}  // namespace weir
