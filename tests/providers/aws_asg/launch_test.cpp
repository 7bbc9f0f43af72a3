#include <gtest/gtest.h>

#include <thread>

#include "tests/providers/aws_asg/world.h"
#include "tests/support/http_stub.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::SizeIs;
using Fault = AwsCloud::Fault;

class AwsAsgLaunchTest : public testing::Test {
 protected:
  void begin(AwsCloud::GroupSpec spec) {
    world.cloud.add_group("app-asg", spec);
    world.network.clock.pass(1min);
  }
  Result<Server> launch(const std::string& token) { return provider->launch({app, token, "v7"}, {}); }
  std::vector<Server> list() {
    const Group* const groups[] = {&app};
    const auto servers = provider->list(groups, {});
    EXPECT_TRUE(servers) << (servers ? "" : servers.error().message);
    return servers.value_or(std::vector<Server>{});
  }
  std::size_t size() { return world.cloud.instances("app-asg").size(); }
  int desired() { return world.cloud.desired("app-asg"); }

  AwsAsgWorld world;
  Group app = world.group("app");
  std::unique_ptr<Provider> provider = world.open();
};

TEST_F(AwsAsgLaunchTest, a_launch_raises_the_desired_capacity_by_one_and_tags_the_new_instance) {
  begin({.min = 1, .desired = 2});
  ASSERT_THAT(list(), SizeIs(2));
  const auto made = launch("app-n-1");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(desired(), 3);
  for (const AwsCloud::Instance& each : world.cloud.instances("app-asg")) {
    const auto token = each.tags.find("weir:token");
    EXPECT_EQ(token != each.tags.end(), each.id == made->id);
    if (token == each.tags.end()) continue;
    EXPECT_EQ(token->second, "app-n-1");
    EXPECT_EQ(each.tags.at("weir:group"), "app");
    EXPECT_EQ(each.tags.at("weir:version"), "v7");
  }
}

/// Those that were there before are the group's already: it has adopted them.
TEST_F(AwsAsgLaunchTest, an_instance_that_was_listed_is_never_taken_for_a_launch) {
  begin({.desired = 2});
  ASSERT_THAT(list(), SizeIs(2));
  std::set<std::string> ids;
  for (const char* token : {"a", "b", "c"}) ids.insert(launch(token)->id);
  EXPECT_EQ(ids.size(), 3U);
  EXPECT_EQ(size(), 5U);
  EXPECT_EQ(desired(), 5);
}

TEST_F(AwsAsgLaunchTest, a_launch_under_way_is_not_listed_before_it_is_claimed) {
  world.cloud.ec2_lag = 1h;
  begin({});
  const auto made = launch("a");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(desired(), 1);
  EXPECT_THAT(list(), SizeIs(0)) << "it would be adopted as a stranger";
  world.cloud.ec2_lag = 0ms;
  ASSERT_TRUE(launch("a"));
  EXPECT_EQ(desired(), 1);
  EXPECT_EQ(list().at(0).token, "a");
}

TEST_F(AwsAsgLaunchTest, a_launch_nobody_asks_about_any_more_is_listed_as_anything_else) {
  world.cloud.ec2_lag = 1h;
  begin({});
  ASSERT_FALSE(launch("a"));
  world.network.clock.pass(3min);
  EXPECT_THAT(list(), SizeIs(1));
}

TEST_F(AwsAsgLaunchTest, tags_that_ec2_does_not_show_yet_are_known_all_the_same) {
  world.cloud.tag_lag = 10min;
  begin({});
  const std::string id = launch("a")->id;
  EXPECT_EQ(launch("a")->id, id);
  EXPECT_EQ(list().at(0).token, "a");
  EXPECT_EQ(desired(), 1);
}

TEST_F(AwsAsgLaunchTest, an_interrupted_launch_is_continued_whatever_was_lost) {
  begin({});
  for (const char* action :
       {"SetDesiredCapacity", "CreateTags", "DescribeInstances", "DescribeAutoScalingGroups", "DescribeScalingActivities"}) {
    for (const Fault::Kind kind : {Fault::Kind::dropped, Fault::Kind::lost_reply}) {
      const std::string token = std::string(action) + (kind == Fault::Kind::dropped ? "-dropped" : "-lost");
      world.cloud.fail(action, {.kind = kind}, 100);
      (void)launch(token);
      world.cloud.heal();
      world.network.clock.pass(1min);
      provider = world.open();
      EXPECT_TRUE(launch(token)) << token;
    }
    EXPECT_EQ(static_cast<std::size_t>(desired()), size()) << action;
  }
  EXPECT_EQ(size(), 10U);
  EXPECT_EQ(world.cloud.victims_of_aws(), 0);
}

