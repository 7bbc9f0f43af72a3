#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "controller/simulate/report.h"
#include "controller/simulate/world.h"

namespace weir {

struct SimulateOptions {
  WorldModel model;
  std::size_t most_moments = 2000;  ///< of the picture; 0: none are kept
  /// Where Simulation::parts are cut: rising times between the beginning and the end of the trace.
  std::vector<TimePoint> cuts = {};
  /// Told now and then which share of the trace is done.
  std::function<void(double share)> progress = {};
};

/// The group's own decisions over a recorded load: reconcile() folded over a simulated world. What lies in a gap of the trace is
/// lived through and paid for, but not judged. Deterministic.
[[nodiscard]] Simulation simulate(const Group& group, const Policies& policies, const Trace& trace, const SimulateOptions& options);

}  // namespace weir
