#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir::pm2 {

/// One entry of PM2's process list.
struct Entry {
  std::string name;
  int id = -1;                ///< pm_id: counted up by the daemon
  std::string status;         ///< online, launching, stopping, stopped, errored, waiting restart …
  std::string configuration;  ///< all PM2 knows about it, as JSON
  std::map<std::string, std::string> environment;
  std::optional<int> instance;  ///< PM2's own number of it among those of one name
  int restarts = 0;
  std::optional<int> exit_code;
  std::optional<TimePoint> created_at;
  /// A variable of its environment; "" if it has none.
  [[nodiscard]] std::string variable(std::string_view name) const;
};

/// What `pm2 jlist` printed. The first call after a while prints a banner first, whose lines may begin with `[` as well.
/// Errors: unavailable if there is no list in it, or one of a daemon that was only made by asking.
[[nodiscard]] Result<std::vector<Entry>> parse_list(std::string_view output);

/// What `pm2 start` is to be given for one more of the same kind, with another name and further variables. PM2 shall call its own
/// number something else: `NODE_APP_INSTANCE` may be among the variables.
[[nodiscard]] std::string copy_of(const Entry& pattern, const std::string& name,
                                  const std::map<std::string, std::string>& variables);

/// The name and the variables of such a copy; nothing if the text is none.
struct Copy {
  std::string name;
  std::map<std::string, std::string> variables;
};
[[nodiscard]] std::optional<Copy> parse_copy(const std::string& text);

}  // namespace weir::pm2
