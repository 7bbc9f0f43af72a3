#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/ports.h"
#include "providers/process/process.h"
#include "tests/support/settings.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Group good_group() {
  Group group;
  group.name = "app";
  group.max = 10;
  group.server = with_defaults(process_provider_type().server_keys);
  group.server.set("command", Settings::Texts{"./app", "--port", "{port}"}, {7, 3});
  group.server.set("ports", std::string("9000-9009"), {8, 3});
  return group;
}

std::vector<std::string> complaints(const Group& group) {
  std::vector<std::string> found;
  for (const SettingsError& error : process_provider_type().check({}, group)) found.push_back(error.path + ": " + error.message);
  return found;
}

TEST(ProcessProviderCheck, takes_a_good_group) { EXPECT_THAT(complaints(good_group()), IsEmpty()); }

TEST(ProcessProviderCheck, wants_as_many_ports_as_servers) {
  Group group = good_group();
  group.max = 11;
  EXPECT_THAT(complaints(group), ElementsAre("server.ports: '9000-9009' has 10 ports, but max is 11: every server needs one"));
  EXPECT_EQ(process_provider_type().check({}, group).front().mark, (SourceMark{8, 3}));
  group.overflow.emplace();
  EXPECT_THAT(complaints(group), IsEmpty()) << "the rest is made at the overflow";
}

TEST(ProcessProviderCheck, wants_a_range_of_real_ports) {
  for (const char* wrong :
       {"", "-", "9000-", "-9000", "9009-9000", "0-100", "65530-65536", "9000-9100-9200", "nine", "9000 - 9100"}) {
    Group group = good_group();
    group.server.set("ports", std::string(wrong));
    EXPECT_THAT(complaints(group), ElementsAre(HasSubstr("is not a range of ports"))) << wrong;
  }
}

TEST(ProcessProviderCheck, wants_servers_to_learn_their_port) {
  Group group = good_group();
  group.server.set("command", Settings::Texts{"./app"});
  EXPECT_THAT(complaints(group), ElementsAre(HasSubstr("server.command: no word has {port} in it")));
  group.server.set("env", Settings::TextMap{{"LISTEN", ":{port}"}});
  EXPECT_THAT(complaints(group), IsEmpty());
  group.server.set("command", Settings::Texts{});
  EXPECT_THAT(complaints(group), ElementsAre("server.command: is empty"));
}

TEST(ProcessProviderCheck, wants_an_address_others_can_connect_to) {
  for (const char* wrong : {"localhost", "0.0.0.0", "::", "10.0.0", ""}) {
    Group group = good_group();
    group.server.set("host", std::string(wrong));
    EXPECT_THAT(complaints(group), ElementsAre(HasSubstr("server.host: "))) << wrong;
  }
  Group group = good_group();
  group.server.set("host", std::string("::1"));
  EXPECT_THAT(complaints(group), IsEmpty());
}

TEST(ProcessProviderCheck, wants_a_group_name_that_can_be_a_directory) {
  for (const char* wrong : {"", ".", "..", ".hidden", "a/b", "a b"}) {
    Group group = good_group();
    group.name = wrong;
    EXPECT_THAT(complaints(group), ElementsAre(HasSubstr("name: "))) << wrong;
  }
}

TEST(PortRange, one_port_is_a_range_too) {
  EXPECT_EQ(parse_port_range("9000")->size(), 1);
  EXPECT_EQ(parse_port_range("1-65535")->size(), 65535);
}

TEST(PortRange, addresses_of_ipv6_stand_in_brackets) {
  EXPECT_EQ(join_address("127.0.0.1", 80), "127.0.0.1:80");
  EXPECT_EQ(join_address("::1", 80), "[::1]:80");
}

}  // namespace
}  // namespace weir
