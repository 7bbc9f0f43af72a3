#include <array>

#include "providers/docker_swarm/docker_swarm.h"
#include "providers/memory/memory.h"
#include "providers/process/process.h"
#include "providers/provider.h"
#include "providers/static/static.h"
#include "providers/vultr/vultr.h"

namespace weir {

std::span<const ProviderType> provider_catalog() {
  static const std::array catalog{
      docker_swarm_provider_type(),
      memory_provider_type(),
      process_provider_type(),
      static_provider_type(),
      vultr_provider_type(),
  };
  return catalog;
}

}  // namespace weir
