// Every configuration that the documentation and the examples show is valid.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "balancers/balancer.h"
#include "controller/config/config.h"
#include "policies/policy.h"
#include "providers/provider.h"
#include "tests/docs/documents.h"

namespace weir::docs {
namespace {

/// Whatever a configuration takes from outside is there.
Environment complete_environment() {
  return {.variable = [](const std::string&) { return std::optional<std::string>("value"); },
          .read_file = [](const std::filesystem::path& path) { return Result<std::string>("what is in " + path.string()); }};
}

TEST(ShownConfigurations, are_valid) {
  const Catalogs catalogs{.providers = provider_catalog(), .policies = policy_catalog(), .balancers = balancer_catalog()};
  for (const Block& shown : shown_configurations(WEIR_SOURCE_DIR)) {
    SCOPED_TRACE(shown.file + ", from line " + std::to_string(shown.line));
    const ConfigResult config = parse_config(shown.text, shown.file, complete_environment(), catalogs);
    if (config) {
      // A page about a provider may leave the policies out; what has some is a good example of them.
      if (shown.text.contains("policies:")) {
        EXPECT_THAT(lint_config(*config), testing::IsEmpty());
      }
      continue;
    }
    for (const ConfigError& error : config.error()) ADD_FAILURE() << to_string(error);
  }
}

}  // namespace
}  // namespace weir::docs
