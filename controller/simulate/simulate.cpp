#include "controller/simulate/simulate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "controller/render/report.h"
#include "controller/simulate/deploy_scorer.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr double kHot = 0.85;
constexpr Duration kFlap = 10min;

/// Scores the world as it passes.
class Scorer {
 public:
  Scorer(const SimulatedWorld& world, double capacity, std::size_t most_moments) : tick_(world.tick()), capacity_(capacity) {
    if (most_moments == 0) return;
    const Duration whole = world.end() - world.begin();
    const auto ticks = std::max<std::int64_t>(
        1, (whole / tick_ + static_cast<std::int64_t>(most_moments) - 1) / static_cast<std::int64_t>(most_moments));
    ticks_per_moment_ = ticks;
  }

  void see(const WorldTick& now) {
    const double capacity = now.carried * capacity_;
    if (first_) result_.servers_min = result_.servers_max = now.launched;
    first_ = false;
    result_.servers_min = std::min(result_.servers_min, now.launched);
    result_.servers_max = std::max(result_.servers_max, now.launched);
    const bool violated = now.load > capacity;
    if (!now.in_gap) {
      so_far_.arrived += now.load;
      if (violated) so_far_.over += now.load;
      if (now.load > kHot * capacity) hot_ += now.load;
      lost_ += now.load * now.lost;
      if (violated) result_.slo_lost += tick_;
    }
    draw(now, capacity, violated && !now.in_gap);
  }

  void see(const Turn& turn) {
    const Decision& decision = turn.plan.decision;
    desired_ = decision.desired;
    if (decision.desired == decision.previous) return;
    const TimePoint at = turn.observation.at;
    result_.decisions.push_back({at, decision.previous, decision.desired, turn_reason(turn.plan)});
    const bool out = decision.desired > decision.previous;
    if (result_.scale_actions > 0 && out != last_out_ && at - last_change_ <= kFlap) ++result_.flaps;
    ++result_.scale_actions;
    last_out_ = out;
    last_change_ = at;
  }

  /// Ends a part: it is what came since the one before.
  void cut(const SimulatedWorld& world) {
    so_far_.servers_hours = world.server_hours();
    so_far_.cost = world.cost().value_or(0);
    so_far_.scale_actions = result_.scale_actions;
    result_.parts.push_back({.arrived = so_far_.arrived - before_.arrived,
                             .over = so_far_.over - before_.over,
                             .servers_hours = so_far_.servers_hours - before_.servers_hours,
                             .cost = so_far_.cost - before_.cost,
                             .scale_actions = so_far_.scale_actions - before_.scale_actions});
    before_ = so_far_;
  }

  Simulation finish(const SimulatedWorld& world) {
    cut(world);
    if (moment_ticks_ > 0) keep_moment();
    const double arrived = so_far_.arrived;
    result_.violation_ratio = arrived > 0 ? so_far_.over / arrived : 0;
    result_.hot_ratio = arrived > 0 ? hot_ / arrived : 0;
    result_.lost_ratio = arrived > 0 ? lost_ / arrived : 0;
    return std::move(result_);
  }

 private:
  /// A moment shows the worst of its span: the highest load and the fewest servers.
  void draw(const WorldTick& now, double capacity, bool violated) {
    if (ticks_per_moment_ == 0) return;
    if (moment_ticks_ == 0) moment_ = {.at = now.at, .load = now.load, .capacity = capacity, .in_service = now.serving};
    moment_.load = std::max(moment_.load, now.load);
    moment_.capacity = std::min(moment_.capacity, capacity);
    moment_.in_service = std::min(moment_.in_service, now.serving);
    moment_.desired = desired_;
    moment_.launched = std::max(moment_.launched, now.launched);
    moment_.violated += violated ? 1 : 0;
    if (++moment_ticks_ == ticks_per_moment_) keep_moment();
  }

  void keep_moment() {
    moment_.violated /= static_cast<double>(moment_ticks_);
    result_.moments.push_back(moment_);
    moment_ = {};
    moment_ticks_ = 0;
  }

  Duration tick_;
  double capacity_;
  std::int64_t ticks_per_moment_ = 0;  ///< 0: no picture
  Simulation result_;
  SimulatedPart so_far_;  ///< since the beginning
  SimulatedPart before_;  ///< what so_far_ was at the last cut
  double hot_ = 0;
  double lost_ = 0;
  bool first_ = true;
  bool last_out_ = false;
  TimePoint last_change_{};
  int desired_ = 0;
  SimulatedMoment moment_;
  std::int64_t moment_ticks_ = 0;
};

}  // namespace

Simulation simulate(const Group& group, const Policies& policies, const Trace& trace, const SimulateOptions& options) {
  SimulatedWorld world(group, policies, trace, options.model);
  Scorer scorer(world, options.model.capacity, options.most_moments);
  const Duration whole = world.end() - world.begin();
  int told = 0;
  DeployScorer deploys;
  const auto see = [&](const Turn& turn) {
    scorer.see(turn);
    deploys.see(turn, world.state());
  };
  auto next_cut = options.cuts.begin();
  while (world.advance(see)) {
    scorer.see(world.state());
    deploys.see(world.state());
    if (next_cut != options.cuts.end() && world.state().at + world.tick() >= *next_cut) {
      scorer.cut(world);
      ++next_cut;
    }
    const int percent = static_cast<int>(100 * (world.state().at - world.begin()) / whole);
    if (percent == told || !options.progress) continue;
    told = percent;
    options.progress(percent / 100.0);
  }
  Simulation result = scorer.finish(world);
  result.group = group.name;
  result.trace = trace.name;
  result.from = world.begin();
  result.to = world.end();
  result.turns = world.turns();
  result.servers_hours = world.server_hours();
  result.cost = world.cost();
  if (group.cost) result.currency = group.cost->currency;
  result.gaps = trace.gaps;
  result.deploys = deploys.finish(world.end(), world.refused());
  for (const Fault& fault : options.model.faults) {
    result.faults.push_back(
        {world.begin() + fault.begin, world.begin() + fault.begin + fault.length, std::string(to_string(fault.kind))});
  }
  std::ranges::sort(result.faults, {}, &SimulatedFault::from);
  result.assumptions = world.assumptions();
  result.notes = trace.notes;
  return result;
}

}  // namespace weir
