// The simulator itself: what a fleet goes through under a load that is known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "controller/simulate/outlook.h"
#include "controller/simulate/simulate.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr TimePoint kBegin{std::chrono::hours(500'000)};

/// A load in pieces: each value lasts so long; one sample a minute.
Trace load_of(const std::vector<std::pair<double, Duration>>& pieces) {
  Trace trace{.name = "load", .step = 1min};
  TimePoint at = kBegin;
  for (const auto& [value, length] : pieces) {
    for (const TimePoint end = at + length; at < end; at += 1min) {
      trace.at.push_back(at);
      trace.load.push_back(value);
    }
  }
  return trace;
}

PolicySpec tracking(double target) {
  PolicySpec spec{.name = "rps", .type = "target_tracking"};
  spec.settings.set("query", std::string("rps"));
  spec.settings.set("value", std::string("total"));
  spec.settings.set("target", target);
  spec.settings.set("tolerance", 0.1);
  return spec;
}

/// Servers that carry 100 each and are kept at 70.
struct Rehearsal {
  Group group{.name = "app", .provider = "memory", .version = "v1", .min = 1, .max = 10};
  SimulateOptions options{.model = {.capacity = 100}};

  Rehearsal() {
    group.policies = {tracking(70)};
    group.warm_up = 0s;
    group.scale_in.stabilization_window = 300s;
    group.balancers = {{.name = "nginx", .type = "nginx"}};
  }
  Simulation over(const Trace& trace) const { return simulate(group, make_policies(group), trace, options); }
};

TEST(Simulate, a_load_that_stays_changes_nothing) {
  const Simulation result = Rehearsal().over(load_of({{140, 6h}}));
  EXPECT_THAT(result.decisions, IsEmpty());
  EXPECT_EQ(result.violation_ratio, 0);
  EXPECT_EQ(result.servers_min, 2);
  EXPECT_EQ(result.servers_max, 2);
  EXPECT_NEAR(result.servers_hours, 2 * 5.98, 0.05);
}

TEST(Simulate, a_load_that_jumps_is_short_until_servers_have_booted) {
  Rehearsal rehearsal;
  rehearsal.options.model.boot = 3min;
  rehearsal.options.model.metric_delay = 30s;
  const Simulation result = rehearsal.over(load_of({{140, 1h}, {350, 1h}}));
  ASSERT_FALSE(result.decisions.empty());
  EXPECT_EQ(result.decisions.front().from, 2);
  EXPECT_EQ(result.decisions.back().to, 5);
  // Drawn from 140 to 350 within a minute; seen 30 s late, carried out 3 minutes after that.
  EXPECT_GT(result.slo_lost, 3min);
  EXPECT_LT(result.slo_lost, 5min);
  EXPECT_GT(result.violation_ratio, 0);
  EXPECT_LT(result.lost_ratio, result.violation_ratio);
}

TEST(Simulate, what_waits_for_a_server_is_not_lost) {
  Rehearsal rehearsal;
  const Trace trace = load_of({{140, 1h}, {230, 1h}});
  const double lost = rehearsal.over(trace).lost_ratio;
  rehearsal.options.model.queue = 10min;
  const Simulation patient = rehearsal.over(trace);
  EXPECT_GT(lost, 0);
  EXPECT_EQ(patient.lost_ratio, 0);
}

TEST(Simulate, parts_hold_what_happened_in_them_and_add_up) {
  Rehearsal rehearsal;
  rehearsal.group.cost = CostRule{.per_hour = 2, .currency = "USD"};
  const Trace trace = load_of({{140, 1h}, {350, 1h}, {140, 2h}});
  rehearsal.options.cuts = {kBegin + 55min, kBegin + 2h};
  const Simulation result = rehearsal.over(trace);
  ASSERT_EQ(result.parts.size(), 3U);
  EXPECT_EQ(result.parts[0].over, 0);
  EXPECT_GT(result.parts[1].over, 0) << "the jump";
  EXPECT_EQ(result.parts[2].over, 0);
  EXPECT_NEAR(result.parts[0].servers_hours, 2 * 55 / 60.0, 0.01);
  SimulatedPart sum;
  for (const SimulatedPart& part : result.parts) {
    sum.arrived += part.arrived;
    sum.over += part.over;
    sum.servers_hours += part.servers_hours;
    sum.cost += part.cost;
    sum.scale_actions += part.scale_actions;
  }
  EXPECT_NEAR(sum.over / sum.arrived, result.violation_ratio, 1e-12);
  EXPECT_NEAR(sum.servers_hours, result.servers_hours, 1e-9);
  EXPECT_NEAR(sum.cost, *result.cost, 1e-9);
  EXPECT_EQ(sum.scale_actions, result.scale_actions);
  EXPECT_GT(result.parts[2].scale_actions, 0) << "back again";
}

