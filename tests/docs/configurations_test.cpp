// Every configuration that the documentation and the examples show is valid.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

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
          .read_file = [](const std::filesystem::path&) { return Result<std::string>("secret"); }};
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

bool has_one_of(const std::vector<std::string>& headings, const std::vector<std::string>& wanted) {
  return std::ranges::any_of(wanted, [&](const std::string& each) { return std::ranges::find(headings, each) != headings.end(); });
}

TEST(ProviderPages, answer_what_a_user_asks) {
  const std::vector<std::vector<std::string>> kQuestions = {
      {"permissions"},
      {"costs"},
      {"versions-and-deploys"},
      {"when-something-is-wrong", "what-goes-wrong", "when-the-program-misbehaves"}};
  for (const ProviderType& type : provider_catalog()) {
    if (type.name == "memory") continue;  // imaginary
    const std::string page = "docs/providers/" + std::string(type.name) + ".md";
    const auto headings = anchors(read_text(std::filesystem::path(WEIR_SOURCE_DIR) / page));
    for (const auto& question : kQuestions) EXPECT_TRUE(has_one_of(headings, question)) << page << " has no " << question.front();
  }
}

}  // namespace
}  // namespace weir::docs
