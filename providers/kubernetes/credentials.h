#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "model/error.h"
#include "providers/kubernetes/kubeconfig.h"

namespace weir::kubernetes {

/// Who we are at the API server, kept fresh: token files are read for every call, a plugin is run again when what it gave has
/// expired or was refused, and the kubeconfig itself is read again after a refusal. Thread-safe.
class Credentials {
 public:
  /// Reads the configuration; called for the first use and after a refusal.
  using Load = std::function<Result<ClusterAccess>()>;
  using Now = std::function<TimePoint()>;

  Credentials(Load load, Now now) : load_(std::move(load)), now_(std::move(now)) {}

  /// Server and credentials as they are now, `http` ready for use. Errors: invalid, denied, unavailable, cancelled; with no secret
  /// in their messages.
  [[nodiscard]] Result<ClusterAccess> current(const std::stop_token& stop);
  /// The server did not accept what current() gave: everything is got anew the next time.
  void refused();

 private:
  [[nodiscard]] Result<void> run_plugin(const std::stop_token& stop);
  [[nodiscard]] Result<void> read_token();

  const Load load_;
  const Now now_;
  std::mutex mutex_;
  std::optional<ClusterAccess> access_;
  std::optional<TimePoint> plugin_expires_;
  bool plugin_answered_ = false;
};

}  // namespace weir::kubernetes