TEST_F(AwsAsgLaunchTest, an_instance_that_somebody_else_wished_for_meanwhile_is_not_a_second_one) {
  begin({});
  world.cloud.set_desired("app-asg", 1);
  ASSERT_TRUE(launch("a"));
  EXPECT_EQ(desired(), 1);
}

TEST_F(AwsAsgLaunchTest, launches_at_the_same_moment_wish_for_as_many_as_they_are) {
  begin({});
  {
    std::vector<std::jthread> threads;
    for (int index = 0; index < 6; ++index)
      threads.emplace_back([this, index] { EXPECT_TRUE(launch("t" + std::to_string(index))); });
  }
  EXPECT_EQ(desired(), 6);
  EXPECT_EQ(size(), 6U);
}

TEST_F(AwsAsgLaunchTest, at_max_size_there_is_no_room_and_the_message_says_what_to_change) {
  begin({.max = 2, .desired = 2});
  const auto made = launch("a");
  ASSERT_TRUE(made) << "those there belong to nobody yet";
  ASSERT_TRUE(launch("b"));
  const auto refused = launch("c");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::out_of_capacity);
  EXPECT_THAT(refused.error().message, HasSubstr("MaxSize is 2, although the group's max is 8"));
  EXPECT_EQ(world.cloud.calls("SetDesiredCapacity"), 0);
}

TEST_F(AwsAsgLaunchTest, the_bounds_follow_the_groups_if_weir_owns_them) {
  provider = world.open(true);
  app.min = 2;
  begin({.max = 1, .desired = 1});
  ASSERT_THAT(list(), SizeIs(1));
  ASSERT_TRUE(launch("a"));
  EXPECT_EQ(world.cloud.bounds("app-asg"), std::pair(1, 8)) << "MinSize never above what is there: AWS would launch for it";
  ASSERT_TRUE(launch("b"));
  EXPECT_EQ(world.cloud.bounds("app-asg"), std::pair(2, 8));
  EXPECT_EQ(desired(), 3);
}

TEST_F(AwsAsgLaunchTest, no_capacity_at_ec2_is_told_and_the_wish_taken_back) {
  begin({.desired = 2});
  ASSERT_THAT(list(), SizeIs(2));
  world.cloud.set_room(2);
  const auto made = launch("a");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::out_of_capacity);
  EXPECT_THAT(made.error().message, HasSubstr("sufficient t3.micro capacity"));
  EXPECT_EQ(desired(), 2);
  world.cloud.set_room(100);
  world.network.clock.pass(10min);
  EXPECT_EQ(size(), 2U) << "nothing turns up that nobody waits for";
  EXPECT_TRUE(launch("b"));
  EXPECT_EQ(world.cloud.victims_of_aws(), 0);
}

TEST_F(AwsAsgLaunchTest, of_several_launches_only_those_without_room_fail) {
  begin({});
  world.cloud.set_room(2);
  std::atomic<int> made = 0;
  std::atomic<int> refused = 0;
  for (int round = 0; round < 20 && made + refused < 4; ++round) {
    made = refused = 0;
    std::vector<std::jthread> threads;
    for (const char* token : {"a", "b", "c", "d"}) {
      threads.emplace_back([&, token] {
        const auto answer = launch(token);
        if (answer) ++made;
        if (!answer && answer.error().kind == ErrorKind::out_of_capacity) ++refused;
      });
    }
  }
  EXPECT_EQ(made, 2);
  EXPECT_EQ(size(), 2U);
  EXPECT_EQ(world.cloud.victims_of_aws(), 0);
}

TEST_F(AwsAsgLaunchTest, a_suspended_process_launch_is_no_room) {
  begin({});
  world.cloud.suspend("app-asg", "Launch");
  const auto made = launch("a");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::out_of_capacity);
  EXPECT_THAT(made.error().message, HasSubstr("Launch is suspended"));
  EXPECT_EQ(desired(), 0);
}

TEST_F(AwsAsgLaunchTest, an_unknown_auto_scaling_group_is_a_mistake) {
  const auto made = launch("a");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::invalid);
}

