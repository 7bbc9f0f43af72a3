#include <cstdlib>
#include <string_view>

#include "model/plan.h"
#include "model/query.h"
#include "model/rollout.h"
#include "model/server.h"

namespace weir {

std::string_view to_string(Phase phase) {
  switch (phase) {
    case Phase::pending:
      return "pending";
    case Phase::warming:
      return "warming";
    case Phase::in_service:
      return "in_service";
    case Phase::draining:
      return "draining";
    case Phase::terminating:
      return "terminating";
  }
  std::abort();
}

std::string_view to_string(HealthStatus status) {
  switch (status) {
    case HealthStatus::unknown:
      return "unknown";
    case HealthStatus::healthy:
      return "healthy";
    case HealthStatus::unhealthy:
      return "unhealthy";
  }
  std::abort();
}

std::string_view to_string(Sample::Status status) {
  switch (status) {
    case Sample::Status::ok:
      return "ok";
    case Sample::Status::empty:
      return "empty";
    case Sample::Status::nan:
      return "nan";
    case Sample::Status::degraded:
      return "degraded";
    case Sample::Status::failed:
      return "failed";
  }
  std::abort();
}

std::string_view to_string(Vote::Stance stance) {
  switch (stance) {
    case Vote::Stance::wants:
      return "wants";
    case Vote::Stance::content:
      return "content";
    case Vote::Stance::abstains:
      return "abstains";
  }
  std::abort();
}

std::string_view to_string(Action::Kind kind) {
  switch (kind) {
    case Action::Kind::launch:
      return "launch";
    case Action::Kind::admit:
      return "admit";
    case Action::Kind::drain:
      return "drain";
    case Action::Kind::readmit:
      return "readmit";
    case Action::Kind::terminate:
      return "terminate";
    case Action::Kind::set_weight:
      return "set_weight";
    case Action::Kind::run_hook:
      return "run_hook";
  }
  std::abort();
}

std::string_view to_string(Strategy strategy) {
  switch (strategy) {
    case Strategy::rolling:
      return "rolling";
    case Strategy::blue_green:
      return "blue_green";
    case Strategy::canary:
      return "canary";
  }
  std::abort();
}

std::string_view to_string(Rollout::Direction direction) {
  switch (direction) {
    case Rollout::Direction::forward:
      return "forward";
    case Rollout::Direction::back:
      return "back";
  }
  std::abort();
}

std::string_view to_string(Rollout::End end) {
  switch (end) {
    case Rollout::End::none:
      return "none";
    case Rollout::End::done:
      return "done";
    case Rollout::End::went_back:
      return "went_back";
  }
  std::abort();
}

std::string_view to_string(HookPoint point) {
  switch (point) {
    case HookPoint::before:
      return "before";
    case HookPoint::after_new_healthy:
      return "after_new_healthy";
    case HookPoint::before_switch:
      return "before_switch";
    case HookPoint::after:
      return "after";
    case HookPoint::gate:
      return "gate";
  }
  std::abort();
}

}  // namespace weir
