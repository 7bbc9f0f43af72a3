#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controller/render/text.h"
#include "model/time.h"

namespace weir {

/// One change of desired.
struct SimulatedDecision {
  TimePoint at;
  int from = 0;
  int to = 0;
  std::string why;
};

/// The state from `at` until the next moment.
struct SimulatedMoment {
  TimePoint at;
  double load = 0;      ///< NaN: not known
  double capacity = 0;  ///< load that the servers in service can carry at 100 %
  int desired = 0;
  int in_service = 0;
  int launched = 0;
  double violated = 0;  ///< share of this moment's span, 0 to 1, in which load > capacity
};

/// Something that was made to go wrong.
struct SimulatedFault {
  TimePoint from;
  TimePoint to;
  std::string what;
};

/// A deploy that was rehearsed.
struct SimulatedDeploy {
  enum class End {
    none,       ///< under way at the end of the simulation
    done,       ///< all servers run `version`
    went_back,  ///< all servers run `from` again
    replaced,   ///< another deploy took its place
    refused,    ///< the group could not do it then; nothing happened
  };
  std::string version;
  std::string from;           ///< what new servers ran before; empty if it was refused
  std::string_view strategy;  ///< likewise
  TimePoint started_at;
  TimePoint ended_at;  ///< of the simulation, if it was under way then
  End end = End::none;
  std::string why;         ///< why it went back or was refused, or what it waits for; else empty
  int servers_max = 0;     ///< that existed at a time during it
  int in_service_min = 0;  ///< that served during it
  double lost_ratio = 0;   ///< share of the requests during it above the capacity
};

[[nodiscard]] std::string_view to_string(SimulatedDeploy::End end);

/// What one stretch of the time came to, in sums that can be added up.
struct SimulatedPart {
  double arrived = 0;  ///< requests that were judged; what lies in a gap is not
  double over = 0;     ///< of these, those that arrived while load > capacity
  double servers_hours = 0;
  double cost = 0;  ///< 0 without a price
  int scale_actions = 0;
};

/// What came of one configuration under one recorded load. Shares are 0 to 1; NaN: not known.
struct Simulation {
  std::string name;   ///< the configuration file
  std::string group;  ///< of that configuration
  std::string trace;
  TimePoint from;
  TimePoint to;
  std::uint64_t turns = 0;
  double servers_hours = 0;
  double violation_ratio = 0;  ///< share of requests that arrived while load > capacity
  double hot_ratio = 0;        ///< share of requests that arrived while utilization > 85 %
  double lost_ratio = 0;       ///< share of requests above the capacity
  Duration slo_lost{};         ///< time with load > capacity
  int scale_actions = 0;
  int flaps = 0;  ///< direction reversals within 10 minutes
  int servers_min = 0;
  int servers_max = 0;
  std::optional<double> cost;  ///< absent: the price is not known
  std::string currency;
  std::vector<SimulatedDecision> decisions;           ///< in order of time
  std::vector<SimulatedMoment> moments;               ///< in order of time; some 2,000 are drawn well
  std::vector<SimulatedFault> faults;                 ///< in order of their beginning
  std::vector<SimulatedDeploy> deploys;               ///< likewise
  std::vector<std::pair<TimePoint, TimePoint>> gaps;  ///< where the load was not recorded, and is not judged
  std::vector<SimulatedPart> parts;                   ///< in order of time: one more than there were cuts
  std::vector<std::string> assumptions;
  std::vector<std::string> notes;
};

/// `weir simulate`. One simulation: what came of it, its assumptions, its deploys, the longest violations and the last decisions.
/// Several: side by side, with the best of each row marked where all ran over the same load and time.
[[nodiscard]] std::string simulation_text(std::span<const Simulation> simulations, Colour colour);

/// `--json`: one object for one simulation, {"simulations":[…]} for several. `t` of a decision is seconds from the simulation's
/// beginning. What is not known is null.
[[nodiscard]] std::string simulation_json(std::span<const Simulation> simulations);

/// `--decisions`: header `t,desired`, then a line for the beginning (t = 0) and one at each change; t in seconds from the
/// beginning. Of several changes at one time the last counts.
[[nodiscard]] std::string decisions_csv(const Simulation& simulation);

/// `--html`: one page that needs nothing from anywhere else, with charts and the decisions to search. What came from outside is
/// text in it and can be nothing else.
[[nodiscard]] std::string simulation_html(std::span<const Simulation> simulations);

}  // namespace weir
