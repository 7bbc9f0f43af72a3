#include "controller/notifications/news.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const TimePoint kNow{1'772'357'400'000ms};

std::string line(const Event& event) {
  std::string text(to_string(event.kind));
  if (!event.subject.empty()) text += "/" + event.subject;
  return text + ": " + event.summary;
}
std::vector<std::string> lines(const std::vector<Event>& events) {
  std::vector<std::string> all;
  for (const Event& event : events) all.push_back(line(event));
  return all;
}

/// A turn of the group app; the members are what it knows.
struct TurnOfApp {
  Group group{.name = "app", .provider = "cloud", .version = "v1", .min = 2, .max = 6};
  Memory before{.desired = 2, .version = "v1", .turned_at = kNow - 15s};
  Memory after = before;
  Record record{.group = "app", .at = kNow, .plan = {}, .servers = {}, .servers_detail = {}};
  bool asked = true;
  bool suspected = false;
  int orphans = 0;

  TurnOfApp() {
    record.plan.decision = {.previous = 2, .desired = 2, .min = 2, .max = 6};
    after.turned_at = kNow;
  }
  [[nodiscard]] std::vector<News> by_source() const {
    return news_of_turn({.group = group,
                         .before = before,
                         .after = after,
                         .record = record,
                         .asked = asked,
                         .probe_suspected = suspected,
                         .orphans = orphans});
  }
  /// All of it together.
  [[nodiscard]] News news() const {
    News all{.source = {}, .at = kNow, .happened = {}, .holding = {}};
    for (const News& one : by_source()) {
      EXPECT_EQ(one.at, kNow);
      all.happened.insert(all.happened.end(), one.happened.begin(), one.happened.end());
      all.holding.insert(all.holding.end(), one.holding.begin(), one.holding.end());
    }
    return all;
  }
  [[nodiscard]] std::vector<std::string> sources() const {
    std::vector<std::string> all;
    for (const News& one : by_source()) all.push_back(one.source);
    return all;
  }
};

TEST(NewsOfTurn, a_settled_turn_has_none) {
  const News news = TurnOfApp().news();
  EXPECT_THAT(news.happened, IsEmpty());
  EXPECT_THAT(news.holding, IsEmpty());
  EXPECT_THAT(TurnOfApp().sources(), ElementsAre("turn of app", "size of app", "data of app"));
}

TEST(NewsOfTurn, what_was_not_decided_or_not_asked_is_neither_over_nor_begun) {
  TurnOfApp turn;
  turn.record.plan.decision.steps = {{"inventory", 2, 2, "the provider gave no list: 503"}};
  EXPECT_THAT(turn.sources(), ElementsAre("turn of app"));
  turn.record.plan.decision.steps.clear();
  turn.asked = false;
  EXPECT_THAT(turn.sources(), ElementsAre("turn of app", "size of app"));
}

TEST(NewsOfTurn, tells_why_the_size_changed) {
  TurnOfApp turn;
  turn.record.plan.decision.desired = 4;
  turn.record.plan.decision.steps = {
      {"votes", 2, 5, "cpu-high wants 5"}, {"cooldown", 5, 5, "over"}, {"limits", 5, 4, "at most 2"}};
  EXPECT_THAT(lines(turn.news().happened),
              ElementsAre("scaled_out: scaled out from 2 to 4: votes: cpu-high wants 5; limits: at most 2"));
  turn.record.plan.decision.desired = 1;
  EXPECT_THAT(lines(turn.news().happened), ElementsAre(HasSubstr("scaled_in: scaled in from 2 to 1")));
  EXPECT_EQ(turn.news().happened.front().severity, Severity::info);
  EXPECT_EQ(turn.news().happened.front().group, "app");
}

