// `weir simulate` and `weir run` over the same load: the first imagines a world, the second gets a real one whose clock is turned
// by hand. Both have to come to the same decisions, turn by turn.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/played_world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

// ---- loads ------------------------------------------------------------------------------------------------------------------

/// The recent past: Prometheus takes samples that are less than an hour older than its newest.
TimePoint recently() { return std::chrono::floor<std::chrono::minutes>(std::chrono::system_clock::now()) - 45min; }

/// From one load to the next in so many samples, with a ripple of some percent, for no load is a straight line.
struct Slope {
  double to = 0;
  int samples = 0;
  bool recorded = true;
};

Trace trace_of(Duration step, double from, const std::vector<Slope>& slopes) {
  Trace trace{.name = "played", .step = step};
  TimePoint at = recently();
  double load = from;
  for (const Slope& slope : slopes) {
    for (int sample = 1; sample <= slope.samples; ++sample, at += step) {
      const double straight = load + (slope.to - load) * sample / slope.samples;
      const auto ripple = static_cast<double>(trace.at.size() * 7 % 11) / 100 - 0.05;
      if (!slope.recorded) continue;
      if (!trace.at.empty() && is_gap(at - trace.at.back(), step)) trace.gaps.emplace_back(trace.at.back(), at);
      trace.at.push_back(at);
      trace.load.push_back(straight * (1 + ripple));
    }
    load = slope.to;
  }
  return trace;
}

// ---- what is compared -------------------------------------------------------------------------------------------------------

/// A removal that is asked for again changes nothing: real processes take their time to end, imagined ones none.
bool is_change(const Action& action) { return action.why != kNotGoneYet; }

/// What of a turn is the same in both worlds: neither names of servers nor what an outage is called.
std::string told(const Vote& vote) {
  if (vote.stance == Vote::Stance::abstains) return fmt::format("{} abstains", vote.policy);
  const std::string wants = vote.stance == Vote::Stance::wants ? fmt::format(" {}", vote.wants) : std::string();
  return fmt::format("{} {}{} ({})", vote.policy, to_string(vote.stance), wants, vote.why);
}

using Parts = std::vector<std::string>;

Parts told(const Plan& plan) {
  const Decision& decision = plan.decision;
  Parts parts = {fmt::format("{} to {} of {} to {}", decision.previous, decision.desired, decision.min, decision.max)};
  for (const Vote& vote : decision.votes) parts.push_back(told(vote));
  for (const Step& step : decision.steps)
    parts.push_back(fmt::format("{} {} to {} ({})", step.stage, step.from, step.to, step.why));
  std::map<std::string_view, int> counts;
  for (const Action& action : plan.actions) counts[to_string(action.kind)] += is_change(action) ? 1 : 0;
  for (const auto& [kind, count] : counts) {
    if (count > 0) parts.push_back(fmt::format("{} x {}", count, kind));
  }
  if (!plan.refused.empty()) parts.push_back("refused: " + plan.refused);
  return parts;
}

/// Those that the other does not have, in a line.
std::string beyond(const Parts& parts, const Parts& other) {
  Parts own;
  for (const std::string& part : parts) {
    if (std::ranges::find(other, part) == other.end()) own.push_back(part);
  }
  return own.empty() ? "(nothing else)" : fmt::format("{}", fmt::join(own, "; "));
}

bool changes_nothing(const Plan& plan) {
  return plan.decision.previous == plan.decision.desired && std::ranges::none_of(plan.actions, is_change);
}

/// The first turn of each instant. A later one at the same instant sees what came of the first, and has nothing to add.
using Turns = std::map<TimePoint, const PlayedTurn*>;

/// What differs between two plays, in lines.
class Comparison {
 public:
  Comparison(const std::vector<PlayedTurn>& simulated, const std::vector<PlayedTurn>& run, Duration interval)
      : begin_(simulated.front().at), interval_(interval) {
    const Turns left = first_turns(simulated, "simulate");
    const Turns right = first_turns(run, "run");
    std::set<TimePoint> instants;
    for (const Turns* turns : {&left, &right}) {
      for (const auto& [at, turn] : *turns) instants.insert(at);
    }
    for (const TimePoint at : instants) compare(at, turn_at(left, at), turn_at(right, at));
  }

