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

constexpr const char* kTracking = "{name: a, type: target_tracking, query: cpu, target: 70}";

TEST(Lint, sees_a_fixed_size_that_is_never_reached) {
  EXPECT_THAT(warnings("{name: a, type: fixed, servers: 9}"),
              ElementsAre("group app: policy a: 9 servers lie outside min 2 to max 6, so it never gets them"));
  EXPECT_THAT(warnings("{name: a, type: fixed, servers: 4}"), IsEmpty());
}

TEST(Lint, sees_units_that_do_not_fit) {
  EXPECT_THAT(
      warnings("{name: a, type: target_tracking, query: 100 * avg(busy), target: 0.7}"),
      ElementsAre("group app: policy a: its query gives a percentage, but is compared with 0.7; write 70 if that is meant"));
  EXPECT_THAT(warnings("{name: a, type: target_tracking, query: cpu, target: 0.7}, " + in("below: 30")),
              ElementsAre("group app: policies a and in compare the same query with 0.7 and 30: one of them takes a share for a "
                          "percentage"));
  EXPECT_THAT(warnings("{name: a, type: target_tracking, query: avg(busy), target: 0.7}"), IsEmpty());
}

TEST(Lint, sees_a_policy_that_never_decides) {
  const std::string both = out("above: 70, for: 1m") + ", " + in("below: 30") + ", ";
  EXPECT_THAT(warnings(both + "{name: worse, type: threshold, query: cpu, above: 90, for: 1m, change: +1}"),
              ElementsAre("group app: policy worse never decides: out asks for as much, earlier; give it a larger change, or leave "
                          "it out"));
  EXPECT_THAT(warnings(both + "{name: worse, type: threshold, query: cpu, above: 90, for: 1m, change: +3}"), IsEmpty());
  EXPECT_THAT(warnings(both + "{name: worse, type: threshold, query: cpu, above: 90, change: +1}"), IsEmpty()) << "it is faster";
}

TEST(Lint, sees_a_rest_that_is_shorter_than_the_warm_up) {
  const std::string short_rest = "    warm_up: 3m\n    scale_in: {cooldown: 60s, stabilization_window: 60s}\n";
  const std::string as_the_hpa = "{name: a, type: target_tracking, query: cpu, target: 70, rules: kubernetes}";
  EXPECT_THAT(warnings(as_the_hpa, short_rest),
              ElementsAre("group app: scale_in rests 1m after a change, shorter than warm_up (3m): it may shrink before the change "
                          "shows; make its cooldown or stabilization_window at least 3m"));
  EXPECT_THAT(warnings(as_the_hpa, "    warm_up: 3m\n    scale_in: {cooldown: 3m, stabilization_window: 0s}\n"), IsEmpty());
  EXPECT_THAT(warnings(kTracking, short_rest), IsEmpty()) << "it waits by itself";
}

TEST(Lint, sees_a_check_for_help_that_never_judges) {
  const std::string help = "    did_it_help: {query: load}\n";
  EXPECT_THAT(warnings("{name: a, type: target_tracking, query: load, value: total, target: 70}", help),
              ElementsAre("group app: did_it_help: no policy has a value per server that more servers would lower, so it never "
                          "judges"));
  EXPECT_THAT(warnings(kTracking, help), IsEmpty());
}

TEST(Lint, sees_a_budget_that_min_alone_uses_up) {
  EXPECT_THAT(warnings(kTracking, "    cost: {per_hour: 0.1}\n    budget: {hard: 100}\n"),
              ElementsAre("group app: budget.hard is 100 USD, but min 2 alone costs about 146 a month: min is kept, and nothing "
                          "ever added"));
  EXPECT_THAT(warnings(kTracking, "    cost: {per_hour: 0.1}\n    budget: {hard: 200}\n"), IsEmpty());
}

TEST(Lint, knows_the_directions_of_steps) {
  const std::string up = "{name: a, type: step, query: cpu, steps: [{from: 70, change: +1}";
  EXPECT_THAT(warnings(up + "]}"), ElementsAre("group app: nothing ever scales in: once grown, it stays grown"));
  EXPECT_THAT(warnings(up + ", {to: 30, change: -1}]}"), IsEmpty());
}

TEST(Lint, sees_providers_nobody_uses_and_an_open_api) {
  const auto config = parse_test_config(R"(
controller: {listen: "0.0.0.0:8600", insecure_listen: true, token: short}
providers: {fixed: {type: static}, spare: {type: memory}}
groups: [{name: app, provider: fixed, server: {addresses: ["10.0.0.5:3000"]}}]
)");
  ASSERT_TRUE(config.has_value()) << complaints(config);
  EXPECT_THAT(
      lint_config(*config),
      ElementsAre("controller.listen: 0.0.0.0 can be reached from other machines without TLS; put nginx in front of it",
                  "controller: token token has fewer than 16 characters and can be guessed", "provider spare: no group uses it"));
}

TEST(Lint, takes_the_provider_of_an_overflow_as_used) {
  const auto config = parse_test_config(R"(
providers: {here: {type: process}, there: {type: process}}
groups:
  - name: app
    provider: here
    server: {command: [./app, --port, "{port}"], ports: "9000-9003"}
    min: 1
    max: 4
    overflow: {provider: there, server: {command: [./app, --port, "{port}"], ports: "9100-9109"}}
)");
  ASSERT_TRUE(config.has_value()) << complaints(config);
  EXPECT_THAT(lint_config(*config), testing::Not(testing::Contains("provider there: no group uses it")));
}

}  // namespace
}  // namespace weir
