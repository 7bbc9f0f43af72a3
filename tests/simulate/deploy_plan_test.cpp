// What a deploy would do from now on.
#include "controller/simulate/deploy_plan.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "controller/config/config.h"
#include "controller/config/values.h"
#include "platform/file.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr TimePoint kNow{std::chrono::hours(500'000)};

/// A group whose servers are all healthy, and whose policies are told this.
struct Present {
  Group group{.name = "app", .provider = "memory", .version = "v1", .min = 1, .max = 10};
  Memory memory{
      .nonce = "n", .next_token = 100, .desired = 3, .version = "v1", .turned_at = kNow - 15s, .watched_since = kNow - 60s};
  Observation seen{.at = kNow, .listed = true};

  Present() {
    group.balancers = {{.name = "nginx", .type = "nginx"}};
    BalancerView view{.known = true, .in_force = true};
    view.connections.emplace();
    for (int number = 1; number <= 3; ++number) {
      const std::string id = fmt::format("s{}", number);
      const std::string address = id + ":80";
      const TimePoint launched_at = kNow - 24h + number * 1min;
      seen.servers.push_back({.id = id,
                              .group = group.name,
                              .token = fmt::format("app-n-{}", number),
                              .address = address,
                              .version = "v1",
                              .phase = Phase::warming,
                              .health = {.status = HealthStatus::healthy},
                              .launched_at = launched_at});
      memory.servers.push_back({.id = id,
                                .token = seen.servers.back().token,
                                .address = address,
                                .version = "v1",
                                .launched_at = launched_at,
                                .seen_at = kNow,
                                .admitted_at = kNow - 23h});
      view.peers.push_back({.server = id, .address = address});
    }
    seen.balancers = {view};
  }
  DeployPlan plan(std::optional<Strategy> strategy = {}) const {
    const Policies policies = make_policies(group);
    const Turn now = reconcile(group, policies, seen, memory);
    return plan_deploy(group, policies, now, {.kind = Order::Kind::deploy, .version = "v2", .strategy = strategy});
  }
};

/// "120s launch", …: steps of these kinds only, or all.
std::vector<std::string> lines(const DeployPlan& plan, const std::vector<std::string>& kinds = {}) {
  std::vector<std::string> texts;
  for (const DeployStep& step : plan.steps) {
    if (!kinds.empty() && std::ranges::find(kinds, step.what) == kinds.end()) continue;
    texts.push_back(fmt::format("{}s {}", std::chrono::duration<double>(step.after).count(), step.what));
  }
  return texts;
}

std::vector<std::string> subjects(const DeployPlan& plan, std::string_view what) {
  std::vector<std::string> texts;
  for (const DeployStep& step : plan.steps) {
    if (step.what == what) texts.push_back(step.server + " " + step.version);
  }
  return texts;
}

const DeployStep* first(const DeployPlan& plan, std::string_view what) {
  const auto found = std::ranges::find(plan.steps, what, &DeployStep::what);
  return found == plan.steps.end() ? nullptr : &*found;
}

TEST(DeployPlan, rolling_goes_batch_by_batch) {
  const DeployPlan plan = Present().plan();
  EXPECT_EQ(plan.rollout.end, Rollout::End::done) << plan.rollout.waits;
  EXPECT_EQ(plan.size, 3);
  EXPECT_EQ(plan.servers_max, 4);
  EXPECT_EQ(plan.in_service_min, 3);
  EXPECT_EQ(subjects(plan, "launch"), (std::vector<std::string>{"app-n-100 v2", "app-n-101 v2", "app-n-102 v2"}));
  EXPECT_EQ(subjects(plan, "drain"), (std::vector<std::string>{"s1 v1", "s2 v1", "s3 v1"})) << "the oldest first";
  EXPECT_EQ(subjects(plan, "terminate"), subjects(plan, "drain"));
  ASSERT_GE(plan.steps.size(), 4U);
  EXPECT_EQ(lines({.steps = {plan.steps.begin(), plan.steps.begin() + 3}}),
            (std::vector<std::string>{"0s launch", "120s admit", "120s drain"}));
  EXPECT_GT(plan.length, Duration(3 * 2min));
  EXPECT_LT(plan.length, Duration(3 * 2min + 30s));
}

