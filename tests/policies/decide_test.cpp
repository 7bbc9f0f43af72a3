#include "policies/decide.h"

#include <gmock/gmock.h>

#include "policies/constant.h"
#include "policies/cost.h"
#include "policies/schedule.h"
#include "tests/policies/fleets.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using Stance = Vote::Stance;

/// Votes as it was told to.
class Scripted final : public Policy {
 public:
  explicit Scripted(Vote vote) : vote_(std::move(vote)) {}
  [[nodiscard]] const std::string& name() const override { return vote_.policy; }
  [[nodiscard]] std::size_t query_count() const override { return 1; }
  [[nodiscard]] Vote vote(std::span<const Sample> samples, const Fleet&, TimePoint, PolicyMemory& memory) const override {
    memory.good_value += 1;
    Vote vote = vote_;
    if (vote.why.empty() && !samples.empty()) vote.why = samples.front().detail;
    return vote;
  }

 private:
  Vote vote_;
};

Vote wants(std::string policy, int servers) { return {.policy = std::move(policy), .stance = Stance::wants, .wants = servers}; }
Vote content(std::string policy) { return {.policy = std::move(policy), .stance = Stance::content}; }
Vote abstains(std::string policy) { return {.policy = std::move(policy), .stance = Stance::abstains}; }
Vote only_out(Vote vote) {
  vote.scales_in = false;
  return vote;
}
Vote only_in(Vote vote) {
  vote.scales_out = false;
  return vote;
}

/// One group over time; each turn is told how its policies vote.
struct Desk {
  Group group{.name = "app", .min = 0, .max = 100};
  Memory memory{.desired = 5, .watched_since = kNoon - 24h};
  TimePoint now = kNoon;

  Decision decide_with(std::vector<Vote> votes) {
    Policies policies;
    for (Vote& vote : votes) policies.push_back(std::make_unique<Scripted>(std::move(vote)));
    Observation seen{.at = now, .listed = true};
    seen.samples.resize(policies.size());
    return decide(group, policies, seen, TestFleet(*memory.desired, *memory.desired), memory);
  }
  /// What one policy that wants this many gets.
  int want(int servers) { return decide_with({wants("it", servers)}).desired; }
};

const Step& step_of(const Decision& decision, std::string_view stage) {
  return *std::ranges::find(decision.steps, stage, &Step::stage);
}

TEST(Decide, votes) {
  struct Case {
    const char* rule;
    std::vector<Vote> votes;
    int to;
    const char* why;
  };
  const Case cases[] = {
      {"nobody asked", {}, 5, "no policies"},
      {"all content", {content("a"), content("b")}, 5, "all content"},
      {"any may grow", {content("a"), wants("b", 6)}, 6, "b wants 6"},
      {"the largest grows", {wants("a", 9), wants("b", 7)}, 9, "a wants 9"},
      {"growing beats shrinking", {wants("a", 2), wants("b", 6)}, 6, "b wants 6"},
      {"growing does not need all data", {abstains("a"), wants("b", 6)}, 6, "b wants 6"},
      {"all must shrink", {wants("a", 2), content("b")}, 5, "a wants 2, but b does not"},
      {"the largest shrink wins", {wants("a", 2), wants("b", 4)}, 4, "all that scale in agree; b wants most: 4"},
      {"the order does not matter", {wants("a", 4), wants("b", 2)}, 4, "all that scale in agree; a wants most: 4"},
      {"missing data forbids shrinking", {wants("a", 2), abstains("b")}, 5, "b has no data it trusts, so nobody may scale in"},
      {"even of one who only grows",
       {wants("a", 2), only_out(abstains("b"))},
       5,
       "b has no data it trusts, so nobody may scale in"},
      {"who only grows has no say in shrinking",
       {wants("a", 2), only_out(content("b"))},
       2,
       "all that scale in agree; a wants most: 2"},
      {"nor can it shrink", {only_out(wants("a", 2))}, 5, "all content"},
      {"who only shrinks does not hinder growing", {only_in(content("a")), wants("b", 6)}, 6, "b wants 6"},
      {"wanting what is there is no wish to shrink", {wants("a", 2), wants("b", 5)}, 5, "a wants 2, but b does not"},
  };
  for (const Case& one : cases) {
    Desk desk;
    const Decision decision = desk.decide_with(one.votes);
    EXPECT_EQ(decision.desired, one.to) << one.rule;
    EXPECT_EQ(step_of(decision, "votes").why, one.why) << one.rule;
    EXPECT_EQ(desk.memory.desired, one.to);
    EXPECT_EQ(decision.votes.size(), one.votes.size());
  }
}

