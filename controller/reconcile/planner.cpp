#include "controller/reconcile/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "deploy/advance.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// Connections must stay at zero this long: a request that an old nginx worker was still reading may yet open one.
constexpr Duration kQuiet = 1s;
/// How soon to look again while something is under way.
constexpr Duration kSoon = 500ms;
/// An accepted launch that does not appear in the list is asked for again (same token) after this.
constexpr Duration kAcceptedRetry = 60s;
/// A removal is asked for again with every turn for so long, then at this rate.
constexpr Duration kPatience = 10s;
constexpr Duration kAskAgain = 5s;
/// What a provider takes to remove a server for good.
constexpr Duration kLeaveTime = 60s;
/// Where the platform picks who goes it is asked again only after this: a list made before it picked must not cost a second server.
constexpr Duration kReleasePatience = 5s;
/// A server that fails this soon after it was admitted still counts as a failed launch.
constexpr Duration kProbation = 60s;

class Planner {
 public:
  Planner(const Group& group, const Observation& observation, Classified& classified, Memory& memory, Plan& plan)
      : group_(group), at_(observation.at), observation_(observation), now_(classified), memory_(memory), plan_(plan) {}

  void run() {
    note_balancers();
    note_admissions();
    if (group_.elastic) {
      learn_from_outcomes();
      settle_releases();
      give_up_failed();
      replace_unhealthy();
      remove_strangers();
      deploy();
      resize();
      launch_open();
      finish_drains();
      repeat_terminations();
    }
    choose_peers();
  }

 private:
  /// Whom a change of size is about.
  enum class Part { all, old, fresh };

  [[nodiscard]] int max() const { return course_ ? course_->room : plan_.decision.max; }
  [[nodiscard]] bool is_new(std::string_view version) const { return is_fresh(*memory_.rollout, version); }
  [[nodiscard]] bool is_of(Part part, std::string_view version) const {
    return part == Part::all || is_new(version) == (part == Part::fresh);
  }
  /// What new servers of this part run.
  [[nodiscard]] const std::string& version_of(Part part) const {
    if (part == Part::all) return memory_.version;
    return part == Part::fresh ? memory_.rollout->version : memory_.rollout->from;
  }
  [[nodiscard]] std::size_t size() const { return now_.servers.size(); }
  Server& server(std::size_t index) { return now_.servers[index]; }
  ServerMemory& known(std::size_t index) { return memory_.servers[index]; }

  void act(Action::Kind kind, const Server& server, std::string why) {
    plan_.actions.push_back(
        {.kind = kind, .server = server.id, .address = server.address, .version = server.version, .why = std::move(why)});
  }

  void revisit(TimePoint when) {
    if (!plan_.revisit_at || when < *plan_.revisit_at) plan_.revisit_at = when;
  }

  void note_balancers() {
    for (std::size_t index = 0; index < observation_.balancers.size(); ++index) {
      const BalancerView& view = observation_.balancers[index];
      if (view.known || view.detail.empty()) continue;
      plan_.notes.push_back(
          fmt::format("balancer {}: {}", index < group_.balancers.size() ? group_.balancers[index].name : "", view.detail));
    }
  }

  void note_admissions() {
    for (std::size_t index = 0; index < size(); ++index) {
      if (std::ranges::find(now_.admitted, server(index).id) == now_.admitted.end()) continue;
      act(Action::Kind::admit, server(index),
          fmt::format("healthy {} after its launch", format_duration(at_ - known(index).launched_at)));
    }
    // Failures are forgotten once a launched server has stayed in service long enough.
    const Duration probation = std::max(kProbation, group_.warm_up);
    for (std::size_t index = 0; index < size(); ++index) {
      const ServerMemory& one = known(index);
      if (server(index).phase != Phase::in_service || !one.admitted_at) continue;
      if (at_ - *one.admitted_at >= probation && (!memory_.turned_at || *memory_.turned_at - *one.admitted_at < probation)) {
        memory_.launch_failures = 0;
        memory_.launch_not_before.reset();
      }
    }
  }

  /// What fails while the next launch is being put off anyway is part of the same trouble.
  void count_launch_failure() {
    if (memory_.launch_not_before && at_ < *memory_.launch_not_before) return;
    ++memory_.launch_failures;
    memory_.launch_not_before = at_ + backoff_after(memory_.launch_failures);
  }

  /// A version that is tried answers for its servers.
  void blame(std::string_view version, std::string_view server, std::string_view why) {
    if (!is_active(memory_.rollout) || version != memory_.rollout->version) return;
    if (memory_.rollout->direction == Rollout::Direction::back) return;
    ++memory_.rollout->failures;
    memory_.rollout->last_failure = fmt::format("{}: {}", server, why);
  }

  /// Nobody's fault, but what a deploy waits for.
  void note_no_room(std::string_view why) {
    no_room_ = true;
    if (is_active(memory_.rollout)) memory_.rollout->last_failure = fmt::format("no room for another server: {}", why);
  }

