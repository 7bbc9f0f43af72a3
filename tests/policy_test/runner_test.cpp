#include "controller/policy_test/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/policy_test/test_file.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// What was not as expected, as "0s desired: expected 5, got 4".
std::vector<std::string> differences_of(const std::string& test) {
  const auto file = parse_test_file(
      "group:\n  min: 0\n  max: 9\n  interval: 1m\n  warm_up: 0s\n  scale_out: {cooldown: 0s}\n"
      "  scale_in: {cooldown: 0s, stabilization_window: 0s}\n"
      "  policies:\n"
      "    - {name: cpu, type: threshold, query: q, above: 70, change: +1}\n"
      "    - {name: low, type: threshold, query: q, below: 30, change: -1}\n"
      "tests:\n  - {name: t, " +
          test + "}\n",
      "t.yaml", builtin_catalogs());
  if (!file) return {to_string(file.error().front())};
  std::vector<std::string> texts;
  for (const TestFailure& failure : run_policy_test(file->tests.front(), "t.yaml").failures) {
    for (const Difference& one : failure.differences) {
      texts.push_back(format_duration(failure.offset) + " " + one.what + ": expected " + one.expected + ", got " + one.got);
    }
  }
  return texts;
}

TEST(Runner, a_test_passes_if_everything_is_as_expected) {
  EXPECT_THAT(differences_of("servers: 2, series: {cpu: 80x2, low: 80x2}, expect: [{desired: 3, min: 0, max: 9, in_service: 2, "
                             "stage: {votes: 3}, votes: {cpu: wants 3, low: content}, why: 80 is above, actions: [launch]}]"),
              IsEmpty());
}

TEST(Runner, everything_that_differs_is_told) {
  EXPECT_THAT(
      differences_of("servers: 2, series: {cpu: 80x2, low: 80x2}, expect: [{desired: 4, min: 1, max: 8, in_service: 3, "
                     "stage: {votes: 4, pause: 4}, votes: {cpu: wants 4, low: abstains}, why: nobody says this, actions: []}]"),
      ElementsAre("0s desired: expected 4, got 3", "0s min: expected 1, got 0", "0s max: expected 8, got 9",
                  "0s in_service: expected 3, got 2", "0s stage pause: expected 4, got no such stage in this turn",
                  "0s stage votes: expected 4, got 3", "0s vote of cpu: expected wants 4, got wants 3",
                  "0s vote of low: expected abstains, got content", "0s actions: expected none, got 1 launch",
                  "0s why: expected a reason that matches nobody says this, got none that does"));
}

TEST(Runner, looks_at_the_turn_at_or_just_before) {
  EXPECT_THAT(
      differences_of(
          "servers: 1, series: {cpu: 80x9}, expect: [{at: 59s, desired: 0}, {at: 60s, desired: 0}, {at: 150s, desired: 0}]"),
      ElementsAre("0s desired: expected 0, got 2", "1m desired: expected 0, got 3", "2m desired: expected 0, got 4"));
}

TEST(Runner, after_the_end_of_a_series_there_is_no_data) {
  EXPECT_THAT(differences_of("servers: 1, series: {cpu: 80}, expect: [{at: 1m, desired: 2, votes: {cpu: abstains}}]"), IsEmpty());
}

TEST(Runner, a_query_without_a_series_has_no_data) {
  EXPECT_THAT(differences_of("servers: 1, expect: [{votes: {cpu: abstains, low: abstains}, why: no series}]"), IsEmpty());
}

TEST(Runner, a_status_is_an_answer_too) {
  EXPECT_THAT(differences_of("servers: 1, series: {cpu: {status: degraded, value: 80}, low: {status: failed}}, expect: [{votes: "
                             "{cpu: abstains}, why: partial or stale data}, {why: 'no data: as the test says'}]"),
              IsEmpty());
}

TEST(Runner, what_is_launched_is_in_service_with_the_next_turn) {
  EXPECT_THAT(differences_of("servers: 1, series: {cpu: 80 50x3}, expect: [{at: 0s, in_service: 1, actions: [launch]}, "
                             "{at: 1m, in_service: 2, actions: [admit]}, {at: 2m, in_service: 2, actions: []}]"),
              IsEmpty());
}

TEST(Runner, or_after_its_boot_time) {
  EXPECT_THAT(differences_of("servers: 1, boot: 2m, series: {cpu: 80 50x3}, expect: [{at: 1m, in_service: 1, actions: []}, "
                             "{at: 2m, in_service: 2, actions: [admit]}]"),
              IsEmpty());
}

TEST(Runner, what_is_removed_is_gone_with_the_next_turn) {
  EXPECT_THAT(differences_of("servers: 3, series: {cpu: 10x3, low: 10 50x2}, expect: [{at: 0s, desired: 2, actions: [drain]}, "
                             "{at: 1m, in_service: 2, actions: []}]"),
              IsEmpty());
}

TEST(Runner, a_server_that_is_not_ready_is_not_in_service) {
  EXPECT_THAT(differences_of("servers: [{id: a}, {id: b, unready: true}], expect: [{desired: 2, in_service: 1, actions: []}]"),
              IsEmpty());
}

TEST(Runner, orders_are_obeyed_with_the_next_turn) {
  EXPECT_THAT(differences_of("servers: 2, orders: [{at: 30s, scale: 5, for: 2m}, {at: 4m, pause: out}, {at: 6m, resume: true}], "
                             "series: {cpu: 50x3 80x3, low: 50x9}, "
                             "expect: [{at: 0s, desired: 2}, {at: 1m, desired: 5, stage: {operator: 5}}, {at: 2m, desired: 5}, "
                             "{at: 4m, desired: 5, stage: {pause: 5, votes: 6}}, {at: 5m, desired: 5}, {at: 6m, desired: 6}]"),
              IsEmpty());
}

TEST(Runner, starts_as_if_all_had_been_content_so_far) {
  EXPECT_THAT(
      differences_of("servers: 4, group: {scale_in: {cooldown: 0s, stabilization_window: 3m}}, series: {cpu: 10x9, low: 10x9}, "
                     "expect: [{at: 0s, desired: 4}, {at: 1m, desired: 4}, {at: 2m, desired: 3}]"),
      IsEmpty());
}

TEST(Runner, desired_need_not_be_what_there_is) {
  EXPECT_THAT(differences_of("servers: 2, desired: 3, series: {cpu: 50, low: 50}, expect: [{desired: 3, actions: [launch]}]"),
              IsEmpty());
}

}  // namespace
}  // namespace weir