TEST(Decide, records_every_stage_in_its_order_also_when_nothing_changes) {
  Desk desk;
  for (const int size : {5, 9, 1}) {
    const Decision decision = desk.decide_with({wants("it", size)});
    std::vector<std::string_view> stages;
    int from = decision.previous;
    for (const Step& step : decision.steps) {
      stages.push_back(step.stage);
      EXPECT_EQ(step.from, from) << "steps follow on each other";
      EXPECT_FALSE(step.why.empty()) << step.stage;
      from = step.to;
    }
    EXPECT_THAT(stages, ElementsAre("votes", "stabilization_window", "cooldown", "rate_limits", "min_max"));
    EXPECT_EQ(from, decision.desired);
  }
}

TEST(Decide, min_and_max_bound_every_wish) {
  Desk desk;
  desk.group.min = 2;
  desk.group.max = 8;
  EXPECT_EQ(desk.want(1'000'000), 8);
  EXPECT_EQ(desk.want(0), 2);
  desk.now += desk.group.interval;
  EXPECT_EQ(step_of(desk.decide_with({wants("it", 1)}), "min_max").why, "min is 2");
}

TEST(Decide, new_bounds_of_the_configuration_count_at_once) {
  Desk desk;
  desk.group.scale_in.cooldown = 1h;
  desk.group.max = 3;
  const Decision down = desk.decide_with({abstains("it")});
  EXPECT_EQ(down.desired, 3);
  EXPECT_EQ(step_of(down, "min_max").why, "max is 3");
  desk.group.min = desk.group.max = 7;
  EXPECT_EQ(desk.decide_with({abstains("it")}).desired, 7);
}

TEST(Decide, scaling_out_waits_only_for_the_last_scale_out) {
  Desk desk;
  desk.group.scale_out.cooldown = 60s;
  desk.memory.scaled_in_at = kNoon - 1s;
  EXPECT_EQ(desk.want(6), 6);
  desk.now += 59s;
  const Decision held = desk.decide_with({wants("it", 7)});
  EXPECT_EQ(held.desired, 6);
  EXPECT_EQ(step_of(held, "cooldown").why, "1s left of 1m");
  desk.now += 1s;
  EXPECT_EQ(desk.want(7), 7);
}

TEST(Decide, scaling_in_waits_for_the_last_change_of_either_direction) {
  struct Case {
    std::optional<TimePoint> out;
    std::optional<TimePoint> in;
    bool allowed;
  };
  const Case cases[] = {
      {{}, {}, true},
      {kNoon - 299s, {}, false},
      {kNoon - 300s, {}, true},
      {{}, kNoon - 299s, false},
      {kNoon - 299s, kNoon - 900s, false},
      {kNoon - 900s, kNoon - 299s, false},
      {kNoon - 900s, kNoon - 300s, true},
  };
  for (const Case& one : cases) {
    Desk desk;
    desk.group.scale_in.cooldown = 300s;
    desk.memory.scaled_out_at = one.out;
    desk.memory.scaled_in_at = one.in;
    EXPECT_EQ(desk.want(4), one.allowed ? 4 : 5);
  }
}

TEST(Decide, remembers_when_it_scaled_and_only_then) {
  Desk desk;
  (void)desk.want(5);
  EXPECT_FALSE(desk.memory.scaled_out_at || desk.memory.scaled_in_at);
  (void)desk.want(6);
  EXPECT_EQ(desk.memory.scaled_out_at, kNoon);
  desk.now += 1min;
  (void)desk.want(5);
  EXPECT_EQ(desk.memory.scaled_out_at, kNoon);
  EXPECT_EQ(desk.memory.scaled_in_at, kNoon + 1min);
}

