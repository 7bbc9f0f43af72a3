#pragma once

#include <sys/types.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "providers/process/process.h"
#include "tests/support/temp_directory.h"

namespace weir {

/// A machine of its own for one test of the process provider: a directory, a clock and ports nobody else uses. Whatever runs at
/// the end is killed. Needs CHILD_APP, the path of the program that plays the app server.
class ProcessWorld {
 public:
  ProcessWorld();
  ~ProcessWorld();
  ProcessWorld(const ProcessWorld&) = delete;
  ProcessWorld& operator=(const ProcessWorld&) = delete;

  [[nodiscard]] std::unique_ptr<Provider> open(std::function<void(LaunchStep)> on_step = {});
  /// A group whose servers are the child app with these arguments.
  [[nodiscard]] Group group(const std::string& name, std::vector<std::string> arguments) const;
  /// Launches in a process of its own, which dies at once when the launch comes to `step`.
  void launch_and_die(const LaunchRequest& request, LaunchStep step);

  /// All processes the servers of this world run as or have started.
  [[nodiscard]] std::vector<pid_t> processes() const;

  [[nodiscard]] const std::filesystem::path& path() const { return temporary_.path(); }
  [[nodiscard]] std::filesystem::path directory() const { return path() / "servers"; }
  [[nodiscard]] std::filesystem::path record(const std::string& group, const std::string& token) const {
    return directory() / group / (token + ".json");
  }
  [[nodiscard]] int first_port() const { return first_port_; }
  [[nodiscard]] std::string ports(int count) const;
  void pass(Duration duration) { now_ = now_.load() + duration; }
  [[nodiscard]] TimePoint now() const { return TimePoint(now_.load()); }

 private:
  TempDirectory temporary_;
  int lock_ = -1;  ///< keeps the block of ports ours among all tests on this machine
  int first_port_ = 0;
  std::atomic<Duration> now_{Duration{1'772'000'000'000}};
};

}  // namespace weir
