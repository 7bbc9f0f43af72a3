#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/api/http.h"
#include "controller/api/writes.h"
#include "controller/render/report.h"
#include "model/error.h"
#include "model/time.h"

namespace weir {

/// Which turns of a group, newest first.
struct TurnsAsked {
  int limit = 0;                    ///< at most so many
  std::optional<TimePoint> before;  ///< only those before it
  bool changes = false;             ///< only those that changed something, see StateReader::Which
};

/// What the API tells about, as the loop last left it. Thread-safe; answers at once, from snapshots.
class ApiData {
 public:
  ApiData() = default;
  ApiData(const ApiData&) = delete;
  ApiData& operator=(const ApiData&) = delete;
  virtual ~ApiData() = default;

  /// All groups, sorted by name.
  [[nodiscard]] virtual std::vector<std::shared_ptr<const GroupStatus>> groups() const = 0;
  /// Null: no such group.
  [[nodiscard]] virtual std::shared_ptr<const GroupStatus> group(const std::string& name) const = 0;
  /// numbered_json() of the turns asked for. The group exists.
  [[nodiscard]] virtual Result<std::vector<std::string>> decisions(const std::string& group, const TurnsAsked& asked) const = 0;
  /// Series::json() of the group's turns later than `since`, so many at most as a chart can show. The group exists.
  [[nodiscard]] virtual Result<std::string> series(const std::string& group, TimePoint since) const = 0;
  /// plans_json() of the group's last turn; nothing before the first. The group exists.
  [[nodiscard]] virtual std::optional<std::string> plan(const std::string& group) const = 0;
  /// Prometheus text.
  [[nodiscard]] virtual std::string metrics() const = 0;
  /// The loop's heart beats; else why it is taken for dead.
  [[nodiscard]] virtual Result<void> alive() const = 0;
  /// Every group had its first turn; else what is missing.
  [[nodiscard]] virtual Result<void> ready() const = 0;
};

/// Answers one request of the HTTP API: at once, or an order when it is saved. `control` must be there until then.
void answer(const ApiRequest& request, const ApiData& data, ApiControl& control, const ApiReply& reply);

}  // namespace weir
