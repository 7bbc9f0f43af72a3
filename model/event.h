#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/time.h"

namespace weir {

/// How much an event matters to somebody who is not looking.
enum class Severity {
  info,      ///< weir did its work
  warning,   ///< somebody should look at it, in their own time
  critical,  ///< it cannot help itself, or cannot hold what was asked of it
};

/// What people can be told of.
enum class EventKind {
  scaled_out,
  scaled_in,
  at_max,
  budget,
  no_data,
  launch_failed,
  server_replaced,
  probe_suspected,
  orphans,
  provider_failing,
  balancer_failing,
  state_failing,
  plan_refused,
  deploy_started,
  deploy_step,
  deploy_held,
  deploy_going_back,
  deploy_aborted,
  deploy_rolled_back,
  deploy_finished,
  hook_failed,
  operator_action,
  controller_started,
  controller_stopped,
  config_reloaded,
  reload_refused,
  test,
};

/// One thing that happened, or a condition that began or ended.
struct Event {
  enum class Stage {
    happened,  ///< at one instant
    began,     ///< it holds from now on
    ended,     ///< it holds no longer
  };
  EventKind kind = EventKind::test;
  Severity severity = Severity::info;
  Stage stage = Stage::happened;
  std::string group;    ///< empty: of no group alone
  std::string subject;  ///< what of it: a policy, a provider, a version; conditions of one kind and group differ in it
  std::string summary;  ///< one sentence without the group's name; holds no secret
  TimePoint at{};       ///< of this stage
  TimePoint since{};    ///< of a condition: when it began
  std::vector<std::string> touches = {};  ///< groups that feel it, where it is of none alone
  bool operator==(const Event&) const = default;
};

/// What one receiver is told at once.
struct Message {
  std::vector<Event> events;  ///< never empty; oldest first
  int omitted = 0;            ///< further events, that only their number tells of
  std::string controller;     ///< which weir says it
  TimePoint at{};             ///< when it was put together
  bool operator==(const Message&) const = default;
};

/// What there is to know of a kind of event.
struct EventType {
  EventKind kind;
  std::string_view name;  ///< as configurations write it
  Severity severity;
  enum class Lasts { moment, condition };
  Lasts lasts;
  enum class Of { group, controller };
  Of of;  ///< what it is about
  std::string_view doc;
};

/// All kinds, in the order of EventKind.
[[nodiscard]] std::span<const EventType> event_types();
[[nodiscard]] const EventType& type_of(EventKind kind);

/// What makes two events be about the same condition.
[[nodiscard]] std::string condition_of(const Event& event);

[[nodiscard]] std::string_view to_string(Severity severity);
[[nodiscard]] std::string_view to_string(EventKind kind);
[[nodiscard]] std::string_view to_string(Event::Stage stage);

}  // namespace weir
