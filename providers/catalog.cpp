#include <array>

#include "providers/memory/memory.h"
#include "providers/pm2/pm2.h"
#include "providers/process/process.h"
#include "providers/provider.h"
#include "providers/static/static.h"

namespace weir {

std::span<const ProviderType> provider_catalog() {
  static const std::array catalog{
      memory_provider_type(),
      pm2_provider_type(),
      process_provider_type(),
      static_provider_type(),
  };
  return catalog;
}

}  // namespace weir
