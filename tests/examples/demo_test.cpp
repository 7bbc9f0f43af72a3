// What the demo tells weir, and what it understands of the answers.
#include <gtest/gtest.h>

#include "controller/config/config.h"
#include "examples/demo/story.h"
#include "examples/demo/weir_view.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

class DemoConfig : public testing::TestWithParam<StandOptions::Layout> {};
INSTANTIATE_TEST_SUITE_P(Layouts, DemoConfig, testing::Values(StandOptions::Layout::servers, StandOptions::Layout::upstream));

TEST_P(DemoConfig, is_one_that_weir_takes_without_complaint) {
  const auto stand = Stand::create({.app = "/bin/true", .layout = GetParam()});
  ASSERT_TRUE(stand) << stand.error().message;
  for (const Duration length : {60s, 180s, 3600s}) {
    const std::string text = (*stand)->weir_config(demo_group(length));
    const ConfigResult config = parse_config(text, "weir.yaml", process_environment(), builtin_catalogs());
    ASSERT_TRUE(config) << to_string(config.error().front()) << "\n" << text;
    EXPECT_EQ(lint_config(*config), std::vector<std::string>{}) << text;
  }
}

TEST(Story, ends_where_it_began_and_breaches_while_it_rises) {
  const Story story(200s);
  EXPECT_EQ(length_of(story.profile()), 200s);
  EXPECT_EQ(story.end_of(0), 30s);
  EXPECT_EQ(story.end_of(4), 200s);
  EXPECT_EQ(story.chapter(0s), "baseline");
  EXPECT_EQ(story.chapter(60s), "peak");
  EXPECT_EQ(story.chapter(201s), "the end");
  EXPECT_NEAR(rate_at(story.profile(), story.breach()), kMin * kServerRps * kTarget, 0.1);
}

TEST(WeirView, counts_servers_by_phase) {
  const auto group =
      parse_group(R"({"groups":[{"name":"other","desired":9,"servers":[]},{"name":"app","desired":3,"min":2,"max":8,"servers":[
    {"id":"a","address":"127.0.0.1:1","phase":"in_service","health":"healthy","version":"v1"},
    {"id":"b","address":"127.0.0.1:2","phase":"in_service","health":"healthy","version":"v1"},
    {"id":"c","address":"","phase":"pending","health":"unknown","version":"v1"}]}]})",
                  "app");
  ASSERT_TRUE(group) << group.error().message;
  EXPECT_EQ(group->desired, 3);
  EXPECT_EQ(group->count("in_service"), 2);
  EXPECT_EQ(group->count("pending"), 1);
  EXPECT_EQ(group->count("draining"), 0);
}

TEST(WeirView, a_group_that_has_not_had_a_turn_has_no_servers) {
  const auto group = parse_group(R"({"groups":[{"name":"app","desired":null,"servers":[]}]})", "app");
  ASSERT_TRUE(group) << group.error().message;
  EXPECT_EQ(group->count("in_service"), 0);
}

TEST(WeirView, an_answer_of_another_shape_is_an_error_not_an_empty_fleet) {
  EXPECT_EQ(parse_group("<html>", "app").error().kind, ErrorKind::invalid);
  EXPECT_EQ(parse_group(R"({"groups":[{"name":"app"}]})", "app").error().kind, ErrorKind::invalid);
  EXPECT_EQ(parse_group(R"({"groups":[]})", "app").error().kind, ErrorKind::not_found);
  EXPECT_EQ(parse_decisions(R"({"decisions":[{}]})").error().kind, ErrorKind::invalid);
}

TEST(WeirView, tells_why_a_number_changed_and_what_was_done_oldest_first) {
  const auto decisions = parse_decisions(R"({"decisions":[
    {"at":"2026-03-01T09:30:02.000Z","previous":4,"desired":4,"steps":[{"stage":"votes","from":4,"to":4,"why":"content"}],"actions":[]},
    {"at":"2026-03-01T09:30:01.000Z","previous":2,"desired":4,"steps":[
       {"stage":"votes","from":2,"to":5,"why":"busy: 1.4"},{"stage":"min/max","from":5,"to":5,"why":"within"},
       {"stage":"rate limits","from":5,"to":4,"why":"at most 2"}],
     "actions":[{"kind":"launch","server":"t3","version":"v1","why":"two too few"}]},
    {"at":"2026-03-01T09:30:00.000Z","previous":2,"desired":2,"steps":[],
     "actions":[{"kind":"admit","server":"a","address":"127.0.0.1:1","version":"v1","why":"healthy"}]}]})");
  ASSERT_TRUE(decisions) << decisions.error().message;
  ASSERT_EQ(decisions->size(), 2U) << "a turn that changed nothing is not news";
  EXPECT_EQ((*decisions)[0].actions, std::vector<std::string>{"admit 127.0.0.1:1: healthy"});
  EXPECT_EQ((*decisions)[1].desired, 4);
  EXPECT_EQ((*decisions)[1].reasons, (std::vector<std::string>{"votes: busy: 1.4", "rate limits: at most 2"}));
  EXPECT_EQ((*decisions)[1].actions, std::vector<std::string>{"launch t3: two too few"});
}

TEST(WeirView, adds_up_the_series_of_exactly_one_name) {
  const std::string metrics =
      "# TYPE weir_x histogram\nweir_x_sum{group=\"a b\"} 1.5\nweir_x_sum{group=\"b\"} 2\nweir_x_summit 9\nweir_y 3";
  EXPECT_EQ(sum_of(metrics, "weir_x_sum"), 3.5);
  EXPECT_EQ(sum_of(metrics, "weir_y"), 3);
  EXPECT_EQ(sum_of(metrics, "weir_x"), std::nullopt);
  EXPECT_EQ(sum_of("", "weir_x"), std::nullopt);
}

}  // namespace
}  // namespace weir
