#include <gtest/gtest.h>

#include "platform/file.h"
#include "tests/e2e/site.h"
#include "tests/e2e/small_disk.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr const char* kWritesFailed = R"(outcome="failed")";

double failed_writes(Site& site) { return site.metric("weir_balancer_writes_total", kWritesFailed); }

bool writes_fail(Site& site) {
  const double before = failed_writes(site);
  return Stand::eventually([&] { return failed_writes(site) > before; }, 40s);
}

TEST(NginxKilled, nobody_is_removed_before_it_is_back_and_has_let_go) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  site->want(4);
  ASSERT_TRUE(site->settles_at(4)) << site->story();
  const auto before = site->apps();
  site->stand().nginx().kill();

  site->want(2);
  ASSERT_TRUE(writes_fail(*site)) << site->story();
  EXPECT_TRUE(site->takes_turns(10)) << site->story();
  EXPECT_EQ(site->apps(), before) << site->story();

  ASSERT_TRUE(site->stand().nginx().start());
  Traffic traffic(site->stand());
  EXPECT_TRUE(site->settles_at(2)) << site->story();
  site->want(4);
  EXPECT_TRUE(site->settles_at(4)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

TEST(NginxKilled, servers_wanted_meanwhile_are_ready_when_it_is_back) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  site->stand().nginx().kill();
  site->want(5);
  ASSERT_TRUE(Stand::eventually([&] { return site->group().count("in_service") == 5 && site->peers().size() == 5; }, 40s))
      << site->story();
  ASSERT_TRUE(site->stand().nginx().start());
  Traffic traffic(site->stand());
  EXPECT_TRUE(site->settles_at(5)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

TEST(NginxConfigBrokenByHand, what_nginx_runs_stays_in_force_until_it_is_mended) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  Traffic traffic(site->stand());
  const auto peers = site->peers();
  const fs::path file = site->stand().directory() / "nginx" / "nginx.conf";
  const std::string good = read_file(file).value_or("");
  ASSERT_TRUE(replace_file(file, good + "no such directive;\n"));

  site->want(4);
  ASSERT_TRUE(writes_fail(*site)) << site->story();
  EXPECT_EQ(site->apps().size(), 4U);
  EXPECT_EQ(site->peers(), peers);
  EXPECT_TRUE(site->logs("broken already")) << site->story();

  ASSERT_TRUE(replace_file(file, good));
  EXPECT_TRUE(site->settles_at(4)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

TEST(NginxConfigBrokenByHand, no_server_is_removed_that_nginx_cannot_be_told_to_leave) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  site->want(4);
  ASSERT_TRUE(site->settles_at(4)) << site->story();
  Traffic traffic(site->stand());
  const auto before = site->apps();
  const fs::path file = site->stand().directory() / "nginx" / "nginx.conf";
  const std::string good = read_file(file).value_or("");
  ASSERT_TRUE(replace_file(file, good + "no such directive;\n"));

  site->want(2);
  ASSERT_TRUE(writes_fail(*site)) << site->story();
  EXPECT_TRUE(site->takes_turns(10)) << site->story();
  EXPECT_EQ(site->apps(), before);

  ASSERT_TRUE(replace_file(file, good));
  EXPECT_TRUE(site->settles_at(2)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

TEST(NginxConfigBrokenByHand, a_hand_on_weirs_own_file_is_undone) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  Traffic traffic(site->stand());
  const auto peers = site->peers();
  ASSERT_TRUE(replace_file(site->stand().upstream_file(), "server 127.0.0.1:1;\nserver {{{\n"));
  EXPECT_TRUE(Stand::eventually([&] { return site->peers() == peers; }, 40s)) << site->story();
  EXPECT_TRUE(site->settles_at(2)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

TEST(DiskFullOnTheUpstreamFile, the_old_file_stays_whole_and_in_force_until_there_is_room) {
  const auto site = Site::create();
  ASSERT_TRUE(site);
  Stand& stand = site->stand();
  const SmallDisk disk(stand.directory() / "disk", "64k");
  if (!disk.mounted()) GTEST_SKIP() << "mounting a small disk needs root";
  fs::copy_file(stand.upstream_file(), disk.path() / "upstream.conf");
  fs::remove(stand.upstream_file());
  fs::create_symlink(disk.path() / "upstream.conf", stand.upstream_file());
  ASSERT_TRUE(site->begin());
  Traffic traffic(stand);
  const std::string before = read_file(stand.upstream_file()).value_or("");
  disk.fill();

  site->want(4);
  ASSERT_TRUE(writes_fail(*site)) << site->story();
  EXPECT_EQ(site->apps().size(), 4U);
  EXPECT_EQ(read_file(stand.upstream_file()).value_or(""), before);
  EXPECT_TRUE(site->logs("No space left on device")) << site->story();
  site->want(2);
  ASSERT_TRUE(site->settles_at(2)) << "the servers that never got traffic go again\n" << site->story();

  site->want(5);
  ASSERT_TRUE(writes_fail(*site)) << site->story();
  disk.make_room();
  EXPECT_TRUE(site->settles_at(5)) << site->story();
  EXPECT_TRUE(traffic.all_answered()) << site->story();
}

}  // namespace
}  // namespace weir
