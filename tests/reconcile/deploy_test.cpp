#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/reconcile/orders.h"
#include "deploy/advance.h"
#include "tests/reconcile/story.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

/// A group whose launches appear and whose terminations are done by the next second. `wont_start`, `sick`: what becomes of servers
/// of a version.
class DeployStory : public Story {
 public:
  explicit DeployStory(int serving, int max = 10) : Story(serving, max) { group.max = max; }

  void start(const std::string& version, Strategy strategy = Strategy::rolling) {
    memory.rollout = Rollout{
        .version = version, .from = memory.version, .strategy = strategy, .by = "anna", .started_at = now, .progressed_at = now};
  }
  Rollout& rollout() { return *memory.rollout; }

  /// One second; what always must hold is checked.
  std::vector<std::string> second() {
    const std::vector<std::string> done = turn(1s);
    EXPECT_EQ(plan.refused, "");
    for (const Action& action : plan.actions) {
      if (action.kind == Action::Kind::launch && find_token(action.server) == nullptr) make(action);
      if (action.kind == Action::Kind::terminate) vanish(action.server);
      if (action.kind == Action::Kind::drain) connections(action.server, busy);
    }
    for (Server& server : listed) {
      if (server.version == sick_version && is_peer(server.id) && now - server.launched_at >= sick_after) {
        health[server.id] = HealthStatus::unhealthy;
      }
    }
    most = std::max(most, static_cast<int>(listed.size()));
    least_serving = std::min(least_serving, static_cast<int>(plan.peers.size()));
    return done;
  }
  std::vector<std::string> seconds(int count) {
    std::vector<std::string> all;
    for (; count > 0; --count) std::ranges::move(second(), std::back_inserter(all));
    return all;
  }
  /// Until the deploy has ended, at most an hour.
  std::vector<std::string> to_the_end() {
    std::vector<std::string> all;
    for (int left = 3600; left > 0 && is_active(memory.rollout); --left) std::ranges::move(second(), std::back_inserter(all));
    EXPECT_FALSE(is_active(memory.rollout)) << "waits: " << rollout().waits;
    return all;
  }

  /// A turn in which the provider has room for `room` servers: what is launched beyond that is refused.
  void second_with_room_for(std::size_t room) {
    second();
    for (const Action& action : plan.actions) {
      if (action.kind != Action::Kind::launch || listed.size() <= room) continue;
      std::erase_if(listed, [&](const Server& server) { return server.token == action.server; });
      outcomes.push_back(
          {.kind = Outcome::Kind::launch, .subject = action.server, .error = Error{ErrorKind::out_of_capacity, "quota exceeded"}});
    }
  }

  bool is_peer(const std::string& id) const {
    return std::ranges::any_of(plan.peers, [&](const Peer& peer) { return peer.server == id; });
  }
  int count(const std::string& version) const { return static_cast<int>(std::ranges::count(listed, version, &Server::version)); }
  int peers_of(const std::string& version) const {
    return static_cast<int>(
        std::ranges::count_if(listed, [&](const Server& server) { return server.version == version && is_peer(server.id); }));
  }
  double share_of(const std::string& version) const {
    double all = 0;
    double its = 0;
    for (const Peer& peer : plan.peers) {
      const auto one = std::ranges::find(listed, peer.server, &Server::id);
      all += peer.weight;
      if (one != listed.end() && one->version == version) its += peer.weight;
    }
    return its / all;
  }

  std::string wont_start;
  FailureCause wont_start_because = FailureCause::program;
  std::string sick_version;
  Duration sick_after{0};
  int busy = 0;  ///< connections of a server that drains
  int most = 0;
  int least_serving = 1000;

 private:
  Server* find_token(const std::string& token) {
    const auto found = std::ranges::find(listed, token, &Server::token);
    return found == listed.end() ? nullptr : &*found;
  }
  void make(const Action& action) {
    const bool starts = action.version != wont_start;
    Server& server = appear(action.version + "-" + std::to_string(++made_), HealthStatus::healthy, action.server);
    server.version = action.version;
    if (starts) return;
    server.failure = "exited with status 1";
    server.failure_cause = wont_start_because;
  }
  int made_ = 0;
};

TEST(Rolling, replaces_all_the_oldest_first_and_never_has_fewer_or_more_than_it_may) {
  DeployStory story(3);
  story.start("v2");
  const auto done = story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
  EXPECT_EQ(story.memory.version, "v2");
  EXPECT_EQ(story.count("v2"), 3);
  EXPECT_EQ(story.count("v1"), 0);
  EXPECT_EQ(story.most, 4);
  EXPECT_EQ(story.least_serving, 3);
  std::vector<std::string> drained;
  std::ranges::copy_if(done, std::back_inserter(drained), [](const std::string& one) { return one.starts_with("drain"); });
  EXPECT_THAT(drained, ElementsAre("drain s1", "drain s2", "drain s3"));
  EXPECT_THAT(story.seconds(60), IsEmpty()) << "a settled world yields an empty plan";
}

TEST(Rolling, without_surge_old_servers_make_room_first) {
  DeployStory story(4, 4);
  story.group.deploy.max_surge = {0, false};
  story.group.deploy.max_unavailable = {1, false};
  story.start("v2");
  story.to_the_end();
  EXPECT_EQ(story.count("v2"), 4);
  EXPECT_EQ(story.most, 4);
  EXPECT_EQ(story.least_serving, 3);
}

TEST(Rolling, without_surge_the_way_back_has_no_more_servers_either) {
  DeployStory story(4, 4);
  story.group.deploy.max_surge = {0, false};
  story.group.deploy.max_unavailable = {1, false};
  story.group.deploy.pause_at = {50};
  story.start("v2");
  story.seconds(60);
  ASSERT_EQ(story.peers_of("v2"), 2);
  turn_back(story.rollout(), story.now, "aborted");
  story.to_the_end();
  EXPECT_EQ(story.count("v1"), 4);
  EXPECT_EQ(story.most, 4);
  EXPECT_EQ(story.least_serving, 3);
}

TEST(Rolling, of_a_group_of_one_never_drops_to_zero) {
  DeployStory story(1);
  story.group.max = 1;
  story.group.deploy.max_surge = {0, false};
  story.group.deploy.max_unavailable = {100, true};
  story.start("v2");
  story.to_the_end();
  EXPECT_EQ(story.count("v2"), 1);
  EXPECT_EQ(story.least_serving, 1);
}

TEST(Rolling, goes_as_fast_as_surge_and_unavailable_allow) {
  DeployStory story(8, 20);
  story.group.deploy.max_surge = {25, true};
  story.group.deploy.max_unavailable = {25, true};
  story.start("v2");
  const auto first = story.second();
  EXPECT_EQ(std::ranges::count_if(first, [](const std::string& one) { return one.starts_with("launch"); }), 2);
  EXPECT_EQ(std::ranges::count_if(first, [](const std::string& one) { return one.starts_with("drain"); }), 2);
  story.to_the_end();
  EXPECT_EQ(story.least_serving, 6);
  EXPECT_LE(story.most, 10);
  EXPECT_EQ(story.count("v2"), 8);
}

TEST(Rolling, lets_a_new_server_soak_before_an_old_one_goes) {
  DeployStory story(2);
  story.group.deploy.soak = 30s;
  story.start("v2");
  EXPECT_THAT(story.seconds(25), Not(Contains(StartsWith("drain"))));
  EXPECT_EQ(story.peers_of("v2"), 1);
  EXPECT_EQ(story.rollout().waits, "the new servers soak");
  EXPECT_THAT(story.seconds(10), Contains("drain s1"));
}

