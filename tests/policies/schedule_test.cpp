#include "policies/schedule.h"

#include <gmock/gmock.h>

#include "policies/decide.h"
#include "tests/policies/fleets.h"
#include "tests/policies/local_times.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Extra = std::vector<std::pair<std::string, Settings::Value>>;

PolicySpec spec_of(const PolicyType& type, std::string name, Extra settings) {
  PolicySpec spec{.name = std::move(name), .type = std::string(type.name)};
  for (auto& [key, value] : settings) spec.settings.set(key, std::move(value), {.line = 3, .column = 1});
  return spec;
}

/// From nine to five in Berlin, Monday to Friday.
Extra office_hours(Extra more) {
  more.emplace_back("cron", std::string("0 9 * * MON-FRI"));
  more.emplace_back("duration", Duration(8h));
  more.emplace_back("timezone", zone_named("Europe/Berlin"));
  return more;
}
PolicySpec schedule(std::string name, Extra bounds) {
  return spec_of(kSchedulePolicy, std::move(name), office_hours(std::move(bounds)));
}

Vote ask(const PolicySpec& spec, TimePoint at) {
  Group group{.policies = {spec}};
  PolicyMemory memory;
  return make_policies(group).front()->vote({}, TestFleet(4, 4), at, memory);
}

const TimePoint kInside = utc("2026-03-04 10:00");  // a Wednesday
const TimePoint kOutside = utc("2026-03-04 20:00");

TEST(Schedule, gives_its_bounds_while_its_window_is_open_and_has_no_vote) {
  const PolicySpec spec = schedule("day", {{"min", std::int64_t{4}}, {"max", std::int64_t{20}}});
  const Vote open = ask(spec, kInside);
  EXPECT_EQ(open.min, 4);
  EXPECT_EQ(open.max, 20);
  EXPECT_EQ(open.why, "open until 2026-03-04T16:00:00.000Z");
  const Vote closed = ask(spec, kOutside);
  EXPECT_FALSE(closed.min || closed.max);
  EXPECT_EQ(closed.why, "closed until 2026-03-05T08:00:00.000Z");
  for (const Vote& vote : {open, closed}) {
    EXPECT_EQ(stance_of(vote), "content");
    EXPECT_FALSE(vote.scales_out || vote.scales_in || vote.forbids_out || vote.forbids_in);
  }
}

TEST(Schedule, desired_pins_both_bounds) {
  const Vote vote = ask(schedule("day", {{"desired", std::int64_t{7}}}), kInside);
  EXPECT_EQ(vote.min, 7);
  EXPECT_EQ(vote.max, 7);
  EXPECT_FALSE(ask(schedule("day", {{"max", std::int64_t{7}}}), kInside).min);
  EXPECT_FALSE(ask(schedule("day", {{"min", std::int64_t{7}}}), kInside).max);
}

// Berlin goes from UTC+1 to UTC+2 on 29 March 2026.
TEST(Schedule, follows_the_wall_clock_over_a_change_of_the_clock) {
  const PolicySpec spec = schedule("day", {{"min", std::int64_t{4}}});
  EXPECT_FALSE(ask(spec, utc("2026-03-27 07:59")).min);
  EXPECT_TRUE(ask(spec, utc("2026-03-27 08:00")).min);
  EXPECT_FALSE(ask(spec, utc("2026-03-30 06:59")).min);
  EXPECT_TRUE(ask(spec, utc("2026-03-30 07:00")).min);
  EXPECT_FALSE(ask(spec, utc("2026-03-30 15:00")).min);
}

TEST(Schedule, happens_once_or_as_its_rrule_says) {
  const Extra once = {
      {"start", std::string("2026-11-27T00:00")}, {"end", std::string("2026-11-28T00:00")}, {"desired", std::int64_t{9}}};
  EXPECT_EQ(ask(spec_of(kSchedulePolicy, "friday", once), utc("2026-11-27 12:00")).min, 9);
  EXPECT_EQ(ask(spec_of(kSchedulePolicy, "friday", once), utc("2026-11-28 00:00")).why, "never opens again");
  Extra yearly = once;
  yearly.emplace_back("rrule", std::string("FREQ=YEARLY"));
  EXPECT_EQ(ask(spec_of(kSchedulePolicy, "friday", yearly), utc("2027-11-27 12:00")).min, 9);
}

TEST(Maintenance, holds_the_directions_it_names_while_its_window_is_open) {
  struct Case {
    const char* hold;
    bool out;
    bool in;
  };
  for (const Case& test : {Case{"both", true, true}, Case{"out", true, false}, Case{"in", false, true}}) {
    const PolicySpec spec = spec_of(kMaintenancePolicy, "patches", office_hours({{"hold", std::string(test.hold)}}));
    const Vote open = ask(spec, kInside);
    EXPECT_EQ(open.forbids_out, test.out) << test.hold;
    EXPECT_EQ(open.forbids_in, test.in) << test.hold;
    const Vote closed = ask(spec, kOutside);
    EXPECT_FALSE(closed.forbids_out || closed.forbids_in);
    EXPECT_EQ(stance_of(open), "content");
    EXPECT_FALSE(open.scales_out || open.scales_in);
  }
}

