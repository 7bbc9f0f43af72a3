#include "controller/reconcile/classify.h"

#include <gmock/gmock.h>

#include "tests/reconcile/story.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum HealthStatus;

std::vector<std::string> ids_of(const std::vector<Server>& servers) {
  std::vector<std::string> ids;
  for (const Server& server : servers) ids.push_back(server.id);
  return ids;
}

TEST(WithRemembered, joins_the_list_with_what_it_lacks) {
  Story story(3);
  story.vanish("s2");
  const std::vector<Server> joined = with_remembered(story.group, &story.listed, story.memory);
  EXPECT_THAT(ids_of(joined), ElementsAre("s1", "s2", "s3"));
  EXPECT_TRUE(joined[0].listed);
  EXPECT_FALSE(joined[1].listed);
  EXPECT_EQ(joined[1].address, "s2:80");
  EXPECT_THAT(ids_of(with_remembered(story.group, nullptr, story.memory)), ElementsAre("s1", "s2", "s3"));
}

TEST(Classify, a_server_serves_once_proven_healthy_and_not_before) {
  Story story(1);
  story.memory.desired = 2;
  story.appear("s2").address = "";
  story.find("s2")->phase = Phase::pending;
  story.turn();
  EXPECT_EQ(story.phase("s2"), Phase::pending);
  story.find("s2")->phase = Phase::warming;
  story.health["s2"] = healthy;
  story.turn();
  EXPECT_EQ(story.phase("s2"), Phase::warming) << "nobody knows where it is";
  story.find("s2")->address = "s2:80";
  story.health["s2"] = unhealthy;
  story.turn();
  EXPECT_EQ(story.phase("s2"), Phase::warming);
  story.health["s2"] = unknown;
  story.turn();
  EXPECT_EQ(story.phase("s2"), Phase::warming);
  EXPECT_THAT(story.peers(), ElementsAre("s1"));
  story.health["s2"] = healthy;
  EXPECT_THAT(story.turn(), ElementsAre("admit s2"));
  EXPECT_EQ(story.plan.actions[0].why, "healthy 4s after its launch");
  EXPECT_EQ(story.phase("s2"), Phase::in_service);
  EXPECT_THAT(story.peers(), ElementsAre("s1", "s2"));
  EXPECT_EQ(story.remembered("s2").admitted_at, story.now);
}

TEST(Classify, a_server_the_list_lacks_is_not_admitted) {
  Story story(3);
  story.memory.desired = 4;
  story.appear("s4");
  story.turn();
  story.vanish("s4");
  story.health["s4"] = healthy;
  EXPECT_THAT(story.turn(), IsEmpty());
}

TEST(Classify, gone_is_believed_after_two_lists_if_its_checks_fail_and_after_three_if_not) {
  for (const HealthStatus status : {unhealthy, unknown, healthy}) {
    Story story(4);
    story.vanish("s4");
    story.health["s4"] = status;
    story.turn();
    EXPECT_TRUE(story.remembers("s4"));
    story.turn();
    EXPECT_EQ(story.remembers("s4"), status != unhealthy) << to_string(status);
    story.turn();
    EXPECT_EQ(story.remembers("s4"), status != unhealthy) << "three lists within seconds are one that lags";
    story.turn(2 * story.group.interval);
    EXPECT_FALSE(story.remembers("s4"));
  }
}

TEST(Classify, lists_that_lag_while_another_server_drains_do_not_take_out_one_that_answers) {
  Story story(4, 4);
  story.vanish("s2");
  for (int list = 0; list < 10; ++list) {
    story.turn(500ms);
    EXPECT_THAT(story.peers(), ElementsAre("s1", "s2", "s3", "s4"));
  }
}

TEST(Classify, one_list_with_it_starts_the_count_again) {
  Story story(4);
  const Server kept = *story.find("s4");
  for (int round = 0; round < 5; ++round) {
    story.vanish("s4");
    story.turns(2);
    story.listed.push_back(kept);
    story.turn();
  }
  EXPECT_TRUE(story.remembers("s4"));
  EXPECT_EQ(story.remembered("s4").missed, 0);
}

