#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/config/support.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// The warnings about a group of min 2 to max 6 with these policies and further lines.
std::vector<std::string> warnings(const std::string& policies, const std::string& more = "",
                                  const std::string& sizes = "min: 2\n    max: 6") {
  const auto config = parse_test_config(R"(
prometheus: {url: "http://127.0.0.1:9090"}
providers: {local: {type: memory}}
groups:
  - name: app
    provider: local
    )" + sizes + "\n    policies: [" + policies +
                                        "]\n" + more);
  EXPECT_TRUE(config.has_value()) << complaints(config);
  return config ? lint_config(*config) : std::vector<std::string>{};
}

std::string out(const std::string& keys) { return "{name: out, type: threshold, query: cpu, change: +1, " + keys + "}"; }
std::string in(const std::string& keys) { return "{name: in, type: threshold, query: cpu, change: -1, " + keys + "}"; }

TEST(Lint, is_silent_about_a_sound_group) {
  EXPECT_THAT(warnings(out("above: 70, for: 5m") + ", " + in("below: 30, for: 5m")), IsEmpty());
  EXPECT_THAT(warnings("{name: a, type: target_tracking, query: cpu, target: 70}"), IsEmpty());
}

TEST(Lint, sees_policies_that_fight) {
  EXPECT_THAT(warnings(out("above: 50") + ", " + in("below: 50")),
              ElementsAre("group app: policies out and in fight: the same query scales out above 50 and in below 50"));
}

TEST(Lint, does_not_compare_different_queries) {
  EXPECT_THAT(warnings(out("above: 50, select: {a: b}") + ", " + in("below: 60")), IsEmpty());
  EXPECT_THAT(warnings(out("above: 50") + ", {name: in, type: threshold, query: memory, change: -1, below: 60}"), IsEmpty());
}

TEST(Lint, sees_a_scale_in_that_causes_the_next_scale_out) {
  EXPECT_THAT(
      warnings(out("above: 70") + ", " + in("below: 60")),
      ElementsAre("group app: policies out and in may take turns: a load just below 60 on 3 servers is up to 90 on 2, above 70"));
}

TEST(Lint, sees_a_group_that_only_grows_only_shrinks_or_never_moves) {
  EXPECT_THAT(warnings(out("above: 70")), ElementsAre("group app: nothing ever scales in: once grown, it stays grown"));
  EXPECT_THAT(warnings(in("below: 30")), ElementsAre("group app: nothing ever scales out: once shrunk, it stays shrunk"));
  EXPECT_THAT(warnings(""), ElementsAre("group app: no policies: it stays at the size it has, 2 at first"));
  EXPECT_THAT(warnings("", "", "min: 2\n    max: 2"), IsEmpty());
  EXPECT_THAT(warnings("{name: a, type: target_tracking, query: cpu, target: 70}", "    scale_in: {select: disabled}\n"),
              ElementsAre("group app: nothing ever scales in: once grown, it stays grown"));
  EXPECT_THAT(warnings("{name: a, type: target_tracking, query: cpu, target: 70}", "", "min: 3\n    max: 3"),
              ElementsAre("group app: min and max are both 3: no policy can have an effect"));
}

TEST(Lint, sees_rules_that_are_shorter_than_the_eye_can_see) {
  EXPECT_THAT(warnings(out("above: 70, for: 5s") + ", " + in("below: 30")),
              ElementsAre("group app: policy out: for (5s) is shorter than the interval (15s), so one evaluation decides"));
  EXPECT_THAT(warnings("{name: a, type: target_tracking, query: cpu, target: 70, tolerance: 0}"),
              ElementsAre("group app: policy a: tolerance is 0, so any noise in the metric changes the size"));
  EXPECT_THAT(
      warnings("{name: a, type: target_tracking, query: cpu, target: 70}",
               "    scale_in: {cooldown: 0s, stabilization_window: 0s}\n"),
      ElementsAre("group app: scale_in has neither cooldown nor stabilization_window: one quiet moment is enough to shrink"));
}

TEST(Lint, sees_a_drain_that_is_none_and_a_size_that_is_never_reached) {
  EXPECT_THAT(warnings("{name: a, type: target_tracking, query: cpu, target: 70}", "    drain: {timeout: 0s}\n"),
              ElementsAre("group app: drain.timeout is 0s: every scale-in cuts the connections that are open"));
  EXPECT_THAT(warnings("{name: a, type: threshold, query: cpu, above: 1, change: =9}, " + in("below: 0.5")),
              ElementsAre("group app: policy a: change =9 lies outside min 2 to max 6"));
}

TEST(Lint, sees_a_group_that_may_be_empty) {
  EXPECT_THAT(
      warnings("{name: a, type: target_tracking, query: cpu, target: 70}", "", "min: 0\n    max: 6"),
      ElementsAre("group app: min is 0: with no server there is no load to measure, so only a query that counts waiting work "
                  "can scale out again"));
}

TEST(Lint, sees_providers_nobody_uses_and_an_open_api) {
  const auto config = parse_test_config(R"(
controller: {listen: "0.0.0.0:8600"}
providers: {fixed: {type: static}, spare: {type: memory}}
groups: [{name: app, provider: fixed, server: {addresses: ["10.0.0.5:3000"]}}]
)");
  ASSERT_TRUE(config.has_value()) << complaints(config);
  EXPECT_THAT(lint_config(*config),
              ElementsAre("controller.listen: 0.0.0.0 can be reached from other machines without TLS; put nginx in front of it",
                          "provider spare: no group uses it"));
}

}  // namespace
}  // namespace weir
