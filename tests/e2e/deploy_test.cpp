#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/e2e/site.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

std::set<std::string> versions(Site& site) {
  std::set<std::string> found;
  for (const AppProcess& app : site.apps()) found.insert(app.version);
  return found;
}

class Deploy : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    site_ = Site::start();
    ASSERT_TRUE(site_);
    site_->want(3);
    ASSERT_TRUE(site_->settles_at(3)) << site_->story();
  }
  CommandAnswer deploy(const std::string& version) {
    return site_->command({"deploy", "start", "--group", "app", "--version", version, "--strategy", GetParam(), "--wait"});
  }
  std::unique_ptr<Site> site_;
};

TEST_P(Deploy, no_request_fails_whatever_the_strategy) {
  Traffic traffic(site_->stand(), 60);
  for (const std::string version : {"v2", "v3"}) {
    const CommandAnswer answer = deploy(version);
    ASSERT_EQ(answer.status, 0) << answer.output << site_->story();
    EXPECT_TRUE(site_->settles_at(3)) << site_->story();
    EXPECT_EQ(versions(*site_), std::set<std::string>{version});
  }
  EXPECT_TRUE(traffic.all_answered()) << site_->story();
}

INSTANTIATE_TEST_SUITE_P(Strategies, Deploy, testing::Values("rolling", "blue_green", "canary"));

}  // namespace
}  // namespace weir
