#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controller/reconcile/reconcile.h"
#include "controller/render/text.h"
#include "model/group.h"
#include "model/observation.h"
#include "model/rollout.h"
#include "model/time.h"
#include "policies/policy.h"

namespace weir {

/// One thing that a deploy is expected to do.
struct DeployStep {
  Duration after{0};      ///< since the order
  std::string_view what;  ///< an action's kind, or switch, wait, promote, go_back, even_weights
  std::string server;     ///< actions only: the server; for launch its token
  std::string version;    ///< actions only: the server's
  int weight = 0;         ///< set_weight only
  std::string why;
};

/// What a deploy is expected to come to.
struct DeployPlan {
  std::string group;
  TimePoint at;                  ///< when it is ordered
  int size = 0;                  ///< of the group, held meanwhile
  Duration boot{0};              ///< from a launch until the server is healthy
  bool boot_is_learned = false;  ///< the slowest of the last launches; else the guess of WorldModel
  bool is_judged = false;        ///< it has a judge, taken to be content
  std::vector<DeployStep> steps;
  Rollout rollout;  ///< as the last turn left it: with an end, unless it has none within the longest plan
  Duration length{0};
  int servers_max = 0;     ///< that exist at a time
  int in_service_min = 0;  ///< that serve
};

/// What the deploy that `order` is about comes to after the turn `now`, if the group keeps its size, the load stays and every
/// server does as it is told: an ExpectedWorld. The judge is taken to be content, and what waits for `promote` to get it. A turn
/// whose own plan changes something has that done first. Pure; the same reconcile(). The provider's list is known in `now`,
/// check_order() has nothing against the order with its memory, and the order is given at its moment.
[[nodiscard]] DeployPlan plan_deploy(const Group& group, const Policies& policies, const Turn& now, const Order& order);

/// `weir deploy plan`: a line for every step, and what they come to.
[[nodiscard]] std::string deploy_plan_text(const DeployPlan& plan, Colour colour);

/// The same with `--json`; durations are seconds.
[[nodiscard]] std::string deploy_plan_json(const DeployPlan& plan);

}  // namespace weir
