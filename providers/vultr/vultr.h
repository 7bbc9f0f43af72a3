#pragma once

#include <functional>
#include <memory>
#include <string>

#include "model/time.h"
#include "providers/provider.h"

namespace weir {

/// `type: vultr`: every server is an instance at Vultr, found again by its tags.
[[nodiscard]] ProviderType vultr_provider_type();

struct VultrOptions {
  std::string api_url = "https://api.vultr.com/v2";  ///< without a slash at its end
  std::string api_key;
  std::string owner = "weir";           ///< whose instances these are, where several weirs share an account
  std::function<TimePoint()> now = {};  ///< the system clock if empty
};

/// `network` outlives the provider.
[[nodiscard]] std::unique_ptr<Provider> make_vultr_provider(VultrOptions options, Network& network);

}  // namespace weir