  [[nodiscard]] int instants() const { return instants_; }
  [[nodiscard]] bool finds_nothing() const { return differences_.empty(); }
  /// The first ones, and how many there are: one difference brings others with it.
  [[nodiscard]] std::string text() const {
    constexpr std::size_t kShown = 10;
    if (differences_.size() <= kShown) return fmt::format("{}", fmt::join(differences_, ""));
    return fmt::format("{}and {} more\n", fmt::join(differences_.begin(), differences_.begin() + kShown, ""),
                       differences_.size() - kShown);
  }

 private:
  Turns first_turns(const std::vector<PlayedTurn>& all, const char* whose) {
    Turns first;
    for (const PlayedTurn& turn : all) {
      if (first.emplace(turn.at, &turn).second || changes_nothing(turn.plan)) continue;
      differ(turn.at, fmt::format("  {}, once more: {}\n", whose, fmt::join(told(turn.plan), "; ")));
    }
    return first;
  }

  static const PlayedTurn* turn_at(const Turns& turns, TimePoint at) {
    const auto found = turns.find(at);
    return found == turns.end() ? nullptr : found->second;
  }

  /// Between the intervals one of them may take a turn alone that changes nothing: run looks until a process is really gone.
  void compare(TimePoint at, const PlayedTurn* simulated, const PlayedTurn* run) {
    const PlayedTurn* alone = simulated == nullptr ? run : run == nullptr ? simulated : nullptr;
    const bool between = (at - begin_) % interval_ != Duration{0};
    if (alone != nullptr && between && changes_nothing(alone->plan)) return;
    ++instants_;
    const Parts left = simulated != nullptr ? told(simulated->plan) : Parts{"no turn"};
    const Parts right = run != nullptr ? told(run->plan) : Parts{"no turn"};
    if (left == right) return;
    differ(at, fmt::format("  simulate: {}\n  run:      {}\n", beyond(left, right), beyond(right, left)));
  }

  void differ(TimePoint at, const std::string& how) {
    differences_.push_back(fmt::format("{} after the beginning\n{}", format_duration(at - begin_), how));
  }

  TimePoint begin_;
  Duration interval_;
  int instants_ = 0;
  std::vector<std::string> differences_;
};

// ---- the play ---------------------------------------------------------------------------------------------------------------

class Agreement : public testing::Test {
 protected:
  void play(const Play& play) {
    PlayedWorld world(play);
    ASSERT_EQ(world.configure(), "");
    const Policies policies = make_policies(world.group());
    SimulatedWorld imagined(world.group(), policies, play.trace, play.model);
    ASSERT_EQ(world.start(imagined.memory()), "");
    const auto watch = [this](const Turn& turn) { simulated_.push_back({turn.observation.at, turn.plan}); };
    while (imagined.advance(watch)) {
    }
    ASSERT_EQ(world.play(), "");
    run_ = world.turns();
    const Comparison comparison(simulated_, run_, world.group().interval);
    EXPECT_TRUE(comparison.finds_nothing()) << comparison.text();
    EXPECT_GE(comparison.instants(), static_cast<int>(play.trace.at.size()) - 1);
  }

  [[nodiscard]] std::ptrdiff_t decisions(bool out) const {
    return std::ranges::count_if(simulated_, [out](const PlayedTurn& turn) {
      const Decision& decision = turn.plan.decision;
      return out ? decision.desired > decision.previous : decision.desired < decision.previous;
    });
  }
  [[nodiscard]] std::ptrdiff_t launches() const {
    std::ptrdiff_t count = 0;
    for (const PlayedTurn& turn : simulated_) count += std::ranges::count(turn.plan.actions, Action::Kind::launch, &Action::kind);
    return count;
  }
  /// Turns in which a stage changed what came in.
  [[nodiscard]] std::ptrdiff_t held_by(std::string_view stage) const {
    return std::ranges::count_if(simulated_, [stage](const PlayedTurn& turn) {
      return std::ranges::any_of(turn.plan.decision.steps,
                                 [stage](const Step& step) { return step.stage == stage && step.from != step.to; });
    });
  }
  [[nodiscard]] std::ptrdiff_t abstentions() const {
    return std::ranges::count_if(simulated_, [](const PlayedTurn& turn) {
      return std::ranges::any_of(turn.plan.decision.votes, [](const Vote& vote) { return vote.stance == Vote::Stance::abstains; });
    });
  }

  std::vector<PlayedTurn> simulated_;
  std::vector<PlayedTurn> run_;
};

