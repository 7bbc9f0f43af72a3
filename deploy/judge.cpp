#include "deploy/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace weir {
namespace {

using Kind = Verdict::Kind;

constexpr std::string_view kVersion = "{version}";
/// A verdict without newer answers holds for so many intervals.
constexpr int kHolds = 4;

bool compares(const JudgeCheck& check) { return check.below_old || check.above_old; }

std::size_t query_count(const JudgeRule& rule) {
  const auto comparing = static_cast<std::size_t>(std::ranges::count_if(rule.checks, compares));
  return (rule.samples.empty() ? 0 : 1) + rule.checks.size() + comparing;
}

/// The version as it may stand in a PromQL string, whatever its quotes.
std::string escaped(std::string_view version) {
  std::string text;
  for (const char c : version) {
    const bool special = c == '"' || c == '\'' || c == '\\' || c == '`' || (static_cast<unsigned char>(c) < 0x20) || c == 0x7f;
    text += special ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c)) : std::string(1, c);
  }
  return text;
}

Query query_about(std::string_view expression, std::string_view version) {
  const std::string name = escaped(version);
  Query query;
  std::size_t from = 0;
  for (std::size_t found = 0; (found = expression.find(kVersion, from)) != std::string_view::npos; from = found + kVersion.size()) {
    query.expression += expression.substr(from, found - from);
    query.expression += name;
  }
  query.expression += expression.substr(from);
  return query;
}

std::optional<double> number_of(const Sample& sample) {
  if (sample.status != Sample::Status::ok || !std::isfinite(sample.value)) return std::nullopt;
  return sample.value;
}

/// Why a sample has no number.
std::string problem_of(const Sample& sample) {
  switch (sample.status) {
    case Sample::Status::ok:
    case Sample::Status::nan:
      return "the query returned NaN or an infinite value";
    case Sample::Status::empty:
      return "the query returned no series";
    case Sample::Status::degraded:
      return "partial or stale data: " + sample.detail;
    case Sample::Status::failed:
      break;
  }
  return "no data: " + sample.detail;
}

/// What one check, or all of them, come to.
struct Finding {
  Kind kind = Kind::good;
  std::string text;
};

/// `value` as a multiple of `old`. Two versions that both have none are alike.
double multiple(double value, double old) {
  if (old > 0) return value / old;
  return value > 0 ? std::numeric_limits<double>::infinity() : 1;
}

std::string compared(const JudgeCheck& check, double value, double old, std::string_view side, double bound) {
  const std::string times = old > 0 ? fmt::format("{:.3g} times the {:.6g}", value / old, old) : fmt::format("against {:.6g}", old);
  return fmt::format("{} is {:.6g}, {} of the old version: expected {} {:.6g} times that", check.name, value, times, side, bound);
}

Finding examine(const JudgeCheck& check, const Sample& answer, const Sample* of_old) {
  const std::optional<double> value = number_of(answer);
  const auto unclear = [&](std::string_view whose, std::string_view problem) {
    return Finding{Kind::inconclusive, fmt::format("{} cannot be judged: {}{}", check.name, whose, problem)};
  };
  const auto bad = [&](std::string_view side, double bound) {
    return Finding{Kind::bad, fmt::format("{} is {:.6g}: expected {} {:.6g}", check.name, *value, side, bound)};
  };
  if (!value) return unclear("", problem_of(answer));
  if (check.below && *value >= *check.below) return bad("below", *check.below);
  if (check.above && *value <= *check.above) return bad("above", *check.above);
  Finding good{Kind::good, fmt::format("{} is {:.6g}", check.name, *value)};
  if (of_old == nullptr) return good;
  const std::optional<double> old = number_of(*of_old);
  if (!old) return unclear("of the old version, ", problem_of(*of_old));
  if (*value < 0 || *old < 0) return unclear("", fmt::format("{:.6g} is no multiple of {:.6g}", *value, *old));
  const double times = multiple(*value, *old);
  if (check.below_old && times >= *check.below_old) return {Kind::bad, compared(check, *value, *old, "below", *check.below_old)};
  if (check.above_old && times <= *check.above_old) return {Kind::bad, compared(check, *value, *old, "above", *check.above_old)};
  return good;
}

/// Whether there were enough requests.
Finding examine_traffic(const Sample& answer, int least) {
  const std::optional<double> requests = number_of(answer);
  const bool none = answer.status == Sample::Status::empty;
  if (!requests && !none) return {Kind::inconclusive, "how many requests it had cannot be told: " + problem_of(answer)};
  const double count = std::floor(requests.value_or(0));
  if (count >= least && !none) return {};
  return {Kind::inconclusive, fmt::format("it waits for traffic: {:.0f} of the {} requests that a judgement takes", count, least)};
}