TEST(NewsOfTurn, at_max_and_still_short_holds_with_who_wants_how_many) {
  TurnOfApp turn;
  turn.record.plan.decision.votes = {{.policy = "cpu-high", .stance = Vote::Stance::wants, .wants = 9, .why = "91 > 70"}};
  turn.record.plan.decision.steps = {{"min_max", 9, 6, "above max"}};
  EXPECT_THAT(lines(turn.news().holding), ElementsAre("at_max: at max 6, and 9 are wanted: cpu-high: 91 > 70"));
  turn.record.plan.decision.steps = {{"min_max", 6, 6, "within"}};
  EXPECT_THAT(turn.news().holding, IsEmpty()) << "at max and content";
}

TEST(NewsOfTurn, the_budget_holds_by_its_hard_bound_and_by_its_soft_one) {
  TurnOfApp turn;
  turn.record.plan.decision.steps = {{"budget", 5, 3, "90 of 100 EUR are spent"}};
  turn.record.plan.notes = {"at 3 servers this month will cost about 120 EUR, more than the soft budget of 80"};
  EXPECT_THAT(lines(turn.news().holding), ElementsAre("budget/hard: held at 3 servers: 90 of 100 EUR are spent",
                                                      HasSubstr("budget/soft: at 3 servers this month")));
}

TEST(NewsOfTurn, missing_data_holds_for_each_policy_once_it_was_asked_for) {
  TurnOfApp turn;
  turn.record.plan.decision.votes = {{.policy = "cpu", .why = "prometheus http://x: 503"},
                                     {.policy = "rps", .stance = Vote::Stance::content}};
  EXPECT_THAT(lines(turn.news().holding),
              ElementsAre("no_data/cpu: cpu has no data it trusts, so nothing is scaled in meanwhile: prometheus http://x: 503"));
  turn.asked = false;
  EXPECT_THAT(turn.news().holding, IsEmpty()) << "at the start nobody has answered yet";
}

TEST(NewsOfTurn, launches_that_fail_hold_until_one_works) {
  TurnOfApp turn;
  turn.after.launch_failures = 3;
  turn.after.launches = {{.token = "app-1", .last_error = "vultr: 403: out of quota"}};
  EXPECT_THAT(lines(turn.news().holding),
              ElementsAre("launch_failed: launches fail, 3 in a row, and are tried again: vultr: 403: out of quota"));
  turn.after.launches.clear();
  EXPECT_THAT(lines(turn.news().holding), ElementsAre(HasSubstr("never became healthy")));
}

TEST(NewsOfTurn, only_the_ill_are_replaced) {
  TurnOfApp turn;
  turn.after.servers = {{.id = "s1", .drain_cause = DrainCause::unhealthy}, {.id = "s2", .drain_cause = DrainCause::surplus}};
  turn.record.plan.actions = {{.kind = Action::Kind::drain, .server = "s1", .why = "unhealthy: GET /health: 503"},
                              {.kind = Action::Kind::drain, .server = "s2", .why = "one too many"}};
  EXPECT_THAT(lines(turn.news().happened), ElementsAre("server_replaced/s1: s1 is replaced: unhealthy: GET /health: 503"));
}

TEST(NewsOfTurn, doubts_hold) {
  TurnOfApp turn;
  turn.suspected = true;
  turn.orphans = 2;
  turn.record.plan.refused = "fewer than min";
  EXPECT_THAT(lines(turn.news().holding), ElementsAre(HasSubstr("probe_suspected: most servers"), HasSubstr("orphans: 2 servers")));
  EXPECT_THAT(lines(turn.news().happened), ElementsAre(HasSubstr("plan_refused: ")));
}

TEST(NewsOfTurn, what_people_ordered_is_told_with_who_did) {
  TurnOfApp turn;
  turn.record.orders = {{.kind = Order::Kind::scale, .servers = 5, .until = kNow + 1h, .by = "ann"},
                        {.kind = Order::Kind::pause, .in = false, .by = "bob"},
                        {.kind = Order::Kind::resume}};
  EXPECT_THAT(lines(turn.news().happened),
              ElementsAre("operator_action: held at 5 servers by ann until 2026-03-01T10:30:00.000Z",
                          "operator_action: scaling out is paused by bob", "operator_action: resumed"));
}

