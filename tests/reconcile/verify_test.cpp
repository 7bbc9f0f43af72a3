#include "controller/reconcile/verify.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;
using Kind = Action::Kind;

/// A sound plan for a group of three that drains s3; each test spoils one thing.
struct Case {
  Group group{.name = "app", .min = 1, .max = 4};
  TimePoint now{500'000h};
  Observation seen{.at = now, .listed = true};
  Classified classified;
  Memory memory{.desired = 2};
  Plan plan{.decision = {.previous = 3, .desired = 2, .min = 1, .max = 4}};

  Case() {
    for (const char* id : {"s1", "s2", "s3"}) {
      const std::string address = std::string(id) + ":80";
      classified.servers.push_back({.id = id, .address = address, .phase = Phase::in_service, .health = {HealthStatus::healthy}});
      memory.servers.push_back({.id = id, .address = address, .admitted_at = now - 1h});
      plan.peers.push_back({.server = id, .address = address});
    }
    seen.balancers = {{.known = true, .in_force = true, .peers = plan.peers}};
  }
  void act(Kind kind, const std::string& id) { plan.actions.push_back({.kind = kind, .server = id, .address = id + ":80"}); }
  void drain(std::size_t index) {
    classified.servers[index].phase = Phase::draining;
    memory.servers[index].drain_at = now;
    act(Kind::drain, classified.servers[index].id);
  }
  /// s3 drained a minute ago, has left the balancer, and is terminated now.
  void terminate_drained() {
    classified.servers[2].phase = Phase::terminating;
    memory.servers[2].drain_at = now - 1min;
    memory.servers[2].terminate_at = now;
    plan.peers.pop_back();
    seen.balancers[0].peers = plan.peers;
    act(Kind::terminate, "s3");
  }
  std::string verdict() const { return verify(group, seen, classified, memory, plan); }
};

TEST(Verify, passes_what_is_safe) {
  Case one;
  EXPECT_EQ(one.verdict(), "");
  one.drain(2);
  one.plan.peers.pop_back();
  EXPECT_EQ(one.verdict(), "");
  Case two;
  two.terminate_drained();
  two.act(Kind::launch, "app-n0-1");
  EXPECT_EQ(two.verdict(), "");
}

TEST(Verify, refuses_a_size_outside_min_and_max) {
  Case one;
  one.plan.decision.desired = 5;
  EXPECT_EQ(one.verdict(), "desired 5 is outside 1 to 4");
  one.plan.decision.desired = 0;
  EXPECT_EQ(one.verdict(), "desired 0 is outside 1 to 4");
  one.group.elastic = false;
  EXPECT_EQ(one.verdict(), "");
  one.group.elastic = true;
  one.memory.desired.reset();
  EXPECT_EQ(one.verdict(), "") << "no size is known yet";
}

TEST(Verify, refuses_launches_beyond_max) {
  Case one;
  one.act(Kind::launch, "app-n0-1");
  EXPECT_EQ(one.verdict(), "");
  one.act(Kind::launch, "app-n0-2");
  EXPECT_EQ(one.verdict(), "2 launches on top of 3 servers exceed max 4");
}

TEST(Verify, a_fleet_that_is_too_large_already_may_still_be_acted_on) {
  Case one;
  one.group.max = 2;
  one.drain(2);
  EXPECT_EQ(one.verdict(), "");
}

TEST(Verify, refuses_drains_below_min) {
  Case one;
  one.plan.decision.min = 2;
  one.drain(2);
  EXPECT_EQ(one.verdict(), "");
  one.drain(1);
  EXPECT_EQ(one.verdict(), "1 servers would be left in service, min is 2");
}

TEST(Verify, a_drain_of_an_unhealthy_server_takes_nothing_unless_the_check_is_suspected) {
  Case one;
  one.plan.decision.min = one.plan.decision.desired = 3;
  one.drain(2);
  one.classified.servers[2].health.status = HealthStatus::unhealthy;
  EXPECT_EQ(one.verdict(), "");
  one.classified.probe_suspected = true;
  EXPECT_EQ(one.verdict(), "2 servers would be left in service, min is 3");
}

TEST(Verify, refuses_a_drain_of_what_is_protected_or_not_there) {
  Case one;
  one.drain(2);
  one.classified.servers[2].protection = "scale-in protection";
  EXPECT_EQ(one.verdict(), "drain of s3, which may not be removed: scale-in protection");
  Case other;
  other.act(Kind::drain, "s9");
  EXPECT_EQ(other.verdict(), "drain of a server that is not there: s9");
}

TEST(Verify, refuses_to_terminate_a_peer) {
  Case one;
  one.terminate_drained();
  one.plan.peers.push_back({.server = "s3", .address = "s3:80"});
  EXPECT_EQ(one.verdict(), "termination of a server that stays a peer: s3");
}

// Found by review: a replacement on the crashed server's port was called a bug, and the whole plan was refused.
TEST(Verify, what_is_gone_may_be_terminated_again_though_its_address_serves_again) {
  Case one;
  one.terminate_drained();
  one.memory.servers[2].terminate_at = one.now - 1s;
  one.classified.servers[2].listed = false;
  one.plan.peers.push_back({.server = "s4", .address = "s3:80"});
  EXPECT_EQ(one.verdict(), "");
  one.classified.servers[2].listed = true;
  EXPECT_EQ(one.verdict(), "termination of a server that stays a peer: s3");
}

TEST(Verify, refuses_to_terminate_what_was_not_drained_before_this_turn) {
  for (const bool now : {false, true}) {
    Case one;
    one.terminate_drained();
    one.memory.servers[2].drain_at.reset();
    if (now) one.memory.servers[2].drain_at = one.now;
    EXPECT_EQ(one.verdict(), "termination of a server in service that was not drained: s3");
  }
}

TEST(Verify, refuses_to_terminate_what_a_balancer_may_still_use) {
  for (int broken = 0; broken < 3; ++broken) {
    Case one;
    one.terminate_drained();
    BalancerView second = one.seen.balancers[0];
    if (broken == 0) second.known = false;
    if (broken == 1) second.in_force = false;
    if (broken == 2) second.peers.push_back({.address = "s3:80"});
    one.seen.balancers.push_back(second);
    EXPECT_EQ(one.verdict(), "termination of a server that may still get traffic: s3");
    one.classified.servers[2].health.status = HealthStatus::unhealthy;
    EXPECT_NE(one.verdict(), "");
    one.group.max = 1;
    one.group.min = 0;
    one.plan.decision.desired = 1;
    EXPECT_EQ(one.verdict(), "") << "in a group of one there is nobody to wait for";
  }
}

TEST(Verify, what_failed_or_never_served_or_is_asked_for_again_needs_no_drain) {
  Case failed;
  failed.terminate_drained();
  failed.memory.servers[2].drain_at.reset();
  failed.classified.servers[2].failure = "exited";
  EXPECT_EQ(failed.verdict(), "");
  Case fresh;
  fresh.terminate_drained();
  fresh.memory.servers[2].drain_at.reset();
  fresh.memory.servers[2].admitted_at.reset();
  EXPECT_EQ(fresh.verdict(), "");
  Case again;
  again.terminate_drained();
  again.memory.servers[2].drain_at.reset();
  again.memory.servers[2].terminate_at = again.now - 1s;
  EXPECT_EQ(again.verdict(), "");
  Case stranger;
  stranger.act(Kind::terminate, "s9");
  EXPECT_EQ(stranger.verdict(), "");
}

TEST(Verify, refuses_to_empty_a_balancer) {
  Case one;
  one.plan.peers.clear();
  EXPECT_EQ(one.verdict(), "") << "nothing is written";
  one.plan.write_balancers = true;
  EXPECT_EQ(one.verdict(), "the balancers would be left without any server");
  one.seen.balancers[0].peers.clear();
  EXPECT_EQ(one.verdict(), "");
}

}  // namespace
}  // namespace weir
