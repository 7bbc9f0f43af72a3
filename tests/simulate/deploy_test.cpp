// Deploys in a simulation: the controller's own turns carry them out, under a load that is known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "controller/simulate/simulate.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using End = SimulatedDeploy::End;

constexpr TimePoint kBegin{std::chrono::hours(500'000)};
const std::string kContent = "the judge is taken to be content";

/// One sample a minute, of a load that stays.
Trace steady(double load, Duration length) {
  Trace trace{.name = "load", .step = 1min};
  for (Duration at{0}; at <= length; at += 1min) {
    trace.at.push_back(kBegin + at);
    trace.load.push_back(load);
  }
  return trace;
}

/// Four servers that carry 100 each.
struct Rehearsal {
  Group group{.name = "app", .provider = "memory", .version = "v1", .min = 4, .max = 4};
  SimulateOptions options{.model = {.capacity = 100, .start = 4}};

  Rehearsal() {
    group.warm_up = 0s;
    group.balancers = {{.name = "nginx", .type = "nginx"}};
    options.model.deploys = {{"v2", 10min}};
  }
  Simulation over(const Trace& trace) const { return simulate(group, make_policies(group), trace, options); }
  SimulatedDeploy only(const Trace& trace) const {
    const std::vector<SimulatedDeploy> deploys = over(trace).deploys;
    EXPECT_EQ(deploys.size(), 1U);
    return deploys.empty() ? SimulatedDeploy{} : deploys.front();
  }
};

Duration length_of(const SimulatedDeploy& deploy) { return deploy.ended_at - deploy.started_at; }

TEST(SimulatedDeploys, without_an_order_there_are_none) {
  Rehearsal rehearsal;
  rehearsal.options.model.deploys.clear();
  rehearsal.group.deploy.judge.checks = {{.name = "errors", .query = "errors", .below = 1}};
  const Simulation result = rehearsal.over(steady(300, 1h));
  EXPECT_THAT(result.deploys, IsEmpty());
  EXPECT_THAT(result.assumptions, Not(Contains(kContent)));
}

TEST(SimulatedDeploys, rolling_replaces_one_after_the_other) {
  const SimulatedDeploy deploy = Rehearsal().only(steady(390, 1h));
  EXPECT_EQ(deploy.version, "v2");
  EXPECT_EQ(deploy.from, "v1");
  EXPECT_EQ(deploy.strategy, "rolling");
  EXPECT_EQ(deploy.end, End::done) << deploy.why;
  EXPECT_EQ(deploy.started_at, kBegin + 10min);
  EXPECT_GT(length_of(deploy), 4 * 2min) << "four boots, one after the other";
  EXPECT_LT(length_of(deploy), 4 * 2min + 1min);
  EXPECT_EQ(deploy.servers_max, 5);
  EXPECT_EQ(deploy.in_service_min, 4);
  EXPECT_EQ(deploy.lost_ratio, 0);
}

TEST(SimulatedDeploys, who_lets_servers_go_beforehand_loses_load) {
  Rehearsal rehearsal;
  rehearsal.group.min = 3;
  rehearsal.group.deploy.max_surge = {0, false};
  rehearsal.group.deploy.max_unavailable = {1, false};
  const SimulatedDeploy deploy = rehearsal.only(steady(390, 1h));
  EXPECT_EQ(deploy.end, End::done) << deploy.why;
  EXPECT_EQ(deploy.servers_max, 4);
  EXPECT_EQ(deploy.in_service_min, 3);
  EXPECT_NEAR(deploy.lost_ratio, 90.0 / 390, 0.03) << "three carry 300 of 390";
}

TEST(SimulatedDeploys, blue_green_takes_twice_the_servers_and_keeps_the_old_ones) {
  Rehearsal rehearsal;
  rehearsal.group.deploy.strategy = Strategy::blue_green;
  rehearsal.group.deploy.keep_old = 15min;
  const SimulatedDeploy deploy = rehearsal.only(steady(390, 1h));
  EXPECT_EQ(deploy.strategy, "blue_green");
  EXPECT_EQ(deploy.end, End::done) << deploy.why;
  EXPECT_EQ(deploy.servers_max, 8);
  EXPECT_EQ(deploy.in_service_min, 4);
  EXPECT_EQ(deploy.lost_ratio, 0);
  EXPECT_GT(length_of(deploy), 2min + 15min);
  EXPECT_LT(length_of(deploy), 2min + 15min + 1min);
}

TEST(SimulatedDeploys, the_shares_of_a_canary_are_what_its_servers_get) {
  Rehearsal rehearsal;
  rehearsal.group.deploy.strategy = Strategy::canary;
  rehearsal.group.deploy.steps = {{.percent = 5, .soak = 10min}};
  EXPECT_EQ(rehearsal.only(steady(390, 1h)).end, End::done);
  const Trace trace = steady(390, 1h);
  const Policies policies = make_policies(rehearsal.group);
  SimulatedWorld world(rehearsal.group, policies, trace, rehearsal.options.model);
  while (world.advance() && world.state().at < kBegin + 15min) {
  }
  EXPECT_EQ(world.state().serving, 5);
  EXPECT_NEAR(world.state().carried, 4 / 0.95, 0.02) << "the old ones share 95 % and are full first";
  while (world.advance()) {
  }
  EXPECT_EQ(world.state().serving, 4);
  EXPECT_EQ(world.state().carried, 4);
}

TEST(SimulatedDeploys, load_beyond_what_a_canarys_shares_can_carry_is_lost) {
  Rehearsal rehearsal;
  rehearsal.group.deploy.strategy = Strategy::canary;
  rehearsal.group.deploy.steps = {{.percent = 5, .soak = 1h}};
  const SimulatedDeploy deploy = rehearsal.only(steady(450, 55min));
  EXPECT_EQ(deploy.end, End::none);
  EXPECT_THAT(deploy.why, HasSubstr("it soaks with 5% of the traffic"));
  EXPECT_EQ(deploy.ended_at, kBegin + 55min);
  EXPECT_GT(deploy.lost_ratio, 0.06) << "five equal servers would carry it all";
}

TEST(SimulatedDeploys, the_judge_is_content_and_that_is_told_once) {
  for (const Strategy strategy : {Strategy::rolling, Strategy::blue_green, Strategy::canary}) {
    Rehearsal rehearsal;
    rehearsal.group.deploy.strategy = strategy;
    rehearsal.group.deploy.steps = {{.percent = 25, .soak = 1min}};
    rehearsal.group.deploy.judge.checks = {{.name = "errors", .query = "errors{version=\"{version}\"}", .below = 0.01}};
    const Simulation result = rehearsal.over(steady(300, 1h));
    ASSERT_EQ(result.deploys.size(), 1U);
    EXPECT_EQ(result.deploys[0].end, End::done) << to_string(strategy) << ": " << result.deploys[0].why;
    EXPECT_EQ(std::ranges::count(result.assumptions, kContent), 1);
  }
}

TEST(SimulatedDeploys, checkpoints_are_promoted) {
  Rehearsal rehearsal;
  const Duration without = length_of(rehearsal.only(steady(300, 1h)));
  rehearsal.group.deploy.pause_at = {25, 50};
  rehearsal.group.deploy.soak = 40s;
  const Simulation result = rehearsal.over(steady(300, 1h));
  ASSERT_EQ(result.deploys.size(), 1U);
  EXPECT_EQ(result.deploys[0].end, End::done) << result.deploys[0].why;
  EXPECT_GT(length_of(result.deploys[0]), without + 4 * 40s) << "a promise that comes early would spare the soak";
  EXPECT_LT(length_of(result.deploys[0]), without + 4 * 40s + 2min);
  EXPECT_THAT(result.assumptions, Contains("somebody promotes a deploy as soon as it is at a checkpoint"));
}

TEST(SimulatedDeploys, an_outage_of_the_provider_is_no_checkpoint) {
  Rehearsal rehearsal;
  rehearsal.group.deploy.pause_at = {50};
  rehearsal.group.deploy.soak = 3min;
  rehearsal.options.model.faults = {{Fault::Kind::provider, 13min, 5min}};
  const SimulatedDeploy deploy = rehearsal.only(steady(300, 1h));
  EXPECT_EQ(deploy.end, End::done) << deploy.why;
  EXPECT_GT(length_of(deploy), 4 * (2min + 3min)) << "every server has soaked";
}

TEST(SimulatedDeploys, a_scale_out_meanwhile_and_afterwards_boots_the_new_version) {
  Rehearsal rehearsal;
  PolicySpec policy{.name = "rps", .type = "target_tracking"};
  policy.settings.set("query", std::string("rps"));
  policy.settings.set("value", std::string("total"));
  policy.settings.set("target", 80.0);
  policy.settings.set("tolerance", 0.1);
  rehearsal.group.policies = {policy};
  rehearsal.group.max = 10;
  Trace trace = steady(300, 2h);
  for (std::size_t minute = 60; minute < trace.load.size(); ++minute) trace.load[minute] = 600;
  const Policies policies = make_policies(rehearsal.group);
  SimulatedWorld world(rehearsal.group, policies, trace, rehearsal.options.model);
  while (world.advance()) {
  }
  EXPECT_EQ(world.memory().version, "v2");
  EXPECT_GT(world.memory().servers.size(), 6U);
  EXPECT_THAT(world.memory().servers, Each(Field(&ServerMemory::version, "v2")));
}

TEST(SimulatedDeploys, a_newer_version_takes_the_place_of_one_under_way) {
  Rehearsal rehearsal;
  rehearsal.options.model.deploys = {{"v3", 13min}, {"v2", 10min}};
  const std::vector<SimulatedDeploy> deploys = rehearsal.over(steady(300, 1h)).deploys;
  ASSERT_EQ(deploys.size(), 2U) << "in order of time, however they were given";
  EXPECT_EQ(deploys[0].version, "v2");
  EXPECT_EQ(deploys[0].end, End::replaced);
  EXPECT_EQ(deploys[0].ended_at, kBegin + 13min);
  EXPECT_EQ(deploys[1].version, "v3");
  EXPECT_EQ(deploys[1].from, "v1");
  EXPECT_EQ(deploys[1].end, End::done) << deploys[1].why;
}

TEST(SimulatedDeploys, what_the_group_cannot_do_then_is_refused_and_told) {
  Rehearsal rehearsal;
  rehearsal.options.model.deploys = {{"v2", 10min}, {"v1", 15min}, {"v1", 15min + 10s}};
  const std::vector<SimulatedDeploy> deploys = rehearsal.over(steady(300, 1h)).deploys;
  ASSERT_EQ(deploys.size(), 2U);
  EXPECT_EQ(deploys[0].end, End::went_back);
  EXPECT_THAT(deploys[0].why, HasSubstr("asked for v1 again"));
  EXPECT_EQ(deploys[1].end, End::refused);
  EXPECT_THAT(deploys[1].why, HasSubstr("is already going back to v1"));
}

TEST(SimulatedDeploys, servers_that_boot_too_slowly_send_it_back) {
  Rehearsal rehearsal;
  rehearsal.options.model.boot = 15min;
  const SimulatedDeploy deploy = rehearsal.only(steady(300, 2h));
  EXPECT_EQ(deploy.end, End::went_back);
  EXPECT_THAT(deploy.why, Not(IsEmpty()));
  EXPECT_EQ(deploy.in_service_min, 4);
}

TEST(SimulatedDeploys, are_told_in_text_json_and_page) {
  Rehearsal rehearsal;
  rehearsal.options.model.deploys = {{"v2", 10min}, {"v1", 15min}, {"v1", 15min + 10s}};
  Simulation result = rehearsal.over(steady(300, 1h));
  result.name = "weir.yaml";
  EXPECT_THAT(simulation_text({&result, 1}, Colour::off), AllOf(HasSubstr("\nDeploys\n"), HasSubstr("rolling v1 → v2"),
                                                                HasSubstr("went back to v1: "), HasSubstr("refused: group app")));
  const Simulation both[] = {result, result};
  EXPECT_THAT(simulation_text(both, Colour::off), HasSubstr("\nDeploys of weir.yaml\n"));
  EXPECT_THAT(simulation_html({&result, 1}), AllOf(HasSubstr("<h3>Deploys</h3>"), HasSubstr("went back to v1: ")));
  EXPECT_THAT(simulation_json({&result, 1}), AllOf(HasSubstr(R"("end":"went_back")"), HasSubstr(R"("end":"refused")")));
}

// ---- deploys as people write them

TEST(DeployText, names_the_version_and_when) {
  const auto deploy = parse_deploy("v2@1h30m");
  ASSERT_TRUE(deploy) << deploy.error().message;
  EXPECT_EQ(deploy->version, "v2");
  EXPECT_EQ(deploy->begin, Duration(90min));
  const auto digest = parse_deploy("app@sha256:0a@0s");
  ASSERT_TRUE(digest) << digest.error().message;
  EXPECT_EQ(digest->version, "app@sha256:0a");
}

TEST(DeployText, anything_else_is_refused_by_what_is_wrong_with_it) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "expected VERSION@WHEN, such as v2@10m"},
      {"v2", "'v2': expected VERSION@WHEN, such as v2@10m"},
      {"@10m", "version: expected a letter or digit"},
      {"v 2@10m", "version: expected a letter or digit"},
      {"v2@", "after the '@', found ''"},
      {"v2@10", "expected a duration"},
      {"v2@soon", "after the '@', found 'soon'"},
      {"v2@-5m", "after the '@', found '-5m'"},
  };
  for (const auto& [text, why] : cases) {
    const auto deploy = parse_deploy(text);
    ASSERT_FALSE(deploy) << text;
    EXPECT_EQ(deploy.error().kind, ErrorKind::invalid);
    EXPECT_THAT(deploy.error().message, HasSubstr(why)) << text;
  }
}

