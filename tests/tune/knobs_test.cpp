// Which numbers of a configuration can be turned, how far, and how that is written down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ranges>

#include "controller/tune/knobs.h"
#include "controller/tune/report.h"
#include "tests/tune/support.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// Every kind of policy, with a name and numbers that are not made for it.
const std::string kEverything = R"(
prometheus: {url: "http://127.0.0.1:9"}
providers: {cloud: {type: memory}}
groups:
  - name: app
    provider: cloud
    server: {}
    min: 2
    max: 10
    policies:
      - {name: "1e3", type: threshold, query: cpu, above: 70, for: 5m, change: +1}
      - {name: cpu-low, type: threshold, query: cpu, below: 66.66, change: -1}
      - {name: busy, type: target_tracking, query: share, target: 0.7, tolerance_in: 0.2}
      - {name: rps, type: target_tracking, query: rps, value: total, target: 70}
      - {name: tomorrow, type: predictive, query: rps, target: 83, capacity: 97}
      - name: bands
        type: step
        query: cpu
        for: 45s
        steps: [{to: 30, change: -1}, {from: 80, to: 90, change: +2}, {from: 90, to: 93.5, change: "+33.5%"}, {from: 93.5, change: "=9"}]
      - {name: office, type: schedule, cron: "0 9 * * 1-5", timezone: UTC, duration: 9h, min: 6}
    guards:
      - {name: postgres, query: pg, below: 90}
    scale_out: {cooldown: 20s}
    scale_in: {cooldown: 0s, stabilization_window: 300s}
)";

WorldModel world_of(const Group& group) { return {.capacity = 100, .meanings = meanings_of(group, {})}; }

std::vector<Knob> knobs_in(const Group& group, const KnobOptions& options = {}) {
  auto knobs = knobs_of(group, world_of(group), options);
  EXPECT_TRUE(knobs) << knobs.error().message;
  return knobs.value_or(std::vector<Knob>{});
}

std::vector<std::string> paths(const std::vector<Knob>& knobs) {
  std::vector<std::string> all;
  for (const Knob& knob : knobs) all.push_back(knob.path);
  return all;
}

Knob knob_at(const std::string& path, const KnobOptions& options = {}) {
  for (Knob& knob : knobs_in(group_in(kEverything), options)) {
    if (knob.path == path) return knob;
  }
  ADD_FAILURE() << "no knob " << path;
  return {};
}

TEST(Knobs, are_the_numbers_of_the_policies_that_are_simulated_and_what_holds_scaling_back) {
  EXPECT_THAT(
      paths(knobs_in(group_in(kEverything))),
      ElementsAre("policies.1e3.above", "policies.1e3.for", "policies.cpu-low.below", "policies.cpu-low.for",
                  "policies.busy.target", "policies.busy.tolerance", "policies.busy.tolerance_in", "policies.rps.target",
                  "policies.rps.tolerance", "policies.tomorrow.target", "policies.tomorrow.confidence", "policies.bands.steps",
                  "policies.bands.for", "scale_out.cooldown", "scale_in.cooldown", "scale_in.stabilization_window"));
}

TEST(Knobs, leave_alone_what_cannot_be_simulated) {
  const Group group = group_in(kEverything);
  const auto knobs = knobs_of(group, {.capacity = 100, .meanings = meanings_of(group, {{"rps", Meaning::nothing}})}, {});
  ASSERT_TRUE(knobs);
  EXPECT_THAT(paths(*knobs), Not(Contains(HasSubstr("rps"))));
}

TEST(Knobs, of_min_are_turned_only_on_request) {
  const Knob knob = knob_at("min", {.vary_min = true});
  EXPECT_EQ(knob.low, 1);
  EXPECT_EQ(knob.high, 4);
}

TEST(Knobs, what_scales_out_and_what_scales_in_do_not_meet) {
  EXPECT_GT(knob_at("policies.1e3.above").low, knob_at("policies.cpu-low.below").high);
}

TEST(Knobs, go_no_further_than_a_server_can) {
  EXPECT_LE(knob_at("policies.1e3.above").high, 97);
  EXPECT_LE(knob_at("policies.busy.target").high, 0.97);
  EXPECT_LE(knob_at("policies.rps.target").high, 100);
  EXPECT_LE(knob_at("policies.tomorrow.target").high, 97) << "no more than its capacity";
  EXPECT_LE(knob_at("policies.bands.steps").high * 93.5, 97);
}

TEST(Knobs, that_are_nothing_rise_only_where_that_is_patience_with_shrinking) {
  EXPECT_EQ(knob_at("scale_in.cooldown").low, 0);
  EXPECT_GT(knob_at("scale_in.cooldown").high, 0);
  EXPECT_THAT(paths(knobs_in(group_in(kEverything))), Not(Contains("scale_out.stabilization_window")));
}

