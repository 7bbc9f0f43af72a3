#include "controller/reconcile/orders.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "deploy/advance.h"
#include "model/version.h"

namespace weir {
namespace {

using Direction = Rollout::Direction;

/// What the group's servers run, or are to run from the first turn on.
const std::string& version_of(const Group& group, const Memory& memory) {
  return memory.version.empty() ? group.version : memory.version;
}

/// What a deploy under way is doing, for refusals.
std::string doing(const Rollout& rollout) {
  if (rollout.direction == Direction::forward) return fmt::format("the deploy of {} is already under way", rollout.version);
  return fmt::format("the deploy of {} is already going back to {}: {}", rollout.version, rollout.from, rollout.why_back);
}

Result<void> check_scale(const Order& order, const Group& group) {
  if (order.servers >= group.min && order.servers <= group.max) return {};
  return failure(ErrorKind::invalid,
                 fmt::format("group {} has at least {} and at most {} servers, so it cannot be held at {}; change "
                             "min or max in the configuration first",
                             group.name, group.min, group.max, order.servers));
}

Result<void> check_deploy(const Order& order, const Group& group, const Memory& memory) {
  if (auto plain = check_version(order.version); !plain) return plain;
  if (!group.elastic) {
    return failure(ErrorKind::invalid, fmt::format("group {} cannot be deployed by weir: its servers are a fixed list, and weir "
                                                   "neither starts nor ends any of them",
                                                   group.name));
  }
  if (!group.chooses_victim) {
    return failure(ErrorKind::invalid, fmt::format("group {} cannot be deployed by weir: its platform picks which server goes when "
                                                   "there is to be one fewer, so it could end those of the new version; use the "
                                                   "platform's own update",
                                                   group.name));
  }
  if (!group.deployed_with.empty()) {
    return failure(ErrorKind::invalid, fmt::format("group {} cannot be deployed by weir: its platform replaces servers by itself; "
                                                   "deploy there with {}",
                                                   group.name, group.deployed_with));
  }
  if (order.strategy.value_or(group.deploy.strategy) == Strategy::canary && !group.weightless.empty()) {
    return failure(ErrorKind::invalid, fmt::format("group {}: a canary needs balancers that give shares by weight, unlike {}; "
                                                   "deploy with --strategy rolling or blue_green",
                                                   group.name, group.weightless));
  }
  if (!is_active(memory.rollout)) {
    if (version_of(group, memory) != order.version) return {};
    return failure(ErrorKind::invalid,
                   fmt::format("group {} runs {} already, and no deploy is under way", group.name, order.version));
  }
  const Rollout& rollout = *memory.rollout;
  // Forward again is possible too: it may have been a mistake to go back.
  const bool back = rollout.direction == Direction::back;
  if (order.version != (back ? rollout.from : rollout.version)) return {};
  return failure(ErrorKind::invalid, fmt::format("group {}: {}", group.name, doing(rollout)));
}

/// promote and abort.
Result<void> check_under_way(const Order& order, const Group& group, const Memory& memory) {
  if (!is_active(memory.rollout)) {
    return failure(ErrorKind::invalid, fmt::format("no deploy is under way in group {}", group.name));
  }
  if (memory.rollout->direction == Direction::forward) return {};
  const char* what = order.kind == Order::Kind::abort ? "aborted" : "promoted";
  return failure(ErrorKind::invalid, fmt::format("group {}: nothing to be {}: {}", group.name, what, doing(*memory.rollout)));
}

/// A bad version's failures must not hold back the servers of the good one.
void go_back(std::string why, TimePoint at, Memory& memory) {
  turn_back(*memory.rollout, at, std::move(why));
  memory.launch_failures = 0;
  memory.launch_not_before.reset();
}

/// The versions that servers may run which belong to neither end of a deploy of `version` in the place of `old`.
std::vector<std::string> replaced_by(const std::string& version, const Rollout& old) {
  std::vector<std::string> replaced;
  const auto add = [&](const std::string& one) {
    const bool known = one == version || std::ranges::find(replaced, one) != replaced.end();
    if (!known) replaced.push_back(one);
  };
  for (const std::string& one : old.replaced) add(one);
  add(old.version);
  return replaced;
}

void deploy(const Order& order, const Group& group, TimePoint at, Memory& memory) {
  const bool replaces = is_active(memory.rollout);
  if (replaces && order.version == memory.rollout->from) {
    const std::string who = order.by.empty() ? "somebody" : order.by;
    return go_back(fmt::format("{} asked for {} again", who, order.version), at, memory);
  }
  Rollout rollout{
      .version = order.version, .from = version_of(group, memory), .strategy = order.strategy.value_or(group.deploy.strategy)};
  if (replaces) {
    rollout.from = memory.rollout->from;
    rollout.replaced = replaced_by(order.version, *memory.rollout);
    rollout.replaced_share = replaced_share(*memory.rollout);
  }
  rollout.by = order.by;
  rollout.started_at = order.at;
  rollout.progressed_at = at;
  memory.rollout = std::move(rollout);
  // What failed before says nothing about this version.
  memory.launch_failures = 0;
  memory.launch_not_before.reset();
}

void obey(const Order& order, const Group& group, TimePoint at, Memory& memory) {
  const bool about_deploys =
      order.kind == Order::Kind::deploy || order.kind == Order::Kind::promote || order.kind == Order::Kind::abort;
  if (about_deploys && !check_order(order, group, memory)) return;
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
      return deploy(order, group, at, memory);
    case Order::Kind::promote:
      memory.rollout->promoted = true;
      return;
    case Order::Kind::abort:
      return go_back(order.by.empty() ? "aborted" : "aborted by " + order.by, at, memory);
  }
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
      return check_under_way(order, group, memory);
    case Order::Kind::pause:
    case Order::Kind::resume:
      return {};
  }
  std::abort();
}

void obey_orders(std::span<const Order> orders, const Group& group, TimePoint at, Memory& memory) {
  for (const Order& order : orders) obey(order, group, at, memory);
  memory.manual = manual_in_force(std::move(memory.manual), at);
}

Manual manual_in_force(Manual manual, TimePoint at) {
  if (manual.hold && manual.hold->until && at >= *manual.hold->until) manual.hold.reset();
  if (manual.pause && manual.pause->until && at >= *manual.pause->until) manual.pause.reset();
  return manual;
}

}  // namespace weir
