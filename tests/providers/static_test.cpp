#include "providers/static/static.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Group group_of(Settings::Texts addresses) {
  Group group;
  group.name = "app";
  group.version = "v7";
  group.server.set("addresses", std::move(addresses), {4, 9});
  return group;
}

std::vector<std::string> complaints(Settings::Texts addresses) {
  std::vector<std::string> found;
  for (const SettingsError& error : static_provider_type().check({}, group_of(std::move(addresses)))) {
    EXPECT_EQ(error.mark, (SourceMark{4, 9}));
    found.push_back(error.path + " " + error.message);
  }
  return found;
}

class StaticProvider : public testing::Test {
 protected:
  std::unique_ptr<Provider> provider_ = *static_provider_type().make({}, {"lan", {}});
  Group app_ = group_of({"10.0.0.6:3000", "10.0.0.5:3000"});
};

TEST_F(StaticProvider, lists_the_addresses_as_servers_that_cannot_be_removed) {
  const Group* const groups[] = {&app_};
  const std::vector<Server> servers = *provider_->list(groups, {});
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_EQ(servers[0].id, "10.0.0.5:3000");
  EXPECT_EQ(servers[0].address, "10.0.0.5:3000");
  EXPECT_EQ(servers[0].group, "app");
  EXPECT_EQ(servers[0].version, "v7");
  EXPECT_EQ(servers[0].token, "");
  EXPECT_EQ(servers[0].phase, Phase::warming);
  EXPECT_EQ(servers[0].protection, "static provider");
  EXPECT_EQ(servers[1].id, "10.0.0.6:3000");
}

TEST_F(StaticProvider, refuses_to_make_or_remove_servers) {
  const Result<Server> launched = provider_->launch({app_, "t", "v1"}, {});
  ASSERT_FALSE(launched);
  EXPECT_EQ(launched.error().kind, ErrorKind::invalid);
  EXPECT_THAT(launched.error().message, HasSubstr("static provider cannot launch"));
  const Result<void> terminated = provider_->terminate(app_, "10.0.0.5:3000", {});
  ASSERT_FALSE(terminated);
  EXPECT_EQ(terminated.error().kind, ErrorKind::invalid);
  EXPECT_THAT(terminated.error().message, HasSubstr("static provider cannot terminate 10.0.0.5:3000"));
}

TEST_F(StaticProvider, has_the_size_of_its_list) {
  EXPECT_FALSE(static_provider_type().elastic);
  EXPECT_EQ(static_provider_type().fixed_size(app_.server), 2);
}

TEST(StaticProviderCheck, takes_names_and_addresses_with_a_port) {
  EXPECT_THAT(complaints({"10.0.0.5:3000", "app-1.lan:80", "[fd00::5]:3000", "[::ffff:10.0.0.1]:65535"}), ElementsAre());
}

TEST(StaticProviderCheck, refuses_what_is_not_host_and_port) {
  for (const char* wrong : {"10.0.0.5", "10.0.0.5:", ":3000", "10.0.0.5:0", "10.0.0.5:65536", "10.0.0.5:+80", "10.0.0.5:80x",
                            "fd00::5:3000", "[fd00::5]", "[]:80", "[10.0.0.5]:80", "http://10.0.0.5:80", "a b:80", ""}) {
    EXPECT_THAT(complaints({wrong}), ElementsAre(HasSubstr("is not host:port"))) << wrong;
  }
}

TEST(StaticProviderCheck, refuses_repeated_addresses_and_an_empty_list) {
  EXPECT_THAT(complaints({"a:1", "b:1", "a:1"}), ElementsAre("server.addresses[2] 'a:1' is listed twice"));
  EXPECT_THAT(complaints({}), ElementsAre(HasSubstr("names no server")));
}

}  // namespace
}  // namespace weir
