#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "balancers/balancer.h"
#include "balancers/exec/protocol.h"
#include "platform/file.h"
#include "tests/balancers/exec/world.h"
#include "tests/balancers/write_peers.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

const std::vector<Peer> kPeers{{"srv-1", "10.0.0.1:80", 1}, {"srv-2", "10.0.0.2:80", 5}};

TEST(ExecProtocol, a_question_is_one_line_of_json) {
  EXPECT_EQ(exec_question(ExecVerb::read, "app", {}, std::vector<std::string>{"10.0.0.1:80"}),
            R"({"count":["10.0.0.1:80"],"group":"app","protocol":1,"verb":"read"})"
            "\n");
  EXPECT_EQ(exec_question(ExecVerb::write, "app", std::span(kPeers).first(1), {}),
            R"({"group":"app","peers":[{"address":"10.0.0.1:80","server":"srv-1","weight":1}],"protocol":1,"verb":"write"})"
            "\n");
  EXPECT_TRUE(exec_question(ExecVerb::write, "app", std::vector<Peer>{{"\xff", "10.0.0.1:80", 1}}, {}).contains("\xef\xbf\xbd"));
}

TEST(ExecProtocol, a_peer_needs_no_more_than_an_address) {
  const auto answer = parse_exec_answer(
      ExecVerb::read, R"({"protocol":1,"in_force":true,"peers":[{"address":"b:2"},{"address":"a:1","weight":3}]})");
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->peers, (std::vector<Peer>{{"", "a:1", 3}, {"", "b:2", 1}})) << "sorted";
  EXPECT_FALSE(answer->connections.has_value());
}

TEST(ExecProtocol, an_error_has_a_kind_and_one_that_is_not_known_may_pass) {
  for (const auto& [kind, expected] : std::map<std::string, ErrorKind>{{"invalid", ErrorKind::invalid},
                                                                       {"not_found", ErrorKind::not_found},
                                                                       {"unavailable", ErrorKind::unavailable},
                                                                       {"denied", ErrorKind::denied},
                                                                       {"moon", ErrorKind::unavailable}}) {
    const auto answer = parse_exec_answer(ExecVerb::write, R"({"protocol":1,"error":{"kind":")" + kind + R"(","message":"why"}})");
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error(), (Error{expected, "why"}));
  }
}

TEST(ExecProtocol, half_an_answer_is_none) {
  const std::string whole =
      R"({"protocol":1,"in_force":true,"peers":[{"address":"a:1","server":"s","weight":1}],"connections":{"a:1":0}})";
  ASSERT_TRUE(parse_exec_answer(ExecVerb::read, whole).has_value());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(parse_exec_answer(ExecVerb::read, whole.substr(0, length)).has_value()) << length;
  }
  for (const std::string wrong :
       {"[]", "7", R"({"protocol":1})", R"({"protocol":"1"})", R"({"protocol":1,"peers":{},"in_force":1})"}) {
    EXPECT_FALSE(parse_exec_answer(ExecVerb::read, wrong).has_value()) << wrong;
  }
}

TEST(ExecBalancer, connections_are_known_only_if_all_asked_about_are_told) {
  ExecWorld world;
  const auto balancer = world.make();
  EXPECT_EQ(balancer->read(std::vector<std::string>{"10.0.0.1:80"}, {}).connections,
            (std::vector<BalancerView::Connections>{{"10.0.0.1:80", 4}}));
  ExecWorld forgetful({"sh", "-c", R"(echo '{"protocol":1,"peers":[],"in_force":true,"connections":{"10.0.0.1:80":0}}')"});
  const auto other = forgetful.make();
  EXPECT_TRUE(other->read(std::vector<std::string>{"10.0.0.1:80"}, {}).connections.has_value());
  EXPECT_FALSE(other->read(std::vector<std::string>{"10.0.0.1:80", "10.0.0.2:80"}, {}).connections.has_value());
}

TEST(ExecBalancer, a_program_without_a_diff_gets_one) {
  ExecWorld world(
      {"sh", "-c", R"(grep -q '"verb":"read"' && echo '{"protocol":1,"peers":[],"in_force":true}' || echo '{"protocol":1}')"});
  EXPECT_TRUE(world.make()->diff(kPeers).contains("+10.0.0.2:80 weight 5 # srv-2"));
}

