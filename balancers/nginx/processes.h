#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <set>
#include <vector>

#include <sys/types.h>

#include "model/error.h"

namespace weir {

/// One life of a process: pids are used again, a pid with its start time is not.
struct ProcessLife {
  pid_t pid = 0;
  std::uint64_t started = 0;  ///< clock ticks since boot
  auto operator<=>(const ProcessLife&) const = default;
};

/// The master process named by nginx's pid file. Errors: not_found if there is none (no file, an empty one as `nginx -t` leaves
/// behind, or no nginx under that pid), denied.
[[nodiscard]] Result<pid_t> find_nginx_master(const std::filesystem::path& pid_file);

/// Workers of this master that take new connections: initialized and not shutting down.
[[nodiscard]] std::set<ProcessLife> serving_workers(pid_t master);

/// The master and all its descendants, workers shutting down included. During a binary upgrade, where the new master is a child of
/// the old one, also the old one and its workers.
[[nodiscard]] std::vector<pid_t> nginx_processes(pid_t master);

}  // namespace weir
