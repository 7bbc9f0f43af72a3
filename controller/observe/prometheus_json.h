#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/http_client.h"

namespace weir {

/// What every answer of Prometheus to a query holds.
struct PrometheusData {
  std::string type;  ///< vector, scalar, matrix, string, or whatever else was said
  nlohmann::json result;
  std::string warning;  ///< non-empty: the data may be partial
};

/// Takes the envelope off; any bytes will do. Errors: why there is no result, in Prometheus's own words where it has some.
[[nodiscard]] std::expected<PrometheusData, std::string> read_prometheus_data(const HttpResponse& response);

/// One `[time, "number"]`: unix seconds and the value, which may be NaN or infinite.
[[nodiscard]] std::optional<std::pair<double, double>> read_prometheus_point(const nlohmann::json& point);

/// The member of an object, or nullptr.
[[nodiscard]] const nlohmann::json* json_member(const nlohmann::json& object, const char* name);

/// The beginning of a text from outside, fit for a log line: no control characters, not cut within a UTF-8 sequence.
[[nodiscard]] std::string log_excerpt(std::string_view text);

/// {instance="a", job="app"}
[[nodiscard]] std::string describe_labels(const std::vector<std::pair<std::string, std::string>>& labels);

/// `http://host:9090/` as messages name it, and as paths are added to it.
[[nodiscard]] std::string without_trailing_slash(std::string url);

/// The text without what we know and nobody else should: a server may repeat in an error what we sent it.
[[nodiscard]] std::string without_secrets(std::string text, const HttpAccess& access);

}  // namespace weir