struct Misbehaviour {
  std::string way;
  ErrorKind kind;
  std::string message;
};

class ExecMisbehaves : public ::testing::TestWithParam<Misbehaviour> {};

TEST_P(ExecMisbehaves, it_is_known_as_such_and_changes_nothing) {
  ExecWorld world(GetParam().way, 20s);
  const auto balancer = world.make();
  const auto written = write_peers(*balancer, kPeers);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, GetParam().kind);
  EXPECT_TRUE(written.error().message.contains(GetParam().message)) << written.error().message;
  EXPECT_LT(written.error().message.size(), 2000U);
  const BalancerView view = balancer->read({}, {});
  EXPECT_FALSE(view.known);
  EXPECT_FALSE(view.in_force);
  EXPECT_TRUE(view.detail.contains(GetParam().message)) << view.detail;
  EXPECT_EQ(balancer->diff(kPeers), "");
}

INSTANTIATE_TEST_SUITE_P(, ExecMisbehaves,
                         ::testing::Values(Misbehaviour{"garbage", ErrorKind::unavailable, "says 'Traceback: something"},
                                           Misbehaviour{"silence", ErrorKind::unavailable,
                                                        "; it also said: cannot find the router"},
                                           Misbehaviour{"huge", ErrorKind::unavailable, "says more than 1 MiB"},
                                           Misbehaviour{"fails", ErrorKind::unavailable,
                                                        "exit status 3; it also said: connection refused; by the router"},
                                           Misbehaviour{"denied", ErrorKind::denied, "(read): wrong token"},
                                           Misbehaviour{"version", ErrorKind::invalid, "version 2 of the protocol; this is 1"},
                                           Misbehaviour{"wrong_types", ErrorKind::unavailable, "which is no answer"}),
                         [](const auto& each) { return each.param.way; });

TEST(ExecBalancer, a_program_that_hangs_is_killed) {
  ExecWorld world("hangs", 100ms);
  const auto balancer = world.make();
  const auto written = write_peers(*balancer, kPeers);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(written.error().message.contains("killed after 100ms")) << written.error().message;
}

TEST(ExecBalancer, a_read_that_hangs_ends_with_a_stop_request) {
  ExecWorld world("hangs", 600s);
  const auto balancer = world.make();
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(balancer->read({}, stop.get_token()).known);
}

TEST(ExecBalancer, a_program_that_is_not_there_is_not_found) {
  ExecWorld world({"/nonexistent/balancer"});
  EXPECT_EQ(write_peers(*world.make(), kPeers).error().kind, ErrorKind::not_found);
}

/// The program in examples/, which the page shows.
TEST(ExecExample, keeps_a_file_of_addresses) {
  if (!std::filesystem::exists("/usr/bin/python3")) GTEST_SKIP() << "there is no python3 here to run the example with";
  TempDirectory directory;
  const std::string file = directory.path() / "app.txt";
  ExecWorld world({"/usr/bin/python3", WEIR_SOURCE_DIR "/examples/balancers/balancer.py", file});
  const auto balancer = world.make();
  EXPECT_TRUE(balancer->read({}, {}).known) << balancer->read({}, {}).detail;
  EXPECT_TRUE(balancer->diff(kPeers).contains("10.0.0.2:80"));
  const auto written = write_peers(*balancer, kPeers);
  ASSERT_TRUE(written.has_value()) << written.error().message;
  EXPECT_EQ(read_file(file), "10.0.0.1:80 1 srv-1\n10.0.0.2:80 5 srv-2\n");
  const BalancerView view = balancer->read({}, {});
  EXPECT_TRUE(view.in_force) << view.detail;
  EXPECT_EQ(view.peers, kPeers);
  EXPECT_EQ(balancer->diff(kPeers), "");
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_EQ(write_peers(*balancer, kPeers).error().kind, ErrorKind::unavailable) << "a directory is in the way";
}

}  // namespace
}  // namespace weir
