#include "controller/loop/deploy_log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace weir {
namespace {

bool is_same(const std::optional<Rollout>& before, const Rollout& rollout) {
  return before && before->started_at == rollout.started_at && before->version == rollout.version;
}

/// One that was ordered while weir did not run was there before the first turn, but no turn has told of it.
bool is_new(const Memory& before, const Rollout& rollout) {
  return !is_same(before.rollout, rollout) || !before.turned_at || *before.turned_at < rollout.started_at;
}

/// How a hook ended, in the turn that was told.
void log_hook(const Log& log, const Memory& before, const HookRun& run, const std::string& group) {
  if (!run.ended_at) return;
  const auto known = [&](const HookRun& other) { return other.token == run.token && other.ended_at; };
  if (before.rollout && std::ranges::any_of(before.rollout->hooks, known)) return;
  const std::string point(to_string(run.point));
  if (run.asks_to_wait) {
    log.info("hook_asks_to_wait", {{"group", group}, {"hook", point}, {"said", run.said}});
  } else if (run.failed) {
    log.warning("hook_failed", {{"group", group}, {"hook", point}, {"said", run.said}});
  } else {
    log.info("hook_done", {{"group", group}, {"hook", point}, {"said", run.said}});
  }
}

std::string took(const Rollout& rollout) {
  const Duration span = std::max(*rollout.ended_at - rollout.started_at, Duration{0});
  return format_duration(std::chrono::floor<std::chrono::seconds>(span));
}

}  // namespace

void log_deploy(const Log& log, const Memory& before, const Memory& after, const Record& record) {
  if (!after.rollout) return;
  const Rollout& rollout = *after.rollout;
  const std::string& group = record.group;
  const bool fresh = is_new(before, rollout);
  if (fresh) {
    log.info("deploy_started", {{"group", group},
                                {"strategy", std::string(to_string(rollout.strategy))},
                                {"from", rollout.from},
                                {"version", rollout.version},
                                {"replaced", fmt::format("{}", fmt::join(rollout.replaced, ","))},
                                {"by", rollout.by}});
  }
  for (const HookRun& run : rollout.hooks) log_hook(log, before, run, group);
  const auto promoted = std::ranges::find(record.orders, Order::Kind::promote, &Order::kind);
  if (promoted != record.orders.end() && (is_active(before.rollout) || is_active(after.rollout)))
    log.info("deploy_promoted", {{"group", group}, {"version", rollout.version}, {"by", promoted->by}});
  const bool back = rollout.direction == Rollout::Direction::back;
  if (back && (fresh || before.rollout->direction != rollout.direction)) {
    log.warning("deploy_goes_back",
                {{"group", group}, {"version", rollout.version}, {"to", rollout.from}, {"why", rollout.why_back}});
  }
  if (!rollout.ended_at || (!fresh && before.rollout->ended_at)) return;
  log.info("deploy_ended", {{"group", group},
                            {"version", rollout.version},
                            {"end", std::string(to_string(rollout.end))},
                            {"why", rollout.why_back},
                            {"failures", std::to_string(rollout.failures)},
                            {"took", took(rollout)}});
}

}  // namespace weir
