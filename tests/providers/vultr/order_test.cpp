// What is asked for in a create.
#include "providers/vultr/order.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "platform/base64.h"
#include "tests/providers/vultr/world.h"

namespace weir {
namespace {

using nlohmann::json;

json body_for(const Group& group, const std::string& version = "v7") {
  const LaunchRequest request{group, "app_x-nonce-1", version};
  return json::parse(create_body(request, places_of(group.server).front(), "weir"));
}

TEST(VultrOrder, carries_the_owner_tags_before_anything_is_made) {
  const json body = body_for(vultr_group("app_x"));
  EXPECT_EQ(body["tags"], json({"weir:owner=weir", "weir:group=app_x", "weir:token=app_x-nonce-1", "weir:version=v7",
                                "weir:port=3000", "weir:network=public"}));
  EXPECT_EQ(body["label"], "app_x-nonce-1");
  EXPECT_EQ(body["hostname"], "app-x-nonce-1");
  EXPECT_EQ(body["os_id"], 2136);
  for (const char* absent : {"attach_vpc", "user_data", "sshkey_id", "script_id", "firewall_group_id", "enable_vpc"}) {
    EXPECT_FALSE(body.contains(absent)) << absent;
  }
}

TEST(VultrOrder, has_everything_the_group_says) {
  Group group = vultr_group("app");
  group.server.set("ssh_keys", Settings::Texts{"k1", "k2"});
  group.server.set("startup_script", std::string("s1"));
  group.server.set("firewall_group", std::string("f1"));
  group.server.set("vpc", std::string("p1"));
  group.server.set("private_address", true);
  group.server.set("tags", Settings::Texts{"mine"});
  group.server.set("user_data", std::string("run {version} {group} {token} {other} ${version}"));
  const json body = body_for(group);
  EXPECT_EQ(body["sshkey_id"], json({"k1", "k2"}));
  EXPECT_EQ(body["script_id"], "s1");
  EXPECT_EQ(body["firewall_group_id"], "f1");
  EXPECT_EQ(body["attach_vpc"], json({"p1"}));
  EXPECT_EQ(body["tags"].back(), "mine");
  EXPECT_EQ(body["tags"][5], "weir:network=private");
  EXPECT_EQ(body["user_data"], base64("run v7 app app_x-nonce-1 {other} ${version}"));
}

TEST(VultrOrder, names_exactly_one_image) {
  struct Case {
    const char* key;
    Settings::Value value;
    const char* field;
    json expected;
  };
  const Case cases[] = {{"os", std::int64_t{7}, "os_id", 7},
                        {"app", std::int64_t{8}, "app_id", 8},
                        {"snapshot", std::string("{version}"), "snapshot_id", "v7"},
                        {"image", std::string("docker"), "image_id", "docker"},
                        {"iso", std::string("i"), "iso_id", "i"}};
  for (const Case& test : cases) {
    Group group = vultr_group("app");
    Settings image;
    image.set(test.key, test.value);
    group.server.set("image", Settings::Sections{image});
    const json body = body_for(group);
    int images = 0;
    for (const Case& other : cases) images += body.contains(other.field) ? 1 : 0;
    EXPECT_EQ(images, 1) << test.key;
    EXPECT_EQ(body.value(test.field, json()), test.expected);
  }
}

TEST(VultrOrder, the_vpc_of_a_region_is_not_used_in_another) {
  Group group = vultr_group("app");
  group.server.set("vpc", std::string("in-icn"));
  const auto place = [](const char* region, const char* vpc) {
    Settings settings;
    settings.set("plan", std::string("vhf-1c-2gb"));
    settings.set("region", std::string(region));
    if (*vpc != '\0') settings.set("vpc", std::string(vpc));
    return settings;
  };
  group.server.set("overflow", Settings::Sections{place("icn", ""), place("nrt", ""), place("nrt", "in-nrt")});
  std::vector<std::string> vpcs;
  for (const VultrPlace& each : places_of(group.server)) vpcs.push_back(each.vpc);
  EXPECT_EQ(vpcs, (std::vector<std::string>{"in-icn", "in-icn", "", "in-nrt"}));
}

TEST(VultrOrder, a_long_group_name_keeps_the_end_of_the_host_name) {
  const Group group = vultr_group(std::string(63, 'g'));
  const LaunchRequest request{group, std::string(63, 'g') + "-abc-12", "v1"};
  const json body = json::parse(create_body(request, places_of(group.server).front(), "weir"));
  const auto name = body["hostname"].get<std::string>();
  EXPECT_EQ(name.size(), 63U);
  EXPECT_TRUE(name.ends_with("-abc-12"));
}

TEST(VultrOrder, base64_is_the_standard_one) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("\xfb\xff\xfe"), "+//+");
}

}  // namespace
}  // namespace weir
