// weir run, a real nginx and real app servers at two providers: one with room for three, and one for all that do not fit there.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/e2e/site.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr int kRoom = 3;

class OverflowSite : public testing::Test {
 protected:
  void SetUp() override {
    site_ = Site::create();
    ASSERT_TRUE(site_);
    ASSERT_TRUE(site_->stand().write_weir_config(configuration()));
    ASSERT_TRUE(site_->begin());
  }

  void TearDown() override {
    if (site_) (void)site_->stand().weir().stop();
  }

  static int port_of(const std::string& address) { return std::stoi(address.substr(address.rfind(':') + 1)); }
  [[nodiscard]] int first_of_spare() const { return port_of(site_->stand().app_address(kRoom)); }

  /// The site's, with an overflow that has the ports but the first three.
  [[nodiscard]] std::string configuration() const {
    std::string text = site_->config();
    const auto replace = [&text](const std::string& what, const std::string& by) {
      ASSERT_NE(text.find(what), std::string::npos) << what;
      text.replace(text.find(what), what.size(), by);
    };
    const int first = port_of(site_->stand().app_address(0));
    const int last = port_of(site_->stand().app_address(site_->stand().app_ports() - 1));
    const std::string all = fmt::format(R"(ports: "{}-{}")", first, last);
    const std::size_t begin = text.find("    server:\n");
    std::string overflow = text.substr(begin, text.find("    min:") - begin);
    replace(all, fmt::format(R"(ports: "{}-{}")", first, first_of_spare() - 1));
    for (std::size_t line = 0; line < overflow.size(); line = overflow.find('\n', line) + 1) overflow.insert(line, "  ");
    overflow.replace(overflow.find(all), all.size(), fmt::format(R"(ports: "{}-{}")", first_of_spare(), last));
    replace("    min:", "    overflow:\n      provider: spare\n" + overflow + "    min:");
    replace("local: {type: process}", "local: {type: process}\n  spare: {type: process}");
    return text;
  }

  /// Servers in nginx's file that are the second provider's.
  [[nodiscard]] std::ptrdiff_t spare_peers() const {
    return std::ranges::count_if(site_->peers(), [&](const std::string& peer) { return port_of(peer) >= first_of_spare(); });
  }

  std::unique_ptr<Site> site_;
};

TEST_F(OverflowSite, what_the_first_has_no_room_for_is_made_at_the_second_and_goes_first) {
  Traffic traffic(site_->stand());
  site_->want(kRoom);
  ASSERT_TRUE(site_->settles_at(kRoom)) << site_->story();
  EXPECT_EQ(spare_peers(), 0) << "while the first had room";

  site_->want(6);
  ASSERT_TRUE(site_->settles_at(6)) << site_->story();
  EXPECT_EQ(spare_peers(), 6 - kRoom);

  site_->want(4);
  ASSERT_TRUE(site_->settles_at(4)) << site_->story();
  EXPECT_EQ(spare_peers(), 1) << "the first was emptied before the second";
  EXPECT_TRUE(traffic.all_answered()) << site_->story();
}

TEST_F(OverflowSite, a_death_in_the_middle_of_a_launch_there_leaves_and_doubles_nothing) {
  Traffic traffic(site_->stand());
  site_->want(kRoom);
  ASSERT_TRUE(site_->settles_at(kRoom)) << site_->story();
  const std::size_t said = site_->weir_log().size();
  site_->want(6);
  ASSERT_TRUE(Stand::eventually([&] { return site_->weir_log().find("event=launch ", said) != std::string::npos; }, 40s));
  site_->stand().weir().kill();
  ASSERT_TRUE(site_->stand().weir().start());
  ASSERT_TRUE(site_->settles_at(6)) << site_->story();
  EXPECT_EQ(spare_peers(), 6 - kRoom);
  site_->want(2);
  ASSERT_TRUE(site_->settles_at(2)) << site_->story();
  EXPECT_EQ(spare_peers(), 0);
  EXPECT_TRUE(traffic.all_answered()) << site_->story();
}

}  // namespace
}  // namespace weir
