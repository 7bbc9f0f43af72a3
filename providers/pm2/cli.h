#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/time.h"
#include "platform/command.h"
#include "providers/pm2/entry.h"

namespace weir::pm2 {

/// PM2's command line for one PM2_HOME. None of its calls is meant to make a daemon: without one they are `unavailable`.
class Cli {
 public:
  Cli(std::filesystem::path home, std::vector<std::string> command, Duration timeout)
      : home_(std::move(home)), command_(std::move(command)), timeout_(timeout) {}

  /// All entries, of whomever; at least one. Errors: unavailable, not_found (no such program), denied, cancelled.
  [[nodiscard]] Result<std::vector<Entry>> list(const std::stop_token& stop) const;
  /// Starts the one app of `document` (copy_of) called `name`; if one of that name runs, it is restarted. Errors: as above, and
  /// invalid: PM2 did not say that it had. After any error but not_found only the list says whether it did.
  [[nodiscard]] Result<void> start(const std::string& name, const std::string& document, const std::stop_token& stop) const;
  /// Begins to end an entry, and waits for that as long as the timeout allows. Errors: as for start.
  [[nodiscard]] Result<void> remove(const std::string& name_or_id, const std::stop_token& stop) const;

  [[nodiscard]] const std::filesystem::path& home() const { return home_; }

 private:
  [[nodiscard]] Result<CommandResult> run(const std::vector<std::string>& arguments, std::string input,
                                          const std::stop_token& stop) const;

  std::filesystem::path home_;
  std::vector<std::string> command_;
  Duration timeout_;
};

}  // namespace weir::pm2
