#include "controller/render/deploys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controller/render/text.h"
#include "tests/render/examples.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const TimePoint kNow{1'772'357'400'000ms};

Server server(const std::string& version, Phase phase) { return {.version = version, .phase = phase}; }

/// v2 in the place of v1, three servers of five there.
std::vector<Server> servers() {
  return {server("v1", Phase::in_service), server("v1", Phase::in_service), server("v1", Phase::draining),
          server("v2", Phase::in_service), server("v2", Phase::in_service), server("v2", Phase::in_service),
          server("v2", Phase::warming)};
}
Rollout rolling() {
  return {.version = "v2",
          .from = "v1",
          .strategy = Strategy::rolling,
          .by = "root",
          .started_at = kNow - 2min,
          .step = 1,
          .reached_at = kNow - 12s,
          .progressed_at = kNow - 12s};
}

TEST(DeployText, is_one_line_of_how_far_it_is) {
  EXPECT_EQ(deploy_text(rolling(), servers(), 5, kNow), "rolling v1 → v2, 3 of 5 servers, soaking 12s, started by root 2m ago");
  Rollout waiting = rolling();
  waiting.reached_at.reset();
  waiting.waits = "a person has to promote it";
  waiting.failures = 2;
  EXPECT_EQ(deploy_text(waiting, servers(), 5, kNow),
            "rolling v1 → v2, 3 of 5 servers, waits: a person has to promote it, 2 failed, started by root 2m ago");
  EXPECT_THAT(deploy_text(rolling(), servers(), {}, kNow), HasSubstr("3 of 6 servers")) << "those that leave do not count";
}

TEST(DeployText, says_why_it_goes_back_and_how_it_ended) {
  Rollout rollout = rolling();
  rollout.direction = Rollout::Direction::back;
  rollout.why_back = "aborted by ann";
  rollout.reached_at.reset();
  EXPECT_EQ(deploy_text(rollout, servers(), 5, kNow),
            "going back from v2 to v1: aborted by ann, 2 of 5 servers, started by root 2m ago");
  rollout.ended_at = kNow;
  rollout.end = Rollout::End::went_back;
  EXPECT_EQ(deploy_text(rollout, servers(), 5, kNow), "v2 went back to v1: aborted by ann, started by root 2m ago");
  rollout = rolling();
  rollout.ended_at = kNow;
  rollout.end = Rollout::End::done;
  rollout.by.clear();
  EXPECT_EQ(deploy_text(rollout, servers(), 5, kNow), "v2 done, started 2m ago");
}

TEST(DeployText, foreign_text_cannot_steer_the_terminal) {
  Rollout rollout = rolling();
  rollout.version = rollout.from = rollout.by = rollout.waits = rollout.why_back = "a\x1b[2J\nb";
  rollout.replaced = {"\x1b"};
  for (const auto direction : {Rollout::Direction::forward, Rollout::Direction::back}) {
    rollout.direction = direction;
    EXPECT_THAT(deploy_text(rollout, {}, {}, kNow), Not(HasSubstr("\x1b")));
    EXPECT_THAT(deploy_status_text({.name = "app", .rollout = rollout}, kNow), Not(HasSubstr("\x1b")));
  }
}

TEST(DeployCounts, name_both_versions_and_whatever_else_runs) {
  const VersionCount old{.version = "v1", .in_service = 2, .draining = 1};
  const VersionCount fresh{.version = "v2", .warming = 1, .in_service = 3};
  EXPECT_THAT(count_versions(servers(), rolling()), ElementsAre(old, fresh));
  EXPECT_THAT(count_versions({}, rolling()), ElementsAre(VersionCount{.version = "v1"}, VersionCount{.version = "v2"}));
  const std::vector<Server> more{server("v0", Phase::terminating), server("", Phase::pending)};
  EXPECT_THAT(count_versions(more, rolling()),
              ElementsAre(VersionCount{.version = "", .pending = 1}, VersionCount{.version = "v0", .terminating = 1},
                          VersionCount{.version = "v1"}, VersionCount{.version = "v2"}));
}

