#include <gtest/gtest.h>

#include "tests/e2e/site.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

TEST(PrometheusOutage, the_fleet_holds_at_its_peak_and_follows_again_afterwards) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  Traffic traffic(site->stand());
  site->want(6);
  ASSERT_TRUE(site->settles_at(6)) << site->story();
  const auto at_peak = site->apps();
  const double events = site->metric("weir_scale_events_total");

  ASSERT_TRUE(site->stand().prometheus().stop());
  site->want(2);
  const Duration outage = soaking() ? 60s : 10s;
  EXPECT_FALSE(Stand::eventually([&] { return site->apps() != at_peak || site->group().desired != 6; }, outage)) << site->story();
  EXPECT_TRUE(site->takes_turns(10)) << site->story();
  EXPECT_EQ(site->metric("weir_scale_events_total"), events);
  EXPECT_TRUE(site->says("\"abstains\"")) << site->story();
  EXPECT_GT(site->metric("weir_sample_failures_total"), 0);

  ASSERT_TRUE(site->stand().prometheus().start());
  EXPECT_TRUE(site->settles_at(2)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

/// Prometheus runs, but what it knows of the load is gone: empty is not zero.
TEST(PrometheusOutage, a_metric_that_vanishes_takes_no_server_away) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  site->want(4);
  ASSERT_TRUE(site->settles_at(4)) << site->story();
  site->lose_the_gauge();
  ASSERT_TRUE(site->says("\"abstains\"")) << site->story();
  EXPECT_TRUE(site->takes_turns(10)) << site->story();
  EXPECT_EQ(site->group().desired, 4);
  EXPECT_EQ(site->apps().size(), 4U);
}

}  // namespace
}  // namespace weir
