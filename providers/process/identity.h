#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/error.h"

namespace weir {

/// One process as /proc shows it. A pid alone is reused; pid, start time and boot together never are.
struct ProcessFacts {
  pid_t pid = 0;
  char state = '?';
  pid_t group = 0;
  pid_t session = 0;
  int threads = 0;
  std::uint64_t start_time = 0;  ///< clock ticks since boot (field 22 of /proc/PID/stat)
};

/// False for zombies: they end no more, they only wait to be reaped.
[[nodiscard]] bool is_alive(const ProcessFacts& process);

/// Nothing if there is no such process. Errors: unavailable or denied if that cannot be known, which must not be read as death.
[[nodiscard]] Result<std::optional<ProcessFacts>> read_process(pid_t pid);

/// All processes that can be seen. Errors: unavailable, denied.
[[nodiscard]] Result<std::vector<ProcessFacts>> read_processes();

/// Changes with every boot of the machine. Errors: unavailable (no /proc).
[[nodiscard]] Result<std::string> read_boot_id();

/// Whether the process was started with this variable ("NAME=value"). False if its environment cannot be read.
[[nodiscard]] bool was_started_with(pid_t pid, const std::string& variable);

/// Signals exactly this process or, if it is gone, nobody. Errors: denied, unavailable.
[[nodiscard]] Result<void> signal_process(const ProcessFacts& process, int signal);

/// How a child of ours that is a zombie ended: "exited with status 1". Nothing if it is not our child. It stays a zombie.
[[nodiscard]] std::optional<std::string> how_child_ended(pid_t pid);

/// Lets the kernel forget a child of ours that is a zombie.
void reap_child(pid_t pid);

}  // namespace weir
