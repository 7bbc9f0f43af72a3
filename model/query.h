#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/settings.h"
#include "model/time.h"

namespace weir {

/// A span of the past that an expression is looked at over, instead of now.
struct PastWindow {
  enum class Take { maximum, average };
  Take take = Take::maximum;
  Duration length{0};  ///< whole seconds, > 0
  Duration ago{0};     ///< how long before now the span ends; whole seconds, >= 0
  bool operator==(const PastWindow&) const = default;
};

/// A question to the metric source. Equal questions are asked once a tick, whatever groups they belong to.
struct Query {
  std::string expression;
  std::string server_label;  ///< non-empty: one series per server, and this label names it (id or address)
  std::vector<std::pair<std::string, std::string>> select;  ///< keep only series with these labels, sorted by name
  Fallback on_empty;
  Fallback on_nan;
  std::optional<PastWindow> past;
  bool operator==(const Query&) const = default;
};

/// What came back for one query. Only `ok` and `nan` carry values.
struct Sample {
  enum class Status {
    ok,        ///< usable numbers, all finite
    empty,     ///< a good answer with no series in it: not zero
    nan,       ///< a good answer, but NaN or infinite
    degraded,  ///< the source says or we see that it is partial or stale: warnings, clock far off
    failed,    ///< no answer, or one we cannot use
  };
  struct Series {
    std::string server;  ///< value of the query's server_label
    double value = 0;
  };

  Status status = Status::failed;
  double value = 0;            ///< without server_label
  std::vector<Series> series;  ///< with server_label; finite values only
  std::string detail;          ///< for people when not ok: "prometheus http://x:9090: 503 after 2.0 s"
};

[[nodiscard]] std::string_view to_string(Sample::Status status);

}  // namespace weir
