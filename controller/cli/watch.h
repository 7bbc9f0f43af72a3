#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/cli/commands.h"
#include "controller/cli/connection.h"
#include "controller/config/config.h"
#include "model/error.h"
#include "model/time.h"

namespace weir {

/// A group, and when it had its last turn, where that is known.
struct GroupOnWatch {
  std::string name;
  std::optional<TimePoint> last_turn;
};

/// Where `weir status` learns what groups there are and what they did.
class WatchSource {
 public:
  virtual ~WatchSource() = default;
  [[nodiscard]] virtual Result<std::vector<GroupOnWatch>> groups() = 0;
  /// record_json() of the group's newest turns, newest first, at most `limit`.
  [[nodiscard]] virtual Result<std::vector<std::string>> turns(const std::string& group, int limit) = 0;
};

/// What the state file says; it need not exist yet.
[[nodiscard]] std::unique_ptr<WatchSource> watch_state(const Config& config);
/// What a running controller answers.
[[nodiscard]] std::unique_ptr<WatchSource> watch_controller(Connection connection);

/// One picture of it.
[[nodiscard]] Exit show_once(WatchSource& source);
/// Again every second, until interrupted: in place on a terminal, else one picture below the other.
[[nodiscard]] Exit show_live(WatchSource& source);

}  // namespace weir