TEST(Decide, scales_in_to_the_highest_wish_of_the_window) {
  Desk desk;
  desk.group.scale_in.stabilization_window = 300s;
  EXPECT_EQ(desk.want(4), 4) << "watched long enough, and nobody wished more";
  desk.memory.desired = 10;
  struct Turn {
    Duration at;
    int wish;
    int gets;
  };
  const Turn turns[] = {{0s, 10, 10}, {100s, 6, 10}, {200s, 3, 10}, {299s, 3, 10},
                        {300s, 3, 6}, {399s, 2, 6},  {400s, 2, 3},  {699s, 2, 2}};
  desk.now = kNoon + 1h;
  for (const Turn& turn : turns) {
    desk.now = kNoon + 1h + turn.at;
    EXPECT_EQ(desk.want(turn.wish), turn.gets) << format_duration(turn.at);
  }
}

TEST(Decide, a_wish_beyond_desired_holds_but_does_not_grow_later) {
  Desk desk;
  desk.group.scale_in.stabilization_window = 300s;
  desk.group.max = 6;
  EXPECT_EQ(desk.want(50), 6);
  desk.now += 10s;
  EXPECT_EQ(desk.want(2), 6);
}

TEST(Decide, scales_out_to_the_lowest_wish_of_the_window) {
  Desk desk;
  desk.group.scale_out.stabilization_window = 60s;
  (void)desk.want(5);
  struct Turn {
    Duration at;
    int wish;
    int gets;
  };
  const Turn turns[] = {{1s, 8, 5}, {30s, 10, 5}, {59s, 12, 5}, {60s, 12, 8}, {61s, 12, 10}, {89s, 12, 10}, {90s, 12, 12}};
  for (const Turn& turn : turns) {
    desk.now = kNoon + turn.at;
    EXPECT_EQ(desk.want(turn.wish), turn.gets) << format_duration(turn.at);
  }
  desk.now = kNoon + 10min;
  EXPECT_EQ(desk.want(6), 6) << "the window of scaling out does not hold scaling in";
}

TEST(Decide, time_nobody_watched_counts_as_desired) {
  for (const int wish : {2, 9}) {
    Desk desk;
    desk.group.scale_in.stabilization_window = desk.group.scale_out.stabilization_window = 300s;
    desk.memory.watched_since = kNoon - 299s;
    EXPECT_EQ(desk.want(wish), 5);
    desk.memory.watched_since.reset();
    EXPECT_EQ(desk.want(wish), 5);
    Desk watched = std::move(desk);
    watched.memory.highest.clear();
    watched.memory.lowest.clear();
    watched.memory.watched_since = kNoon - 300s;
    EXPECT_EQ(watched.want(wish), wish);
  }
}

TEST(Decide, windows_remember_only_what_can_still_matter) {
  Desk desk;
  desk.group.scale_in.stabilization_window = desk.group.scale_out.stabilization_window = 1h;
  desk.group.min = desk.group.max = 5;
  for (int turn = 0; turn < 200; ++turn) {
    desk.now += 15s;
    (void)desk.want(5 + (turn * 7) % 4);
  }
  EXPECT_LE(desk.memory.highest.size(), 4U);
  EXPECT_LE(desk.memory.lowest.size(), 4U);
  desk.group.scale_in.stabilization_window = desk.group.scale_out.stabilization_window = 0s;
  (void)desk.want(5);
  EXPECT_TRUE(desk.memory.highest.empty() && desk.memory.lowest.empty());
}