  void learn_from_outcomes() {
    for (const Outcome& outcome : observation_.outcomes) {
      if (outcome.kind == Outcome::Kind::hook && memory_.rollout) hook_ended(outcome, at_, *memory_.rollout);
      if (outcome.kind != Outcome::Kind::launch) continue;
      const auto intent = std::ranges::find(memory_.launches, outcome.subject, &LaunchIntent::token);
      if (intent == memory_.launches.end()) continue;
      if (!outcome.error) {
        intent->last_error.clear();
        intent->next_attempt_at = at_ + kAcceptedRetry;
        continue;
      }
      intent->last_error = outcome.error->message;
      plan_.notes.push_back(fmt::format("launch {}: {}", outcome.subject, outcome.error->message));
      // Only an unknown outcome is asked about again; the rest made nothing.
      if (outcome.error->kind == ErrorKind::unavailable || outcome.error->kind == ErrorKind::cancelled) continue;
      count_launch_failure();
      // No room says nothing about the version.
      if (outcome.error->kind == ErrorKind::out_of_capacity) {
        note_no_room(outcome.error->message);
      } else {
        blame(intent->version, intent->token, outcome.error->message);
      }
      if (intent->attempts > 1) {
        intent->abandoned_at = at_;  // this attempt made nothing; who knows about those before
      } else {
        memory_.launches.erase(intent);
      }
    }
  }

  void terminate(std::size_t index, std::string why) {
    known(index).terminate_at = at_;
    server(index).phase = Phase::terminating;
    act(Action::Kind::terminate, server(index), std::move(why));
  }

  /// One server fewer was asked for, and the platform lets one go: that was it, whichever it picked.
  void settle_releases() {
    if (group_.chooses_victim || !observation_.listed) return;
    for (std::size_t index = 0; index < size(); ++index) {
      const bool vanished = known(index).missed == 1 && !known(index).release_at;
      const bool leaves = server(index).phase == Phase::terminating && server(index).failure.empty();
      if (known(index).terminate_at || !(vanished || leaves)) continue;
      const auto asked = known(index).release_at ? memory_.servers.begin() + static_cast<std::ptrdiff_t>(index)
                                                 : std::ranges::find_if(memory_.servers, is_here_and_released);
      if (asked == memory_.servers.end()) continue;
      // One that the list only lacks may turn up again; then it is its own removal that is asked for.
      if (vanished) known(index).release_at = asked->release_at;
      if (leaves) known(index).terminate_at = at_;
      if (leaves || &*asked != &known(index)) asked->release_at.reset();
      plan_.notes.push_back(fmt::format("the platform picked {} to go", server(index).id));
    }
  }

  static bool is_released(const ServerMemory& one) { return one.release_at.has_value(); }
  static bool is_here_and_released(const ServerMemory& one) { return one.release_at && one.missed == 0; }

  void give_up_failed() {
    if (!observation_.listed) return;
    for (std::size_t index = 0; index < size(); ++index) {
      const Server& one = server(index);
      ServerMemory& memory = known(index);
      if (memory.terminate_at) continue;
      if (one.failure.empty() && one.phase == Phase::terminating) {
        // Not our doing, and too late to drain it: from the next turn on it is asked for like our own removals.
        memory.terminate_at = at_;
        plan_.notes.push_back(fmt::format("{} is being removed by the provider or by somebody else", one.id));
        continue;
      }
      if (!one.failure.empty()) {
        count_failure(one, memory);
        terminate(index, one.failure);
        continue;
      }
      const bool never_healthy = one.phase == Phase::pending || one.phase == Phase::warming;
      if (!never_healthy || !one.protection.empty()) continue;
      if (!group_.chooses_victim && now_.probe_suspected) continue;
      if (memory.ready_at && one.health.status == HealthStatus::healthy) continue;
      if (memory.ready_at && one.health.status == HealthStatus::unhealthy && !now_.probe_suspected) {
        blame(one.version, one.id, one.health.detail);
        give_up(index, "was ready, and is not any more: " + one.health.detail);
        continue;
      }
      const TimePoint deadline = checked_since(one, memory) + group_.health.deadline;
      if (at_ < deadline) {
        revisit(deadline);
        continue;
      }
      count_launch_failure();
      const std::string why = fmt::format("never healthy within {}{}{}", format_duration(group_.health.deadline),
                                          one.health.detail.empty() ? "" : ": ", one.health.detail);
      blame(one.version, one.id, why);
      give_up(index, why);
    }
  }

  /// What a platform does to its servers says nothing about the next launch's chances, nor about the version.
  void count_failure(const Server& server, const ServerMemory& memory) {
    if (server.failure_cause == FailureCause::platform) return;
    if (!memory.admitted_at || at_ - *memory.admitted_at < std::max(kProbation, group_.warm_up)) count_launch_failure();
    blame(server.version, server.id, server.failure);
  }

  /// Where the platform picks, a removal might hit a good server: the bad one is left out instead, and another takes its place.
  void give_up(std::size_t index, std::string why) {
    if (group_.chooses_victim) return terminate(index, std::move(why));
    drain(index, DrainCause::unhealthy, std::move(why));
  }

  /// After a restart an old server may be one whose answers nobody has heard yet.
  [[nodiscard]] TimePoint checked_since(const Server& one, const ServerMemory& memory) const {
    const bool unheard = one.phase == Phase::warming && one.health.status == HealthStatus::unknown;
    return unheard ? std::max(memory.launched_at, memory_.watched_since.value_or(at_)) : memory.launched_at;
  }

  /// Most look unhealthy by now: those taken out on the same evidence come back.
  void take_back_unhealthy() {
    for (std::size_t index = 0; index < size(); ++index) {
      if (server(index).phase != Phase::draining || known(index).drain_cause != DrainCause::unhealthy) continue;
      if (!known(index).admitted_at) continue;
      readmit(index, "most servers look unhealthy, so the check is suspected");
    }
  }

  /// Taken out as unhealthy, healthy again, and nobody else serves: it does better than nobody.
  void take_back_the_only_one() {
    if (serving() > 0) return;
    for (std::size_t index = 0; index < size(); ++index) {
      const bool taken_out = server(index).phase == Phase::draining && known(index).drain_cause == DrainCause::unhealthy;
      if (taken_out && server(index).health.status == HealthStatus::healthy) readmit(index, "healthy again, and no other serves");
    }
  }

