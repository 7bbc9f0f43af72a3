#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <set>

#include "tests/e2e/site.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

/// Something that is seen from outside in the middle of a scale event.
struct Moment {
  std::string name;
  std::function<bool()> come;
};

bool all_different(const std::vector<AppProcess>& apps) {
  std::set<std::string> addresses;
  for (const AppProcess& app : apps) addresses.insert(app.address);
  return addresses.size() == apps.size();
}

class KilledWeir : public testing::Test {
 protected:
  void SetUp() override {
    site_ = Site::start();
    ASSERT_TRUE(site_);
    traffic_ = std::make_unique<Traffic>(site_->stand());
  }

  bool said(const std::string& event) { return site_->weir_log().find("event=" + event, said_before_) != std::string::npos; }

  std::vector<Moment> moments() {
    const auto pending = site_->stand().upstream_file().parent_path() / ".upstream.conf.weir-pending";
    std::vector<Moment> all{
        {"decided", [this] { return said("scale_"); }},
        {"the first server started or ended", [this] { return site_->apps() != apps_before_; }},
        {"two started or ended", [this] { return count_changed() >= 2; }},
        {"admitted or drained", [this] { return said("admit") || said("drain"); }},
        {"a change of nginx is under way", [pending] { return std::filesystem::exists(pending); }},
        {"nginx's file is replaced", [this] { return site_->peers() != peers_before_; }},
        {"nginx is proven to have reloaded", [this] { return said("peers"); }},
    };
    // Besides what is seen: any time, as the requests of the clients count it.
    const int more = soaking() ? 60 : 3;
    const std::size_t apart = soaking() ? 3 : 30;
    for (int step = 0; step < more; ++step) {
      const std::size_t requests = static_cast<std::size_t>(step) * apart;
      all.push_back({fmt::format("{} requests were answered", requests),
                     [this, requests] { return traffic_->requests() >= requests_before_ + requests; }});
    }
    return all;
  }

  std::size_t count_changed() {
    const auto now = site_->apps().size();
    return now > apps_before_.size() ? now - apps_before_.size() : apps_before_.size() - now;
  }

  void kill_in_the_middle(const Moment& moment, int servers) {
    SCOPED_TRACE(fmt::format("killed when: {}; wanted {}", moment.name, servers));
    said_before_ = site_->weir_log().size();
    apps_before_ = site_->apps();
    peers_before_ = site_->peers();
    requests_before_ = traffic_->requests();
    site_->want(servers);
    ASSERT_TRUE(wait_until(40s, moment.come)) << site_->story();
    site_->stand().weir().kill();
    const Result<void> started = site_->stand().weir().start();
    ASSERT_TRUE(started) << started.error().message;
    ASSERT_TRUE(site_->settles_at(servers)) << site_->story();
    EXPECT_TRUE(all_different(site_->apps())) << site_->story();
  }

  std::unique_ptr<Site> site_;
  std::unique_ptr<Traffic> traffic_;
  std::size_t said_before_ = 0;
  std::size_t requests_before_ = 0;
  std::vector<AppProcess> apps_before_;
  std::vector<std::string> peers_before_;
};

TEST_F(KilledWeir, leaks_and_doubles_no_server_and_no_request_fails) {
  for (const Moment& moment : moments()) {
    for (const int servers : {5, 2}) {
      kill_in_the_middle(moment, servers);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_TRUE(traffic_->all_answered()) << site_->story();
  EXPECT_EQ(site_->metric("weir_orphans") + site_->metric("weir_unowned_servers"), 0);
}

TEST(StoppedWeir, leaves_its_servers_running_and_takes_them_up_again) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  site->want(4);
  ASSERT_TRUE(site->settles_at(4)) << site->story();
  const auto before = site->apps();
  Traffic traffic(site->stand());

  ASSERT_TRUE(site->stand().weir().stop());
  EXPECT_EQ(site->apps(), before);
  ASSERT_TRUE(site->stand().weir().start());
  ASSERT_TRUE(site->settles_at(4)) << site->story();
  EXPECT_TRUE(site->takes_turns(5));
  EXPECT_EQ(site->apps(), before);
  EXPECT_EQ(site->metric("weir_actions_total"), 0) << site->story();
  EXPECT_EQ(site->metric("weir_scale_events_total"), 0);

  site->want(3);
  EXPECT_TRUE(site->settles_at(3)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

}  // namespace
}  // namespace weir