TEST(NewsOfTurn, a_line_end_in_what_others_said_goes) {
  TurnOfApp turn;
  turn.after.launch_failures = 1;
  turn.after.launches = {{.token = "app-1", .last_error = "first\nsecond\x1b[31m"}};
  const std::string summary = turn.news().holding.front().summary;
  EXPECT_EQ(summary.find_first_of("\n\x1b"), std::string::npos) << summary;
}

// ---- deploys ----------------------------------------------------------------------------------------------------------------

Rollout rollout() { return {.version = "v2", .from = "v1", .by = "ann", .started_at = kNow - 90s, .progressed_at = kNow - 90s}; }

TEST(NewsOfDeploy, from_its_beginning_over_a_step_to_its_end) {
  TurnOfApp turn;
  turn.before.turned_at = kNow - 100s;
  turn.after.rollout = rollout();
  EXPECT_THAT(lines(turn.news().happened), ElementsAre("deploy_started/v2: the deploy of v2 in place of v1 began, rolling by ann"));

  turn.before = turn.after;
  turn.before.turned_at = kNow - 15s;
  turn.after.rollout->step = 1;
  EXPECT_THAT(lines(turn.news().happened), ElementsAre("deploy_step/v2: the deploy of v2 passed step 1"));

  turn.before = turn.after;
  turn.after.rollout->ended_at = kNow;
  turn.after.rollout->end = Rollout::End::done;
  EXPECT_THAT(lines(turn.news().happened),
              ElementsAre("deploy_finished/v2: the deploy of v2 is done after 1m30s: all servers run it"));

  turn.before = turn.after;
  EXPECT_THAT(turn.news().happened, IsEmpty());
}

TEST(NewsOfDeploy, waiting_for_a_person_holds) {
  TurnOfApp turn;
  turn.before.rollout = turn.after.rollout = rollout();
  turn.after.rollout->at_checkpoint = true;
  turn.after.rollout->waits = "at 50%";
  EXPECT_THAT(lines(turn.news().holding),
              ElementsAre("deploy_held/v2: the deploy of v2 waits for `weir deploy promote` or `abort`: at 50%"));
  turn.before = turn.after;
  turn.after.rollout->at_checkpoint = false;
  turn.record.orders = {{.kind = Order::Kind::promote, .by = "bob"}};
  EXPECT_THAT(turn.news().holding, IsEmpty());
  EXPECT_THAT(lines(turn.news().happened), ElementsAre("operator_action/v2: the deploy of v2 was promoted by bob"));
}

TEST(NewsOfDeploy, turning_round_by_itself_is_graver_than_an_abort) {
  TurnOfApp turn;
  turn.before.rollout = turn.after.rollout = rollout();
  turn.after.rollout->direction = Rollout::Direction::back;
  turn.after.rollout->why_back = "2 servers of v2 failed";
  const News alone = turn.news();
  EXPECT_THAT(lines(alone.happened), ElementsAre("deploy_going_back/v2: the deploy of v2 goes back to v1: 2 servers of v2 failed"));
  EXPECT_EQ(alone.happened.front().severity, Severity::critical);

  turn.record.orders = {{.kind = Order::Kind::abort, .by = "bob"}};
  turn.after.rollout->why_back = "aborted by bob";
  const News aborted = turn.news();
  EXPECT_THAT(lines(aborted.happened), ElementsAre("deploy_aborted/v2: the deploy of v2 goes back to v1: aborted by bob"));
  EXPECT_EQ(aborted.happened.front().severity, Severity::warning);
}

TEST(NewsOfDeploy, having_gone_back_and_a_hook_that_failed) {
  TurnOfApp turn;
  turn.before.rollout = turn.after.rollout = rollout();
  turn.before.rollout->direction = turn.after.rollout->direction = Rollout::Direction::back;
  turn.after.rollout->hooks = {
      {.point = HookPoint::before, .token = "t", .ended_at = kNow, .failed = true, .said = "migration failed"}};
  turn.after.rollout->ended_at = kNow;
  turn.after.rollout->end = Rollout::End::went_back;
  EXPECT_THAT(lines(turn.news().happened),
              ElementsAre("hook_failed/v2: the hook before of the deploy of v2 failed: migration failed",
                          HasSubstr("deploy_rolled_back/v2: the deploy of v2 went back after 1m30s")));
}

