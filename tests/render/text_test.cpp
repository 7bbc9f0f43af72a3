#include "controller/render/text.h"

#include <gtest/gtest.h>

#include "controller/render/orders.h"
#include "tests/render/examples.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr auto kOff = Colour::off;

TEST(PlansText, shows_votes_stages_actions_diff_and_price) {
  const GroupPlan plans[] = {full_plan()};
  EXPECT_EQ("\n" + plans_text(plans, kOff), R"(
app: 2 → 4 servers  (2 in service at icn, 2026-03-01T09:30:00Z)
  note: orphan i-9 found
  POLICY    TYPE             VALUE  VOTE      WHY
  cpu-high  threshold        81.25  wants 4   cpu 81.25 is above 70 for 5m: +2
  cpu-low   threshold        81.25  content   cpu 81.25 is not below 30
  rps       target_tracking  -      abstains  the query is empty; holding

  STAGE    SERVERS  WHY
  votes    2 → 4    cpu-high wants 4
  min_max  4        within 2 to 10

  ACTION         SERVER                       VERSION  WHY
  launch         a new server (app-a1b2c3-7)  v1       desired 4, have 2
  set_weight 50  i-2 (10.0.0.6:3000)          v1       canary
  drain          i-1 (10.0.0.5:3000)          v1       unhealthy: GET /health: 503

  nginx /etc/nginx/upstream.conf:
    -server 10.0.0.5:3000;
    +server 10.0.0.6:3000;
  price per hour: 0.03 USD → 0.06 USD

3 actions in 1 group to change. Nothing was changed by this command.
)");
}

