#include "providers/vultr/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace weir {
namespace {

/// The API counts 30 requests a second of one source address, behind which other programs may sit: at most 10 within any second.
constexpr CallRate kRate{.per_second = 8, .burst = 2};
constexpr Duration kReadTimeout{20'000};
/// A create that is given up may yet be carried out: better to wait for its answer.
constexpr Duration kCreateTimeout{50'000};
constexpr int kPerPage = 500;
constexpr int kMostPages = 1000;
/// A list may change between two of its pages.
constexpr int kWalks = 3;

/// Scheme and host: the limit is by source address, so whoever calls this host shares it.
std::string host_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  return url.substr(0, url.find('/', scheme == std::string::npos ? 0 : scheme + 3));
}

ApiVerdict judge(const HttpResponse& response) {
  const std::string error = response.status >= 400 ? error_text(response) : std::string();
  // Refusals like any other, although their status is 500.
  if (response.status >= 500 && (says_locked(error) || says_gone_or_going(response.status, error))) return ApiVerdict::done;
  const bool success = response.status >= 200 && response.status < 300 && response.status != 204;
  // A page of HTML with status 200 is no answer of the API.
  if (success && response.body.find_first_not_of(" \t\r\n") != response.body.find('{')) return ApiVerdict::broken;
  return verdict_by_status(response);
}

bool succeeded(const HttpResponse& response) { return response.status >= 200 && response.status < 300; }

std::unexpected<Error> refused(const ApiClient& client, const ApiCall& call, const HttpResponse& response) {
  return failure(kind_by_status(response.status), client.message(call, response, error_text(response)));
}

}  // namespace

VultrApi::VultrApi(std::string api_url, std::string api_key, Network& network)
    : api_url_(std::move(api_url)),
      api_key_(std::move(api_key)),
      client_(network, {.name = "vultr", .rate_key = "vultr " + host_of(api_url_), .rate = kRate, .breaker = {}, .judge = judge}) {}

ApiCall VultrApi::call(const std::string& operation, const std::string& method, const std::string& path) const {
  ApiCall call{.operation = operation,
               .http = {.method = method, .url = api_url_ + path, .content_type = "application/json", .timeout = kReadTimeout},
               .repeat = method == "POST" ? Repeat::never : Repeat::safe};
  call.http.access.bearer_token = api_key_;
  // On a connection that was kept libcurl would send again by itself what was reset: outside the rate.
  call.http.fresh_connection = true;
  return call;
}

/// The answer if it is a success. Errors: denied, cancelled, unavailable: a list that is refused says nothing about what there is.
Result<HttpResponse> VultrApi::get(const ApiCall& call, const std::stop_token& stop) {
  Result<HttpResponse> answer = client_.call(call, stop);
  if (!answer || succeeded(*answer)) return answer;
  Error refusal = refused(client_, call, *answer).error();
  if (refusal.kind != ErrorKind::denied) refusal.kind = ErrorKind::unavailable;
  return std::unexpected(std::move(refusal));
}

Result<std::vector<VultrInstance>> VultrApi::instances(const std::stop_token& stop) {
  Walk walked;
  for (int walks = 1; walks <= kWalks; ++walks) {
    Result<Walk> answer = walk(stop);
    if (!answer) return std::unexpected(answer.error());
    walked = *std::move(answer);
    if (walked.ended && walked.instances.size() == walked.total) return std::move(walked.instances);
  }
  return failure(ErrorKind::unavailable,
                 fmt::format("vultr: GET {}/instances: {} instances on all pages together, but its total is {}: not a whole list",
                             redacted_url(api_url_), walked.instances.size(), walked.total));
}

/// From the first page to the last, once.
Result<VultrApi::Walk> VultrApi::walk(const std::stop_token& stop) {
  Walk walked;
  std::set<std::string> ids;
  std::string cursor;
  for (int pages = 1; pages <= kMostPages && !walked.ended; ++pages) {
    const std::string at = cursor.empty() ? "" : "&cursor=" + url_encoded(cursor);
    const ApiCall page_call = call("instances.list", "GET", fmt::format("/instances?per_page={}{}", kPerPage, at));
    const Result<HttpResponse> answer = get(page_call, stop);
    if (!answer) return std::unexpected(answer.error());
    Result<VultrPage> page = read_instance_page(answer->body);
    if (!page) return failure(ErrorKind::unavailable, client_.message(page_call, *answer, page.error().message));
    walked.total = page->total;
    for (VultrInstance& instance : page->instances) {
      if (ids.insert(instance.id).second) walked.instances.push_back(std::move(instance));
    }
    cursor = std::move(page->next);
    walked.ended = cursor.empty();
  }
  return walked;
}

Result<VultrInstance> VultrApi::instance(const std::string& id, const std::stop_token& stop) {
  const ApiCall one = call("instances.get", "GET", "/instances/" + url_encoded(id));
  Result<HttpResponse> answer = client_.call(one, stop);
  if (!answer) return std::unexpected(answer.error());
  if (!succeeded(*answer)) {
    const std::string error = error_text(*answer);
    // A 404 without a word of the API's own (a proxy's, a wrong api_url) is not the API's.
    if (!error.empty() && says_gone_or_going(answer->status, error)) {
      return failure(ErrorKind::not_found, client_.message(one, *answer, error));
    }
    Error refusal = refused(client_, one, *answer).error();
    if (refusal.kind == ErrorKind::not_found) refusal.kind = ErrorKind::unavailable;
    return std::unexpected(std::move(refusal));
  }
  Result<VultrInstance> instance = read_one_instance(answer->body);
  if (!instance) return failure(ErrorKind::unavailable, client_.message(one, *answer, instance.error().message));
  return instance;
}

Result<VultrInstance> VultrApi::create(const std::string& body, const std::stop_token& stop) {
  ApiCall make = call("instances.create", "POST", "/instances");
  make.http.body = body;
  make.http.timeout = kCreateTimeout;
  Result<HttpResponse> answer = client_.call(make, stop);
  if (!answer) return std::unexpected(answer.error());
  if (succeeded(*answer)) {
    Result<VultrInstance> instance = read_one_instance(answer->body);
    if (instance) return instance;
    return failure(ErrorKind::unavailable, client_.message(make, *answer, instance.error().message));
  }
  const std::string error = error_text(*answer);
  const bool sold_out = answer->status < 500 && says_no_capacity(error);
  if (sold_out) return failure(ErrorKind::out_of_capacity, client_.message(make, *answer, error));
  Error refusal = refused(client_, make, *answer).error();
  // 408 aside, a 4xx has made nothing.
  if (refusal.kind == ErrorKind::not_found) refusal.kind = ErrorKind::invalid;
  return std::unexpected(std::move(refusal));
}

Result<void> VultrApi::destroy(const std::string& id, const std::stop_token& stop) {
  const ApiCall remove = call("instances.delete", "DELETE", "/instances/" + url_encoded(id));
  Result<HttpResponse> answer = client_.call(remove, stop);
  if (!answer) return std::unexpected(answer.error());
  const std::string error = succeeded(*answer) ? std::string() : error_text(*answer);
  if (succeeded(*answer) || (!error.empty() && says_gone_or_going(answer->status, error))) return {};
  Error refusal = refused(client_, remove, *answer).error();
  if (says_locked(error) || refusal.kind == ErrorKind::not_found) refusal.kind = ErrorKind::unavailable;
  return std::unexpected(std::move(refusal));
}

Result<std::vector<VultrPlan>> VultrApi::plans(const std::stop_token& stop) {
  std::vector<VultrPlan> all;
  std::string cursor;
  for (int pages = 1; pages <= kMostPages; ++pages) {
    const std::string at = cursor.empty() ? "" : "&cursor=" + url_encoded(cursor);
    const ApiCall page_call = call("plans.list", "GET", fmt::format("/plans?per_page={}{}", kPerPage, at));
    const Result<HttpResponse> answer = get(page_call, stop);
    if (!answer) return std::unexpected(answer.error());
    auto page = read_plan_page(answer->body);
    if (!page) return failure(ErrorKind::unavailable, client_.message(page_call, *answer, page.error().message));
    all.insert(all.end(), std::make_move_iterator(page->first.begin()), std::make_move_iterator(page->first.end()));
    cursor = std::move(page->second);
    if (cursor.empty()) return all;
  }
  return failure(ErrorKind::unavailable, "vultr: the list of plans has no end");
}

}  // namespace weir
