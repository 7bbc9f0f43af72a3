// Where the platform picks who goes (ProviderAbilities::chooses_victim is false) nobody can be drained before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/reconcile/story.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using enum HealthStatus;

class PlatformPicks : public testing::Test {
 protected:
  PlatformPicks() { story.group.chooses_victim = false; }

  /// The platform has begun to stop it.
  void leave(const std::string& id) { story.find(id)->phase = Phase::terminating; }

  Story story{4};
};

TEST_F(PlatformPicks, one_fewer_is_asked_for_and_nobody_leaves_the_balancer_before_it_is_known_who_goes) {
  story.memory.desired = 3;
  EXPECT_THAT(story.turn(), ElementsAre("terminate s4"));
  EXPECT_EQ(story.plan.actions[0].why, "3 desired; the platform picks who goes");
  EXPECT_THAT(story.peers(), SizeIs(4));
  EXPECT_EQ(story.phase("s4"), Phase::in_service);
}

TEST_F(PlatformPicks, who_was_picked_leaves_the_balancer_and_who_was_named_stays) {
  story.memory.desired = 3;
  story.turn();
  leave("s2");
  EXPECT_THAT(story.turn(), IsEmpty());
  EXPECT_TRUE(story.noted("the platform picked s2 to go"));
  EXPECT_THAT(story.peers(), ElementsAre("s1", "s3", "s4"));
  story.vanish("s2");
  EXPECT_THAT(story.turns(60), testing::Each("terminate s2")) << "nothing is launched in its place, nobody else goes";
  EXPECT_THAT(story.peers(), ElementsAre("s1", "s3", "s4"));
}

TEST_F(PlatformPicks, who_was_named_may_be_picked) {
  story.memory.desired = 3;
  story.turn();
  leave("s4");
  story.turn();
  EXPECT_THAT(story.peers(), ElementsAre("s1", "s2", "s3"));
  story.vanish("s4");
  story.turns(10);
  EXPECT_FALSE(story.remembers("s4"));
  EXPECT_THAT(story.turns(60), IsEmpty());
}

TEST_F(PlatformPicks, one_that_is_gone_before_it_is_seen_leaving_counts_as_picked) {
  story.memory.desired = 3;
  story.turn();
  story.vanish("s1");
  EXPECT_THAT(story.turns(60), IsEmpty());
  EXPECT_FALSE(story.remembers("s1"));
  EXPECT_THAT(story.peers(), ElementsAre("s2", "s3", "s4"));
}

TEST_F(PlatformPicks, an_answer_that_was_lost_is_asked_again_but_not_at_once) {
  story.memory.desired = 3;
  story.turn();
  EXPECT_THAT(story.turns(4), IsEmpty()) << "a list made before it picked must not cost a second server";
  EXPECT_THAT(story.turn(), ElementsAre("terminate s4"));
  EXPECT_EQ(story.plan.actions[0].why, kNotGoneYet);
  story.list_error = "HTTP 500";
  EXPECT_THAT(story.turns(30), IsEmpty()) << "without a list nobody knows who is there";
}

TEST_F(PlatformPicks, several_are_asked_for_at_once_but_never_so_many_that_fewer_than_min_serve) {
  story.group.min = 2;
  story.health["s1"] = unhealthy;
  story.memory.desired = 2;
  story.turn();
  EXPECT_THAT(story.turn(), IsEmpty());
  const auto asked =
      std::ranges::count_if(story.memory.servers, [](const ServerMemory& one) { return one.release_at.has_value(); });
  EXPECT_EQ(asked, 1) << "of three that serve one may go";
}

TEST_F(PlatformPicks, when_the_load_returns_what_was_not_done_is_not_asked_for_any_more) {
  story.memory.desired = 2;
  EXPECT_THAT(story.turn(), SizeIs(2));
  story.memory.desired = 4;
  EXPECT_THAT(story.turns(30), IsEmpty());
  story.memory.desired = 5;
  EXPECT_THAT(story.turn(), ElementsAre("launch app-n0-1"));
}

TEST_F(PlatformPicks, an_unhealthy_server_is_left_out_and_not_removed_and_another_takes_its_place) {
  story.health["s2"] = unhealthy;
  EXPECT_THAT(story.turn(), ElementsAre("drain s2", "launch app-n0-1"));
  EXPECT_THAT(story.peers(), ElementsAre("s1", "s3", "s4"));
  story.appear("s5", healthy, "app-n0-1");
  story.turn();
  EXPECT_THAT(story.turns(300), IsEmpty()) << "asking for one fewer might hit a good one";
  story.health["s2"] = healthy;
  EXPECT_THAT(story.turn(), ElementsAre("readmit s2"));
  EXPECT_THAT(story.turn(), ElementsAre("terminate s5")) << "now there is one too many";
}

TEST_F(PlatformPicks, one_that_never_became_healthy_is_left_out_until_it_does) {
  story.memory.desired = 5;
  story.turn();
  story.appear("s5", unhealthy, "app-n0-1");
  story.turn();
  EXPECT_THAT(story.turn(story.group.health.deadline), ElementsAre("drain s5"));
  EXPECT_EQ(story.memory.launch_failures, 1);
  story.memory.desired = 4;
  story.turns(10);
  story.memory.desired = 5;
  story.health["s5"] = healthy;
  story.turn();
  story.turn();
  EXPECT_EQ(story.phase("s5"), Phase::in_service);
  EXPECT_THAT(story.peers(), SizeIs(5));
}

/// Random worlds found a check that was suspected for ever on the word of servers that had never answered it.
TEST_F(PlatformPicks, those_that_never_became_healthy_say_nothing_against_the_check) {
  for (const std::string id : {"n1", "n2", "n3", "n4", "n5"}) {
    story.serve(id);
    story.health[id] = unhealthy;
    ServerMemory& never = story.memory.servers.back();
    never.admitted_at.reset();
    never.drain_at = story.now;
    never.drain_cause = DrainCause::unhealthy;
    for (BalancerView& view : story.views) view.peers.pop_back();
  }
  story.health["s2"] = unhealthy;
  story.turn();
  EXPECT_TRUE(story.noted("s2 is unhealthy"));
  EXPECT_FALSE(story.noted("the check itself is suspected"));
}

TEST_F(PlatformPicks, a_server_that_leaves_by_itself_is_replaced) {
  leave("s3");
  EXPECT_THAT(story.turn(), ElementsAre("launch app-n0-1"));
  EXPECT_THAT(story.peers(), ElementsAre("s1", "s2", "s4"));
}

}  // namespace
}  // namespace weir
