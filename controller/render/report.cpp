#include "controller/render/report.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir {
namespace {

std::string step_reason(const Step& step) { return fmt::format("{}: {}", step.stage, step.why); }

}  // namespace

int count_phase(const std::vector<Server>& servers, Phase phase) {
  return static_cast<int>(std::ranges::count(servers, phase, &Server::phase));
}

std::string turn_reason(const Plan& plan) {
  if (!plan.refused.empty()) return "refused as unsafe: " + plan.refused;
  const std::vector<Step>& steps = plan.decision.steps;
  const auto held = std::ranges::find_if(steps.rbegin(), steps.rend(), [](const Step& step) { return step.from != step.to; });
  if (plan.decision.previous != plan.decision.desired && held != steps.rend()) return step_reason(*held);
  // A removal that is asked for again says nothing new.
  const auto fresh = std::ranges::find_if(plan.actions, [](const Action& action) { return action.why != kNotGoneYet; });
  if (fresh != plan.actions.end()) return fresh->why;
  if (!plan.notes.empty()) return plan.notes.front();
  if (held != steps.rend()) return step_reason(*held);
  if (!plan.actions.empty()) return plan.actions.front().why;
  return steps.empty() ? "" : step_reason(steps.front());
}

}  // namespace weir
