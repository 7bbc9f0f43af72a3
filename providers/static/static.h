#pragma once

#include "providers/provider.h"

namespace weir {

/// `type: static`: servers somebody else runs, named in the configuration. weir only routes to the healthy ones.
[[nodiscard]] ProviderType static_provider_type();

}  // namespace weir
