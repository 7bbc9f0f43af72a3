#pragma once

#include <string>
#include <vector>

#include "model/group.h"
#include "model/server.h"
#include "providers/docker_swarm/ledger.h"
#include "providers/docker_swarm/swarm.h"

namespace weir {

/// One service at one moment, with all that was read about it.
struct ServiceView {
  SwarmService service;
  std::vector<SwarmTask> tasks;  ///< of this service, history included
  SwarmNodes nodes;
  TimePoint at;  ///< by the manager's clock
  /// How long a task that ended by itself or is lost with its node is listed. `lasting`: Swarm puts no other in its place, so until
  /// its service is removed.
  enum class Obituaries { brief, lasting };
  Obituaries obituaries = Obituaries::brief;
};

/// The labels that weir keeps on a service.
inline constexpr const char* kOwnerLabel = "weir.owner";
inline constexpr const char* kGroupLabel = "weir.group";
inline constexpr const char* kLedgerLabel = "weir.ledger";

[[nodiscard]] Placement place(const ServiceView& view);

/// Why the service cannot serve the group at all: global, or no way to reach its tasks. Empty: it can.
[[nodiscard]] std::string complaint_about(const SwarmService& service, const Group& group);
/// Why its tasks cannot be reached, seen by one that runs. Empty: they can, or none runs.
[[nodiscard]] std::string complaint_about_addresses(const ServiceView& view, const Group& group);

/// Why its count must not be touched now: an update would lose its way back, or go on after it was stopped. Empty: it may.
[[nodiscard]] std::string reason_to_leave_alone(const SwarmService& service);

/// A task that Swarm has found no node for; nullptr: none. What is launched besides would wait with it.
[[nodiscard]] const SwarmTask* waiting_for_a_node(const ServiceView& view);

/// The tasks that are servers. `group` may be null: then nobody configures it any more and `name` is what the service says.
[[nodiscard]] std::vector<Server> servers_of(const ServiceView& view, const std::string& name, const Group* group);

}  // namespace weir
