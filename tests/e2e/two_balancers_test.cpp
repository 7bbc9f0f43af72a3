#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "balancers/haproxy/runtime.h"
#include "tests/e2e/site.h"
#include "tests/support/haproxy_program.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// A site whose group has nginx and HAProxy in front of it, side by side.
class TwoBalancers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HaproxyProgram::is_here()) GTEST_SKIP() << "there is no haproxy here; Debian's package haproxy has it";
    site_ = Site::create({.app_options = {"--service-time", "2ms", "--capacity", "64"}});
    ASSERT_TRUE(site_);
    // As the page says: the first file by hand, so that HAProxy can start before weir does.
    std::ofstream(haproxy_.backend_file()) << "# Managed by weir for group app; edits are overwritten.\nbackend app\n";
    ASSERT_TRUE(haproxy_.start()) << haproxy_.log();
    site_->rewrite_config("      - {type: file_sd", fmt::format("      - type: haproxy\n"
                                                                "        socket: {}\n"
                                                                "        master_socket: {}\n"
                                                                "        backend: app\n"
                                                                "        file: {}\n"
                                                                "        test: haproxy -c -f {}/site.cfg -f {{file}}\n"
                                                                "      - {{type: file_sd",
                                                                haproxy_.socket().string(), haproxy_.master_socket().string(),
                                                                haproxy_.backend_file().string(), haproxy_.directory().string()));
    ASSERT_TRUE(site_->begin());
  }
  /// Addresses of the servers to which HAProxy sends new requests, sorted.
  std::vector<std::string> in_haproxy() {
    std::vector<std::string> addresses;
    for (const HaproxyServer& server :
         HaproxyRuntime(haproxy_.socket(), 20s).servers("app", {}).value_or(std::vector<HaproxyServer>{})) {
      if (server.ready) addresses.push_back(server.address);
    }
    std::ranges::sort(addresses);
    return addresses;
  }

  HaproxyProgram haproxy_{HaproxyProgram::Mode::master, HaproxyProgram::Backend::in_file};
  std::unique_ptr<Site> site_;
};

/// The same kinds of clients as Traffic's, in front of both.
class TrafficOnBoth {
 public:
  TrafficOnBoth(const std::string& nginx, const std::string& haproxy, double rps) {
    for (const std::string& url : {nginx, haproxy + "/"}) {
      loads_.push_back(std::make_unique<Load>(steady(url, rps, "GET", true)));
      loads_.push_back(std::make_unique<Load>(steady(url, rps, "POST", false)));
    }
  }
  [[nodiscard]] std::size_t requests() const {
    std::size_t sum = 0;
    for (const auto& load : loads_) sum += load->summary().requests;
    return sum;
  }
  [[nodiscard]] testing::AssertionResult all_answered() {
    for (const auto& load : loads_) {
      load->stop();
      const LoadSummary summary = load->summary();
      if (summary.failures > 0 || summary.requests < 30) {
        return testing::AssertionFailure() << summary.failures << " of " << summary.requests << " requests failed, the first with "
                                           << summary.first_failure;
      }
    }
    return testing::AssertionSuccess();
  }

 private:
  static LoadOptions steady(const std::string& url, double rps, const std::string& method, bool keep_alive) {
    LoadOptions options;
    options.url = url;
    options.method = method;
    options.profile = {{3h, rps, rps}};
    options.keep_alive = keep_alive;
    options.timeout = 20s;
    return options;
  }

  std::vector<std::unique_ptr<Load>> loads_;
};

TEST_F(TwoBalancers, no_request_fails_through_either_while_the_group_grows_and_shrinks) {
  const std::size_t wanted_requests = soaking() ? 1'000'000 : 500;
  const int wanted_changes = soaking() ? 200 : 6;
  TrafficOnBoth traffic(site_->stand().url(), haproxy_.url(), soaking() ? 250 : 30);
  int changes = 0;
  while (changes < wanted_changes || traffic.requests() < wanted_requests) {
    for (const int servers : {4, 2, 8, 3, 6, 2}) {
      site_->want(servers);
      ASSERT_TRUE(site_->serves_with(servers)) << "wanted " << servers << "\n" << site_->story();
      EXPECT_EQ(in_haproxy(), site_->peers());
      ++changes;
    }
  }
  ASSERT_TRUE(site_->settles_at(2)) << site_->story();
  EXPECT_EQ(in_haproxy(), site_->peers());
  const std::size_t requests = traffic.requests();
  EXPECT_TRUE(traffic.all_answered()) << site_->story();
  EXPECT_EQ(site_->metric("weir_balancer_writes_total", R"(outcome="failed")"), 0);
  RecordProperty("requests", std::to_string(requests));
  RecordProperty("changes", changes);
  if (soaking()) fmt::print("{} requests, {} changes\n", requests, changes);
}

TEST_F(TwoBalancers, a_server_is_not_removed_before_both_are_known_to_have_let_go_of_it) {
  site_->want(4);
  ASSERT_TRUE(site_->settles_at(4)) << site_->story();
  haproxy_.stop();
  site_->want(2);
  ASSERT_TRUE(Stand::eventually([&] { return site_->peers().size() == 2; }, 40s)) << site_->story();
  ASSERT_TRUE(site_->takes_turns(8));
  EXPECT_EQ(site_->apps().size(), 4U) << "HAProxy may still send to all of them, as far as anybody knows";
  ASSERT_TRUE(haproxy_.start()) << haproxy_.log();
  EXPECT_TRUE(site_->settles_at(2)) << site_->story();
  EXPECT_EQ(in_haproxy(), site_->peers());
}

TEST_F(TwoBalancers, traffic_is_not_said_to_follow_before_both_have_a_new_server) {
  haproxy_.stop();
  site_->want(3);
  EXPECT_TRUE(Stand::eventually([&] { return site_->peers().size() == 3; }, 40s)) << site_->story();
  EXPECT_TRUE(site_->logs("will be in force when it starts or reloads")) << site_->story();
  EXPECT_FALSE(site_->settles_at(3, 1s));
  ASSERT_TRUE(haproxy_.start()) << haproxy_.log();
  EXPECT_TRUE(site_->settles_at(3)) << site_->story();
  EXPECT_EQ(in_haproxy(), site_->peers()) << "from the file";
}

}  // namespace
}  // namespace weir
