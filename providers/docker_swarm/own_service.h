#pragma once

#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/group.h"
#include "model/server.h"
#include "platform/api_client.h"
#include "providers/docker_swarm/docker_swarm.h"
#include "providers/docker_swarm/engine.h"
#include "providers/docker_swarm/servers.h"
#include "providers/docker_swarm/swarm.h"
#include "providers/provider.h"

namespace weir {

/// The launch that a service and its tasks were made for, besides kOwnerLabel and kGroupLabel.
inline constexpr const char* kTokenLabel = "weir.token";
inline constexpr const char* kVersionLabel = "weir.version";

/// Whether every server of the group is a service of its own, made from the group's service: it has an `image`.
[[nodiscard]] bool has_own_services(const Settings& server);

/// What the servers of this version run.
[[nodiscard]] std::string image_of(const Group& group, const std::string& version);

/// The token, as far as it can be the name of a service: its end, if it is too long.
[[nodiscard]] std::string own_service_name(const std::string& token);

/// The spec of the service that is one server: the pattern's, with the image of the version, one task that Swarm does not restart,
/// the labels of weir, and without what only one service can have (the ports of the ingress mesh, the labels of a stack).
[[nodiscard]] std::string own_service_spec(const std::string& pattern, const LaunchRequest& request, const std::string& owner);

/// Servers that are services of their own: weir makes and removes them one by one, and two versions stand beside each other.
/// Thread-safe.
class OwnServices {
 public:
  /// `options` must outlive it.
  OwnServices(Network& network, Engine& engine, const DockerSwarmOptions& options)
      : network_(network), engine_(engine), options_(options), name_(options.name), owner_(options.owner) {}

  /// Those of the groups and those that belong to no group any more.
  /// `services`: all there are, read before.
  [[nodiscard]] Result<std::vector<Server>> list(std::span<const Group* const> groups, const std::vector<SwarmService>& services,
                                                 const std::stop_token& stop);
  [[nodiscard]] Result<Server> launch(const LaunchRequest& request, const std::stop_token& stop);
  /// Whether one of the services is a server of the group.
  [[nodiscard]] bool has_any(const Group& group, const std::vector<SwarmService>& services) const;
  /// What is not a server of the group is left alone.
  [[nodiscard]] Result<void> terminate(const Group& group, const std::string& server, const std::stop_token& stop);

 private:
  using Labels = std::map<std::string, std::string>;

  [[nodiscard]] bool is_ours(const Labels& labels) const;
  [[nodiscard]] std::vector<Server> servers_of_tasks(std::span<const Group* const> groups, std::vector<SwarmTask> tasks,
                                                     const SwarmNodes& nodes, TimePoint at) const;
  [[nodiscard]] std::optional<Server> without_task(const SwarmService& service, const std::vector<SwarmTask>& tasks,
                                                   TimePoint at) const;
  /// The tasks of one group, and the servers that they are.
  struct Look {
    ServiceView all;  ///< of no service in particular
    std::vector<Server> servers;
  };
  [[nodiscard]] Result<Look> look_at(const Group& group, const std::stop_token& stop);
  [[nodiscard]] Result<SwarmService> pattern_of(const Group& group, const std::stop_token& stop);
  [[nodiscard]] Result<void> create(const LaunchRequest& request, const std::stop_token& stop);
  [[nodiscard]] Result<Server> promised(const LaunchRequest& request, const std::stop_token& stop);

  Network& network_;
  Engine& engine_;
  const DockerSwarmOptions& options_;
  const std::string& name_;
  const std::string& owner_;
};

}  // namespace weir
