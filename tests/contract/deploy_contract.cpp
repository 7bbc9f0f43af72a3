#include "tests/contract/deploy_contract.h"

#include <gmock/gmock.h>

#include "controller/reconcile/classify.h"

namespace weir {

using namespace std::chrono_literals;
using testing::HasSubstr;

DeployContract::DeployContract() {
  group_.version = version(1);
  group_.min = kServers;
  group_.chooses_victim = true;
  group_.balancers = {{.name = "nginx", .type = "nginx"}};
  group_.drain_timeout = 10s;
  group_.deploy.max_surge = {1, false};
  group_.deploy.steps = {{.percent = 25, .soak = 2s}, {.percent = 50, .soak = 2s}};
  memory_.nonce = "n0";
  memory_.desired = kServers;
}

/// As observe() would see it: what has an address is asked for its health.
std::vector<Server> DeployContract::look() {
  const Group* const groups[] = {&group_};
  std::vector<Server> servers = list(groups);
  healthy_.clear();
  for (Server& server : servers) {
    server.launched_at = seen_.try_emplace(server.id, now_).first->second;
    const auto asked = launched_.find(server.token);
    if (asked != launched_.end()) {
      EXPECT_EQ(server.version, asked->second) << server.id << " was launched as another";
    }
    if (server.failure.empty() && server.phase != Phase::terminating) {
      EXPECT_EQ(harness_->made_of(server), server.version) << server.id;
    }
    const bool runs = server.phase == Phase::warming && server.failure.empty();
    if (runs && !sick_.contains(server.version)) healthy_[server.id] = server.address;
  }
  return servers;
}

void DeployContract::turn() {
  now_ += 1s;
  harness_->pass(1s);
  const std::vector<Server> servers = look();
  Observation seen{.at = now_, .listed = true};
  seen.servers = with_remembered(group_, &servers, memory_);
  for (Server& server : seen.servers) {
    server.health = healthy_.contains(server.id) ? Health{HealthStatus::healthy, {}} : Health{HealthStatus::unhealthy, "no answer"};
  }
  seen.balancers = {{.known = true, .in_force = true, .peers = peers_, .connections = std::vector<BalancerView::Connections>()}};
  seen.outcomes = std::exchange(outcomes_, {});
  seen.orders = std::exchange(orders_, {});
  Turn turn = reconcile(group_, {}, std::move(seen), memory_);
  memory_ = std::move(turn.memory);
  check(turn.plan);
  apply(turn.plan);
}

void DeployContract::check(const Plan& plan) const {
  EXPECT_EQ(plan.refused, "");
  if (!begun_) return;
  const auto serving = std::ranges::count_if(plan.peers, [this](const Peer& peer) { return healthy_.contains(peer.server); });
  EXPECT_GE(serving, kServers) << "of those that get traffic";
}

void DeployContract::apply(const Plan& plan) {
  if (plan.write_balancers) peers_ = plan.peers;
  for (const Action& action : plan.actions) {
    if (action.kind == Action::Kind::launch) {
      launched_[action.server] = action.version;
      const Result<Server> made = provider_->launch({group_, action.server, action.version}, {});
      outcomes_.push_back({Outcome::Kind::launch, action.server, made ? std::optional<Error>() : made.error(), {}});
      if (!made) last_errors_.push_back(made.error().message);
    }
    if (action.kind == Action::Kind::terminate) {
      const Result<void> gone = provider_->terminate(group_, action.server, {});
      outcomes_.push_back({Outcome::Kind::terminate, action.server, gone ? std::optional<Error>() : gone.error(), {}});
    }
  }
}

void DeployContract::begin() {
  ASSERT_TRUE(turns_until([this] { return healthy_.size() == kServers && peers_.size() == kServers; }));
  begun_ = true;
}

void DeployContract::order(Order::Kind kind, const std::string& to, Strategy strategy) {
  orders_.push_back({.kind = kind, .version = to, .strategy = strategy, .until = {}, .at = now_, .by = "anna"});
}

std::map<std::string, int> DeployContract::versions() {
  std::map<std::string, int> count;
  for (const Server& server : look()) ++count[server.version];
  return count;
}

namespace {

using Counts = std::map<std::string, int>;

}  // namespace

TEST_P(DeployContract, every_strategy_brings_all_servers_to_the_version_also_over_a_restart_of_weir) {
  ASSERT_NO_FATAL_FAILURE(begin());
  EXPECT_EQ(versions(), (Counts{{version(1), kServers}}));
  int next = 2;
  for (const Strategy strategy : {Strategy::rolling, Strategy::blue_green, Strategy::canary}) {
    SCOPED_TRACE(to_string(strategy));
    const std::string to = version(next++);
    order(Order::Kind::deploy, to, strategy);
    ASSERT_TRUE(turns_until([&] { return versions().contains(to); }));
    restart_weir();
    ASSERT_TRUE(ends());
    EXPECT_EQ(versions(), (Counts{{to, kServers}}));
    EXPECT_EQ(memory_.rollout->end, Rollout::End::done) << memory_.rollout->why_back;
  }
  memory_.desired = kServers + 1;
  wanted_ = kServers + 1;
  ASSERT_TRUE(turns_until([this] { return versions()[version(4)] == kServers + 1; })) << "what it launches is what it runs";
}

TEST_P(DeployContract, a_scale_out_in_the_middle_has_servers_of_both_and_an_abort_takes_all_of_the_new_away) {
  group_.deploy.pause_at = {50};
  ASSERT_NO_FATAL_FAILURE(begin());
  order(Order::Kind::deploy, version(2));
  ASSERT_TRUE(turns_until([this] { return memory_.rollout && memory_.rollout->at_checkpoint; }));
  memory_.desired = 6;
  wanted_ = 6;
  ASSERT_TRUE(turns_until([this] { return peers_.size() == 6 && memory_.servers.size() == 6; }));
  const Counts both = versions();
  EXPECT_EQ(both.size(), 2U);
  EXPECT_EQ(both.at(version(2)), 3) << "half of the new size";
  order(Order::Kind::abort);
  ASSERT_TRUE(ends());
  EXPECT_EQ(memory_.rollout->end, Rollout::End::went_back);
  EXPECT_EQ(versions(), (Counts{{version(1), 6}}));
}

TEST_P(DeployContract, a_version_whose_servers_are_never_healthy_goes_back) {
  ASSERT_NO_FATAL_FAILURE(begin());
  group_.health.deadline = 20s;
  sick_.insert(version(2));
  for (const Strategy strategy : {Strategy::rolling, Strategy::blue_green}) {
    SCOPED_TRACE(to_string(strategy));
    order(Order::Kind::deploy, version(2), strategy);
    ASSERT_TRUE(turns_until([this] { return is_active(memory_.rollout); }));
    ASSERT_TRUE(ends());
    EXPECT_EQ(memory_.rollout->end, Rollout::End::went_back);
    EXPECT_THAT(memory_.rollout->why_back, HasSubstr("never healthy"));
    EXPECT_EQ(versions(), (Counts{{version(1), kServers}}));
  }
}

TEST_P(DeployContract, a_version_that_cannot_be_launched_goes_back) {
  if (harness_->broken_version().empty()) GTEST_SKIP() << "here every version can be launched";
  ASSERT_NO_FATAL_FAILURE(begin());
  order(Order::Kind::deploy, harness_->broken_version());
  ASSERT_TRUE(turns_until([this] { return is_active(memory_.rollout); }));
  ASSERT_TRUE(ends()) << testing::PrintToString(last_errors_);
  EXPECT_EQ(memory_.rollout->end, Rollout::End::went_back);
  EXPECT_EQ(versions(), (Counts{{version(1), kServers}}));
  memory_.desired = kServers + 1;
  ASSERT_TRUE(turns_until([this] { return versions()[version(1)] == kServers + 1; })) << "and the old one can still be launched";
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DeployContract);

}  // namespace weir
