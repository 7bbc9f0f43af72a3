#pragma once

#include <memory>

#include "providers/provider.h"

namespace weir {

/// `type: plugin`: a shared object makes the servers (docs/providers/plugin.md).
[[nodiscard]] ProviderType plugin_provider_type();

/// `provider` holds the keys of the provider. The library stays loaded until the process ends. The context's network may be
/// missing: then nothing is told of the calls. Errors: invalid (no such library, none of weir's plug-ins, another ABI), and what
/// the plug-in answers to the greeting.
[[nodiscard]] Result<std::unique_ptr<Provider>> make_plugin_provider(const Settings& provider, const ProviderContext& context);

}  // namespace weir
