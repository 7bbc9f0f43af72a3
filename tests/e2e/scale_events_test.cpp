#include <gtest/gtest.h>

#include "tests/e2e/site.h"

namespace weir {
namespace {

TEST(ScaleEvents, no_request_fails_across_many_in_both_directions) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  const int rounds = soaking() ? 20 : 2;
  Traffic traffic(site->stand());
  for (int round = 0; round < rounds; ++round) {
    for (const int servers : {4, 2, 8, 6, 3, 5, 2, 7, 4, 6, 2}) {
      site->want(servers);
      ASSERT_TRUE(site->serves_with(servers)) << "wanted " << servers << "\n" << site->story();
    }
  }
  ASSERT_TRUE(site->settles_at(2)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
  EXPECT_GE(site->metric("weir_scale_events_total", R"(direction="out")"), 10);
  EXPECT_GE(site->metric("weir_scale_events_total", R"(direction="in")"), 10);
  const std::string metrics = site->stand().weir_get("/metrics").value_or("");
  EXPECT_NE(metrics.find("weir_lost_requests_total{group=\"app\"} 0\n"), std::string::npos) << "by nginx's own log";
  EXPECT_EQ(site->metric("weir_balancer_writes_total", R"(outcome="failed")"), 0);
}

}  // namespace
}  // namespace weir