TEST_F(Agreement, thresholds_that_have_to_hold_under_cooldowns_and_an_outage_of_the_metrics) {
  play({.keys = R"(
    interval: 5s
    min: 2
    max: 8
    warm_up: 10s
    policies:
      - {name: high, type: threshold, query: sum(load) / sum(serving), above: 70, for: 10s, change: +1}
      - {name: low, type: threshold, query: sum(load) / sum(serving), below: 40, for: 20s, change: -1}
    scale_out: {cooldown: 20s}
    scale_in: {cooldown: 40s, stabilization_window: 30s}
)",
        .trace = trace_of(5s, 90, {{100, 10}, {400, 25}, {390, 25}, {60, 40}, {70, 20}}),
        .model = {.boot = 20s,
                  .metric_delay = 0s,
                  .start = 2,
                  .meanings = {{"high", Meaning::load_per_server}, {"low", Meaning::load_per_server}},
                  .faults = {{Fault::Kind::prometheus, 325s, 40s}}}});
  EXPECT_GE(decisions(true), 3);
  EXPECT_GE(decisions(false), 3);
  EXPECT_GE(held_by("cooldown"), 1);
  EXPECT_GE(abstentions(), 8);
}

TEST_F(Agreement, a_tracked_target_under_rate_limits_and_a_window_with_a_real_nginx) {
  play({.keys = R"(
    interval: 15s
    min: 2
    max: 12
    warm_up: 30s
    policies:
      - {name: rps, type: target_tracking, query: sum(load), value: total, target: 70, tolerance: 0.1}
    scale_out: {limits: [{servers: 2, per: 60s}]}
    scale_in: {cooldown: 60s, stabilization_window: 90s, limits: [{percent: 25, per: 60s}]}
)",
        .nginx = true,
        .trace = trace_of(15s, 130, {{140, 8}, {560, 8}, {540, 16}, {300, 8, false}, {120, 20}, {150, 12}}),
        .model = {.boot = 40s, .metric_delay = 10s, .start = 2}});
  EXPECT_GE(decisions(true), 3);
  EXPECT_GE(decisions(false), 3);
  EXPECT_GE(held_by("rate_limits"), 1);
  EXPECT_GE(held_by("stabilization_window"), 1);
}

TEST_F(Agreement, steps_while_the_provider_fails_has_no_room_and_is_slow) {
  play({.keys = R"(
    interval: 10s
    min: 1
    max: 10
    warm_up: 0s
    policies:
      - name: steps
        type: step
        query: sum(load) / sum(serving)
        steps: [{to: 40, change: -1}, {from: 80, to: 110, change: +1}, {from: 110, change: "+50%"}]
      - {name: floor, type: threshold, query: sum(load), above: 415, for: 30s, change: +1}
    scale_out: {cooldown: 30s, stabilization_window: 20s}
    scale_in: {cooldown: 20s, stabilization_window: 60s, limits: [{servers: 1, per: 50s}]}
)",
        .trace = trace_of(10s, 60, {{60, 6}, {420, 12}, {410, 24}, {60, 14}, {45, 40}}),
        .model = {.boot = 25s,
                  .metric_delay = 20s,
                  .start = 1,
                  .meanings = {{"steps", Meaning::load_per_server}, {"floor", Meaning::load}},
                  .faults = {{Fault::Kind::quota, 90s, 50s},
                             {Fault::Kind::slow_boot, 200s, 60s},
                             {Fault::Kind::provider, 275s, 40s},
                             {Fault::Kind::provider, 640s, 40s}}}});
  EXPECT_GE(decisions(true), 3);
  EXPECT_GE(decisions(false), 3);
  EXPECT_GE(held_by("stabilization_window"), 1);
  EXPECT_GT(launches(), 5 + 1) << "the first one failed, more than once";
}

TEST_F(Agreement, a_forecast_without_a_past_beside_a_threshold) {
  play({.keys = R"(
    interval: 10s
    min: 1
    max: 10
    warm_up: 20s
    policies:
      - {name: ahead, type: predictive, query: sum(load), target: 70, capacity: 100}
      - {name: full, type: threshold, query: sum(load) / sum(serving), above: 120, for: 0s, change: "+50%"}
    scale_in: {cooldown: 30s, stabilization_window: 40s}
)",
        .trace = trace_of(10s, 100, {{110, 4}, {430, 6}, {400, 16}, {90, 14}, {100, 22}}),
        .model = {.boot = 35s, .metric_delay = 10s, .start = 2, .meanings = {{"full", Meaning::load_per_server}}}});
  EXPECT_GE(decisions(true), 2);
  EXPECT_GE(decisions(false), 2);
}

}  // namespace
}  // namespace weir
