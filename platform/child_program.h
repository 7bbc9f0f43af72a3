#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "model/error.h"
#include "platform/descriptor.h"

namespace weir {

/// A program that goes on running beside us, with its standard input, output and error in our hands. It leads a process group of
/// its own, which is signalled as a whole. It is killed at the latest when the object goes, and when the thread that started it
/// ends: should we be killed, it does not outlive us. Not thread-safe.
class ChildProgram {
 public:
  /// Starts `command` (found on our PATH, no shell) with exactly this environment ("NAME=value"), no other open files and
  /// the signal handling of a fresh process. Errors: invalid (it cannot be run), unavailable (no more processes or files).
  [[nodiscard]] static Result<ChildProgram> start(const std::vector<std::string>& command,
                                                  const std::vector<std::string>& environment);
  ~ChildProgram();
  ChildProgram(ChildProgram&& other) noexcept;
  ChildProgram& operator=(ChildProgram&&) = delete;
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  /// Our ends of the pipes; none of them ever blocks. -1 once closed.
  [[nodiscard]] int input() const { return input_.get(); }
  [[nodiscard]] int output() const { return output_.get(); }
  [[nodiscard]] int errors() const { return errors_.get(); }
  /// Readable once the program has ended.
  [[nodiscard]] int process() const { return process_.get(); }

  void close_input() { input_.reset(); }
  void close_output() { output_.reset(); }
  void close_errors() { errors_.reset(); }
  /// Signals the whole process group, unless reap() has come before.
  void signal(int signal) const;
  /// To be called when process() is readable: kills what is left of the group. "exited with status 1", "killed by signal 9".
  [[nodiscard]] std::string reap();

 private:
  ChildProgram() = default;
  pid_t pid_ = 0;  ///< 0: reaped
  Descriptor process_;
  Descriptor input_;
  Descriptor output_;
  Descriptor errors_;
};

}  // namespace weir
