#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/config/support.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kGroups = R"(
providers: {local: {type: memory}, fixed: {type: static}}
groups:
  - {name: app, provider: local, min: 2, max: 2}
  - {name: shop, provider: fixed, server: {addresses: ["10.0.0.1:80"]}}
)";

ConfigResult with(const std::string& notifications) { return parse_test_config(kGroups + ("notifications:\n" + notifications)); }
NotificationRules good(const std::string& notifications) {
  auto config = with(notifications);
  EXPECT_TRUE(config.has_value()) << complaints(config);
  return config ? config->notifications : NotificationRules{};
}
const std::string kHook = "  receivers: [{name: hook, type: webhook, url: \"https://example.com/in\"}]\n";
std::vector<std::string> warnings(const std::string& notifications) {
  const auto config = with(notifications);
  EXPECT_TRUE(config.has_value()) << complaints(config);
  return config ? lint_config(*config) : std::vector<std::string>{};
}

TEST(NotificationConfig, a_route_has_everything_it_was_given) {
  const NotificationRules rules = good(kHook + R"(  controller: weir-eu
  routes:
    - receiver: hook
      severity: warning
      events: [at_max, no_data]
      groups: [app]
      group_by: event
      group_wait: 1m
      limit: {messages: 5, per: 1h}
      quiet_hours: {from: "22:00", to: "7:30", timezone: Asia/Seoul, days: [mon, fri], breaks_through: nothing}
      repeat: 4h
      resolved: false
)");
  EXPECT_EQ(rules.controller, "weir-eu");
  ASSERT_EQ(rules.routes.size(), 1U);
  const Route& route = rules.routes.front();
  EXPECT_EQ(route.severity, Severity::warning);
  EXPECT_THAT(route.events, ElementsAre(EventKind::at_max, EventKind::no_data));
  EXPECT_THAT(route.groups, ElementsAre("app"));
  EXPECT_EQ(route.group_by, Route::GroupBy::event);
  EXPECT_EQ(route.group_wait, 1min);
  EXPECT_EQ(route.limit, (MessageLimit{5, 1h}));
  EXPECT_EQ(route.repeat, 4h);
  EXPECT_FALSE(route.resolved);
  ASSERT_TRUE(route.quiet);
  EXPECT_EQ(route.quiet->zone.name(), "Asia/Seoul");
  EXPECT_EQ(route.quiet->from, 22h);
  EXPECT_EQ(route.quiet->to, 7h + 30min);
  EXPECT_THAT(route.quiet->days, ElementsAre(false, true, false, false, false, true, false));
  EXPECT_EQ(route.quiet->breaks_through, std::nullopt);
}

TEST(NotificationConfig, a_route_has_defaults) {
  const Route route = good(kHook + "  routes: [{receiver: hook}]\n").routes.at(0);
  EXPECT_EQ(route, (Route{.receiver = "hook"}));
}

TEST(NotificationConfig, a_secret_comes_from_a_file) {
  const NotificationRules rules = good(R"(  receivers:
    - {name: mail, type: email, host: smtp.example.com, from: weir@example.com, to: [ops@example.com], username: weir, password_file: /secrets/password}
  routes: [{receiver: mail}]
)");
  EXPECT_EQ(rules.receivers.at(0).settings.text("password"), "pass word");
}

TEST(NotificationConfig, an_alertmanager_is_told_of_all_and_again) {
  const std::string alerts = "  receivers: [{name: alerts, type: alertmanager, url: \"http://127.0.0.1:9093\"}]\n";
  EXPECT_EQ(good(alerts + "  routes: [{receiver: alerts}]\n").routes.at(0).refresh, 1min);
  EXPECT_THAT(
      complaints(with(alerts + "  routes: [{receiver: alerts, repeat: 4h, resolved: false}]\n")),
      testing::AllOf(HasSubstr("routes[0].repeat: not for receiver 'alerts'"), HasSubstr("routes[0].resolved: expected true")));
}

TEST(NotificationConfig, without_the_section_nobody_is_told) {
  const auto config = parse_test_config(kGroups);
  ASSERT_TRUE(config) << complaints(config);
  EXPECT_THAT(config->notifications.routes, IsEmpty());
}