  void readmit(std::size_t index, std::string why) {
    known(index).drain_at.reset();
    known(index).idle_since.reset();
    server(index).phase = Phase::in_service;
    act(Action::Kind::readmit, server(index), std::move(why));
  }

  /// A tenth of the fleet, at least one, may be out for replacement at a time (AWS Auto Scaling replaces at most 10 %).
  void replace_unhealthy() {
    if (now_.probe_suspected) {
      take_back_unhealthy();
      if (memory_.suspected_at) revisit(*memory_.suspected_at + recovery_time(group_.health) + kSoon);
    }
    take_back_the_only_one();
    if (now_.probe_suspected || now_.list_suspected || !observation_.listed) return;
    int budget = std::max(1, memory_.desired.value_or(0) / 10);
    for (std::size_t index = 0; index < size(); ++index) {
      const Phase phase = server(index).phase;
      // A whole colour on its way is nobody's replacement.
      if (holds_back(memory_.rollout, server(index).version) && !known(index).admitted_at) continue;
      const bool leaving = phase == Phase::draining || phase == Phase::terminating;
      if (phase == Phase::pending || phase == Phase::warming ||
          (leaving && known(index).drain_cause == DrainCause::unhealthy && known(index).drain_at)) {
        --budget;
      }
    }
    for (std::size_t index = 0; index < size(); ++index) {
      const Server& one = server(index);
      if (one.phase != Phase::in_service || one.health.status != HealthStatus::unhealthy || !one.protection.empty()) continue;
      if (is_last_hope(one)) {
        plan_.notes.push_back(
            fmt::format("{} is unhealthy ({}), but the only one: it stays until another serves", one.id, one.health.detail));
        continue;
      }
      if (budget <= 0) {
        plan_.notes.push_back(
            fmt::format("{} is unhealthy ({}) and waits for its replacement: one in ten at a time", one.id, one.health.detail));
        continue;
      }
      --budget;
      blame(one.version, one.id, one.health.detail);
      drain(index, DrainCause::unhealthy, "unhealthy: " + one.health.detail);
    }
  }

  /// The only server left is not taken away on the word of its health check alone, as long as there may be another beside it.
  [[nodiscard]] bool is_last_hope(const Server& one) const {
    return group_.max > 1 && one.phase == Phase::in_service && one.health.status == HealthStatus::unhealthy && serving() == 0;
  }

  void drain(std::size_t index, DrainCause cause, std::string why) {
    known(index).drain_at = at_;
    known(index).drain_cause = cause;
    known(index).idle_since.reset();
    server(index).phase = Phase::draining;
    act(Action::Kind::drain, server(index), std::move(why));
    revisit(at_ + kSoon);
  }

  void remove_strangers() {
    for (const Server& stranger : now_.strangers) {
      plan_.notes.push_back(
          fmt::format("orphan {} at {}: it carries the group's tag, but nothing here launched it", stranger.id, stranger.address));
      if (group_.orphans != OrphanRule::remove || in_any_balancer(stranger) || !stranger.protection.empty()) continue;
      act(Action::Kind::terminate, stranger, "orphan, and the group says to remove them");
    }
  }

  static bool is_live(const Server& one) {
    return one.phase == Phase::pending || one.phase == Phase::warming || one.phase == Phase::in_service;
  }

  /// Moves a deploy under way on by one turn.
  void deploy() {
    if (!is_active(memory_.rollout) || !memory_.desired) return;
    Rollout& rollout = *memory_.rollout;
    if (!observation_.listed || now_.list_suspected) {
      // Nobody can say what is there: no time passes for the version.
      rollout.progressed_at = at_;
      course_ = Course{.room = plan_.decision.max + surge_of(group_.deploy, rollout, *memory_.desired, plan_.decision.min),
                       .share = rollout.share};
      return;
    }
    if (memory_.watched_since == at_) {
      // Time that nobody watched proves nothing against the version.
      rollout.progressed_at = at_;
      rollout.judge.inconclusive_since.reset();
    }
    drop_replaced(rollout);
    if (is_blocked(rollout)) {
      rollout.blocked_at = at_;
      rollout.judge.inconclusive_since.reset();
    }
    const Rollout::Direction direction = rollout.direction;
    Scene before = scene(rollout);
    if (is_judged(rollout, before)) before.verdict = judge(group_.deploy.judge, observation_, rollout);
    course_ = advance(group_.deploy, before, rollout);
    if (rollout.direction != direction) {
      memory_.launch_failures = 0;
      memory_.launch_not_before.reset();
      plan_.notes.push_back(fmt::format("the deploy of {} goes back to {}: {}", rollout.version, rollout.from, rollout.why_back));
      course_ = advance(group_.deploy, scene(rollout), rollout);
    }
    rollout.share = course_->share;
    if (rollout.end == Rollout::End::done) memory_.version = rollout.version;
    if (course_->hook) run_hook(*course_->hook);
    if (course_->switches) switch_over();
    if (course_->old > 0 && before.old.kept > 0 && holds_back(rollout, rollout.version)) note_protected(Part::old, before.old.kept);
    if (course_->revisit_at) revisit(*course_->revisit_at);
  }

