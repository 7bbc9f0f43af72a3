#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/group.h"
#include "model/observation.h"

namespace weir {

/// Who gets traffic: one place that has to know the servers of one group. Safe to call from several threads.
class Balancer {
 public:
  Balancer() = default;
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;
  virtual ~Balancer() = default;

  /// What the balancer says now, and whether that is proven to be what traffic follows. For each address in `count` the number of
  /// its open connections, if that can be known from here. Never fails: what cannot be known is said so in the view.
  [[nodiscard]] virtual BalancerView read(std::span<const std::string> count, std::stop_token stop) = 0;

  /// Makes exactly these peers (sorted by address) receive traffic, or changes nothing. `done` is called exactly once, from any
  /// thread, also when the balancer is destroyed first (cancelled). Safe to repeat; writing what is in force is free. An empty
  /// list never empties a balancer that serves: it is refused as invalid unless nothing was there yet.
  using Done = std::function<void(Result<void>)>;
  virtual void write(std::vector<Peer> peers, Done done) = 0;

  /// The change write() would make, as a unified diff for people; empty if none.
  [[nodiscard]] virtual std::string diff(std::span<const Peer> peers) = 0;
};

/// A group's balancer as asked for.
struct BalancerRequest {
  const Group& group;
  const BalancerSpec& spec;
};

struct Network;  // platform/api_client.h

/// What the controller gives the balancers it makes.
struct BalancerOutside {
  Network* network = nullptr;  ///< for those that call an API over it; outlives the balancers
  /// The settings of an entry of `providers:` (its `type` among them), for balancers that use the same account; nullptr: no such.
  std::function<const Settings*(const std::string& provider)> provider = {};
};

/// What balancers of one maker share; balancers/shared.h.
struct BalancerShared;

/// What a kind of balancer can do. docs/balancers/README.md shows it as a table.
struct BalancerAbilities {
  bool counts_connections = false;  ///< tells how many connections a server that leaves still has
  bool weighs = false;              ///< gives a server a larger or smaller share
  std::string_view tested_against;  ///< what the tests run it on: "a real nginx"
};

/// One kind of balancer. The list of all is catalog.cpp.
struct BalancerType {
  std::string_view name;
  std::string_view doc;
  std::span<const Key> keys;    ///< besides `type`
  bool carries_traffic = true;  ///< false: it only tells others who serves, and has no connections to wait for
  /// Checks beyond the table. Never touches the outside.
  std::vector<SettingsError> (*check)(const BalancerRequest& request) = nullptr;
  BalancerAbilities abilities = {};
  Result<std::unique_ptr<Balancer>> (*make)(const BalancerRequest& request, BalancerShared& shared) = nullptr;
};

/// All kinds of balancer.
[[nodiscard]] std::span<const BalancerType> balancer_catalog();

/// Builds balancers; those that share a process to reload (one nginx for many groups) share it within one maker, so that their
/// reloads are coalesced. The maker must outlive what it made.
class BalancerMaker {
 public:
  explicit BalancerMaker(BalancerOutside outside = {});
  ~BalancerMaker();
  BalancerMaker(const BalancerMaker&) = delete;
  BalancerMaker& operator=(const BalancerMaker&) = delete;
  [[nodiscard]] Result<std::unique_ptr<Balancer>> make(const BalancerRequest& request);

 private:
  std::unique_ptr<BalancerShared> shared_;
};

}  // namespace weir
