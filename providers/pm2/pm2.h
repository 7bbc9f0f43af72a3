#pragma once

#include <functional>
#include <memory>

#include "providers/provider.h"

namespace weir {

/// `type: pm2`: servers are processes under a PM2 daemon on this machine, copies of an app that is there already.
[[nodiscard]] ProviderType pm2_provider_type();

struct Pm2ProviderOptions {
  std::filesystem::path home;                  ///< PM2_HOME
  std::vector<std::string> command = {"pm2"};  ///< PM2's command line
  Duration timeout{30'000};                    ///< of one call of it
  std::filesystem::path directory;             ///< for the lock and the files that copies are started from
  std::function<TimePoint()> now = {};         ///< the system clock if empty
};

[[nodiscard]] std::unique_ptr<Provider> make_pm2_provider(Pm2ProviderOptions options);

}  // namespace weir
