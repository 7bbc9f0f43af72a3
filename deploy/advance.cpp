#include "deploy/advance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace weir {
namespace {

constexpr int kMostWeight = 100;
/// Of the traffic, for a version that has not had any yet.
constexpr double kLeastShare = 0.001;
/// Steps of Rollout::step for blue_green.
constexpr int kBorn = 0;
constexpr int kSwitched = 1;
constexpr int kLettingGo = 2;
/// What a step counts for beside servers, where progress is one number.
constexpr int kStep = 1'000'000;

int share_of(double percent, int size) { return servers_of({percent, true}, size, Rounding::up); }

/// So many of a group of `desired` have to serve at any time.
int floor_of(const DeployRule& rule, int desired, int min) {
  const int missing = servers_of(rule.max_unavailable, desired, Rounding::down);
  return std::max({desired - missing, std::min(min, desired), std::min(desired, 1)});
}

class Advance {
 public:
  Advance(const DeployRule& rule, const Scene& scene, Rollout& rollout) : rule_(rule), now_(scene), rollout_(rollout) {}

  Course run() {
    rollout_.waits.clear();
    rollout_.at_checkpoint = false;
    if (is_blocked()) wait_for_balancers();
    if (rollout_.direction == Rollout::Direction::forward && has_to_go_back()) return course_;
    if (rollout_.direction == Rollout::Direction::back) {
      go_back();
    } else if (!has_run(HookPoint::before)) {
      hold();
    } else if (rollout_.strategy == Strategy::blue_green) {
      blue_green();
    } else if (canary_step() != nullptr) {
      canary(*canary_step());
    } else {
      rolling();
    }
    note_progress();
    return course_;
  }

 private:
  [[nodiscard]] int serving() const { return now_.old.serving + now_.fresh.serving; }
  /// Some balancer does not send the new servers traffic now.
  [[nodiscard]] bool is_blocked() const { return rollout_.blocked_at == now_.at; }
  /// So many have to serve at any time.
  [[nodiscard]] int floor() const { return floor_of(rule_, now_.desired, now_.min); }
  [[nodiscard]] int surge() const { return surge_of(rule_, rollout_, now_.desired, now_.min); }
  /// True if what has begun at `since` has proven itself.
  [[nodiscard]] bool is_approved(TimePoint since) const {
    if (now_.verdict) return has_passed(rule_.judge, rollout_, since);
    // Nobody can be asked, so there is no judgement, unless there is nothing to judge or nobody left to replace.
    return judge_rule(rule_.judge, rollout_).checks.empty() || now_.old.live == 0;
  }
  /// New servers that have served long enough and are known to be good.
  [[nodiscard]] int judged_good() const {
    return !now_.soaks_since || is_approved(*now_.soaks_since + rule_.soak) ? now_.fresh.soaked : 0;
  }
  int proven() {
    const int good = judged_good();
    return good > 0 && has_run(HookPoint::after_new_healthy) && passes_gate(good) ? good : 0;
  }
  /// Like the other hooks, but asked again for every step: `servers` that have proven themselves, or what the step is about.
  bool passes_gate(int servers) { return has_run(HookPoint::gate, kStep * rollout_.step + servers); }
  bool ends_step() { return has_run(HookPoint::gate, kStep * (rollout_.step + 1)); }

  /// True once the command of that point, if there is one, has succeeded for `about` or more. Until then the deploy waits for it; a
  /// failure turns it back, but for the last, after which there is nothing to go back for.
  bool has_run(HookPoint point, int about = 0) {
    const std::optional<Hook>& hook = rule_.hooks.at(point);
    if (!hook) return true;
    HookRun& run = last_run(point);
    const bool through = run.ended_at && !run.asks_to_wait;
    if (through && run.about >= about) return !run.failed || point == HookPoint::after;
    rollout_.progressed_at = now_.at;
    const bool rests = run.asks_to_wait && now_.at < *run.ended_at + hook->retry;
    if (rests) {
      course_.revisit_at = *run.ended_at + hook->retry;
      wait(fmt::format("for the hook {}, which asks to wait{}{}", to_string(point), run.said.empty() ? "" : ": ", run.said));
      return false;
    }
    if (another_hook_runs()) {
      wait("for a hook that still runs");
      return false;
    }
    if (run.token.empty() || run.ended_at) run = new_run(point, about);
    // One that was started and is not under way was lost with the controller that started it.
    if (std::ranges::find(now_.hooks, run.token) == now_.hooks.end()) course_.hook = run;
    wait(fmt::format("for the hook {}", to_string(point)));
    return false;
  }
  HookRun& last_run(HookPoint point) {
    const auto run = std::ranges::find(rollout_.hooks, point, &HookRun::point);
    return run != rollout_.hooks.end() ? *run : rollout_.hooks.emplace_back(HookRun{.point = point});
  }
  /// Of a deploy that this one took the place of, or of a gate that somebody skipped: no two of them at once.
  [[nodiscard]] bool another_hook_runs() const {
    return std::ranges::any_of(now_.hooks, [this](const std::string& token) {
      return std::ranges::find(rollout_.hooks, token, &HookRun::token) == rollout_.hooks.end();
    });
  }
  [[nodiscard]] HookRun new_run(HookPoint point, int about) const {
    return {.point = point,
            .token = fmt::format("{}-{}", to_string(point), now_.at.time_since_epoch().count()),
            .about = about,
            .started_at = now_.at};
  }