TEST(PlansText, a_settled_group_has_nothing_to_do) {
  GroupPlan plan = full_plan();
  plan.plan.actions.clear();
  plan.plan.write_balancers = false;
  plan.plan.decision.desired = 2;
  const GroupPlan plans[] = {plan};
  const std::string text = plans_text(plans, kOff);
  EXPECT_NE(text.find("app: stays at 2 servers"), std::string::npos) << text;
  EXPECT_NE(text.find("nothing to do"), std::string::npos) << text;
  EXPECT_EQ(text.find("price"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\nNothing to do.\n")) << text;
}

TEST(StatusText, is_one_aligned_line_per_group) {
  GroupStatus app;
  app.name = "app";
  app.min = 2;
  app.max = 10;
  app.desired = 4;
  app.servers = full_record().servers;
  app.last_change = full_record().at - 90min;
  app.why = "votes: cpu-high wants 4";
  GroupStatus fresh;
  fresh.name = "application-two";
  fresh.manual.pause = Manual::Pause{};
  const GroupStatus statuses[] = {app, fresh};
  EXPECT_EQ("\n" + status_text(statuses, full_record().at, kOff), R"(
GROUP            DESIRED  IN_SERVICE  WARMING  DRAINING  MIN  MAX  LAST CHANGE  WHY
app              4        1           1        1         2    10   1h30m ago    votes: cpu-high wants 4
application-two  -        0           0        0         0    0    -            paused (both) until resumed
)");
  EXPECT_EQ(status_text({}, full_record().at, kOff), "no groups\n");
}

TEST(ExplainText, shows_the_whole_turn) {
  EXPECT_EQ("\n" + explain_text(full_record(), full_record().at + 5s, kOff), R"(
app: 2 → 4 servers  (2026-03-01T09:30:00Z, 5s ago)
  note: orphan i-9 found
  POLICY    TYPE             VALUE  VOTE      WHY
  cpu-high  threshold        81.25  wants 4   cpu 81.25 is above 70 for 5m: +2
  cpu-low   threshold        81.25  content   cpu 81.25 is not below 30
  rps       target_tracking  -      abstains  the query is empty; holding

  STAGE    SERVERS  WHY
  votes    2 → 4    cpu-high wants 4
  min_max  4        within 2 to 10

  ACTION         SERVER                       VERSION  WHY
  launch         a new server (app-a1b2c3-7)  v1       desired 4, have 2
  set_weight 50  i-2 (10.0.0.6:3000)          v1       canary
  drain          i-1 (10.0.0.5:3000)          v1       unhealthy: GET /health: 503

  SERVER  ADDRESS        VERSION  PHASE                  AGE   CONNECTIONS  HEALTH
  i-1     10.0.0.5:3000  v1       draining (not listed)  1h    17           unhealthy: GET /health: 503
  i-2     10.0.0.6:3000  v1       in_service             1d1h  -            healthy
  i-9     -              -        pending                0s    -            failed: exited with status 1

  next look at 2026-03-01T09:30:05Z
)");
}

TEST(ExplainText, says_when_the_servers_are_not_known_or_the_plan_was_unsafe) {
  Record record = full_record();
  record.servers_detail = "vultr https://api: 503 after 2.0 s";
  record.plan.refused = "below min";
  const std::string text = explain_text(record, record.at, kOff);
  EXPECT_NE(text.find("servers not known: vultr https://api: 503 after 2.0 s\n"), std::string::npos) << text;
  EXPECT_NE(text.find("refused as unsafe, nothing is done: below min\n"), std::string::npos) << text;
}

TEST(HistoryText, is_one_line_per_change_and_counts_the_turns_between) {
  Record drain = full_record();
  drain.at -= 1h;
  drain.plan.decision.desired = drain.plan.decision.previous;
  drain.plan.actions = {drain.plan.actions[2]};
  const HistoryEntry changes[] = {{412, full_record()}, {411, drain}, {3, full_record()}};
  EXPECT_EQ("\n" + history_text(changes, 414, kOff), R"(
  … 2 turns without change
2026-03-01T09:30:00Z  2 → 4     launch app-a1b2c3-7, set_weight i-2, drain i-1  votes: cpu-high wants 4
2026-03-01T08:30:00Z  2         drain i-1  unhealthy: GET /health: 503
  … 407 turns without change
2026-03-01T09:30:00Z  2 → 4     launch app-a1b2c3-7, set_weight i-2, drain i-1  votes: cpu-high wants 4
)");
  EXPECT_EQ(history_text({}, 0, kOff), "no turns yet\n");
  EXPECT_EQ(history_text({}, 1, kOff), "  … 1 turn without change\n");
}

TEST(OrderText, says_what_until_when_and_by_whom) {
  const TimePoint until = full_record().at;
  const std::pair<Order, const char*> cases[] = {
      {{.kind = Order::Kind::scale, .servers = 3, .until = until, .by = "ops"}, "held at 3 until 2026-03-01T09:30:00Z by ops"},
      {{.kind = Order::Kind::scale, .servers = 0}, "held at 0 until resumed"},
      {{.kind = Order::Kind::pause, .in = false, .until = until}, "paused (out) until 2026-03-01T09:30:00Z"},
      {{.kind = Order::Kind::pause, .out = false, .by = "a\x1b[2J"}, "paused (in) until resumed by a [2J"},
      {{.kind = Order::Kind::pause}, "paused (both) until resumed"},
      {{.kind = Order::Kind::resume, .by = "ops"}, "resumed by ops"},
      {{.kind = Order::Kind::deploy, .version = "v2", .by = "ops"}, "deploy of v2 by ops"},
      {{.kind = Order::Kind::deploy, .version = "v2", .strategy = Strategy::blue_green}, "deploy of v2 (blue_green)"},
      {{.kind = Order::Kind::promote, .by = "ops"}, "deploy promoted by ops"},
      {{.kind = Order::Kind::abort, .by = "ops"}, "deploy aborted by ops"},
  };
  for (const auto& [order, text] : cases) EXPECT_EQ(order_text(order), text);
  EXPECT_EQ(manual_text({}), "");
}

TEST(ExplainText, shows_what_was_ordered_and_what_is_in_force) {
  Record record = full_record();
  record.orders = {{.kind = Order::Kind::scale, .servers = 4, .by = "ops"}};
  const Manual manual{.hold = {}, .pause = Manual::Pause{}};
  const std::string text = explain_text(record, record.at, kOff, manual);
  EXPECT_NE(text.find("\n  by hand: paused (both) until resumed\n  ordered: held at 4 until resumed by ops\n"), std::string::npos)
      << text;
  const HistoryEntry changes[] = {{1, record}};
  EXPECT_NE(history_text(changes, 1, kOff).find("ordered: held at 4 until resumed by ops; votes: "), std::string::npos);
}

TEST(Text, foreign_control_characters_never_reach_the_terminal) {
  Record record = full_record();
  record.plan.notes = {"\x1b]0;owned\x07 two\nlines"};
  record.plan.decision.votes[0].why = "\x1b[2J";
  record.servers[0].health.detail = "a\rb";
  const HistoryEntry changes[] = {{1, record}};
  for (const std::string& text : {explain_text(record, record.at, kOff), history_text(changes, 1, kOff)}) {
    EXPECT_EQ(text.find_first_of("\x1b\x07\r"), std::string::npos) << text;
  }
  EXPECT_NE(explain_text(record, record.at, kOff).find("two lines"), std::string::npos);
}

TEST(Text, is_coloured_only_when_asked) {
  const GroupPlan plans[] = {full_plan()};
  EXPECT_EQ(plans_text(plans, kOff).find('\x1b'), std::string::npos);
  EXPECT_NE(plans_text(plans, Colour::on).find("\x1b[32m+server 10.0.0.6:3000;\x1b[0m"), std::string::npos);
}

TEST(TurnReason, is_what_changed_something_else_what_a_person_should_know_else_the_stage_that_set_the_size) {
  Plan plan = full_record().plan;
  EXPECT_EQ(turn_reason(plan), "votes: cpu-high wants 4");
  plan.decision.desired = plan.decision.previous;
  EXPECT_EQ(turn_reason(plan), "desired 4, have 2");
  plan.actions.clear();
  EXPECT_EQ(turn_reason(plan), "orphan i-9 found");
  plan.notes.clear();
  EXPECT_EQ(turn_reason(plan), "votes: cpu-high wants 4") << "nothing changed, so the stage that set the number";
  for (Step& step : plan.decision.steps) step.to = step.from;
  plan.actions = {{.kind = Action::Kind::terminate, .why = std::string(kNotGoneYet)}};
  EXPECT_EQ(turn_reason(plan), kNotGoneYet);
  plan.refused = "below min";
  EXPECT_EQ(turn_reason(plan), "refused as unsafe: below min");
  EXPECT_EQ(turn_reason(Plan{}), "");
}

}  // namespace
}  // namespace weir
