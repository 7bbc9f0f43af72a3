#include "controller/api/metrics.h"

#include <gtest/gtest.h>

#include <sstream>
#include <thread>

namespace weir {
namespace {

using namespace std::chrono_literals;

Group group_named(const std::string& name, std::vector<PolicySpec> policies = {}) {
  Group group;
  group.name = name;
  group.min = 2;
  group.max = 10;
  group.policies = std::move(policies);
  return group;
}

Record turn_of(const std::string& group, int previous, int desired) {
  Record record;
  record.group = group;
  record.at = TimePoint{1'772'357'400'250ms};
  record.plan.decision.previous = previous;
  record.plan.decision.desired = desired;
  record.servers.resize(3);
  record.servers[0].phase = record.servers[1].phase = Phase::in_service;
  return record;
}

/// The value of one series; "absent" if there is none.
std::string value(const Metrics& metrics, const std::string& series) {
  std::istringstream text(metrics.text());
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(series + " ")) return line.substr(series.size() + 1);
  }
  return "absent";
}

TEST(Metrics, a_turn_tells_servers_desired_and_outcome) {
  Metrics metrics("0.1.0");
  metrics.group(group_named("app"));
  EXPECT_EQ(value(metrics, R"(weir_min{group="app"})"), "2");
  EXPECT_EQ(value(metrics, R"(weir_max{group="app"})"), "10");
  EXPECT_EQ(value(metrics, R"(weir_desired{group="app"})"), "absent") << "not zero before anybody decided";
  EXPECT_EQ(value(metrics, R"(weir_turns_total{group="app",outcome="refused"})"), "0") << "there to alert on from the start";

  metrics.turn(turn_of("app", 2, 3), 3ms);
  metrics.turn(turn_of("app", 3, 3), 3ms);
  metrics.turn(turn_of("app", 3, 2), 3ms);
  EXPECT_EQ(value(metrics, R"(weir_desired{group="app"})"), "2");
  EXPECT_EQ(value(metrics, R"(weir_servers{group="app",phase="in_service"})"), "2");
  EXPECT_EQ(value(metrics, R"(weir_servers{group="app",phase="pending"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_servers{group="app",phase="draining"})"), "0");
  EXPECT_EQ(value(metrics, R"(weir_turns_total{group="app",outcome="changed"})"), "2");
  EXPECT_EQ(value(metrics, R"(weir_turns_total{group="app",outcome="quiet"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_scale_events_total{group="app",direction="out"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_scale_events_total{group="app",direction="in"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_last_turn_timestamp_seconds{group="app"})"), "1772357400.25");
  EXPECT_EQ(value(metrics, "weir_turn_duration_seconds_count"), "3");
  EXPECT_EQ(value(metrics, R"(weir_turn_duration_seconds_bucket{le="0.005"})"), "3");
}

TEST(Metrics, turns_that_went_wrong_are_told_apart) {
  Metrics metrics("0.1.0");
  metrics.group(group_named("app"));
  Record blind = turn_of("app", 2, 2);
  blind.servers_detail = "vultr: 503";
  Record refused = turn_of("app", 2, 2);
  refused.plan.refused = "below min";
  metrics.turn(blind, 1ms);
  metrics.turn(refused, 1ms);
  metrics.turn_failed("app");
  for (const char* outcome : {"blind", "refused", "failed"}) {
    EXPECT_EQ(value(metrics, std::string(R"(weir_turns_total{group="app",outcome=")") + outcome + "\"}"), "1") << outcome;
  }
}

