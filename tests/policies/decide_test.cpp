#include "policies/decide.h"

#include <gmock/gmock.h>

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

TEST(DecideDeathTest, deciding_before_the_first_size_is_known_is_a_bug) {
  Desk desk;
  desk.memory.desired.reset();
  EXPECT_DEATH((void)decide(desk.group, {}, {.at = kNoon}, TestFleet(0, 0), desk.memory), "");
}

}  // namespace
}  // namespace weir
