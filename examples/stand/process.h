#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/time.h"
#include "platform/descriptor.h"

namespace weir {

/// What a program of the stand is started with.
struct ProgramOptions {
  std::vector<std::string> command = {};  ///< argv, found on PATH
  std::filesystem::path directory = {};   ///< working directory; also the value of WEIR_STAND in its environment
  std::filesystem::path log = {};         ///< standard output and error are appended here
  enum class Killed { alone, with_group };
  Killed killed = Killed::alone;  ///< whether kill() reaches the children that stayed in its process group
};

/// A child process in a process group of its own, so that Ctrl-C on a terminal does not reach it. Killed and reaped with its owner.
class Program {
 public:
  [[nodiscard]] static Result<Program> start(const ProgramOptions& options);
  ~Program();
  Program(Program&& other) noexcept;
  Program& operator=(Program&& other) noexcept;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// Waits for its end; false if it still runs then.
  bool wait(Duration timeout);
  /// SIGTERM, and after `grace` SIGKILL. The error says that force was needed.
  Result<void> stop(Duration grace);
  void kill();
  /// As a shell has it: 128 + signal if killed. Absent while it runs.
  [[nodiscard]] std::optional<int> status() const { return status_; }

 private:
  Program(pid_t pid, Descriptor handle, ProgramOptions::Killed killed) : pid_(pid), handle_(std::move(handle)), killed_(killed) {}

  pid_t pid_ = 0;
  Descriptor handle_;
  ProgramOptions::Killed killed_;
  std::optional<int> status_;
};

/// Sees to it that nothing outlives a stand, not even one that was killed with SIGKILL: a small shell, in a session of its own,
/// that waits for the stand's end, then kills every process that carries WEIR_STAND=directory in its environment (app servers that
/// weir left running, above all) and every nginx whose working directory it is (nginx overwrites its environment).
class Keeper {
 public:
  enum class Directory { keep, remove };  ///< what becomes of the directory afterwards
  [[nodiscard]] static Result<Keeper> start(const std::filesystem::path& directory, Directory afterwards);
  ~Keeper();  ///< returns when nothing is left
  Keeper(Keeper&&) noexcept = default;
  Keeper& operator=(Keeper&&) noexcept = default;
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

 private:
  Keeper(pid_t pid, Descriptor lifeline) : pid_(pid), lifeline_(std::move(lifeline)) {}
  pid_t pid_;
  Descriptor lifeline_;
};

/// Ports on 127.0.0.1 below the range the kernel hands out; no other stand on this machine has the same while this lives.
class PortBlock {
 public:
  static constexpr int kSize = 64;
  [[nodiscard]] static Result<PortBlock> take();
  /// 1 to kSize - 1.
  [[nodiscard]] int port(int index) const { return base_ + index; }

 private:
  PortBlock(int base, Descriptor lock) : base_(base), lock_(std::move(lock)) {}
  int base_;
  Descriptor lock_;  ///< holds the first port of the block
};

}  // namespace weir
