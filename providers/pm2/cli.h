#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/time.h"
#include "providers/pm2/entry.h"

namespace weir::pm2 {

/// PM2's command line for one PM2_HOME. None of its calls ever makes a daemon: without one they are `unavailable`.
class Cli {
 public:
  Cli(std::filesystem::path home, std::vector<std::string> command, Duration timeout)
      : home_(std::move(home)), command_(std::move(command)), timeout_(timeout) {}

  /// Errors: unavailable, not_found (no such program), denied, cancelled.
  [[nodiscard]] Result<std::vector<Entry>> list(const std::stop_token& stop) const;
  /// Starts what the file describes; what has the same name and runs already is restarted. Errors: the same, and invalid: it says
  /// that it could not. After `unavailable` nobody knows.
  [[nodiscard]] Result<void> start(const std::filesystem::path& file, const std::stop_token& stop) const;
  /// Begins to end an entry, and waits for that as long as the timeout allows. Errors: as for start.
  [[nodiscard]] Result<void> remove(const std::string& name_or_id, const std::stop_token& stop) const;

  [[nodiscard]] const std::filesystem::path& home() const { return home_; }

 private:
  [[nodiscard]] Result<std::string> run(const std::vector<std::string>& arguments, const std::stop_token& stop) const;

  std::filesystem::path home_;
  std::vector<std::string> command_;
  Duration timeout_;
};

}  // namespace weir::pm2
