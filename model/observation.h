#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/query.h"
#include "model/rollout.h"
#include "model/server.h"
#include "model/time.h"

namespace weir {

/// One server as a balancer knows it.
struct Peer {
  std::string server;   ///< Server::id; empty for a peer found in the balancer that no server matches
  std::string address;  ///< host:port
  int weight = 1;
  bool operator==(const Peer&) const = default;
};

/// What one balancer says now.
struct BalancerView {
  struct Connections {
    std::string address;
    int count = 0;
    bool operator==(const Connections&) const = default;
  };
  bool known = false;     ///< false: it could not be read; `detail` says why
  bool in_force = false;  ///< the peers below are proven to be the ones traffic goes to
  std::vector<Peer> peers;
  std::optional<std::vector<Connections>> connections;  ///< of the addresses asked about; absent = cannot be known from here
  std::optional<int> lost_requests;  ///< to servers leaving or just gone, since the last look; absent = cannot be known from here
  std::string detail;
  bool operator==(const BalancerView&) const = default;
};

/// How an earlier action ended, as far as anybody knows.
struct Outcome {
  enum class Kind { launch, terminate, hook };
  Kind kind = Kind::launch;
  std::string subject;  ///< launch, hook: the token; terminate: the server id
  std::optional<Error> error;
  std::string detail;         ///< hook: the end of what it printed
  bool asks_to_wait = false;  ///< hook: to be run again later
};

/// What a person told weir to do with a group; from then on it is a fact like any other.
struct Order {
  enum class Kind {
    scale,    ///< hold `servers`, whatever the policies say
    pause,    ///< scale in no direction, or not in those named
    resume,   ///< forget every scale and pause
    deploy,   ///< bring all servers to `version`; takes the place of a deploy under way
    promote,  ///< the deploy goes on, whatever it waits for
    abort,    ///< the deploy goes back
  };
  Kind kind = Kind::resume;
  std::string version = {};               ///< deploy only
  std::optional<Strategy> strategy = {};  ///< deploy only; absent: the group's
  int servers = 0;                        ///< scale only
  bool out = true;                        ///< pause only: scaling out
  bool in = true;                         ///< pause only: scaling in
  std::optional<TimePoint> until;         ///< absent: until resume
  TimePoint at{};
  std::string by;          ///< who, for the record
  std::string token = {};  ///< the name of the token it came with; empty if it came without the API
  std::string from = {};   ///< the address it came from; likewise
  bool operator==(const Order&) const = default;
};

/// The facts of one instant about one group. Nothing here is a decision.
struct Observation {
  TimePoint at;
  bool listed = false;                  ///< `servers` is the provider's own list; false: what we remember, for it gave none
  std::string listed_detail;            ///< why it gave none
  std::vector<Server> servers;          ///< sorted by id; health filled in
  std::vector<Sample> samples;          ///< the answers to all queries of the policies, in their order; empty: not asked
  std::vector<Sample> judged;           ///< the answers to judge_queries(), which one turn gets; empty: none are new
  std::string judged_version;           ///< the new version that those are about
  std::vector<BalancerView> balancers;  ///< one per balancer, in their order
  std::vector<Outcome> outcomes;        ///< of actions applied since the last turn
  std::vector<std::string> hooks;       ///< tokens of the hooks that run
  std::vector<Order> orders;            ///< given since the last turn
};

}  // namespace weir
