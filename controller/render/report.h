#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/memory.h"
#include "model/plan.h"
#include "model/server.h"
#include "model/time.h"

namespace weir {

/// What one balancer of a group would be changed to.
struct BalancerDiff {
  std::string name;
  std::string diff;  ///< unified diff; empty: no change
};

/// The group's price before and after the plan. Absent: the provider does not know prices.
struct Cost {
  std::optional<double> per_hour_before;
  std::optional<double> per_hour_after;
  std::string currency;  ///< ISO 4217
};

/// A later change of desired that is to be expected.
struct PlannedStep {
  Duration after{0};
  int from = 0;
  int to = 0;
  std::string why;
};

/// One group's part of `weir plan`.
struct GroupPlan {
  std::string group;
  std::string provider;
  TimePoint at{};
  int current = 0;  ///< servers in service now
  Plan plan;
  std::vector<Server> servers;  ///< classified
  std::string servers_detail;   ///< non-empty: the provider's list is not known, and why
  std::vector<BalancerDiff> balancers;
  Cost cost;
  std::optional<Rollout> rollout;                ///< the deploy under way, or ended by this turn
  std::optional<std::vector<PlannedStep>> then;  ///< what follows if the load stays; absent: not looked at
};

/// Whether applying the plan would do anything, be it only to write down another desired size or to prove what a balancer says.
[[nodiscard]] inline bool changes_something(const GroupPlan& plan) {
  const Decision& decision = plan.plan.decision;
  return !plan.plan.actions.empty() || plan.plan.write_balancers || decision.desired != decision.previous;
}

/// What a group costs, as far as that is known.
struct Spend {
  std::optional<double> per_hour;       ///< of the servers there are now
  std::optional<double> month_to_date;  ///< of the calendar month (UTC); counted where the group has a `cost`
  std::optional<double> month_end;      ///< what the month will have cost if as many run as are desired now; likewise
  std::string currency;                 ///< ISO 4217
};

/// One group as `weir status` and the API show it.
struct GroupStatus {
  std::string name;
  std::string provider;
  std::string version;
  int min = 0;
  int max = 0;
  std::optional<int> desired;            ///< absent before the first turn
  Manual manual;                         ///< a person's hand on the wheel, as far as it is in force
  std::optional<Rollout> rollout;        ///< the deploy under way, or the last one
  std::optional<Spend> spend;            ///< absent: nothing is known of it
  std::vector<Server> servers;           ///< classified
  std::optional<TimePoint> last_turn;    ///< absent before the first turn
  std::optional<TimePoint> last_change;  ///< of desired
  std::string why;                       ///< of the last turn, one sentence
};

/// How long ago, to the two largest units; a clock set back reads as now.
[[nodiscard]] std::string age_text(TimePoint then, TimePoint now);

/// To the second: milliseconds are for machines.
[[nodiscard]] std::string clock_text(TimePoint time);

/// How many of the servers are in this phase.
[[nodiscard]] int count_phase(const std::vector<Server>& servers, Phase phase);

/// Why a turn came out as it did, in one sentence: what kept it from being done, the stage that changed desired last, the first
/// action, or else the last stage.
[[nodiscard]] std::string turn_reason(const Plan& plan);

}  // namespace weir
