#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/reconcile/reconcile.h"
#include "model/group.h"
#include "model/memory.h"
#include "model/observation.h"
#include "policies/policy.h"

namespace weir {

/// The world after a turn, if nothing goes wrong in it and the load stays as it is: servers launched serve after `boot`, values
/// that fall with more servers fall in proportion, and servers on their way out have no connections, if a balancer carries traffic
/// and so can tell.
/// The turns are the controller's own reconcile(). Not thread-safe; group and policies must outlive it.
class ExpectedWorld {
 public:
  /// As it is once the plan of `turn` is carried out. `boot`: from a launch until the server is healthy.
  ExpectedWorld(const Group& group, const Policies& policies, const Turn& turn, Duration boot);

  /// Takes a turn at `at`, which never falls, and carries it out. Of its observation nothing but `at` is of use.
  const Turn& take_turn(TimePoint at, std::vector<Order> orders = {});

  /// What the last turn has to be followed by before the next interval: the moment its plan asks for, a server that becomes
  /// healthy; or at once, after a server was launched or a balancer changed.
  [[nodiscard]] std::optional<TimePoint> next_event() const;
  [[nodiscard]] TimePoint now() const { return now_; }
  /// Servers that exist.
  [[nodiscard]] int launched() const { return static_cast<int>(expected_.size()); }
  /// Servers that get traffic and are healthy.
  [[nodiscard]] int serving() const;

 private:
  /// A server as the provider will list it, and from when on it answers its checks.
  struct Expected {
    Server server;
    TimePoint healthy_at;
  };

  Observation observe();
  [[nodiscard]] std::vector<Sample> expected_samples() const;
  void spread(double share, Sample& sample) const;
  void apply(const Plan& plan);
  void launch(const Action& action);
  void end_hook(const Action& action);

  const Group& group_;
  const Policies& policies_;
  Turn turn_;
  TimePoint now_;
  Duration boot_;
  bool changed_ = false;
  std::vector<Expected> expected_;
  std::vector<Peer> peers_;
  std::vector<Sample> samples_;
  std::vector<Sample> judged_;
  std::string judged_version_;
  std::vector<bool> falls_;  ///< per policy
  std::vector<Outcome> outcomes_;
  std::vector<BalancerView> balancers_;
  std::vector<bool> carries_traffic_;  ///< per balancer
  int serving_then_ = 1;
};

}  // namespace weir