TEST(Rolling, a_promotion_ends_the_soak_of_those_that_serve) {
  DeployStory story(2);
  story.group.deploy.soak = 300s;
  story.start("v2");
  story.seconds(5);
  story.rollout().promoted = true;
  EXPECT_THAT(story.seconds(2), Contains("drain s1"));
  EXPECT_THAT(story.seconds(20), Not(Contains("drain s2"))) << "the next one soaks again";
}

TEST(Rolling, skips_servers_that_run_the_version_already) {
  DeployStory story(3);
  story.find("s2")->version = "v2";
  story.start("v2");
  const auto done = story.to_the_end();
  EXPECT_THAT(done, Not(Contains("drain s2")));
  EXPECT_EQ(story.count("v2"), 3);
}

TEST(Rolling, pauses_at_its_checkpoints_until_somebody_promotes_it) {
  DeployStory story(4);
  story.group.deploy.pause_at = {25, 50};
  story.start("v2");
  story.seconds(7200);
  EXPECT_EQ(story.count("v2"), 1) << "no deadline runs while it waits for a person";
  EXPECT_EQ(story.count("v1"), 3);
  EXPECT_THAT(story.rollout().waits, HasSubstr("at 25%"));
  story.rollout().promoted = true;
  story.seconds(100);
  EXPECT_EQ(story.count("v2"), 2);
  EXPECT_THAT(story.rollout().waits, HasSubstr("at 50%"));
  story.rollout().promoted = true;
  story.to_the_end();
  EXPECT_EQ(story.count("v2"), 4);
}

TEST(Rolling, where_its_checkpoints_are_changed_it_pauses_at_the_next_above_the_one_behind_it) {
  DeployStory story(4);
  story.group.deploy.pause_at = {25, 75};
  story.start("v2");
  story.seconds(100);
  story.rollout().promoted = true;
  story.second();
  story.group.deploy.pause_at = {50, 75};
  story.seconds(100);
  EXPECT_THAT(story.rollout().waits, HasSubstr("at 50%"));
  EXPECT_EQ(story.count("v2"), 2);
}

TEST(Rolling, of_a_version_that_does_not_start_goes_back_and_no_old_server_has_left) {
  DeployStory story(3);
  story.wont_start = "v2";
  story.start("v2");
  const auto done = story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back);
  EXPECT_THAT(story.rollout().why_back, HasSubstr("2 of its servers failed: v2-2: exited with status 1"));
  EXPECT_THAT(done, Not(Contains(StartsWith("drain"))));
  EXPECT_EQ(story.memory.version, "v1");
  EXPECT_EQ(story.count("v1"), 3);
  EXPECT_EQ(story.count("v2"), 0);
}

TEST(Rolling, a_version_does_not_answer_for_what_its_servers_platform_does_to_them) {
  DeployStory story(3);
  story.group.deploy.failure_limit = 0;
  story.wont_start = "v2";
  story.wont_start_because = FailureCause::platform;
  story.start("v2");
  story.seconds(10);
  EXPECT_EQ(story.rollout().direction, Rollout::Direction::forward);
  EXPECT_EQ(story.memory.launch_failures, 0) << "the next launch has the same chances as ever";
  story.wont_start.clear();
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(Rolling, of_a_version_that_falls_sick_goes_back_at_full_size) {
  DeployStory story(4);
  story.group.deploy.soak = 30s;
  story.sick_version = "v2";
  story.sick_after = 20s;
  story.start("v2");
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back);
  EXPECT_EQ(story.peers_of("v1"), 4);
  EXPECT_EQ(story.count("v2"), 0);
}

TEST(Rolling, where_most_are_new_and_sick_the_version_is_suspected_and_not_the_check) {
  DeployStory story(4);
  story.start("v2");
  while (story.peers_of("v2") < 3) story.second();
  for (const Server& server : story.listed) {
    if (server.version == "v2") story.health[server.id] = HealthStatus::unhealthy;
  }
  story.sick_version = "v2";
  story.second();
  EXPECT_FALSE(story.noted("the check itself is suspected"));
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back);
  EXPECT_EQ(story.peers_of("v1"), 4);
}

TEST(Rolling, a_fix_goes_out_although_the_check_is_suspected) {
  DeployStory story(4);
  for (const char* id : {"s1", "s2", "s3", "s4"}) story.health[id] = HealthStatus::unhealthy;
  story.second();
  ASSERT_TRUE(story.noted("the check itself is suspected"));
  story.start("v2");
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
  EXPECT_EQ(story.peers_of("v2"), 4);
}

TEST(Rolling, that_does_not_move_goes_back_at_its_deadline) {
  DeployStory story(2);
  story.group.deploy.progress_deadline = 60s;
  story.start("v2");
  story.second();
  for (Server& server : story.listed) {
    if (server.version == "v2") story.health[server.id] = HealthStatus::unknown;
  }
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back);
  EXPECT_THAT(story.rollout().why_back, HasSubstr("nothing moved for 1m"));
}

