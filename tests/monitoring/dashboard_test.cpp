// The dashboard's own form; that its queries answer is tested with a real run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <regex>
#include <set>

#include "tests/docs/documents.h"
#include "tests/monitoring/shipped.h"

namespace weir::monitoring {
namespace {

using Json = nlohmann::json;

const std::filesystem::path kRoot = WEIR_SOURCE_DIR;

TEST(Dashboard, takes_its_data_source_from_a_variable) {
  const Json board = dashboard();
  EXPECT_GE(board.at("schemaVersion"), 42);
  EXPECT_EQ(board.at("templating").at("list").at(0).at("name"), "datasource");
  EXPECT_EQ(board.at("templating").at("list").at(0).at("type"), "datasource");
  for (const Json& panel : board.at("panels")) {
    if (panel.at("type") == "row") continue;
    EXPECT_EQ(panel.at("datasource").at("uid"), "${datasource}") << panel.at("title");
    for (const Json& target : panel.at("targets")) EXPECT_EQ(target.at("datasource").at("uid"), "${datasource}");
  }
}

TEST(Dashboard, every_panel_says_what_it_shows) {
  std::set<int> ids;
  std::set<std::string> titles;
  const Json board = dashboard();
  for (const Json& panel : board.at("panels")) {
    EXPECT_TRUE(ids.insert(panel.at("id").get<int>()).second) << panel.at("title");
    EXPECT_TRUE(titles.insert(panel.at("title").get<std::string>()).second) << panel.at("title");
    if (panel.at("type") == "row") continue;
    EXPECT_FALSE(panel.at("description").get<std::string>().empty()) << panel.at("title");
  }
  EXPECT_GE(titles.size(), 30U);
}

TEST(Dashboard, panels_lie_side_by_side) {
  std::set<std::pair<int, int>> taken;
  const Json board = dashboard();
  for (const Json& panel : board.at("panels")) {
    const Json& place = panel.at("gridPos");
    const int left = place.at("x");
    const int top = place.at("y");
    ASSERT_LE(left + place.at("w").get<int>(), 24) << panel.at("title");
    for (int x = left; x < left + place.at("w").get<int>(); ++x) {
      for (int y = top; y < top + place.at("h").get<int>(); ++y) {
        ASSERT_TRUE(taken.emplace(x, y).second) << panel.at("title") << " lies on another";
      }
    }
  }
}

TEST(Dashboard, shows_every_metric_that_weir_has) {
  std::string queries;
  for (const PanelQuery& query : panel_queries()) queries += query.expression + "\n";
  const std::string reference = docs::read_text(kRoot / "docs/reference/metrics.md");
  const std::set<std::string> no_panel = {"weir_build_info",                       // of interest in a list, not in a picture
                                          "weir_min",                              // behind the variable for the group
                                          "weir_deploy_start_timestamp_seconds"};  // the one of its last step is shown
  const std::regex row(R"re(\| `(weir_\w+)` \|)re");
  int metrics = 0;
  for (auto at = std::sregex_iterator(reference.begin(), reference.end(), row); at != std::sregex_iterator(); ++at, ++metrics) {
    const std::string name = (*at)[1];
    EXPECT_NE(queries.contains(name), no_panel.contains(name)) << name;
  }
  EXPECT_GT(metrics, 25);
}

TEST(Grafana, is_provisioned_with_what_is_installed) {
  const auto folder = shipped() / "grafana/provisioning";
  const YAML::Node source = YAML::LoadFile((folder / "datasources/weir.yaml").string());
  EXPECT_EQ(source["datasources"][0]["type"].as<std::string>(), "prometheus");
  const YAML::Node provider = YAML::LoadFile((folder / "dashboards/weir.yaml").string());
  EXPECT_EQ(provider["providers"][0]["options"]["path"].as<std::string>(), "/usr/share/weir/monitoring/grafana/dashboards");
}

}  // namespace
}  // namespace weir::monitoring
