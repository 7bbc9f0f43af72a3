#include "examples/load/load.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace weir {
namespace {

using std::chrono::microseconds;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

double requests_in(const LoadSegment& segment) { return (segment.from_rps + segment.to_rps) / 2 * seconds(segment.length); }

/// When, after the segment's start, `count` requests have left: the root of from*t + slope/2*t^2 = count in the form that stands a
/// slope of zero.
double time_of(const LoadSegment& segment, double count) {
  if (count <= 0) return 0;
  const double slope = (segment.to_rps - segment.from_rps) / seconds(segment.length);
  const double root = std::sqrt(std::max(0.0, segment.from_rps * segment.from_rps + 2 * slope * count));
  return 2 * count / (segment.from_rps + root);
}

double milliseconds(microseconds latency) { return static_cast<double>(latency.count()) / 1000; }

/// The smallest latency that is not less than `share` of all: the nearest-rank percentile.
double percentile(const std::vector<microseconds>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return milliseconds(sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1]);
}

HttpClient::Options client_options(const LoadOptions& options) {
  const int connections = options.clients > 0 ? options.clients : options.max_connections;
  return {.max_connections_per_host = connections, .max_connections = connections};
}

}  // namespace

Duration length_of(const LoadProfile& profile) {
  Duration length{0};
  for (const LoadSegment& segment : profile) length += segment.length;
  return length;
}

double rate_at(const LoadProfile& profile, Duration time) {
  if (time < Duration{0}) return 0;
  for (const LoadSegment& segment : profile) {
    if (time < segment.length)
      return segment.from_rps + (segment.to_rps - segment.from_rps) * seconds(time) / seconds(segment.length);
    time -= segment.length;
  }
  return 0;
}

std::optional<microseconds> due_at(const LoadProfile& profile, std::uint64_t request) {
  auto count = static_cast<double>(request);
  microseconds start{0};
  for (const LoadSegment& segment : profile) {
    if (count < requests_in(segment)) return start + microseconds(std::llround(time_of(segment, count) * 1e6));
    count -= requests_in(segment);
    start += segment.length;
  }
  return std::nullopt;
}

bool failed(const LoadRecord& record) { return !record.error.empty() || record.status >= 500; }

LoadSummary summarize(const std::vector<LoadRecord>& records, Duration from, Duration to) {
  LoadSummary summary;
  std::vector<microseconds> latencies;
  for (const LoadRecord& record : records) {
    if (record.due < from || record.due >= to) continue;
    latencies.push_back(record.latency);
    if (!failed(record)) continue;
    ++summary.failures;
    if (summary.first_failure.empty()) summary.first_failure = record.error.empty() ? std::to_string(record.status) : record.error;
  }
  std::ranges::sort(latencies);
  summary.requests = latencies.size();
  summary.p50_ms = percentile(latencies, 0.50);
  summary.p95_ms = percentile(latencies, 0.95);
  summary.p99_ms = percentile(latencies, 0.99);
  summary.max_ms = percentile(latencies, 1);
  return summary;
}

Load::Load(LoadOptions options, Observer observer)
    : options_(std::move(options)),
      observer_(std::move(observer)),
      started_(std::chrono::steady_clock::now()),
      client_(client_options(options_)),
      pacer_([this](const std::stop_token& stop) { pace(stop); }) {}

Load::~Load() {
  stopped_.request_stop();
  stop();
}

microseconds Load::now() const { return std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - started_); }

Duration Load::elapsed() const { return std::chrono::duration_cast<Duration>(now()); }

std::vector<LoadRecord> Load::records() const {
  const std::lock_guard lock(mutex_);
  return records_;
}

LoadSummary Load::summary(Duration from, Duration to) const {
  const std::lock_guard lock(mutex_);
  return summarize(records_, from, to);
}

void Load::stop() {
  pacer_.request_stop();
  wait();
}

void Load::wait(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, std::move(stop), [this] { return !sending_ && under_way_ == 0; });
}

void Load::pace(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto sleep_until = [&](microseconds due) {
    changed_.wait_until(lock, stop, started_ + due, [] { return false; });
    return !stop.stop_requested();
  };
  const auto send_one = [&](microseconds due) {
    ++under_way_;
    lock.unlock();
    send(due);
    lock.lock();
  };
  if (options_.clients > 0) {
    for (int client = 0; client < options_.clients; ++client) send_one(now());
    sleep_until(options_.length);
  } else {
    for (std::uint64_t request = 0; const auto due = due_at(options_.profile, request); ++request) {
      if (!sleep_until(*due)) break;
      send_one(*due);
    }
  }
  sending_ = false;
  changed_.notify_all();
}

void Load::send(microseconds due) {
  HttpRequest request{.method = options_.method, .url = options_.url, .body = options_.body};
  request.timeout = options_.timeout;
  request.fresh_connection = !options_.keep_alive;
  client_.send(
      std::move(request), [this, due](Result<HttpResponse> response) { answered(due, std::move(response)); }, stopped_.get_token());
}

void Load::answered(microseconds due, Result<HttpResponse> response) {
  LoadRecord record{.due = due, .latency = now() - due};
  if (response) record.status = response->status;
  if (!response) record.error = response.error().message;
  const bool cancelled = !response && response.error().kind == ErrorKind::cancelled;
  if (observer_ && !cancelled) observer_(record, response ? &*response : nullptr);

  std::unique_lock lock(mutex_);
  if (!cancelled) records_.push_back(std::move(record));
  if (options_.clients > 0 && sending_ && !cancelled) {
    lock.unlock();
    return send(now());
  }
  --under_way_;
  changed_.notify_all();
}

}  // namespace weir
