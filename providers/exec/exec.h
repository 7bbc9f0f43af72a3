#pragma once

#include "platform/circuit_breaker.h"
#include "platform/waiting_clock.h"
#include "providers/provider.h"

namespace weir {

/// `type: exec`: a program of the user's makes the servers; it is spoken to in lines of JSON (docs/providers/exec.md).
[[nodiscard]] ProviderType exec_provider_type();

struct ExecProviderOptions {
  std::size_t longest_line = 16UL * 1024 * 1024;  ///< of an answer
  BreakerRule breaker = {};                       ///< when a program that fails again and again is left alone
};

/// `provider` holds the keys of the provider. The context's network may be missing: then nothing is told of the calls.
[[nodiscard]] std::unique_ptr<Provider> make_exec_provider(const Settings& provider, const ProviderContext& context,
                                                           const ExecProviderOptions& options = {});

}  // namespace weir
