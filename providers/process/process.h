#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "providers/provider.h"

namespace weir {

/// `type: process`: every server is a process on this machine. Servers outlive weir and are found again by their record files.
[[nodiscard]] ProviderType process_provider_type();

/// Where a launch is, for tests that make weir die there.
enum class LaunchStep {
  reserved,  ///< the record holds token and port; no process yet
  forked,    ///< the process exists and waits; no record names it
  recorded,  ///< the record names the process; it still waits
  released,  ///< the process may start the program
};

struct ProcessProviderOptions {
  std::filesystem::path directory;               ///< one subdirectory of records per group; created when first needed
  std::function<TimePoint()> now = {};           ///< the system clock if empty
  std::function<void(LaunchStep)> on_step = {};  ///< called during every launch if not empty
  Duration start_deadline = Duration{5000};      ///< how long launch() waits for the program to be started
  Duration lock_deadline = Duration{15'000};     ///< how long a call waits for others that use the directory
};

[[nodiscard]] std::unique_ptr<Provider> make_process_provider(ProcessProviderOptions options);

}  // namespace weir
