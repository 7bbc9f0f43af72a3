#include "controller/loop/turn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "providers/memory/memory.h"
#include "tests/fakes/ports.h"
#include "tests/support/settings.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

PolicySpec policy(const std::string& name, const std::string& type, const std::string& query) {
  PolicySpec spec{.name = name, .type = type, .settings = {}};
  spec.settings.set("query", query);
  spec.settings.set("above", 70.0);
  spec.settings.set("for", Duration{0});
  spec.settings.set("change", Change{Change::Kind::by_servers, 1});
  return spec;
}

Managed managed(std::shared_ptr<MemoryCloud> cloud) {
  Managed made;
  made.group.name = "app";
  made.group.max = 5;
  made.group.server = with_defaults(memory_provider_type().server_keys);
  made.group.policies = {policy("one", "threshold", "first"), policy("two", "threshold", "second")};
  made.policies = make_policies(made.group);
  made.provider = make_memory_provider(std::move(cloud));
  return made;
}

/// Brings v2 in place of v1, and judges it by a count and one check that compares.
struct Deploying {
  Managed app = managed(std::make_shared<MemoryCloud>());
  Memory memory;

  Deploying() {
    app.group.deploy.judge.samples = "count({version})";
    app.group.deploy.judge.checks = {{.name = "p95", .query = "p95({version})", .below_old = 1.5}};
    memory.rollout = Rollout{.version = "v2", .from = "v1"};
  }

  [[nodiscard]] std::vector<std::string> asked() const {
    std::vector<std::string> expressions;
    for (const Query& query : inquiry_of(app, memory).queries) expressions.push_back(query.expression);
    return expressions;
  }
};

std::vector<Sample> samples_of(const std::vector<double>& values) {
  std::vector<Sample> samples;
  for (const double value : values) samples.push_back({.status = Sample::Status::ok, .value = value});
  return samples;
}

std::vector<double> values_of(const std::vector<Sample>& samples) {
  std::vector<double> values;
  for (const Sample& sample : samples) values.push_back(sample.value);
  return values;
}

Server server(const std::string& id, const std::string& group) {
  return {.id = id, .group = group, .address = "10.0.0.1:" + id, .phase = Phase::warming};
}

