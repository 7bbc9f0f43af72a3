#pragma once

#include <string>

#include "controller/cli/commands.h"
#include "controller/cli/connection.h"
#include "controller/config/config.h"
#include "model/observation.h"
#include "platform/http_client.h"

namespace weir {

/// Where a controller that listens there can be reached from this machine.
[[nodiscard]] std::string address_of(const Listen& listen);

/// What a problem document says, or else the answer as it came.
[[nodiscard]] std::string detail_of(const HttpResponse& response);

/// An order about a deploy that a controller has taken; its deploy is waited for.
struct TakenDeploy {
  std::string group;
  Order::Kind kind = Order::Kind::deploy;  ///< or promote, abort
  std::string version;                     ///< deploy only
  std::string at;                          ///< when the controller took it, as it answered
};
/// Asks the controller once a second until the deploy has ended, and is the exit status for it: ok if it ended as was ordered
/// (done, or back for an abort and for a deploy of the version it came from), else an error with the reason. Says on standard error
/// what it is doing whenever that changes. A controller that is restarted meanwhile is waited for.
[[nodiscard]] Exit wait_for_deploy(const Connection& connection, const TakenDeploy& taken, bool json);

}  // namespace weir
