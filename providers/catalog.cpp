#include <array>

#include "providers/aws_asg/aws_asg.h"
#include "providers/docker_swarm/docker_swarm.h"
#include "providers/exec/exec.h"
#include "providers/kubernetes/kubernetes.h"
#include "providers/memory/memory.h"
#include "providers/plugin/plugin.h"
#include "providers/pm2/pm2.h"
#include "providers/process/process.h"
#include "providers/provider.h"
#include "providers/static/static.h"
#include "providers/vultr/vultr.h"

namespace weir {

std::span<const ProviderType> provider_catalog() {
  // clang-format off: one on a line, not in columns that move with every new type
  static const std::array catalog{
      aws_asg_provider_type(),
      docker_swarm_provider_type(),
      exec_provider_type(),
      kubernetes_provider_type(),
      memory_provider_type(),
      plugin_provider_type(),
      pm2_provider_type(),
      process_provider_type(),
      static_provider_type(),
      vultr_provider_type(),
  };
  // clang-format on
  return catalog;
}

}  // namespace weir
