#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "platform/file.h"
#include "tests/e2e/site.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using testing::HasSubstr;

constexpr int kDone = 0;
constexpr int kError = 1;
constexpr int kChanges = 2;
constexpr int kRefused = 3;

/// nginx and Prometheus run, weir does not; the gauge has been scraped.
std::unique_ptr<Site> site_without_weir() {
  auto site = Site::create();
  if (!site) return nullptr;
  EXPECT_TRUE(site->stand().nginx().start());
  EXPECT_TRUE(site->stand().prometheus().start());
  return site;
}

bool scraped(Site& site, int wanted) {
  return Stand::eventually([&] { return site.stand().query("wanted_servers").value_or(0) == wanted; }, 40s);
}

TEST(Plan, its_exit_status_says_whether_there_is_anything_to_do) {
  const auto site = site_without_weir();
  ASSERT_TRUE(site);
  ASSERT_TRUE(scraped(*site, 2));
  const std::string upstream = read_file(site->stand().upstream_file()).value_or("");
  const CommandAnswer plan = site->command({"plan", "--json"});
  EXPECT_EQ(plan.status, kChanges) << plan.output;
  const Json group = Json::parse(plan.output)["groups"][0];
  EXPECT_EQ(group["desired"], 2);
  ASSERT_EQ(group["actions"].size(), 2U) << plan.output;
  EXPECT_EQ(group["actions"][0]["kind"], "launch");
  EXPECT_EQ(site->command({"plan", "--group", "nobody"}).status, kError);
  EXPECT_TRUE(site->apps().empty()) << "a plan changes nothing";
  EXPECT_EQ(read_file(site->stand().upstream_file()).value_or(""), upstream);

  ASSERT_TRUE(site->stand().weir().start());
  ASSERT_TRUE(site->settles_at(2)) << site->story();
  const CommandAnswer settled = site->command({"plan"});
  EXPECT_EQ(settled.status, kDone) << settled.output;
  site->rewrite_config("min: 2", "min: 3");
  EXPECT_EQ(site->command({"plan"}).status, kChanges);
  site->rewrite_config("min: 3", "min: three");
  const CommandAnswer wrong = site->command({"plan"});
  EXPECT_EQ(wrong.status, kError);
  EXPECT_THAT(wrong.output, HasSubstr("weir.yaml:"));
}

TEST(Plan, names_the_servers_that_would_go_why_what_follows_and_what_it_saves) {
  const auto site = site_without_weir();
  ASSERT_TRUE(site);
  site->rewrite_config("    min: 2", "    cost: {per_hour: 0.5, currency: EUR}\n    min: 2");
  site->want(4);
  ASSERT_TRUE(site->stand().weir().start());
  ASSERT_TRUE(site->settles_at(4)) << site->story();
  ASSERT_TRUE(site->stand().weir().stop());
  site->want(2);
  ASSERT_TRUE(scraped(*site, 2));

  const CommandAnswer text = site->command({"plan"});
  EXPECT_EQ(text.status, kChanges);
  const Json group = Json::parse(site->command({"plan", "--json"}).output)["groups"][0];
  EXPECT_EQ(group["desired"], 2);
  std::set<std::string> leaving;
  for (const auto& action : group["actions"]) {
    if (action["kind"] != "drain") continue;
    const std::string server = action["server"];
    leaving.insert(server);
    EXPECT_NE(action["why"], "");
    EXPECT_THAT(text.output, HasSubstr(server));
  }
  EXPECT_EQ(leaving.size(), 2U) << text.output;
  EXPECT_EQ(group["cost"]["per_hour_before"], 2.0);
  EXPECT_EQ(group["cost"]["per_hour_after"], 1.0);
  EXPECT_EQ(group["cost"]["currency"], "EUR");
  EXPECT_TRUE(group.contains("then")) << text.output;
  EXPECT_THAT(text.output, HasSubstr("then, if the load stays: no further change"));
  EXPECT_EQ(site->apps().size(), 4U) << "a plan changes nothing";
}

TEST(Apply, does_what_the_plan_says_step_by_step_until_nothing_is_left) {
  const auto site = site_without_weir();
  ASSERT_TRUE(site);
  ASSERT_TRUE(scraped(*site, 2));
  const std::string file = site->stand().directory() / "plan.json";
  ASSERT_EQ(site->command({"plan", "--out", file}).status, kChanges);
  const CommandAnswer launched = site->command({"apply", file});
  EXPECT_EQ(launched.status, kDone) << launched.output;
  EXPECT_TRUE(Stand::eventually([&] { return site->apps().size() == 2; }, 20s)) << site->story();

  const CommandAnswer admission = site->command({"plan", "--out", file});
  ASSERT_EQ(admission.status, kChanges) << admission.output;
  EXPECT_THAT(admission.output, HasSubstr("admit"));
  const CommandAnswer admitted = site->command({"apply", file});
  EXPECT_EQ(admitted.status, kDone) << admitted.output;
  EXPECT_EQ(site->peers().size(), 2U);
  EXPECT_TRUE(site->stand().get(site->stand().url()));
  const CommandAnswer nothing = site->command({"plan"});
  EXPECT_EQ(nothing.status, kDone) << nothing.output;

  // The service takes up what was done without it.
  const auto before = site->apps();
  ASSERT_TRUE(site->stand().weir().start());
  EXPECT_TRUE(site->settles_at(2)) << site->story();
  EXPECT_EQ(site->apps(), before);
}

