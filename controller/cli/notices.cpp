#include "controller/cli/notices.h"

#include <cstdlib>
#include <vector>

#include "controller/loop/turn.h"

namespace weir {
namespace {

std::string_view name_of(DeliveryEvents::Outcome outcome) {
  switch (outcome) {
    case DeliveryEvents::Outcome::delivered:
      return "delivered";
    case DeliveryEvents::Outcome::failed:
      return "failed";
    case DeliveryEvents::Outcome::dropped:
      return "dropped";
  }
  std::abort();
}

}  // namespace

DeliveryEvents delivery_events(Metrics& metrics) {
  return {
      .ended = [&metrics](const std::string& receiver,
                          DeliveryEvents::Outcome outcome) { metrics.notification(receiver, name_of(outcome)); },
      .queued = [&metrics](const std::string& receiver, std::size_t waiting) { metrics.notifications_queued(receiver, waiting); }};
}

std::set<std::string> sources_in(const Config& config) {
  if (config.notifications.routes.empty()) return {};  // nobody listens, so nobody is asked
  std::vector<std::string> groups;
  std::vector<std::string> providers;
  for (const Group& group : config.groups) {
    groups.push_back(group.name);
    providers.push_back(lane_of(group));
  }
  for (const auto& [name, spec] : config.providers) providers.push_back(name);
  return sources_of(groups, providers);
}

}  // namespace weir
