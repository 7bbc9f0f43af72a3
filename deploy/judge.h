#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/observation.h"
#include "model/query.h"
#include "model/rollout.h"
#include "model/time.h"

namespace weir {

/// What the judge has to say of the new version.
struct Verdict {
  enum class Kind {
    good,
    bad,           ///< by data it trusts
    inconclusive,  ///< too little traffic, or data it does not trust: wait, it has not passed
  };
  Kind kind = Kind::inconclusive;
  bool goes_back = false;  ///< enough of it: the deploy goes back, because of `why`
  std::string why;
};

/// The rule as it is for this deploy: nothing is compared with the old version after blue_green has switched, for that has no
/// traffic.
[[nodiscard]] JudgeRule judge_rule(const JudgeRule& rule, const Rollout& rollout);

/// What to ask for the judge of a deploy: how many requests there were, then for each check its query about the new version and,
/// for one that compares, about the old. Nothing on the way back, and nothing without checks.
[[nodiscard]] std::vector<Query> judge_queries(const JudgeRule& rule, const Rollout& rollout);

/// Looks at the answers to judge_queries(), once in an interval, and remembers what they came to; without new answers the last
/// verdict stands, for a few intervals. To be called while servers of the new version have traffic. Pure.
///
/// Good only if all checks are; bad if one is, by numbers that can be trusted, over enough requests. An answer that is empty, NaN,
/// partial or missing, the old version's too, makes neither. More than failure_limit bad judgements in a row send the deploy back.
[[nodiscard]] Verdict judge(const JudgeRule& rule, std::span<const Sample> answers, TimePoint at, JudgeMemory& memory);

/// The same with what a turn has observed. Answers about another version than the one it brings now are no answers.
[[nodiscard]] Verdict judge(const JudgeRule& rule, const Observation& seen, Rollout& rollout);

/// True if what began at `since` may count as passed: the last judgement is good, and of later.
[[nodiscard]] bool has_passed(const JudgeRule& rule, const Rollout& rollout, TimePoint since);

[[nodiscard]] std::string_view to_string(Verdict::Kind kind);

}  // namespace weir