TEST(Knobs, give_the_present_value_at_its_place_and_numbers_a_person_would_write_elsewhere) {
  for (const Knob& knob : knobs_in(group_in(kEverything), {.vary_min = true})) {
    EXPECT_LE(knob.low, knob.present) << knob.path;
    EXPECT_GE(knob.high, knob.present) << knob.path;
    EXPECT_EQ(knob.at(knob.place_of(knob.present)), knob.present) << knob.path;
    EXPECT_NEAR(knob.at(0), knob.low, 1e-9) << knob.path;
    EXPECT_NEAR(knob.at(1), knob.high, 1e-9) << knob.path;
    for (double place = 0; place <= 1; place += 0.01) {
      EXPECT_TRUE(knob.text(knob.at(place)).size() <= 6 || knob.at(place) == knob.present)
          << knob.path << ": " << knob.text(knob.at(place));
    }
  }
}

struct KeepCase {
  const char* word;
  std::vector<std::string> gone;
};

TEST(Keep, takes_paths_and_their_ends_and_beginnings) {
  const std::vector<std::string> all = paths(knobs_in(group_in(kEverything)));
  const KeepCase cases[] = {
      {"scale_in.cooldown", {"scale_in.cooldown"}},
      {"scale_in", {"scale_in.cooldown", "scale_in.stabilization_window"}},
      {"cooldown", {"scale_out.cooldown", "scale_in.cooldown"}},
      {"busy", {"policies.busy.target", "policies.busy.tolerance", "policies.busy.tolerance_in"}},
      {"policies.busy", {"policies.busy.target", "policies.busy.tolerance", "policies.busy.tolerance_in"}},
      {"rps.target", {"policies.rps.target"}},
  };
  for (const KeepCase& each : cases) {
    std::vector<std::string> expected;
    std::ranges::copy_if(all, std::back_inserter(expected),
                         [&](const std::string& path) { return std::ranges::find(each.gone, path) == each.gone.end(); });
    EXPECT_EQ(paths(knobs_in(group_in(kEverything), {.keep = {each.word}})), expected) << each.word;
  }
}

TEST(Keep, of_something_that_is_not_there_is_an_error_that_says_what_is) {
  const Group group = group_in(kEverything);
  for (const char* word : {"", "cool", "target_", "policies.x"}) {
    const auto knobs = knobs_of(group, world_of(group), {.keep = {word}});
    ASSERT_FALSE(knobs) << word;
    EXPECT_THAT(knobs.error().message, HasSubstr("policies.busy.target, policies.busy.tolerance"));
  }
}

TEST(Keep, of_everything_leaves_nothing_to_do) {
  const Group group = group_in(kEverything);
  const auto knobs = knobs_of(group, world_of(group), {.keep = {"policies", "scale_out", "scale_in"}});
  ASSERT_FALSE(knobs);
  EXPECT_EQ(knobs.error().kind, ErrorKind::invalid);
}

// ---- what is written is what was tried

/// Pastes these values, and reads the configuration again.
void expect_read_back(const std::vector<Knob>& knobs, const std::vector<double>& values) {
  const Group group = group_in(kEverything);
  const std::string yaml = tuning_yaml(tuning_with(group, knobs, values));
  SCOPED_TRACE(yaml);
  Group read = group_after_pasting(kEverything, yaml);
  read.rules = group.rules;  // names the text, which is another
  EXPECT_EQ(read, with_values(group, knobs, values));
}

TEST(Writing, every_candidate_can_be_read_back_as_what_was_tried) {
  const std::vector<Knob> knobs = knobs_in(group_in(kEverything), {.vary_min = true});
  std::uint32_t dice = 1;
  const auto place = [&dice] { return static_cast<double>((dice = dice * 1'664'525U + 1'013'904'223U) >> 8U) / (1U << 24U); };
  for (int round = 0; round < 200; ++round) {
    std::vector<double> values;
    for (const Knob& knob : knobs) {
      const double drawn = place();
      // The corners too, and what is left as it is.
      values.push_back(round % 4 == 0 ? knob.at(drawn < 0.5 ? 0 : 1) : drawn < 0.2 ? knob.present : knob.at(place()));
    }
    expect_read_back(knobs, values);
  }
}

TEST(Writing, names_only_what_changes_with_what_it_was) {
  const Group group = group_in(kEverything);
  const std::vector<Knob> knobs = knobs_in(group);
  std::vector<double> values;
  for (const Knob& knob : knobs) values.push_back(knob.present);
  EXPECT_THAT(tuning_yaml(tuning_with(group, knobs, values)), testing::EndsWith("\n# nothing to change\n"));
  const auto index = [&](const std::string& path) {
    return static_cast<std::size_t>(std::ranges::find(knobs, path, &Knob::path) - knobs.begin());
  };
  values[index("policies.1e3.above")] = 75;
  values[index("policies.bands.steps")] = 0.5;
  values[index("scale_in.stabilization_window")] = 90;
  EXPECT_THAT(tuning_yaml(tuning_with(group, knobs, values)), testing::EndsWith(R"(
groups:
  - name: app
    policies:
      - name: '1e3'
        above: 75  # was 70
      - name: bands
        steps:  # all bounds were multiplied by 0.5
          - {to: 15, change: "-1"}
          - {from: 40, to: 45, change: "+2"}
          - {from: 45, to: 46.75, change: "+33.5%"}
          - {from: 46.75, change: "=9"}
    scale_in:
      stabilization_window: 1m30s  # was 5m
)"));
}

}  // namespace
}  // namespace weir
