#pragma once

#include <string>
#include <vector>

#include "providers/provider.h"

namespace weir {

/// Where an instance may be made.
struct VultrPlace {
  std::string plan;
  std::string region;
  std::string vpc;
};

/// The group's own place first, then those of `overflow`, in their order.
[[nodiscard]] std::vector<VultrPlace> places_of(const Settings& server);

/// The body of POST /instances.
[[nodiscard]] std::string create_body(const LaunchRequest& request, const VultrPlace& place, const std::string& owner);

/// {version}, {group} and {token} replaced; other braces, and ${version}, which is a shell's, stay as they are.
[[nodiscard]] std::string fill_vultr_template(const std::string& text, const LaunchRequest& request);

}  // namespace weir