TEST(Apply, refuses_once_the_world_has_moved) {
  const auto site = site_without_weir();
  ASSERT_TRUE(site);
  ASSERT_TRUE(scraped(*site, 2));
  const std::string file = site->stand().directory() / "plan.json";
  ASSERT_EQ(site->command({"plan", "--out", file}).status, kChanges);
  site->want(5);
  ASSERT_TRUE(scraped(*site, 5));
  const CommandAnswer moved = site->command({"apply", file});
  EXPECT_EQ(moved.status, kRefused) << moved.output;
  EXPECT_THAT(moved.output, HasSubstr("the world moved"));

  ASSERT_EQ(site->command({"plan", "--out", file}).status, kChanges);
  site->rewrite_config("max: 8", "max: 9");
  const CommandAnswer changed = site->command({"apply", file});
  EXPECT_EQ(changed.status, kRefused) << changed.output;
  EXPECT_THAT(changed.output, HasSubstr("changed since the plan was made"));
  EXPECT_TRUE(site->apps().empty());
}

TEST(Apply, refuses_while_the_service_runs) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  const std::string file = site->stand().directory() / "plan.json";
  ASSERT_EQ(site->command({"plan", "--out", file}).status, kDone);
  const CommandAnswer refused = site->command({"apply", file});
  EXPECT_EQ(refused.status, kRefused) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("another weir controller"));
}

TEST(Questions, are_answered_about_a_running_service_in_words_and_in_json) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  site->want(4);
  ASSERT_TRUE(site->settles_at(4)) << site->story();
  site->want(3);
  ASSERT_TRUE(site->settles_at(3)) << site->story();
  const auto ask = [&](const std::vector<std::string>& words) {
    const CommandAnswer answer = site->command(words);
    EXPECT_EQ(answer.status, kDone) << answer.output;
    return answer.output;
  };

  EXPECT_THAT(ask({"status"}), HasSubstr("app"));
  Json status;
  // Turns that change nothing reach the disk a moment later.
  EXPECT_TRUE(Stand::eventually(
      [&] {
        status = Json::parse(ask({"status", "--json"}))["groups"][0];
        return status["servers"].size() == 3;
      },
      20s))
      << status.dump(1);
  EXPECT_EQ(status["desired"], 3);
  EXPECT_EQ(status["in_service"], 3);

  EXPECT_THAT(ask({"explain", "app"}), HasSubstr("wanted"));
  const Json turn = Json::parse(ask({"explain", "app", "--json"}));
  EXPECT_EQ(turn["desired"], 3);
  EXPECT_EQ(turn["votes"][0]["policy"], "wanted");
  EXPECT_FALSE(turn["steps"].empty());

  const std::string history = ask({"history", "app"});
  EXPECT_THAT(history, HasSubstr("launch"));
  EXPECT_THAT(history, HasSubstr("drain"));
  const Json changes = Json::parse(ask({"history", "app", "--json", "--limit", "1000"}))["changes"];
  ASSERT_FALSE(changes.empty());
  const auto scaled = std::ranges::count_if(changes, [](const Json& turn_of) { return turn_of["previous"] != turn_of["desired"]; });
  EXPECT_GE(scaled, 2) << changes.dump(1);
  for (const auto& words : {std::vector<std::string>{"explain", "nobody"}, {"history", "nobody"}}) {
    const CommandAnswer unknown = site->command(words);
    EXPECT_EQ(unknown.status, kError);
    EXPECT_THAT(unknown.output, HasSubstr("there are: app"));
  }

  site->stand().weir().stop();
  EXPECT_TRUE(Stand::eventually([&] { return ask({"status"}).contains("is `weir run` running?"); }, 40s))
      << "old news is called old\n"
      << ask({"status"});
}

TEST(Orders, hold_a_running_group_against_its_policies_through_reload_and_restart_until_resumed) {
  const auto site = Site::start();
  ASSERT_TRUE(site);
  const CommandAnswer scaled = site->command({"scale", "app", "4", "--for", "1h"});
  EXPECT_EQ(scaled.status, kDone) << scaled.output;
  EXPECT_TRUE(site->settles_at(4)) << site->story();
  EXPECT_EQ(site->metric("weir_group_held"), 1);
  EXPECT_TRUE(site->says("held at 4 by"));
  site->want(6);
  ASSERT_TRUE(scraped(*site, 6));
  site->rewrite_config("max: 8", "max: 9");
  site->stand().weir().signal(SIGHUP);
  EXPECT_TRUE(site->logs("event=reloaded"));
  EXPECT_TRUE(site->takes_turns(3));
  EXPECT_TRUE(site->settles_at(4)) << site->story();

  site->stand().weir().stop();
  EXPECT_EQ(site->command({"pause", "app", "--out"}).status, kDone);
  EXPECT_EQ(site->command({"scale", "app", "12"}).status, kError);
  ASSERT_TRUE(site->stand().weir().start());
  EXPECT_TRUE(site->takes_turns(3));
  EXPECT_TRUE(site->settles_at(4)) << site->story();
  EXPECT_EQ(site->metric("weir_group_paused"), 1) << "in one direction of two";

  EXPECT_EQ(site->command({"resume", "app"}).status, kDone);
  EXPECT_TRUE(site->settles_at(6)) << site->story();
  EXPECT_EQ(site->metric("weir_group_held") + site->metric("weir_group_paused"), 0);
}

}  // namespace
}  // namespace weir
