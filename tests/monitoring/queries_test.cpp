// The policies of docs/queries.md can be pasted: weir reads them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "balancers/balancer.h"
#include "controller/config/config.h"
#include "policies/policy.h"
#include "providers/provider.h"
#include "tests/docs/documents.h"
#include "tests/monitoring/shipped.h"

namespace weir::monitoring {
namespace {

const std::filesystem::path kRoot = WEIR_SOURCE_DIR;

std::string indented(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) result += "      " + line + "\n";
  return result;
}

std::string configuration_with(const ShownPolicy& policy) {
  return fmt::format(R"(prometheus: {{url: "http://127.0.0.1:9090"}}
providers:
  here: {{type: memory}}
groups:
  - name: app
    provider: here
    version: v1
    min: 2
    max: 10
    health: {{http: /health}}
    balancers:
      - {{type: file_sd, file: /etc/prometheus/weir/app.json, labels: {{job: app}}}}
    {}:
{})",
                     policy.guard ? "policies:\n      - {name: load, type: fixed, servers: 4}\n    guards" : "policies",
                     indented(policy.yaml));
}

TEST(Queries, are_read_by_weir) {
  const Catalogs catalogs{.providers = provider_catalog(), .policies = policy_catalog(), .balancers = balancer_catalog()};
  const auto policies = shown_policies();
  EXPECT_GE(policies.size(), 22U);
  for (const ShownPolicy& policy : policies) {
    SCOPED_TRACE(policy.section + ": " + policy.name);
    const ConfigResult config = parse_config(configuration_with(policy), "docs/queries.md", {}, catalogs);
    if (config) continue;
    for (const ConfigError& error : config.error()) ADD_FAILURE() << to_string(error);
  }
}

/// After the block, before the next heading: what on_empty to choose, and why.
TEST(Queries, each_comes_with_advice_on_missing_data) {
  const std::string text = docs::read_text(kRoot / "docs/queries.md");
  for (const ShownPolicy& policy : shown_policies()) {
    if (policy.guard) continue;
    SCOPED_TRACE(policy.name);
    const std::size_t end = text.find(policy.yaml) + policy.yaml.size();
    EXPECT_TRUE(text.substr(end, text.find("\n#", end) - end).contains("\n`on_empty: hold`"));
    EXPECT_TRUE(policy.yaml.contains("on_empty: hold")) << "as the advice says";
  }
}

}  // namespace
}  // namespace weir::monitoring
