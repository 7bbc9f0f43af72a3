#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controller/simulate/trace.h"
#include "controller/simulate/world.h"
#include "controller/tune/knobs.h"
#include "model/error.h"
#include "model/group.h"

namespace weir {

/// What is searched for, and for how long.
struct TuneOptions {
  WorldModel model;
  double slo = 0.001;  ///< the largest share of requests that may arrive while load > capacity
  std::size_t candidates = 200;
  std::size_t folds = 4;
  unsigned threads = 0;    ///< simulations at the same time; 0: as many as there are cores. The result does not depend on it
  std::uint64_t seed = 1;  ///< of the search
  KnobOptions knobs = {};
  /// Told now and then which share is done, by any thread, but never by two at once.
  std::function<void(double share)> progress = {};
};

/// What parameters come to over some of the history.
struct TunedFigures {
  double violation_ratio = 0;
  double servers_hours = 0;
  std::optional<double> cost;  ///< absent: the group has no price
  int scale_actions = 0;
};

/// Parameters that were tried.
struct TunedCandidate {
  std::vector<double> values;  ///< one for each knob
  TunedFigures history;        ///< over all of it
};

/// A choice made without one fold, and what it does there.
struct TunedFold {
  std::size_t candidate = 0;
  double violation_ratio_chosen_on = 0;  ///< on the other folds
  TunedFigures unseen;                   ///< in this one
  TunedFigures present;                  ///< the present configuration in this one
};

/// What a search came to.
struct Tuning {
  std::string group;
  std::string trace;
  TimePoint from;
  TimePoint to;
  double slo = 0;
  std::string currency;  ///< empty: cost is server hours
  Duration block{0};     ///< of which folds are made
  std::vector<Knob> knobs;
  std::vector<TunedCandidate> candidates;  ///< the first is the present configuration
  std::size_t chosen = 0;                  ///< the cheapest that keeps the SLO over the whole history, else the nearest to it
  std::vector<std::size_t> frontier;       ///< cheapest first: no candidate is both cheaper and shorter of servers less often
  std::vector<TunedFold> folds;
  TunedFigures unseen;  ///< of all folds together: what choices made this way do where they were not made
  /// A tighter SLO under which choices made this way kept `slo` where they had not seen; only if under `slo` itself they did not.
  std::optional<double> tighter_slo;
  Group tuned;  ///< the group with the chosen values
  std::vector<std::string> assumptions;
  std::vector<std::string> notes;

  [[nodiscard]] bool keeps() const { return candidates[chosen].history.violation_ratio <= slo; }
  [[nodiscard]] bool generalises() const { return unseen.violation_ratio <= slo; }
};

/// Searches the parameters of a group's policies for the least cost under an SLO over a recorded load, cross-validated: choices are
/// also made without each part of the history in turn, and judged in that part. Deterministic. Errors: invalid for a history too
/// short or without any load, and as knobs_of().
[[nodiscard]] Result<Tuning> tune(const Group& group, const Trace& trace, const TuneOptions& options);

}  // namespace weir
