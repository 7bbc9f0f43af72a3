// The alerts: Prometheus takes them, each is proven to fire and not to fire, and each has its section of the runbook.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <regex>
#include <set>
#include <sstream>

#include "platform/command.h"
#include "tests/docs/documents.h"
#include "tests/monitoring/shipped.h"

namespace weir::monitoring {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::Contains;
using testing::UnorderedElementsAreArray;

const std::filesystem::path kRoot = WEIR_SOURCE_DIR;
const std::vector<std::string> kTestFiles = {"weir_rules.yml", "site_rules.yml", "objective_rules.yml"};

void expect_success(const std::vector<std::string>& command) {
  const auto ran = run_command(command, 4min);
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->status, 0) << ran->output;
}

std::vector<std::string> names_of_alerts() {
  std::vector<std::string> names;
  for (const Alert& alert : alerts()) names.push_back(alert.name);
  return names;
}

/// Headings of the third level in the runbook: one each alert.
std::vector<std::string> sections() {
  std::istringstream text(docs::read_text(kRoot / "docs/runbook.md"));
  std::vector<std::string> found;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("### ")) found.push_back(line.substr(4));
  }
  return found;
}

std::string section(const std::string& name) {
  const std::string text = docs::read_text(kRoot / "docs/runbook.md");
  const std::size_t begin = text.find("\n### " + name + "\n");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find("\n##", begin + 1) - begin);
}

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

TEST(Rules, are_taken_by_prometheus) {
  expect_success({"promtool", "check", "rules", shipped() / "prometheus/rules/weir.yml", shipped() / "prometheus/rules/site.yml"});
}

/// promtool looks for rule_files from the file that names them.
TEST(Rules, fire_when_they_should_and_not_when_they_should_not) {
  for (const std::string& file : kTestFiles) expect_success({"promtool", "test", "rules", kRoot / "tests/monitoring" / file});
}

TEST(Rules, each_is_proven_both_ways) {
  std::set<std::string> fires;
  std::set<std::string> keeps_quiet;
  const std::regex subject(R"re(alertname="(\w+)",alertstate="firing")re");
  for (const std::string& file : kTestFiles) {
    for (const YAML::Node& group : YAML::LoadFile((kRoot / "tests/monitoring" / file).string())["tests"]) {
      for (const YAML::Node& check : group["promql_expr_test"]) {
        std::smatch found;
        const auto expression = check["expr"].as<std::string>();
        ASSERT_TRUE(std::regex_search(expression, found, subject)) << expression;
        (check["exp_samples"].size() > 0 ? fires : keeps_quiet).insert(found[1]);
      }
    }
  }
  EXPECT_THAT(fires, UnorderedElementsAreArray(names_of_alerts()));
  EXPECT_THAT(keeps_quiet, UnorderedElementsAreArray(names_of_alerts()));
}

TEST(Rules, each_says_how_bad_what_and_where_to_read_on) {
  for (const Alert& alert : alerts()) {
    SCOPED_TRACE(alert.name);
    EXPECT_THAT(alert.severity, AnyOf("critical", "warning", "info"));
    EXPECT_FALSE(alert.summary.empty());
    EXPECT_TRUE(alert.description.ends_with(".")) << alert.description;
    EXPECT_EQ(alert.runbook, "file:///usr/share/doc/weir/runbook.md#" + lower_case(alert.name));
  }
}

TEST(Rules, name_metrics_that_weir_has) {
  const std::string reference = docs::read_text(kRoot / "docs/reference/metrics.md");
  const std::string rules = docs::read_text(shipped() / "prometheus/rules/weir.yml");
  const std::regex name(R"re(\bweir_[a-z_]+)re");
  int named = 0;
  for (auto at = std::sregex_iterator(rules.begin(), rules.end(), name); at != std::sregex_iterator(); ++at, ++named) {
    const std::string metric = std::regex_replace(at->str(), std::regex("_(bucket|count|sum)$"), "");
    EXPECT_TRUE(reference.contains("| `" + metric + "` |")) << metric;
  }
  EXPECT_GT(named, 30);
}

TEST(Rules, are_called_by_their_names_wherever_a_page_tells_of_them) {
  const std::regex name(R"re(\b(?:Weir|Site)[A-Z]\w*)re");
  std::set<std::string> told;
  for (const std::string& page : docs::markdown_files(kRoot)) {
    const std::string text = docs::read_text(kRoot / page);
    for (auto at = std::sregex_iterator(text.begin(), text.end(), name); at != std::sregex_iterator(); ++at) {
      EXPECT_THAT(names_of_alerts(), Contains(at->str())) << page;
      told.insert(at->str());
    }
  }
  EXPECT_EQ(told.size(), names_of_alerts().size()) << "the runbook has them all";
}

TEST(Runbook, has_a_section_for_each_alert_and_no_other) { EXPECT_THAT(sections(), UnorderedElementsAreArray(names_of_alerts())); }

TEST(Runbook, each_section_says_what_it_means_what_weir_does_what_to_look_at_and_what_to_do) {
  for (const std::string& name : sections()) {
    const std::string text = section(name);
    for (const char* part : {"\n**It means:** ", "\n**Meanwhile:** ", "\n**Look at:**", "\n**Do:** "}) {
      EXPECT_TRUE(text.contains(part)) << name << " lacks" << part;
    }
  }
}

/// Links within the page: another test looks at those to other files.
TEST(Runbook, leads_to_its_own_sections_only) {
  const std::string text = docs::read_text(kRoot / "docs/runbook.md");
  std::vector<std::string> anchors;
  for (const std::string& name : sections()) anchors.push_back(lower_case(name));
  const std::regex link(R"re(\]\(#([^)]*)\))re");
  for (auto at = std::sregex_iterator(text.begin(), text.end(), link); at != std::sregex_iterator(); ++at) {
    EXPECT_THAT(anchors, Contains((*at)[1].str()));
  }
}

}  // namespace
}  // namespace weir::monitoring
