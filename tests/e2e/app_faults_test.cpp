#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "tests/e2e/site.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

bool runs(Site& site, pid_t pid) {
  return std::ranges::any_of(site.apps(), [pid](const AppProcess& app) { return app.pid == pid; });
}

bool is_peer(Site& site, const std::string& address) {
  const auto peers = site.peers();
  return std::ranges::find(peers, address) != peers.end();
}

double launches(Site& site) { return site.metric("weir_actions_total", R"(kind="launch")"); }

TEST(CrashLoopingServer, launches_slow_down_and_those_that_serve_are_left_alone) {
  const auto site = Site::start({.max = 5});
  ASSERT_TRUE(site);
  Traffic traffic(site->stand());
  const auto good = site->apps();
  const auto good_peers = site->peers();
  site->rewrite_config(R"("--service-time")", R"("--crash-after","100ms","--service-time")");
  site->stand().weir().signal(SIGHUP);
  ASSERT_TRUE(Stand::eventually([&] { return site->metric("weir_config_reloads_total", R"(outcome="done")") == 1; }, 20s));
  const double before = launches(*site);

  site->want(4);
  ASSERT_TRUE(site->says("failed launches the next is tried in")) << site->story();
  // Back-off after the second failure is 10 s: whoever launches every turn would have made dozens by then.
  EXPECT_TRUE(site->takes_turns(20)) << site->story();
  EXPECT_LE(launches(*site) - before, 4) << site->story();
  for (const AppProcess& app : good) EXPECT_TRUE(runs(*site, app.pid));
  EXPECT_EQ(site->peers(), good_peers);
  EXPECT_EQ(site->group().desired, 4);

  site->rewrite_config(R"("--crash-after","100ms",)", "");
  site->stand().weir().signal(SIGHUP);
  EXPECT_TRUE(site->settles_at(4, 60s)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

TEST(CrashedServer, leaves_nginx_and_is_replaced) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  site->want(3);
  ASSERT_TRUE(site->settles_at(3)) << site->story();
  const AppProcess victim = site->apps().front();
  ::kill(victim.pid, SIGKILL);
  ASSERT_TRUE(Stand::eventually([&] { return site->apps().size() == 3 && !runs(*site, victim.pid); }, 40s)) << site->story();
  EXPECT_TRUE(site->settles_at(3)) << site->story();
  Traffic traffic(site->stand());
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

TEST(HungServer, leaves_nginx_at_once_and_is_replaced) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  site->want(3);
  ASSERT_TRUE(site->settles_at(3)) << site->story();
  const AppProcess hung = site->apps().front();
  ::kill(hung.pid, SIGSTOP);
  ASSERT_TRUE(Stand::eventually([&] { return !is_peer(*site, hung.address); }, 20s)) << site->story();
  EXPECT_TRUE(runs(*site, hung.pid)) << "it leaves nginx first";
  ASSERT_TRUE(site->serves_with(3)) << site->story();

  Traffic traffic(site->stand());
  EXPECT_TRUE(Stand::eventually([&] { return !runs(*site, hung.pid); }, 40s)) << site->story();
  EXPECT_TRUE(site->settles_at(3)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

TEST(AllServersUnhealthyTogether, the_check_is_suspected_and_nothing_is_killed) {
  // Time enough to recover in, on a slow machine too: it grows with unhealthy_after.
  const auto site = Site::start(
      {.health = "{http: /health, interval: 400ms, timeout: 400ms, healthy_after: 2, unhealthy_after: 20, deadline: 20s}"});
  ASSERT_TRUE(site);
  site->want(4);
  ASSERT_TRUE(site->settles_at(4)) << site->story();
  const auto before = site->apps();
  // The first to be noticed may get a replacement before the others are; nothing of what was there may go.
  const auto all_there = [&] {
    const auto now = site->apps();
    return std::ranges::all_of(before, [&](const AppProcess& app) { return std::ranges::find(now, app) != now.end(); });
  };
  const auto all_served = [&] {
    return std::ranges::all_of(before, [&](const AppProcess& app) { return is_peer(*site, app.address); });
  };
  for (const AppProcess& app : before) ::kill(app.pid, SIGSTOP);

  ASSERT_TRUE(site->says("servers of app look unhealthy together: the check itself is suspected")) << site->story();
  EXPECT_EQ(site->metric("weir_probe_suspected"), 1);
  EXPECT_TRUE(site->takes_turns(20)) << site->story();
  EXPECT_TRUE(all_there()) << site->story();
  EXPECT_TRUE(Stand::eventually(all_served, 20s)) << site->story();

  // They recover one by one, and the last is not guilty because the others were faster.
  for (std::size_t index = 1; index < before.size(); ++index) ::kill(before[index].pid, SIGCONT);
  EXPECT_TRUE(site->says("servers of app still look unhealthy after most did together")) << site->story();
  ::kill(before.front().pid, SIGCONT);
  EXPECT_TRUE(site->settles_at(4)) << site->story();
  EXPECT_TRUE(site->takes_turns(20)) << site->story();
  EXPECT_EQ(site->apps(), before) << site->story();
  EXPECT_EQ(site->metric("weir_probe_suspected"), 0);
  Traffic traffic(site->stand());
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

}  // namespace
}  // namespace weir