TEST(Metrics, counts_actions_failures_and_losses) {
  Metrics metrics("0.1.0");
  metrics.group(group_named("app", {{"cpu", "threshold", {}}}));
  metrics.action("app", Action::Kind::launch, Metrics::Success::yes);
  metrics.action("app", Action::Kind::launch, Metrics::Success::no);
  metrics.sample("app", "cpu", Sample::Status::ok);
  metrics.sample("app", "cpu", Sample::Status::empty);
  EXPECT_EQ(value(metrics, R"(weir_lost_requests_total{group="app"})"), "absent") << "nobody can tell yet, so it is not 0";
  metrics.lost("app", 1);
  metrics.lost("app", 2);
  metrics.terminated_with(0);
  metrics.terminated_with(3);
  metrics.orphans("app", 1);
  metrics.unowned("cloud", 2);
  metrics.probe_suspected("app", true);
  metrics.balancer_write("app", Metrics::Success::no);
  metrics.breach_to_decision(20s);
  metrics.decision_to_serving(90s);
  metrics.config_reload(Metrics::Success::no);
  metrics.state_save_failed();
  metrics.wrong_token();
  metrics.request_limited();
  metrics.request_limited();
  EXPECT_EQ(value(metrics, R"(weir_actions_total{group="app",kind="launch",outcome="done"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_actions_total{group="app",kind="launch",outcome="failed"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_sample_failures_total{group="app",policy="cpu",status="empty"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_sample_failures_total{group="app",policy="cpu",status="ok"})"), "absent");
  EXPECT_EQ(value(metrics, R"(weir_lost_requests_total{group="app"})"), "3");
  EXPECT_EQ(value(metrics, "weir_termination_open_connections_count"), "2");
  EXPECT_EQ(value(metrics, R"(weir_termination_open_connections_bucket{le="0"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_orphans{group="app"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_unowned_servers{provider="cloud"})"), "2");
  EXPECT_EQ(value(metrics, R"(weir_probe_suspected{group="app"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_balancer_writes_total{group="app",outcome="failed"})"), "1");
  EXPECT_EQ(value(metrics, "weir_breach_to_decision_seconds_sum"), "20");
  EXPECT_EQ(value(metrics, "weir_decision_to_serving_seconds_sum"), "90");
  EXPECT_EQ(value(metrics, R"(weir_config_reloads_total{outcome="failed"})"), "1");
  EXPECT_EQ(value(metrics, "weir_state_save_failures_total"), "1");
  EXPECT_EQ(value(metrics, "weir_api_wrong_tokens_total"), "1");
  EXPECT_EQ(value(metrics, "weir_api_limited_total"), "2");
  EXPECT_EQ(value(metrics, R"(weir_build_info{version="0.1.0"})"), "1");
}

TEST(Metrics, tell_what_an_operator_has_ordered_and_its_end) {
  Metrics metrics("0.1.0");
  metrics.group({.name = "app"});
  EXPECT_EQ(value(metrics, R"(weir_group_held{group="app"})"), "0");
  metrics.manual("app", {.hold = Manual::Hold{}, .pause = Manual::Pause{.out = false, .in = true}});
  EXPECT_EQ(value(metrics, R"(weir_group_held{group="app"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_group_paused{group="app",direction="out"})"), "0");
  EXPECT_EQ(value(metrics, R"(weir_group_paused{group="app",direction="in"})"), "1");
  metrics.manual("app", {});
  EXPECT_EQ(value(metrics, R"(weir_group_held{group="app"})"), "0");
  EXPECT_EQ(value(metrics, R"(weir_group_paused{group="app",direction="in"})"), "0");
}

