#pragma once

#include <memory>
#include <string>

#include "providers/docker_swarm/docker_swarm.h"
#include "tests/fakes/network.h"
#include "tests/fakes/swarm.h"
#include "tests/support/http_stub.h"

namespace weir {

/// A group whose servers are the tasks of the service of the same name, reached at their nodes.
inline Group swarm_group(const std::string& name) {
  Group group{.name = name, .provider = "swarm", .version = "v1", .min = 1, .max = 8, .chooses_victim = false};
  group.server.set("service", name);
  group.server.set("port", std::int64_t{8080});
  group.server.set("scheduling_grace", Duration{60'000});
  return group;
}

/// A group whose servers are services of their own, made after the service of the same name.
inline Group group_of_own_services(const std::string& name) {
  Group group = swarm_group(name);
  group.chooses_victim = true;
  group.server.set("image", std::string("app:{version}"));
  return group;
}

/// A fake swarm behind real sockets, on a clock of its own.
struct SwarmWorld {
  [[nodiscard]] std::unique_ptr<Provider> open(const std::string& owner = "weir") {
    return make_docker_swarm_provider(
        outside.network, {.name = "swarm", .engine = {.url = stub.url(), .unix_socket = {}}, .access = {}, .owner = owner});
  }

  ImpatientNetwork outside;
  FakeSwarm fake;
  HttpStub stub{[this](const HttpStub::Request& request) { return fake.answer(request); }};
};

}  // namespace weir