TEST(Rolling, no_time_passes_for_it_while_the_provider_gives_no_list) {
  DeployStory story(2);
  story.start("v2");
  story.seconds(1);
  story.list_error = "api.example: 503";
  story.seconds(3600);
  EXPECT_EQ(story.rollout().direction, Rollout::Direction::forward);
  story.list_error.clear();
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(Rolling, on_its_way_back_the_old_version_is_whole_before_the_new_servers_go) {
  DeployStory story(4, 10);
  story.start("v2");
  while (story.peers_of("v2") < 3) story.second();
  turn_back(story.rollout(), story.now, "aborted by anna");
  const auto done = story.to_the_end();
  const auto first_drain = std::ranges::find_if(done, [](const std::string& one) { return one.starts_with("drain v2"); });
  const auto last_launch =
      std::ranges::find_if(done.rbegin(), done.rend(), [](const std::string& one) { return one.starts_with("launch"); });
  ASSERT_NE(first_drain, done.end());
  ASSERT_NE(last_launch, done.rend());
  EXPECT_LT(last_launch.base() - done.begin() - 1, first_drain - done.begin());
  EXPECT_EQ(story.least_serving, 4);
  EXPECT_EQ(story.count("v1"), 4);
  EXPECT_EQ(story.memory.version, "v1");
}

TEST(Rolling, on_its_way_back_in_a_full_group_they_change_places_one_by_one) {
  DeployStory story(4, 4);
  story.start("v2");
  while (story.peers_of("v2") < 3) story.second();
  turn_back(story.rollout(), story.now, "aborted by anna");
  story.to_the_end();
  EXPECT_EQ(story.least_serving, 4);
  EXPECT_LE(story.most, 5);
  EXPECT_EQ(story.count("v1"), 4);
}

TEST(Rolling, a_scale_out_boots_the_old_version_until_the_new_one_has_proven_itself) {
  DeployStory story(4, 20);
  story.group.deploy.soak = 60s;
  story.start("v2");
  story.seconds(5);
  story.memory.desired = 8;
  story.seconds(5);
  EXPECT_GE(story.count("v1"), 7);
  EXPECT_EQ(story.count("v2"), 1);
  story.to_the_end();
  EXPECT_EQ(story.count("v2"), 8);
  EXPECT_LE(story.most, 9);
}

TEST(Rolling, a_newer_version_takes_its_place) {
  DeployStory story(4);
  story.start("v2");
  while (story.peers_of("v2") < 2) story.second();
  story.start("v3");
  story.rollout().replaced = {"v2"};
  story.to_the_end();
  EXPECT_EQ(story.count("v3"), 4);
  EXPECT_EQ(story.least_serving, 4);
}

TEST(Rolling, back_from_a_version_that_took_anothers_place_neither_of_them_stays) {
  DeployStory story(4);
  story.start("v2");
  while (story.peers_of("v2") < 2) story.second();
  story.start("v3");
  story.rollout().replaced = {"v2"};
  while (story.peers_of("v3") < 1) story.second();
  turn_back(story.rollout(), story.now, "aborted by anna");
  story.to_the_end();
  EXPECT_EQ(story.count("v1"), 4);
  EXPECT_EQ(story.least_serving, 4);
}

TEST(BlueGreen, is_born_at_the_live_size_and_gets_the_traffic_at_once) {
  DeployStory story(4);
  story.group.min = 2;
  story.group.deploy.keep_old = 60s;
  story.start("v2", Strategy::blue_green);
  story.second();
  EXPECT_EQ(story.count("v2"), 4);
  bool mixed = false;
  for (int left = 10; left > 0 && story.peers_of("v2") == 0; --left) {
    story.second();
    mixed = mixed || (story.peers_of("v1") > 0 && story.peers_of("v2") > 0);
  }
  EXPECT_FALSE(mixed);
  EXPECT_EQ(story.peers_of("v2"), 4);
  EXPECT_EQ(story.peers_of("v1"), 0);
  story.seconds(50);
  EXPECT_EQ(story.count("v1"), 4) << "kept as a way back";
  story.to_the_end();
  EXPECT_EQ(story.count("v1"), 0);
  EXPECT_EQ(story.least_serving, 4);
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(BlueGreen, does_not_switch_before_all_of_them_are_ready) {
  DeployStory story(3);
  story.start("v2", Strategy::blue_green);
  story.second();
  story.health["v2-2"] = HealthStatus::unknown;
  story.seconds(60);
  EXPECT_EQ(story.peers_of("v2"), 0);
  EXPECT_EQ(story.peers_of("v1"), 3);
  story.health["v2-2"] = HealthStatus::healthy;
  story.seconds(2);
  EXPECT_EQ(story.peers_of("v2"), 3);
}

TEST(BlueGreen, goes_back_at_once_while_the_old_servers_are_kept) {
  DeployStory story(3);
  story.group.deploy.keep_old = 600s;
  story.start("v2", Strategy::blue_green);
  while (story.peers_of("v2") == 0) story.second();
  turn_back(story.rollout(), story.now, "aborted by anna");
  const auto done = story.seconds(3);
  EXPECT_THAT(done, Not(Contains(StartsWith("launch"))));
  EXPECT_EQ(story.peers_of("v1"), 3);
  EXPECT_EQ(story.peers_of("v2"), 0);
  story.to_the_end();
  EXPECT_EQ(story.count("v1"), 3);
  EXPECT_EQ(story.count("v2"), 0);
  EXPECT_EQ(story.least_serving, 3);
}

TEST(BlueGreen, growth_that_finds_no_room_while_the_old_ones_are_kept_is_no_reason_to_go_back) {
  DeployStory story(3);
  story.group.deploy.keep_old = 60s;
  story.start("v2", Strategy::blue_green);
  while (story.peers_of("v2") == 0) story.second();
  story.memory.desired = 5;
  for (int left = 3600; left > 0; --left) story.second_with_room_for(6);
  EXPECT_EQ(story.rollout().direction, Rollout::Direction::forward) << story.rollout().why_back;
  EXPECT_EQ(story.rollout().waits, "the new servers serve");
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
  EXPECT_EQ(story.peers_of("v2"), 5);
}

TEST(BlueGreen, does_not_land_on_a_fleet_that_is_not_there) {
  DeployStory story(3);
  story.group.deploy.keep_old = 600s;
  story.start("v2", Strategy::blue_green);
  while (story.peers_of("v2") == 0) story.second();
  for (const char* id : {"s1", "s2", "s3"}) story.vanish(id);
  story.seconds(60);
  turn_back(story.rollout(), story.now, "aborted by anna");
  story.second();
  EXPECT_EQ(story.peers_of("v2"), 3) << "nobody of v1 serves yet";
  story.to_the_end();
  EXPECT_EQ(story.peers_of("v1"), 3);
  EXPECT_EQ(story.least_serving, 3);
}

TEST(BlueGreen, that_is_aborted_before_the_switch_never_had_traffic) {
  DeployStory story(3);
  story.group.deploy.soak = 60s;
  story.start("v2", Strategy::blue_green);
  story.seconds(5);
  turn_back(story.rollout(), story.now, "aborted by anna");
  const auto done = story.to_the_end();
  EXPECT_THAT(done, Not(Contains(StartsWith("admit"))));
  EXPECT_EQ(story.count("v2"), 0);
  EXPECT_EQ(story.count("v1"), 3);
}

TEST(BlueGreen, one_that_was_ready_and_falls_sick_counts_against_its_version) {
  DeployStory story(2);
  story.group.deploy.soak = 30s;
  story.start("v2", Strategy::blue_green);
  for (int left = 120; left > 0 && story.rollout().direction == Rollout::Direction::forward; --left) {
    story.second();
    for (const Server& server : story.listed) {
      const bool old_enough = story.now - server.launched_at >= 5s;
      if (server.version == "v2" && old_enough) story.health[server.id] = HealthStatus::unhealthy;
    }
  }
  EXPECT_THAT(story.rollout().why_back, HasSubstr("2 of its servers failed"));
  EXPECT_EQ(story.peers_of("v1"), 2);
}

TEST(Canary, gives_the_new_version_no_more_than_its_share_at_each_step) {
  DeployStory story(4);
  story.group.deploy.steps = {{5, 60s}, {25, 60s}, {50, 60s}};
  story.start("v2", Strategy::canary);
  std::vector<double> most(3);
  while (story.rollout().step < 3) {
    const auto step = static_cast<std::size_t>(story.rollout().step);
    story.second();
    if (story.rollout().step == static_cast<int>(step)) most[step] = std::max(most[step], story.share_of("v2"));
  }
  for (const std::size_t step : {0U, 1U, 2U}) {
    const double share = story.group.deploy.steps[step].percent / 100;
    EXPECT_LE(most[step], share + 1e-9);
    EXPECT_GE(most[step], share * 0.9) << "near what it may have";
  }
  story.to_the_end();
  EXPECT_EQ(story.count("v2"), 4);
  EXPECT_EQ(story.least_serving, 4);
  EXPECT_LE(story.most, 5);
  EXPECT_THAT(story.plan.peers, Each(testing::Field(&Peer::weight, 1)));
}

TEST(Canary, that_fails_gives_the_traffic_back) {
  DeployStory story(4);
  story.group.deploy.steps = {{10, 60s}};
  story.sick_version = "v2";
  story.sick_after = 10s;
  story.start("v2", Strategy::canary);
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back);
  EXPECT_EQ(story.peers_of("v1"), 4);
}

TEST(Canary, a_promotion_skips_to_the_next_step) {
  DeployStory story(4);
  story.group.deploy.steps = {{5, 3600s}, {50, 3600s}};
  story.start("v2", Strategy::canary);
  story.seconds(10);
  EXPECT_THAT(story.rollout().waits, HasSubstr("soaks with 5%"));
  story.rollout().promoted = true;
  story.seconds(20);
  EXPECT_THAT(story.rollout().waits, HasSubstr("soaks with 50%"));
}

TEST(Canary, where_its_steps_are_changed_it_goes_on_with_the_next_above_the_one_behind_it) {
  for (const std::vector<CanaryStep>& changed : {std::vector<CanaryStep>{{50, 60s}}, {{2, 60s}, {5, 60s}, {50, 60s}}}) {
    DeployStory story(4);
    story.group.deploy.steps = {{5, 60s}, {10, 60s}};
    story.start("v2", Strategy::canary);
    while (story.rollout().step == 0) story.second();
    story.group.deploy.steps = changed;
    story.seconds(30);
    EXPECT_THAT(story.rollout().waits, HasSubstr("soaks with 50%"));
    EXPECT_NEAR(story.share_of("v2"), 0.5, 0.05);
  }
}

JudgeRule errors_below(double bound) {
  JudgeRule rule;
  rule.checks = {{.name = "errors", .query = "errors{version=\"{version}\"}", .below = bound}};
  rule.interval = 1s;
  rule.failure_limit = 0;
  return rule;
}
const Sample kGood{.status = Sample::Status::ok, .value = 0};
const Sample kBad{.status = Sample::Status::ok, .value = 0.5};
const Sample kNone{.status = Sample::Status::empty};

TEST(Judged, bad_after_the_first_batch_goes_back_and_no_old_server_has_left) {
  DeployStory story(3);
  story.group.deploy.judge = errors_below(0.1);
  story.judged = {kBad};
  story.start("v2");
  const auto done = story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back);
  EXPECT_EQ(story.rollout().why_back, "judged bad: errors is 0.5: expected below 0.1");
  EXPECT_THAT(done, Each(Not(StartsWith("drain s"))));
  EXPECT_EQ(story.count("v1"), 3);
}