TEST(Decide, rate_limits) {
  using Select = ScalingRule::Select;
  const RateLimit two{.servers = 2, .per = 60s};
  const RateLimit half{.percent = 50, .per = 60s};
  const RateLimit tenth{.percent = 10, .per = 60s};
  struct Case {
    std::vector<RateLimit> limits;
    Select select;
    int out;
    int in;
  };
  // From 10 servers, wishes of 30 and 0.
  const Case cases[] = {
      {{}, Select::max, 30, 0},
      {{two}, Select::max, 12, 8},
      {{half}, Select::max, 15, 5},
      {{two, half}, Select::max, 15, 5},
      {{half, two}, Select::max, 15, 5},
      {{two, half}, Select::min, 12, 8},
      {{half, two}, Select::min, 12, 8},
      {{two, half, tenth}, Select::min, 11, 9},
      {{half}, Select::disabled, 10, 10},
      {{}, Select::disabled, 10, 10},
      {{{.servers = 0, .per = 60s}}, Select::max, 10, 10},
      {{{.percent = 100'000, .per = 60s}}, Select::max, 30, 0},
  };
  for (const Case& one : cases) {
    for (const bool out : {true, false}) {
      Desk desk;
      desk.memory.desired = 10;
      (out ? desk.group.scale_out : desk.group.scale_in) = {.limits = one.limits, .select = one.select};
      EXPECT_EQ(desk.want(out ? 30 : 0), out ? one.out : one.in) << one.limits.size() << " limits";
    }
  }
}

TEST(Decide, a_share_of_a_small_fleet_rounds_up_when_growing_and_away_when_shrinking) {
  Desk desk;
  desk.memory.desired = 3;
  desk.group.scale_out.limits = desk.group.scale_in.limits = {{.percent = 10, .per = 60s}};
  EXPECT_EQ(desk.want(9), 4);
  desk.now += 60s;
  desk.memory.desired = 3;
  EXPECT_EQ(desk.want(0), 2);
}

TEST(Decide, a_rate_limit_counts_from_the_size_at_the_start_of_its_period) {
  Desk desk;
  desk.memory.desired = 10;
  desk.group.scale_out.limits = {{.percent = 100, .per = 60s}};
  EXPECT_EQ(desk.want(15), 15);
  desk.now += 30s;
  EXPECT_EQ(desk.want(50), 20) << "twice the ten from which it began";
  desk.now += 29s;
  EXPECT_EQ(desk.want(50), 20);
  EXPECT_EQ(step_of(desk.decide_with({wants("it", 50)}), "rate_limits").why, "the limits allow 20 now");
  desk.now += 1s;
  EXPECT_EQ(desk.want(50), 30) << "the first change has left the period: fifteen, twice";
  EXPECT_LE(desk.memory.events.size(), 2U);
}

TEST(Decide, a_change_in_one_direction_gives_room_in_the_other_but_never_pushes) {
  Desk desk;
  desk.memory.desired = 10;
  desk.group.scale_in.limits = {{.servers = 1, .per = 60s}};
  EXPECT_EQ(desk.want(20), 20);
  desk.now += 1s;
  EXPECT_EQ(desk.want(0), 9) << "one fewer than a period ago";
  desk.now += 1s;
  EXPECT_EQ(desk.want(0), 9);
}

TEST(Decide, the_breach_behind_a_scale_out_is_the_oldest_that_wanted_it) {
  Desk desk;
  desk.memory.policies = {{.policy = "a", .above_since = kNoon - 9s},
                          {.policy = "b", .above_since = kNoon - 5s},
                          {.policy = "c", .above_since = kNoon - 7s}};
  EXPECT_EQ(desk.decide_with({content("a"), wants("b", 6), wants("c", 7)}).breached_at, kNoon - 7s);
  EXPECT_FALSE(desk.decide_with({content("a"), content("b"), content("c")}).breached_at);
}

TEST(Decide, what_a_policy_remembers_follows_its_name) {
  Desk desk;
  (void)desk.decide_with({content("a"), content("b"), content("c")});
  (void)desk.decide_with({content("c"), content("new"), content("a")});
  std::vector<std::pair<std::string, double>> asked;
  for (const PolicyMemory& one : desk.memory.policies) asked.emplace_back(one.policy, one.good_value);
  EXPECT_THAT(asked, ElementsAre(std::pair("c", 2.0), std::pair("new", 1.0), std::pair("a", 2.0)));
}

TEST(Decide, turns_between_two_looks_at_the_metrics_shrink_it_once) {
  Desk desk;
  desk.group.interval = 15s;
  EXPECT_EQ(desk.decide_with({wants("it", 4)}).desired, 4);
  desk.now += 500ms;
  const Decision again = desk.decide_with({wants("it", 3)});
  EXPECT_EQ(again.desired, 4);
  EXPECT_EQ(step_of(again, "cooldown").why, "scaled in within this interval already");
  desk.now += 14s;
  EXPECT_EQ(desk.decide_with({wants("it", 3)}).desired, 3);
}

TEST(Decide, every_policy_is_told_the_answers_to_its_own_questions) {
  Desk desk;
  Policies policies;
  policies.push_back(policy_of("fixed", {{"servers", std::int64_t{5}}}));
  policies.push_back(std::make_unique<Scripted>(content("a")));
  policies.push_back(std::make_unique<Scripted>(content("b")));
  Observation seen{.at = kNoon};
  for (const char* answer : {"first", "second"}) seen.samples.push_back({.detail = answer});
  const Decision decision = decide(desk.group, policies, seen, TestFleet(5, 5), desk.memory);
  EXPECT_EQ(decision.votes[1].why, "first");
  EXPECT_EQ(decision.votes[2].why, "second");
}

TEST(Decide, a_policy_that_was_not_asked_has_no_data) {
  Desk desk;
  Policies policies;
  policies.push_back(policy_of("pass_through", {}));
  const Decision decision = decide(desk.group, policies, {.at = kNoon}, TestFleet(5, 5), desk.memory);
  EXPECT_EQ(decision.votes[0].stance, Stance::abstains);
  EXPECT_EQ(decision.votes[0].why, "no data: not asked");
}

// --- guards, maintenance
// ----------------------------------------------------------------------------------------------------------

Vote guard(bool forbids_out, bool forbids_in = false) {
  return {.policy = "db",
          .type = kGuardPolicy.name,
          .stance = Stance::content,
          .scales_out = false,
          .scales_in = false,
          .forbids_out = forbids_out,
          .forbids_in = forbids_in,
          .why = "95 is not below 90"};
}

TEST(Decide, guards_forbid_a_direction_and_nothing_else) {
  struct Case {
    int wish;
    Vote guard;
    int to;
    const char* why;
  };
  const Case cases[] = {
      {8, guard(true), 5, "db forbids scaling out: 95 is not below 90"},
      {8, guard(false), 8, "all hold"},
      {8, guard(false, true), 8, "all hold"},
      {2, guard(true), 2, "all hold"},
      {2, guard(false, true), 5, "db forbids scaling in: 95 is not below 90"},
      {2, guard(true, true), 5, "db forbids scaling in: 95 is not below 90"},
      {5, guard(true, true), 5, "no change to forbid"},
  };
  for (const Case& test : cases) {
    Desk desk;
    const Decision decision = desk.decide_with({wants("it", test.wish), test.guard});
    EXPECT_EQ(decision.desired, test.to) << test.why;
    EXPECT_EQ(step_of(decision, "guards").why, test.why);
  }
}

TEST(Decide, min_and_max_hold_whatever_a_guard_forbids) {
  Desk desk;
  desk.group.min = 7;
  EXPECT_EQ(desk.decide_with({wants("it", 9), guard(true, true)}).desired, 7);
  desk.group.min = 0;
  desk.group.max = 3;
  EXPECT_EQ(desk.decide_with({wants("it", 9), guard(true, true)}).desired, 3);
}

TEST(Decide, a_wish_that_a_guard_took_back_does_not_hold_shrinking_afterwards) {
  Desk desk;
  desk.group.scale_in.stabilization_window = 300s;
  (void)desk.decide_with({wants("it", 5), guard(false)});
  (void)desk.decide_with({wants("it", 50), guard(true)});
  desk.now += 300s;
  EXPECT_EQ(desk.decide_with({wants("it", 3), guard(true)}).desired, 3);
}

// --- orders
// -----------------------------------------------------------------------------------------------------------------------

TEST(Decide, a_pause_holds_the_directions_it_names) {
  struct Case {
    int wish;
    bool out;
    bool in;
    int to;
    const char* why;
  };
  const Case cases[] = {
      {8, true, true, 5, "scaling out is paused by anna until resumed"},
      {2, true, true, 5, "scaling in is paused by anna until resumed"},
      {8, false, true, 8, "holds nothing back"},
      {2, false, true, 5, "scaling in is paused by anna until resumed"},
      {2, true, false, 2, "holds nothing back"},
      {8, true, false, 5, "scaling out is paused by anna until resumed"},
      {5, true, true, 5, "holds nothing back"},
  };
  for (const Case& test : cases) {
    Desk desk;
    desk.memory.manual.pause = Manual::Pause{.out = test.out, .in = test.in, .until = {}, .by = "anna"};
    const Decision decision = desk.decide_with({wants("it", test.wish)});
    EXPECT_EQ(decision.desired, test.to) << test.wish;
    EXPECT_EQ(step_of(decision, "pause").why, test.why);
  }
}

TEST(Decide, a_hold_takes_the_place_of_all_wishes_but_not_of_min_and_max) {
  for (const auto& [servers, to] : {std::pair(8, 8), {5, 5}, {3, 3}, {1, 2}, {0, 2}, {50, 10}}) {
    Desk desk;
    desk.group.min = 2;
    desk.group.max = 10;
    desk.group.scale_in.cooldown = desk.group.scale_out.cooldown = 1h;
    desk.memory.scaled_out_at = desk.memory.scaled_in_at = kNoon - 1s;
    desk.memory.manual.hold = Manual::Hold{.servers = servers, .until = kNoon + 1h, .by = "anna"};
    desk.memory.manual.pause = Manual::Pause{};
    const Decision decision = desk.decide_with({wants("it", 6), abstains("other"), guard(true, true)});
    EXPECT_EQ(decision.desired, to) << servers;
    EXPECT_EQ(step_of(decision, "operator").to, servers);
    EXPECT_TRUE(step_of(decision, "operator").why.ends_with("by anna until " + format_time(kNoon + 1h)));
  }
}

// --- budget
// -----------------------------------------------------------------------------------------------------------------------

/// A group whose servers cost 1 an hour, and so much left of its budget beside what min costs.
Desk with_budget(double left) {
  Desk desk;
  desk.group.min = 2;
  desk.group.cost = CostRule{.per_hour = 1, .currency = "USD"};
  desk.memory.spending = Spending{.amount = 100, .counted_to = kNoon};
  desk.group.budget.hard = forecast_spending(*desk.group.cost, desk.memory, 2, kNoon) + left;
  return desk;
}

TEST(Decide, a_hard_budget_caps_the_size_but_never_below_min) {
  struct Case {
    double left;
    int wish;
    int to;
  };
  const Case cases[] = {{6, 8, 8}, {5.5, 8, 7}, {3, 8, 5}, {1, 8, 3}, {0, 8, 2}, {-50, 8, 2}, {6, 3, 3}};
  for (const Case& test : cases) {
    Desk desk = with_budget(test.left);
    EXPECT_EQ(desk.want(test.wish), test.to) << test.left;
  }
}

TEST(Decide, a_spent_budget_shrinks_without_asking_anybody_but_a_person) {
  Desk desk = with_budget(1);
  desk.group.scale_in.cooldown = desk.group.scale_in.stabilization_window = 1h;
  desk.group.scale_in.select = ScalingRule::Select::disabled;
  EXPECT_EQ(desk.decide_with({abstains("it"), guard(true, true)}).desired, 3);
  desk.memory.manual.hold = Manual::Hold{.servers = 6, .until = {}, .by = ""};
  EXPECT_EQ(desk.want(2), 6);
}

TEST(Decide, min_by_a_schedule_is_kept_beyond_the_budget) {
  Desk desk = with_budget(0);
  Vote schedule = content("night");
  schedule.type = kSchedulePolicy.name;
  schedule.scales_in = schedule.scales_out = false;
  schedule.min = 6;
  EXPECT_EQ(desk.decide_with({wants("it", 9), schedule}).desired, 6);
}

TEST(Decide, without_a_price_there_is_no_budget_stage) {
  Desk desk = with_budget(0);
  desk.group.cost.reset();
  const Decision decision = desk.decide_with({wants("it", 9)});
  EXPECT_EQ(decision.desired, 9);
  EXPECT_EQ(std::ranges::find(decision.steps, "budget", &Step::stage), decision.steps.end());
}

// --- did it help
// ------------------------------------------------------------------------------------------------------------------

/// A group whose scale-outs are judged: latency under a load, on so many servers.
struct Clinic : Desk {
  Clinic() {
    group.help = HelpRule{.attempts = 2, .retry_after = 30min};
    memory.desired = 4;
  }

  Decision see(double latency, double load, int servers, int wish, int fresh = 0) {
    Vote asks = wants("latency", wish);
    if (wish == *memory.desired) asks = content("latency");
    asks.value = latency;
    asks.value_falls = true;
    Vote help{.policy = "did_it_help",
              .type = kHelpPolicy.name,
              .stance = Stance::content,
              .value = load,
              .scales_out = false,
              .scales_in = false};
    Policies policies;
    policies.push_back(std::make_unique<Scripted>(asks));
    policies.push_back(std::make_unique<Scripted>(help));
    now += 1min;
    return decide(group, policies, {.at = now, .listed = true}, TestFleet(*memory.desired, servers, fresh), memory);
  }
  std::string why(const Decision& decision) { return step_of(decision, "did_it_help").why; }

  /// A scale-out by one that changes nothing, from `servers` on.
  void fail(int servers) {
    (void)see(100, 1000, servers, servers + 1);
    (void)see(100, 1000, servers + 1, servers + 1);
  }
};

TEST(DidItHelp, a_scale_out_is_judged_when_its_servers_have_warmed_up) {
  struct Case {
    const char* what;
    double latency;
    double load;
    int failures;
  };
  // Four became eight; the value was 100 under a load of 1000.
  const Case cases[] = {
      {"halved, as it should", 50, 1000, 0},
      {"a quarter of the relief", 87.5, 1000, 0},
      {"less", 88, 1000, 1},
      {"no change at all", 100, 1000, 1},
      {"worse", 150, 1000, 1},
      {"the load doubled and the value did not", 100, 2000, 0},
      {"the load doubled and so did the value", 200, 2000, 1},
      {"the load halved, and the value for that alone", 50, 500, 1},
      {"both", 25, 500, 0},
  };
  for (const Case& test : cases) {
    Clinic clinic;
    (void)clinic.see(100, 1000, 4, 8);
    ASSERT_TRUE(clinic.memory.help.trial);
    (void)clinic.see(100, 1000, 4, 8, 4);
    EXPECT_TRUE(clinic.memory.help.trial) << "they warm up";
    (void)clinic.see(test.latency, test.load, 8, 8);
    EXPECT_EQ(clinic.memory.help.failures, test.failures) << test.what;
    EXPECT_FALSE(clinic.memory.help.trial) << test.what;
  }
}

TEST(DidItHelp, after_so_many_that_did_not_it_stops_and_tries_again_later) {
  Clinic clinic;
  clinic.fail(4);
  EXPECT_EQ(clinic.memory.help.failures, 1);
  const Decision second = clinic.see(100, 1000, 5, 6);
  EXPECT_EQ(second.desired, 6);
  EXPECT_EQ(clinic.why(second), "the last one did not help");
  (void)clinic.see(100, 1000, 6, 6);
  const Decision stopped = clinic.see(100, 1000, 6, 9);
  EXPECT_EQ(stopped.desired, 6);
  EXPECT_TRUE(clinic.why(stopped).ends_with("tried again in 30m")) << clinic.why(stopped);
  const TimePoint since = clinic.now;
  while (clinic.now < since + 29min) EXPECT_EQ(clinic.see(100, 1000, 6, 9).desired, 6);
  const Decision again = clinic.see(100, 1000, 6, 7);
  EXPECT_EQ(again.desired, 7);
  EXPECT_EQ(clinic.why(again), "tried again after 30m");
  (void)clinic.see(100, 1000, 7, 7);
  EXPECT_EQ(clinic.see(100, 1000, 7, 9).desired, 7) << "one more failure is enough now";
}

TEST(DidItHelp, one_that_helped_makes_up_for_those_that_did_not) {
  Clinic clinic;
  clinic.fail(4);
  (void)clinic.see(100, 1000, 5, 10);
  (void)clinic.see(50, 1000, 10, 10);
  EXPECT_EQ(clinic.memory.help.failures, 0);
}

TEST(DidItHelp, a_wish_to_shrink_ends_the_doubt) {
  Clinic clinic;
  clinic.fail(4);
  clinic.fail(5);
  EXPECT_EQ(clinic.see(100, 1000, 6, 9).desired, 6);
  EXPECT_EQ(clinic.see(20, 200, 6, 5).desired, 5);
  EXPECT_EQ(clinic.memory.help, HelpMemory{});
}

TEST(DidItHelp, min_is_kept_although_nothing_helps) {
  Clinic clinic;
  clinic.fail(4);
  clinic.fail(5);
  clinic.group.min = 8;
  EXPECT_EQ(clinic.see(100, 1000, 6, 9).desired, 8);
}

TEST(DidItHelp, what_cannot_be_told_is_not_held_against_it) {
  Clinic clinic;
  (void)clinic.see(100, 1000, 4, 5);
  ASSERT_TRUE(clinic.memory.help.trial);
  (void)clinic.see(100, 1000, 4, 5);
  EXPECT_TRUE(clinic.memory.help.trial) << "the servers did not come";
  clinic.now += 30min;
  (void)clinic.see(100, 1000, 4, 5);
  EXPECT_FALSE(clinic.memory.help.trial);
  EXPECT_EQ(clinic.memory.help.failures, 0);
}

// Found by thinking it through: without any load left the relief was minus infinity, which counted as a scale-out that did not
// help.
TEST(DidItHelp, a_load_that_is_gone_says_nothing) {
  Clinic clinic;
  (void)clinic.see(100, 1000, 4, 5);
  (void)clinic.see(10, 0, 5, 5);
  EXPECT_EQ(clinic.memory.help.failures, 0);
  EXPECT_TRUE(clinic.memory.help.trial);
}

TEST(DidItHelp, only_scale_outs_for_a_value_that_servers_lower_are_judged) {
  Clinic clinic;
  Vote asks = wants("queue", 6);
  asks.value = 100;
  Vote help{.policy = "did_it_help",
            .type = kHelpPolicy.name,
            .stance = Stance::content,
            .value = 5,
            .scales_out = false,
            .scales_in = false};
  EXPECT_EQ(clinic.decide_with({asks, help}).desired, 6);
  EXPECT_FALSE(clinic.memory.help.trial);
}

TEST(DidItHelp, a_policy_that_is_gone_leaves_its_trial_to_time_out) {
  Clinic clinic;
  (void)clinic.see(100, 1000, 4, 5);
  ASSERT_TRUE(clinic.memory.help.trial);
  EXPECT_EQ(clinic.decide_with({wants("other", 7)}).desired, 7);
  clinic.now += 31min;
  (void)clinic.decide_with({content("other")});
  EXPECT_FALSE(clinic.memory.help.trial);
}

TEST(DecideDeathTest, deciding_before_the_first_size_is_known_is_a_bug) {
  Desk desk;
  desk.memory.desired.reset();
  EXPECT_DEATH((void)decide(desk.group, {}, {.at = kNoon}, TestFleet(0, 0), desk.memory), "");
}

}  // namespace
}  // namespace weir