TEST(Simulate, is_the_same_every_time) {
  Rehearsal rehearsal;
  rehearsal.options.model.noise = 0.2;
  const Trace trace = load_of({{140, 3h}, {400, 2h}, {100, 3h}});
  const Simulation first = rehearsal.over(trace);
  const Simulation second = rehearsal.over(trace);
  EXPECT_EQ(simulation_json({&first, 1}), simulation_json({&second, 1}));
  rehearsal.options.model.seed = 2;
  const Simulation other = rehearsal.over(trace);
  EXPECT_NE(simulation_json({&first, 1}), simulation_json({&other, 1}));
}

TEST(Simulate, an_outage_of_the_metrics_shrinks_nothing) {
  Rehearsal rehearsal;
  rehearsal.options.model.faults = {{Fault::Kind::prometheus, 59min, 3h}};
  const Simulation result = rehearsal.over(load_of({{350, 1h}, {70, 4h}}));
  for (const SimulatedDecision& decision : result.decisions) {
    EXPECT_GE(decision.at, kBegin + 59min + 3h) << decision.from << " to " << decision.to << ": " << decision.why;
  }
  ASSERT_FALSE(result.decisions.empty());
  EXPECT_EQ(result.decisions.back().to, 1);
}

TEST(Simulate, an_outage_of_the_provider_holds_everything) {
  Rehearsal rehearsal;
  rehearsal.options.model.faults = {{Fault::Kind::provider, 30min, 1h}};
  const Simulation result = rehearsal.over(load_of({{140, 40min}, {350, 3h}}));
  for (const SimulatedDecision& decision : result.decisions) EXPECT_GE(decision.at, kBegin + 90min);
  EXPECT_EQ(result.servers_max, 5);
}

TEST(Simulate, a_provider_without_room_is_asked_again_until_it_has) {
  Rehearsal rehearsal;
  rehearsal.options.model.faults = {{Fault::Kind::quota, 30min, 1h}};
  const Simulation full = rehearsal.over(load_of({{140, 40min}, {350, 3h}}));
  EXPECT_EQ(full.servers_max, 5);
  EXPECT_GT(full.slo_lost, 45min) << "short as long as there was no room";
  EXPECT_LT(full.slo_lost, 70min) << "and made good soon after";
}

TEST(Simulate, servers_that_boot_slowly_serve_late) {
  Rehearsal rehearsal;
  const Trace trace = load_of({{140, 40min}, {350, 3h}});
  const Duration usual = rehearsal.over(trace).slo_lost;
  rehearsal.options.model.faults = {{Fault::Kind::slow_boot, 30min, 1h}};
  EXPECT_GT(rehearsal.over(trace).slo_lost, usual + 7min) << "two minutes became ten";
}

TEST(Simulate, a_balancer_that_takes_nothing_gives_new_servers_no_traffic) {
  Rehearsal rehearsal;
  const Trace trace = load_of({{140, 40min}, {350, 3h}});
  rehearsal.options.model.faults = {{Fault::Kind::balancer, 30min, 1h}};
  const Simulation result = rehearsal.over(trace);
  EXPECT_GT(result.slo_lost, 45min);
  EXPECT_LT(result.slo_lost, 70min);
}

TEST(Simulate, what_was_not_recorded_is_not_judged) {
  // Between 140 and 500 lie ten minutes without a sample: drawn across the hole, the load outgrows servers that boot for ten.
  Trace trace = load_of({{140, 1h}, {300, 10min}, {500, 1h}});
  trace.at.erase(trace.at.begin() + 60, trace.at.begin() + 70);
  trace.load.erase(trace.load.begin() + 60, trace.load.begin() + 70);
  trace.gaps = {{trace.at[59], trace.at[60]}};
  Rehearsal rehearsal;
  rehearsal.options.model.boot = 10min;
  const Simulation result = rehearsal.over(trace);
  EXPECT_EQ(result.gaps.size(), 1U);
  trace.step = 20min;  // then it is no hole
  EXPECT_LT(result.slo_lost + 5min, rehearsal.over(trace).slo_lost);
}

TEST(Simulate, a_paid_hour_is_paid_for_as_a_whole_and_used) {
  Rehearsal rehearsal;
  rehearsal.group.cost = CostRule{.per_hour = 1, .currency = "USD", .billing_period = 1h};
  rehearsal.group.drain_timeout = 0s;
  const Trace trace = load_of({{140, 1h}, {350, 20min}, {140, 3h}});
  const Simulation paid = rehearsal.over(trace);
  rehearsal.group.cost->billing_period = 0s;
  const Simulation momentary = rehearsal.over(trace);
  EXPECT_GT(paid.servers_hours, momentary.servers_hours + 1) << "three servers stay for most of their hour";
  EXPECT_GT(*paid.cost, *momentary.cost);
  EXPECT_NEAR(*momentary.cost, momentary.servers_hours, 0.01);
}

