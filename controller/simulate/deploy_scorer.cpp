#include "controller/simulate/deploy_scorer.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace weir {
namespace {

using End = SimulatedDeploy::End;

/// Why it is where it is, for people.
std::string why_of(const Rollout& rollout) {
  if (rollout.direction == Rollout::Direction::back) return rollout.why_back;
  return rollout.waits;
}

}  // namespace

bool DeployScorer::is_last(const Rollout& rollout) const {
  if (deploys_.empty()) return false;
  return deploys_.back().version == rollout.version && deploys_.back().started_at == rollout.started_at;
}

void DeployScorer::begin(const Rollout& rollout, TimePoint at) {
  if (open_) close(End::replaced, at);
  open_ = true;
  arrived_ = lost_ = 0;
  deploys_.push_back({.version = rollout.version,
                      .from = rollout.from,
                      .strategy = to_string(rollout.strategy),
                      .started_at = rollout.started_at,
                      .in_service_min = std::numeric_limits<int>::max()});
}

void DeployScorer::close(End end, TimePoint at) {
  SimulatedDeploy& deploy = deploys_.back();
  deploy.end = end;
  deploy.ended_at = at;
  deploy.lost_ratio = arrived_ > 0 ? lost_ / arrived_ : 0;
  if (end == End::done || end == End::replaced) deploy.why.clear();
  open_ = false;
}

void DeployScorer::see(const Turn& turn, const WorldTick& now) {
  const std::optional<Rollout>& rollout = turn.memory.rollout;
  if (!rollout) return;
  const TimePoint at = turn.observation.at;
  if (!is_last(*rollout)) begin(*rollout, at);
  if (!open_) return;
  SimulatedDeploy& deploy = deploys_.back();
  deploy.why = why_of(*rollout);
  deploy.servers_max = std::max(deploy.servers_max, now.launched);
  deploy.in_service_min = std::min(deploy.in_service_min, now.serving);
  if (rollout->ended_at) close(rollout->end == Rollout::End::done ? End::done : End::went_back, at);
}

void DeployScorer::see(const WorldTick& now) {
  if (!open_) return;
  deploys_.back().in_service_min = std::min(deploys_.back().in_service_min, now.serving);
  if (now.in_gap) return;
  arrived_ += now.load;
  lost_ += now.load * now.lost;
}

std::vector<SimulatedDeploy> DeployScorer::finish(TimePoint end, std::span<const RefusedDeploy> refused) {
  if (open_) close(End::none, end);
  for (const RefusedDeploy& one : refused) {
    deploys_.push_back({.version = one.version, .started_at = one.at, .ended_at = one.at, .end = End::refused, .why = one.why});
  }
  std::ranges::stable_sort(deploys_, {}, &SimulatedDeploy::started_at);
  return std::move(deploys_);
}

}  // namespace weir
