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
  const auto changed = std::ranges::find_if(steps.rbegin(), steps.rend(), [](const Step& step) { return step.from != step.to; });
  if (plan.decision.previous != plan.decision.desired && changed != steps.rend()) return step_reason(*changed);
  if (!plan.actions.empty()) return plan.actions.front().why;
  return steps.empty() ? "" : step_reason(steps.back());
}

}  // namespace weir