TEST(DeployOfTurn, is_the_one_under_way_or_the_one_that_this_turn_ended) {
  const TimePoint at{std::chrono::hours(500'000)};
  Rollout rollout{.version = "v2", .from = "v1"};
  EXPECT_FALSE(deploy_of_turn({}, at));
  EXPECT_EQ(deploy_of_turn(rollout, at), rollout);
  rollout.ended_at = at;
  EXPECT_EQ(deploy_of_turn(rollout, at), rollout);
  EXPECT_FALSE(deploy_of_turn(rollout, at + Duration{1}));
}

TEST(Listing, a_group_gets_its_own_servers_only) {
  const Listing listing = listing_for("app", std::vector{server("1", "app"), server("2", "other"), server("3", "app")});
  EXPECT_TRUE(listing.listed);
  EXPECT_THAT(listing.servers, ElementsAre(server("1", "app"), server("3", "app")));
}

TEST(Listing, a_failed_list_is_not_an_empty_one) {
  const Listing listing = listing_for("app", failure(ErrorKind::unavailable, "api: 503"));
  EXPECT_FALSE(listing.listed);
  EXPECT_EQ(listing.detail, "api: 503");
}

TEST(Inquiry, is_what_the_policies_ask_and_during_a_deploy_its_judge) {
  Deploying deploy;
  EXPECT_THAT(deploy.asked(), ElementsAre("first", "second", "count(v2)", "p95(v2)", "p95(v1)"));
  const Inquiry inquiry = inquiry_of(deploy.app, deploy.memory);
  EXPECT_EQ(inquiry.judging, 3U);
  EXPECT_EQ(inquiry.version, "v2");
}

TEST(Inquiry, asks_for_the_judge_only_while_a_new_version_comes) {
  Deploying back;
  back.memory.rollout->direction = Rollout::Direction::back;
  Deploying ended;
  ended.memory.rollout->ended_at = TimePoint{Duration{5}};
  Deploying none;
  none.memory.rollout.reset();
  for (const Deploying* deploy : {&back, &ended, &none}) {
    EXPECT_THAT(deploy->asked(), ElementsAre("first", "second"));
    EXPECT_EQ(inquiry_of(deploy->app, deploy->memory).judging, 0U);
  }
}

TEST(Answers, those_of_the_policies_stay_as_they_were_asked) {
  const Inquiry inquiry{.queries = std::vector<Query>(5), .judging = 3, .version = "v2"};
  const Answers answers = answers_to(inquiry, samples_of({1, 2, 3, 4, 5}));
  EXPECT_THAT(values_of(answers.samples), ElementsAre(1, 2));
  EXPECT_THAT(values_of(answers.judged), ElementsAre(3, 4, 5));
  EXPECT_EQ(answers.judged_version, "v2");
  const Answers plain = answers_to({.queries = std::vector<Query>(2)}, samples_of({1, 2}));
  EXPECT_THAT(values_of(plain.samples), ElementsAre(1, 2));
  EXPECT_THAT(plain.judged, IsEmpty());
}

TEST(Answers, the_judge_gets_each_once_and_policies_as_often_as_they_vote) {
  Answers answers{.samples = samples_of({1}), .judged = samples_of({2}), .judged_version = "v2"};
  const Answers first = take_for_turn(answers);
  EXPECT_THAT(values_of(first.samples), ElementsAre(1));
  EXPECT_THAT(values_of(first.judged), ElementsAre(2));
  EXPECT_EQ(first.judged_version, "v2");
  const Answers second = take_for_turn(answers);
  EXPECT_THAT(values_of(second.samples), ElementsAre(1));
  EXPECT_THAT(second.judged, IsEmpty());
}

TEST(Observe, hands_on_what_the_metric_source_said) {
  const Managed app = managed(std::make_shared<MemoryCloud>());
  FakeProbe probe;
  const Answers answers{.samples = samples_of({1, 2}), .judged = samples_of({3}), .judged_version = "v2"};
  const Observation seen = observe(app, {}, {}, answers, probe, {}, {});
  EXPECT_THAT(values_of(seen.samples), ElementsAre(1, 2));
  EXPECT_THAT(values_of(seen.judged), ElementsAre(3));
  EXPECT_EQ(seen.judged_version, "v2");
}

TEST(Observe, tells_the_probe_whom_to_watch_and_takes_what_it_knows) {
  const Managed app = managed(std::make_shared<MemoryCloud>());
  FakeProbe probe;
  probe.all_are(HealthStatus::healthy);
  Server dead = server("3", "app");
  dead.failure = "exited";
  Server unborn = server("4", "app");
  unborn.address.clear();
  const Listing listing{.listed = true, .detail = {}, .servers = {server("1", "app"), server("2", "app"), dead, unborn}};
  const Observation seen = observe(app, {}, listing, {}, probe, TimePoint{Duration{5}}, {});
  EXPECT_EQ(probe.watched("app"), 2U);
  ASSERT_EQ(seen.servers.size(), 4U);
  EXPECT_EQ(seen.servers[0].health.status, HealthStatus::healthy);
  EXPECT_EQ(seen.servers[2].health.status, HealthStatus::unknown);
  EXPECT_EQ(seen.at, TimePoint{Duration{5}});
}

TEST(Observe, without_a_list_the_remembered_servers_are_still_watched) {
  const Managed app = managed(std::make_shared<MemoryCloud>());
  FakeProbe probe;
  Memory memory;
  memory.servers = {{.id = "1", .address = "10.0.0.1:1"}};
  const Observation seen = observe(app, memory, {.listed = false, .detail = "api: 503"}, {}, probe, {}, {});
  EXPECT_FALSE(seen.listed);
  EXPECT_EQ(seen.listed_detail, "api: 503");
  EXPECT_EQ(probe.watched("app"), 1U);
  ASSERT_EQ(seen.servers.size(), 1U);
  EXPECT_FALSE(seen.servers[0].listed);
}

TEST(Observe, asks_balancers_about_the_connections_of_draining_servers) {
  Managed app = managed(std::make_shared<MemoryCloud>());
  app.balancers.push_back(std::make_unique<FakeBalancer>(std::make_shared<BalancerWatch>()));
  FakeProbe probe;
  Memory memory;
  memory.servers = {{.id = "1", .address = "10.0.0.1:1", .drain_at = TimePoint{}}, {.id = "2", .address = "10.0.0.1:2"}};
  const Observation seen = observe(app, memory, {}, {}, probe, {}, {});
  ASSERT_EQ(seen.balancers.size(), 1U);
  ASSERT_TRUE(seen.balancers[0].connections);
  EXPECT_THAT(*seen.balancers[0].connections, ElementsAre(BalancerView::Connections{"10.0.0.1:1", 0}));
}

TEST(ApplyAction, launches_and_terminates_and_says_how_it_ended) {
  const auto cloud = std::make_shared<MemoryCloud>();
  const Managed app = managed(cloud);
  auto outcome = apply_action(app, {.kind = Action::Kind::launch, .server = "app-1", .version = "v1"}, {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, Outcome::Kind::launch);
  EXPECT_EQ(outcome->subject, "app-1");
  EXPECT_FALSE(outcome->error);
  ASSERT_EQ(cloud->servers().size(), 1U);
  outcome = apply_action(app, {.kind = Action::Kind::terminate, .server = cloud->servers()[0].id}, {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, Outcome::Kind::terminate);
  EXPECT_EQ(cloud->list({})->size(), 0U);
}

TEST(ApplyAction, a_refusal_is_part_of_the_outcome) {
  const auto cloud = std::make_shared<MemoryCloud>();
  cloud->fail_launches(Error{ErrorKind::out_of_capacity, "sold out"});
  const auto outcome = apply_action(managed(cloud), {.kind = Action::Kind::launch, .server = "app-1"}, {});
  ASSERT_TRUE(outcome && outcome->error);
  EXPECT_EQ(outcome->error->message, "sold out");
}

TEST(ApplyAction, traffic_actions_are_the_balancers_business) {
  const auto cloud = std::make_shared<MemoryCloud>();
  EXPECT_FALSE(apply_action(managed(cloud), {.kind = Action::Kind::admit, .server = "1"}, {}));
  EXPECT_FALSE(apply_action(managed(cloud), {.kind = Action::Kind::drain, .server = "1"}, {}));
}

TEST(ApplyBalancers, waits_for_all_and_names_every_failure) {
  Managed app = managed(std::make_shared<MemoryCloud>());
  const std::vector<std::shared_ptr<BalancerWatch>> watches = {std::make_shared<BalancerWatch>(), std::make_shared<BalancerWatch>(),
                                                               std::make_shared<BalancerWatch>()};
  for (const auto& watch : watches) app.balancers.push_back(std::make_unique<FakeBalancer>(watch));
  watches[0]->fail(Error{ErrorKind::unavailable, "nginx -t failed"});
  watches[2]->fail(Error{ErrorKind::denied, "socket refused"});
  Plan plan;
  plan.peers = {{.server = "1", .address = "10.0.0.1:1"}};
  EXPECT_EQ(apply_balancers(app, plan), "nginx -t failed; socket refused");
  EXPECT_EQ(watches[1]->peers(), plan.peers);
}

// ---- preview ----------------------------------------------------------------------------------------------------------------

/// Two servers of v1 that serve, and of v2 one that waits, one that is sick and one that leaves.
Record in_a_deploy() {
  const auto server = [](std::string id, std::string version, Phase phase, HealthStatus health) {
    return Server{.id = id, .address = id + ":80", .version = std::move(version), .phase = phase, .health = {health, ""}};
  };
  Record record;
  record.plan.peers = {{.server = "a", .address = "a:80"}, {.server = "b", .address = "b:80"}};
  record.servers = {server("a", "v1", Phase::in_service, HealthStatus::healthy),
                    server("b", "v1", Phase::in_service, HealthStatus::healthy),
                    server("z", "v2", Phase::warming, HealthStatus::healthy),
                    server("y", "v2", Phase::in_service, HealthStatus::healthy),
                    server("sick", "v2", Phase::warming, HealthStatus::unhealthy),
                    server("leaves", "v2", Phase::draining, HealthStatus::healthy)};
  record.rollout = Rollout{.version = "v2", .from = "v1"};
  return record;
}

std::vector<std::string> addresses_of(const std::vector<Peer>& peers) {
  std::vector<std::string> addresses;
  for (const Peer& peer : peers) addresses.push_back(peer.address);
  return addresses;
}

TEST(Preview, has_the_healthy_servers_of_the_new_version_whether_they_serve_or_not) {
  EXPECT_THAT(addresses_of(preview_peers(in_a_deploy())), ElementsAre("y:80", "z:80"));
}

TEST(Preview, has_those_that_serve_without_a_deploy_on_its_way_back_after_its_end_and_before_there_is_a_new_one) {
  Record record = in_a_deploy();
  record.rollout->direction = Rollout::Direction::back;
  EXPECT_THAT(addresses_of(preview_peers(record)), ElementsAre("a:80", "b:80"));
  record = in_a_deploy();
  record.rollout->ended_at = record.at;
  EXPECT_THAT(addresses_of(preview_peers(record)), ElementsAre("a:80", "b:80"));
  record = in_a_deploy();
  record.rollout->version = "v3";
  EXPECT_THAT(addresses_of(preview_peers(record)), ElementsAre("a:80", "b:80"));
  record.rollout.reset();
  EXPECT_THAT(addresses_of(preview_peers(record)), ElementsAre("a:80", "b:80"));
}

}  // namespace
}  // namespace weir