/// When actions of this kind were decided, after the beginning.
std::vector<Duration> times_of(Action::Kind kind, const Rehearsal& rehearsal, const Trace& trace) {
  std::vector<Duration> times;
  const auto watch = [&](const Turn& turn) {
    for (const Action& action : turn.plan.actions) {
      if (action.kind == kind && action.why != kNotGoneYet) times.push_back(turn.observation.at - kBegin);
    }
  };
  const Policies policies = make_policies(rehearsal.group);
  SimulatedWorld world(rehearsal.group, policies, trace, rehearsal.options.model);
  while (world.advance(watch)) {
  }
  return times;
}

TEST(Simulate, turns_come_when_the_loop_would_take_them_and_not_at_whole_steps) {
  Rehearsal rehearsal;
  rehearsal.options.model.boot = 33'300ms;
  const Trace trace = load_of({{140, 30min}, {210, 30min}, {140, 30min}});
  const auto launches = times_of(Action::Kind::launch, rehearsal, trace);
  const auto drains = times_of(Action::Kind::drain, rehearsal, trace);
  ASSERT_EQ(launches.size(), 1U);
  ASSERT_EQ(drains.size(), 1U);
  EXPECT_EQ(times_of(Action::Kind::admit, rehearsal, trace), std::vector{launches[0] + 33'300ms});
  // Half a second to see it out of the balancer, and a second of quiet.
  EXPECT_EQ(times_of(Action::Kind::terminate, rehearsal, trace), std::vector{drains[0] + 1500ms});
}

TEST(Simulate, a_drain_takes_its_whole_time_where_no_balancer_carries_traffic) {
  Rehearsal rehearsal;
  const Trace trace = load_of({{350, 1h}, {140, 1h}});
  const Simulation counted = rehearsal.over(trace);
  rehearsal.group.balancers = {{.name = "file_sd", .type = "file_sd"}};
  const Simulation uncounted = rehearsal.over(trace);
  EXPECT_NEAR(uncounted.servers_hours, counted.servers_hours + 3 * 58.5 / 3600, 0.01)
      << "three servers stay a minute, not two seconds";
}

TEST(Simulate, forecasts_see_the_same_past_that_a_metric_source_would_keep) {
  Rehearsal rehearsal;
  PolicySpec& policy = rehearsal.group.policies.front();
  policy.type = "predictive";
  policy.settings.set("capacity", 100.0);
  policy.settings.set("confidence", 0.97);
  std::vector<std::pair<double, Duration>> days;
  for (int day = 0; day < 6; ++day) {
    days.emplace_back(500, 12h);
    days.emplace_back(100, 12h);
  }
  const Simulation result = rehearsal.over(load_of(days));
  rehearsal.group.policies = {tracking(70)};
  const Simulation reactive = rehearsal.over(load_of(days));
  EXPECT_LT(result.slo_lost, reactive.slo_lost / 2) << "the rise comes every day";
}

TEST(Simulate, says_what_it_took_for_granted) {
  Rehearsal rehearsal;
  rehearsal.group.policies.push_back({.name = "pg", .type = "guard"});
  rehearsal.group.policies.back().settings.set("query", std::string("pg"));
  rehearsal.group.policies.back().settings.set("below", 90.0);
  const Simulation result = rehearsal.over(load_of({{140, 1h}}));
  EXPECT_THAT(result.assumptions, testing::Contains("the query of rps is taken for load"));
  EXPECT_THAT(result.assumptions, testing::Contains("the query of pg is not simulated and has no data"));
}

// ---- faults as people write them

TEST(FaultText, names_what_when_and_how_long) {
  const auto fault = parse_fault("slow-boot@2h+10m");
  ASSERT_TRUE(fault) << fault.error().message;
  EXPECT_EQ(fault->kind, Fault::Kind::slow_boot);
  EXPECT_EQ(fault->begin, Duration(2h));
  EXPECT_EQ(fault->length, Duration(10min));
}

TEST(FaultText, anything_else_is_refused_by_what_is_wrong_with_it) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "expected WHAT@WHEN+HOW_LONG"},
      {"prometheus", "expected WHAT@WHEN+HOW_LONG"},
      {"prometheus@2h", "expected WHAT@WHEN+HOW"},
      {"prometheus+10m@2h", "expected WHAT@WHEN+HOW_LONG"},
      {"nginx@2h+10m", "expected one of prometheus"},
      {"@2h+10m", "expected one of prometheus"},
      {"quota@+10m", "after the '@'"},
      {"quota@2h+", "after the '+'"},
      {"quota@2+10m", "after the '@'"},
      {"quota@2h+10m+1", "after the '+'"},
  };
  for (const auto& [text, why] : cases) {
    const auto fault = parse_fault(text);
    ASSERT_FALSE(fault) << text;
    EXPECT_THAT(fault.error().message, HasSubstr(why)) << text;
  }
}

