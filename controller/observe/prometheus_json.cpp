#include "controller/observe/prometheus_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

namespace weir {
namespace {

using Json = nlohmann::json;

constexpr int kDeepestNesting = 16;  // a bucket of a native histogram is at 8
constexpr std::size_t kExcerpt = 160;

/// The same for bytes that need not even be text.
std::string raw_excerpt(std::string_view bytes) {
  std::string text(bytes.substr(0, kExcerpt + 1));
  std::ranges::replace_if(text, [](unsigned char c) { return c >= 0x80; }, '?');
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return log_excerpt(text);
}

std::string text_member(const Json& object, const char* name) {
  const Json* value = json_member(object, name);
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
  return fmt::format("{}: {}: {}", status, log_excerpt(text_member(json, "errorType")), log_excerpt(error));
}

bool begins_as_object(const std::string& body) {
  const std::size_t first = body.find_first_not_of(" \r\n\t");
  return first != std::string::npos && body[first] == '{';
}

/// Discarded if it is no object or cannot be one of Prometheus.
Json parse(const std::string& body) {
  if (!begins_as_object(body) || nests_too_deep(body)) return Json::value_t::discarded;
  return Json::parse(body, nullptr, false);
}

std::string not_json(const HttpResponse& response) {
  if (begins_as_object(response.body)) return fmt::format("broken JSON ({} bytes)", response.body.size());
  return fmt::format("not JSON, is this the URL of Prometheus? {}", html_or_text(response));
}

std::string warning_of(const Json& json) {
  const Json* warnings = json_member(json, "warnings");
  if (warnings == nullptr || warnings->empty()) {
    // VictoriaMetrics' word for it.
    const Json* partial = json_member(json, "isPartial");
    return partial != nullptr && *partial == true ? "isPartial" : "";
  }
  const Json& first = warnings->is_array() ? warnings->front() : *warnings;
  std::string warning = first.is_string() ? log_excerpt(first.get_ref<const std::string&>()) : "(not a text)";
  if (warnings->size() > 1) warning += fmt::format(" (and {} more)", warnings->size() - 1);
  return warning;
}

void replace_all(std::string& text, const std::string& secret) {
  if (secret.empty()) return;
  for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 1)) {
    text.replace(at, secret.size(), "*");
  }
}

}  // namespace

std::expected<PrometheusData, std::string> read_prometheus_data(const HttpResponse& response) {
  Json json = parse(response.body);
  if (response.status != 200) return std::unexpected(describe_status(response, json));
  if (json.is_discarded()) return std::unexpected(not_json(response));
  if (text_member(json, "status") != "success") {
    return std::unexpected(fmt::format("the answer is no success: {}: {}", log_excerpt(text_member(json, "errorType")),
                                       log_excerpt(text_member(json, "error"))));
  }
  const Json* data = json_member(json, "data");
  const Json* result = data == nullptr ? nullptr : json_member(*data, "result");
  if (result == nullptr) return std::unexpected("the answer holds no result");
  PrometheusData read{.type = text_member(*data, "resultType"), .result = {}, .warning = warning_of(json)};
  read.result = std::move(json["data"]["result"]);
  return read;
}

std::optional<std::pair<double, double>> read_prometheus_point(const nlohmann::json& point) {
  if (!point.is_array() || point.size() != 2 || !point[0].is_number() || !point[1].is_string()) return std::nullopt;
  const std::optional<double> value = parse_number(point[1].get_ref<const std::string&>());
  if (!value) return std::nullopt;
  return std::pair(point[0].get<double>(), *value);
}

const nlohmann::json* json_member(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string log_excerpt(std::string_view text) {
  std::size_t end = std::min(text.size(), kExcerpt);
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  std::string result(text.substr(0, end));
  std::ranges::replace_if(result, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return end < text.size() ? result + "…" : result;
}

std::string describe_labels(const std::vector<std::pair<std::string, std::string>>& labels) {
  std::string text;
  for (const auto& [name, value] : labels) text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ", ", name, value);
  return "{" + text + "}";
}

std::string without_trailing_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

std::string without_secrets(std::string text, const HttpAccess& access) {
  replace_all(text, access.bearer_token);
  replace_all(text, access.password);
  return text;
}

}  // namespace weir