TEST(DeployPlan, servers_boot_as_long_as_was_learned) {
  Present present;
  EXPECT_FALSE(present.plan().boot_is_learned);
  EXPECT_EQ(present.plan().boot, Duration(2min));
  present.memory.boots = {40s, 44s};
  const DeployPlan plan = present.plan();
  EXPECT_TRUE(plan.boot_is_learned);
  EXPECT_EQ(plan.boot, Duration(44s)) << "the slowest";
  EXPECT_EQ(lines(plan, {"admit"}).front(), "44s admit");
}

TEST(DeployPlan, a_drain_takes_its_whole_time_where_nobody_knows_of_connections) {
  Present present;
  const Duration counted = present.plan().length;
  present.group.balancers = {{.name = "file_sd", .type = "file_sd"}};
  EXPECT_GT(present.plan().length, counted + 3 * 55s);
}

TEST(DeployPlan, blue_green_switches_once_and_keeps_the_old_ones) {
  Present present;
  present.group.deploy.keep_old = 10min;
  const DeployPlan plan = present.plan(Strategy::blue_green);
  EXPECT_EQ(plan.rollout.end, Rollout::End::done) << plan.rollout.waits;
  EXPECT_EQ(plan.rollout.strategy, Strategy::blue_green);
  EXPECT_EQ(plan.servers_max, 6);
  EXPECT_EQ(plan.in_service_min, 3);
  EXPECT_EQ(lines(plan, {"launch", "switch", "admit", "drain"}),
            (std::vector<std::string>{"0s launch", "0s launch", "0s launch", "120s switch", "120s admit", "120s admit",
                                      "120s admit", "120s drain", "120s drain", "120s drain"}));
  EXPECT_THAT(plan.steps, Contains(testing::Field(&DeployStep::why, HasSubstr("the old servers stay as a way back until"))));
  EXPECT_GT(plan.length, Duration(12min));
}

TEST(DeployPlan, a_canary_shows_its_shares) {
  Present present;
  present.group.deploy.strategy = Strategy::canary;
  present.group.deploy.steps = {{.percent = 5, .soak = 5min}};
  const DeployPlan plan = present.plan();
  EXPECT_EQ(plan.rollout.end, Rollout::End::done) << plan.rollout.waits;
  const DeployStep* weight = first(plan, "set_weight");
  ASSERT_NE(weight, nullptr);
  EXPECT_EQ(weight->after, Duration(2min));
  EXPECT_GT(weight->weight, 0);
  EXPECT_THAT(weight->why, HasSubstr("v2 may have 5% of the traffic"));
  const DeployStep* even = first(plan, "even_weights");
  ASSERT_NE(even, nullptr);
  EXPECT_EQ(even->after, Duration(7min));
}

TEST(DeployPlan, checkpoints_are_shown_and_taken_as_promoted) {
  Present present;
  present.group.deploy.pause_at = {50};
  const DeployPlan plan = present.plan();
  EXPECT_EQ(plan.rollout.end, Rollout::End::done) << plan.rollout.waits;
  EXPECT_EQ(lines(plan, {"promote"}).size(), 1U);
  for (const DeployStep& step : plan.steps) {
    if (step.what != "wait") continue;
    EXPECT_THAT(step.why, testing::Not(HasSubstr("promote"))) << "it is told once";
  }
  EXPECT_THAT(first(plan, "promote")->why, HasSubstr("at 50% for somebody to promote or abort it: taken as promoted"));
}

TEST(DeployPlan, the_judge_is_taken_to_be_content) {
  Present present;
  EXPECT_THAT(deploy_plan_text(present.plan(), Colour::off), Not(HasSubstr("judge")));
  present.group.deploy.judge.checks = {{.name = "errors", .query = "errors", .below = 0.01}};
  const DeployPlan plan = present.plan();
  EXPECT_EQ(plan.rollout.end, Rollout::End::done) << plan.rollout.waits;
  EXPECT_THAT(deploy_plan_text(plan, Colour::off), HasSubstr("the judge is taken to be content"));
}

TEST(DeployPlan, the_group_keeps_its_size) {
  Present present;
  PolicySpec policy{.name = "cpu", .type = "threshold"};
  policy.settings.set("query", std::string("cpu"));
  policy.settings.set("above", 70.0);
  policy.settings.set("for", Duration(60s));
  policy.settings.set("change", Change{Change::Kind::by_servers, 1});
  present.group.policies = {policy};
  present.seen.samples = {{.status = Sample::Status::ok, .value = 100}};
  const DeployPlan plan = present.plan();
  EXPECT_EQ(plan.rollout.end, Rollout::End::done) << plan.rollout.waits;
  EXPECT_EQ(subjects(plan, "launch").size(), 3U) << "though the policy would want more a minute from now";
  EXPECT_EQ(plan.servers_max, 4);
}