TEST(Metrics, tell_of_a_deploy_while_it_is_under_way_and_count_how_it_ended) {
  Metrics metrics("0.1.0");
  metrics.group(group_named("app"));
  const auto absent = [&] {
    for (const char* name : {"weir_deploy{", "weir_deploy_waiting{", "weir_deploy_start_timestamp_seconds{",
                             "weir_deploy_progress_timestamp_seconds{"}) {
      EXPECT_EQ(metrics.text().find(std::string("\n") + name), std::string::npos) << name;
    }
  };
  EXPECT_EQ(value(metrics, R"(weir_deploys_total{group="app",end="done"})"), "0") << "there to alert on from the start";
  absent();

  Record record = turn_of("app", 2, 2);
  record.rollout = Rollout{.version = "v2",
                           .from = "v1",
                           .strategy = Strategy::blue_green,
                           .started_at = record.at,
                           .progressed_at = record.at + 1s,
                           .waits = "a person has to promote it"};
  metrics.turn(record, 1ms);
  EXPECT_EQ(value(metrics, R"(weir_deploy{group="app",version="v2",strategy="blue_green",direction="forward"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_deploy_waiting{group="app"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_deploy_start_timestamp_seconds{group="app"})"), "1772357400.25");
  EXPECT_EQ(value(metrics, R"(weir_deploy_progress_timestamp_seconds{group="app"})"), "1772357401.25");
  record.rollout->direction = Rollout::Direction::back;
  record.rollout->waits.clear();
  metrics.turn(record, 1ms);
  EXPECT_EQ(value(metrics, R"(weir_deploy{group="app",version="v2",strategy="blue_green",direction="back"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_deploy{group="app",version="v2",strategy="blue_green",direction="forward"})"), "absent");
  EXPECT_EQ(value(metrics, R"(weir_deploy_waiting{group="app"})"), "0");

  record.rollout->ended_at = record.at;
  record.rollout->end = Rollout::End::went_back;
  metrics.turn(record, 1ms);
  absent();
  EXPECT_EQ(value(metrics, R"(weir_deploys_total{group="app",end="went_back"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_deploys_total{group="app",end="done"})"), "0");
  record.rollout->end = Rollout::End::done;
  metrics.turn(record, 1ms);
  EXPECT_EQ(value(metrics, R"(weir_deploys_total{group="app",end="done"})"), "1");
  metrics.turn(turn_of("app", 2, 2), 1ms);
  EXPECT_EQ(value(metrics, R"(weir_deploys_total{group="app",end="done"})"), "1") << "a turn without a deploy ends none";
}

TEST(Metrics, tell_what_policies_and_stages_said_in_the_last_turn) {
  Metrics metrics("0.1.0");
  Group group = group_named("app", {{"cpu", "threshold", {}}, {"rps", "target_tracking", {}}, {"disk", "guard", {}}});
  group.interval = 1500ms;
  metrics.group(group);
  EXPECT_EQ(value(metrics, R"(weir_interval_seconds{group="app"})"), "1.5");
  EXPECT_EQ(value(metrics, R"(weir_policy_abstains{group="app",policy="cpu"})"), "absent") << "not asked yet";
  EXPECT_EQ(value(metrics, R"(weir_actions_total{group="app",kind="launch",outcome="failed"})"), "0")
      << "there to alert on from the start";

  Record record = turn_of("app", 2, 4);
  record.plan.decision.votes = {{.policy = "cpu", .stance = Vote::Stance::abstains},
                                {.policy = "rps", .stance = Vote::Stance::wants, .wants = 5, .value = 0.75},
                                {.policy = "disk", .stance = Vote::Stance::content, .scales_out = false, .scales_in = false},
                                {.policy = "invented", .stance = Vote::Stance::wants, .wants = 9}};
  record.plan.decision.steps = {
      {.stage = "votes", .from = 2, .to = 5}, {.stage = "cooldown", .from = 5, .to = 5}, {.stage = "min_max", .from = 5, .to = 4}};
  metrics.turn(record, 1ms);
  EXPECT_EQ(value(metrics, R"(weir_policy_abstains{group="app",policy="cpu"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_policy_value{group="app",policy="cpu"})"), "absent");
  EXPECT_EQ(value(metrics, R"(weir_policy_abstains{group="app",policy="rps"})"), "0");
  EXPECT_EQ(value(metrics, R"(weir_policy_value{group="app",policy="rps"})"), "0.75");
  EXPECT_EQ(value(metrics, R"(weir_policy_wants{group="app",policy="rps"})"), "5");
  EXPECT_EQ(value(metrics, R"(weir_policy_wants{group="app",policy="cpu"})"), "absent") << "it does not know";
  EXPECT_EQ(value(metrics, R"(weir_policy_wants{group="app",policy="disk"})"), "absent") << "it has no say";
  EXPECT_EQ(metrics.text().find("invented"), std::string::npos);
  EXPECT_EQ(value(metrics, R"(weir_stage_changes_total{group="app",stage="min_max"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_stage_changes_total{group="app",stage="cooldown"})"), "absent");

  record.plan.decision.votes[1].stance = Vote::Stance::content;
  metrics.turn(record, 1ms);
  EXPECT_EQ(value(metrics, R"(weir_policy_wants{group="app",policy="rps"})"), "2") << "content with what there is";
  EXPECT_EQ(value(metrics, R"(weir_stage_changes_total{group="app",stage="min_max"})"), "2");
}

