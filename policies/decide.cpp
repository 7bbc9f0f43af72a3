#include "policies/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "policies/constant.h"
#include "policies/cost.h"
#include "policies/schedule.h"

namespace weir {
namespace {

/// Of the relief that more servers should bring under the same load, the share that counts as help.
constexpr double kLeastRelief = 0.25;

/// What every stage works on: it reads `steps.back().to` and records its own step.
struct Stages {
  const Group& group;
  const Observation& observation;
  const Fleet& fleet;
  Memory& memory;
  Decision& decision;

  [[nodiscard]] int proposed() const { return decision.steps.empty() ? decision.previous : decision.steps.back().to; }
  void record(std::string_view stage, int to, std::string why) {
    decision.steps.push_back({stage, proposed(), to, std::move(why)});
  }
};

PolicyMemory& memory_of(const Policy& policy, std::size_t index, Memory& memory) {
  // Normally the policies are the ones of the last turn, in their order.
  if (index < memory.policies.size() && memory.policies[index].policy == policy.name()) return memory.policies[index];
  const auto found = std::ranges::find(memory.policies, policy.name(), &PolicyMemory::policy);
  PolicyMemory kept{.policy = policy.name()};
  if (found != memory.policies.end()) {
    kept = std::move(*found);
    memory.policies.erase(found);
  }
  index = std::min(index, memory.policies.size());
  return *memory.policies.insert(memory.policies.begin() + static_cast<std::ptrdiff_t>(index), std::move(kept));
}

void ask(const Policies& policies, const Observation& observation, const Fleet& fleet, Memory& memory, Decision& decision) {
  decision.votes.reserve(policies.size());
  std::span<const Sample> samples = observation.samples;
  for (std::size_t index = 0; index < policies.size(); ++index) {
    const Policy& policy = *policies[index];
    const std::span<const Sample> own = samples.first(std::min(samples.size(), policy.query_count()));
    samples = samples.subspan(own.size());
    decision.votes.push_back(policy.vote(own, fleet, observation.at, memory_of(policy, index, memory)));
  }
  memory.policies.resize(policies.size());
}

/// Out if any policy says out, the largest wins; in only if every policy that governs scaling in wants it and none abstains.
void tally_votes(Stages& stages) {
  const int desired = stages.decision.previous;
  const Vote* out = nullptr;
  const Vote* in = nullptr;
  const Vote* abstains = nullptr;
  const Vote* content = nullptr;
  for (const Vote& vote : stages.decision.votes) {
    if (vote.stance == Vote::Stance::abstains) abstains = &vote;
    const bool wants = vote.stance == Vote::Stance::wants;
    if (wants && vote.wants > desired) {
      if (out == nullptr || vote.wants > out->wants) out = &vote;
    } else if (wants && vote.wants < desired && vote.scales_in) {
      if (in == nullptr || vote.wants > in->wants) in = &vote;
    } else if (vote.scales_in && vote.stance != Vote::Stance::abstains) {
      content = &vote;
    }
  }
  if (out != nullptr) return stages.record("votes", out->wants, fmt::format("{} wants {}", out->policy, out->wants));
  if (abstains != nullptr) {
    return stages.record("votes", desired, fmt::format("{} has no data it trusts, so nobody may scale in", abstains->policy));
  }
  if (in == nullptr) return stages.record("votes", desired, stages.decision.votes.empty() ? "no policies" : "all content");
  if (content != nullptr) {
    return stages.record("votes", desired, fmt::format("{} wants {}, but {} does not", in->policy, in->wants, content->policy));
  }
  stages.record("votes", in->wants, fmt::format("all that scale in agree; {} wants most: {}", in->policy, in->wants));
}

/// A schedule's bounds take the place of the group's; of several the largest.
void settle_bounds(const Group& group, Decision& decision) {
  std::optional<int> min;
  std::optional<int> max;
  for (const Vote& vote : decision.votes) {
    min = std::max(min, vote.min);
    max = std::max(max, vote.max);
  }
  decision.max = max.value_or(group.max);
  decision.min = std::min(min.value_or(group.min), decision.max);
}

/// A deploy needs its servers: nobody scales in while it is under way.
void heed_rollout(Stages& stages) {
  const std::optional<Rollout>& rollout = stages.memory.rollout;
  if (!is_active(rollout)) return;
  const int desired = stages.decision.previous;
  const int proposed = stages.proposed();
  const bool in = proposed < desired;
  stages.record("rollout", in ? desired : proposed,
                fmt::format("a deploy of {} is under way{}", rollout->version, in ? ": no scaling in until it has ended" : ""));
}

/// Guards that do not hold, and maintenance.
void heed_guards(Stages& stages) {
  const std::vector<Vote>& votes = stages.decision.votes;
  const bool any = std::ranges::any_of(
      votes, [](const Vote& vote) { return vote.type == kGuardPolicy.name || vote.type == kMaintenancePolicy.name; });
  if (!any) return;
  const int desired = stages.decision.previous;
  const int proposed = stages.proposed();
  if (proposed == desired) return stages.record("guards", proposed, "no change to forbid");
  const bool out = proposed > desired;
  const auto forbids = std::ranges::find_if(votes, [out](const Vote& vote) { return out ? vote.forbids_out : vote.forbids_in; });
  if (forbids == votes.end()) return stages.record("guards", proposed, "all hold");
  stages.record("guards", desired, fmt::format("{} forbids scaling {}: {}", forbids->policy, out ? "out" : "in", forbids->why));
}

const Vote* vote_of(const Decision& decision, const std::string& policy) {
  const auto found = std::ranges::find(decision.votes, policy, &Vote::policy);
  return found == decision.votes.end() ? nullptr : &*found;
}

std::optional<double> load_of(const Decision& decision) {
  for (const Vote& vote : decision.votes) {
    if (vote.type == kHelpPolicy.name) return vote.value;
  }
  return std::nullopt;
}

/// The share of the relief that the added servers should have brought and did; absent while it cannot be told.
std::optional<double> relief(const HelpMemory::Trial& trial, const Stages& stages) {
  const Vote* vote = vote_of(stages.decision, trial.policy);
  const std::optional<double> load = load_of(stages.decision);
  const int servers = stages.fleet.warmed;
  if (vote == nullptr || !vote->value || !load || stages.fleet.on_the_way > 0 || servers <= trial.servers) return std::nullopt;
  if (trial.load <= 0 || trial.value <= 0 || *load <= 0) return std::nullopt;
  const double unrelieved = trial.value * *load / trial.load;
  const double modelled = unrelieved * trial.servers / servers;
  return (unrelieved - *vote->value) / (unrelieved - modelled);
}

void judge_trial(Stages& stages) {
  HelpMemory& help = stages.memory.help;
  if (!help.trial) return;
  const std::optional<double> share = relief(*help.trial, stages);
  const bool stale = stages.observation.at - help.trial->at > stages.group.help->retry_after;
  if (share) help.failures = *share < kLeastRelief ? help.failures + 1 : 0;
  if (share || stale) help.trial.reset();
}

/// If the last scale-outs did not lower the value they were for, something else is short, and more servers only cost.
void ask_whether_it_helped(Stages& stages) {
  if (!stages.group.help) return;
  const HelpRule& rule = *stages.group.help;
  HelpMemory& help = stages.memory.help;
  judge_trial(stages);
  const TimePoint at = stages.observation.at;
  const int desired = stages.decision.previous;
  const int proposed = stages.proposed();
  if (proposed <= desired) {
    if (proposed < desired) help = {};
    return stages.record("did_it_help", proposed, "no scale-out to doubt");
  }
  if (help.failures < rule.attempts) {
    return stages.record("did_it_help", proposed, help.failures == 0 ? "nothing speaks against it" : "the last one did not help");
  }
  if (!help.stopped_at) help.stopped_at = at;
  const Duration waited = at - *help.stopped_at;
  if (waited >= rule.retry_after) {
    help = {.failures = rule.attempts - 1};
    return stages.record("did_it_help", proposed, fmt::format("tried again after {}", format_duration(rule.retry_after)));
  }
  stages.record("did_it_help", desired,
                fmt::format("the last {} scale-outs did not lower the value as added servers should, so something else is short; "
                            "tried again in {}",
                            help.failures, format_duration(rule.retry_after - waited)));
}

/// A scale-out that goes through is the next to be judged.
void put_on_trial(const Stages& stages) {
  const Decision& decision = stages.decision;
  HelpMemory& help = stages.memory.help;
  if (!stages.group.help || help.trial || decision.desired <= decision.previous) return;
  const std::optional<double> load = load_of(decision);
  const Vote* asked = nullptr;
  for (const Vote& vote : decision.votes) {
    const bool out = vote.stance == Vote::Stance::wants && vote.wants > decision.previous && vote.value_falls && vote.value;
    if (out && (asked == nullptr || vote.wants > asked->wants)) asked = &vote;
  }
  if (asked == nullptr || !load || stages.fleet.warmed == 0) return;
  help.trial = HelpMemory::Trial{asked->policy, stages.observation.at, *asked->value, *load, stages.fleet.warmed};
}

/// Whose order it is, and how long it lasts: " by ann until 2026-…".
std::string order_text(const std::string& by, const std::optional<TimePoint>& until) {
  return fmt::format("{}{} until {}", by.empty() ? "" : " by ", by, until ? format_time(*until) : "resumed");
}

void heed_pause(Stages& stages) {
  const std::optional<Manual::Pause>& pause = stages.memory.manual.pause;
  if (!pause) return;
  const int desired = stages.decision.previous;
  const int proposed = stages.proposed();
  const bool held = proposed > desired ? pause->out : proposed < desired && pause->in;
  stages.record("pause", held ? desired : proposed,
                held ? fmt::format("scaling {} is paused{}", proposed > desired ? "out" : "in", order_text(pause->by, pause->until))
                     : "holds nothing back");
}

void heed_hold(Stages& stages) {
  const std::optional<Manual::Hold>& hold = stages.memory.manual.hold;
  if (!hold) return;
  stages.record("operator", hold->servers, fmt::format("held at {}{}", hold->servers, order_text(hold->by, hold->until)));
}

void keep_to_budget(Stages& stages) {
  const Group& group = stages.group;
  if (!group.cost || !group.budget.hard) return;
  const int proposed = stages.proposed();
  const int affordable =
      affordable_servers(*group.cost, *group.budget.hard, stages.memory, stages.decision.min, stages.observation.at);
  if (proposed <= affordable) return stages.record("budget", proposed, "within the budget");
  stages.record("budget", affordable,
                fmt::format("{:.2f} of {:.2f} {} are spent; what is left, less what min costs to the end of the month, pays for {}",
                            stages.memory.spending ? stages.memory.spending->amount : 0, *group.budget.hard, group.cost->currency,
                            affordable));
}

/// Keeps the values that can still be the extreme of the window, oldest first. `better(a, b)`: a outlives b.
template <typename Better>
void remember(std::vector<Recommendation>& kept, Recommendation added, Duration window, Better better) {
  std::erase_if(kept, [&](const Recommendation& old) { return added.at - old.at >= window; });
  if (window == Duration{0}) return;
  while (!kept.empty() && !better(kept.back().servers, added.servers)) kept.pop_back();
  kept.push_back(added);
}

/// Kubernetes HPA: scale in to the highest recommendation of the window, out to the lowest. What was not watched counts as desired.
void stabilize(Stages& stages) {
  const TimePoint at = stages.observation.at;
  const int desired = stages.decision.previous;
  const int proposed = stages.proposed();
  Memory& memory = stages.memory;
  const Duration in_window = stages.group.scale_in.stabilization_window;
  const Duration out_window = stages.group.scale_out.stabilization_window;
  remember(memory.highest, {at, proposed}, in_window, std::greater<>());
  remember(memory.lowest, {at, proposed}, out_window, std::less<>());
  const auto unwatched = [&](Duration window) { return !memory.watched_since || at - *memory.watched_since < window; };
  if (proposed < desired && in_window > Duration{0}) {
    const int highest = unwatched(in_window) ? desired : std::clamp(memory.highest.front().servers, proposed, desired);
    if (highest != proposed) {
      return stages.record("stabilization_window", highest,
                           fmt::format("{} was the highest wish within {}", highest, format_duration(in_window)));
    }
  }
  if (proposed > desired && out_window > Duration{0}) {
    const int lowest = unwatched(out_window) ? desired : std::clamp(memory.lowest.front().servers, desired, proposed);
    if (lowest != proposed) {
      return stages.record("stabilization_window", lowest,
                           fmt::format("{} was the lowest wish within {}", lowest, format_duration(out_window)));
    }
  }
  stages.record("stabilization_window", proposed, proposed == desired ? "no change to steady" : "steady for the whole window");
}

/// Scaling out waits only for the last scale-out; scaling in for the last change of either direction.
void cool_down(Stages& stages) {
  const int desired = stages.decision.previous;
  const int proposed = stages.proposed();
  const Memory& memory = stages.memory;
  if (proposed == desired) return stages.record("cooldown", proposed, "no change to hold");
  const bool out = proposed > desired;
  // Turns come between two looks at the metrics too, and the same numbers must not shrink it twice.
  if (!out && memory.scaled_in_at && stages.observation.at - *memory.scaled_in_at < stages.group.interval / 2) {
    return stages.record("cooldown", desired, "scaled in within this interval already");
  }
  const Duration cooldown = out ? stages.group.scale_out.cooldown : stages.group.scale_in.cooldown;
  std::optional<TimePoint> last = memory.scaled_out_at;
  if (!out && memory.scaled_in_at && (!last || *memory.scaled_in_at > *last)) last = memory.scaled_in_at;
  if (!last || stages.observation.at - *last >= cooldown) return stages.record("cooldown", proposed, "over");
  stages.record(
      "cooldown", desired,
      fmt::format("{} left of {}", format_duration(cooldown - (stages.observation.at - *last)), format_duration(cooldown)));
}

/// The size a limit allows, counted from the size at the start of its period (Kubernetes HPA).
int allowed_by(const RateLimit& limit, bool out, int size, const Memory& memory, TimePoint at) {
  int start = size;
  for (const ScaleEvent& event : memory.events) {
    if (at - event.at < limit.per) start -= event.change;
  }
  // A percentage of no servers would keep them at none for ever; of more, rounding lets at least one through as well.
  const double step = limit.servers ? *limit.servers : std::max(1.0, *limit.percent / 100 * start);
  return out ? static_cast<int>(std::ceil(start + step - 1e-9)) : static_cast<int>(std::floor(start - step + 1e-9));
}

void limit_rate(Stages& stages) {
  const int desired = stages.decision.previous;
  const int proposed = stages.proposed();
  if (proposed == desired) return stages.record("rate_limits", proposed, "no change to limit");
  const bool out = proposed > desired;
  const ScalingRule& rule = out ? stages.group.scale_out : stages.group.scale_in;
  if (rule.select == ScalingRule::Select::disabled) {
    return stages.record("rate_limits", desired, out ? "scaling out is disabled" : "scaling in is disabled");
  }
  if (rule.limits.empty()) return stages.record("rate_limits", proposed, "no limits");
  std::optional<int> bound;
  for (const RateLimit& limit : rule.limits) {
    const int allowed = allowed_by(limit, out, desired, stages.memory, stages.observation.at);
    // In both directions `max` takes the limit that lets the size move furthest.
    const bool further = !bound || (out ? allowed > *bound : allowed < *bound);
    if (!bound || further == (rule.select == ScalingRule::Select::max)) bound = allowed;
  }
  const int limited = out ? std::max(desired, std::min(proposed, *bound)) : std::min(desired, std::max(proposed, *bound));
  stages.record("rate_limits", limited,
                limited == proposed ? "within the limits" : fmt::format("the limits allow {} now", limited));
}

std::string bound_text(std::string_view which, int bound, std::optional<int> Vote::* of, const Decision& decision) {
  const auto schedule = std::ranges::find(decision.votes, std::optional(bound), of);
  return fmt::format("{} is {}{}", which, bound, schedule == decision.votes.end() ? "" : " by " + schedule->policy);
}

void clamp_size(Stages& stages) {
  const int proposed = stages.proposed();
  const Decision& decision = stages.decision;
  const int clamped = std::clamp(proposed, decision.min, decision.max);
  std::string why = "within min and max";
  if (clamped > proposed) why = bound_text("min", decision.min, &Vote::min, decision);
  if (clamped < proposed) why = bound_text("max", decision.max, &Vote::max, decision);
  stages.record("min_max", clamped, std::move(why));
}

Duration longest_period(const Group& group) {
  Duration longest{0};
  for (const ScalingRule* rule : {&group.scale_out, &group.scale_in}) {
    for (const RateLimit& limit : rule->limits) longest = std::max(longest, limit.per);
  }
  return longest;
}

/// When the breach behind a scale-out was first seen.
std::optional<TimePoint> breach_start(const Decision& decision, const Memory& memory) {
  std::optional<TimePoint> first;
  if (decision.desired <= decision.previous) return first;
  for (std::size_t index = 0; index < decision.votes.size(); ++index) {
    const Vote& vote = decision.votes[index];
    const std::optional<TimePoint>& since = memory.policies[index].above_since;
    const bool wanted = vote.stance == Vote::Stance::wants && vote.wants > decision.previous;
    if (wanted && since && (!first || *since < *first)) first = since;
  }
  return first;
}

void remember_change(const Group& group, TimePoint at, const Decision& decision, Memory& memory) {
  memory.desired = decision.desired;
  memory.min = decision.min == group.min ? std::nullopt : std::optional(decision.min);
  memory.max = decision.max == group.max ? std::nullopt : std::optional(decision.max);
  const Duration longest = longest_period(group);
  std::erase_if(memory.events, [&](const ScaleEvent& event) { return at - event.at >= longest; });
  const int change = decision.desired - decision.previous;
  if (change == 0) return;
  (change > 0 ? memory.scaled_out_at : memory.scaled_in_at) = at;
  if (longest > Duration{0}) memory.events.push_back({at, change});
}

}  // namespace

Decision decide(const Group& group, const Policies& policies, const Observation& observation, const Fleet& fleet, Memory& memory) {
  if (!memory.desired) std::abort();
  Decision decision{.previous = *memory.desired, .desired = *memory.desired};
  decision.steps.reserve(8);
  Stages stages{group, observation, fleet, memory, decision};
  ask(policies, observation, fleet, memory, decision);
  settle_bounds(group, decision);
  tally_votes(stages);
  heed_rollout(stages);
  heed_guards(stages);
  ask_whether_it_helped(stages);
  heed_pause(stages);
  stabilize(stages);
  cool_down(stages);
  limit_rate(stages);
  keep_to_budget(stages);
  heed_hold(stages);
  clamp_size(stages);
  decision.desired = stages.proposed();
  decision.breached_at = breach_start(decision, memory);
  put_on_trial(stages);
  remember_change(group, observation.at, decision, memory);
  return decision;
}

}  // namespace weir
