#include "balancers/nginx/text.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

const std::vector<Peer> kTwo{{"srv-1", "10.0.0.1:80", 1}, {"srv-2", "[fd00::2]:80", 3}};

TEST(NginxText, lines_for_an_upstream_of_the_users) {
  EXPECT_EQ(render({.group = "app"}, kTwo),
            "# Managed by weir for group app; edits are overwritten.\n"
            "server 10.0.0.1:80 max_fails=0; # srv-1\n"
            "server [fd00::2]:80 weight=3 max_fails=0; # srv-2\n");
}

TEST(NginxText, a_whole_upstream_block) {
  const NginxFormat format{.group = "app",
                           .layout = NginxFormat::Layout::upstream,
                           .upstream = "app_servers",
                           .method = "least_conn",
                           .keepalive = 32,
                           .zone = "64k"};
  EXPECT_EQ(render(format, kTwo),
            "# Managed by weir for group app; edits are overwritten.\n"
            "upstream app_servers {\n"
            "    zone app_servers 64k;\n"
            "    least_conn;\n"
            "    server 10.0.0.1:80 max_fails=0; # srv-1\n"
            "    server [fd00::2]:80 weight=3 max_fails=0; # srv-2\n"
            "    keepalive 32;\n"
            "}\n");
}

TEST(NginxText, server_options_are_on_every_line) {
  const NginxFormat format{
      .group = "app", .weight = 2, .max_fails = 5, .fail_timeout = std::chrono::seconds(3), .max_conns = 100, .backup = true};
  EXPECT_EQ(render(format, kTwo),
            "# Managed by weir for group app; edits are overwritten.\n"
            "server 10.0.0.1:80 weight=2 max_fails=5 fail_timeout=3s max_conns=100 backup; # srv-1\n"
            "server [fd00::2]:80 weight=6 max_fails=5 fail_timeout=3s max_conns=100 backup; # srv-2\n");
  EXPECT_EQ(parse_peers(format, *render(format, kTwo)), kTwo);
}

TEST(NginxText, without_servers_a_placeholder_that_nginx_accepts) {
  const auto text = render({.group = "app"}, {});
  EXPECT_EQ(text,
            "# Managed by weir for group app; edits are overwritten.\n"
            "server 127.0.0.1:9 down; # no server is in service\n");
  EXPECT_TRUE(parse_peers({}, *text).empty());
}

TEST(NginxText, nothing_can_be_smuggled_into_the_file) {
  for (const std::string address :
       {"", "10.0.0.1", "a:1; }", "a:1 down", "a:1\nserver b:1", "unix:/run/x.sock", "a:1#", "$host:80"}) {
    EXPECT_FALSE(render({.group = "app"}, std::vector<Peer>{{"srv", address, 1}}).has_value()) << address;
  }
  EXPECT_FALSE(render({.group = "app"}, std::vector<Peer>{{"srv\nserver b:1;", "a:1", 1}}).has_value());
  EXPECT_FALSE(render({.group = "app"}, std::vector<Peer>{{"srv", "a:1", 0}}).has_value());
}

TEST(NginxText, servers_by_another_hand_are_recognized) {
  const std::string text =
      "upstream app {\n"
      "  # server 10.0.0.9:80;\n"
      "\tserver 10.0.0.1:80;\n"
      "  server  app.example:8080  weight=5 max_fails=3;  # the old one\n"
      "  server_name x;\n"
      "  server 10.0.0.2:80 down;\n"
      "  server unfinished\n";
  EXPECT_EQ(parse_peers({}, text),
            (std::vector<Peer>{{"", "10.0.0.1:80", 1}, {"", "app.example:8080", 5}, {"", "10.0.0.2:80", 1}}));
}

TEST(NginxText, a_weight_under_another_factor_differs) {
  const auto text = render({.group = "app", .weight = 3}, kTwo);
  EXPECT_NE(parse_peers({.group = "app", .weight = 2}, *text), kTwo);
}

TEST(NginxText, the_first_line_says_whose_the_file_is) {
  EXPECT_EQ(owner_of("", "app"), NginxOwner::nobody);
  EXPECT_EQ(owner_of(" \n\t\n", "app"), NginxOwner::nobody);
  EXPECT_EQ(owner_of(*render({.group = "app"}, kTwo), "app"), NginxOwner::this_group);
  EXPECT_EQ(owner_of(*render({.group = "app2"}, kTwo), "app"), NginxOwner::other_group);
  EXPECT_EQ(owner_of("# my own\n" + *render({.group = "app"}, kTwo), "app"), NginxOwner::stranger);
  EXPECT_EQ(owner_of("server 10.0.0.1:80;", "app"), NginxOwner::stranger);
}

}  // namespace
}  // namespace weir
