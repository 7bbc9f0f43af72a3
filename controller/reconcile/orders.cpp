#include "controller/reconcile/orders.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "deploy/advance.h"
#include "model/version.h"

namespace weir {
namespace {

/// A bad version's failures must not hold the good one up.
void go_back(TimePoint at, std::string why, Memory& memory) {
  turn_back(*memory.rollout, at, std::move(why));
  memory.launch_failures = 0;
  memory.launch_not_before.reset();
}

/// In the place of a deploy under way: what that one began is not to stay either.
void take_place_of(const Rollout& old, Rollout& rollout) {
  rollout.from = old.from;
  rollout.replaced = old.replaced;
  rollout.replaced.push_back(old.version);
  std::erase(rollout.replaced, rollout.version);
}

void start_deploy(const Order& order, const Group& group, TimePoint at, Memory& memory) {
  const bool active = is_active(memory.rollout);
  if (active && order.version == memory.rollout->from) {
    if (memory.rollout->direction == Rollout::Direction::forward) {
      go_back(at, fmt::format("{} asked for {} again", order.by, order.version), memory);
    }
    return;
  }
  const std::string& now = memory.version.empty() ? group.version : memory.version;
  const bool forward = active && memory.rollout->direction == Rollout::Direction::forward;
  if (order.version == (forward ? memory.rollout->version : now)) return;
  Rollout rollout{.version = order.version,
                  .from = now,
                  .strategy = order.strategy.value_or(group.deploy.strategy),
                  .by = order.by,
                  .started_at = at,
                  .progressed_at = at};
  if (active) take_place_of(*memory.rollout, rollout);
  memory.launch_failures = 0;
  memory.launch_not_before.reset();
  memory.rollout = std::move(rollout);
}

void obey(const Order& order, const Group& group, TimePoint at, Memory& memory) {
  switch (order.kind) {
    case Order::Kind::scale:
      memory.manual.hold = Manual::Hold{order.servers, order.until, order.by};
      return;
    case Order::Kind::pause:
      memory.manual.pause = Manual::Pause{order.out, order.in, order.until, order.by};
      return;
    case Order::Kind::resume:
      memory.manual = {};
      return;
    case Order::Kind::deploy:
      return start_deploy(order, group, at, memory);
    case Order::Kind::promote:
      if (is_active(memory.rollout)) memory.rollout->promoted = true;
      return;
    case Order::Kind::abort:
      if (is_active(memory.rollout) && memory.rollout->direction == Rollout::Direction::forward) {
        go_back(at, fmt::format("aborted by {}", order.by), memory);
      }
      return;
  }
}

Result<void> check_scale(const Order& order, const Group& group) {
  if (order.servers >= group.min && order.servers <= group.max) return {};
  return failure(ErrorKind::invalid,
                 fmt::format("group {} has at least {} and at most {} servers, so it cannot be held at {}; change "
                             "min or max in the configuration first",
                             group.name, group.min, group.max, order.servers));
}

Result<void> check_deploy(const Order& order, const Group& group, const Memory& memory) {
  if (!group.elastic) {
    return failure(ErrorKind::invalid,
                   fmt::format("group {} has a fixed list of servers, so weir cannot replace them: deploy there "
                               "by other means",
                               group.name));
  }
  if (!group.chooses_victim) {
    return failure(ErrorKind::invalid, fmt::format("the platform of group {} replaces servers by itself: deploy there with its own "
                                                   "tools, weir follows",
                                                   group.name));
  }
  if (Result<void> sound = check_version(order.version); !sound) return sound;
  const bool active = is_active(memory.rollout);
  if (active && order.version == memory.rollout->version && memory.rollout->direction == Rollout::Direction::forward) {
    return failure(ErrorKind::invalid, fmt::format("a deploy of {} to group {} is under way already", order.version, group.name));
  }
  const std::string& now = memory.version.empty() ? group.version : memory.version;
  if (!active && order.version == now) {
    return failure(ErrorKind::invalid, fmt::format("group {} runs {} already", group.name, order.version));
  }
  return {};
}

Result<void> check_hand_on_deploy(const Order& order, const Group& group, const Memory& memory) {
  const std::string_view what = order.kind == Order::Kind::promote ? "promote" : "abort";
  if (!is_active(memory.rollout)) {
    return failure(ErrorKind::invalid, fmt::format("group {} has no deploy under way to {}", group.name, what));
  }
  if (memory.rollout->direction == Rollout::Direction::forward) return {};
  return failure(ErrorKind::invalid,
                 fmt::format("cannot {} the deploy of {} to group {}: it is going back to {} already ({})", what,
                             memory.rollout->version, group.name, memory.rollout->from, memory.rollout->why_back));
}

}  // namespace

Result<void> check_order(const Order& order, const Group& group, const Memory& memory) {
  switch (order.kind) {
    case Order::Kind::scale:
      return check_scale(order, group);
    case Order::Kind::deploy:
      return check_deploy(order, group, memory);
    case Order::Kind::promote:
    case Order::Kind::abort:
      return check_hand_on_deploy(order, group, memory);
    case Order::Kind::pause:
    case Order::Kind::resume:
      return {};
  }
  return {};
}

void obey_orders(std::span<const Order> orders, const Group& group, TimePoint at, Memory& memory) {
  for (const Order& order : orders) obey(order, group, at, memory);
  if (memory.manual.hold && memory.manual.hold->until && at >= *memory.manual.hold->until) memory.manual.hold.reset();
  if (memory.manual.pause && memory.manual.pause->until && at >= *memory.manual.pause->until) memory.manual.pause.reset();
}

}  // namespace weir
