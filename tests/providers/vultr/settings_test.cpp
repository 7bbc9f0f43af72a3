#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "balancers/balancer.h"
#include "controller/config/config.h"
#include "policies/policy.h"
#include "tests/fakes/network.h"
#include "tests/providers/vultr/world.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The complaints about a configuration whose group has this `server:` section; user data comes from a file that says
/// "#cloud-config".
std::vector<std::string> complaints(const std::string& server, const std::string& provider = "api_key: secret") {
  const std::string text = "providers:\n  icn: {type: vultr, " + provider +
                           "}\ngroups:\n  - name: app\n    provider: icn\n    min: 1\n    max: 2\n    server: " + server + "\n";
  const Environment environment{.variable = {}, .read_file = [](const std::filesystem::path& path) -> Result<std::string> {
                                  if (path == "/there") return "#cloud-config\n";
                                  return failure(ErrorKind::not_found,
                                                 "cannot read " + path.string() + ": No such file or directory");
                                }};
  const Catalogs catalogs{.providers = provider_catalog(), .policies = policy_catalog(), .balancers = balancer_catalog()};
  const ConfigResult config = parse_config(text, "weir.yaml", environment, catalogs);
  std::vector<std::string> found;
  if (config) return found;
  for (const ConfigError& error : config.error()) found.push_back(to_string(error));
  return found;
}

std::string with(const std::string& more) { return "{plan: vc2-1c-2gb, region: icn, image: {os: 1}, port: 80" + more + "}"; }

TEST(VultrSettings, a_small_and_a_complete_one_are_good) {
  EXPECT_THAT(complaints(with("")), IsEmpty());
  EXPECT_THAT(
      complaints(with(", user_data_file: /there, ssh_keys: [a], startup_script: s, firewall_group: f, vpc: v, private_address: "
                      "true, tags: [x], overflow: [{plan: vhf-1c-2gb, region: icn}, {plan: a, region: nrt, vpc: w}]")),
      IsEmpty());
}

TEST(VultrSettings, exactly_one_image_is_needed) {
  EXPECT_THAT(complaints("{plan: a, region: b, port: 80, image: {}}"),
              ElementsAre(HasSubstr("server.image: expected exactly one")));
  EXPECT_THAT(complaints("{plan: a, region: b, port: 80, image: {os: 1, snapshot: x}}"), ElementsAre(HasSubstr("found 2")));
  EXPECT_THAT(complaints("{plan: a, region: b, port: 80}"), ElementsAre(HasSubstr("server.image: required but missing")));
  EXPECT_THAT(complaints("{plan: a, region: b, port: 80, image: {os: debian}}"), ElementsAre(HasSubstr("a whole number")));
}

TEST(VultrSettings, what_cannot_be_right_is_told_at_once) {
  EXPECT_THAT(complaints(with(", private_address: true")), ElementsAre(HasSubstr("server.private_address: needs 'vpc'")));
  EXPECT_THAT(complaints(with(", tags: ['weir:group=web']")), ElementsAre(HasSubstr("weir's own")));
  EXPECT_THAT(complaints(with(", tags: ['']")), ElementsAre(HasSubstr("expected tags of 1 to")));
  EXPECT_THAT(complaints(with(", ssh_keys: ['']")), ElementsAre(HasSubstr("server.ssh_keys")));
  EXPECT_THAT(complaints(with(", overflow: [{plan: vc2-1c-2gb, region: icn}]")), ElementsAre(HasSubstr("is there already")));
  EXPECT_THAT(complaints(with(", vpc: v, private_address: true, overflow: [{plan: a, region: nrt}]")),
              ElementsAre(HasSubstr("needs a 'vpc' of its own")));
  EXPECT_THAT(complaints(with(", user_data_file: /absent")), ElementsAre(HasSubstr("cannot read /absent")));
  std::string many = ", tags: [";
  for (int tag = 0; tag < 41; ++tag) many += "t" + std::to_string(tag) + ",";
  EXPECT_THAT(complaints(with(many + "]")), ElementsAre(HasSubstr("at most 40")));
}

TEST(VultrSettings, a_key_is_needed) {
  EXPECT_THAT(complaints(with(""), "owner: x"), ElementsAre(HasSubstr("api_key: required but missing (or api_key_file)")));
}

TEST(VultrSettings, an_impossible_url_or_owner_is_refused_without_showing_it) {
  ImpatientNetwork outside;
  for (const char* url : {"api.vultr.com", "ftp://x", "https://user:hidden@host", "https://host?x"}) {
    Settings settings;
    settings.set("api_key", std::string("hidden"));
    settings.set("api_url", std::string(url));
    settings.set("owner", std::string("weir"));
    const auto made = vultr_provider_type().make(settings, {.name = "icn", .network = &outside.network});
    ASSERT_FALSE(made) << url;
    EXPECT_EQ(made.error().message.find("hidden"), std::string::npos);
  }
}

}  // namespace
}  // namespace weir
