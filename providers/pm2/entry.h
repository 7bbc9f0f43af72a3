#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/time.h"

namespace weir::pm2 {

using Variables = std::map<std::string, std::string>;

/// One entry of PM2's process list.
struct Entry {
  std::string name;
  int id = -1;                  ///< pm_id: counted up by the daemon, from 0 again when it is restarted
  std::string status;           ///< online, launching, stopping, stopped, errored, waiting restart …
  std::string configuration;    ///< all PM2 knows about it, as JSON
  Variables environment;        ///< as it was given
  std::optional<int> instance;  ///< NODE_APP_INSTANCE: PM2's number of it among those of one name
  int restarts = 0;
  std::optional<int> exit_code;
  std::optional<TimePoint> created_at;
  /// A variable of its environment; "" if it has none.
  [[nodiscard]] std::string variable(std::string_view wanted) const;
};

/// What `pm2 jlist` printed. Banners and messages may stand before the list, and their lines may begin with `[` as well.
/// Errors: unavailable if there is no list, or one that cannot be understood as a whole.
[[nodiscard]] Result<std::vector<Entry>> parse_list(std::string_view output);

/// What `pm2 start -` is to be given for one more of the same kind, with another name and further variables. It writes into the
/// same log files. PM2 will call its own number something else, so NODE_APP_INSTANCE may be among the variables.
[[nodiscard]] std::string copy_of(const Entry& pattern, const std::string& name, const Variables& variables);

}  // namespace weir::pm2