  /// What another deploy began and never had traffic gets none any more: it is in the way of what takes its place.
  void drop_replaced(const Rollout& rollout) {
    for (std::size_t index = 0; index < size(); ++index) {
      const Server& one = server(index);
      const bool never_served = (one.phase == Phase::pending || one.phase == Phase::warming) && !known(index).found_serving;
      if (!never_served || !is_replaced(rollout, one.version) || !one.protection.empty()) continue;
      terminate(index, fmt::format("{} takes the place of {}", rollout.version, one.version));
    }
    for (LaunchIntent& intent : memory_.launches) {
      if (!intent.abandoned_at && is_replaced(rollout, intent.version)) intent.abandoned_at = at_;
    }
    forget_unattempted_launches();
  }

  /// A new server has been let into the traffic in an earlier turn, and some balancer is not known to send it any.
  [[nodiscard]] bool is_blocked(const Rollout& rollout) const {
    for (std::size_t index = 0; index < size(); ++index) {
      const Server& one = now_.servers[index];
      const std::optional<TimePoint>& admitted_at = memory_.servers[index].admitted_at;
      if (!is_fresh(rollout, one.version) || !can_serve(one, now_.probe_suspected) || !admitted_at || *admitted_at == at_) continue;
      const bool everywhere = std::ranges::all_of(observation_.balancers, [&](const BalancerView& view) {
        return view.known && view.in_force && has_address(view, one.address);
      });
      if (!everywhere) return true;
    }
    return false;
  }

  [[nodiscard]] Scene scene(const Rollout& rollout) const {
    Scene scene{.at = at_, .desired = *memory_.desired, .min = plan_.decision.min, .max = plan_.decision.max};
    scene.hooks = observation_.hooks;
    scene.no_room = no_room_;
    for (std::size_t index = 0; index < size(); ++index) {
      const Server& one = now_.servers[index];
      Side& side = is_fresh(rollout, one.version) ? scene.fresh : scene.old;
      ++side.existing;
      if (is_leaving(index)) ++side.leaving;
      if (!is_live(one)) continue;
      if (!is_last_hope(one)) ++side.live;
      const bool soaked = has_soaked(memory_.servers[index], rollout);
      const bool serves = can_serve(one, now_.probe_suspected);
      if (serves) ++side.serving;
      if (serves && !one.protection.empty()) ++side.kept;
      if (serves && one.health.status != HealthStatus::unhealthy) ++side.well;
      if (serves && soaked) ++side.soaked;
      const std::optional<TimePoint> since = soaks_since(memory_.servers[index]);
      if (&side == &scene.fresh && serves && since && !is_trusted(memory_.servers[index], rollout))
        scene.soaks_since = std::max(scene.soaks_since.value_or(*since), *since);
      if (soaked && (serves || (one.phase == Phase::warming && one.health.status == HealthStatus::healthy))) ++side.ready;
    }
    for (const LaunchIntent& intent : memory_.launches) ++(is_fresh(rollout, intent.version) ? scene.fresh : scene.old).existing;
    return scene;
  }

  [[nodiscard]] bool is_leaving(std::size_t index) const {
    const Phase phase = now_.servers[index].phase;
    if (phase == Phase::terminating) return true;
    return phase == Phase::draining && memory_.servers[index].drain_cause != DrainCause::standby;
  }

  /// When it began to soak.
  static std::optional<TimePoint> soaks_since(const ServerMemory& one) { return one.ready_at ? one.ready_at : one.admitted_at; }

  /// Somebody said to go on when it was there.
  static bool is_trusted(const ServerMemory& one, const Rollout& rollout) {
    return rollout.trusted_at && soaks_since(one) <= rollout.trusted_at;
  }

  /// Without traffic nothing soaks.
  [[nodiscard]] bool has_soaked(const ServerMemory& one, const Rollout& rollout) const {
    const std::optional<TimePoint> since = soaks_since(one);
    if (!since || rollout.blocked_at == at_) return false;
    return at_ - std::max(*since, rollout.blocked_at.value_or(*since)) >= group_.deploy.soak || is_trusted(one, rollout);
  }

  void run_hook(const HookRun& run) {
    plan_.actions.push_back(
        {.kind = Action::Kind::run_hook,
         .server = run.token,
         .version = memory_.rollout->version,
         .why = fmt::format("the deploy of {} waits for its hook {}", memory_.rollout->version, to_string(run.point))});
  }

  /// All at once, so that every balancer is written once: the new ones come in, the old ones leave and are kept.
  void switch_over() {
    for (std::size_t index = 0; index < size(); ++index) {
      const Server& one = server(index);
      if (is_new(one.version) && one.phase == Phase::warming && known(index).ready_at &&
          one.health.status == HealthStatus::healthy) {
        known(index).admitted_at = at_;
        server(index).phase = Phase::in_service;
        server(index).in_service_since = at_;
        act(Action::Kind::admit, one, fmt::format("the traffic goes to {}", memory_.rollout->version));
      }
    }
    for (std::size_t index = 0; index < size(); ++index) {
      if (is_new(server(index).version) || !can_serve(server(index), now_.probe_suspected)) continue;
      drain(index, DrainCause::standby, fmt::format("the traffic goes to {}; it stays as a way back", memory_.rollout->version));
    }
  }

  void resize() {
    if (!memory_.desired) return;
    if (!observation_.listed) {
      if (!observation_.listed_detail.empty()) plan_.notes.push_back("no launch and no removal: " + observation_.listed_detail);
      return;
    }
    if (!course_) return resize(Part::all, *memory_.desired);
    // The version that is to stay comes first: where there is not room for both, it gets it.
    const bool forward = memory_.rollout->direction == Rollout::Direction::forward;
    if (forward) resize(Part::fresh, course_->fresh);
    resize(Part::old, course_->old);
    if (!forward) resize(Part::fresh, course_->fresh);
  }

