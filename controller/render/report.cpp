#include "controller/render/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace weir {
namespace {

std::string step_reason(const Step& step) { return fmt::format("{}: {}", step.stage, step.why); }

}  // namespace

std::string age_text(TimePoint then, TimePoint now) {
  const auto seconds = std::max(std::chrono::floor<std::chrono::seconds>(now - then), std::chrono::seconds{0});
  const bool days = seconds >= std::chrono::days{1};
  const Duration rounded = days                               ? Duration{std::chrono::floor<std::chrono::hours>(seconds)}
                           : seconds >= std::chrono::hours{1} ? Duration{std::chrono::floor<std::chrono::minutes>(seconds)}
                                                              : Duration{seconds};
  return format_duration(rounded);
}

std::string clock_text(TimePoint time) { return format_time(std::chrono::floor<std::chrono::seconds>(time)).substr(0, 19) + "Z"; }

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
