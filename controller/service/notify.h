#pragma once

#include <optional>
#include <string>

#include "model/error.h"
#include "model/time.h"

namespace weir {

/// Tells systemd how the service stands (`Type=notify` or `notify-reload`). Every call does nothing, successfully, where nobody
/// listens (no NOTIFY_SOCKET in the environment). Thread-safe. Errors: unavailable, when systemd is there and cannot be told.
class ServiceNotifier {
 public:
  /// Up and turning.
  [[nodiscard]] Result<void> ready(const std::string& status);
  /// A reload of the configuration begins; ready() ends it.
  [[nodiscard]] Result<void> reloading();
  [[nodiscard]] Result<void> stopping();
  /// One line for `systemctl status`.
  [[nodiscard]] Result<void> status(const std::string& line);
  /// The loop is alive; to be called at least every watchdog_interval().
  [[nodiscard]] Result<void> watchdog();
  /// Half of the unit's WatchdogSec; nothing if this process is not watched.
  [[nodiscard]] static std::optional<Duration> watchdog_interval();
};

}  // namespace weir