TEST(DeployStatus, is_all_there_is_to_say) {
  GroupStatus status{.name = "app", .desired = 5, .rollout = rolling(), .servers = servers()};
  status.rollout->replaced = {"v1.5"};
  status.rollout->promoted = true;
  status.rollout->waits = "soaks for another 18s";
  EXPECT_EQ("\n" + deploy_status_text(status, kNow), R"(
app: rolling v1 → v2
  strategy     rolling
  versions     v1 → v2
  direction    forward
  replaced     v1.5
  started      2026-03-01T09:28:00Z (2m ago) by root
  progressed   2026-03-01T09:29:48Z (12s ago)
  step         1
  soaking      since 2026-03-01T09:29:48Z (12s ago)
  promoted     yes: the next wait is skipped
  waits        soaks for another 18s
  failures     0

  VERSION  PENDING  WARMING  IN_SERVICE  DRAINING  TERMINATING
  v1       0        0        2           1         0
  v2       0        1        3           0         0
)");
  status.rollout->direction = Rollout::Direction::back;
  status.rollout->why_back = "p95 1.4 s is not below 1 s";
  status.rollout->ended_at = kNow;
  status.rollout->end = Rollout::End::went_back;
  const std::string text = deploy_status_text(status, kNow + 1min);
  EXPECT_THAT(text, HasSubstr("app: v2 went back to v1: p95 1.4 s is not below 1 s\n"));
  EXPECT_THAT(text,
              HasSubstr("  why back     p95 1.4 s is not below 1 s\n  ended        went_back, 2026-03-01T09:30:00Z (1m ago)\n"));
  EXPECT_THAT(text, Not(HasSubstr("waits")));
}

TEST(DeployStatus, has_what_the_judge_found_and_how_the_hooks_ended) {
  GroupStatus status{.name = "app", .desired = 5, .rollout = rolling(), .servers = servers()};
  status.rollout->judge = {.judged_at = kNow - 5s, .why = "error ratio is 0.001"};
  status.rollout->hooks = {
      {.point = HookPoint::before, .token = "before-1", .started_at = kNow - 90s, .ended_at = kNow - 60s, .said = "12 rows"},
      {.point = HookPoint::after_new_healthy, .token = "after_new_healthy-2", .started_at = kNow - 3s}};
  const std::string text = deploy_status_text(status, kNow);
  EXPECT_THAT(text, HasSubstr("  judge        2026-03-01T09:29:55Z (5s ago): error ratio is 0.001\n"));
  EXPECT_THAT(text, HasSubstr("  hook         before done 1m ago: 12 rows\n"));
  EXPECT_THAT(text, HasSubstr("  hook         after_new_healthy runs since 3s ago\n"));
  status.rollout->hooks[0].failed = true;
  EXPECT_THAT(deploy_status_text(status, kNow), HasSubstr("  hook         before failed 1m ago: 12 rows\n"));
}

TEST(DeployJson, has_the_group_the_deploy_and_the_servers_of_each_version) {
  const GroupStatus status{.name = "app", .rollout = rolling(), .servers = servers()};
  const auto deploy = nlohmann::json::parse(deploy_json(status));
  EXPECT_EQ(deploy.at("group"), "app");
  EXPECT_EQ(deploy.at("version"), "v2");
  EXPECT_EQ(deploy.at("end"), "none");
  EXPECT_EQ(deploy.at("servers").at(0),
            nlohmann::json::parse(R"({"version":"v1","pending":0,"warming":0,"in_service":2,"draining":1,"terminating":0})"));
}

TEST(DeployLine, stands_in_status_explain_and_plan_while_the_deploy_is_under_way) {
  const GroupStatus status{.name = "app",
                           .desired = 5,
                           .manual = {.pause = Manual::Pause{}},
                           .rollout = rolling(),
                           .servers = servers(),
                           .why = "quiet"};
  EXPECT_THAT(
      status_text({&status, 1}, kNow, Colour::off),
      HasSubstr(
          "paused (both) until resumed; deploy: rolling v1 → v2, 3 of 5 servers, soaking 12s, started by root 2m ago; quiet"));
  Record record{.group = "app", .at = kNow, .servers = servers(), .rollout = rolling()};
  record.plan.decision.desired = 5;
  EXPECT_THAT(explain_text(record, kNow + 1h, Colour::off), HasSubstr("\n  deploy: rolling v1 → v2, 3 of 5 servers, soaking 12s"));
  GroupPlan plan{.group = "app", .at = kNow, .servers = servers(), .rollout = rolling()};
  plan.plan.decision.desired = 5;
  EXPECT_THAT(plans_text({&plan, 1}, Colour::off), HasSubstr("\n  deploy: rolling v1 → v2, 3 of 5 servers"));
}

TEST(DeployLine, is_not_in_status_once_it_has_ended_but_in_the_history) {
  GroupStatus status{.name = "app", .rollout = rolling(), .why = "quiet"};
  status.rollout->ended_at = kNow;
  status.rollout->end = Rollout::End::done;
  EXPECT_THAT(status_text({&status, 1}, kNow, Colour::off), Not(HasSubstr("deploy")));
  Record record{.group = "app", .at = kNow, .rollout = status.rollout};
  record.orders = {{.kind = Order::Kind::pause}};
  const HistoryEntry changes[] = {{1, record}};
  EXPECT_THAT(history_text(changes, 1, Colour::off), HasSubstr("ordered: paused (both) until resumed; deploy: v2 done; "));
  record.rollout = rolling();
  const HistoryEntry under_way[] = {{1, record}};
  EXPECT_THAT(history_text(under_way, 1, Colour::off), Not(HasSubstr("deploy")));
}

}  // namespace
}  // namespace weir
