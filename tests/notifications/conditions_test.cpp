#include "controller/notifications/conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

const TimePoint kNow{1'772'357'400'000ms};

Event at_max(const std::string& group) {
  return {.kind = EventKind::at_max, .severity = Severity::critical, .group = group, .summary = "at max"};
}
News news(TimePoint at, std::vector<Event> holding, const std::string& source = "turn of app") {
  return {.source = source, .at = at, .happened = {}, .holding = std::move(holding)};
}

auto is(Event::Stage stage, TimePoint at, TimePoint since) {
  return AllOf(Field(&Event::stage, stage), Field(&Event::at, at), Field(&Event::since, since));
}

TEST(Conditions, a_condition_is_told_when_it_begins_and_when_it_ends_and_not_between) {
  Conditions conditions;
  Event event = at_max("app");
  event.at = kNow;
  EXPECT_THAT(conditions.update(news(kNow, {event})), ElementsAre(is(Event::Stage::began, kNow, kNow)));
  event.summary = "still at max, and more is wanted";
  EXPECT_THAT(conditions.update(news(kNow + 15s, {event})), IsEmpty());
  EXPECT_THAT(conditions.update(news(kNow + 30s, {})), ElementsAre(is(Event::Stage::ended, kNow + 30s, kNow)));
  EXPECT_THAT(conditions.update(news(kNow + 45s, {})), IsEmpty());
}

TEST(Conditions, what_happened_is_passed_on_before_what_began) {
  Conditions conditions;
  News both = news(kNow, {at_max("app")});
  both.happened.push_back({.kind = EventKind::scaled_out, .group = "app"});
  EXPECT_THAT(conditions.update(both),
              ElementsAre(Field(&Event::kind, EventKind::scaled_out), Field(&Event::kind, EventKind::at_max)));
}

TEST(Conditions, the_silence_of_one_source_says_nothing_of_another) {
  Conditions conditions;
  (void)conditions.update(news(kNow, {at_max("app")}));
  EXPECT_THAT(conditions.update(news(kNow, {}, "balancers of app")), IsEmpty());
  EXPECT_THAT(conditions.holding(), ElementsAre(Field(&Event::group, "app")));
}

TEST(Conditions, end_with_a_source_that_is_configured_no_more) {
  Conditions conditions;
  (void)conditions.update(news(kNow, {at_max("app")}));
  (void)conditions.update(news(kNow, {at_max("web")}, "turn of web"));
  EXPECT_THAT(conditions.forget_all_but({"turn of web"}, kNow + 1s),
              ElementsAre(AllOf(Field(&Event::group, "app"), Field(&Event::stage, Event::Stage::ended))));
  EXPECT_THAT(conditions.holding(), ElementsAre(Field(&Event::group, "web")));
}

}  // namespace
}  // namespace weir
