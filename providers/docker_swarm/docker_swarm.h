#pragma once

#include <memory>
#include <optional>
#include <string>

#include "platform/api_client.h"
#include "providers/docker_swarm/engine.h"
#include "providers/provider.h"

namespace weir {

/// `type: docker_swarm`: every server is a task of a replicated Swarm service.
[[nodiscard]] ProviderType docker_swarm_provider_type();

struct DockerSwarmOptions {
  std::string name;      ///< in messages: the key in `providers:`
  EngineAddress engine;  ///< of a manager
  HttpAccess access = {};
  std::string owner = "weir";                  ///< marks the services that this weir scales
  std::optional<RegistryLogin> registry = {};  ///< what the nodes pull the images of servers with
  Duration task_deadline{3000};                ///< how long launch() waits for Swarm to make the task of a count it has accepted
};

[[nodiscard]] std::unique_ptr<Provider> make_docker_swarm_provider(Network& network, DockerSwarmOptions options);

}  // namespace weir