TEST(Classify, a_failed_list_proves_nothing) {
  Story story(3);
  story.listed.clear();
  story.list_error = "HTTP 500";
  EXPECT_THAT(story.turns(20), IsEmpty());
  EXPECT_EQ(story.memory.servers.size(), 3U);
  EXPECT_EQ(story.remembered("s1").missed, 0);
  EXPECT_THAT(story.peers(), ElementsAre("s1", "s2", "s3"));
  EXPECT_TRUE(story.noted("no launch and no removal: HTTP 500"));
}

// Found in the tutorial: `weir explain` called every server "not listed" after a turn that had not asked for the list.
TEST(Classify, a_turn_without_a_list_says_what_the_last_list_said) {
  Story story(3);
  story.vanish("s3");
  story.turn();
  story.list_error = "HTTP 500";
  story.turn();
  std::vector<bool> listed;
  for (const Server& server : story.classified) listed.push_back(server.listed);
  EXPECT_THAT(listed, ElementsAre(true, true, false));
}

TEST(Classify, an_empty_list_is_not_zero_servers_while_they_answer) {
  for (const int count : {2, 3, 7}) {
    Story story(count);
    story.listed.clear();
    EXPECT_THAT(story.turns(30), IsEmpty()) << count;
    EXPECT_EQ(story.memory.servers.size(), static_cast<std::size_t>(count));
    EXPECT_EQ(story.plan.peers.size(), static_cast<std::size_t>(count));
    EXPECT_TRUE(story.noted("not believed, nothing is replaced"));
  }
}

// Found by review: a fleet of one was forgotten and launched again although it answered all the time.
TEST(Classify, an_empty_list_is_not_zero_servers_in_a_fleet_of_one_either) {
  Story story(1);
  story.listed.clear();
  EXPECT_THAT(story.turns(30), IsEmpty());
  EXPECT_THAT(story.peers(), ElementsAre("s1"));
}

TEST(Classify, an_empty_list_is_believed_of_servers_that_do_not_answer) {
  Story story(3);
  story.listed.clear();
  for (auto& [id, status] : story.health) status = unhealthy;
  EXPECT_THAT(story.turn(), IsEmpty());
  EXPECT_THAT(story.turn(), ElementsAre("launch app-n0-1", "launch app-n0-2", "launch app-n0-3"));
  EXPECT_TRUE(story.noted("s1 is gone: the provider has not listed it 2 times"));
}

TEST(Classify, half_the_fleet_missing_is_believed_and_more_is_not) {
  Story half(4);
  half.vanish("s1");
  half.vanish("s2");
  half.turns(31);
  EXPECT_EQ(half.memory.servers.size(), 2U);
  Story most(5);
  for (const char* id : {"s1", "s2", "s3"}) most.vanish(id);
  most.turns(9);
  EXPECT_EQ(most.memory.servers.size(), 5U);
}

TEST(Classify, servers_being_removed_are_not_evidence_against_the_list) {
  Story story(4);
  for (const char* id : {"s1", "s2", "s3"}) {
    story.remembered(id).drain_at = story.now - 2min;
    story.remembered(id).terminate_at = story.now - 1min;
    story.vanish(id);
  }
  story.memory.desired = 1;
  story.views[0].peers = {{.server = "s4", .address = "s4:80"}};
  story.turns(2);
  EXPECT_EQ(story.memory.servers.size(), 1U);
  EXPECT_FALSE(story.noted("is gone")) << "we asked for that";
}

