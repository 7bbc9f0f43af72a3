#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "providers/docker_swarm/swarm.h"

namespace weir {

/// Whose launch which replica came from and whose removal is already asked for, kept in a label of the service and changed only
/// together with its count: so a launch or removal is in the count exactly if it is in here.
struct Ledger {
  struct Place {
    int slot = 0;
    std::string task;   ///< the one that had the slot then
    std::string token;  ///< empty: not launched by weir
    bool operator==(const Place&) const = default;
  };
  std::vector<Place> places;         ///< every replica there was at the last change
  std::vector<std::string> waiting;  ///< tokens whose task was not there yet at the last change, oldest first
  std::vector<std::string> leaving;  ///< tasks in whose name the count was lowered, until Swarm has picked as many
  bool operator==(const Ledger&) const = default;
};

/// An empty one for an empty text or one that cannot be understood: then everything that runs is without token.
[[nodiscard]] Ledger read_ledger(const std::string& text);
[[nodiscard]] std::string write_ledger(const Ledger& ledger);

/// What ledger, tasks and count come to at one moment.
struct Placement {
  std::map<std::string, std::string> tokens;  ///< of every task of a replica, by task id
  std::set<int> slots;                        ///< replicas that Swarm has made
  std::set<int> vacant;                       ///< those of them whose task has ended or stands on a node that is down
  int to_come = 0;                            ///< tasks that Swarm is about to make, whatever we do
  int to_go = 0;                              ///< replicas that Swarm is about to remove
  Ledger ledger;                              ///< brought up to date: what the next change writes
};

/// Gives the oldest waiting token to the oldest task nobody has claimed, new replicas before replaced tasks. What Swarm puts in the
/// place of a task inherits its token. `tasks`: all of this one service.
[[nodiscard]] Placement place(const Ledger& ledger, const std::vector<SwarmTask>& tasks, const SwarmNodes& nodes, int replicas);

/// Whether the task's node is known to be down.
[[nodiscard]] bool is_cut_off(const SwarmTask& task, const SwarmNodes& nodes);

}  // namespace weir
