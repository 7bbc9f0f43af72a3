#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "balancers/balancer.h"
#include "platform/followed_file.h"

namespace weir {

/// The servers nginx tried for a request that it had to answer with 502 or 504, by address, from a line of its access log that
/// holds `status=$status upstream="$upstream_addr"`. Empty for a request that ended otherwise. No request can forge the pair:
/// nginx escapes the quotes within a value.
[[nodiscard]] std::vector<std::string_view> failed_upstreams(std::string_view line);

/// nginx's access log, followed for requests that were lost because their server was leaving. Not thread-safe.
class AccessLog {
 public:
  using Steady = std::chrono::steady_clock;
  /// How long a server that left may still be blamed: the last lines about it are written when it goes.
  static constexpr std::chrono::seconds kAfterlife{60};

  explicit AccessLog(std::filesystem::path path) : file_(std::move(path)) {}

  /// How many requests were lost since the last call, by the servers leaving now or less than kAfterlife ago. One in `peers` is not
  /// blamed: its address has a new owner. Errors: those of FollowedFile::read.
  [[nodiscard]] Result<int> lost(std::span<const std::string> leaving, std::span<const Peer> peers, Steady::time_point now);

 private:
  FollowedFile file_;
  std::map<std::string, Steady::time_point, std::less<>> leaving_;  ///< when each was last said to leave
};

}  // namespace weir
