#pragma once

#include <span>
#include <vector>

#include "controller/reconcile/reconcile.h"
#include "controller/simulate/report.h"
#include "controller/simulate/world.h"

namespace weir {

/// Scores the deploys of a simulated world as they pass. Not thread-safe.
class DeployScorer {
 public:
  /// A turn was taken, and it left the world so.
  void see(const Turn& turn, const WorldTick& now);
  /// A tick has passed.
  void see(const WorldTick& now);
  /// All deploys, in order of their beginning; a world that ends leaves the last one as it is.
  [[nodiscard]] std::vector<SimulatedDeploy> finish(TimePoint end, std::span<const RefusedDeploy> refused);

 private:
  [[nodiscard]] bool is_last(const Rollout& rollout) const;
  void begin(const Rollout& rollout, TimePoint at);
  void close(SimulatedDeploy::End end, TimePoint at);

  std::vector<SimulatedDeploy> deploys_;
  bool open_ = false;  ///< the last of them is under way
  double arrived_ = 0;
  double lost_ = 0;
};

}  // namespace weir
