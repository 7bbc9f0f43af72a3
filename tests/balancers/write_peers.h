#pragma once

#include <future>
#include <utility>
#include <vector>

#include "balancers/balancer.h"

namespace weir {

/// Writes and waits for the answer.
[[nodiscard]] inline Result<void> write_peers(Balancer& balancer, std::vector<Peer> peers) {
  std::promise<Result<void>> promise;
  balancer.write(std::move(peers), [&](Result<void> result) { promise.set_value(std::move(result)); });
  return promise.get_future().get();
}

}  // namespace weir
