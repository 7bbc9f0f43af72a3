#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/rollout.h"
#include "model/server.h"
#include "model/time.h"

namespace weir {

/// A value and when it was seen.
struct SeenValue {
  TimePoint at{};
  double value = 0;
  bool operator==(const SeenValue&) const = default;
};

/// What a forecasting policy has promised, and how its promises turned out.
struct ForecastMemory {
  /// One promise: what each way of forecasting said of the time up to the horizon; NaN never occurs, absent = -1.
  struct Promise {
    TimePoint at{};
    std::vector<double> peaks;
    bool operator==(const Promise&) const = default;
  };
  std::string load;                         ///< which load this is about: the text of its queries
  std::vector<SeenValue> recent;            ///< oldest first, as far back as promises and the trend look
  std::vector<Promise> open;                ///< oldest first: not due yet
  std::vector<std::vector<double>> errors;  ///< per way of forecasting: how often the load came how far beyond it, fading with age
  TimePoint faded_at{};                     ///< when `errors` last faded
  bool operator==(const ForecastMemory&) const = default;
};

/// What a policy hands from one turn to the next.
struct PolicyMemory {
  std::string policy;
  std::optional<TimePoint> above_since;  ///< start of an unbroken breach in the scale-out direction
  std::optional<TimePoint> below_since;  ///< likewise for scale-in
  std::optional<TimePoint> good_at;      ///< when `good_value` was seen
  double good_value = 0;
  int good_missing = 0;                     ///< how many servers had no number in it: it may still not shrink anything
  double most_series = 0;                   ///< the largest number of series behind the value, of late
  std::optional<TimePoint> most_series_at;  ///< when that was
  ForecastMemory forecast;
  bool operator==(const PolicyMemory&) const = default;
};

/// Why a server is being drained.
enum class DrainCause {
  surplus,
  unhealthy,
  gone_wrong,
  standby,  ///< of the old version after a switch: out of the traffic, and kept as a way back until the deploy lets it go
};

/// What we know of one server beyond what the provider lists. Written before anything is done to the server.
struct ServerMemory {
  std::string id;
  std::string token;
  std::string address;
  std::string version;
  TimePoint launched_at{};
  TimePoint seen_at{};                   ///< last listed by the provider
  int missed = 0;                        ///< lists in a row that did not have it
  std::optional<TimePoint> admitted_at;  ///< proven healthy and given to the balancers
  std::optional<TimePoint> ready_at;     ///< proven healthy, and held back from the traffic by a deploy
  std::optional<TimePoint> drain_at;     ///< taken from the balancers in order to remove it
  DrainCause drain_cause = DrainCause::surplus;
  std::optional<TimePoint> idle_since;    ///< draining, out of the balancer, no connections
  std::optional<TimePoint> terminate_at;  ///< removal asked for (repeated until it is gone)
  /// Where the platform picks: one server fewer was asked for in this one's name. It serves on unless it is picked itself.
  std::optional<TimePoint> release_at;
  bool found_serving = false;  ///< when we first met it a balancer had it already, by whoever's hand
  bool operator==(const ServerMemory&) const = default;
};

/// A launch that was decided and has not been seen in the provider's list yet.
struct LaunchIntent {
  std::string token;
  std::string version;
  TimePoint decided_at{};
  int attempts = 0;
  TimePoint next_attempt_at{};
  std::string last_error;
  std::optional<TimePoint> abandoned_at;  ///< no longer wanted, but it may have happened: its server may yet turn up
  bool operator==(const LaunchIntent&) const = default;
};

/// A recommendation that still bounds the stabilization window.
struct Recommendation {
  TimePoint at{};
  int servers = 0;
  bool operator==(const Recommendation&) const = default;
};

/// A change of desired, for rate limits.
struct ScaleEvent {
  TimePoint at{};
  int change = 0;
  bool operator==(const ScaleEvent&) const = default;
};

/// A person's hand on the wheel, until it expires or is taken off.
struct Manual {
  struct Hold {
    int servers = 0;
    std::optional<TimePoint> until;
    std::string by;
    bool operator==(const Hold&) const = default;
  };
  struct Pause {
    bool out = true;
    bool in = true;
    std::optional<TimePoint> until;
    std::string by;
    bool operator==(const Pause&) const = default;
  };
  std::optional<Hold> hold;
  std::optional<Pause> pause;
  bool operator==(const Manual&) const = default;
};

/// Whether scaling out helps: the last scale-out under trial, and how many before it did not.
struct HelpMemory {
  /// What the policy that asked for it saw before it.
  struct Trial {
    std::string policy;
    TimePoint at{};
    double value = 0;
    double load = 0;
    int servers = 0;  ///< warmed then
    bool operator==(const Trial&) const = default;
  };
  std::optional<Trial> trial;
  int failures = 0;                     ///< in a row
  std::optional<TimePoint> stopped_at;  ///< since then nothing more is added
  bool operator==(const HelpMemory&) const = default;
};

/// What the group's servers have cost in the calendar month (UTC) of `counted_to`.
struct Spending {
  double amount = 0;
  TimePoint counted_to{};
  bool operator==(const Spending&) const = default;
};

/// All that one turn of a group hands to the next. Saved before the plan of the same turn is applied.
struct Memory {
  std::string nonce;  ///< random, given once by the store: makes launch tokens unique across state files
  std::uint64_t next_token = 1;
  std::optional<int> desired;  ///< absent before the first turn that saw the provider's list
  std::string version;         ///< what new servers run; empty before the first turn
  std::string provider;        ///< name of the provider the servers are at; empty before the first turn
  std::optional<TimePoint> scaled_out_at;
  std::optional<TimePoint> scaled_in_at;
  std::optional<TimePoint> turned_at;      ///< the last turn
  std::optional<TimePoint> watched_since;  ///< start of turns without a gap: what lies before was not seen
  std::optional<TimePoint> suspected_at;   ///< when most servers last looked unhealthy together, until all of them have recovered
  std::string rules;                       ///< Group::rules of the last turn
  std::vector<Recommendation> highest;     ///< scale-in window: strictly falling values
  std::vector<Recommendation> lowest;      ///< scale-out window: strictly rising values
  std::vector<ScaleEvent> events;          ///< youngest last, as far back as any rate limit looks
  std::vector<PolicyMemory> policies;
  std::optional<int> min;  ///< in force at the last decision, where a schedule has replaced the group's
  std::optional<int> max;  ///< likewise
  Manual manual;
  std::optional<Rollout> rollout;  ///< the deploy under way, or the last one
  bool deploy_untold = false;      ///< it was ordered while weir did not run: nobody has been told yet that it began
  HelpMemory help;
  std::optional<Spending> spending;
  std::vector<Duration> boots;        ///< from launch to admission, of the last servers; youngest last
  std::vector<ServerMemory> servers;  ///< sorted by id
  std::vector<LaunchIntent> launches;
  int launch_failures = 0;                     ///< in a row: servers that never became healthy, launches refused
  std::optional<TimePoint> launch_not_before;  ///< back-off after failures
  bool operator==(const Memory&) const = default;
};

}  // namespace weir
