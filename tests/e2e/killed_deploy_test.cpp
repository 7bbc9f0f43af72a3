// weir dies at an effect in the middle of a deploy and is started again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "platform/file.h"
#include "tests/e2e/site.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
namespace fs = std::filesystem;

constexpr int kServers = 3;
/// As short as it can be: two canary steps, one switch, batches of two.
constexpr const char* kDeploy =
    R"({strategy: canary, max_surge: 2, soak: 0s, steps: [{weight: 20%, soak: 200ms}, {weight: 60%, soak: 200ms}]})";

/// For each strategy one that stands still with new servers at work, so that there is something to go back from.
std::string deploy_that_waits(const std::string& strategy) {
  if (strategy == "rolling") return "{strategy: rolling, max_surge: 2, soak: 0s, pause_at: [50%]}";
  if (strategy == "blue_green") return "{strategy: blue_green, soak: 0s, keep_old: 1h}";
  return "{strategy: canary, max_surge: 2, soak: 0s, steps: [{weight: 50%, soak: 1h}]}";
}

class KilledDeploy : public testing::TestWithParam<std::string> {
 protected:
  void begin(const std::string& deploy) {
    std::error_code failed;
    const fs::path folder = fs::path(testing::TempDir()) / fmt::format("weir-dies-{}", ::getpid());
    fs::create_directories(folder, failed);
    ASSERT_FALSE(failed) << failed.message();
    order_to_die_ = folder / "at";
    site_ = Site::start({.min = kServers,
                         .deploy = deploy,
                         .weir_under = {"env", "LD_PRELOAD=" WEIR_DIE_AT, "WEIR_DIES_AT=" + order_to_die_.string(),
                                        "ASAN_OPTIONS=verify_asan_link_order=0"}});
    ASSERT_TRUE(site_);
    traffic_ = std::make_unique<Traffic>(site_->stand());
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(order_to_die_.parent_path(), ignored);
  }

  bool dies() { return !site_->stand().weir().running(); }

  json current() { return json::parse(site_->stand().weir_get("/v1/groups/app/deploys/current").value_or("{}"), nullptr, false); }

  /// What it waits for is somebody, or a time that does not come.
  bool stands_still(const std::string& version) {
    const json deploy = current();
    if (deploy.value("version", "") != version || deploy.value("step", 0) != (GetParam() == "blue_green" ? 1 : 0)) return false;
    const std::string waits = deploy.value("waits", "");
    return waits.contains("promote") || waits.contains("way back until") || waits.contains("it soaks with");
  }

  bool is_over(const std::string& version) {
    const json deploy = current();
    return deploy.value("version", "") == version && deploy.value("end", "none") != "none";
  }

  /// An order to a weir that dies at its n-th effect from now on.
  struct Deployed {
    bool ordered = false;  ///< weir has taken the order
    bool died = false;
  };
  Deployed deploy_and_die(const std::string& version, int effect) {
    return order_and_die({"deploy", "start", "--group", "app", "--version", version, "--strategy", GetParam()}, version, effect);
  }
  Deployed order_and_die(const std::vector<std::string>& order, const std::string& version, int effect) {
    EXPECT_TRUE(replace_file(order_to_die_, std::to_string(effect)));
    const CommandAnswer answer = site_->command(order);
    EXPECT_TRUE(Stand::eventually([&] { return dies() || is_over(version); }, 60s)) << answer.output << site_->story();
    const bool died = dies();
    std::error_code ignored;
    fs::remove(order_to_die_, ignored);
    return {answer.status == 0, died};
  }

  void start_weir() {
    const Result<void> started = site_->stand().weir().start();
    ASSERT_TRUE(started) << started.error().message;
  }

  void expect_all_of(const std::string& version) {
    ASSERT_TRUE(site_->settles_at(kServers)) << site_->story();
    EXPECT_EQ(site_->versions(), std::set<std::string>{version}) << site_->story();
    EXPECT_EQ(site_->metric("weir_orphans") + site_->metric("weir_unowned_servers"), 0);
    EXPECT_EQ(traffic_->failures(), 0U) << traffic_->first_failure() << "\n" << site_->story();
  }

  std::unique_ptr<Site> site_;
  std::unique_ptr<Traffic> traffic_;
  fs::path order_to_die_;
};

TEST_P(KilledDeploy, at_any_effect_of_the_way_back_is_back_in_the_end_and_leaves_nothing_behind) {
  begin(deploy_that_waits(GetParam()));
  if (HasFatalFailure()) return;
  const int stride = soaking() ? 1 : 23;
  int deaths = 0;
  bool died = true;
  for (int effect = 1; died; effect += stride) {
    const std::string version = fmt::format("v{}", effect + 1);
    SCOPED_TRACE(fmt::format("back from {}, killed at effect {}", version, effect));
    ASSERT_EQ(site_->command({"deploy", "start", "--group", "app", "--version", version}).status, 0);
    ASSERT_TRUE(Stand::eventually([&] { return stands_still(version); }, 60s)) << site_->story();
    died = order_and_die({"deploy", "abort", "--group", "app"}, version, effect).died;
    deaths += died ? 1 : 0;
    if (died) start_weir();
    if (HasFatalFailure()) return;
    ASSERT_TRUE(site_->takes_turns(2)) << site_->story();
    // One that died before it took the order is told again.
    if (current().value("direction", "") == "forward") (void)site_->command({"deploy", "abort", "--group", "app"});
    ASSERT_TRUE(Stand::eventually([&] { return is_over(version); }, 60s)) << site_->story();
    EXPECT_EQ(current().value("end", ""), "went_back") << site_->story();
    expect_all_of("v1");
    if (HasFailure()) return;
  }
  fmt::print("{}, back: {} deaths\n", GetParam(), deaths);
  EXPECT_GE(deaths, 2);
  EXPECT_TRUE(traffic_->all_answered()) << site_->story();
}

TEST_P(KilledDeploy, at_any_effect_goes_on_to_its_end_and_leaves_nothing_behind) {
  begin(kDeploy);
  if (HasFatalFailure()) return;
  const int stride = soaking() ? 1 : 19;
  std::string running = "v1";
  int deaths = 0;
  bool died = true;
  for (int effect = 1; died; effect += stride) {
    const std::string version = fmt::format("v{}", effect + 1);
    SCOPED_TRACE(fmt::format("{}, killed at effect {}", version, effect));
    const Deployed deployed = deploy_and_die(version, effect);
    died = deployed.died;
    deaths += died ? 1 : 0;
    if (died) start_weir();
    if (HasFatalFailure()) return;
    ASSERT_TRUE(site_->takes_turns(2)) << site_->story();
    const bool begun = current().value("version", "") == version;
    EXPECT_TRUE(begun || !deployed.ordered) << "an order that was taken outlives a crash\n" << site_->story();
    if (begun) {
      ASSERT_TRUE(Stand::eventually([&] { return is_over(version); }, 60s)) << site_->story();
      EXPECT_EQ(current().value("end", ""), "done") << site_->story();
      running = version;
    }
    expect_all_of(running);
    if (HasFailure()) return;
  }
  fmt::print("{}: {} deaths\n", GetParam(), deaths);
  EXPECT_GE(deaths, 3);
  EXPECT_TRUE(traffic_->all_answered()) << site_->story();
}

INSTANTIATE_TEST_SUITE_P(Strategies, KilledDeploy, testing::Values("rolling", "blue_green", "canary"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace weir