/// All checks: one that is bad outweighs any that say nothing, and those outweigh the good ones.
Finding examine_all(const JudgeRule& rule, std::span<const Sample> answers) {
  if (!rule.samples.empty()) {
    const Finding traffic = examine_traffic(answers.front(), rule.min_samples);
    if (traffic.kind != Kind::good) return traffic;
    answers = answers.subspan(1);
  }
  Finding all;
  for (const JudgeCheck& check : rule.checks) {
    const Sample* of_old = compares(check) ? &answers[1] : nullptr;
    const Finding one = examine(check, answers[0], of_old);
    answers = answers.subspan(of_old == nullptr ? 1 : 2);
    const auto weight = [](const Finding& finding) {
      return finding.kind == Kind::bad ? 2 : static_cast<int>(finding.kind == Kind::inconclusive);
    };
    if (weight(one) < weight(all)) continue;
    if (weight(one) > weight(all)) all = {one.kind, {}};
    all.text += (all.text.empty() ? "" : "; ") + one.text;
  }
  return all;
}

void remember(const Finding& finding, TimePoint at, JudgeMemory& memory) {
  memory.why = finding.text;
  if (finding.kind == Kind::inconclusive) {
    const bool goes_on = memory.inconclusive_since && *memory.inconclusive_since <= at;
    if (!goes_on) memory.inconclusive_since = at;
    return;
  }
  memory.inconclusive_since.reset();
  memory.bad = finding.kind == Kind::bad ? memory.bad + 1 : 0;
}

/// Turns come a little early or late: a tenth of the interval does not put a judgement off to the next.
bool is_due(const JudgeRule& rule, TimePoint at, const JudgeMemory& memory) {
  if (!memory.judged_at || *memory.judged_at > at) return true;
  return at - *memory.judged_at >= rule.interval - rule.interval / 10;
}

/// Nobody has answered; a verdict does not hold forever.
void miss_answers(const JudgeRule& rule, TimePoint at, JudgeMemory& memory) {
  if (!memory.judged_at) return remember({Kind::inconclusive, "not judged yet"}, at, memory);
  if (at - *memory.judged_at <= kHolds * rule.interval) return;
  remember({Kind::inconclusive, "its queries have not been answered since " + format_time(*memory.judged_at)}, at, memory);
}

Kind kind_of(const JudgeMemory& memory) {
  if (memory.inconclusive_since || !memory.judged_at) return Kind::inconclusive;
  return memory.bad > 0 ? Kind::bad : Kind::good;
}

Verdict verdict_of(const JudgeRule& rule, TimePoint at, const JudgeMemory& memory) {
  const Kind kind = kind_of(memory);
  if (kind == Kind::bad && memory.bad > rule.failure_limit) {
    const std::string times = memory.bad > 1 ? fmt::format(" {} times in a row", memory.bad) : "";
    return {kind, true, fmt::format("judged bad{}: {}", times, memory.why)};
  }
  const bool lost = kind == Kind::inconclusive && rule.inconclusive_after &&
                    at - memory.inconclusive_since.value_or(at) >= *rule.inconclusive_after;
  if (lost) return {kind, true, fmt::format("not judged for {}: {}", format_duration(*rule.inconclusive_after), memory.why)};
  return {kind, false, memory.why};
}

}  // namespace

JudgeRule judge_rule(const JudgeRule& rule, const Rollout& rollout) {
  JudgeRule here = rule;
  if (rollout.strategy != Strategy::blue_green) return here;
  for (JudgeCheck& check : here.checks) check.below_old = check.above_old = std::nullopt;
  std::erase_if(here.checks, [](const JudgeCheck& check) { return !check.below && !check.above; });
  return here;
}

std::vector<Query> judge_queries(const JudgeRule& given, const Rollout& rollout) {
  const JudgeRule rule = judge_rule(given, rollout);
  std::vector<Query> queries;
  if (rule.checks.empty() || rollout.direction == Rollout::Direction::back) return queries;
  queries.reserve(query_count(rule));
  if (!rule.samples.empty()) queries.push_back(query_about(rule.samples, rollout.version));
  for (const JudgeCheck& check : rule.checks) {
    queries.push_back(query_about(check.query, rollout.version));
    if (compares(check)) queries.push_back(query_about(check.query, rollout.from));
  }
  return queries;
}

Verdict judge(const JudgeRule& rule, std::span<const Sample> answers, TimePoint at, JudgeMemory& memory) {
  if (rule.checks.empty()) return {Kind::good, false, "nothing to judge it by"};
  if (answers.size() != query_count(rule)) {
    miss_answers(rule, at, memory);
  } else if (is_due(rule, at, memory)) {
    remember(examine_all(rule, answers), at, memory);
    memory.judged_at = at;
  }
  return verdict_of(rule, at, memory);
}

Verdict judge(const JudgeRule& rule, const Observation& seen, Rollout& rollout) {
  const bool about_it = seen.judged_version == rollout.version;
  return judge(judge_rule(rule, rollout), about_it ? std::span(seen.judged) : std::span<const Sample>(), seen.at, rollout.judge);
}

bool has_passed(const JudgeRule& rule, const Rollout& rollout, TimePoint since) {
  if (judge_rule(rule, rollout).checks.empty()) return true;
  return kind_of(rollout.judge) == Kind::good && *rollout.judge.judged_at > since;
}

std::string_view to_string(Verdict::Kind kind) {
  switch (kind) {
    case Kind::good:
      return "good";
    case Kind::bad:
      return "bad";
    case Kind::inconclusive:
      break;
  }
  return "inconclusive";
}

}  // namespace weir
