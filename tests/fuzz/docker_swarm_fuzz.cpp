#include "tests/fuzz/answering.h"

/// What an Engine answers: services, tasks, nodes, updates.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz_provider(
      "providers:\n  swarm: {type: docker_swarm, host: 'unix:///run/docker.sock'}\n"
      "groups:\n  - {name: app, provider: swarm, min: 1, max: 5, server: {service: web, port: 8080}}\n",
      data, size);
  return 0;
}
