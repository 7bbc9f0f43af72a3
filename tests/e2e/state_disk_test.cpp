#include <gtest/gtest.h>

#include "tests/e2e/site.h"
#include "tests/e2e/small_disk.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

TEST(StateDiskFull, nothing_is_changed_that_could_be_forgotten_until_there_is_room) {
  const auto site = Site::create();
  ASSERT_TRUE(site);
  Stand& stand = site->stand();
  const SmallDisk disk(stand.state_directory(), "1m");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small disk needs root";
  // The provider's own records stay where there is room: this is about weir's memory.
  site->rewrite_config("{type: process}", "{type: process, directory: " + (stand.directory() / "records").string() + "}");
  ASSERT_TRUE(site->begin());
  Traffic traffic(stand);
  disk.fill();
  const auto before = site->apps();
  const auto peers = site->peers();

  site->want(5);
  ASSERT_TRUE(site->logs("nothing is launched, drained or removed")) << site->story();
  const auto failed_turns = [&] { return site->metric("weir_turns_total", R"(outcome="failed")"); };
  const double failed = failed_turns();
  ASSERT_TRUE(Stand::eventually([&] { return failed_turns() >= failed + 10; }, 40s)) << site->story();
  EXPECT_EQ(site->apps(), before) << site->story();
  EXPECT_EQ(site->peers(), peers);

  disk.make_room();
  EXPECT_TRUE(site->settles_at(5)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

}  // namespace
}  // namespace weir
