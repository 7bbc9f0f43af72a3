#include "receivers/post.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "model/text.h"
#include "platform/api_client.h"
#include "platform/base64.h"

namespace weir {
namespace {

/// Of an answer nobody reads more; one that is larger is no answer.
constexpr std::size_t kMostAnswer = 1 << 20;
constexpr std::size_t kMostQuoted = 200;

/// Some answers repeat what they were asked.
std::string without(std::string text, const std::string& secret) {
  static constexpr std::string_view kGone = "…";
  for (std::size_t at = secret.empty() ? std::string::npos : text.find(secret); at != std::string::npos;
       at = text.find(secret, at + kGone.size())) {
    text.replace(at, secret.size(), kGone);
  }
  return text;
}

std::string path_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t path = scheme == std::string::npos ? scheme : url.find('/', scheme + 3);
  return path == std::string::npos || path + 1 >= url.size() ? "" : url.substr(path);
}

/// Of the URL only what is in front of the path.
std::string host_of(const std::string& url) {
  const std::string shown = redacted_url(url);
  const std::size_t scheme = shown.find("://");
  const std::size_t path = scheme == std::string::npos ? scheme : shown.find('/', scheme + 3);
  return path == std::string::npos ? shown : shown.substr(0, path + 1) + "…";
}

/// What of a request is nobody's business, `secret` among it. The longest first, since one may be a part of another.
std::vector<std::string> secrets_of(const HttpRequest& request, const std::string& secret) {
  const HttpAccess& access = request.access;
  std::vector<std::string> secrets = {request.url, path_of(request.url), access.bearer_token, access.password, secret};
  if (!access.username.empty()) secrets.push_back(base64(access.username + ":" + access.password));
  std::ranges::sort(secrets, std::greater<>(), std::ranges::size);
  return secrets;
}

Attempt attempt_of(const HttpRequest& request, const HttpResponse& response, const std::string& who, const std::string& secret) {
  if (response.status >= 200 && response.status < 300) return {{}};
  std::string safe = response.body;
  for (const std::string& one : secrets_of(request, secret)) safe = without(std::move(safe), one);
  const std::string said = quoted_line(safe, kMostQuoted);
  const std::string what =
      fmt::format("{}: {} {}: {}{}{}", who, request.method, host_of(request.url), response.status, said.empty() ? "" : ": ", said);
  return {failure(kind_by_status(response.status), what), retry_after(response)};
}

}  // namespace

Attempt post(Network& network, HttpRequest request, const std::string& who, const std::stop_token& stop,
             const std::string& secret) {
  request.keep_headers = true;
  request.max_body = kMostAnswer;
  const auto response = network.exchange ? network.exchange(request, stop) : network.http.fetch(request, stop);
  if (response) return attempt_of(request, *response, who, secret);
  std::string why = response.error().message;
  // The client names the URL without its query, which is not enough here.
  const std::string named = redacted_url(request.url);
  if (const std::size_t at = why.find(named); at != std::string::npos) why.replace(at, named.size(), host_of(request.url));
  return {failure(response.error().kind, fmt::format("{}: {}", who, why))};
}

HttpRequest json_request(const Settings& settings, std::string url, const nlohmann::ordered_json& document) {
  HttpRequest request{.method = "POST", .url = std::move(url), .content_type = "application/json"};
  request.body = document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  request.timeout = settings.duration("timeout");
  request.access.ca_file = settings.text("ca_file");
  return request;
}

std::optional<SettingsError> check_url(const Settings& settings, std::string_view key) {
  if (!settings.has(key)) return std::nullopt;
  const std::string& url = settings.text(key);
  const bool http = url.starts_with("http://") || url.starts_with("https://");
  const bool usable = http && url.size() > url.find("://") + 3 && url.find_first_of(" \r\n\t") == std::string::npos;
  if (usable) return std::nullopt;
  return SettingsError{std::string(key), "expected a URL that begins with https:// or http://, without blanks", settings.mark(key)};
}

}  // namespace weir