  /// Nothing moves; what is missing of the old version is made good.
  void hold() {
    course_.room = now_.desired + surge();
    course_.old = std::max(0, now_.desired - now_.fresh.live);
    course_.fresh = now_.fresh.live;
  }

  bool has_to_go_back() {
    if (rollout_.failures > rule_.failure_limit) {
      turn_back(rollout_, now_.at, fmt::format("{} of its servers failed: {}", rollout_.failures, rollout_.last_failure));
      return true;
    }
    const auto failed =
        std::ranges::find_if(rollout_.hooks, [](const HookRun& run) { return run.failed && run.point != HookPoint::after; });
    if (failed != rollout_.hooks.end()) {
      turn_back(rollout_, now_.at, fmt::format("the hook {} failed: {}", to_string(failed->point), failed->said));
      return true;
    }
    if (now_.verdict && now_.verdict->goes_back) {
      turn_back(rollout_, now_.at, now_.verdict->why);
      return true;
    }
    const bool switched = rollout_.strategy == Strategy::blue_green && rollout_.step == kSwitched;
    if (switched && now_.fresh.serving == 0 && now_.desired > 0) {
      turn_back(
          rollout_, now_.at,
          fmt::format("none of its servers serves any more{}", rollout_.last_failure.empty() ? "" : ": " + rollout_.last_failure));
      return true;
    }
    // With all new servers at work there is nothing to go back for: the old ones only leave.
    if (std::min(now_.fresh.soaked, now_.fresh.well) >= now_.desired || !is_overdue()) return false;
    // And nothing to go back to.
    const bool old_leave = rollout_.strategy == Strategy::blue_green ? rollout_.step >= kLettingGo : now_.old.live == 0;
    if ((now_.old.existing == 0 || old_leave) && now_.fresh.serving > 0) return false;
    turn_back(rollout_, now_.at,
              fmt::format("nothing moved for {}{}", format_duration(rule_.progress_deadline),
                          rollout_.last_failure.empty() ? "" : ": " + rollout_.last_failure));
    return true;
  }

  [[nodiscard]] bool is_overdue() const { return now_.at - rollout_.progressed_at >= rule_.progress_deadline; }
  /// Nothing is left to replace, and what is missing of the new version does not come.
  [[nodiscard]] bool is_all_there_will_be() const { return now_.old.existing == 0 && now_.fresh.serving > 0 && is_overdue(); }

  void wait(std::string what) { rollout_.waits = std::move(what); }

  /// They could not send the traffic back either.
  void wait_for_balancers() {
    rollout_.progressed_at = now_.at;
    wait("until every balancer sends the new servers traffic");
  }

  void wait_until(TimePoint until, std::string_view what) {
    course_.revisit_at = until;
    rollout_.progressed_at = now_.at;
    // No countdown: it would be news in every turn.
    wait(fmt::format("{} until {}", what, format_time(until)));
  }

  /// The numbers are in the judge's own words: here they would be news in every turn.
  void wait_for_judge() {
    rollout_.progressed_at = now_.at;
    wait("for a good judgement");
  }

  /// Takes the promise that a person gave, if one did.
  bool is_promoted() {
    if (!std::exchange(rollout_.promoted, false)) return false;
    rollout_.judge.inconclusive_since.reset();
    rollout_.judge.bad = 0;
    skip_gate();
    return true;
  }

  /// Whatever the gate still says about what there is now does not count.
  void skip_gate() {
    const auto run = std::ranges::find(rollout_.hooks, HookPoint::gate, &HookRun::point);
    if (run == rollout_.hooks.end() || (run->ended_at && !run->asks_to_wait)) return;
    run->ended_at = now_.at;
    run->asks_to_wait = false;
    run->said = "skipped, for somebody said to go on";
  }