  /// A suspected check holds no deploy up that may be what ends the trouble: a way back, where the course counts all as serving and
  /// lets only as many go as it has room for, and a new version whose servers all pass the check that the old ones fail.
  [[nodiscard]] bool may_end_trouble(Part part) const {
    if (part == Part::all) return false;
    if (memory_.rollout->direction == Rollout::Direction::back) return part == Part::fresh;
    if (part == Part::fresh) return false;
    const auto is_tried = [&](const Server& one) { return one.phase == Phase::in_service && is_new(one.version); };
    const auto passes = [&](const Server& one) { return !is_tried(one) || one.health.status == HealthStatus::healthy; };
    return std::ranges::any_of(now_.servers, is_tried) && std::ranges::all_of(now_.servers, passes);
  }

  void resize(Part part, int wanted) {
    int live = 0;
    for (std::size_t index = 0; index < size(); ++index) {
      const Server& one = server(index);
      if (!is_of(part, one.version)) continue;
      if (is_live(one) && !is_last_hope(one)) ++live;
      if (is_released(known(index))) --live;
    }
    const int missing = wanted - live;
    if (missing >= 0) return grow(part, missing);
    if (now_.list_suspected) return;
    if (now_.probe_suspected && !may_end_trouble(part)) {
      // Who serves is in doubt: a replacement on its way may be what ends it.
      plan_.notes.push_back(fmt::format("{} servers too many stay while the check is suspected", -missing));
      return;
    }
    abandon_launches(part, open_launches(part));
    group_.chooses_victim ? shrink(part, -missing) : release(-missing);
  }

  void grow(Part part, int missing) {
    for (auto one = memory_.servers.begin(); one != memory_.servers.end() && missing > 0; ++one) {
      if (!is_released(*one)) continue;
      one->release_at.reset();
      --missing;
    }
    for (std::size_t index = 0; index < size() && missing > 0; ++index) {
      const ServerMemory& one = known(index);
      const bool may_return = one.drain_cause == DrainCause::surplus || one.drain_cause == DrainCause::standby;
      if (server(index).phase != Phase::draining || !may_return || !is_of(part, server(index).version)) continue;
      if (server(index).health.status == HealthStatus::unhealthy) continue;
      if (course_ && is_replaced(*memory_.rollout, server(index).version)) continue;
      readmit(index, "the load returned while it was draining");
      --missing;
    }
    const int open = open_launches(part);
    if (open > missing) abandon_launches(part, open - missing);
    if (missing <= open || now_.list_suspected) return;
    if (memory_.launch_not_before && at_ < *memory_.launch_not_before) {
      plan_.notes.push_back(fmt::format("{} servers short; after {} failed launches the next is tried in {}", missing - open,
                                        memory_.launch_failures, format_duration(*memory_.launch_not_before - at_)));
      return revisit(*memory_.launch_not_before);
    }
    int count = missing - open;
    if (memory_.launch_failures > 0 && !has_recovered()) {
      // One launch shows whether it works again; the rest follow it.
      if (open > 0 || is_on_trial()) {
        plan_.notes.push_back(
            fmt::format("{} servers short; {} failed launches in a row, so one on trial has to become healthy first",
                        missing - open, memory_.launch_failures));
        return;
      }
      count = 1;
    }
    count -= revive_launches(part, count);
    // Everything that exists or may exist counts against max, also what is on its way out.
    const int room = std::max(0, max() - static_cast<int>(size() + memory_.launches.size()));
    if (count > room && !course_) {
      plan_.notes.push_back(
          fmt::format("{} servers short until servers on their way out are gone: max is {}", count - room, max()));
    }
    for (count = std::min(count, room); count > 0; --count) {
      memory_.launches.push_back({.token = fmt::format("{}-{}-{}", group_.name, memory_.nonce, memory_.next_token++),
                                  .version = version_of(part),
                                  .decided_at = at_,
                                  .next_attempt_at = at_});
    }
  }

  [[nodiscard]] TimePoint failed_at() const {
    return memory_.launch_not_before.value_or(at_) - backoff_after(memory_.launch_failures);
  }

  /// A server launched since the last failure has been admitted.
  [[nodiscard]] bool has_recovered() const {
    return std::ranges::any_of(memory_.servers, [since = failed_at()](const ServerMemory& one) {
      return one.launched_at >= since && (one.admitted_at || one.ready_at) && !one.terminate_at;
    });
  }

  [[nodiscard]] bool is_on_trial() const {
    return std::ranges::any_of(now_.servers, [since = failed_at()](const Server& one) {
      return one.launched_at >= since && (one.phase == Phase::pending || one.phase == Phase::warming);
    });
  }

  [[nodiscard]] int open_launches(Part part) const {
    return static_cast<int>(std::ranges::count_if(
        memory_.launches, [&](const LaunchIntent& intent) { return !intent.abandoned_at && is_of(part, intent.version); }));
  }

  /// The youngest first. One that was attempted may have happened: it keeps its place until its server must have turned up.
  void abandon_launches(Part part, int count) {
    for (auto intent = memory_.launches.rbegin(); intent != memory_.launches.rend() && count > 0; ++intent) {
      if (intent->abandoned_at || !is_of(part, intent->version)) continue;
      intent->abandoned_at = at_;
      --count;
    }
    forget_unattempted_launches();
  }

  void forget_unattempted_launches() {
    std::erase_if(memory_.launches, [](const LaunchIntent& intent) { return intent.abandoned_at && intent.attempts == 0; });
  }

