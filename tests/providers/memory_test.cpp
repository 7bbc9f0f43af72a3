#include "providers/memory/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/settings.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::SizeIs;

class MemoryProviderFaults : public testing::Test {
 protected:
  MemoryProviderFaults() {
    app_.name = "app";
    app_.server = with_defaults(memory_provider_type().server_keys);
  }
  Result<Server> launch(const std::string& token) { return provider_->launch({app_, token, "v1"}, {}); }
  Result<std::vector<Server>> list() { return provider_->list({}, {}); }

  TimePoint now_{1'772'000'000'000ms};
  std::shared_ptr<MemoryCloud> cloud_ = std::make_shared<MemoryCloud>([this] { return now_; });
  std::unique_ptr<Provider> provider_ = make_memory_provider(cloud_);
  Group app_;
};

TEST_F(MemoryProviderFaults, a_server_is_pending_until_it_has_booted_and_terminating_until_it_has_shut_down) {
  app_.server.set("boot", Duration{30s});
  app_.server.set("shutdown", Duration{10s});
  EXPECT_EQ(launch("a")->phase, Phase::pending);
  now_ += 30s;
  EXPECT_EQ(list()->front().phase, Phase::warming);
  ASSERT_TRUE(provider_->terminate(app_, "a", {}));
  now_ += 9s;
  EXPECT_EQ(list()->front().phase, Phase::terminating);
  ASSERT_TRUE(provider_->terminate(app_, "a", {}));
  now_ += 1s;
  EXPECT_THAT(*list(), IsEmpty());
}

TEST_F(MemoryProviderFaults, servers_take_the_lowest_address_nobody_has) {
  EXPECT_EQ(launch("a")->address, "127.0.0.1:20000");
  EXPECT_EQ(launch("b")->address, "127.0.0.1:20001");
  cloud_->vanish("a");
  EXPECT_EQ(launch("c")->address, "127.0.0.1:20000");
}

TEST_F(MemoryProviderFaults, runs_out_of_ports) {
  app_.server.set("first_port", std::int64_t{65535});
  EXPECT_TRUE(launch("a"));
  EXPECT_EQ(launch("b").error().kind, ErrorKind::out_of_capacity);
}

TEST_F(MemoryProviderFaults, a_lost_reply_leaves_a_server_behind) {
  cloud_->lose_next_reply();
  EXPECT_EQ(launch("a").error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(launch("a"));
  EXPECT_EQ(cloud_->made(), 1);
}

TEST_F(MemoryProviderFaults, a_refused_launch_makes_nothing_but_a_known_token_is_still_answered) {
  ASSERT_TRUE(launch("a"));
  cloud_->fail_launches(Error{ErrorKind::out_of_capacity, "sold out"});
  EXPECT_EQ(launch("b").error(), (Error{ErrorKind::out_of_capacity, "sold out"}));
  EXPECT_TRUE(launch("a"));
  cloud_->fail_launches({});
  EXPECT_TRUE(launch("b"));
  EXPECT_EQ(cloud_->made(), 2);
}

TEST_F(MemoryProviderFaults, lists_fail_or_lie_as_told) {
  ASSERT_TRUE(launch("a"));
  ASSERT_TRUE(launch("b"));
  cloud_->fail_lists(Error{ErrorKind::unavailable, "503"});
  EXPECT_EQ(list().error().message, "503");
  cloud_->fail_lists({});
  cloud_->hide("a");
  EXPECT_THAT(*list(), SizeIs(1));
  cloud_->hide_all();
  EXPECT_THAT(*list(), IsEmpty());
  EXPECT_THAT(cloud_->servers(), SizeIs(2));
  cloud_->reveal_all();
  EXPECT_THAT(*list(), SizeIs(2));
}

TEST_F(MemoryProviderFaults, a_crashed_server_stays_listed_with_the_reason) {
  ASSERT_TRUE(launch("a"));
  cloud_->crash("a", "exited");
  EXPECT_EQ(list()->front().failure, "exited");
}

TEST_F(MemoryProviderFaults, removal_can_be_refused) {
  ASSERT_TRUE(launch("a"));
  cloud_->protect("a", "termination protection");
  EXPECT_EQ(list()->front().protection, "termination protection");
  EXPECT_EQ(provider_->terminate(app_, "a", {}).error().kind, ErrorKind::denied);
  cloud_->protect("a", "");
  cloud_->fail_terminations(Error{ErrorKind::unavailable, "timeout"});
  EXPECT_EQ(provider_->terminate(app_, "a", {}).error().message, "timeout");
  cloud_->fail_terminations({});
  EXPECT_TRUE(provider_->terminate(app_, "a", {}));
  EXPECT_THAT(*list(), IsEmpty());
}

TEST_F(MemoryProviderFaults, a_token_of_another_group_is_refused) {
  ASSERT_TRUE(launch("a"));
  Group web = app_;
  web.name = "web";
  EXPECT_EQ(provider_->launch({web, "a", "v1"}, {}).error().kind, ErrorKind::invalid);
}

TEST_F(MemoryProviderFaults, an_inserted_server_is_listed_as_given) {
  Server foreign;
  foreign.id = "i-1";
  foreign.group = "app";
  foreign.phase = Phase::warming;
  cloud_->insert(foreign);
  EXPECT_THAT(*list(), testing::ElementsAre(foreign));
}

TEST_F(MemoryProviderFaults, a_held_call_waits_until_it_is_released) {
  cloud_->hold();
  std::jthread caller([this] { EXPECT_TRUE(launch("a")); });
  EXPECT_THAT(cloud_->servers(), IsEmpty());
  cloud_->release();
  caller.join();
  EXPECT_THAT(cloud_->servers(), SizeIs(1));
}

TEST_F(MemoryProviderFaults, a_held_call_ends_when_it_is_stopped) {
  cloud_->hold();
  std::stop_source stop;
  std::jthread caller([&] { EXPECT_EQ(provider_->list({}, stop.get_token()).error().kind, ErrorKind::cancelled); });
  stop.request_stop();
}

}  // namespace
}  // namespace weir