// ---- what follows a plan

/// The turn of a group whose servers are all healthy, and whose policies are told this.
Turn turn_of(const Group& group, int servers, double value) {
  Observation seen{.at = kBegin, .listed = true};
  Memory memory{.nonce = "n",
                .next_token = 100,
                .desired = servers,
                .version = "v1",
                .turned_at = kBegin - 15s,
                .watched_since = kBegin - 60s};
  for (int number = 1; number <= servers; ++number) {
    const std::string id = "s" + std::to_string(number);
    const std::string address = id + ":80";
    seen.servers.push_back({.id = id,
                            .group = group.name,
                            .token = "app-n-" + std::to_string(number),
                            .address = address,
                            .version = "v1",
                            .phase = Phase::warming,
                            .health = {.status = HealthStatus::healthy},
                            .launched_at = kBegin - 24h});
    memory.servers.push_back({.id = id,
                              .token = seen.servers.back().token,
                              .address = address,
                              .version = "v1",
                              .launched_at = kBegin - 24h,
                              .seen_at = kBegin,
                              .admitted_at = kBegin - 23h});
  }
  seen.samples = {{.status = Sample::Status::ok, .value = value}};
  return reconcile(group, make_policies(group), std::move(seen), std::move(memory));
}

TEST(Outlook, a_settled_group_has_nothing_before_it) {
  const Rehearsal rehearsal;
  const Turn turn = turn_of(rehearsal.group, 2, 140);
  EXPECT_THAT(outlook(rehearsal.group, make_policies(rehearsal.group), turn), IsEmpty());
}

TEST(Outlook, tells_when_a_window_will_let_it_shrink) {
  const Rehearsal rehearsal;
  const Turn turn = turn_of(rehearsal.group, 4, 140);
  EXPECT_EQ(turn.plan.decision.desired, 4) << "the stabilization window holds it";
  const auto steps = outlook(rehearsal.group, make_policies(rehearsal.group), turn);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].from, 4);
  EXPECT_EQ(steps[0].to, 2);
  EXPECT_EQ(steps[0].after, Duration(240s)) << "what is left of 300 s";
}

TEST(Outlook, values_per_server_fall_when_servers_are_added) {
  Rehearsal rehearsal;
  PolicySpec policy{.name = "cpu", .type = "threshold"};
  policy.settings.set("query", std::string("cpu"));
  policy.settings.set("above", 70.0);
  policy.settings.set("for", Duration(60s));
  policy.settings.set("change", Change{Change::Kind::by_servers, 1});
  rehearsal.group.policies = {policy};
  rehearsal.group.warm_up = 30s;
  const Turn turn = turn_of(rehearsal.group, 2, 100);
  EXPECT_EQ(turn.plan.decision.desired, 2);
  const auto steps = outlook(rehearsal.group, make_policies(rehearsal.group), turn);
  ASSERT_EQ(steps.size(), 1U) << "100 on two servers is 67 on three";
  EXPECT_EQ(steps[0].to, 3);
  EXPECT_EQ(steps[0].after, Duration(60s));
}

TEST(Outlook, a_price_is_told_before_and_after) {
  Rehearsal rehearsal;
  rehearsal.group.cost = CostRule{.per_hour = 0.5, .currency = "EUR"};
  const Turn turn = turn_of(rehearsal.group, 2, 350);
  const Cost cost = cost_of(rehearsal.group, turn);
  EXPECT_EQ(cost.per_hour_before, 1.0);
  EXPECT_EQ(cost.per_hour_after, 0.5 * turn.plan.decision.desired);
  EXPECT_GT(turn.plan.decision.desired, 2);
  EXPECT_EQ(cost.currency, "EUR");
}

TEST(Outlook, without_a_cost_of_the_groups_own_the_providers_prices_count) {
  const Rehearsal rehearsal;
  Turn turn = turn_of(rehearsal.group, 2, 350);
  EXPECT_FALSE(cost_of(rehearsal.group, turn).per_hour_before);
  turn.observation.servers[0].price = Price{.per_hour = 0.2, .currency = "USD"};
  EXPECT_FALSE(cost_of(rehearsal.group, turn).per_hour_before) << "not of all is the price known";
  turn.observation.servers[1].price = Price{.per_hour = 0.4, .currency = "USD"};
  const Cost cost = cost_of(rehearsal.group, turn);
  EXPECT_DOUBLE_EQ(cost.per_hour_before.value_or(0), 0.6);
  EXPECT_DOUBLE_EQ(cost.per_hour_after.value_or(0), 0.3 * turn.plan.decision.desired);
  EXPECT_EQ(cost.currency, "USD");
}

}  // namespace
}  // namespace weir
