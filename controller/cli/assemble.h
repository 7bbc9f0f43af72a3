#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "balancers/balancer.h"
#include "controller/config/config.h"
#include "controller/loop/loop.h"
#include "controller/observe/probe.h"
#include "controller/observe/prometheus.h"
#include "controller/ports/ports.h"
#include "platform/api_client.h"
#include "platform/http_client.h"
#include "platform/token_bucket.h"
#include "platform/waiting_clock.h"

namespace weir {

/// The machine's own time.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override;
};

/// What lives as long as the process, whatever configuration is in force: connections, checks and their history.
struct Outside {
  SystemClock clock;
  HttpClient http;
  WaitingClock waiting;
  TokenBuckets buckets{waiting};
  Network network{http, waiting, buckets};
  NetworkProbe probe{http};
  bool acts = false;  ///< the groups are run, not only looked at
};

/// A configuration made real: its providers, balancers and policies. Must not outlive the Outside it was built over, and must
/// outlive every Loop that runs its groups.
struct Assembly {
  std::map<std::string, Settings> provider_settings;  ///< for balancers that use a provider's account
  std::unique_ptr<PrometheusSource> metrics;          ///< nullptr without `prometheus:`
  std::unique_ptr<BalancerMaker> balancers;
  std::vector<Managed> groups;
  Providers providers;  ///< all, also those no group uses
};

/// Builds everything; touches nothing of the outside yet. Errors name all that failed.
[[nodiscard]] Result<std::unique_ptr<Assembly>> assemble(const Config& config, Outside& outside);

}  // namespace weir