TEST(NewsOfOrders, tell_what_people_did_beside_a_turn_and_nothing_of_what_holds) {
  TurnOfApp turn;
  turn.before.rollout = turn.after.rollout = rollout();
  turn.after.rollout->direction = Rollout::Direction::back;
  turn.after.rollout->why_back = "aborted by bob";
  turn.after.launch_failures = 1;
  turn.record.orders = {{.kind = Order::Kind::abort, .by = "bob"}, {.kind = Order::Kind::resume, .by = "bob"}};
  const News news = news_of_orders({.group = turn.group, .before = turn.before, .after = turn.after, .record = turn.record});
  EXPECT_EQ(news.source, "orders of app");
  EXPECT_EQ(news.at, kNow);
  EXPECT_THAT(lines(news.happened), ElementsAre("deploy_aborted/v2: the deploy of v2 goes back to v1: aborted by bob",
                                                "operator_action: resumed by bob"));
  EXPECT_THAT(news.holding, IsEmpty());
  const std::vector<std::string> groups{"app"};
  EXPECT_TRUE(sources_of(groups, {}).contains(news.source));
}

// ---- everything else ----------------------------------------------------------------------------------------------------------

TEST(News, of_a_provider_names_the_groups_that_feel_it) {
  const News failing = news_of_provider("icn", "vultr: GET …: 503", {"app", "web"}, kNow);
  ASSERT_THAT(failing.holding, testing::SizeIs(1));
  EXPECT_THAT(failing.holding.front().touches, ElementsAre("app", "web"));
  EXPECT_THAT(failing.holding.front().summary, AllOf(HasSubstr("icn"), HasSubstr("503")));
  EXPECT_EQ(failing.holding.front().group, "");
  EXPECT_THAT(news_of_provider("icn", "", {}, kNow).holding, IsEmpty());
  EXPECT_EQ(news_of_provider("icn", "", {}, kNow).source, failing.source);
}

TEST(News, of_other_sources_hold_while_they_fail) {
  EXPECT_THAT(lines(news_of_balancers("app", "nginx -t failed", kNow).holding),
              ElementsAre(HasSubstr("balancer_failing: traffic")));
  EXPECT_THAT(lines(news_of_state("app", "disk full", kNow).holding), ElementsAre(HasSubstr("state_failing: the state")));
  EXPECT_THAT(lines(news_of_orphans("icn", "s1 of group old", kNow).holding), ElementsAre(HasSubstr("orphans/icn: ")));
  EXPECT_THAT(news_of_balancers("app", "", kNow).holding, IsEmpty());
  EXPECT_THAT(news_of_state("app", "", kNow).holding, IsEmpty());
  EXPECT_THAT(news_of_orphans("icn", "", kNow).holding, IsEmpty());
}

TEST(News, all_sources_are_known) {
  const std::vector<std::string> groups{"app"};
  const std::vector<std::string> providers{"icn"};
  const auto sources = sources_of(groups, providers);
  for (const std::string& source : TurnOfApp().sources()) EXPECT_TRUE(sources.contains(source)) << source;
  for (const News& news : {news_of_balancers("app", "", kNow), news_of_state("app", "", kNow),
                           news_of_provider("icn", "", {}, kNow), news_of_orphans("icn", "", kNow)}) {
    EXPECT_TRUE(sources.contains(news.source)) << news.source;
  }
}

TEST(EventTypes, stand_in_their_order_with_names_of_their_own) {
  std::set<std::string_view> names;
  for (std::size_t index = 0; index < event_types().size(); ++index) {
    EXPECT_EQ(static_cast<std::size_t>(event_types()[index].kind), index);
    names.insert(event_types()[index].name);
  }
  EXPECT_EQ(names.size(), event_types().size());
}

}  // namespace
}  // namespace weir
