#pragma once

#include <string>
#include <vector>

#include "model/group.h"
#include "model/memory.h"
#include "model/observation.h"
#include "model/plan.h"
#include "policies/policy.h"

namespace weir {

/// No back-off is longer.
inline constexpr Duration kLongestBackoff{300'000};

/// The provider's list of this group's servers and what is remembered of others, as an Observation holds them: sorted by id, health
/// not filled in. Without a list (nullptr) everything is from memory. Pure; observe() asks it so that it knows whom to probe.
[[nodiscard]] std::vector<Server> with_remembered(const Group& group, const std::vector<Server>* listed, const Memory& memory);

/// The servers of a group in this turn, in step with what is remembered of them: `servers[i]` and `memory.servers[i]` are the
/// same server, sorted by id.
struct Classified {
  std::vector<Server> servers;
  std::vector<Server> strangers;      ///< carry the group's tag, unknown to us, and the group does not adopt them
  std::vector<std::string> admitted;  ///< ids proven healthy in this turn
  std::vector<std::string> met;       ///< ids of our launches that were listed for the first time
  bool probe_suspected = false;       ///< most look unhealthy together: believe the servers, not the probe
  bool list_suspected = false;        ///< the provider's list lost most servers at once while they still answer
  std::vector<std::string> notes;
};

/// Joins the provider's list with Memory, decides which servers are really gone, and gives each its phase. Pure.
///
/// A server that is missing from a good list counts as gone only after a second list without it, if its removal was asked for or
/// its health checks fail too; after a third if they do not, unless most others are missing with it or it is the only one and
/// answers (an empty list is not zero servers).
[[nodiscard]] Classified classify(const Group& group, Observation& observation, Memory& memory);

/// How long servers that failed together are given to recover after most of them have: what the check itself needs to notice,
/// first that they fail and then that they answer.
[[nodiscard]] Duration recovery_time(const HealthCheck& check);

/// True if the server may be given traffic: in service, and not known to be unhealthy unless the probe itself is suspected.
[[nodiscard]] bool can_serve(const Server& server, bool probe_suspected);

/// True if a balancer that can be read has the address among its peers, in force or not.
[[nodiscard]] bool is_peer_now(const Observation& observation, const std::string& address);

/// The group's size as policies see it.
[[nodiscard]] Fleet fleet_of(const Group& group, const Classified& classified, TimePoint at, const Memory& memory);

/// How long it takes from a decision until its servers serve, in whole half minutes: the boot time that most launches of late
/// stayed below, or two minutes while none is known, and one interval.
[[nodiscard]] Duration horizon_of(const Group& group, const Memory& memory);

/// True if the token was given out by this memory.
[[nodiscard]] bool is_own_token(const std::string& token, const Group& group, const Memory& memory);

}  // namespace weir