  /// True if a step that lasts until then may end now; otherwise it says what it waits for, but for the time.
  bool is_through(TimePoint until) {
    if (is_promoted()) return true;
    if (now_.at < until) return false;
    if (is_approved(until)) return ends_step();
    wait_for_judge();
    return false;
  }

  void go_on(double passed) {
    next_step(passed);
    course_.revisit_at = now_.at;
  }

  void next_step(double passed) {
    ++rollout_.step;
    rollout_.passed = passed;
    rollout_.reached_at.reset();
  }

  void rolling() {
    const int cap = checkpoint();
    // A promise that no checkpoint took: what serves now has soaked long enough.
    if (is_promoted()) rollout_.trusted_at = now_.at;
    const int batch = std::max(1, surge() + now_.desired - floor());
    course_.room = now_.desired + surge();
    const int proven = this->proven();
    // With no old server left to replace there is nothing to be careful of.
    const int next = proven > 0 && now_.old.live == 0 ? now_.desired : proven + batch;
    course_.fresh = std::min(cap, std::max(now_.fresh.live, next));
    course_.old = std::max(0, now_.desired - course_.fresh);
    course_.spare_old = now_.old.serving + proven - floor();
    course_.spare_fresh = serving() - floor();
    if (course_.spare_old > 0 && now_.old.serving > 0 && !has_run(HookPoint::before_switch)) course_.spare_old = 0;
    if (now_.fresh.soaked < now_.fresh.serving && rollout_.waits.empty()) wait("the new servers soak");
    if (now_.old.leaving > 0) {
      // They have their time to finish what they do, and their places are not free before; but not while they are all there is.
      if (serving() >= floor()) rollout_.progressed_at = now_.at;
      wait_for_leaving(now_.old.leaving, rollout_.from);
    }
    if (now_.fresh.soaked > judged_good() && now_.fresh.soaked == now_.fresh.serving && rollout_.waits.empty()) wait_for_judge();
    end_forward();
  }

  /// How many servers may be of the new version up to the next checkpoint.
  int checkpoint() {
    if (rollout_.strategy != Strategy::rolling) return now_.desired;
    for (const double percent : rule_.pause_at) {
      if (percent <= rollout_.passed) continue;
      const int cap = std::min(share_of(percent, now_.desired), now_.desired);
      const bool reached = now_.fresh.soaked >= cap && now_.old.live <= now_.desired - cap;
      if (!reached) return cap;
      if (is_promoted()) {
        next_step(percent);
        continue;
      }
      rollout_.progressed_at = now_.at;
      rollout_.at_checkpoint = true;
      wait(fmt::format("at {:g}% for somebody to promote or abort it", percent));
      return cap;
    }
    return now_.desired;
  }

  [[nodiscard]] const CanaryStep* canary_step() const {
    if (rollout_.strategy != Strategy::canary) return nullptr;
    const auto next = std::ranges::find_if(rule_.steps, [&](const CanaryStep& step) { return step.percent > rollout_.passed; });
    return next == rule_.steps.end() ? nullptr : &*next;
  }

  void canary(const CanaryStep& step) {
    course_.room = now_.desired + surge();
    course_.fresh = std::clamp(share_of(step.percent, now_.desired), 1, std::max(1, now_.desired));
    course_.old = share_of(100 - step.percent, now_.desired);
    const bool reached = now_.fresh.serving >= course_.fresh && !is_blocked();
    if (!reached) rollout_.reached_at.reset();
    if (reached && !rollout_.reached_at) rollout_.reached_at = now_.at;
    // No more than the new ones can carry, and the old ones give way only as far as that goes.
    const double carried = now_.desired > 0 ? 1.0 * now_.fresh.serving / now_.desired : 0;
    const double share = std::min(step.percent / 100, carried);
    if (share > 0 && share < 1) course_.share = share;
    course_.spare_old = std::min(now_.old.serving - share_of(100 - 100 * share, now_.desired), serving() - floor());
    course_.spare_fresh = serving() - floor();
    if (course_.spare_old > 0 && (is_blocked() || !has_run(HookPoint::before_switch))) course_.spare_old = 0;
    if (!reached) {
      // Said before there was anything to skip.
      (void)is_promoted();
      return;
    }
    const TimePoint until = *rollout_.reached_at + step.soak;
    const bool proven = rollout_.promoted || (now_.at >= until && is_approved(until));
    if (proven && !has_run(HookPoint::after_new_healthy)) return;
    if (is_through(until)) return go_on(step.percent);
    if (now_.at >= until) return;
    wait_until(until, fmt::format("it soaks with {:g}% of the traffic", step.percent));
  }

