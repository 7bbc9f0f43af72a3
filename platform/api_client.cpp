#include "platform/api_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>
#include <utility>

namespace weir {
namespace {

/// A server that asks for more patience than this is not waited for within one call.
constexpr Duration kLongestRetryAfter = std::chrono::hours(1);

std::string_view outcome_of(ApiVerdict verdict, int status) {
  if (verdict == ApiVerdict::busy) return "busy";
  if (verdict == ApiVerdict::broken) return "broken";
  return status < 400 ? "ok" : "refused";
}

double system_random() {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

}  // namespace

/// What is known of the attempt under way.
struct ApiClient::Attempt {
  int number = 1;
  WaitingClock::Moment deadline;
  bool again = false;  ///< it may be repeated
  Duration wait{0};    ///< and the other side wants at least this pause
};

ApiVerdict verdict_by_status(const HttpResponse& response) {
  if (response.status == 429) return ApiVerdict::busy;
  return response.status >= 500 ? ApiVerdict::broken : ApiVerdict::done;
}

ErrorKind kind_by_status(int status) {
  if (status == 401 || status == 403) return ErrorKind::denied;
  if (status == 404 || status == 410) return ErrorKind::not_found;
  if (status == 408 || status == 429 || status >= 500) return ErrorKind::unavailable;
  return ErrorKind::invalid;
}

std::optional<Duration> retry_after(const HttpResponse& response) {
  const std::string value(response.header("retry-after"));
  if (value.empty()) return std::nullopt;
  int seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc{} && end == value.data() + value.size()) {
    return std::clamp<Duration>(std::chrono::seconds(seconds), Duration{0}, kLongestRetryAfter);
  }
  const std::time_t until = curl_getdate(value.c_str(), nullptr);
  const std::time_t from = curl_getdate(std::string(response.header("date")).c_str(), nullptr);
  if (until < 0 || from < 0) return std::nullopt;
  return std::clamp<Duration>(std::chrono::seconds(until - from), Duration{0}, kLongestRetryAfter);
}

std::optional<TimePoint> answered_at(const HttpResponse& response) {
  const std::time_t date = curl_getdate(std::string(response.header("date")).c_str(), nullptr);
  if (date < 0) return std::nullopt;
  return TimePoint(std::chrono::seconds(date));
}

ApiClient::ApiClient(Network& network, ApiOptions options)
    : network_(network),
      options_(std::move(options)),
      bucket_(network.buckets.bucket(options_.rate_key, options_.rate)),
      breaker_(options_.breaker) {}

std::string ApiClient::message(const ApiCall& call, const HttpResponse& response, std::string_view detail) const {
  return fmt::format("{}: {} {}: {}{}{}", options_.name, call.http.method, redacted_url(call.http.url), response.status,
                     detail.empty() ? "" : ": ", detail);
}

Result<HttpResponse> ApiClient::call(const ApiCall& call, const std::stop_token& stop) {
  Attempt now{.deadline = network_.clock.now() + options_.deadline};
  const int attempts = call.attempts > 0 ? call.attempts : options_.attempts;
  for (;; ++now.number) {
    Result<HttpResponse> answer = attempt(call, now, stop);
    if (!now.again || now.number >= attempts) return answer;
    const auto next = network_.clock.now() + std::max(now.wait, delay_before_next(now.number));
    if (next >= now.deadline) return answer;
    if (!network_.clock.wait_until(next, stop)) {
      return failure(ErrorKind::cancelled, fmt::format("{}: {}: cancelled between two attempts", options_.name, call.operation));
    }
  }
}

Result<HttpResponse> ApiClient::attempt(const ApiCall& call, Attempt& now, const std::stop_token& stop) {
  now.again = false;
  now.wait = Duration{0};
  if (!breaker_.admits(network_.clock.now())) {
    return not_asked(call, now, ErrorKind::unavailable,
                     fmt::format("{} failures in a row; asked again in {}", options_.breaker.failures,
                                 format_duration(breaker_.remaining(network_.clock.now()))));
  }
  switch (bucket_->wait(now.deadline, stop)) {
    case TokenBucket::Turn::granted:
      return ask(call, now, stop);
    case TokenBucket::Turn::too_late:
      breaker_.withdrawn();
      return not_asked(call, now, ErrorKind::unavailable,
                       fmt::format("its turn would not come within {}", format_duration(options_.deadline)));
    case TokenBucket::Turn::stopped:
      break;
  }
  breaker_.withdrawn();
  return not_asked(call, now, ErrorKind::cancelled, "cancelled");
}

Result<HttpResponse> ApiClient::not_asked(const ApiCall& call, const Attempt& now, ErrorKind kind, std::string why) {
  const Result<HttpResponse> answer =
      failure(kind, fmt::format("{}: {} {}: not asked: {}", options_.name, call.http.method, redacted_url(call.http.url), why));
  if (kind != ErrorKind::cancelled) tell(call, now, answer, "not_asked", Duration{0});
  return answer;
}

Result<HttpResponse> ApiClient::ask(const ApiCall& call, Attempt& now, const std::stop_token& stop) {
  HttpRequest request = call.http;
  if (call.prepare) call.prepare(request);
  const auto begun = network_.clock.now();
  request.timeout = std::min(request.timeout, std::chrono::ceil<Duration>(now.deadline - begun));
  request.keep_headers = true;
  if (call.repeat == Repeat::never) request.fresh_connection = true;
  Result<HttpResponse> answer =
      network_.exchange ? network_.exchange(request, stop) : network_.http.fetch(std::move(request), stop);
  const Duration elapsed = std::chrono::floor<Duration>(network_.clock.now() - begun);
  if (!answer) {
    Error& error = answer.error();
    error.message = fmt::format("{}: {}", options_.name, error.message);
    if (error.kind == ErrorKind::cancelled || error.kind == ErrorKind::invalid) {
      breaker_.withdrawn();
      return answer;
    }
    // A shortage of this machine's is no word of the provider's about its capacity.
    error.kind = ErrorKind::unavailable;
    breaker_.failed(network_.clock.now());
    tell(call, now, answer, "no_answer", elapsed);
    now.again = call.repeat == Repeat::safe;
    return answer;
  }
  const ApiVerdict verdict = options_.judge(*answer);
  tell(call, now, answer, outcome_of(verdict, answer->status), elapsed);
  now.wait = retry_after(*answer).value_or(Duration{0});
  if (verdict == ApiVerdict::broken) {
    breaker_.failed(network_.clock.now());
    now.again = call.repeat == Repeat::safe;
  } else {
    breaker_.succeeded();
    now.again = verdict == ApiVerdict::busy;
  }
  // What one caller is told holds for all that share its budget.
  if (verdict == ApiVerdict::busy && now.wait > Duration{0}) bucket_->hold_until(network_.clock.now() + now.wait);
  return answer;
}

Duration ApiClient::delay_before_next(int attempt) const {
  const double most = std::min(static_cast<double>(options_.first_delay.count()) * std::pow(2.0, attempt - 1),
                               static_cast<double>(options_.longest_delay.count()));
  const double part = network_.random ? network_.random() : system_random();
  return Duration(static_cast<Duration::rep>(most * part));
}

void ApiClient::tell(const ApiCall& call, const Attempt& now, const Result<HttpResponse>& answer, std::string_view outcome,
                     Duration elapsed) const {
  if (!network_.told) return;
  network_.told({.api = options_.name,
                 .operation = call.operation,
                 .method = call.http.method,
                 .url = redacted_url(call.http.url),
                 .attempt = now.number,
                 .status = answer ? answer->status : 0,
                 .outcome = outcome,
                 .detail = answer ? std::string() : answer.error().message,
                 .elapsed = elapsed});
}

}  // namespace weir
