#include "balancers/haproxy/text.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

HaproxyFormat format() { return {.group = "app", .backend = "be_app"}; }

TEST(HaproxyText, the_file_is_a_backend_section_with_the_users_lines_and_a_server_for_each_peer) {
  HaproxyFormat format{.group = "app",
                       .backend = "be_app",
                       .defaults = "http",
                       .lines = {"balance leastconn", "server sorry 127.0.0.1:81 backup"},
                       .options = {"maxconn", "50"}};
  const std::vector<Peer> peers{{"srv-1", "10.0.0.1:80", 1}, {"a b", "[::1]:80", 256}};
  EXPECT_EQ(render_backend(format, peers),
            "# Managed by weir for group app; edits are overwritten.\n"
            "backend be_app from http\n"
            "    balance leastconn\n"
            "    server sorry 127.0.0.1:81 backup\n"
            "    server srv-1 10.0.0.1:80 weight 1 maxconn 50 # srv-1\n"
            "    server a_b:" +
                haproxy_name(peers[1]).substr(4) + " [::1]:80 weight 256 maxconn 50 # a b\n");
  EXPECT_EQ(parse_backend(*render_backend(format, peers)), peers);
  EXPECT_EQ(own_servers(format), std::vector<std::string>{"sorry"});
}

TEST(HaproxyText, a_text_belongs_to_the_group_its_first_line_names) {
  const std::string text = *render_backend(format(), {});
  EXPECT_EQ(haproxy_owner(text, "app"), HaproxyOwner::this_group);
  EXPECT_EQ(haproxy_owner(text, "web"), HaproxyOwner::other_group);
  EXPECT_EQ(haproxy_owner("backend be_app\n", "app"), HaproxyOwner::stranger);
  EXPECT_EQ(haproxy_owner(" \n", "app"), HaproxyOwner::nobody);
}

TEST(HaproxyText, an_id_that_haproxy_takes_is_the_name) {
  EXPECT_EQ(haproxy_name({"i-0abc.x_Y", "10.0.0.1:80", 1}), "i-0abc.x_Y");
  EXPECT_EQ(id_of_haproxy_name("i-0abc.x_Y", "10.0.0.1:80"), "i-0abc.x_Y");
}

TEST(HaproxyText, any_other_id_gets_a_name_of_its_own_that_haproxy_takes) {
  const Peer odd{"tasks \"x\"; # é }", "10.0.0.1:80", 1};
  const Peer other{"tasks 'x'; # é }", "10.0.0.1:80", 1};
  const Peer empty{"", "10.0.0.1:80", 1};
  const Peer mark{"a:b", "10.0.0.1:80", 1};
  const Peer full{std::string(200, 'x'), "10.0.0.1:80", 1};
  for (const Peer& peer : {odd, other, empty, mark, full}) {
    const std::string name = haproxy_name(peer);
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-"), std::string::npos)
        << name;
    EXPECT_LE(name.size(), 70U);
    EXPECT_TRUE(is_haproxy_name_of(name, peer));
    EXPECT_EQ(id_of_haproxy_name(name, peer.address), "") << "not to be read from the name";
  }
  EXPECT_NE(haproxy_name(odd), haproxy_name(other));
}

TEST(HaproxyText, a_marked_name_of_a_plain_id_still_tells_the_id) {
  const Peer peer{"web", "10.0.0.2:80", 1};
  const std::string name = haproxy_marked_name(peer);
  EXPECT_TRUE(name.starts_with("web:")) << name;
  EXPECT_EQ(id_of_haproxy_name(name, peer.address), "web");
  EXPECT_EQ(id_of_haproxy_name(name, "10.0.0.3:80"), "");
}

TEST(HaproxyText, addresses_compare_as_haproxy_says_them) {
  EXPECT_EQ(plain_address("10.0.0.1:80"), "10.0.0.1:80");
  EXPECT_EQ(plain_address("[0:0:0:0:0:0:0:1]:080"), "[::1]:80");
}

TEST(HaproxyText, what_haproxy_would_take_and_not_reach_is_refused) {
  for (const std::string address :
       {"localhost:80", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:99999", "::1:80", "[::1]", "10.0.0.1:80 x"}) {
    const auto text = render_backend(format(), std::vector<Peer>{{"srv", address, 1}});
    ASSERT_FALSE(text.has_value()) << address;
    EXPECT_EQ(text.error(),
              (Error{ErrorKind::invalid, "server srv: '" + address + "' is no IP address and port, as HAProxy needs it"}));
  }
}

TEST(HaproxyText, weights_are_absolute_and_ids_cannot_end_their_line) {
  for (const Peer& peer : {Peer{"srv", "10.0.0.1:80", -1}, Peer{"srv", "10.0.0.1:80", 257}, Peer{"srv\n", "10.0.0.1:80", 1}}) {
    const auto text = render_backend(format(), std::vector<Peer>{peer});
    ASSERT_FALSE(text.has_value());
    EXPECT_EQ(text.error().kind, ErrorKind::invalid);
  }
}

TEST(HaproxyText, two_peers_do_not_share_a_name_or_an_address) {
  const Peer one{"srv", "10.0.0.1:80", 1};
  for (const Peer& other : {Peer{"srv", "10.0.0.2:80", 1}, Peer{"srv-2", "10.0.0.1:80", 1}}) {
    EXPECT_FALSE(check_peers(std::vector<Peer>{one, other}).has_value());
  }
}

}  // namespace
}  // namespace weir