TEST(Classify, most_unhealthy_together_suspects_the_check) {
  struct Case {
    int servers;
    int sick;
    bool suspected;
  };
  for (const Case& one :
       {Case{1, 1, false}, Case{2, 1, false}, Case{2, 2, true}, Case{4, 2, false}, Case{4, 3, true}, Case{3, 2, true}}) {
    Story story(one.servers);
    for (int number = 1; number <= one.sick; ++number) story.health["s" + std::to_string(number)] = unhealthy;
    const auto actions = story.turn();
    EXPECT_EQ(story.noted("the check itself is suspected"), one.suspected) << one.sick << " of " << one.servers;
    if (one.suspected) {
      EXPECT_THAT(actions, IsEmpty());
      EXPECT_EQ(story.plan.peers.size(), static_cast<std::size_t>(one.servers));
    }
  }
}

TEST(Classify, first_turn_takes_over_what_it_finds) {
  Story story(0);
  story.memory = {.nonce = "n0"};
  story.group.min = 2;
  story.appear("a", healthy, "made-by-hand");
  story.appear("b", unknown, "made-by-hand");
  story.appear("c", unknown, "made-by-hand");
  EXPECT_THAT(story.turn(), ElementsAre("admit a"));
  EXPECT_EQ(story.memory.desired, 3);
  EXPECT_EQ(story.memory.version, "v1");
  EXPECT_TRUE(story.plan.notes.empty());
}

TEST(Classify, lost_memory_takes_a_server_in_the_balancer_for_proven) {
  Story story(2);
  story.memory = {.nonce = "n1"};
  for (auto& [id, status] : story.health) status = unknown;
  EXPECT_THAT(story.turn(), IsEmpty());
  EXPECT_THAT(story.peers(), ElementsAre("s1", "s2"));
  EXPECT_EQ(story.phase("s1"), Phase::in_service);
}

TEST(Classify, a_balancer_that_is_not_in_force_proves_nothing) {
  for (const bool known : {false, true}) {
    Story story(2);
    story.memory = {.nonce = "n1"};
    story.views[0].known = known;
    story.views[0].in_force = !known;
    for (auto& [id, status] : story.health) status = unknown;
    story.turn();
    EXPECT_EQ(story.phase("s1"), Phase::warming);
    EXPECT_EQ(story.peers().size(), known ? 2U : 0U) << "it keeps the traffic it is seen to have";
  }
}

TEST(Classify, traffic_found_at_servers_nobody_proved_yet_is_not_cut_to_the_first_that_answers) {
  Story story;
  story.group.elastic = false;
  story.memory = {.nonce = "n1"};
  for (const char* id : {"s1", "s2", "s3", "s4"}) {
    story.appear(id);
    story.views[0].peers.push_back({.server = "", .address = std::string(id) + ":80"});
  }
  story.views[0].in_force = false;
  story.turn();
  EXPECT_THAT(story.peers(), ElementsAre("s1", "s2", "s3", "s4"));
  story.health["s3"] = healthy;
  story.turn();
  EXPECT_THAT(story.peers(), ElementsAre("s1", "s2", "s3", "s4"));
  story.health["s1"] = unhealthy;
  story.turn();
  EXPECT_THAT(story.peers(), ElementsAre("s2", "s3", "s4")) << "what is proven bad goes";
  story.health["s2"] = story.health["s4"] = unhealthy;
  story.turn();
  EXPECT_THAT(story.peers(), ElementsAre("s2", "s3", "s4")) << "a path that works on one of four is suspected";
}

TEST(Classify, a_launched_server_at_an_address_a_balancer_still_has_gets_no_traffic_before_it_is_healthy) {
  Story story(2);
  story.memory.desired = 3;
  EXPECT_THAT(story.turn(), ElementsAre("launch app-n0-1"));
  story.appear("s9", unknown, "app-n0-1");
  story.views[0].peers.push_back({.server = "", .address = "s9:80"});
  story.turn();
  EXPECT_THAT(story.peers(), ElementsAre("s1", "s2"));
}

TEST(Classify, a_server_that_moves_to_another_address_is_proven_anew) {
  Story story(2);
  story.find("s1")->address = "10.9.9.9:80";
  story.health["s1"] = unknown;
  story.turn();
  EXPECT_EQ(story.phase("s1"), Phase::warming);
  EXPECT_THAT(story.peers(), ElementsAre("s2"));
  story.health["s1"] = healthy;
  EXPECT_THAT(story.turn(), ElementsAre("admit s1"));
}