TEST(DeployPlan, what_is_planned_now_anyway_comes_first) {
  Present present;
  present.memory.desired = 4;
  const DeployPlan plan = present.plan();
  EXPECT_EQ(plan.size, 4);
  EXPECT_EQ(subjects(plan, "launch").front(), "app-n-100 v1");
  EXPECT_EQ(plan.rollout.end, Rollout::End::done) << plan.rollout.waits;
}

TEST(DeployPlan, one_that_waits_for_ever_has_no_end) {
  Present present;
  present.group.deploy.keep_old = 24h * 365;
  const DeployPlan plan = present.plan(Strategy::blue_green);
  EXPECT_EQ(plan.rollout.end, Rollout::End::none);
  EXPECT_THAT(deploy_plan_text(plan, Colour::off), HasSubstr("not at its end after"));
}

TEST(DeployPlan, one_that_cannot_come_through_goes_back) {
  Present present;
  present.memory.boots = {15min};
  const DeployPlan plan = present.plan();
  EXPECT_EQ(plan.rollout.end, Rollout::End::went_back);
  EXPECT_NE(first(plan, "go_back"), nullptr);
  EXPECT_THAT(deploy_plan_text(plan, Colour::off), HasSubstr("v2 went back to v1: "));
}

TEST(DeployPlan, is_the_same_every_time_in_text_and_json) {
  const Present present;
  const DeployPlan plan = present.plan();
  EXPECT_EQ(deploy_plan_json(plan), deploy_plan_json(present.plan()));
  const nlohmann::json json = nlohmann::json::parse(deploy_plan_json(plan));
  EXPECT_EQ(json["end"], "done");
  EXPECT_EQ(json["servers_max"], 4);
  EXPECT_EQ(json["in_service_min"], 3);
  EXPECT_EQ(json["boot"], 120);
  EXPECT_EQ(json["steps"].size(), plan.steps.size());
  EXPECT_EQ(json["steps"][0],
            nlohmann::json::parse(R"({"after": 0, "what": "launch", "server": "app-n-100", "version": "v2", "why": "3 desired"})"));
  EXPECT_THAT(
      deploy_plan_text(plan, Colour::off),
      AllOf(HasSubstr("app: rolling v1 → v2, from the servers of now, at 3 of them and a constant load"),
            HasSubstr("a new server serves 2m after its launch: no launch is known yet, so that is a guess"),
            HasSubstr("  2m     drain"), HasSubstr("at most 4 servers at once, at least 3 in service; nothing was changed")));
}

/// What stands in the page between these, the first time.
std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin);
  if (from == std::string::npos) return "";
  return text.substr(from + begin.size(), text.find(end, from + begin.size()) - from - begin.size());
}

/// The group of the page's first example, with three servers as the page shows them.
TEST(DeployPlan, the_page_about_deploys_shows_what_is_so) {
  const std::string page = read_file(WEIR_SOURCE_DIR "/docs/deploy.md").value_or("");
  const std::string shown = between(page, "$ weir deploy plan --group app --version v2\n", "```");
  const std::string nonce = between(shown, "launch     app-", "-4 ");
  ASSERT_FALSE(nonce.empty()) << shown;
  const ConfigResult config = parse_config(between(page, "```yaml\n", "```"), "weir.yaml", {}, builtin_catalogs());
  ASSERT_TRUE(config) << to_string(config.error().front());
  Present present;
  present.group = config->groups.front();
  present.memory.nonce = nonce;
  present.memory.next_token = 4;
  present.memory.boots = {parse_duration(between(shown, "healthy ", " after")).value_or(0s)};
  for (std::size_t index = 0; index < 3; ++index) {
    const std::string id = fmt::format("app-{}-{}", nonce, index + 1);
    present.seen.servers[index].id = present.seen.servers[index].token = id;
    present.memory.servers[index].id = present.memory.servers[index].token = id;
    present.seen.balancers[0].peers[index].server = id;
    const Duration age{shown.size() - shown.find("drain      " + id)};  // the oldest went first
    present.seen.servers[index].launched_at = present.memory.servers[index].launched_at = kNow - 24h - age;
  }
  EXPECT_EQ(deploy_plan_text(present.plan(), Colour::off), shown);
}

}  // namespace
}  // namespace weir
