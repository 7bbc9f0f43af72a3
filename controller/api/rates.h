#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "controller/config/access.h"
#include "model/time.h"

namespace weir {

/// How often each peer asks, and shows a wrong token: the generic cell rate algorithm of ITU-T I.371, one bucket each. Thread-safe;
/// knows at most a few thousand peers, so that many addresses cost no memory.
class PeerRates {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  /// From now on.
  void limit(const ApiRates& rates);
  /// A request of this peer: nothing if it may pass, else when the next one may.
  [[nodiscard]] std::optional<Duration> request(const std::string& peer, Moment now);
  /// A wrong token of this peer: nothing if that is still an error like others, else when the next one is.
  [[nodiscard]] std::optional<Duration> wrong_token(const std::string& peer, Moment now);

 private:
  using Step = std::chrono::nanoseconds;
  /// When the bucket of each peer is full again.
  using Buckets = std::unordered_map<std::string, Moment>;
  static std::optional<Duration> take(Buckets& buckets, const std::string& peer, Moment now, Step step, int burst);

  std::mutex mutex_;
  ApiRates rates_;
  Buckets requests_;
  Buckets wrong_tokens_;
};

}  // namespace weir
