#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "platform/api_client.h"
#include "tests/fakes/waiting_clock.h"

namespace weir {

/// A Network over real sockets whose waits take no time and whose jitter is the longest there is; keeps what it is told.
struct ImpatientNetwork {
  HttpClient http;
  ImpatientClock clock;
  TokenBuckets buckets{clock};
  Network network{.http = http,
                  .clock = clock,
                  .buckets = buckets,
                  .told =
                      [this](const ApiReport& report) {
                        const std::lock_guard lock(mutex);
                        kept.push_back(report);
                      },
                  .random = [] { return 1.0; }};

  [[nodiscard]] std::vector<ApiReport> reports() const {
    const std::lock_guard lock(mutex);
    return kept;
  }

  mutable std::mutex mutex;
  std::vector<ApiReport> kept;
};

}  // namespace weir
