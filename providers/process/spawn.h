#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/time.h"
#include "platform/descriptor.h"

namespace weir {

/// What to run and around what.
struct Program {
  std::vector<std::string> command;      ///< found on the PATH of `environment` if the first word has no slash
  std::vector<std::string> environment;  ///< all of it: "NAME=value"
  std::string cwd;                       ///< empty = ours
  std::filesystem::path log;             ///< standard output and error are appended to it
};

/// A process that was forked but waits for our word before it runs its program. Should we die or think better of it first, it ends
/// without having done anything. It leads a session of its own and has no open files but 0, 1 and 2.
class WaitingProcess {
 public:
  /// Errors: invalid (no such program, log not writable), out_of_capacity (no more processes), unavailable.
  [[nodiscard]] static Result<WaitingProcess> make(const Program& program);
  ~WaitingProcess();
  WaitingProcess(WaitingProcess&& other) noexcept;
  WaitingProcess& operator=(WaitingProcess&&) = delete;
  WaitingProcess(const WaitingProcess&) = delete;
  WaitingProcess& operator=(const WaitingProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }

  /// Gives the word.
  void release();
  /// Waits until the program runs. Errors: invalid (it cannot be run; the process is gone), unavailable (still not known after
  /// `deadline`; the process is left alone).
  [[nodiscard]] Result<void> wait_until_started(Duration deadline);

 private:
  WaitingProcess(pid_t pid, Descriptor channel, std::string name)
      : pid_(pid), channel_(std::move(channel)), name_(std::move(name)) {}
  pid_t pid_;
  Descriptor channel_;
  std::string name_;
  bool released_ = false;
};

}  // namespace weir
