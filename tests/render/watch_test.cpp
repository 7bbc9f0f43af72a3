#include "controller/render/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/render/examples.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using Glyphs = WatchView::Glyphs;

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

WatchedGroup group(const std::string& name) {
  WatchedGroup made{.name = name, .turns = {}, .last = full_record(), .trouble = {}};
  made.last->group = name;
  for (int turn = 0; turn < 8; ++turn) made.turns.push_back({.load = 10.0 * turn, .desired = 2 + turn / 4, .in_service = 2});
  return made;
}

TEST(Sparkline, goes_from_the_least_to_the_largest) {
  const std::optional<double> values[] = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(sparkline(values, 8, Glyphs::unicode), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(sparkline(values, 8, Glyphs::ascii), "_.:-=+*#");
  EXPECT_EQ(sparkline(values, 3, Glyphs::ascii), "_=#") << "the newest";
}

TEST(Sparkline, a_missing_value_is_a_gap_and_equal_ones_are_low) {
  const std::optional<double> gap[] = {5, {}, 5};
  EXPECT_EQ(sparkline(gap, 8, Glyphs::unicode), "▁ ▁");
  const std::optional<double> negative[] = {-1, 0, 1};
  EXPECT_EQ(sparkline(negative, 8, Glyphs::unicode), "▁▅█");
  const std::optional<double> none[] = {std::nullopt, std::nullopt};
  EXPECT_EQ(sparkline(none, 8, Glyphs::unicode), "");
  EXPECT_EQ(sparkline({}, 8, Glyphs::unicode), "");
}

TEST(Watch, shows_load_sizes_phases_and_the_deploy_of_each_group) {
  const WatchedGroup groups[] = {group("app"), {.name = "fresh", .turns = {}, .last = {}, .trouble = {}}};
  const std::string text = watch_text(groups, full_record().at + 5s, {.glyphs = Glyphs::unicode});
  EXPECT_THAT(text, AllOf(HasSubstr("LOAD"), HasSubstr("▁▂▃▄▅▆▇█ 70"), HasSubstr("▁▁▁▁████ 3"), HasSubstr("5s ago: ")));
  EXPECT_THAT(text, HasSubstr("no turn yet"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  WatchedGroup deploying = group("app");
  deploying.last->rollout = full_rollout();
  deploying.last->rollout->ended_at.reset();
  deploying.last->rollout->end = Rollout::End::none;
  EXPECT_THAT(watch_text({&deploying, 1}, full_record().at, {}), HasSubstr("deploy: going back from v3 to v1"));
}

TEST(Watch, is_never_wider_or_longer_than_the_terminal) {
  std::vector<WatchedGroup> groups;
  for (int number = 0; number < 40; ++number) groups.push_back(group("group-" + std::to_string(number)));
  for (const Glyphs glyphs : {Glyphs::ascii, Glyphs::unicode}) {
    for (const int width : {1, 20, 40, 80, 200}) {
      const auto lines = lines_of(watch_text(groups, full_record().at, {.width = width, .height = 10, .glyphs = glyphs}));
      EXPECT_EQ(lines.size(), 10U);
      for (std::size_t line = 0; line + 1 < lines.size(); ++line)
        EXPECT_LE(characters(lines[line]), static_cast<std::size_t>(width)) << lines[line];
      EXPECT_EQ(lines.back(), "and 32 more groups");
    }
  }
  EXPECT_EQ(lines_of(watch_text(groups, full_record().at, {})).size(), 41U) << "without a terminal all are there";
}

TEST(Watch, an_ascii_terminal_gets_nothing_else) {
  WatchedGroup one = group("app");
  one.last->rollout = full_rollout();
  one.last->rollout->ended_at.reset();
  one.last->rollout->end = Rollout::End::none;
  one.last->rollout->direction = Rollout::Direction::forward;
  const std::string text = watch_text({&one, 1}, full_record().at, {.glyphs = Glyphs::ascii});
  EXPECT_THAT(text, HasSubstr("->"));
  EXPECT_TRUE(std::ranges::none_of(text, [](char byte) { return static_cast<unsigned char>(byte) > 0x7F; })) << text;
}

TEST(Watch, what_cannot_be_learned_is_said_beside_what_was) {
  WatchedGroup lost = group("app");
  lost.trouble = "no weir answers at http://x\x1b[2J";
  const std::string text = watch_text({&lost, 1}, full_record().at, {});
  EXPECT_THAT(text, AllOf(HasSubstr("no weir answers at http://x"), HasSubstr("70"), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(watch_text({}, full_record().at, {}), "no groups\n");
}

TEST(Watch, colour_is_for_the_heading_only_and_costs_no_width) {
  const WatchedGroup one = group("app");
  const auto lines = lines_of(watch_text({&one, 1}, full_record().at, {.width = 30, .colour = Colour::on}));
  EXPECT_THAT(lines[0], AllOf(testing::StartsWith("\x1b[2m"), EndsWith("\x1b[0m")));
  EXPECT_THAT(lines[1], Not(HasSubstr("\x1b")));
}

TEST(Watch, the_load_of_a_turn_is_the_first_number_that_a_policy_looked_at) {
  Record record;
  record.plan.decision.votes = {{.policy = "office"}, {.policy = "cpu", .value = 71.5}, {.policy = "rps", .value = 3}};
  record.plan.decision.desired = 4;
  record.servers = {{.id = "a", .phase = Phase::in_service}, {.id = "b", .phase = Phase::warming}};
  const WatchedTurn turn = watched_turn(record);
  EXPECT_EQ(turn.load, 71.5);
  EXPECT_EQ(turn.desired, 4);
  EXPECT_EQ(turn.in_service, 1);
}

}  // namespace
}  // namespace weir
