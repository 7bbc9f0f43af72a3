#include "providers/kubernetes/api.h"

#include <fmt/format.h>

#include <chrono>

#include "model/text.h"
#include "providers/kubernetes/json_fields.h"

namespace weir::kubernetes {
namespace {

using namespace std::chrono_literals;

constexpr int kPageSize = 500;
constexpr int kMaxPages = 2000;
constexpr int kListAttempts = 4;
constexpr std::size_t kLongestDetail = 400;
/// client-go allows itself 5 a second with bursts of 10 by default, kubectl 50 with 300.
constexpr CallRate kRate{.per_second = 20, .burst = 40};

std::string method_of(const std::string& verb) {
  if (verb == "patch") return "PATCH";
  if (verb == "update") return "PUT";
  return verb == "delete" ? "DELETE" : "GET";
}

ApiOptions options_for(const std::string& name) {
  return {.name = name, .rate_key = "kubernetes:" + name, .rate = kRate, .deadline = 45s};
}

/// Admission refuses with 403 too; only the authoriser says who cannot do what.
bool lacks_permission(const HttpResponse& response, const std::string& detail) {
  return response.status == 403 && (detail.empty() || detail.contains(" cannot "));
}

/// What the server says of a refusal (a `Status` object).
std::string detail_of(const HttpResponse& response) {
  const nlohmann::json status = nlohmann::json::parse(response.body, nullptr, false);
  return quoted_line(text_field(status, {"message"}), kLongestDetail);
}

}  // namespace

/// A call and its answer.
struct KubernetesApi::Exchange {
  ApiCall call;
  HttpResponse response;
};

struct KubernetesApi::Pages {
  bool expired = false;
  std::vector<nlohmann::json> items = {};
};

KubernetesApi::KubernetesApi(Network& network, const std::string& name, Credentials::Load load, Credentials::Now now)
    : name_(name), credentials_(std::move(load), std::move(now)), client_(network, options_for(name)) {}

std::string KubernetesApi::own_namespace(const std::stop_token& stop) {
  const Result<ClusterAccess> access = credentials_.current(stop);
  return access ? access->space : std::string();
}

/// Refused credentials are got anew once.
Result<KubernetesApi::Exchange> KubernetesApi::exchange(const ApiRequest& request, const std::stop_token& stop) {
  for (int round = 0;; ++round) {
    Result<ClusterAccess> access = credentials_.current(stop);
    if (!access) return failure(access.error().kind, fmt::format("{}: {}", name_, access.error().message));
    Exchange exchange;
    exchange.call.operation = fmt::format("{}.{}", request.resource, request.verb);
    exchange.call.repeat = Repeat::safe;
    HttpRequest& http = exchange.call.http;
    http.method = method_of(request.verb);
    http.url = access->server + request.path + (request.query.empty() ? "" : "?" + request.query);
    http.body = request.body;
    http.content_type = request.verb == "patch" ? "application/merge-patch+json" : "application/json";
    http.timeout = 20s;
    http.access = std::move(access->http);
    http.access.headers.emplace_back("Accept", "application/json");
    Result<HttpResponse> response = client_.call(exchange.call, stop);
    if (!response) return std::unexpected(response.error());
    exchange.response = std::move(*response);
    if (exchange.response.status != 401 || round > 0) return exchange;
    credentials_.refused();
  }
}

std::unexpected<Error> KubernetesApi::refusal(const ApiRequest& request, const Exchange& answer) const {
  const HttpResponse& response = answer.response;
  std::string detail = detail_of(response);
  if (response.status == 401) detail = fmt::format("the credentials are not accepted{}{}", detail.empty() ? "" : ": ", detail);
  if (lacks_permission(response, detail)) {
    detail = fmt::format("the verb `{}` on {} in namespace {} is not granted to us{}{}", request.verb, request.resource,
                         request.space, detail.empty() ? "" : ": ", detail);
  }
  return failure(kind_by_status(response.status), client_.message(answer.call, response, detail));
}

Result<nlohmann::json> KubernetesApi::parsed(const Exchange& answer) const {
  nlohmann::json body = nlohmann::json::parse(answer.response.body, nullptr, false);
  if (body.is_object()) return body;
  return failure(ErrorKind::unavailable, client_.message(answer.call, answer.response, "the answer is not JSON"));
}

Result<nlohmann::json> KubernetesApi::get(const ApiRequest& request, const std::stop_token& stop) {
  const Result<Exchange> answer = exchange(request, stop);
  if (!answer) return std::unexpected(answer.error());
  if (answer->response.status != 200) return refusal(request, *answer);
  return parsed(*answer);
}

Result<std::vector<nlohmann::json>> KubernetesApi::list(const ApiRequest& request, const std::stop_token& stop) {
  for (int attempt = 0; attempt < kListAttempts; ++attempt) {
    Result<Pages> pages = read_pages(request, stop);
    if (!pages) return std::unexpected(pages.error());
    if (!pages->expired) return std::move(pages->items);
  }
  return failure(ErrorKind::unavailable, fmt::format("{}: the list of {} in namespace {} expired {} times before its last page",
                                                     name_, request.resource, request.space, kListAttempts));
}

Result<KubernetesApi::Pages> KubernetesApi::read_pages(const ApiRequest& request, const std::stop_token& stop) {
  Pages pages;
  std::string token;
  for (int page = 0; page < kMaxPages; ++page) {
    ApiRequest part = request;
    part.query = fmt::format("{}{}limit={}", request.query, request.query.empty() ? "" : "&", kPageSize);
    if (!token.empty()) part.query += "&continue=" + url_encoded(token);
    const Result<Exchange> answer = exchange(part, stop);
    if (!answer) return std::unexpected(answer.error());
    if (answer->response.status == 410 && !token.empty()) return Pages{.expired = true};
    if (answer->response.status != 200) return refusal(request, *answer);
    Result<nlohmann::json> body = parsed(*answer);
    if (!body) return std::unexpected(body.error());
    nlohmann::json& items = (*body)["items"];
    // Go writes an empty list as null now and then.
    const bool usable = text_field(*body, {"kind"}).ends_with("List") && (items.is_array() || items.is_null());
    if (!usable) return failure(ErrorKind::unavailable, client_.message(answer->call, answer->response, "the answer is no list"));
    for (nlohmann::json& item : items) pages.items.push_back(std::move(item));
    token = text_field(*body, {"metadata", "continue"});
    if (token.empty()) return pages;
  }
  return failure(ErrorKind::unavailable, fmt::format("{}: the list of {} has no end", name_, request.resource));
}

Result<Written> KubernetesApi::write(const ApiRequest& request, const std::stop_token& stop) {
  const Result<Exchange> answer = exchange(request, stop);
  if (!answer) return std::unexpected(answer.error());
  const HttpResponse& response = answer->response;
  if (response.status >= 200 && response.status < 300) return Written{};
  const std::unexpected<Error> error = refusal(request, *answer);
  const std::string& message = error.error().message;
  if (lacks_permission(response, detail_of(response))) return Written{Written::Outcome::forbidden, message};
  if (response.status == 404) return Written{Written::Outcome::gone, message};
  if (response.status == 409) return Written{Written::Outcome::conflict, message};
  return error;
}

}  // namespace weir::kubernetes
