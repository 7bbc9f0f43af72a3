#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "controller/reconcile/reconcile.h"
#include "tests/contract/provider_contract.h"

namespace weir {

/// Deploys over a provider: weir's own turns, one after the other, with its real launches and removals. Time is the test's, the
/// balancer obeys, and a server is healthy as soon as it runs unless its version is a sick one.
class DeployContract : public ElasticProviderContract {
 protected:
  static constexpr int kServers = 3;

  DeployContract();

  [[nodiscard]] std::string version(int number) const { return harness_->version(number); }
  /// The first servers are in service.
  void begin();
  void order(Order::Kind kind, const std::string& to = "", Strategy strategy = Strategy::rolling);
  void turn();
  /// Turns until it is so; false if it does not become so.
  template <typename Predicate>
  [[nodiscard]] bool turns_until(const Predicate& predicate) {
    return wait_until(kDeadline, [&] {
      if (HasFatalFailure() || predicate()) return true;
      turn();
      return false;
    });
  }
  [[nodiscard]] bool ends() {
    return turns_until([this] { return memory_.rollout && memory_.rollout->ended_at && memory_.servers.size() == wanted_; });
  }
  /// How many servers of each version the provider lists.
  [[nodiscard]] std::map<std::string, int> versions();

  Group group_ = app_;
  Memory memory_;
  std::size_t wanted_ = kServers;
  std::set<std::string> sick_;            ///< versions whose servers are never healthy
  std::vector<std::string> last_errors_;  ///< of launches

  [[nodiscard]] std::vector<Server> look();
  void apply(const Plan& plan);
  void check(const Plan& plan) const;

  TimePoint now_{std::chrono::hours(500'000)};
  std::map<std::string, TimePoint> seen_;        ///< servers, since when
  std::map<std::string, std::string> launched_;  ///< versions, by token
  std::map<std::string, std::string> healthy_;   ///< addresses of the last list
  std::vector<Peer> peers_;
  std::vector<Order> orders_;
  std::vector<Outcome> outcomes_;
  bool begun_ = false;
};

}  // namespace weir