std::string refusal(const Group& group, const std::vector<RehearsedDeploy>& deploys) {
  const auto possible = check_deploys(group, deploys, 1h);
  return possible ? "" : possible.error().message;
}

TEST(DeployText, what_can_never_be_is_refused_beforehand) {
  Group group = Rehearsal().group;
  EXPECT_EQ(refusal(group, {{"v2", 0s}, {"v1", 10min}, {"v3", 59min}}), "");
  EXPECT_THAT(refusal(group, {{"v1", 10min}}), HasSubstr("group app runs v1 already"));
  EXPECT_THAT(refusal(group, {{"v2", 10min}, {"v2", 20min}}), HasSubstr("group app runs v2 already"));
  EXPECT_THAT(refusal(group, {{"v2", 1h}}), HasSubstr("v2@1h: expected a time before the end of the load, 1h after"));
  group.deployed_with = "docker service update";
  EXPECT_THAT(refusal(group, {{"v2", 10min}}), HasSubstr("deploy there with docker service update"));
  group.deployed_with.clear();
  group.weightless = "file_sd";
  EXPECT_EQ(refusal(group, {{"v2", 10min}}), "");
  group.deploy.strategy = Strategy::canary;
  EXPECT_THAT(refusal(group, {{"v2", 10min}}), HasSubstr("a canary needs balancers that give shares by weight"));
}

}  // namespace
}  // namespace weir
