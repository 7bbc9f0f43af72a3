#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/rollout.h"
#include "model/settings.h"
#include "model/time.h"

namespace weir {

/// How one server is asked whether it can serve.
struct HealthCheck {
  enum class Kind { http, tcp };
  Kind kind = Kind::tcp;
  std::string path;  ///< http only
  Duration interval{5000};
  Duration timeout{2000};
  int healthy_after = 2;       ///< good answers in a row
  int unhealthy_after = 3;     ///< bad answers in a row
  Duration deadline{600'000};  ///< a server not healthy this long after its launch is given up
  bool operator==(const HealthCheck&) const = default;
};

/// At most `servers` or `percent` of the group's size within any span of `per`.
struct RateLimit {
  std::optional<int> servers;
  std::optional<double> percent;
  Duration per{60'000};
  bool operator==(const RateLimit&) const = default;
};

/// What holds one direction of scaling back.
struct ScalingRule {
  enum class Select { max, min, disabled };  ///< which of several limits counts: the one that allows most, least, or none at all
  Duration cooldown{0};
  Duration stabilization_window{0};
  std::vector<RateLimit> limits;
  Select select = Select::max;
  bool operator==(const ScalingRule&) const = default;
};

/// When a scale-out counts as having helped, and what follows if it did not.
struct HelpRule {
  int attempts = 2;                 ///< scale-outs in a row that may fail to help
  Duration retry_after{1'800'000};  ///< then one more is tried after this
  bool operator==(const HelpRule&) const = default;
};

/// What a server costs.
struct CostRule {
  double per_hour = 0;         ///< of one server, in `currency`
  std::string currency;        ///< ISO 4217
  Duration billing_period{0};  ///< paid in whole periods from the launch; 0: by the moment
  int monthly_hours = 0;       ///< hours of a calendar month (UTC) after which a server costs nothing more in it; 0: no such cap
  bool operator==(const CostRule&) const = default;
};

/// What the group may cost in a calendar month (UTC), in CostRule::currency.
struct BudgetRule {
  std::optional<double> soft;  ///< a forecast beyond it is told of
  std::optional<double> hard;  ///< caps the size; what `min` costs to the end of the month is set aside first
  bool operator==(const BudgetRule&) const = default;
};

/// What to do with servers that carry the group's owner tag but that weir does not remember.
enum class OrphanRule { adopt, report, remove };

/// A policy or balancer as configured: its type's own table has checked `settings`.
struct PolicySpec {
  std::string name;
  std::string type;
  Settings settings;
  bool operator==(const PolicySpec&) const = default;
};
struct BalancerSpec {
  std::string name;  ///< for people: the type and the file
  std::string type;
  Settings settings;
  bool operator==(const BalancerSpec&) const = default;
};

/// Where servers are made when the group's provider has no room.
struct OverflowSpec {
  std::string provider;  ///< key in `providers:`
  Settings server;       ///< that provider's own keys
  bool operator==(const OverflowSpec&) const = default;
};

/// What the user configured for one fleet, parsed and checked; immutable while it is in force.
struct Group {
  std::string name;
  std::string provider;  ///< key in `providers:`
  std::string version;   ///< what the first servers run; afterwards Memory knows
  Settings server;       ///< the provider's own keys
  std::optional<OverflowSpec> overflow;
  int min = 1;                 ///< servers in service; >= 0
  int max = 1;                 ///< servers launched; >= min
  bool elastic = true;         ///< false: the provider's list is fixed, weir only routes to the healthy ones
  bool chooses_victim = true;  ///< false: the platform picks the server that goes when there is to be one fewer
  std::string deployed_with;   ///< what brings the servers to another version where weir does not; empty: weir does
  Duration interval{15'000};
  Duration warm_up{60'000};  ///< after admission, before its effect on the metrics is believed
  HealthCheck health;
  Duration drain_timeout{60'000};
  std::vector<BalancerSpec> balancers;
  std::vector<BalancerSpec> previews;  ///< for test traffic to the version that a deploy brings; no part of the group's traffic
  std::string weightless;              ///< the balancers that carry traffic and give no shares by weight; empty: there are none
  std::vector<PolicySpec> policies;    ///< in the order of the file, then what guards and other sections come to
  ScalingRule scale_out;
  ScalingRule scale_in;
  std::optional<HelpRule> help;
  std::optional<CostRule> cost;
  BudgetRule budget;
  DeployRule deploy;
  OrphanRule orphans = OrphanRule::adopt;
  /// Names the text of policies, scale_out and scale_in: what was measured under others proves nothing under these.
  std::string rules;
  bool operator==(const Group&) const = default;
};

}  // namespace weir