TEST(Classify, a_state_file_from_a_backup_gives_out_no_token_twice) {
  Story story(2);
  story.memory.next_token = 5;
  story.memory.desired = 3;
  story.appear("s5", healthy, "app-n0-5");
  story.turn();
  story.memory.desired = 4;
  EXPECT_THAT(story.turn(), ElementsAre("launch app-n0-6"));
}

TEST(Classify, servers_that_failed_together_are_given_time_to_recover_one_by_one) {
  Story story(6);
  for (const char* id : {"s1", "s2", "s3", "s4", "s5", "s6"}) story.health[id] = unhealthy;
  EXPECT_THAT(story.turns(20), IsEmpty());
  for (const char* id : {"s1", "s2", "s3"}) story.health[id] = healthy;
  EXPECT_THAT(story.turns(5), IsEmpty());
  EXPECT_TRUE(story.noted("still look unhealthy after most did together"));
  for (const char* id : {"s4", "s5"}) story.health[id] = healthy;
  EXPECT_THAT(story.turns(5), IsEmpty());
  EXPECT_THAT(story.peers(), testing::SizeIs(6));
  // The one that does not come back is replaced in the end.
  EXPECT_EQ(story.turns(30).at(0), "drain s6");
}

TEST(Classify, once_all_have_recovered_the_next_failure_is_its_own) {
  Story story(6);
  for (const char* id : {"s1", "s2", "s3", "s4"}) story.health[id] = unhealthy;
  EXPECT_THAT(story.turn(), IsEmpty());
  for (const char* id : {"s1", "s2", "s3", "s4"}) story.health[id] = healthy;
  EXPECT_THAT(story.turn(), IsEmpty());
  story.health["s6"] = unhealthy;
  EXPECT_EQ(story.turn().at(0), "drain s6");
}

TEST(Classify, orphans) {
  struct Case {
    OrphanRule rule;
    bool adopted;
    bool removed;
  };
  for (const Case& one :
       {Case{OrphanRule::adopt, true, false}, Case{OrphanRule::report, false, false}, Case{OrphanRule::remove, false, true}}) {
    Story story(2);
    story.group.orphans = one.rule;
    story.memory.desired = 3;
    story.memory.launch_failures = 1;
    story.memory.launch_not_before = story.now + 1h;
    story.appear("x", unknown, "app-other-1");
    const auto actions = story.turn();
    EXPECT_EQ(story.remembers("x"), one.adopted);
    EXPECT_EQ(std::ranges::find(actions, "terminate x") != actions.end(), one.removed);
    EXPECT_EQ(story.noted("adopted x at x:80"), one.adopted);
    EXPECT_EQ(story.noted("orphan x at x:80"), !one.adopted);
  }
}

TEST(Classify, an_orphan_that_may_get_traffic_or_is_protected_is_not_removed) {
  Story story(2);
  story.group.orphans = OrphanRule::remove;
  story.appear("x", unknown, "app-other-1").protection = "scale-in protection";
  EXPECT_THAT(story.turn(), IsEmpty());
  story.find("x")->protection.clear();
  story.views[0].peers.push_back({.address = "x:80"});
  story.balancers_obey = false;
  EXPECT_THAT(story.turn(), IsEmpty());
  story.balancers_obey = true;
  story.turn();
  EXPECT_THAT(story.turn(), ElementsAre("terminate x"));
}

TEST(Classify, a_token_of_our_own_is_ours_whatever_the_group_does_with_orphans) {
  Story story(1);
  story.memory.desired = 2;
  story.group.orphans = OrphanRule::remove;
  story.appear("x", unknown, "app-n0-77");
  EXPECT_THAT(story.turn(), IsEmpty());
  EXPECT_TRUE(story.remembers("x"));
  EXPECT_FALSE(is_own_token("app-n0-77", story.group, {})) << "without a nonce nothing is";
  EXPECT_FALSE(is_own_token("app-n01-7", story.group, story.memory));
}