TEST(Metrics, tell_what_the_servers_cost_while_every_price_is_known) {
  Metrics metrics("0.1.0");
  metrics.group(group_named("app"));
  const std::string dollars = R"(weir_cost_per_hour{group="app",currency="USD"})";
  Record record = turn_of("app", 2, 2);
  metrics.turn(record, 1ms);
  EXPECT_EQ(value(metrics, dollars), "absent");
  for (Server& server : record.servers) server.price = Price{.per_hour = 0.25, .currency = "USD"};
  metrics.turn(record, 1ms);
  EXPECT_EQ(value(metrics, dollars), "0.75");
  record.servers[0].listed = false;
  metrics.turn(record, 1ms);
  EXPECT_EQ(value(metrics, dollars), "0.5") << "one that is gone costs nothing";
  record.servers[1].price->currency = "EUR";
  metrics.turn(record, 1ms);
  EXPECT_EQ(metrics.text().find("weir_cost_per_hour"), std::string::npos) << "two currencies have no sum";
  Group priced = group_named("app");
  priced.cost = CostRule{.per_hour = 2, .currency = "KRW"};
  metrics.group(priced);
  metrics.turn(record, 1ms);
  EXPECT_EQ(value(metrics, R"(weir_cost_per_hour{group="app",currency="KRW"})"), "4") << "what the group says goes before";
}

TEST(Metrics, count_what_became_of_notifications_and_how_many_wait) {
  Metrics metrics("0.1.0");
  metrics.notification("chat", "delivered");
  metrics.notification("chat", "delivered");
  metrics.notification("chat", "dropped");
  metrics.notifications_queued("chat", 7);
  EXPECT_EQ(value(metrics, R"(weir_notifications_total{receiver="chat",result="delivered"})"), "2");
  EXPECT_EQ(value(metrics, R"(weir_notifications_total{receiver="chat",result="dropped"})"), "1");
  EXPECT_EQ(value(metrics, R"(weir_notifications_queued{receiver="chat"})"), "7");
}

TEST(Metrics, series_exist_only_for_what_is_configured) {
  Metrics metrics("0.1.0");
  metrics.group(group_named("app", {{"old", "threshold", {}}}));
  metrics.sample("app", "old", Sample::Status::failed);
  metrics.sample("app", "invented", Sample::Status::failed);
  metrics.turn(turn_of("nobody", 1, 2), 1ms);
  EXPECT_EQ(metrics.text().find("nobody"), std::string::npos);
  EXPECT_EQ(metrics.text().find("invented"), std::string::npos);

  metrics.turn(turn_of("app", 1, 2), 1ms);
  metrics.group(group_named("app", {{"new", "threshold", {}}}));
  EXPECT_EQ(value(metrics, R"(weir_turns_total{group="app",outcome="changed"})"), "1") << "a reload keeps counters";
  EXPECT_EQ(metrics.text().find("\"old\""), std::string::npos);
  metrics.remove_group("app");
  EXPECT_EQ(metrics.text().find("\"app\""), std::string::npos);
}

TEST(Metrics, may_be_recorded_scraped_and_reconfigured_at_once) {
  Metrics metrics("0.1.0");
  metrics.group(group_named("app", {{"cpu", "threshold", {}}}));
  {
    std::vector<std::jthread> threads;
    for (int worker = 0; worker < 2; ++worker) {
      threads.emplace_back([&] {
        for (int turn = 0; turn < 500; ++turn) {
          metrics.turn(turn_of("app", 2, 2), 1ms);
          metrics.sample("app", "cpu", Sample::Status::nan);
        }
      });
    }
    threads.emplace_back([&] {
      for (int scrape = 0; scrape < 50; ++scrape) {
        (void)metrics.text();
        metrics.group(group_named("app", {{"cpu", "threshold", {}}}));
      }
    });
  }
  EXPECT_EQ(value(metrics, R"(weir_turns_total{group="app",outcome="quiet"})"), "1000");
  EXPECT_EQ(value(metrics, R"(weir_sample_failures_total{group="app",policy="cpu",status="nan"})"), "1000");
}

}  // namespace
}  // namespace weir
