#include <gtest/gtest.h>

#include <csignal>

#include "tests/e2e/site.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

bool reloaded(Site& site, const std::string& outcome, int times) {
  return Stand::eventually([&] { return site.metric("weir_config_reloads_total", "outcome=\"" + outcome + "\"") >= times; }, 20s);
}

TEST(Reload, a_bad_file_changes_nothing_and_a_good_one_is_in_force_at_once) {
  const auto site = Site::start({.max = 4});
  ASSERT_TRUE(site);
  Traffic traffic(site->stand());
  const auto before = site->apps();

  site->rewrite_config("max: 4", "maxx: 6");
  site->stand().weir().signal(SIGHUP);
  ASSERT_TRUE(reloaded(*site, "failed", 1)) << site->story();
  EXPECT_TRUE(site->logs("weir.yaml:")) << "it names the place\n" << site->story();
  EXPECT_EQ(site->apps(), before);
  site->want(6);
  EXPECT_TRUE(site->settles_at(4)) << "the old maximum is in force\n" << site->story();

  site->rewrite_config("maxx: 6", "max: 6");
  site->stand().weir().signal(SIGHUP);
  ASSERT_TRUE(reloaded(*site, "done", 1)) << site->story();
  EXPECT_TRUE(site->settles_at(6)) << site->story();

  site->rewrite_config("max: 6", "max: 3");
  site->stand().weir().signal(SIGHUP);
  ASSERT_TRUE(reloaded(*site, "done", 2)) << site->story();
  EXPECT_TRUE(site->settles_at(3)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

TEST(Reload, again_and_again_in_the_middle_of_scale_events_loses_nothing) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  Traffic traffic(site->stand());
  int reloads = 0;
  for (const int servers : {5, 2, 6, 3}) {
    site->want(servers);
    for (int turn = 0; turn < 4; ++turn) {
      site->stand().weir().signal(SIGHUP);
      ASSERT_TRUE(reloaded(*site, "done", ++reloads)) << site->story();
    }
    ASSERT_TRUE(site->settles_at(servers)) << site->story();
  }
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

}  // namespace
}  // namespace weir
