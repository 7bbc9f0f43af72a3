#pragma once

#include <array>
#include <string>
#include <string_view>

#include "controller/config/judge.h"
#include "controller/config/reader.h"
#include "model/rollout.h"
#include "model/settings.h"

namespace weir {

inline constexpr std::array<std::string_view, 3> kStrategyNames = {"rolling", "blue_green", "canary"};

inline constexpr Key kHookKeys[] = {
    {.name = "command",
     .type = KeyType::command,
     .doc =
         "What runs, without a shell; {version}, {from} (the old version) and {group} are filled in. It has to bear being run "
         "twice: after a restart of weir it is run again. Status 0 is done, 75 asks to be run again later, all else has failed."},
    {.name = "url",
     .type = KeyType::text,
     .doc = "Instead of a command: it is told by a POST of JSON, and {version}, {from} and {group} are filled in. 2xx is done, 425 "
            "and 503 ask to wait, all else has failed."},
    {.name = "retry",
     .type = KeyType::duration,
     .doc = "How long after it asked to wait it is run again.",
     .fallback = "30s",
     .minimum = 1,
     .maximum = 86'400},
    {.name = "timeout",
     .type = KeyType::duration,
     .doc = "It is killed after this, and has failed.",
     .fallback = "10m",
     .minimum = 1,
     .maximum = 86'400},
};

/// The places of model/rollout.h (HookPoint).
inline constexpr Key kHooksKeys[] = {
    {.name = "before",
     .type = KeyType::section,
     .doc = "Before anything is launched: migrations that both versions can live with.",
     .keys = kHookKeys},
    {.name = "after_new_healthy",
     .type = KeyType::section,
     .doc = "When the first new servers (blue_green: all of them) have proven themselves.",
     .keys = kHookKeys},
    {.name = "before_switch",
     .type = KeyType::section,
     .doc = "Before the first old server leaves the traffic for a new one.",
     .keys = kHookKeys},
    {.name = "gate",
     .type = KeyType::section,
     .doc = "Before every further step: after each batch (rolling), before and after the switch (blue_green), at the end of each "
            "step (canary). It may ask to wait as long as it likes; promote skips it.",
     .keys = kHookKeys},
    {.name = "after",
     .type = KeyType::section,
     .doc = "When all servers run the new version. Its failure is told and changes nothing.",
     .keys = kHookKeys},
};

inline constexpr Key kCanaryStepKeys[] = {
    {.name = "weight",
     .type = KeyType::percent,
     .doc = "How much of the traffic the new version gets at most; more than in the step before.",
     .required = true},
    {.name = "soak",
     .type = KeyType::duration,
     .doc = "How long it has to serve that before the next step; by default the deploy's own soak, but at least 1m.",
     .minimum = 0,
     .maximum = 7 * 86'400},
};

/// What `deploy` in a group takes.
inline constexpr Key kDeployKeys[] = {
    {.name = "strategy",
     .type = KeyType::choice,
     .doc =
         "A few servers at a time (rolling), all new ones beside the old and then the traffic at once (blue_green), or a growing "
         "share of the traffic and then as rolling (canary). `weir deploy start --strategy` takes another for once.",
     .fallback = "rolling",
     .choices = kStrategyNames},
    {.name = "max_surge",
     .type = KeyType::portion,
     .doc = "How many servers there may be beyond the group's size, rounded up; blue_green has as many as it needs.",
     .fallback = "1"},
    {.name = "max_unavailable",
     .type = KeyType::portion,
     .doc = "How many servers may be missing in service, rounded down; never all of them, and never below min.",
     .fallback = "0"},
    {.name = "soak",
     .type = KeyType::duration,
     .doc = "A new server counts once it has been good for so long.",
     .fallback = "0s",
     .minimum = 0,
     .maximum = 86'400},
    {.name = "pause_at",
     .type = KeyType::percents,
     .doc = "rolling: with so much of the group on the new version it stops until somebody says `weir deploy promote`."},
    {.name = "steps",
     .type = KeyType::sections,
     .doc = "canary: the shares, rising; by default 5%, 25% and 50%. After the last it goes on as rolling.",
     .keys = kCanaryStepKeys},
    {.name = "keep_old",
     .type = KeyType::duration,
     .doc = "blue_green: how long the old servers stay after the switch, so that the way back takes no time.",
     .fallback = "0s",
     .minimum = 0,
     .maximum = 7 * 86'400},
    {.name = "failure_limit",
     .type = KeyType::integer,
     .doc = "So many servers of the new version may fail; one more and the deploy goes back.",
     .fallback = "1",
     .minimum = 0,
     .maximum = 1000},
    {.name = "progress_deadline",
     .type = KeyType::duration,
     .doc = "When nothing has moved for so long the deploy goes back; longer than soak. Waits that are meant do not count. By "
            "default as "
            "long as health.deadline if that is longer.",
     .fallback = "10m",
     .minimum = 1,
     .maximum = 7 * 86'400},
    {.name = "judge",
     .type = KeyType::section,
     .doc = "What Prometheus has to say of the new version before a step has passed (docs/deploy_judge.md).",
     .keys = kJudgeKeys},
    {.name = "hooks",
     .type = KeyType::section,
     .doc = "Commands that have to succeed before the deploy goes on.",
     .keys = kHooksKeys},
};

/// The rule that a `deploy` section comes to; its steps are those a canary would have, whatever the strategy. Complains about what
/// the table cannot tell; `path` is the section's, `start` how long a server of the group may take to become healthy. What provider
/// and balancers can do is the caller's to check.
[[nodiscard]] DeployRule read_deploy(const Settings& deploy, Duration start, const std::string& path, Reader& reader);

}  // namespace weir
