#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "model/error.h"
#include "model/time.h"
#include "platform/http_client.h"

namespace weir {

/// A stretch of load: the rate goes in a straight line from one value to the other.
struct LoadSegment {
  Duration length{0};
  double from_rps = 0;
  double to_rps = 0;
};

using LoadProfile = std::vector<LoadSegment>;

[[nodiscard]] Duration length_of(const LoadProfile& profile);
/// Requests per second asked for at that time; 0 outside the profile.
[[nodiscard]] double rate_at(const LoadProfile& profile, Duration time);
/// When the n-th request (from 0) is due; absent when the profile ends before it.
[[nodiscard]] std::optional<std::chrono::microseconds> due_at(const LoadProfile& profile, std::uint64_t request);

struct LoadOptions {
  std::string url = {};
  std::string method = "GET";
  std::string body = {};
  LoadProfile profile = {};   ///< open loop: requests leave on time, whatever becomes of the earlier ones
  int clients = 0;            ///< > 0: closed loop instead; so many clients ask again as soon as they are answered …
  Duration length{0};         ///< … for that long
  bool keep_alive = true;     ///< false: a connection for each request. Take that for POST: see Load
  int max_connections = 512;  ///< open loop: more requests than that wait inside the client, and the wait counts as latency
  Duration timeout{10'000};
};

/// One request, as its client saw it. Times are exact to the microsecond; latency counts from when the request was due.
struct LoadRecord {
  std::chrono::microseconds due{0};  ///< since the start of the load
  std::chrono::microseconds latency{0};
  int status = 0;          ///< 0 without an answer
  std::string error = {};  ///< non-empty without an answer
};

/// A 5xx, or no usable answer.
[[nodiscard]] bool failed(const LoadRecord& record);

struct LoadSummary {
  std::size_t requests = 0;
  std::size_t failures = 0;
  double p50_ms = 0;  ///< over all requests, failed ones too; 0 if there were none
  double p95_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
  std::string first_failure;  ///< "503", or the error
};

/// Later than any request.
inline constexpr Duration kEver = std::chrono::years(100);

/// Of the requests due in [from, to).
[[nodiscard]] LoadSummary summarize(const std::vector<LoadRecord>& records, Duration from = Duration{0}, Duration to = kEver);

/// HTTP load on one URL. A request on a reused connection that the server closed before any answer byte is repeated by the HTTP
/// client (RFC 9112 9.3.1), as browsers do; only what is left after that is a failure. libcurl repeats a POST in this case too, so
/// to see whether a POST gets lost use `keep_alive = false`.
class Load {
 public:
  /// Called on the client's thread for each answer, in the order they arrive; must not block. Null without an answer.
  using Observer = std::function<void(const LoadRecord&, const HttpResponse*)>;

  /// Starts at once.
  explicit Load(LoadOptions options, Observer observer = {});
  ~Load();  ///< stops; nothing is under way when it returns
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// Since the start.
  [[nodiscard]] Duration elapsed() const;
  /// The answered requests so far, in the order of their answers.
  [[nodiscard]] std::vector<LoadRecord> records() const;
  /// The same summary as of records(), without the copy.
  [[nodiscard]] LoadSummary summary(Duration from = Duration{0}, Duration to = kEver) const;
  /// Sends nothing more and waits for what is under way.
  void stop();
  /// Waits for the last answer, or for the stop request.
  void wait(std::stop_token stop = {});

 private:
  void send(std::chrono::microseconds due);
  void answered(std::chrono::microseconds due, Result<HttpResponse> response);
  void pace(const std::stop_token& stop);
  [[nodiscard]] std::chrono::microseconds now() const;

  LoadOptions options_;
  Observer observer_;
  std::chrono::steady_clock::time_point started_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<LoadRecord> records_;
  std::size_t under_way_ = 0;
  bool sending_ = true;
  std::stop_source stopped_;
  HttpClient client_;
  std::jthread pacer_;
};

}  // namespace weir
