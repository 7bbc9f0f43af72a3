#pragma once

#include <functional>
#include <memory>

#include "providers/provider.h"

namespace weir {

/// `type: pm2`: servers are processes under a PM2 daemon on this machine, copies of an app that it knows already.
[[nodiscard]] ProviderType pm2_provider_type();

struct Pm2ProviderOptions {
  std::filesystem::path home;                  ///< PM2_HOME
  std::vector<std::string> command = {"pm2"};  ///< PM2's command line
  Duration timeout{30'000};                    ///< of one call of it
  std::string owner = "weir";                  ///< what its copies are marked with
  std::filesystem::path directory;             ///< where the lock is
  std::function<TimePoint()> now = {};         ///< the system clock if empty
};

[[nodiscard]] std::unique_ptr<Provider> make_pm2_provider(Pm2ProviderOptions options);

}  // namespace weir
