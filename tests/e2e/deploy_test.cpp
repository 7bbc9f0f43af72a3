#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "controller/render/rfc3339.h"
#include "tests/e2e/long_lived.h"
#include "tests/e2e/site.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr int kServers = 3;
/// As short as the rules allow, one server after the other.
constexpr const char* kShortest =
    R"({strategy: canary, max_surge: 1, soak: 0s, steps: [{weight: 25%, soak: 100ms}, {weight: 50%, soak: 100ms}]})";

class Deploy : public testing::TestWithParam<std::string> {
 protected:
  void start(const std::string& drain) {
    site_ = Site::start({.min = kServers, .drain = drain, .deploy = kShortest});
    ASSERT_TRUE(site_);
  }

  void deploy(const std::string& version) {
    const CommandAnswer answer = site_->deploy(version, GetParam());
    ASSERT_EQ(answer.status, 0) << answer.output << site_->story();
    ASSERT_TRUE(site_->settles_at(kServers)) << site_->story();
    ASSERT_EQ(site_->versions(), std::set<std::string>{version});
  }

  /// True if weir has said by now that it ends the server last admitted at this address because its time to drain was over, and the
  /// server really had most of that time (its log comes a little after the decision).
  bool let_go_after_timeout(const std::string& address) {
    std::istringstream lines(site_->weir_log());
    bool let_go = false;
    std::optional<TimePoint> drained_at;
    for (std::string line; std::getline(lines, line);) {
      if (!line.contains("address=" + address + " ")) continue;
      if (line.contains("event=admit ")) let_go = false;
      if (line.contains("event=drain ")) drained_at = parse_rfc3339(line.substr(0, line.find(' ')));
      if (line.contains("event=terminate ")) let_go = line.contains("drain timeout of 20s is over");
    }
    const auto now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    return let_go && drained_at && now - *drained_at >= 15s;
  }

  std::unique_ptr<Site> site_;
};

TEST_P(Deploy, no_request_fails_whatever_the_strategy) {
  ASSERT_NO_FATAL_FAILURE(start("{timeout: 10s}"));
  const int deploys = soaking() ? 200 : 2;
  Traffic traffic(site_->stand(), soaking() ? 250 : 60);
  const auto begin = std::chrono::steady_clock::now();
  for (int count = 0; count < deploys; ++count) {
    SCOPED_TRACE(fmt::format("deploy {} of {}", count + 1, deploys));
    ASSERT_NO_FATAL_FAILURE(deploy(fmt::format("v{}", count + 2)));
    ASSERT_EQ(traffic.failures(), 0U) << traffic.first_failure() << "\n" << site_->story();
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const std::size_t requests = traffic.requests();
  EXPECT_TRUE(traffic.all_answered()) << site_->story();
  fmt::print("{}: {} deploys in {:.0f} s; {} requests ({:.0f} a second), 0 failed\n", GetParam(), deploys, took.count(), requests,
             static_cast<double>(requests) / took.count());
}

/// Apart from the one above, with fewer deploys: a connection that stays makes every drain last its whole timeout.
TEST_P(Deploy, downloads_are_finished_and_websockets_live_until_the_drain_timeout) {
  // Longer than a download, which may begin until nginx has reloaded.
  ASSERT_NO_FATAL_FAILURE(start("{timeout: 20s}"));
  constexpr int kClients = 6;
  std::mutex mutex;
  std::vector<std::string> cut_off;
  std::vector<std::string> too_early;
  Sockets sockets(site_->stand(), kClients, [&](const std::string& server) {
    const std::lock_guard lock(mutex);
    cut_off.push_back(server);
    if (!let_go_after_timeout(server)) too_early.push_back(server);
  });
  Downloads downloads(site_->stand(), kClients);
  Traffic traffic(site_->stand());
  ASSERT_TRUE(Stand::eventually([&] { return sockets.talking() == kClients; }, 20s)) << site_->story();

  const int deploys = soaking() ? 10 : 1;
  for (int count = 0; count < deploys; ++count) ASSERT_NO_FATAL_FAILURE(deploy(fmt::format("v{}", count + 2)));
  downloads.stop();
  EXPECT_TRUE(traffic.all_answered()) << site_->story();
  EXPECT_EQ(downloads.broken(), 0U) << downloads.summary().first_failure << site_->story();
  EXPECT_GE(downloads.count(), static_cast<std::size_t>(2 * kClients));
  EXPECT_EQ(sockets.refused(), 0U);
  const std::lock_guard lock(mutex);
  EXPECT_GE(cut_off.size(), static_cast<std::size_t>(kClients));
  EXPECT_EQ(too_early, std::vector<std::string>{}) << site_->story();
  fmt::print("{}: {} deploys; {} downloads of 10 s, {} broken; {} websockets cut off, {} of them too early\n", GetParam(), deploys,
             downloads.count(), downloads.broken(), cut_off.size(), too_early.size());
}

INSTANTIATE_TEST_SUITE_P(Strategies, Deploy, testing::Values("rolling", "blue_green", "canary"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace weir