struct Mistake {
  const char* name;
  std::string text;
  std::string complaint;
};
class NotificationMistake : public testing::TestWithParam<Mistake> {};
TEST_P(NotificationMistake, is_told_with_its_place) {
  const auto config = with(GetParam().text);
  ASSERT_FALSE(config.has_value());
  EXPECT_THAT(complaints(config), HasSubstr(GetParam().complaint));
  EXPECT_GT(config.error().front().line, 0);
  EXPECT_THAT(complaints(config), testing::Not(HasSubstr("hunter2")));
}
INSTANTIATE_TEST_SUITE_P(
    All, NotificationMistake,
    testing::Values(
        Mistake{"receiver", kHook + "  routes: [{receiver: hok}]\n",
                "notifications.routes[0].receiver: unknown receiver 'hok'; did you mean 'hook'?"},
        Mistake{"type", "  receivers: [{name: x, type: slak}]\n",
                "notifications.receivers[0].type: unknown type 'slak'; did you mean 'slack'?"},
        Mistake{"group", kHook + "  routes: [{receiver: hook, groups: [ap]}]\n",
                "routes[0].groups: unknown group 'ap'; did you mean 'app'?"},
        Mistake{"event", kHook + "  routes: [{receiver: hook, events: [at_maxx]}]\n",
                "routes[0].events: unknown event 'at_maxx'; did you mean 'at_max'?"},
        Mistake{"no_event", kHook + "  routes: [{receiver: hook, events: []}]\n", "routes[0].events: expected at least one"},
        Mistake{"endless_quiet", kHook + "  routes: [{receiver: hook, quiet_hours: {from: \"22:00\", to: \"22:00\"}}]\n",
                "routes[0].quiet_hours.to: expected another time than 'from'"},
        Mistake{"quiet_time", kHook + "  routes: [{receiver: hook, quiet_hours: {from: \"25:00\", to: \"7:00\"}}]\n",
                "quiet_hours.from: expected a time of the day"},
        Mistake{"quiet_day", kHook + "  routes: [{receiver: hook, quiet_hours: {from: \"22:00\", to: \"7:00\", days: [monday]}}]\n",
                "quiet_hours.days: unknown day 'monday'"},
        Mistake{"quiet_zone",
                kHook + "  routes: [{receiver: hook, quiet_hours: {from: \"22:00\", to: \"7:00\", timezone: Seoul}}]\n",
                "quiet_hours.timezone"},
        Mistake{"twice",
                "  receivers: [{name: x, type: slack, url: \"https://a/b\"}, {name: x, type: slack, url: \"https://a/b\"}]\n",
                "receivers[1].name: 'x' is already the name of another receiver"},
        Mistake{"url", "  receivers: [{name: x, type: slack, url: \"hunter2\"}]\n", "receivers[0].url: expected a URL"},
        Mistake{"body", "  receivers: [{name: x, type: webhook, url: \"https://a/b\", body: \"{title}\"}]\n",
                "receivers[0].body: expected text that is JSON"},
        Mistake{"clear_password",
                "  receivers: [{name: x, type: email, host: a, from: a@b, to: [a@b], tls: none, username: u, password: hunter2}]\n",
                "receivers[0].tls: expected starttls or tls"},
        Mistake{"address", "  receivers: [{name: x, type: email, host: a, from: weir, to: [b]}]\n",
                "receivers[0].to: 'b' is no address"},
        Mistake{"label", "  receivers: [{name: x, type: alertmanager, url: \"http://a\", labels: {a-b: c}}]\n",
                "receivers[0].labels: 'a-b' is no label name"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(NotificationLint, is_silent_about_a_sound_section) {
  EXPECT_THAT(warnings(kHook + "  routes: [{receiver: hook, severity: warning, quiet_hours: {from: \"22:00\", to: \"7:00\"}}]\n"),
              IsEmpty());
}

TEST(NotificationLint, sees_a_receiver_that_is_never_told) {
  EXPECT_THAT(warnings(kHook), ElementsAre("notifications: no route leads to receiver hook: it is never told anything"));
}

TEST(NotificationLint, sees_routes_that_can_never_match) {
  EXPECT_THAT(
      warnings(kHook + "  routes: [{receiver: hook, events: [scaled_out], severity: warning}]\n"),
      ElementsAre("notifications.routes[0]: it can never match: scaled_out is info, and the route takes warning and graver"));
  EXPECT_THAT(warnings(kHook + "  routes: [{receiver: hook, events: [controller_started], groups: [app]}]\n"),
              ElementsAre(HasSubstr("it can never match: controller_started is of no group")));
  EXPECT_THAT(warnings(kHook + "  routes: [{receiver: hook, events: [budget]}]\n"),
              ElementsAre(HasSubstr("it can never match: budget: none of its groups has a budget")));
  EXPECT_THAT(warnings(kHook + "  routes: [{receiver: hook, events: [deploy_finished], groups: [shop]}]\n"),
              ElementsAre(HasSubstr("it can never match: deploy_finished: weir deploys none of its groups")));
  EXPECT_THAT(warnings(kHook + "  routes: [{receiver: hook, events: [at_max, scaled_out], severity: warning}]\n"),
              ElementsAre("notifications.routes[0]: scaled_out is info, and the route takes warning and graver"));
}

TEST(NotificationLint, sees_two_routes_that_say_the_same) {
  EXPECT_THAT(warnings(kHook + "  routes: [{receiver: hook}, {receiver: hook, repeat: 4h}]\n"),
              ElementsAre("notifications.routes[1]: routes[0] tells hook of the same events: it hears everything twice"));
}

TEST(NotificationLint, sees_quiet_hours_that_hold_nothing_back_and_repeats_that_never_wait) {
  EXPECT_THAT(warnings(kHook + "  routes: [{receiver: hook, severity: critical, quiet_hours: {from: \"22:00\", to: \"7:00\"}}]\n"),
              ElementsAre(HasSubstr("quiet_hours hold nothing back: critical breaks through")));
  EXPECT_THAT(warnings(kHook + "  routes: [{receiver: hook, repeat: 1m, group_wait: 5m}]\n"),
              ElementsAre(HasSubstr("repeat (1m) is no longer than group_wait (5m)")));
}

}  // namespace
}  // namespace weir
