#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "model/error.h"
#include "model/time.h"
#include "platform/circuit_breaker.h"
#include "platform/http_client.h"
#include "platform/token_bucket.h"
#include "platform/waiting_clock.h"

namespace weir {

/// What an answer of an API means for its repetition.
enum class ApiVerdict {
  done,    ///< an answer: success or refusal
  busy,    ///< nothing was done, ask later: throttled, locked
  broken,  ///< the other side's own trouble; whether something was done is unknown
};

/// Whether a call may be made again when nobody knows what became of it.
enum class Repeat { safe, never };

/// By status alone: 429 is busy, 5xx is broken.
[[nodiscard]] ApiVerdict verdict_by_status(const HttpResponse& response);

/// What a caller can do about a refusal, by status alone: 401 and 403 denied, 404 and 410 not_found, 408, 429 and 5xx unavailable,
/// other 4xx invalid.
[[nodiscard]] ErrorKind kind_by_status(int status);

/// How an API wants to be called.
struct ApiOptions {
  std::string name;  ///< in messages, log and metrics: the provider's name
  /// Callers with the same key share one budget of `rate`; the host, where the limit is by source address.
  std::string rate_key;
  CallRate rate;
  int attempts = 4;           ///< of one call
  Duration first_delay{500};  ///< before the second attempt: a random part of this, of twice this before the third …
  Duration longest_delay{20'000};
  Duration deadline{60'000};  ///< of one call: all its attempts and waits
  BreakerRule breaker;
  std::function<ApiVerdict(const HttpResponse&)> judge = verdict_by_status;
};

/// One call. `http.timeout` is for one attempt.
struct ApiCall {
  std::string operation;  ///< for log and metrics: few different ones, such as "instances.list"
  HttpRequest http;
  Repeat repeat = Repeat::never;
  int attempts = 0;                                ///< of this call; 0: as many as ApiOptions says
  std::function<void(HttpRequest&)> prepare = {};  ///< before each attempt: a signature has its time in it
};

/// How one attempt of a call went, for log and metrics. Holds no secret.
struct ApiReport {
  std::string api;
  std::string operation;
  std::string method;
  std::string url;  ///< redacted
  int attempt = 1;
  int status = 0;            ///< 0: no answer
  std::string_view outcome;  ///< ok | refused | busy | broken | no_answer | not_asked
  std::string detail;        ///< why there was no answer
  Duration elapsed{0};
};

/// What adapters reach the outside with; lives as long as the process and outlives them all.
struct Network {
  HttpClient& http;
  WaitingClock& clock;
  TokenBuckets& buckets;
  std::function<void(const ApiReport&)> told = {};  ///< called from any thread; may be empty
  /// A number in [0, 1), for jitter; from any thread. Empty: the system's randomness.
  std::function<double()> random = {};
  /// Makes one exchange, from any thread. Empty: `http` does.
  std::function<Result<HttpResponse>(const HttpRequest&, const std::stop_token&)> exchange = {};
};

/// Calls one HTTP API as its owner would wish: no faster than its rate, again after a random wait (full jitter; Retry-After where
/// it is told) if the call can be repeated, not at all for a while when it is down, and never longer than its deadline.
/// Thread-safe; must not outlive the Network.
class ApiClient {
 public:
  ApiClient(Network& network, ApiOptions options);

  /// The last answer, whatever its status. A busy answer is always asked again, no or a broken one only if the call is safe to
  /// repeat. Errors: unavailable (no answer, and for a call never to repeat nobody knows what became of it), cancelled, invalid.
  [[nodiscard]] Result<HttpResponse> call(const ApiCall& call, const std::stop_token& stop);

  /// `name: METHOD URL: status: detail`, for an answer that is no success.
  [[nodiscard]] std::string message(const ApiCall& call, const HttpResponse& response, std::string_view detail) const;

 private:
  struct Attempt;
  [[nodiscard]] Result<HttpResponse> attempt(const ApiCall& call, Attempt& attempt, const std::stop_token& stop);
  [[nodiscard]] Result<HttpResponse> not_asked(const ApiCall& call, const Attempt& attempt, ErrorKind kind, std::string why);
  [[nodiscard]] Result<HttpResponse> ask(const ApiCall& call, Attempt& attempt, const std::stop_token& stop);
  [[nodiscard]] Duration delay_before_next(int attempt) const;
  void tell(const ApiCall& call, const Attempt& attempt, const Result<HttpResponse>& answer, std::string_view outcome,
            Duration elapsed) const;

  Network& network_;
  const ApiOptions options_;
  const std::shared_ptr<TokenBucket> bucket_;
  CircuitBreaker breaker_;
};

/// What `Retry-After` says, in seconds or as a date counted from the answer's own `Date`; absent if it says nothing usable.
[[nodiscard]] std::optional<Duration> retry_after(const HttpResponse& response);

/// When the other side answered, by its own clock (`Date`, to the second); absent if it does not say.
[[nodiscard]] std::optional<TimePoint> answered_at(const HttpResponse& response);

}  // namespace weir
