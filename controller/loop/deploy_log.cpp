#include "controller/loop/deploy_log.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>

#include "controller/notifications/deploy_changes.h"

namespace weir {
namespace {

using Kind = DeployChange::Kind;

void log_change(const Log& log, const DeployChange& change, const Rollout& rollout, const std::string& group) {
  const std::string point(to_string(change.hook.point));
  switch (change.kind) {
    case Kind::started:
      return log.info("deploy_started", {{"group", group},
                                         {"strategy", std::string(to_string(rollout.strategy))},
                                         {"from", rollout.from},
                                         {"version", rollout.version},
                                         {"replaced", fmt::format("{}", fmt::join(rollout.replaced, ","))},
                                         {"by", rollout.by}});
    case Kind::hook_failed:
      return log.warning("hook_failed", {{"group", group}, {"hook", point}, {"said", change.hook.said}});
    case Kind::hook_asks_to_wait:
      return log.info("hook_asks_to_wait", {{"group", group}, {"hook", point}, {"said", change.hook.said}});
    case Kind::hook_done:
      return log.info("hook_done", {{"group", group}, {"hook", point}, {"said", change.hook.said}});
    case Kind::promoted:
      return log.info("deploy_promoted", {{"group", group}, {"version", rollout.version}, {"by", change.by}});
    case Kind::passed:
      return;  // seen in the actions it is followed by
    case Kind::goes_back:
      return log.warning("deploy_goes_back",
                         {{"group", group}, {"version", rollout.version}, {"to", rollout.from}, {"why", rollout.why_back}});
    case Kind::done:
    case Kind::went_back:
      return log.info("deploy_ended", {{"group", group},
                                       {"version", rollout.version},
                                       {"end", std::string(to_string(rollout.end))},
                                       {"why", rollout.why_back},
                                       {"failures", std::to_string(rollout.failures)},
                                       {"took", time_taken(rollout)}});
  }
}

}  // namespace

void log_deploy(const Log& log, const Memory& before, const Memory& after, const Record& record) {
  for (const DeployChange& change : deploy_changes(before, after, record)) log_change(log, change, *after.rollout, record.group);
}

}  // namespace weir