TEST_F(AwsAsgLaunchTest, refusals_have_their_kinds) {
  begin({});
  struct Case {
    std::string code;
    int status;
    ErrorKind kind;
  };
  const std::vector<Case> cases = {{"Throttling", 400, ErrorKind::unavailable},
                                   {"ScalingActivityInProgress", 400, ErrorKind::unavailable},
                                   {"AccessDenied", 403, ErrorKind::denied},
                                   {"ValidationError", 400, ErrorKind::invalid},
                                   {"InternalFailure", 500, ErrorKind::unavailable}};
  for (const Case& each : cases) {
    world.cloud.fail("SetDesiredCapacity", {.answer = AwsCloud::refusal(each.status, each.code, "no")});
    const auto made = launch("refused-" + each.code);
    ASSERT_FALSE(made) << each.code;
    EXPECT_EQ(made.error().kind, each.kind) << each.code;
  }
  EXPECT_EQ(desired(), 0);
}

/// Instances whose launch waits for weir's word; their app is `app_stub`.
class AwsAsgLaunchHookTest : public AwsAsgLaunchTest {
 protected:
  void launch_one() {
    begin({.launch_hook = "weir-launch"});
    world.cloud.host = "127.0.0.1";
    app.server.set("launch_hook", std::string("weir-launch"));
    app.server.set("port", std::int64_t{app_stub.port()});
    app.health.kind = HealthCheck::Kind::http;
    app.health.path = "/health";
    ASSERT_TRUE(launch("a"));
    world.network.clock.pass(1min);
  }
  [[nodiscard]] int completed() const { return world.cloud.calls("CompleteLifecycleAction"); }
  [[nodiscard]] int prolonged() const { return world.cloud.calls("RecordLifecycleActionHeartbeat"); }

  HttpStub app_stub{HttpStub::Answer{.status = 503}};
};

TEST_F(AwsAsgLaunchHookTest, it_is_kept_alive_until_the_app_answers_its_health_check_and_completed_then) {
  world.cloud.hook_timeout = 45s;
  launch_one();
  for (int turn = 1; turn <= 8; ++turn) {
    EXPECT_EQ(list().at(0).phase, Phase::pending);
    EXPECT_EQ(prolonged(), turn);
    world.network.clock.pass(15s);
  }
  EXPECT_EQ(completed(), 0);
  app_stub.answer(HttpStub::Answer{.status = 200});
  EXPECT_EQ(list().at(0).phase, Phase::pending);
  EXPECT_EQ(completed(), 1);
  EXPECT_EQ(list().at(0).phase, Phase::warming);
  EXPECT_EQ(app_stub.requests().front().target, "/health");
}

TEST_F(AwsAsgLaunchHookTest, it_is_left_to_end_when_the_app_has_had_its_time) {
  app.health.deadline = 90s;
  launch_one();
  EXPECT_EQ(list().at(0).phase, Phase::pending);
  EXPECT_EQ(prolonged(), 1);
  world.network.clock.pass(30s);
  EXPECT_EQ(list().at(0).phase, Phase::pending);
  EXPECT_EQ(prolonged(), 1);
  EXPECT_EQ(completed(), 0);
}

TEST_F(AwsAsgLaunchHookTest, a_mere_look_completes_nothing_and_a_weir_that_was_restarted_does) {
  launch_one();
  app_stub.answer(HttpStub::Answer{.status = 200});
  const Group* const groups[] = {&app};
  ASSERT_TRUE(world.open()->list(groups, {}));
  EXPECT_EQ(completed() + prolonged(), 0);
  ASSERT_TRUE(world.open(false, true)->list(groups, {}));
  EXPECT_EQ(completed(), 1);
}

TEST_F(AwsAsgLaunchTest, a_launch_hook_of_others_is_left_to_them) {
  begin({.launch_hook = "theirs"});
  ASSERT_TRUE(launch("a"));
  world.network.clock.pass(1min);
  EXPECT_EQ(list().at(0).phase, Phase::pending);
  EXPECT_EQ(world.cloud.calls("CompleteLifecycleAction"), 0);
}

TEST_F(AwsAsgLaunchTest, a_group_that_does_not_adopt_takes_a_young_stranger_for_its_interrupted_launch) {
  app.orphans = OrphanRule::remove;
  world.cloud.add_group("app-asg", {.desired = 1});
  ASSERT_THAT(list(), SizeIs(1));
  EXPECT_THAT(list().at(0).protection, HasSubstr("interrupted"));
  ASSERT_TRUE(launch("a"));
  EXPECT_EQ(desired(), 1);
  EXPECT_EQ(list().at(0).token, "a");
}

TEST_F(AwsAsgLaunchTest, asked_to_stop_it_stops_waiting) {
  begin({});
  std::stop_source stop;
  stop.request_stop();
  const auto made = provider->launch({app, "a", "v1"}, stop.get_token());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::cancelled);
}

}  // namespace
}  // namespace weir
