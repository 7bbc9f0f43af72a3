#pragma once

#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "model/error.h"
#include "model/observation.h"

namespace weir {

/// How many open TCP connections (established, connecting, or half closed by the other side) the given processes hold to each
/// address, from the kernel's socket table. `addresses` are ip:port or [ip6]:port. Linux only.
/// Errors: denied or unavailable when /proc does not show those processes' sockets.
[[nodiscard]] Result<std::vector<BalancerView::Connections>> count_connections(std::span<const pid_t> processes,
                                                                               std::span<const std::string> addresses);

}  // namespace weir