TEST(Judged, by_nothing_it_holds_without_a_deadline_and_says_what_it_waits_for) {
  DeployStory story(3);
  story.group.deploy.judge = errors_below(0.1);
  story.judged = {kNone};
  story.start("v2");
  story.seconds(3600);
  EXPECT_EQ(story.rollout().waits, "for a good judgement");
  EXPECT_EQ(story.peers_of("v2"), 1);
  EXPECT_EQ(story.peers_of("v1"), 3);
  story.judged = {kGood};
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(Judged, each_batch_has_to_be_good_and_not_only_the_one_before) {
  DeployStory story(3);
  story.group.deploy.judge = errors_below(0.1);
  story.judged = {kGood};
  story.start("v2");
  while (story.count("v2") < 2) story.second();
  story.judged = {kNone};
  story.seconds(600);
  EXPECT_EQ(story.peers_of("v2"), 2);
  EXPECT_EQ(story.peers_of("v1"), 2);
}

TEST(Judged, by_nothing_somebody_can_still_promote_it) {
  DeployStory story(2);
  story.group.deploy.judge = errors_below(0.1);
  story.judged = {kNone};
  story.start("v2");
  for (int left = 600; left > 0 && is_active(story.memory.rollout); --left) {
    if (left % 60 == 0) story.rollout().promoted = true;
    story.second();
  }
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(Judged, bad_at_a_step_of_a_canary_the_users_saw_no_more_than_its_share) {
  DeployStory story(10, 20);
  story.group.deploy.steps = {{10, 5s}, {50, 5s}};
  story.group.deploy.judge = errors_below(0.1);
  story.judged = {kGood};
  story.start("v2", Strategy::canary);
  story.seconds(2);
  story.judged = {kBad};
  double most = 0;
  for (int left = 600; left > 0 && is_active(story.memory.rollout); --left) {
    story.second();
    most = std::max(most, story.share_of("v2"));
  }
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back);
  EXPECT_GT(most, 0);
  EXPECT_LE(most, 0.1);
}

TEST(Judged, a_step_of_a_canary_needs_a_judgement_of_that_step) {
  DeployStory story(4);
  story.group.deploy.steps = {{25, 5s}, {50, 5s}};
  story.group.deploy.judge = errors_below(0.1);
  story.judged = {kGood};
  story.start("v2", Strategy::canary);
  while (story.rollout().step == 0) story.second();
  story.judged = {kNone};
  story.seconds(600);
  EXPECT_EQ(story.rollout().step, 1);
  EXPECT_EQ(story.rollout().waits, "for a good judgement");
  EXPECT_LE(story.share_of("v2"), 0.5);
}

TEST(Judged, blue_green_is_not_judged_before_it_has_traffic) {
  DeployStory story(3);
  story.group.deploy.judge = errors_below(0.1);
  story.group.deploy.judge.inconclusive_after = 1s;
  story.group.deploy.soak = 30s;
  story.judged = {kNone};
  story.start("v2", Strategy::blue_green);
  story.seconds(20);
  EXPECT_EQ(story.rollout().direction, Rollout::Direction::forward);
  EXPECT_EQ(story.rollout().judge, JudgeMemory{});
}

TEST(Judged, bad_after_its_switch_blue_green_has_the_old_servers_back_in_the_same_turn) {
  DeployStory story(3);
  story.group.deploy.judge = errors_below(0.1);
  story.judged = {kGood};
  story.start("v2", Strategy::blue_green);
  while (story.rollout().step == 0) story.second();
  story.judged = {kBad};
  while (story.rollout().direction == Rollout::Direction::forward) story.second();
  EXPECT_EQ(story.peers_of("v1"), 3);
  story.to_the_end();
  EXPECT_EQ(story.count("v2"), 0);
  EXPECT_EQ(story.least_serving, 3);
}

TEST(Judged, by_nothing_after_its_switch_blue_green_keeps_the_old_servers) {
  DeployStory story(2);
  story.group.deploy.judge = errors_below(0.1);
  story.judged = {kNone};
  story.start("v2", Strategy::blue_green);
  story.seconds(600);
  EXPECT_EQ(story.count("v1"), 2);
  EXPECT_EQ(story.peers_of("v2"), 2);
  story.judged = {kGood};
  story.to_the_end();
  EXPECT_EQ(story.count("v1"), 0);
}

TEST(Judged, after_its_switch_blue_green_is_compared_with_nothing) {
  DeployStory story(2);
  story.group.deploy.judge = errors_below(0.1);
  story.group.deploy.judge.checks[0].below.reset();
  story.group.deploy.judge.checks[0].below_old = 1.5;
  story.start("v2", Strategy::blue_green);
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(Judged, good_before_its_soak_is_over_has_to_be_judged_again_after_it) {
  DeployStory story(3);
  story.group.deploy.soak = 30s;
  story.group.deploy.judge = errors_below(0.1);
  story.group.deploy.judge.interval = 600s;
  story.judged = {kGood};
  story.start("v2");
  story.seconds(300);
  EXPECT_EQ(story.peers_of("v1"), 3) << "all that was judged is the first second";
  story.seconds(400);
  EXPECT_EQ(story.peers_of("v1"), 2);
}

TEST(Judged, it_is_no_judgement_that_no_old_server_answers) {
  DeployStory story(2);
  story.group.deploy.judge = errors_below(0.1);
  story.judged = {kNone};
  story.start("v2");
  while (story.peers_of("v2") < 1) story.second();
  story.health["s1"] = story.health["s2"] = HealthStatus::unhealthy;
  story.seconds(2);
  story.health["s1"] = story.health["s2"] = HealthStatus::healthy;
  story.seconds(60);
  EXPECT_EQ(story.peers_of("v2"), 1);
  EXPECT_GE(story.count("v1"), 1);
}

TEST(Judged, a_promotion_forgets_how_long_nothing_could_be_said) {
  DeployStory story(3);
  story.group.deploy.judge = errors_below(0.1);
  story.group.deploy.judge.inconclusive_after = 60s;
  story.judged = {kNone};
  story.start("v2");
  while (story.peers_of("v2") < 1) story.second();
  story.seconds(50);
  story.rollout().promoted = true;
  story.seconds(30);
  EXPECT_EQ(story.rollout().direction, Rollout::Direction::forward);
}

TEST(BlueGreen, whose_servers_all_fail_after_the_switch_gives_the_traffic_back_at_once) {
  for (const int size : {1, 2, 4}) {
    SCOPED_TRACE(size);
    DeployStory story(size);
    story.group.deploy.keep_old = 300s;
    story.start("v2", Strategy::blue_green);
    while (story.rollout().step == 0) story.second();
    for (const Server& server : story.listed) {
      if (server.version == "v2") story.health[server.id] = HealthStatus::unhealthy;
    }
    story.seconds(2);
    EXPECT_EQ(story.rollout().direction, Rollout::Direction::back);
    EXPECT_EQ(story.peers_of("v1"), size);
    story.to_the_end();
    EXPECT_EQ(story.count("v2"), 0);
  }
}

TEST(BlueGreen, with_a_server_missing_after_the_switch_keeps_the_old_ones) {
  DeployStory story(3);
  story.start("v2", Strategy::blue_green);
  while (story.count("v2") < 3 || story.rollout().step == 0) story.second();
  const auto one = std::ranges::find(story.listed, "v2", &Server::version);
  ASSERT_NE(one, story.listed.end());
  story.vanish(one->id);
  story.second();
  EXPECT_EQ(story.count("v1"), 3);
}

// Found in a random world: it stayed between the versions for ever.
TEST(BlueGreen, that_cannot_fill_a_gap_after_the_switch_goes_back_at_its_deadline) {
  DeployStory story(3);
  story.group.deploy.progress_deadline = 60s;
  story.group.deploy.keep_old = 600s;
  story.start("v2", Strategy::blue_green);
  while (story.count("v2") < 3 || story.rollout().step == 0) story.second();
  story.wont_start = "v2";
  story.wont_start_because = FailureCause::platform;
  story.vanish(std::ranges::find(story.listed, "v2", &Server::version)->id);
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back);
  EXPECT_THAT(story.rollout().why_back, HasSubstr("nothing moved for 1m"));
  EXPECT_EQ(story.peers_of("v1"), 3);
}

TEST(BlueGreen, after_a_failed_launch_of_long_ago_is_born_all_the_same) {
  DeployStory story(4);
  story.memory.launch_failures = 2;
  story.start("v2", Strategy::blue_green);
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(Canary, keeps_its_share_through_turns_without_a_list) {
  DeployStory story(4);
  story.group.deploy.steps = {{5, 600s}};
  story.start("v2", Strategy::canary);
  while (story.peers_of("v2") < 1) story.second();
  ASSERT_LE(story.share_of("v2"), 0.05);
  story.list_error = "503";
  for (int second = 0; second < 30; ++second) {
    story.second();
    EXPECT_LE(story.share_of("v2"), 0.05);
    EXPECT_GT(story.share_of("v2"), 0);
  }
}

TEST(Canary, without_surge_has_room_for_its_first_server) {
  DeployStory story(4);
  story.group.deploy.steps = {{25, 5s}};
  story.group.deploy.max_surge = {0, false};
  story.group.deploy.max_unavailable = {1, false};
  story.start("v2", Strategy::canary);
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(Canary, a_promotion_before_there_is_anything_to_skip_skips_nothing) {
  DeployStory story(4);
  story.group.deploy.steps = {{25, 60s}};
  story.start("v2", Strategy::canary);
  story.rollout().promoted = true;
  story.seconds(30);
  EXPECT_EQ(story.rollout().step, 0);
}

TEST(Rolling, time_that_nobody_watched_is_not_held_against_it) {
  DeployStory story(3);
  story.start("v2");
  story.now += 20min;
  story.second();
  EXPECT_EQ(story.rollout().direction, Rollout::Direction::forward);
  while (story.count("v2") < 1) story.second();
  story.now += 20min;
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(Rolling, goes_back_at_its_deadline_where_everything_fails_and_nobody_can_tell_why) {
  DeployStory story(3);
  story.find("s3")->protection = "protected";
  story.start("v2");
  while (story.peers_of("v2") < 3) story.second();
  story.seconds(20);
  for (const Server& server : story.listed) story.health[server.id] = HealthStatus::unhealthy;
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back);
  EXPECT_EQ(story.count("v1"), 3);
}

TEST(Rolling, has_patience_with_old_servers_that_drain_for_long) {
  DeployStory story(3);
  story.group.drain_timeout = 30min;
  story.busy = 3;
  story.start("v2");
  while (story.peers_of("v1") == 3) story.second();
  story.seconds(900);
  EXPECT_EQ(story.rollout().waits, "until a server of v1 is gone");
  for (int left = 3; left > 0 && is_active(story.memory.rollout); --left) story.seconds(1900);
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

// Found in a random world: the old server was kept in the balancer and the new one was not replaced, for ever.
TEST(Rolling, of_a_group_of_one_whose_new_server_falls_sick_while_the_old_one_drains_goes_back_at_its_deadline) {
  DeployStory story(1);
  story.group.deploy.progress_deadline = 60s;
  story.group.deploy.failure_limit = 2;
  story.busy = 3;
  story.start("v2");
  while (story.peers_of("v2") == 0 || story.peers_of("v1") > 0) story.second();
  ASSERT_EQ(story.count("v1"), 1) << "it drains";
  story.health[std::ranges::find(story.listed, "v2", &Server::version)->id] = HealthStatus::unhealthy;
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back);
  EXPECT_EQ(story.peers_of("v1"), 1);
  EXPECT_EQ(story.count("v2"), 0);
}

TEST(Rolling, says_who_may_not_be_removed) {
  DeployStory story(2);
  story.find("s1")->protection = "protected from scale-in";
  story.start("v2");
  story.seconds(120);
  EXPECT_TRUE(is_active(story.memory.rollout));
  EXPECT_TRUE(story.noted("the deploy cannot end while s1 of version v1 may not be removed: protected from scale-in"));
  story.find("s1")->protection.clear();
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(Rolling, back_in_a_cloud_that_is_full_they_change_places_one_by_one) {
  DeployStory story(4, 10);
  story.start("v2");
  while (story.peers_of("v2") < 3) story.second();
  const std::size_t most = story.listed.size();
  turn_back(story.rollout(), story.now, "aborted by anna");
  for (int left = 3600; left > 0 && is_active(story.memory.rollout); --left) story.second_with_room_for(most);
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back) << story.rollout().waits;
  EXPECT_EQ(story.count("v1"), 4);
}

TEST(Rolling, where_the_list_tells_no_versions_what_was_launched_is_remembered) {
  DeployStory story(3);
  story.sick_version = "none";
  story.start("v2");
  for (int left = 600; left > 0 && is_active(story.memory.rollout); --left) {
    story.second();
    for (Server& server : story.listed) server.version.clear();
  }
  EXPECT_EQ(story.rollout().end, Rollout::End::done) << story.rollout().waits << story.rollout().why_back;
  EXPECT_EQ(story.listed.size(), 3U);
}

// ---- what a version gets that is on its way out ---------------------------------------------------------------------------------

TEST(Canary, going_back_the_version_has_no_more_of_the_traffic_than_it_had) {
  DeployStory story(10, 20);
  story.group.deploy.steps = {{10, 5s}, {50, 5s}};
  story.start("v2", Strategy::canary);
  while (story.rollout().step == 0) story.second();
  ASSERT_LE(story.share_of("v2"), 0.1);
  turn_back(story.rollout(), story.now, "aborted by anna");
  for (int left = 600; left > 0 && is_active(story.memory.rollout); --left) {
    story.second();
    EXPECT_LE(story.share_of("v2"), 0.1 + 1e-9);
  }
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back);
}

TEST(Canary, going_back_a_version_that_had_no_traffic_gets_hardly_any) {
  DeployStory story(4, 20);
  story.group.deploy.steps = {{50, 60s}};
  story.start("v2", Strategy::canary);
  while (story.count("v2") < 1) story.second();
  story.memory.desired = 6;
  turn_back(story.rollout(), story.now, "aborted by anna");
  story.second();
  ASSERT_EQ(story.peers_of("v2"), 1);
  EXPECT_LE(story.share_of("v2"), 0.01);
}

void replace_with(DeployStory& story, const std::string& version, Strategy strategy) {
  const Order order{.kind = Order::Kind::deploy, .version = version, .strategy = strategy, .at = story.now, .by = "anna"};
  ASSERT_TRUE(check_order(order, story.group, story.memory));
  obey_orders(std::vector{order}, story.group, story.now, story.memory);
}

TEST(Replaced, a_colour_that_was_not_switched_to_gets_no_traffic) {
  for (const Strategy strategy : {Strategy::rolling, Strategy::canary, Strategy::blue_green}) {
    SCOPED_TRACE(to_string(strategy));
    DeployStory story(3);
    story.group.deploy.soak = 60s;
    story.group.deploy.steps = {{34, 5s}};
    story.start("v2", Strategy::blue_green);
    story.seconds(5);
    ASSERT_EQ(story.count("v2"), 3);
    replace_with(story, "v3", strategy);
    story.second();
    EXPECT_EQ(story.count("v2"), 0) << "in its place v3 can come";
    for (int left = 3600; left > 0 && is_active(story.memory.rollout); --left) {
      story.second();
      EXPECT_EQ(story.peers_of("v2"), 0);
    }
    EXPECT_EQ(story.rollout().end, Rollout::End::done);
    EXPECT_EQ(story.count("v3"), 3);
    EXPECT_EQ(story.least_serving, 3);
  }
}

TEST(Replaced, a_canary_keeps_to_its_share_until_it_is_gone) {
  for (const Strategy strategy : {Strategy::rolling, Strategy::canary, Strategy::blue_green}) {
    SCOPED_TRACE(to_string(strategy));
    DeployStory story(4, 20);
    story.group.deploy.steps = {{5, 600s}};
    story.start("v2", Strategy::canary);
    while (story.peers_of("v2") < 1) story.second();
    ASSERT_LE(story.share_of("v2"), 0.05);
    story.group.deploy.hooks.before = Hook{.command = {"migrate"}};
    story.group.deploy.steps = {{25, 5s}};
    replace_with(story, "v3", strategy);
    const auto expect_its_share = [&] { EXPECT_LE(story.share_of("v2"), 0.05 + 1e-9); };
    story.second();
    expect_its_share();
    const std::string token = story.rollout().hooks.at(0).token;
    story.outcomes.push_back({.kind = Outcome::Kind::hook, .subject = token});
    for (int left = 3600; left > 0 && is_active(story.memory.rollout); --left) {
      story.second();
      expect_its_share();
    }
    EXPECT_EQ(story.rollout().end, Rollout::End::done) << story.rollout().why_back;
    EXPECT_EQ(story.count("v3"), 4);
  }
}

TEST(Replaced, a_version_that_was_going_back_leaves_before_the_one_it_came_from) {
  DeployStory story(4);
  story.start("v2");
  while (story.peers_of("v2") < 2) story.second();
  turn_back(story.rollout(), story.now, "p95 is not below 1 s");
  story.second();
  replace_with(story, "v3", Strategy::rolling);
  const auto done = story.to_the_end();
  std::vector<std::string> drained;
  std::ranges::copy_if(done, std::back_inserter(drained), [](const std::string& one) { return one.starts_with("drain"); });
  ASSERT_GE(drained.size(), 3U);
  EXPECT_THAT(drained[0], StartsWith("drain v2"));
  EXPECT_THAT(drained[1], StartsWith("drain v2"));
  EXPECT_EQ(story.count("v3"), 4);
  EXPECT_EQ(story.least_serving, 4);
}

TEST(Replaced, a_server_that_never_had_traffic_is_no_part_of_the_group) {
  DeployStory story(4, 4);
  story.group.deploy.max_surge = {0, false};
  story.group.deploy.max_unavailable = {1, false};
  story.start("v2");
  while (story.count("v2") < 1) story.second();
  story.health["v2-1"] = HealthStatus::unknown;
  story.group.deploy.hooks.before = Hook{.command = {"migrate"}};
  replace_with(story, "v3", Strategy::rolling);
  story.seconds(30);
  EXPECT_EQ(story.count("v2"), 0);
  EXPECT_EQ(story.peers_of("v1"), 4) << "while the hook runs the group is whole";
}

TEST(Replaced, what_drains_of_it_does_not_come_back_for_more_load) {
  DeployStory story(4, 10);
  story.busy = 3;
  story.group.drain_timeout = 600s;
  story.start("v2");
  while (story.peers_of("v2") < 1) story.second();
  turn_back(story.rollout(), story.now, "p95 is not below 1 s");
  while (story.peers_of("v2") > 0) story.second();
  ASSERT_EQ(story.count("v2"), 1) << "it drains";
  replace_with(story, "v3", Strategy::rolling);
  story.memory.desired = 6;
  EXPECT_THAT(story.seconds(60), Not(Contains("readmit v2-1")));
}

TEST(Replaced, by_itself_it_goes_forward_again) {
  DeployStory story(4);
  story.start("v2");
  while (story.peers_of("v2") < 2) story.second();
  turn_back(story.rollout(), story.now, "aborted by anna");
  story.wont_start = "v1";
  story.seconds(5);
  replace_with(story, "v2", Strategy::rolling);
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
  EXPECT_EQ(story.count("v2"), 4);
}

// ---- a full platform
// --------------------------------------------------------------------------------------------------------------

TEST(Rolling, back_where_there_is_room_for_the_group_and_no_more_one_makes_way_at_a_time) {
  DeployStory story(4, 10);
  story.group.deploy.pause_at = {50};
  story.start("v2");
  story.seconds(60);
  ASSERT_EQ(story.count("v2"), 2);
  ASSERT_EQ(story.count("v1"), 2);
  turn_back(story.rollout(), story.now, "aborted by anna");
  for (int left = 3600; left > 0 && is_active(story.memory.rollout); --left) story.second_with_room_for(4);
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back) << story.rollout().waits;
  EXPECT_EQ(story.count("v1"), 4);
  EXPECT_EQ(story.least_serving, 3);
}

TEST(Deploy, whose_old_servers_are_gone_is_done_at_its_deadline_though_growth_finds_no_room) {
  for (const Strategy strategy : {Strategy::rolling, Strategy::canary, Strategy::blue_green}) {
    SCOPED_TRACE(to_string(strategy));
    DeployStory story(3, 10);
    story.group.deploy.progress_deadline = 60s;
    story.group.deploy.steps = {{50, 1s}};
    story.busy = 3;
    story.group.drain_timeout = 30s;
    story.start("v2", strategy);
    const int last_step = strategy == Strategy::blue_green ? 2 : 0;
    while (story.peers_of("v2") < 3 || story.peers_of("v1") > 0 || story.rollout().step < last_step) story.second();
    ASSERT_GT(story.count("v1"), 0) << "they drain";
    story.memory.desired = 5;
    for (int left = 3600; left > 0 && is_active(story.memory.rollout); --left) story.second_with_room_for(3);
    EXPECT_EQ(story.rollout().end, Rollout::End::done) << story.rollout().waits << story.rollout().why_back;
    EXPECT_EQ(story.peers_of("v2"), 3);
    EXPECT_EQ(story.memory.version, "v2");
  }
}

// ---- balancers that do not follow
// -------------------------------------------------------------------------------------------------

TEST(Deploy, nothing_soaks_while_a_balancer_does_not_send_the_new_servers_traffic) {
  for (const Strategy strategy : {Strategy::rolling, Strategy::canary}) {
    SCOPED_TRACE(to_string(strategy));
    DeployStory story(4);
    story.group.deploy.soak = 20s;
    story.group.deploy.steps = {{25, 20s}};
    story.start("v2", strategy);
    story.balancers_obey = false;
    const auto done = story.seconds(1200);
    EXPECT_EQ(story.rollout().step, 0);
    EXPECT_EQ(story.rollout().direction, Rollout::Direction::forward);
    EXPECT_EQ(story.rollout().waits, "until every balancer sends the new servers traffic");
    EXPECT_THAT(done, Each(Not(StartsWith("terminate"))));
    story.balancers_obey = true;
    story.seconds(15);
    EXPECT_EQ(story.rollout().step, 0) << "it soaks from when it has traffic";
    EXPECT_GE(story.peers_of("v1"), strategy == Strategy::rolling ? 4 : 3);
    story.to_the_end();
    EXPECT_EQ(story.rollout().end, Rollout::End::done);
  }
}

TEST(BlueGreen, the_old_servers_are_kept_from_when_the_traffic_has_followed) {
  DeployStory story(3);
  story.group.deploy.keep_old = 60s;
  story.start("v2", Strategy::blue_green);
  while (story.rollout().step == 0) {
    story.balancers_obey = false;
    story.second();
  }
  story.seconds(1200);
  EXPECT_EQ(story.rollout().direction, Rollout::Direction::forward);
  EXPECT_EQ(story.count("v1"), 3);
  story.balancers_obey = true;
  story.seconds(55);
  EXPECT_EQ(story.count("v1"), 3);
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(BlueGreen, whose_old_servers_are_gone_is_done_at_its_deadline_though_growth_finds_no_room) {
  DeployStory story(3, 10);
  story.group.deploy.progress_deadline = 60s;
  story.group.deploy.keep_old = 600s;
  story.start("v2", Strategy::blue_green);
  while (story.peers_of("v2") < 3) story.second();
  for (const char* id : {"s1", "s2", "s3"}) story.vanish(id);
  story.memory.desired = 5;
  for (int left = 3600; left > 0 && is_active(story.memory.rollout); --left) story.second_with_room_for(3);
  EXPECT_EQ(story.rollout().end, Rollout::End::done) << story.rollout().waits << story.rollout().why_back;
}

TEST(Canary, no_more_old_servers_leave_while_a_balancer_does_not_send_the_new_ones_traffic) {
  DeployStory story(4);
  story.group.deploy.max_surge = {2, false};
  story.group.deploy.steps = {{50, 20s}};
  story.start("v2", Strategy::canary);
  story.second();
  ASSERT_EQ(story.count("v2"), 2);
  story.health["v2-2"] = HealthStatus::unknown;
  story.balancers_obey = false;
  story.seconds(5);
  ASSERT_EQ(story.peers_of("v1"), 3) << "one made way for the first new one, in the same writing of the balancers";
  story.health["v2-2"] = HealthStatus::healthy;
  story.seconds(60);
  EXPECT_EQ(story.peers_of("v1"), 3);
  story.balancers_obey = true;
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(BlueGreen, does_not_switch_while_an_old_server_may_not_be_removed) {
  DeployStory story(3);
  story.find("s2")->protection = "protected from scale-in";
  story.start("v2", Strategy::blue_green);
  story.seconds(120);
  EXPECT_EQ(story.rollout().step, 0);
  EXPECT_EQ(story.rollout().waits, "until all servers of v1 may be removed");
  EXPECT_TRUE(story.noted("while s2 of version v1 may not be removed: protected from scale-in"));
  story.find("s2")->protection.clear();
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

const Hook kHook{.command = {"migrate"}, .timeout = 60s};

/// The token of the hook that the last plan starts; empty: it starts none.
std::string started_hook(const DeployStory& story) {
  const auto action = std::ranges::find(story.plan.actions, Action::Kind::run_hook, &Action::kind);
  return action == story.plan.actions.end() ? "" : action->server;
}

/// Turns until one starts a hook, which then runs.
std::string until_hook(DeployStory& story) {
  for (int left = 600; left > 0 && started_hook(story).empty(); --left) story.second();
  story.hooks = {started_hook(story)};
  return started_hook(story);
}

void end_hook(DeployStory& story, const std::string& token, const std::string& error = "") {
  story.hooks.clear();
  Outcome outcome{.kind = Outcome::Kind::hook, .subject = token, .detail = "42 rows"};
  if (!error.empty()) outcome.error = Error{ErrorKind::invalid, error};
  story.outcomes.push_back(outcome);
}

TEST(Hooks, nothing_is_launched_before_the_first_has_succeeded_however_long_that_takes) {
  DeployStory story(3);
  story.group.deploy.hooks.before = kHook;
  story.start("v2");
  const std::string token = until_hook(story);
  ASSERT_THAT(token, StartsWith("before-"));
  EXPECT_THAT(story.seconds(3600), IsEmpty());
  EXPECT_EQ(story.rollout().waits, "for the hook before");
  end_hook(story, token);
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
  EXPECT_EQ(story.rollout().hooks.size(), 1U);
  EXPECT_EQ(story.rollout().hooks[0].said, "42 rows");
}

TEST(Hooks, one_that_fails_before_the_launch_ends_the_deploy_and_says_why) {
  DeployStory story(3);
  story.group.deploy.hooks.before = kHook;
  story.start("v2");
  end_hook(story, until_hook(story), "migrate ended with status 1: no such table");
  EXPECT_THAT(story.to_the_end(), IsEmpty());
  EXPECT_EQ(story.rollout().end, Rollout::End::went_back);
  EXPECT_EQ(story.rollout().why_back, "the hook before failed: migrate ended with status 1: no such table");
}

TEST(Hooks, one_that_was_lost_with_the_controller_is_run_again_by_the_same_name) {
  DeployStory story(3);
  story.group.deploy.hooks.before = kHook;
  story.start("v2");
  const std::string token = until_hook(story);
  story.second();
  EXPECT_EQ(started_hook(story), "") << "it runs";
  story.hooks.clear();
  story.second();
  EXPECT_EQ(started_hook(story), token);
}

TEST(Hooks, no_old_server_leaves_before_the_new_ones_were_looked_at) {
  for (const Strategy strategy : {Strategy::rolling, Strategy::canary, Strategy::blue_green}) {
    SCOPED_TRACE(to_string(strategy));
    DeployStory story(3);
    story.group.deploy.hooks.before_switch = kHook;
    story.group.deploy.steps = {{50, 1s}};
    story.start("v2", strategy);
    const std::string token = until_hook(story);
    ASSERT_THAT(token, StartsWith("before_switch-"));
    EXPECT_THAT(story.seconds(600), Each(Not(StartsWith("drain"))));
    EXPECT_EQ(story.peers_of("v1"), 3);
    end_hook(story, token);
    story.to_the_end();
    EXPECT_EQ(story.rollout().end, Rollout::End::done);
  }
}

TEST(Hooks, a_failure_after_the_first_new_servers_takes_them_back) {
  for (const Strategy strategy : {Strategy::rolling, Strategy::canary, Strategy::blue_green}) {
    SCOPED_TRACE(to_string(strategy));
    DeployStory story(3);
    story.group.deploy.hooks.after_new_healthy = kHook;
    story.start("v2", strategy);
    end_hook(story, until_hook(story), "smoke test: 500");
    story.to_the_end();
    EXPECT_EQ(story.rollout().why_back, "the hook after_new_healthy failed: smoke test: 500");
    EXPECT_EQ(story.count("v2"), 0);
    EXPECT_EQ(story.peers_of("v1"), 3);
    EXPECT_EQ(story.least_serving, 3);
  }
}

TEST(Hooks, of_a_canary_the_first_new_servers_are_looked_at_before_its_second_step) {
  DeployStory story(10, 20);
  story.group.deploy.steps = {{10, 5s}, {50, 5s}};
  story.group.deploy.hooks.after_new_healthy = kHook;
  story.start("v2", Strategy::canary);
  const std::string token = until_hook(story);
  ASSERT_THAT(token, StartsWith("after_new_healthy-"));
  EXPECT_EQ(story.rollout().step, 0);
  story.rollout().promoted = true;
  story.seconds(600);
  EXPECT_EQ(story.rollout().step, 0) << "a promotion skips waits, and not what has to be done";
  end_hook(story, token);
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
}

TEST(Hooks, one_of_the_deploy_before_is_waited_for) {
  DeployStory story(3);
  story.group.deploy.hooks.before = kHook;
  story.start("v2");
  const std::string token = until_hook(story);
  replace_with(story, "v3", Strategy::rolling);
  for (int second = 0; second < 1200; ++second) {
    story.second();
    EXPECT_EQ(started_hook(story), "");
  }
  EXPECT_EQ(story.rollout().direction, Rollout::Direction::forward);
  EXPECT_EQ(story.rollout().waits, "for a hook that still runs");
  end_hook(story, token);
  EXPECT_THAT(until_hook(story), StartsWith("before-"));
}

TEST(Hooks, the_last_one_ends_the_deploy_and_its_failure_is_only_told) {
  DeployStory story(2);
  story.group.deploy.hooks.after = kHook;
  story.start("v2");
  const std::string token = until_hook(story);
  EXPECT_EQ(story.count("v1"), 0);
  EXPECT_TRUE(is_active(story.memory.rollout));
  end_hook(story, token, "the chat does not answer");
  story.to_the_end();
  EXPECT_EQ(story.rollout().end, Rollout::End::done);
  EXPECT_EQ(story.rollout().hooks[0].said, "the chat does not answer");
  EXPECT_TRUE(story.rollout().hooks[0].failed);
}

void ask_to_wait(DeployStory& story, const std::string& token) {
  story.hooks.clear();
  story.outcomes.push_back({.kind = Outcome::Kind::hook, .subject = token, .detail = "the queue is long", .asks_to_wait = true});
}

/// Lets every hook succeed as it comes; gives how often each ran.
int to_the_end_through_gates(DeployStory& story) {
  int asked = 0;
  for (int left = 7200; left > 0 && is_active(story.memory.rollout); --left) {
    story.second();
    const std::string token = started_hook(story);
    if (token.empty()) continue;
    ++asked;
    end_hook(story, token);
  }
  return asked;
}

TEST(Gate, is_asked_before_every_further_step) {
  struct Case {
    Strategy strategy;
    int times;
  };
  // Rolling: each of three servers. Blue-green: before the switch and before the old ones go. Canary: the end of each of two steps,
  // then each batch.
  for (const Case& one : {Case{Strategy::rolling, 3}, Case{Strategy::blue_green, 2}, Case{Strategy::canary, 4}}) {
    SCOPED_TRACE(to_string(one.strategy));
    DeployStory story(3);
    story.group.deploy.hooks.gate = kHook;
    story.group.deploy.steps = {{10, 1s}, {50, 1s}};
    story.start("v2", one.strategy);
    EXPECT_EQ(to_the_end_through_gates(story), one.times);
    EXPECT_EQ(story.rollout().end, Rollout::End::done);
    EXPECT_EQ(story.rollout().hooks.size(), 1U) << "only the last is kept";
  }
}

TEST(Gate, holds_the_deploy_as_long_as_it_asks_to_wait_and_says_so) {
  for (const Strategy strategy : {Strategy::rolling, Strategy::canary, Strategy::blue_green}) {
    SCOPED_TRACE(to_string(strategy));
    DeployStory story(3);
    story.group.deploy.hooks.gate = kHook;
    story.group.deploy.steps = {{50, 1s}};
    story.start("v2", strategy);
    for (int times = 0; times < 100; ++times) {
      const std::string token = until_hook(story);
      ASSERT_THAT(token, StartsWith("gate-"));
      ask_to_wait(story, token);
      story.second();
      EXPECT_EQ(story.rollout().waits, "for the hook gate, which asks to wait: the queue is long");
      EXPECT_EQ(started_hook(story), "");
    }
    EXPECT_GE(story.peers_of("v1"), strategy == Strategy::canary ? 2 : 3)
        << "no old server has left but for what the canary carries";
    story.group.deploy.hooks.gate.reset();
    story.to_the_end();
    EXPECT_EQ(story.rollout().end, Rollout::End::done);
  }
}

TEST(Gate, is_asked_again_after_its_retry_and_not_before) {
  DeployStory story(3);
  story.group.deploy.hooks.gate = kHook;
  story.group.deploy.hooks.gate->retry = 20s;
  story.start("v2");
  const std::string first = until_hook(story);
  ask_to_wait(story, first);
  story.second();
  EXPECT_EQ(story.plan.revisit_at, story.now + 20s);
  for (int second = 1; second < 20; ++second) {
    story.second();
    ASSERT_EQ(started_hook(story), "") << second;
  }
  story.second();
  EXPECT_THAT(started_hook(story), StartsWith("gate-"));
  EXPECT_NE(started_hook(story), first);
}

TEST(Gate, that_fails_sends_the_deploy_back) {
  DeployStory story(3);
  story.group.deploy.hooks.gate = kHook;
  story.start("v2");
  end_hook(story, until_hook(story), "http://gate.example/ answered 403");
  story.to_the_end();
  EXPECT_EQ(story.rollout().why_back, "the hook gate failed: http://gate.example/ answered 403");
  EXPECT_EQ(story.peers_of("v1"), 3);
}

TEST(Gate, is_skipped_by_promote_and_what_it_says_afterwards_does_not_count) {
  for (const Strategy strategy : {Strategy::rolling, Strategy::canary}) {
    SCOPED_TRACE(to_string(strategy));
    DeployStory story(1);
    story.group.deploy.hooks.gate = kHook;
    story.group.deploy.steps = {{50, 1s}};
    story.start("v2", strategy);
    const std::string token = until_hook(story);
    story.rollout().promoted = true;
    story.second();
    EXPECT_THAT(story.rollout().waits, Not(HasSubstr("hook")));
    end_hook(story, token, "no");
    story.second();
    EXPECT_EQ(story.rollout().direction, Rollout::Direction::forward);
  }
}

}  // namespace
}  // namespace weir