TEST(Classify, a_server_keeps_its_age_and_an_unknown_age_begins_now) {
  Story story(1);
  story.memory.desired = 2;
  story.appear("s2").launched_at = {};
  story.turn();
  EXPECT_EQ(story.remembered("s2").launched_at, story.now);
  EXPECT_EQ(story.classified[1].launched_at, story.now);
}

TEST(Classify, a_clock_set_back_leaves_no_mark_in_the_future) {
  Story story(2);
  const TimePoint ahead = story.now + 3h;
  Memory& memory = story.memory;
  memory.scaled_out_at = memory.scaled_in_at = memory.turned_at = memory.watched_since = memory.launch_not_before = ahead;
  memory.highest = memory.lowest = {{ahead, 9}};
  memory.events = {{ahead, 1}};
  memory.policies = {{.policy = "a", .above_since = ahead, .below_since = ahead, .good_at = ahead}};
  memory.launches = {{.token = "app-n0-1", .attempts = 1, .next_attempt_at = ahead, .abandoned_at = ahead}};
  ServerMemory& server = memory.servers[0];
  server.launched_at = ahead;
  server.admitted_at = server.drain_at = server.idle_since = server.terminate_at = ahead;
  Observation seen{.at = story.now, .listed = true};
  seen.servers = with_remembered(story.group, &story.listed, memory);
  (void)classify(story.group, seen, memory);
  const TimePoint now = story.now;
  EXPECT_EQ(memory.scaled_out_at, now);
  EXPECT_EQ(memory.scaled_in_at, now);
  EXPECT_EQ(memory.turned_at, now);
  EXPECT_EQ(memory.watched_since, now);
  EXPECT_EQ(memory.highest[0].at, now);
  EXPECT_EQ(memory.lowest[0].at, now);
  EXPECT_EQ(memory.events[0].at, now);
  EXPECT_EQ(memory.policies[0].above_since, now);
  EXPECT_EQ(memory.policies[0].below_since, now);
  EXPECT_EQ(memory.policies[0].good_at, now);
  EXPECT_EQ(memory.launches[0].abandoned_at, now);
  EXPECT_EQ(memory.launches[0].next_attempt_at, now + kLongestBackoff);
  EXPECT_EQ(memory.launch_not_before, now + kLongestBackoff);
  const ServerMemory& kept = memory.servers[0];
  EXPECT_EQ(kept.launched_at, now);
  for (const auto& mark : {kept.admitted_at, kept.drain_at, kept.idle_since, kept.terminate_at}) EXPECT_EQ(mark, now);
}

TEST(Classify, a_fleet_is_counted_by_phase_and_warm_up) {
  Story story(2);
  story.group.warm_up = 60s;
  story.memory.desired = 4;
  story.appear("s3", healthy);
  story.appear("s4", unknown);
  story.remembered("s2").drain_at = story.now;
  Observation seen{.at = story.now, .listed = true};
  seen.servers = with_remembered(story.group, &story.listed, story.memory);
  for (Server& server : seen.servers) server.health.status = story.health[server.id];
  const Classified classified = classify(story.group, seen, story.memory);
  Fleet fleet = fleet_of(story.group, classified, story.now + 59s, story.memory);
  EXPECT_EQ(fleet.desired, 4);
  EXPECT_EQ(fleet.in_service, 2);
  EXPECT_EQ(fleet.warmed, 1);
  EXPECT_EQ(fleet.on_the_way, 2) << "one in service and not warmed, one that boots; not the one that drains";
  fleet = fleet_of(story.group, classified, story.now + 60s, story.memory);
  EXPECT_EQ(fleet.warmed, 2);
  EXPECT_EQ(fleet.on_the_way, 1);
}

}  // namespace
}  // namespace weir
