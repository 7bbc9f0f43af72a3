#pragma once

#include <string>

#include "controller/config/reader.h"
#include "model/rollout.h"
#include "model/settings.h"

namespace weir {

inline constexpr Key kJudgeCheckKeys[] = {
    {.name = "name", .doc = "The check's name, for people; unique among the group's checks.", .required = true},
    {.name = "query",
     .doc = "PromQL for one number; {version} in it stands for the version asked about. Without data the deploy waits.",
     .required = true},
    {.name = "below", .type = KeyType::number, .doc = "Good while the value is less than this."},
    {.name = "above", .type = KeyType::number, .doc = "Good while the value is greater than this."},
    {.name = "below_old",
     .type = KeyType::number,
     .doc = "Good while the value is less than this many times what the same query says of the old version at the same time.",
     .minimum = 0},
    {.name = "above_old",
     .type = KeyType::number,
     .doc = "Good while it is greater than this many times what the query says of the old version.",
     .minimum = 0},
};

/// What `judge` in a group's `deploy` takes.
inline constexpr Key kJudgeKeys[] = {
    {.name = "checks",
     .type = KeyType::sections,
     .doc = "What has to hold of the new version, all of it, before a step of a deploy has passed.",
     .required = true,
     .keys = kJudgeCheckKeys},
    {.name = "samples",
     .doc = "PromQL for how many requests the checks are about; {version} in it stands for the new version. With fewer than "
            "min_samples the deploy waits."},
    {.name = "min_samples",
     .type = KeyType::integer,
     .doc = "So many requests it takes to judge.",
     .fallback = "100",
     .minimum = 1,
     .maximum = 1'000'000'000},
    {.name = "interval",
     .type = KeyType::duration,
     .doc = "Between two judgements; one takes at least an interval of the group.",
     .fallback = "15s",
     .minimum = 1,
     .maximum = 86'400},
    {.name = "failure_limit",
     .type = KeyType::integer,
     .doc = "So many bad judgements in a row are put up with; one more and the deploy goes back.",
     .fallback = "1",
     .minimum = 0,
     .maximum = 1000},
    {.name = "inconclusive_after",
     .type = KeyType::duration,
     .doc = "After so long without enough traffic or without data the deploy goes back; without it, it waits.",
     .minimum = 1,
     .maximum = 86'400},
};

/// The rule that a `judge` section comes to. Complains about what the table cannot tell; `path` is the section's. Whether anybody
/// can be asked its queries is the caller's to check.
[[nodiscard]] JudgeRule read_judge(const Settings& judge, const std::string& path, Reader& reader);

}  // namespace weir
