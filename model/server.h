#pragma once

#include <optional>
#include <string>

#include "model/time.h"

namespace weir {

/// Where a server stands on its way through a group. A provider reports pending, warming (it runs; nothing is proven) or
/// terminating; only classify() says in_service and draining.
enum class Phase { pending, warming, in_service, draining, terminating };

/// What the health checks say. `unknown` until healthy_after or unhealthy_after answers in a row agree.
enum class HealthStatus { unknown, healthy, unhealthy };

/// What the health checks came to so far.
struct Health {
  HealthStatus status = HealthStatus::unknown;
  std::string detail;  ///< the last failed check, for people: "GET /health: 503", "connection refused"
  bool operator==(const Health&) const = default;
};

/// What a failure says about. `program`: what the server runs, so the version answers for it. `platform`: what it runs on (a
/// machine that restarted, a node that is down, a suspension, a launch that was interrupted), which says nothing about the version.
enum class FailureCause { program, platform };

/// What one server costs.
struct Price {
  double per_hour = 0;
  std::string currency = {};  ///< ISO 4217
  bool operator==(const Price&) const = default;
};

/// One app server, as seen at one instant.
struct Server {
  std::string id;       ///< the provider's name for it; unique within the provider for ever
  std::string group;    ///< the owner tag it carries
  std::string token;    ///< the launch token it carries; empty if it was not launched by weir
  std::string address;  ///< host:port; empty until the provider knows it
  std::string version;
  Phase phase = Phase::pending;
  Health health = {};
  TimePoint launched_at = {};
  std::optional<TimePoint> in_service_since = {};  ///< filled in by classify(): when it was admitted
  std::optional<int> connections = {};             ///< from the balancer, counted now; absent = cannot be known
  std::optional<TimePoint> paid_until = {};        ///< end of the period already paid for
  bool overflow = false;                           ///< at the provider that is only used when the first has no room: goes first
  bool listed = true;                              ///< false: we remember it, but the last list we had does not have it
  std::string failure = {};  ///< non-empty: the provider knows it can never serve (exited, suspended), and why
  FailureCause failure_cause = FailureCause::program;  ///< of `failure`
  std::string protection = {};                         ///< non-empty: the provider would refuse to terminate it, and why
  std::string zone = {};            ///< where the platform may lose several at once; a group is kept even over its zones
  std::optional<Price> price = {};  ///< as the provider says
  bool operator==(const Server&) const = default;
};

[[nodiscard]] std::string_view to_string(Phase phase);
[[nodiscard]] std::string_view to_string(HealthStatus status);

}  // namespace weir
