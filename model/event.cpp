#include "model/event.h"

#include <array>
#include <cstdlib>

namespace weir {
namespace {

using Kind = EventKind;
constexpr auto kMoment = EventType::Lasts::moment;
constexpr auto kCondition = EventType::Lasts::condition;
constexpr auto kGroup = EventType::Of::group;
constexpr auto kController = EventType::Of::controller;

constexpr std::array<EventType, 27> kTypes = {{
    {Kind::scaled_out, "scaled_out", Severity::info, kMoment, kGroup, "More servers are desired."},
    {Kind::scaled_in, "scaled_in", Severity::info, kMoment, kGroup, "Fewer servers are desired."},
    {Kind::at_max, "at_max", Severity::critical, kCondition, kGroup, "The policies want more servers than `max` allows."},
    {Kind::budget, "budget", Severity::warning, kCondition, kGroup,
     "The hard budget holds servers back, or the month will cost more than the soft one."},
    {Kind::no_data, "no_data", Severity::warning, kCondition, kGroup,
     "A policy has no data it trusts, so nothing is scaled in meanwhile."},
    {Kind::launch_failed, "launch_failed", Severity::warning, kCondition, kGroup,
     "Launches fail, or what was launched never became healthy."},
    {Kind::server_replaced, "server_replaced", Severity::warning, kMoment, kGroup,
     "A server is taken out because it is unhealthy or has gone wrong."},
    {Kind::probe_suspected, "probe_suspected", Severity::critical, kCondition, kGroup,
     "Most servers look unhealthy together: the check is suspected, and nothing is replaced."},
    {Kind::orphans, "orphans", Severity::warning, kCondition, kGroup, "Servers with weir's tag that nobody here knows."},
    {Kind::provider_failing, "provider_failing", Severity::critical, kCondition, kGroup,
     "A provider does not say which servers there are, so nothing is launched or removed there."},
    {Kind::balancer_failing, "balancer_failing", Severity::critical, kCondition, kGroup,
     "A balancer does not take what it is told, so traffic does not follow."},
    {Kind::state_failing, "state_failing", Severity::critical, kCondition, kGroup,
     "Memory cannot be saved, so nothing is launched or removed."},
    {Kind::plan_refused, "plan_refused", Severity::critical, kMoment, kGroup, "A plan was found unsafe and emptied: a bug."},
    {Kind::deploy_started, "deploy_started", Severity::info, kMoment, kGroup, "A deploy began."},
    {Kind::deploy_step, "deploy_step", Severity::info, kMoment, kGroup, "A deploy passed a checkpoint, a step or its switch."},
    {Kind::deploy_held, "deploy_held", Severity::warning, kCondition, kGroup, "A deploy waits for a person's promote or abort."},
    {Kind::deploy_going_back, "deploy_going_back", Severity::critical, kMoment, kGroup,
     "A deploy turned round by itself: the old version comes back."},
    {Kind::deploy_aborted, "deploy_aborted", Severity::warning, kMoment, kGroup, "A person aborted a deploy."},
    {Kind::deploy_rolled_back, "deploy_rolled_back", Severity::warning, kMoment, kGroup, "All servers run the old version again."},
    {Kind::deploy_finished, "deploy_finished", Severity::info, kMoment, kGroup, "All servers run the new version."},
    {Kind::hook_failed, "hook_failed", Severity::warning, kMoment, kGroup, "A command of a deploy failed."},
    {Kind::operator_action, "operator_action", Severity::info, kMoment, kGroup,
     "A person scaled, paused, resumed or promoted a group."},
    {Kind::controller_started, "controller_started", Severity::info, kMoment, kController, "weir started."},
    {Kind::controller_stopped, "controller_stopped", Severity::warning, kMoment, kController, "weir was told to stop."},
    {Kind::config_reloaded, "config_reloaded", Severity::info, kMoment, kController, "A changed configuration is in force."},
    {Kind::reload_refused, "reload_refused", Severity::warning, kMoment, kController,
     "A changed configuration was refused; the one before stays in force."},
    {Kind::test, "test", Severity::info, kMoment, kController, "Sent by `weir notify test`."},
}};

}  // namespace

std::span<const EventType> event_types() { return kTypes; }
const EventType& type_of(EventKind kind) { return kTypes.at(static_cast<std::size_t>(kind)); }

std::string condition_of(const Event& event) {
  // None of the three can hold a line end.
  return std::string(to_string(event.kind)) + "\n" + event.group + "\n" + event.subject;
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::critical:
      return "critical";
  }
  std::abort();
}

std::string_view to_string(EventKind kind) { return type_of(kind).name; }

std::string_view to_string(Event::Stage stage) {
  switch (stage) {
    case Event::Stage::happened:
      return "happened";
    case Event::Stage::began:
      return "began";
    case Event::Stage::ended:
      return "ended";
  }
  std::abort();
}

}  // namespace weir
