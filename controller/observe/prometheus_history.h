#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "controller/observe/prometheus.h"
#include "model/error.h"
#include "model/time.h"
#include "platform/http_client.h"

namespace weir {

/// What is asked about the past: the value of an expression at `from`, `from + step`, … up to `to`.
struct HistoryQuestion {
  std::string expression;
  TimePoint from;
  TimePoint to;      ///< not before `from`
  Duration step{0};  ///< > 0
};

/// One series' points in rising order of time. Moments without data have none.
struct History {
  std::vector<TimePoint> at;
  std::vector<double> values;      ///< as many; NaN and infinities as Prometheus has them
  std::vector<std::string> notes;  ///< for instance that the data may be partial
};

/// Asks Prometheus' query_range, in as many requests, one after another, as its limit of 11,000 points each takes. The source's own
/// time limit holds for instant queries; here each request has a minute. Errors: unavailable, with what Prometheus said; invalid
/// for an answer of more than one series; cancelled. Thread-safe.
[[nodiscard]] Result<History> ask_history(const PrometheusOptions& prometheus, HttpClient& http, const HistoryQuestion& question,
                                          const std::function<void(double share)>& progress = {}, std::stop_token stop = {});

}  // namespace weir
