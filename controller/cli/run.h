#pragma once

#include "controller/config/config.h"

namespace weir {

/// `weir run`: the service. Runs until SIGTERM or SIGINT; SIGHUP reads the configuration again and keeps the old one if the new one
/// is wrong. Returns the exit status.
[[nodiscard]] int run_service(Config config);

}  // namespace weir
