#include "controller/simulate/deploy_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "controller/simulate/expected_world.h"
#include "controller/simulate/rehearsed_deploy.h"
#include "controller/simulate/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// A deploy that waits for days ends a plan without an end.
constexpr int kMostTurns = 50'000;
/// As the loop has it: a plan that revisits itself must not stop the clock.
constexpr Duration kShortestRevisit = 20ms;
/// More turns never see anything new at the same moment.
constexpr int kMostTurnsAtOnce = 10;

bool are_uneven(const std::vector<Peer>& peers) {
  return std::ranges::any_of(peers, [&](const Peer& peer) { return peer.weight != peers.front().weight; });
}

Duration boot_of(const Memory& memory) {
  return memory.boots.empty() ? WorldModel{}.boot : *std::ranges::max_element(memory.boots);
}

/// The turn with the group's size held as it is.
Turn held(Turn turn) {
  turn.memory.manual = {.hold = Manual::Hold{.servers = turn.memory.desired.value_or(0), .until = {}, .by = {}}, .pause = {}};
  return turn;
}

class Rehearsal {
 public:
  Rehearsal(const Group& group, const Policies& policies, const Turn& now)
      : group_(group), world_(group_, policies, now, boot_of(now.memory)), begin_(world_.now()), rollout_(now.memory.rollout) {
    note_actions(now.plan);
    look();
  }

  DeployPlan run(const Order& order) {
    std::vector<Order> orders = {order};
    TimePoint at = begin_;
    for (int turns = 0; turns < kMostTurns; ++turns) {
      const std::optional<Rollout> before = rollout_;
      const Turn& turn = world_.take_turn(at, std::exchange(orders, {}));
      rollout_ = turn.memory.rollout;
      note(turn.plan, before);
      look();
      if (!is_active(rollout_)) break;
      if (rollout_->at_checkpoint) orders = promoted(at);
      at = orders.empty() ? next_turn(at) : at;
    }
    if (rollout_) plan_.rollout = *rollout_;
    plan_.length = world_.now() - begin_;
    return std::move(plan_);
  }

 private:
  TimePoint next_turn(TimePoint at) {
    const std::optional<TimePoint> event = world_.next_event();
    if (event == at && ++at_once_ < kMostTurnsAtOnce) return at;
    at_once_ = 0;
    while (next_interval_ <= at) next_interval_ += group_.interval;
    const TimePoint soonest = at + kShortestRevisit;
    return event ? std::clamp(*event, soonest, std::max(soonest, next_interval_)) : next_interval_;
  }

  /// It was a wait for a person.
  std::vector<Order> promoted(TimePoint at) {
    const auto wait = std::ranges::find(plan_.steps.rbegin(), plan_.steps.rend(), std::string_view("wait"), &DeployStep::what);
    if (wait != plan_.steps.rend()) *wait = {.after = wait->after, .what = "promote", .why = wait->why + ": taken as promoted"};
    return {{.kind = Order::Kind::promote, .at = at}};
  }

  void add(std::string_view what, std::string why) {
    plan_.steps.push_back({.after = world_.now() - begin_, .what = what, .server = {}, .version = {}, .why = std::move(why)});
  }

  void note_actions(const Plan& plan) {
    for (const Action& action : plan.actions) {
      if (action.why == kNotGoneYet) continue;
      add(to_string(action.kind), action.why);
      DeployStep& step = plan_.steps.back();
      step.server = action.server;
      step.version = action.version;
      if (action.kind == Action::Kind::set_weight) step.weight = action.weight;
    }
  }

  void note(const Plan& plan, const std::optional<Rollout>& before) {
    const bool known = rollout_ && before && before->started_at == rollout_->started_at;
    if (known && rollout_->direction != before->direction) add("go_back", rollout_->why_back);
    const bool switched = known && rollout_->strategy == Strategy::blue_green && before->step == 0 && rollout_->step > 0;
    if (switched) add("switch", fmt::format("all traffic goes to {} at once", rollout_->version));
    note_actions(plan);
    const bool uneven = are_uneven(plan.peers);
    if (std::exchange(uneven_, uneven) && !uneven) add("even_weights", "all servers have equal shares of the traffic again");
    if (is_active(rollout_) && !rollout_->waits.empty() && !(known && before->waits == rollout_->waits))
      add("wait", rollout_->waits);
  }

  void look() {
    plan_.servers_max = std::max(plan_.servers_max, world_.launched());
    const int serving = world_.serving();
    plan_.in_service_min = looked_ ? std::min(plan_.in_service_min, serving) : serving;
    looked_ = true;
  }

  const Group& group_;
  ExpectedWorld world_;
  TimePoint begin_;
  TimePoint next_interval_ = begin_;
  int at_once_ = 0;
  bool looked_ = false;
  bool uneven_ = false;
  std::optional<Rollout> rollout_;
  DeployPlan plan_;
};

}  // namespace

DeployPlan plan_deploy(const Group& group, const Policies& policies, const Turn& now, const Order& order) {
  const Group content = without_judge(group);
  Order given = order;
  given.at = now.observation.at;
  DeployPlan plan = Rehearsal(content, policies, held(now)).run(given);
  plan.group = group.name;
  plan.at = now.observation.at;
  plan.size = now.memory.desired.value_or(0);
  plan.boot = boot_of(now.memory);
  plan.boot_is_learned = !now.memory.boots.empty();
  plan.is_judged = !group.deploy.judge.checks.empty();
  return plan;
}

}  // namespace weir