  /// Wanted again: the same token cannot make a second server.
  int revive_launches(Part part, int count) {
    int revived = 0;
    for (LaunchIntent& intent : memory_.launches) {
      if (revived == count) break;
      if (!intent.abandoned_at || intent.version != version_of(part)) continue;
      intent.abandoned_at.reset();
      intent.next_attempt_at = at_;
      ++revived;
    }
    return revived;
  }

  void launch_open() {
    if (!observation_.listed) return;
    std::erase_if(memory_.launches,
                  [&](const LaunchIntent& intent) { return intent.abandoned_at && at_ - *intent.abandoned_at >= kAcceptedRetry; });
    // A smaller max may have come with a new configuration: what was begun waits until there is room.
    if (size() + memory_.launches.size() > static_cast<std::size_t>(max())) return;
    for (LaunchIntent& intent : memory_.launches) {
      if (intent.abandoned_at) continue;
      if (intent.next_attempt_at > at_) {
        revisit(intent.next_attempt_at);
        continue;
      }
      ++intent.attempts;
      intent.next_attempt_at = at_ + backoff_after(intent.attempts);
      revisit(intent.next_attempt_at);
      std::string why = intent.attempts == 1 ? fmt::format("{} desired", *memory_.desired)
                                             : fmt::format("attempt {} with the same token: {}", intent.attempts,
                                                           intent.last_error.empty() ? "not listed yet" : intent.last_error);
      plan_.actions.push_back(
          {.kind = Action::Kind::launch, .server = intent.token, .version = intent.version, .why = std::move(why)});
    }
  }

  [[nodiscard]] int serving() const {
    return static_cast<int>(
        std::ranges::count_if(now_.servers, [&](const Server& one) { return can_serve(one, now_.probe_suspected); }));
  }

  /// Whom to let go first: what serves nobody, then the unhealthy, then what a deploy replaced, then the overflow, then whose paid
  /// time ends soonest, then one of the fullest zone, then the youngest.
  [[nodiscard]] std::vector<std::size_t> victims(Part part = Part::all) const {
    std::vector<std::size_t> order;
    std::map<std::string_view, int> left_in_zone;
    for (std::size_t index = 0; index < now_.servers.size(); ++index) {
      const Server& one = now_.servers[index];
      const bool live = is_live(one) && is_of(part, one.version);
      if (live) ++left_in_zone[one.zone];
      if (live && one.protection.empty()) order.push_back(index);
    }
    const auto reason = [this](std::size_t index) {
      const Server& one = now_.servers[index];
      const int use = one.phase != Phase::in_service ? 0 : one.health.status == HealthStatus::unhealthy ? 1 : 2;
      const bool replaced = course_ && is_replaced(*memory_.rollout, one.version);
      return std::tuple(use, replaced ? 0 : 1, one.overflow ? 0 : 1, one.paid_until.value_or(TimePoint::max()));
    };
    // A deploy lets the oldest go first.
    const auto youth = [this, part](std::size_t index) {
      const Duration age = now_.servers[index].launched_at.time_since_epoch();
      return std::pair(part == Part::all ? -age : age, index);
    };
    std::ranges::sort(order, {}, [&](std::size_t index) { return std::pair(reason(index), youth(index)); });
    // How many its zone has when it is its turn, if all before it in its zone are gone.
    std::vector<int> fullness(now_.servers.size());
    for (const std::size_t index : order) fullness[index] = left_in_zone[now_.servers[index].zone]--;
    std::ranges::sort(order, {}, [&](std::size_t index) { return std::tuple(reason(index), -fullness[index], youth(index)); });
    return order;
  }

  /// Until shortly before: long enough to drain it and to be gone in time.
  [[nodiscard]] bool is_paid_for_longer(const Server& one) const {
    return one.paid_until && *one.paid_until - at_ > group_.drain_timeout + 2 * group_.interval + kLeaveTime;
  }

  [[nodiscard]] int spare(Part part) const {
    const int spare = serving() - plan_.decision.min;
    if (part == Part::all) return spare;
    return std::min(spare, part == Part::old ? course_->spare_old : course_->spare_fresh);
  }

  [[nodiscard]] std::string why_fewer(Part part) const {
    if (part == Part::all) return fmt::format("{} desired", *memory_.desired);
    const Rollout& rollout = *memory_.rollout;
    if (rollout.direction == Rollout::Direction::back) return fmt::format("back to {}: {}", rollout.from, rollout.why_back);
    return part == Part::old ? fmt::format("{} takes its place", rollout.version) : fmt::format("{} desired", *memory_.desired);
  }

  void shrink(Part part, int surplus) {
    int kept = 0;
    int spare = this->spare(part);
    const std::string why = why_fewer(part);
    for (const std::size_t index : victims(part)) {
      if (surplus == 0) break;
      if (part == Part::all && is_paid_for_longer(server(index))) {
        revisit(*server(index).paid_until - group_.drain_timeout - 2 * group_.interval - kLeaveTime);
        ++kept;
        --surplus;
        continue;
      }
      if (server(index).phase != Phase::in_service) {
        terminate(index, why);
        --surplus;
        continue;
      }
      const bool serves = can_serve(server(index), now_.probe_suspected);
      if (serves && spare <= 0) continue;
      if (serves) --spare;
      drain(index, DrainCause::surplus, why);
      --surplus;
    }
    if (kept > 0) {
      plan_.notes.push_back(fmt::format("{} servers more than desired stay until the time paid for is used", kept));
    }
    note_protected(part, surplus);
    if (surplus > 0 && !course_) {
      plan_.notes.push_back(
          fmt::format("{} servers too many stay: protected by the provider, or needed until others serve", surplus));
    }
  }

