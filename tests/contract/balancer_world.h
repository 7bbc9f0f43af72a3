#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "balancers/balancer.h"

namespace weir {

/// One kind of balancer and the outside it acts on, for the contract every balancer keeps. Starts with nothing written. A balancer
/// that owns a file besides is held to balancer_file_contract.h too.
class BalancerWorld {
 public:
  BalancerWorld() = default;
  BalancerWorld(const BalancerWorld&) = delete;
  BalancerWorld& operator=(const BalancerWorld&) = delete;
  virtual ~BalancerWorld() = default;
  /// Another one for the same group and the same place each time.
  [[nodiscard]] virtual std::unique_ptr<Balancer> make() = 0;
  /// Differs after everything that a balancer changed outside.
  [[nodiscard]] virtual std::string mark() = 0;
  /// What can be read back of what was written: a balancer may have no place for the ids of servers, or for weights.
  [[nodiscard]] virtual std::vector<Peer> as_kept(std::vector<Peer> peers) const { return peers; }
};

/// How a world of one kind is made, and what that kind is called.
template <typename World>
struct BalancerWorldKindOf {
  std::string name;
  std::function<std::unique_ptr<World>()> make;
};
using BalancerWorldKind = BalancerWorldKindOf<BalancerWorld>;

}  // namespace weir