  void blue_green() {
    course_.room = now_.desired + surge();
    course_.fresh = now_.desired;
    course_.spare_fresh = serving() - floor();
    if (rollout_.step == kBorn) return be_born();
    if (rollout_.step == kSwitched) keep_old();
    course_.spare_old = serving() - floor();
    if (rollout_.step >= kLettingGo) end_forward();
  }

  void be_born() {
    course_.old = now_.desired;
    // What a deploy before this one left beyond that takes the place of a new one.
    course_.spare_old = now_.old.serving - now_.desired;
    if (is_promoted()) rollout_.trusted_at = now_.at;
    if (now_.fresh.ready < now_.desired) return wait("the new servers become ready");
    // They are to leave the traffic, and after that the group.
    if (now_.old.kept > 0) return wait(fmt::format("until all servers of {} may be removed", rollout_.from));
    if (!has_run(HookPoint::after_new_healthy) || !ends_step() || !has_run(HookPoint::before_switch)) return;
    rollout_.step = kSwitched;
    rollout_.reached_at = now_.at;
    course_.switches = true;
    course_.old = 0;
    course_.revisit_at = now_.at;
  }

  void keep_old() {
    if (is_blocked()) {
      rollout_.reached_at = now_.at;
      return;
    }
    if (is_all_there_will_be()) return go_on(100);
    if (now_.fresh.serving < now_.desired) {
      // The switch was the move. More servers than there is room for are not what a version is sent back for.
      if (now_.no_room) rollout_.progressed_at = now_.at;
      return wait("the new servers serve");
    }
    const TimePoint until = rollout_.reached_at.value_or(now_.at) + rule_.keep_old;
    if (is_through(until)) return go_on(100);
    if (now_.at >= until) return;
    wait_until(until, "the old servers stay as a way back");
  }

  void end_forward() {
    if (now_.fresh.soaked < now_.desired && !is_all_there_will_be()) return;
    if (now_.old.existing > 0) return wait_for_leaving(now_.old.existing, rollout_.from);
    if (!has_run(HookPoint::after)) return;
    end(Rollout::End::done);
  }

  void wait_for_leaving(int count, std::string_view version) {
    if (!rollout_.waits.empty()) return;
    wait(fmt::format("until {} of {} {} gone", count == 1 ? "a server" : fmt::format("{} servers", count), version,
                     count == 1 ? "is" : "are"));
  }

  void end(Rollout::End how) {
    rollout_.end = how;
    rollout_.ended_at = now_.at;
    rollout_.waits.clear();
    course_ = {.old = now_.old.live, .fresh = now_.fresh.live, .room = now_.desired + surge()};
    (how == Rollout::End::done ? course_.fresh : course_.old) = now_.desired;
  }

  /// First the old version serves at full size, then the traffic goes there, then the new servers go.
  void go_back() {
    course_.room = std::max(now_.max, now_.desired) + surge();
    course_.old = now_.desired;
    const bool whole = now_.old.serving >= now_.desired;
    const bool full = now_.old.existing + now_.fresh.existing >= course_.room;
    if (whole) course_.spare_fresh = now_.fresh.serving;
    // Without room for the rest of the old ones they take the places of the new ones one by one.
    if (!whole && (full || now_.no_room)) course_.spare_fresh = serving() - least_on_the_way_back();
    if (canary_step() != nullptr) share_on_the_way_back();
    if (!whole) wait(fmt::format("{} of {} servers of {} serve", now_.old.serving, now_.desired, rollout_.from));
    if (whole && now_.fresh.existing > 0) wait_for_leaving(now_.fresh.existing, rollout_.version);
    if (whole && now_.fresh.existing == 0) end(Rollout::End::went_back);
  }

  /// So many have to serve while the versions change places. A platform that is full gives no other way than with one fewer.
  [[nodiscard]] int least_on_the_way_back() const {
    const int least = surge() > 0 ? now_.desired : floor();
    if (!now_.no_room) return least;
    return std::max({std::min(floor(), now_.desired - 1), std::min(now_.min, now_.desired), std::min(now_.desired, 1)});
  }

  /// No more than the version had before, nor than its servers can carry.
  void share_on_the_way_back() {
    if (now_.fresh.serving == 0 || now_.desired == 0) return;
    const double carried = 1.0 * now_.fresh.serving / now_.desired;
    const double share = std::min(rollout_.share.value_or(kLeastShare), carried);
    if (share < 1) course_.share = share;
  }

