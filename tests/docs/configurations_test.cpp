// Every configuration that the documentation and the examples show is valid.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <sstream>
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
  return {
      .variable = [](const std::string&) { return std::optional<std::string>("value"); },
      .read_file =
          [](const std::filesystem::path& file) {
            // A secret may be a URL that nobody is to know.
            return Result<std::string>(file.extension() == ".url" ? "https://example.com/secret" : "what is in " + file.string());
          }};
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

/// The text with each key in a comment (`# key: …`, `# - key: …`, `# - {…`) taken out of it.
std::string uncommented(const std::string& text) {
  static const std::regex kKey(R"(^( *)# ( *(?:- \{|(?:- )?[a-z_]+:).*)$)");
  std::istringstream lines(text);
  std::string all;
  for (std::string line; std::getline(lines, line);) all += std::regex_replace(line, kKey, "$1$2") + "\n";
  return all;
}

TEST(PackagedConfiguration, has_a_fleet_in_comments_that_gets_data_when_they_are_taken_away) {
  const Catalogs catalogs = builtin_catalogs();
  const std::string text = uncommented(read_text(std::filesystem::path(WEIR_SOURCE_DIR) / "packaging/weir.yaml"));
  const ConfigResult config = parse_config(text, "weir.yaml", complete_environment(), catalogs);
  ASSERT_TRUE(config) << to_string(config.error().front());
  EXPECT_THAT(lint_config(*config), testing::IsEmpty());
  ASSERT_EQ(config->groups.size(), 2U);
  const Group& fleet = config->groups.back();
  EXPECT_NE(text.find("{job=\"app\"}"), std::string::npos) << "the query picks servers by the label that file_sd is to write";
  EXPECT_NE(text.find("labels: {job: app}"), std::string::npos);
  EXPECT_TRUE(std::ranges::any_of(fleet.balancers, [](const BalancerSpec& balancer) { return balancer.type == "file_sd"; }));
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

/// Groups for a section that is shown without any.
constexpr const char* kSomeGroups = R"(
providers: {here: {type: process}}
groups:
  - {name: app, provider: here, version: v1, server: {command: [/srv/app, "{port}"], ports: "9000-9099"}, min: 2, max: 2}
)";

TEST(ShownConfigurations, sections_of_notifications_are_valid_and_sound) {
  const Catalogs catalogs = builtin_catalogs();
  int shown = 0;
  for (const std::string& file : markdown_files(WEIR_SOURCE_DIR)) {
    for (const Block& block : fenced_blocks(file, read_text(std::filesystem::path(WEIR_SOURCE_DIR) / file))) {
      if (block.language != "yaml" || !block.text.starts_with("notifications:")) continue;
      ++shown;
      SCOPED_TRACE(block.file + ", from line " + std::to_string(block.line));
      const ConfigResult config = parse_config(block.text + kSomeGroups, block.file, complete_environment(), catalogs);
      if (config) {
        EXPECT_THAT(lint_config(*config), testing::IsEmpty());
      }
      if (config) continue;
      for (const ConfigError& error : config.error()) ADD_FAILURE() << to_string(error);
    }
  }
  EXPECT_GE(shown, 6);
}

/// docs/notifications.md tells of every kind of event there is.
TEST(ShownEvents, are_all_there_are) {
  const std::string page = read_text(std::filesystem::path(WEIR_SOURCE_DIR) / "docs/notifications.md");
  for (const EventType& type : event_types()) {
    if (type.kind != EventKind::test) {
      EXPECT_NE(page.find("`" + std::string(type.name) + "`"), std::string::npos) << type.name;
    }
  }
}

}  // namespace
}  // namespace weir::docs