  /// A deploy cannot end without them.
  void note_protected(Part part, int surplus) {
    if (part == Part::all || surplus <= 0) return;
    for (const Server& one : now_.servers) {
      if (one.protection.empty() || !is_live(one) || !is_of(part, one.version)) continue;
      plan_.notes.push_back(
          fmt::format("the deploy cannot end while {} of version {} may not be removed: {}", one.id, one.version, one.protection));
    }
  }

  /// The platform picks who goes, so nobody can be drained before: as many fewer are asked for, each in the name of a server that
  /// would do, and who really goes leaves the balancer when the list shows it.
  void release(int surplus) {
    const auto serves = [this](std::size_t index) { return can_serve(server(index), now_.probe_suspected); };
    int spare = serving() - plan_.decision.min;
    for (std::size_t index = 0; index < size(); ++index) {
      if (is_released(known(index)) && serves(index)) --spare;
    }
    for (const std::size_t index : victims()) {
      if (surplus == 0) break;
      if (is_released(known(index)) || (serves(index) && spare <= 0)) continue;
      if (serves(index)) --spare;
      --surplus;
      known(index).release_at = at_;
      act(Action::Kind::terminate, server(index), fmt::format("{} desired; the platform picks who goes", *memory_.desired));
      revisit(at_ + kSoon);
    }
    if (surplus > 0) {
      plan_.notes.push_back(
          fmt::format("{} servers too many stay: protected by the provider, or needed until others serve", surplus));
    }
  }

  static bool has_address(const BalancerView& view, const std::string& address) {
    return std::ranges::find(view.peers, address, &Peer::address) != view.peers.end();
  }

  /// True unless every balancer is proven not to send it traffic.
  [[nodiscard]] bool in_any_balancer(const Server& one) const {
    if (one.address.empty()) return false;
    return std::ranges::any_of(observation_.balancers, [&](const BalancerView& view) {
      return !view.known || !view.in_force || has_address(view, one.address);
    });
  }

  /// Open connections over all balancers; absent if one of them cannot tell, or none carries traffic itself.
  [[nodiscard]] std::optional<int> connections_of(const Server& one) const {
    std::optional<int> sum;
    for (const BalancerView& view : observation_.balancers) {
      if (!view.connections) return std::nullopt;
      for (const BalancerView::Connections& count : *view.connections) {
        if (count.address == one.address) sum = sum.value_or(0) + count.count;
      }
    }
    return sum;
  }

  /// In a group of one there is nobody to wait for: unhealthy, it makes way although the balancer cannot do without it.
  [[nodiscard]] bool is_alone(const Server& one) const { return group_.max == 1 && one.health.status == HealthStatus::unhealthy; }

  /// Servers that fail together are noticed one after the other: the first must still be there when it shows that most did.
  [[nodiscard]] bool may_be_innocent(const Server& one, const ServerMemory& memory) const {
    const bool accused = memory.drain_cause == DrainCause::unhealthy && now_.servers.size() > 1 && one.failure.empty();
    return accused && at_ - *memory.drain_at < group_.health.interval + group_.health.timeout;
  }

  void finish_drains() {
    for (std::size_t index = 0; index < size(); ++index) {
      Server& one = server(index);
      ServerMemory& memory = known(index);
      if (one.phase != Phase::draining) continue;
      if (!group_.chooses_victim) {
        take_back_recovered(index);
        continue;
      }
      if (memory.drain_cause == DrainCause::standby && keeps_standby(memory_.rollout) && !is_new(one.version)) continue;
      revisit(at_ + kSoon);
      if (memory.drain_at == at_) continue;
      const bool expired = at_ - *memory.drain_at >= group_.drain_timeout;
      if (in_any_balancer(one) && !(expired && is_alone(one))) {
        memory.idle_since.reset();
        continue;
      }
      one.connections = connections_of(one);
      if (one.connections != 0) memory.idle_since.reset();
      if (one.connections == 0 && !memory.idle_since) memory.idle_since = at_;
      if (!observation_.listed || may_be_innocent(one, memory)) continue;
      if (expired) {
        terminate(index, fmt::format("drain timeout of {} is over{}", format_duration(group_.drain_timeout),
                                     one.connections ? fmt::format(", {} connections left", *one.connections) : ""));
      } else if (memory.idle_since && at_ - *memory.idle_since >= kQuiet) {
        terminate(index, "drained: no connections left");
      }
    }
  }

  /// Left out and not removed, for the platform would pick: it comes back when it can serve.
  void take_back_recovered(std::size_t index) {
    if (server(index).health.status != HealthStatus::healthy) return;
    if (!known(index).admitted_at) known(index).admitted_at = at_;
    readmit(index, "healthy again");
  }

  void repeat_terminations() {
    for (std::size_t index = 0; index < size(); ++index) {
      repeat_release(index);
      if (!known(index).terminate_at) continue;
      const Duration age = at_ - *known(index).terminate_at;
      revisit(at_ + (age < kPatience ? kSoon : kAskAgain));
      if (age > Duration{0} && due_again(age)) act(Action::Kind::terminate, server(index), std::string(kNotGoneYet));
    }
  }

  void repeat_release(std::size_t index) {
    const std::optional<TimePoint>& asked = known(index).release_at;
    if (!asked || known(index).missed > 0) return;
    revisit(at_ + kAskAgain);
    if (observation_.listed && at_ - *asked >= kReleasePatience && due_again(at_ - *asked))
      act(Action::Kind::terminate, server(index), std::string(kNotGoneYet));
  }

  [[nodiscard]] bool due_again(Duration age) const {
    if ((age < kPatience && group_.chooses_victim) || !memory_.turned_at) return true;
    const Duration before = age - (at_ - *memory_.turned_at);
    return age / kAskAgain != before / kAskAgain;
  }