  void note_progress() {
    const int moved = kStep * rollout_.step + 2 * (now_.fresh.serving + now_.fresh.ready) + now_.fresh.soaked;
    if (moved <= rollout_.moved) return;
    rollout_.moved = moved;
    rollout_.progressed_at = now_.at;
  }

  const DeployRule& rule_;
  const Scene& now_;
  Rollout& rollout_;
  Course course_;
};

}  // namespace

Course advance(const DeployRule& rule, const Scene& scene, Rollout& rollout) { return Advance(rule, scene, rollout).run(); }

int surge_of(const DeployRule& rule, const Rollout& rollout, int desired, int min) {
  const int surge = servers_of(rule.max_surge, desired, Rounding::up);
  if (rollout.strategy == Strategy::blue_green) return std::max(surge, desired);
  const bool spares = floor_of(rule, desired, min) < desired;
  // A canary's old servers give way only to new ones that serve.
  return std::max(surge, spares && rollout.strategy == Strategy::rolling ? 0 : 1);
}

void hook_ended(const Outcome& outcome, TimePoint at, Rollout& rollout) {
  const auto run = std::ranges::find(rollout.hooks, outcome.subject, &HookRun::token);
  if (run == rollout.hooks.end() || run->ended_at) return;
  run->ended_at = at;
  run->failed = outcome.error.has_value();
  run->asks_to_wait = outcome.asks_to_wait;
  run->said = outcome.error ? outcome.error->message : outcome.detail;
}

bool is_judged(const Rollout& rollout, const Scene& scene) {
  if (rollout.direction == Rollout::Direction::back || scene.fresh.serving == 0) return false;
  return rollout.strategy == Strategy::blue_green ? rollout.step == kSwitched : scene.old.live > 0;
}

bool is_fresh(const Rollout& rollout, std::string_view version) {
  if (version == rollout.version) return true;
  return rollout.direction == Rollout::Direction::back && is_replaced(rollout, version);
}

bool is_replaced(const Rollout& rollout, std::string_view version) {
  return std::ranges::find(rollout.replaced, version) != rollout.replaced.end();
}

std::optional<double> replaced_share(const Rollout& rollout) {
  const double before = rollout.replaced.empty() ? 0 : rollout.replaced_share.value_or(1);
  const bool had_none = !rollout.share && rollout.step == 0 && rollout.strategy != Strategy::rolling;
  const double share = before + (had_none ? 0 : rollout.share.value_or(1));
  return share < 1 ? std::optional(share) : std::nullopt;
}

bool holds_back(const std::optional<Rollout>& rollout, std::string_view version) {
  if (!is_active(rollout)) return false;
  if (is_replaced(*rollout, version)) return true;
  return rollout->strategy == Strategy::blue_green && version == rollout->version && rollout->step == kBorn;
}

bool keeps_standby(const std::optional<Rollout>& rollout) {
  if (!is_active(rollout) || rollout->strategy != Strategy::blue_green) return false;
  return rollout->direction == Rollout::Direction::back || rollout->step == kSwitched;
}

void turn_back(Rollout& rollout, TimePoint at, std::string why) {
  rollout.direction = Rollout::Direction::back;
  rollout.why_back = std::move(why);
  rollout.promoted = false;
  rollout.progressed_at = at;
  rollout.waits.clear();
}

void weigh(double share, const std::vector<bool>& is_meant, std::vector<Peer>& peers) {
  const auto meant = std::ranges::count(is_meant, true);
  double rest = 0;
  int heaviest = 0;
  for (std::size_t index = 0; index < peers.size(); ++index) {
    if (is_meant[index]) continue;
    rest += peers[index].weight;
    heaviest = std::max(heaviest, peers[index].weight);
  }
  if (meant == 0 || heaviest == 0) return;
  // meant * w / (meant * w + rest) <= share
  const double wanted = share * rest / ((1 - share) * static_cast<double>(meant));
  const double scale = kMostWeight / std::max<double>(wanted, heaviest);
  int common = 0;
  for (std::size_t index = 0; index < peers.size(); ++index) {
    int& weight = peers[index].weight;
    // Rounded so that the share stays below.
    weight = static_cast<int>(is_meant[index] ? std::floor(wanted * scale + 1e-9) : std::ceil(weight * scale - 1e-9));
    weight = std::max(1, weight);
    common = std::gcd(common, weight);
  }
  for (Peer& peer : peers) peer.weight /= common;
}

}  // namespace weir
