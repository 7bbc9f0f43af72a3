#include "balancers/file_sd/file_sd.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "platform/command.h"
#include "platform/file.h"
#include "tests/balancers/settings.h"
#include "tests/balancers/write_peers.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

class FileSd : public ::testing::Test {
 protected:
  std::unique_ptr<Balancer> make(const std::string& group, const std::string& name, Settings::TextMap labels = {}) {
    Group described;
    described.name = group;
    BalancerSpec spec{.name = "file_sd", .type = "file_sd", .settings = file_sd_settings(path(name))};
    spec.settings.set("labels", std::move(labels));
    return std::move(*maker_.make({described, spec}));
  }
  std::string path(const std::string& name) { return directory_.path() / name; }
  std::string text(const std::string& name) { return read_file(path(name)).value_or("(no file)"); }

  TempDirectory directory_;
  BalancerMaker maker_;
};

TEST_F(FileSd, lists_each_server_with_its_labels) {
  const auto balancer = make("app", "app.json", {{"env", "live"}});
  ASSERT_TRUE(write_peers(*balancer, {{"srv-1", "10.0.0.1:80", 1}, {"srv-2", "10.0.0.2:80", 2}}).has_value());
  const auto expected = nlohmann::json::parse(R"([
    {"targets": ["10.0.0.1:80"], "labels": {"env": "live", "weir_group": "app", "weir_server": "srv-1"}},
    {"targets": ["10.0.0.2:80"], "labels": {"env": "live", "weir_group": "app", "weir_server": "srv-2", "__meta_weir_weight": "2"}}])");
  EXPECT_EQ(nlohmann::json::parse(text("app.json")), expected);
}

TEST_F(FileSd, prometheus_accepts_the_file_in_both_formats) {
  for (const std::string name : {"app.json", "app.yml"}) {
    const auto balancer = make("app", name, {{"env", "l\"i\\ve"}});
    ASSERT_TRUE(write_peers(*balancer, {{"srv-1", "10.0.0.1:80", 1}, {"srv-2", "[::1]:80", 2}}).has_value());
    std::ofstream(path("prometheus.yml")) << "scrape_configs: [{job_name: app, file_sd_configs: [{files: ['" << path(name)
                                          << "']}]}]\n";
    const auto checked = run_command({"promtool", "check", "config", path("prometheus.yml")}, std::chrono::seconds(60));
    if (!checked) GTEST_SKIP() << "no promtool: " << checked.error().message;
    EXPECT_EQ(checked->status, 0) << checked->output;
  }
}

TEST_F(FileSd, the_file_of_another_group_is_left_alone) {
  ASSERT_TRUE(write_peers(*make("app", "app.json"), {{"srv-1", "10.0.0.1:80", 1}}).has_value());
  const auto written = write_peers(*make("web", "app.json"), {{"srv-9", "10.0.0.9:80", 1}});
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::invalid);
  EXPECT_TRUE(text("app.json").contains("srv-1"));
}

TEST_F(FileSd, a_changed_label_is_no_longer_in_force) {
  ASSERT_TRUE(write_peers(*make("app", "app.json", {{"env", "test"}}), {{"srv-1", "10.0.0.1:80", 1}}).has_value());
  const BalancerView view = make("app", "app.json", {{"env", "live"}})->read({}, {});
  EXPECT_TRUE(view.known);
  EXPECT_FALSE(view.in_force);
}

TEST_F(FileSd, text_that_is_no_such_list_is_by_another_hand) {
  for (const std::string foreign : {"{", "{\"a\": 1}", "[1]", "[{\"targets\": []}]", "- targets: ['a:1']"}) {
    std::ofstream(path("app.json")) << foreign;
    EXPECT_FALSE(make("app", "app.json")->read({}, {}).known) << foreign;
    EXPECT_FALSE(write_peers(*make("app", "app.json"), {{"srv-1", "10.0.0.1:80", 1}}).has_value()) << foreign;
    EXPECT_EQ(text("app.json"), foreign);
  }
}

TEST_F(FileSd, a_directory_that_is_not_there_is_said) {
  const auto written = write_peers(*make("app", "missing/app.json"), {{"srv-1", "10.0.0.1:80", 1}});
  ASSERT_FALSE(written.has_value());
  EXPECT_TRUE(written.error().message.contains("missing/app.json")) << written.error().message;
}

TEST_F(FileSd, carries_no_connections_of_any_server) {
  const std::vector<std::string> addresses{"10.0.0.1:80"};
  EXPECT_EQ(make("app", "app.json")->read(addresses, {}).connections, (std::vector<BalancerView::Connections>{}));
}

}  // namespace
}  // namespace weir