  void choose_peers() {
    plan_.peers.reserve(size());
    for (std::size_t index = 0; index < size(); ++index) {
      const Server& one = server(index);
      add_peer_if((can_serve(one, now_.probe_suspected) && !is_unheard_of(one)) || keeps_traffic(index), one);
    }
    if (plan_.peers.empty()) keep_last_peers();
    if (course_) share_traffic();
    if (!std::ranges::is_sorted(plan_.peers, {}, &Peer::address)) std::ranges::sort(plan_.peers, {}, &Peer::address);
    // Nobody is known who could serve: what a balancer says may be better than nothing.
    const auto may_serve = [](const BalancerView& view) { return !view.known || !view.peers.empty(); };
    if (plan_.peers.empty() && std::ranges::any_of(observation_.balancers, may_serve)) return;
    for (const BalancerView& view : observation_.balancers) {
      if (!view.known || !view.in_force || !says(view, plan_.peers)) plan_.write_balancers = true;
    }
  }

  void share_traffic() {
    const Rollout& rollout = *memory_.rollout;
    const std::vector<bool> replaced = peers_that([&](const Server& one) { return is_replaced(rollout, one.version); });
    const auto count = static_cast<double>(std::ranges::count(replaced, true));
    // As the one that was replaced was held to it.
    if (rollout.replaced_share && count > *rollout.replaced_share * static_cast<double>(replaced.size()))
      weigh(*rollout.replaced_share, replaced, plan_.peers);
    if (!course_->share) return;
    const std::vector<bool> fresh = peers_that([&](const Server& one) { return is_new(one.version); });
    weigh(*course_->share, fresh, plan_.peers);
    for (std::size_t index = 0; index < plan_.peers.size(); ++index) {
      const Peer& peer = plan_.peers[index];
      const auto one = std::ranges::find(now_.servers, peer.server, &Server::id);
      if (!fresh[index] || weighs_already(peer)) continue;
      act(Action::Kind::set_weight, *one, fmt::format("{} may have {:g}% of the traffic", one->version, 100 * *course_->share));
      plan_.actions.back().weight = peer.weight;
    }
  }

  /// For each peer whether its server is such a one.
  template <typename Condition>
  [[nodiscard]] std::vector<bool> peers_that(Condition is_such) const {
    std::vector<bool> result;
    for (const Peer& peer : plan_.peers) {
      const auto one = std::ranges::find(now_.servers, peer.server, &Server::id);
      result.push_back(one != now_.servers.end() && is_such(*one));
    }
    return result;
  }

  [[nodiscard]] bool weighs_already(const Peer& peer) const {
    return std::ranges::any_of(observation_.balancers, [&](const BalancerView& view) {
      const auto said = std::ranges::find(view.peers, peer.address, &Peer::address);
      return view.known && said != view.peers.end() && said->weight == peer.weight;
    });
  }

  /// After a restart of ours nobody has heard of its health: it keeps the traffic it has, and gets none it has not.
  [[nodiscard]] bool is_unheard_of(const Server& one) const {
    return one.health.status == HealthStatus::unknown && !is_peer_now(observation_, one.address) &&
           std::ranges::any_of(observation_.balancers, &BalancerView::known);
  }

  /// Somebody else gave it traffic before we met it, and nothing is known against it yet.
  [[nodiscard]] bool keeps_traffic(std::size_t index) const {
    const Server& one = now_.servers[index];
    const bool accused = one.health.status == HealthStatus::unhealthy && !now_.probe_suspected;
    return one.phase == Phase::warming && memory_.servers[index].found_serving && !accused &&
           is_peer_now(observation_, one.address);
  }

  void add_peer_if(bool wanted, const Server& one) {
    if (wanted && !one.address.empty()) plan_.peers.push_back({.server = one.id, .address = one.address});
  }

  /// Nobody can serve: an empty balancer helps nobody, so those that served last stay in it until somebody can.
  void keep_last_peers() {
    for (std::size_t index = 0; index < size(); ++index) {
      const bool served = known(index).admitted_at && server(index).phase != Phase::terminating;
      add_peer_if(served, server(index));
    }
    if (!plan_.peers.empty()) plan_.notes.emplace_back("no server is healthy: the last ones stay in the balancer");
  }

  /// A balancer that tells servers by name must have the right name: metrics find a server by what the targets file calls it.
  static bool says(const BalancerView& view, const std::vector<Peer>& peers) {
    return std::ranges::equal(view.peers, peers, [](const Peer& said, const Peer& wanted) {
      const bool same_server = said.server.empty() || said.server == wanted.server;
      return same_server && said.address == wanted.address && said.weight == wanted.weight;
    });
  }

  const Group& group_;
  TimePoint at_;
  const Observation& observation_;
  Classified& now_;
  Memory& memory_;
  Plan& plan_;
  std::optional<Course> course_;  ///< of the deploy under way
  bool no_room_ = false;          ///< a launch was refused for want of room since the last turn
};

}  // namespace

Duration backoff_after(int failures) {
  Duration wait = 5s;
  for (; failures > 1 && wait < kLongestBackoff; --failures) wait *= 2;
  return std::min(wait, kLongestBackoff);
}

void plan_actions(const Group& group, const Observation& observation, Classified& classified, Memory& memory, Plan& plan) {
  plan.notes.insert(plan.notes.end(), std::make_move_iterator(classified.notes.begin()),
                    std::make_move_iterator(classified.notes.end()));
  Planner(group, observation, classified, memory, plan).run();
}

}  // namespace weir
