// The example configurations of the programs around weir are taken by those programs, where they are there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <set>

#include "platform/command.h"
#include "platform/file.h"
#include "tests/docs/documents.h"
#include "tests/monitoring/shipped.h"
#include "tests/support/temp_directory.h"

namespace weir::monitoring {
namespace {

using namespace std::chrono_literals;
using testing::IsSupersetOf;

const std::filesystem::path kRoot = WEIR_SOURCE_DIR;
constexpr const char* kPage = "docs/monitoring.md";

std::set<std::string> scraped_jobs() {
  std::set<std::string> jobs;
  const YAML::Node config = YAML::LoadFile((shipped() / "prometheus/prometheus.yml").string());
  for (const YAML::Node& job : config["scrape_configs"]) jobs.insert(job["job_name"].as<std::string>());
  return jobs;
}

TEST(Examples, prometheus_takes_its_configuration) {
  const auto ran = run_command({"promtool", "check", "config", shipped() / "prometheus/prometheus.yml"}, 1min);
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->status, 0) << ran->output;
}

TEST(Examples, prometheus_takes_what_the_page_shows) {
  const TempDirectory directory;
  const std::filesystem::path file = directory.path() / "prometheus.yml";
  int shown = 0;
  for (const docs::Block& block : docs::fenced_blocks(kPage, docs::read_text(kRoot / kPage))) {
    if (block.language != "yaml" || block.text.starts_with("balancers:")) continue;
    SCOPED_TRACE(block.text);
    ASSERT_TRUE(replace_file(file, block.text));
    const auto ran = run_command({"promtool", "check", "config", file}, 1min);
    ASSERT_TRUE(ran) << ran.error().message;
    EXPECT_EQ(ran->status, 0) << ran->output;
    ++shown;
  }
  EXPECT_GE(shown, 2);
}

TEST(Examples, prometheus_scrapes_all_that_rules_and_queries_look_at) {
  EXPECT_THAT(scraped_jobs(),
              IsSupersetOf({"weir", "app", "node", "app-node", "cadvisor", "nginx", "nginxlog", "postgres", "redis"}));
}

TEST(Examples, alertmanager_takes_its_configuration) {
  const auto ran = run_command({"amtool", "check-config", shipped() / "alertmanager/alertmanager.yml"}, 1min);
  if (!ran && ran.error().kind == ErrorKind::not_found) GTEST_SKIP() << "no amtool: needs the package prometheus-alertmanager";
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->status, 0) << ran->output;
}

/// As Alertmanager itself decides it.
TEST(Examples, alertmanager_wakes_somebody_for_what_is_critical_only) {
  const std::filesystem::path config = shipped() / "alertmanager/alertmanager.yml";
  const std::map<std::string, std::string> expected = {{"critical", "pager"}, {"warning", "mail"}, {"info", "mail"}};
  for (const auto& [severity, receiver] : expected) {
    const auto ran = run_command({"amtool", "config", "routes", "test", "--config.file=" + config.string(),
                                  "--verify.receivers=" + receiver, "severity=" + severity},
                                 1min);
    if (!ran && ran.error().kind == ErrorKind::not_found) GTEST_SKIP() << "no amtool: needs the package prometheus-alertmanager";
    ASSERT_TRUE(ran) << ran.error().message;
    EXPECT_EQ(ran->status, 0) << severity << ": " << ran->output;
  }
}

TEST(Examples, promtail_makes_labels_of_keys_that_every_line_or_most_have) {
  const YAML::Node config = YAML::LoadFile((shipped() / "promtail/promtail.yml").string());
  ASSERT_EQ(config["scrape_configs"].size(), 2U);
  for (const YAML::Node& job : config["scrape_configs"]) {
    for (const auto& label : job["pipeline_stages"][1]["labels"]) {
      const auto key = label.first.as<std::string>();
      EXPECT_TRUE(job["pipeline_stages"][0]["json"]["expressions"][key]) << key;
      bool known = key == "level" || key == "event";
      for (const DocumentedEvent& event : documented_events()) known |= event.keys.contains(key);
      EXPECT_TRUE(known) << key;
    }
  }
}

}  // namespace
}  // namespace weir::monitoring
