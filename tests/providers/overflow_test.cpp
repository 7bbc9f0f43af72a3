#include "providers/overflow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "providers/memory/memory.h"
#include "tests/support/settings.h"
#include "tests/support/temp_directory.h"

namespace weir {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Error kFull{ErrorKind::out_of_capacity, "sold out"};
const Error kDown{ErrorKind::unavailable, "HTTP 503"};

class OverflowTest : public testing::Test {
 protected:
  OverflowTest() {
    app_.name = "app";
    app_.provider = "icn";
    app_.server = with_defaults(memory_provider_type().server_keys);
    app_.overflow = OverflowSpec{.provider = "nrt", .server = app_.server};
    restart();
  }

  /// Another weir over the same two clouds.
  void restart() {
    provider_ = make_overflow_provider({make_memory_provider(icn_), make_memory_provider(nrt_), directory_.path() / "icn+nrt"});
  }
  Result<Server> launch(const std::string& token) { return provider_->launch({app_, token, "v1"}, {}); }
  Result<std::vector<Server>> list() {
    const Group* const groups[] = {&app_};
    return provider_->list(groups, {});
  }
  std::vector<std::string> ids() {
    std::vector<std::string> all;
    const auto servers = list();
    EXPECT_TRUE(servers) << servers.error().message;
    for (const Server& server : servers.value_or(std::vector<Server>{})) all.push_back(server.id);
    return all;
  }

  TempDirectory directory_;
  std::shared_ptr<MemoryCloud> icn_ = std::make_shared<MemoryCloud>();
  std::shared_ptr<MemoryCloud> nrt_ = std::make_shared<MemoryCloud>();
  Group app_;
  std::unique_ptr<Provider> provider_;
};

TEST_F(OverflowTest, the_second_is_used_only_while_the_first_is_full) {
  ASSERT_TRUE(launch("t1"));
  icn_->fail_launches(kFull);
  const auto second = launch("t2");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->id, "nrt/t2");
  EXPECT_TRUE(second->overflow);
  icn_->fail_launches({});
  ASSERT_TRUE(launch("t3"));
  EXPECT_THAT(ids(), ElementsAre("nrt/t2", "t1", "t3"));
  EXPECT_EQ(nrt_->made(), 1);
}

TEST_F(OverflowTest, other_failures_of_the_first_are_its_own) {
  for (const ErrorKind kind : {ErrorKind::unavailable, ErrorKind::denied, ErrorKind::invalid}) {
    icn_->fail_launches(Error{kind, "no"});
    const auto made = launch("t1");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind, kind);
  }
  EXPECT_EQ(nrt_->made(), 0);
}

TEST_F(OverflowTest, a_launch_begun_at_the_second_is_repeated_there_although_the_first_has_room_again) {
  icn_->fail_launches(kFull);
  nrt_->lose_next_reply();
  ASSERT_FALSE(launch("t1"));
  icn_->fail_launches({});
  restart();
  const auto again = launch("t1");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, "nrt/t1");
  EXPECT_EQ(icn_->made(), 0);
  EXPECT_EQ(nrt_->made(), 1);
}

TEST_F(OverflowTest, when_both_are_full_the_next_attempt_begins_at_the_first) {
  icn_->fail_launches(kFull);
  nrt_->fail_launches(kFull);
  const auto made = launch("t1");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::out_of_capacity);
  icn_->fail_launches({});
  EXPECT_EQ(launch("t1")->id, "t1");
}

TEST_F(OverflowTest, each_is_removed_where_it_is) {
  ASSERT_TRUE(launch("t1"));
  icn_->fail_launches(kFull);
  ASSERT_TRUE(launch("t2"));
  ASSERT_TRUE(provider_->terminate(app_, "nrt/t2", {}));
  EXPECT_THAT(nrt_->servers(), Each(Field(&Server::phase, Phase::terminating)));
  EXPECT_THAT(icn_->servers(), Each(Field(&Server::phase, testing::Ne(Phase::terminating))));
  ASSERT_TRUE(provider_->terminate(app_, "t1", {}));
  EXPECT_THAT(icn_->servers(), Each(Field(&Server::phase, Phase::terminating)));
}

TEST_F(OverflowTest, without_the_first_there_is_no_list) {
  icn_->fail_lists(kDown);
  ASSERT_FALSE(list());
  EXPECT_EQ(list().error().kind, ErrorKind::unavailable);
}

TEST_F(OverflowTest, without_the_second_there_is_a_list_only_if_nothing_can_be_there) {
  ASSERT_TRUE(launch("t1"));
  nrt_->fail_lists(kDown);
  EXPECT_FALSE(list()) << "nobody has looked yet";
  nrt_->fail_lists({});
  EXPECT_THAT(ids(), SizeIs(1));
  nrt_->fail_lists(kDown);
  EXPECT_THAT(ids(), SizeIs(1)) << "it was empty, and nothing was launched there since";
  icn_->fail_launches(kFull);
  ASSERT_TRUE(launch("t2"));
  const auto partial = list();
  ASSERT_FALSE(partial);
  EXPECT_EQ(partial.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(partial.error().message, HasSubstr("the servers of the overflow are not known: HTTP 503"));
}

TEST_F(OverflowTest, a_launch_whose_outcome_nobody_knows_may_be_there) {
  EXPECT_THAT(ids(), IsEmpty());
  icn_->fail_launches(kFull);
  nrt_->fail_launches(kDown);
  ASSERT_FALSE(launch("t1"));
  EXPECT_THAT(ids(), IsEmpty());
  nrt_->fail_lists(kDown);
  EXPECT_FALSE(list());
}

TEST_F(OverflowTest, servers_of_other_groups_at_either_are_not_its_business) {
  icn_->insert({.id = "a", .group = "web"});
  nrt_->insert({.id = "b", .group = "gone"});
  EXPECT_THAT(ids(), IsEmpty());
}

}  // namespace
}  // namespace weir