TEST(Schedule, refuses_what_cannot_be_meant) {
  const auto complaints = [](Extra settings) {
    std::string all;
    for (const SettingsError& error : kSchedulePolicy.check(spec_of(kSchedulePolicy, "it", std::move(settings)))) {
      all += error.path + ": " + error.message + "\n";
    }
    return all;
  };
  const std::pair<std::string, Settings::Value> one = {"min", std::int64_t{1}};
  EXPECT_EQ(complaints(office_hours({one})), "");
  EXPECT_EQ(complaints(office_hours({})), "min: required but missing: min, max or desired\n");
  EXPECT_EQ(complaints(office_hours({one, {"desired", std::int64_t{1}}})), "desired: expected either desired, or min and max\n");
  EXPECT_EQ(complaints(office_hours({{"min", std::int64_t{3}}, {"max", std::int64_t{2}}})),
            "min: expected at most max, which is 2, found 3\n");
  EXPECT_EQ(complaints({one}), "cron: required but missing: cron and duration, or start and end\n");
  EXPECT_EQ(complaints({one, {"cron", std::string("0 9 * * *")}}), "cron: expected 'duration' beside it\n");
  EXPECT_EQ(complaints(office_hours({one, {"start", std::string("2026-01-01T00:00")}})),
            "start: expected either cron or start, not both\n");
  EXPECT_EQ(complaints({one, {"start", std::string("2026-01-01T00:00")}}),
            "start: expected either 'end' or 'duration' beside start\n");
  EXPECT_EQ(
      complaints(
          {one, {"start", std::string("2026-01-01T00:00")}, {"end", std::string("2026-01-02T00:00")}, {"duration", Duration(1h)}}),
      "end: expected either 'end' or 'duration' beside start\n");
}

/// What the group's bounds come to with these schedules, and the size under them.
struct Bounds {
  int min;
  int max;
  int desired;
  bool operator==(const Bounds&) const = default;
};

Bounds bounds_with(std::vector<PolicySpec> schedules, TimePoint at = kInside, int desired = 4) {
  Group group{.name = "app", .min = 2, .max = 10, .policies = std::move(schedules)};
  Memory memory{.desired = desired, .watched_since = at - 24h};
  const Policies policies = make_policies(group);
  const Decision decision = decide(group, policies, {.at = at, .listed = true}, TestFleet(desired, desired), memory);
  EXPECT_EQ(memory.desired, decision.desired);
  EXPECT_EQ(memory.min.value_or(2), decision.min);
  EXPECT_EQ(memory.max.value_or(10), decision.max);
  return {decision.min, decision.max, decision.desired};
}

TEST(Schedule, its_bounds_take_the_place_of_the_groups_and_of_several_the_largest_hold) {
  const auto min = [](int servers) { return std::pair<std::string, Settings::Value>("min", std::int64_t{servers}); };
  const auto max = [](int servers) { return std::pair<std::string, Settings::Value>("max", std::int64_t{servers}); };
  const auto pin = [](int servers) { return std::pair<std::string, Settings::Value>("desired", std::int64_t{servers}); };
  EXPECT_EQ(bounds_with({}), (Bounds{2, 10, 4}));
  EXPECT_EQ(bounds_with({schedule("a", {min(6)})}), (Bounds{6, 10, 6}));
  EXPECT_EQ(bounds_with({schedule("a", {min(6)})}, kOutside), (Bounds{2, 10, 4}));
  EXPECT_EQ(bounds_with({schedule("a", {min(0)})}), (Bounds{0, 10, 4})) << "smaller than the group's, too";
  EXPECT_EQ(bounds_with({schedule("a", {max(3)})}), (Bounds{2, 3, 3})) << "below the size of now";
  EXPECT_EQ(bounds_with({schedule("a", {max(1)})}), (Bounds{1, 1, 1})) << "below the group's min";
  EXPECT_EQ(bounds_with({schedule("a", {max(30)})}), (Bounds{2, 30, 4}));
  EXPECT_EQ(bounds_with({schedule("a", {min(12)})}), (Bounds{10, 10, 10})) << "max is never exceeded without saying so";
  EXPECT_EQ(bounds_with({schedule("a", {pin(7)})}), (Bounds{7, 7, 7}));
  EXPECT_EQ(bounds_with({schedule("a", {pin(0)})}), (Bounds{0, 0, 0}));
  EXPECT_EQ(bounds_with({schedule("a", {min(3), max(5)}), schedule("b", {min(6), max(8)})}), (Bounds{6, 8, 6}));
  EXPECT_EQ(bounds_with({schedule("b", {min(6), max(8)}), schedule("a", {min(3), max(5)})}), (Bounds{6, 8, 6}));
  EXPECT_EQ(bounds_with({schedule("a", {pin(3)}), schedule("b", {pin(9)})}), (Bounds{9, 9, 9}));
  EXPECT_EQ(bounds_with({schedule("a", {pin(12)})}, kInside, 12), (Bounds{12, 12, 12}));
  EXPECT_EQ(bounds_with({schedule("a", {pin(12)})}, kOutside, 12), (Bounds{2, 10, 10})) << "when the window closes, max is back";
}

}  // namespace
}  // namespace weir
