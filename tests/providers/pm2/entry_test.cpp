#include "providers/pm2/entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/file.h"
#include "tests/providers/pm2/world.h"

namespace weir::pm2 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::json;

std::vector<Entry> parsed(const std::string& output) {
  auto entries = parse_list(output);
  EXPECT_TRUE(entries) << (entries ? "" : entries.error().message);
  return entries.value_or(std::vector<Entry>{});
}

std::vector<Entry> recorded(const std::string& name) { return parsed(recorded_list(name).dump() + "\n"); }

TEST(Pm2List, is_understood_as_recorded) {
  const std::vector<Entry> entries = recorded("jlist_after_scale_fork");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].name, "forky");
  EXPECT_EQ(entries[0].id, 2);
  EXPECT_EQ(entries[0].status, "errored");
  EXPECT_EQ(entries[0].restarts, 15);
  EXPECT_EQ(entries[0].exit_code, 1);
  EXPECT_EQ(entries[0].created_at, std::nullopt) << "null in the list";
  EXPECT_EQ(entries[2].id, 7);
  EXPECT_EQ(entries[2].status, "online");
  EXPECT_EQ(entries[2].instance, 2);
  EXPECT_EQ(entries[2].created_at, TimePoint(Duration(1'795'240'217'787)));
  EXPECT_EQ(entries[0].variable("PM2_HOME"), "/var/lib/demo/pm2/home");
  EXPECT_EQ(entries[0].variable("none"), "");
}

TEST(Pm2List, keeps_the_number_of_a_worker_that_was_killed_and_restarted) {
  const std::vector<Entry> entries = recorded("jlist_after_sigkill");
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].id, 3);
  EXPECT_EQ(entries[0].restarts, 1);
  EXPECT_EQ(entries[3].instance, 4);
}

TEST(Pm2List, is_found_behind_the_banner_and_the_messages_of_a_first_call) {
  const auto raw = read_file(std::string(WEIR_SOURCE_DIR) + "/tests/data/pm2/jlist_first_call_raw.txt");
  ASSERT_TRUE(raw);
  EXPECT_TRUE(parsed(*raw).empty()) << "an empty list, not the messages that begin with the same bracket";
  const std::string messages = raw->substr(0, raw->rfind('['));
  EXPECT_EQ(parsed(messages + recorded_list("jlist_cluster_two").dump()).size(), 3U);
  EXPECT_EQ(parsed(messages + recorded_list("jlist_cluster_two").dump() + "\n[PM2] see you\n").size(), 3U);
}

TEST(Pm2List, that_is_not_whole_is_no_list) {
  const std::string good = recorded_list("jlist_cluster_two").dump();
  for (const std::string& bad :
       {std::string(), std::string("[PM2] hello\n"), good.substr(0, good.size() / 2), good.substr(1), std::string("{}"),
        std::string("[1]"), std::string("[{\"name\":\"a\"}]"), std::string(R"([{"name":"a","pm_id":0,"pm2_env":{}}])"),
        std::string("[[]]"), std::string(R"([{"name":"a","pm_id":"0","pm2_env":{"status":"online"}}])")}) {
    const auto entries = parse_list(bad);
    ASSERT_FALSE(entries) << bad.substr(0, 80);
    EXPECT_EQ(entries.error().kind, ErrorKind::unavailable);
  }
}

TEST(Pm2List, takes_no_number_that_it_could_only_hold_as_another) {
  const auto with = [](const std::string& id, const std::string& created_at) {
    return parse_list(R"([{"name": "web", "pm_id": )" + id + R"(, "pm2_env": {"status": "online", "created_at": )" + created_at +
                      "}}]");
  };
  EXPECT_FALSE(with("4294967297", "1")) << "would be 1";
  EXPECT_FALSE(with("1e300", "1"));
  const auto entries = with("1", "1e300");
  ASSERT_TRUE(entries);
  EXPECT_EQ(entries->front().id, 1);
  EXPECT_EQ(entries->front().created_at, std::nullopt);
}

TEST(Pm2Copy, has_all_of_its_pattern_but_name_variables_and_what_is_pm2_s_own) {
  Json json = pm2_entry(
      "web", 4, "online",
      {{"PORT", "3000"}, {"MODE", "prod"}, {"web", "{}"}, {"unique_id", "u"}, {"PM2_HOME", "/h"}, {"NODE_APP_INSTANCE", "4"}});
  json["pm2_env"]["args"] = {"--fast"};
  json["pm2_env"]["kill_timeout"] = 8000;
  const Entry pattern = parsed(Json::array({json}).dump()).at(0);
  const Json copy = Json::parse(copy_of(pattern, "web.t1", {{"PORT", "3001"}, {"WEIR_TOKEN", "t1"}})).at("apps").at(0);
  EXPECT_EQ(copy["name"], "web.t1");
  EXPECT_EQ(copy["script"], json["pm2_env"]["pm_exec_path"]);
  EXPECT_EQ(copy["cwd"], json["pm2_env"]["pm_cwd"]);
  EXPECT_EQ(copy["interpreter"], "node");
  EXPECT_EQ(copy["args"], Json({"--fast"}));
  EXPECT_EQ(copy["kill_timeout"], 8000);
  EXPECT_EQ(copy["instances"], 1) << "not what PM2 remembers of its own scaling";
  EXPECT_EQ(copy["out_file"], json["pm2_env"]["pm_out_log_path"]) << "or every launch would leave new files behind";
  EXPECT_EQ(copy["merge_logs"], true);
  EXPECT_EQ(copy["env"], Json({{"PORT", "3001"}, {"MODE", "prod"}, {"WEIR_TOKEN", "t1"}}));
  EXPECT_NE(copy["instance_var"], "NODE_APP_INSTANCE") << "PM2 would overwrite the one that says the port";
  EXPECT_FALSE(copy.contains("autostart")) << "a pattern that does not start is no reason for its copies not to";
}

TEST(Pm2Copy, of_a_copy_is_the_same_as_of_the_pattern) {
  const Entry pattern = parsed(Json::array({pm2_entry("web", 4, "online", {{"MODE", "prod"}})}).dump()).at(0);
  const Variables variables{{"WEIR_TOKEN", "t2"}};
  Json first =
      pm2_entry("web.t1", 5, "online", {{"MODE", "prod"}, {"web.t1", "{}"}, {"WEIR_TOKEN", "t1"}, {"WEIR_PM2_INSTANCE", "0"}});
  const Entry copy = parsed(Json::array({first}).dump()).at(0);
  EXPECT_EQ(copy_of(copy, "web.t2", variables), copy_of(pattern, "web.t2", variables));
}

TEST(Pm2Copy, is_one_line_of_ascii_whatever_the_variables_hold) {
  const Entry pattern =
      parsed(Json::array({pm2_entry("web", 4, "online", {{"NAME", "Zo\xC3\xAB\n\"x\" \xE2\x80\xA8"}})}).dump()).at(0);
  const std::string document = copy_of(pattern, "web.t1", {});
  EXPECT_EQ(document.find('\n'), document.size() - 1);
  EXPECT_TRUE(std::ranges::all_of(document, [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  EXPECT_EQ(Json::parse(document)["apps"][0]["env"]["NAME"], "Zo\xC3\xAB\n\"x\" \xE2\x80\xA8");
}

}  // namespace
}  // namespace weir::pm2
