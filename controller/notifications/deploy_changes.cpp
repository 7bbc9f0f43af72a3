#include "controller/notifications/deploy_changes.h"

#include <algorithm>
#include <chrono>

namespace weir {
namespace {

using Kind = DeployChange::Kind;

bool is_same(const std::optional<Rollout>& before, const Rollout& rollout) {
  return before && before->started_at == rollout.started_at && before->version == rollout.version;
}

/// One that was ordered while weir did not run was there before the first turn, but nobody has told of it.
bool is_new(const Memory& before, const Rollout& rollout) { return !is_same(before.rollout, rollout) || before.deploy_untold; }

/// How hooks ended, in the turn that was told.
void add_hooks(const Memory& before, const Rollout& rollout, std::vector<DeployChange>& changes) {
  for (const HookRun& run : rollout.hooks) {
    if (!run.ended_at) continue;
    const auto known = [&](const HookRun& other) { return other.token == run.token && other.ended_at; };
    if (before.rollout && std::ranges::any_of(before.rollout->hooks, known)) continue;
    const Kind ended = run.failed ? Kind::hook_failed : Kind::hook_done;
    changes.push_back({.kind = run.asks_to_wait ? Kind::hook_asks_to_wait : ended, .hook = run});
  }
}

const Order* order_of(const Record& record, Order::Kind kind) {
  const auto found = std::ranges::find(record.orders, kind, &Order::kind);
  return found == record.orders.end() ? nullptr : &*found;
}

}  // namespace

std::vector<DeployChange> deploy_changes(const Memory& before, const Memory& after, const Record& record) {
  std::vector<DeployChange> changes;
  if (!after.rollout) return changes;
  const Rollout& rollout = *after.rollout;
  const bool fresh = is_new(before, rollout);
  if (fresh) changes.push_back({.kind = Kind::started});
  add_hooks(before, rollout, changes);
  const Order* promoted = order_of(record, Order::Kind::promote);
  if (promoted != nullptr && (is_active(before.rollout) || is_active(after.rollout)))
    changes.push_back({.kind = Kind::promoted, .by = promoted->by});
  const bool known = is_same(before.rollout, rollout);
  if (known && rollout.step > before.rollout->step) changes.push_back({.kind = Kind::passed});
  const bool back = rollout.direction == Rollout::Direction::back;
  if (back && (fresh || before.rollout->direction != rollout.direction)) {
    const Order* aborted = order_of(record, Order::Kind::abort);
    changes.push_back({.kind = Kind::goes_back, .by = aborted == nullptr ? "" : aborted->by});
  }
  if (!rollout.ended_at || (!fresh && before.rollout->ended_at)) return changes;
  changes.push_back({.kind = rollout.end == Rollout::End::went_back ? Kind::went_back : Kind::done});
  return changes;
}

std::string time_taken(const Rollout& rollout) {
  const Duration span = std::max(*rollout.ended_at - rollout.started_at, Duration{0});
  return format_duration(std::chrono::floor<std::chrono::seconds>(span));
}

}  // namespace weir
