#include "balancers/haproxy/balancer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "platform/file.h"
#include "tests/balancers/write_peers.h"
#include "tests/fakes/haproxy.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

const Peer kOne{"srv-1", "10.0.0.1:80", 1};
const Peer kTwo{"srv-2", "10.0.0.2:80", 1};
const Peer kThree{"srv-3", "10.0.0.3:80", 1};

class HaproxyBalancerTest : public ::testing::Test {
 protected:
  explicit HaproxyBalancerTest(bool with_file = true) {
    if (with_file) place_.file = directory_.path() / "be_app.cfg";
    make();
  }
  void make() { balancer_ = std::make_unique<HaproxyBalancer>(place_); }
  void write(const std::vector<Peer>& peers) {
    const auto written = write_peers(*balancer_, peers);
    ASSERT_TRUE(written.has_value()) << written.error().message;
  }
  Error refused(const std::vector<Peer>& peers) {
    const auto written = write_peers(*balancer_, peers);
    EXPECT_FALSE(written.has_value());
    return written ? Error{} : written.error();
  }
  BalancerView read(const std::vector<std::string>& count = {}) { return balancer_->read(count, {}); }
  std::string text() { return read_file(place_.file).value_or("(no file)"); }
  Names names() {
    Names names;
    for (const auto& server : haproxy_.servers()) names.push_back(server.name);
    return names;
  }
  /// One server has so many requests running from now on.
  void run_requests(const std::string& name, int running) {
    haproxy_.with([&](auto& servers) { std::ranges::find(servers, name, &FakeHaproxy::Server::name)->running = running; });
  }

  TempDirectory directory_;
  FakeHaproxy haproxy_;
  HaproxyPlace place_{.runtime = HaproxyRuntime(haproxy_.socket(), 20s),
                      .format = {.group = "app", .backend = "be_app", .options = {"maxconn", "9"}}};
  std::unique_ptr<HaproxyBalancer> balancer_;
};

class HaproxyWithoutFile : public HaproxyBalancerTest {
 protected:
  HaproxyWithoutFile() : HaproxyBalancerTest(false) {}
};

TEST_F(HaproxyBalancerTest, a_server_is_added_with_its_options_and_made_ready) {
  write({kOne});
  EXPECT_EQ(haproxy_.changes(),
            (Names{"add server be_app/srv-1 10.0.0.1:80 weight 1 maxconn 9", "set server be_app/srv-1 state ready"}));
}

TEST_F(HaproxyBalancerTest, a_server_with_checks_is_checked_before_it_gets_traffic) {
  place_.format.checks = true;
  place_.format.options = {"check", "inter", "2000ms"};
  make();
  write({kOne});
  EXPECT_EQ(haproxy_.changes(), (Names{"add server be_app/srv-1 10.0.0.1:80 weight 1 check inter 2000ms",
                                       "enable health be_app/srv-1", "set server be_app/srv-1 state ready"}));
}

TEST_F(HaproxyBalancerTest, whoever_comes_serves_before_anybody_leaves) {
  write({kOne, kTwo});
  (void)haproxy_.fewest_serving();
  write({kThree});
  EXPECT_EQ(haproxy_.fewest_serving(), 1U) << "the one that stays";
  (void)haproxy_.fewest_serving();
  write({kOne});
  EXPECT_EQ(haproxy_.fewest_serving(), 1U);
}

TEST_F(HaproxyBalancerTest, a_server_that_leaves_finishes_its_requests_and_is_deleted_then) {
  write({kOne, kTwo});
  run_requests("srv-2", 3);
  write({kOne});
  EXPECT_EQ(read().peers, std::vector<Peer>{kOne});
  EXPECT_TRUE(read().in_force);
  EXPECT_EQ(haproxy_.servers()[1].admin, 8) << "drained, not in maintenance";
  EXPECT_EQ(read({kOne.address, kTwo.address, kThree.address}).connections,
            (std::vector<BalancerView::Connections>{{kOne.address, 0}, {kTwo.address, 3}, {kThree.address, 0}}));
  run_requests("srv-2", 0);
  EXPECT_TRUE(wait_until(20s, [&] { return names() == Names{"srv-1"}; }));
  EXPECT_EQ(haproxy_.changes().back(), "del server be_app/srv-2");
}

TEST_F(HaproxyBalancerTest, what_runs_waits_or_is_connected_counts) {
  write({kOne});
  haproxy_.with([](auto& servers) { servers[0].running = 2, servers[0].waiting = 1, servers[0].used = 1; });
  EXPECT_EQ(read({kOne.address}).connections, (std::vector<BalancerView::Connections>{{kOne.address, 3}}));
  haproxy_.with([](auto& servers) { servers[0].used = 5; });
  EXPECT_EQ(read({kOne.address}).connections, (std::vector<BalancerView::Connections>{{kOne.address, 5}}));
}

TEST_F(HaproxyBalancerTest, requests_in_workers_that_a_reload_replaced_count) {
  FakeHaproxy old;
  place_.runtime = HaproxyRuntime(haproxy_.socket(), 20s, old.socket());
  make();
  write({kOne});
  old.with([](auto& servers) { servers.push_back({.name = "srv-2", .ip = "10.0.0.2", .port = "80", .admin = 0, .running = 2}); });
  const auto say = [&](const std::string& processes) {
    old.script([processes](const std::string& command) -> std::optional<std::string> {
      if (command == "show proc") return processes;
      return command.starts_with("@!5 ") ? std::nullopt
                                         : std::optional<std::string>("Can't find the target PID matching the prefix\n");
    });
  };
  const std::string workers = "#<PID> <type> <reloads> <uptime> <version>\n1 master 1\n# workers\n7 worker 0\n";
  say(workers + "# old workers\n5 worker 1\n# programs\n\n");
  EXPECT_EQ(read({kOne.address, kTwo.address}).connections,
            (std::vector<BalancerView::Connections>{{kOne.address, 0}, {kTwo.address, 2}}));
  EXPECT_EQ(read({kOne.address}).peers, std::vector<Peer>{kOne});
  say(workers + "# old workers\n6 worker 1\n# programs\n\n");
  EXPECT_EQ(read({kTwo.address}).connections, (std::vector<BalancerView::Connections>{{kTwo.address, 0}})) << "it is gone";
  say("Permission denied\n\n");
  const BalancerView view = read({kTwo.address});
  EXPECT_FALSE(view.connections.has_value());
  EXPECT_TRUE(view.detail.contains("connections unknown")) << view.detail;
  EXPECT_TRUE(view.in_force);
}

TEST_F(HaproxyBalancerTest, a_server_whose_deletion_haproxy_refuses_is_deleted_later) {
  write({kOne, kTwo});
  std::atomic<int> refusals = 2;
  haproxy_.script([&](const std::string& command) -> std::optional<std::string> {
    if (!command.starts_with("del ") || refusals == 0) return std::nullopt;
    --refusals;
    return "Server still has connections attached to it, cannot remove it.\n";
  });
  write({kOne});
  EXPECT_TRUE(wait_until(20s, [&] { return names() == Names{"srv-1"}; }));
  EXPECT_EQ(refusals, 0);
  haproxy_.script({});
}

TEST_F(HaproxyBalancerTest, a_server_that_comes_back_while_it_drains_is_made_ready_again) {
  write({kOne, kTwo});
  run_requests("srv-2", 1);
  write({kOne});
  write({kOne, kTwo});
  EXPECT_EQ(haproxy_.serving(), (Names{"srv-1", "srv-2"}));
  EXPECT_EQ(haproxy_.changes().back(), "set server be_app/srv-2 state ready");
}

TEST_F(HaproxyBalancerTest, a_server_that_moved_gets_another_name_while_the_old_one_drains) {
  write({kOne, kTwo});
  run_requests("srv-2", 1);
  const Peer moved{"srv-2", "10.0.0.9:80", 1};
  write({kOne, moved});
  EXPECT_EQ(read().peers, (std::vector<Peer>{kOne, moved}));
  EXPECT_TRUE(read().in_force) << read().detail;
  EXPECT_EQ(haproxy_.serving(), (Names{"srv-1", haproxy_marked_name(moved)}));
  make();
  EXPECT_EQ(read().peers, (std::vector<Peer>{kOne, moved}));
}

TEST_F(HaproxyBalancerTest, an_address_another_server_got_is_served_under_the_new_name) {
  write({kOne, kTwo});
  const Peer heir{"srv-7", kTwo.address, 1};
  write({kOne, heir});
  EXPECT_EQ(read().peers, (std::vector<Peer>{kOne, heir}));
  EXPECT_TRUE(wait_until(20s, [&] { return names() == Names{"srv-1", "srv-7"}; }));
}

TEST_F(HaproxyBalancerTest, weights_change_without_a_new_server) {
  write({kOne, kTwo});
  write({{kOne.server, kOne.address, 200}, kTwo});
  EXPECT_EQ(haproxy_.changes().back(), "set server be_app/srv-1 weight 200");
  EXPECT_EQ(read().peers[0].weight, 200);
  EXPECT_TRUE(read().in_force);
}

TEST_F(HaproxyBalancerTest, only_servers_of_no_weight_would_be_an_empty_backend) {
  write({kOne});
  EXPECT_EQ(refused({{kOne.server, kOne.address, 0}}).kind, ErrorKind::invalid);
  EXPECT_EQ(haproxy_.servers()[0].weight, 1);
  write({{kOne.server, kOne.address, 0}, kTwo});
}

TEST_F(HaproxyBalancerTest, the_users_own_servers_are_left_alone) {
  place_.format.lines = {"server sorry 127.0.0.1:81 backup"};
  make();
  haproxy_.with([](auto& servers) { servers.push_back({.name = "sorry", .ip = "127.0.0.1", .port = "81", .admin = 0}); });
  EXPECT_TRUE(read().peers.empty());
  write({kOne});
  EXPECT_EQ(read().peers, std::vector<Peer>{kOne});
  EXPECT_EQ(haproxy_.serving(), (Names{"sorry", "srv-1"}));
}

TEST_F(HaproxyBalancerTest, a_server_by_another_hand_leaves_like_any_other) {
  haproxy_.with([](auto& servers) { servers.push_back({.name = "theirs", .ip = "10.0.0.8", .port = "80", .admin = 0}); });
  EXPECT_EQ(read().peers, (std::vector<Peer>{{"theirs", "10.0.0.8:80", 1}}));
  EXPECT_FALSE(read().in_force);
  write({kOne});
  EXPECT_TRUE(wait_until(20s, [&] { return names() == Names{"srv-1"}; }));
}

TEST_F(HaproxyBalancerTest, what_a_person_put_into_maintenance_is_not_said_to_serve) {
  write({kOne, kTwo});
  haproxy_.with([](auto& servers) { servers[0].admin = 1; });
  EXPECT_EQ(read().peers, std::vector<Peer>{kTwo});
  EXPECT_FALSE(read().in_force) << "the file still says both";
  write({kOne, kTwo});
  EXPECT_EQ(haproxy_.serving().size(), 2U);
}

TEST_F(HaproxyBalancerTest, a_server_that_haproxys_own_check_finds_down_is_a_peer_and_told_of) {
  write({kOne, kTwo});
  haproxy_.with([](auto& servers) { servers[0].checking = true, servers[0].healthy = false; });
  const BalancerView view = read();
  EXPECT_EQ(view.peers.size(), 2U);
  EXPECT_TRUE(view.in_force);
  EXPECT_EQ(view.detail, "HAProxy's own check finds srv-1 down");
}

TEST_F(HaproxyBalancerTest, nobody_leaves_for_servers_that_haproxy_finds_down) {
  place_.format.checks = true;
  place_.format.options = {"check"};
  make();
  write({kOne});
  haproxy_.check_finds(false);
  const Error error = refused({kTwo});
  EXPECT_EQ(error.kind, ErrorKind::unavailable);
  EXPECT_TRUE(error.message.contains("those that leave stay too")) << error.message;
  EXPECT_EQ(haproxy_.serving(), Names{"srv-1"});
  haproxy_.with([](auto& servers) { servers[1].healthy = true; });
  write({kTwo});
  EXPECT_EQ(haproxy_.serving(), Names{"srv-2"});
}

TEST_F(HaproxyBalancerTest, a_refusal_in_the_middle_takes_nobody_out_and_the_next_write_goes_on) {
  write({kOne});
  const std::string before = text();
  haproxy_.script([](const std::string& command) -> std::optional<std::string> {
    if (command.starts_with("add server be_app/srv-3")) return "invalid port '99999'\n\n";
    return std::nullopt;
  });
  const Error error = refused({kTwo, kThree});
  EXPECT_EQ(error.kind, ErrorKind::invalid);
  EXPECT_TRUE(
      error.message.ends_with("add server be_app/srv-3 10.0.0.3:80 weight 1 maxconn 9: invalid port '99999'; 1 of 2 servers "
                              "were put in before, and none was taken out"))
      << error.message;
  EXPECT_EQ(haproxy_.serving(), (Names{"srv-1", "srv-2"}));
  EXPECT_EQ(text(), before) << "the file says only what HAProxy takes";
  EXPECT_FALSE(read().in_force);
  haproxy_.script({});
  write({kTwo, kThree});
  EXPECT_EQ(haproxy_.serving(), (Names{"srv-2", "srv-3"}));
  EXPECT_TRUE(read().in_force) << read().detail;
}

TEST_F(HaproxyBalancerTest, a_crash_between_adding_and_enabling_is_repaired) {
  haproxy_.with([](auto& servers) { servers.push_back({.name = "srv-1", .ip = "10.0.0.1", .port = "80"}); });
  EXPECT_TRUE(read().peers.empty());
  write({kOne});
  EXPECT_EQ(haproxy_.changes(), Names{"set server be_app/srv-1 state ready"});
}

TEST_F(HaproxyBalancerTest, servers_lost_by_a_reload_are_missed_and_added_again) {
  write({kOne, kTwo});
  haproxy_.with([](auto& servers) { servers.clear(); });
  EXPECT_TRUE(read().peers.empty());
  EXPECT_FALSE(read().in_force);
  write({kOne, kTwo});
  EXPECT_EQ(haproxy_.serving(), (Names{"srv-1", "srv-2"}));
}

TEST_F(HaproxyBalancerTest, without_a_running_haproxy_the_file_is_written_for_its_start) {
  haproxy_.close();
  const Error error = refused({kOne});
  EXPECT_EQ(error.kind, ErrorKind::not_found);
  EXPECT_TRUE(error.message.ends_with("be_app.cfg is written and will be in force when it starts or reloads")) << error.message;
  EXPECT_TRUE(text().contains("server srv-1 10.0.0.1:80"));
  EXPECT_FALSE(read().known);
  EXPECT_EQ(refused({}).kind, ErrorKind::invalid) << "the file has servers";
  haproxy_.listen();
}

TEST_F(HaproxyBalancerTest, a_text_that_the_test_refuses_changes_nothing) {
  place_.test = {"sh", "-c", "grep -q srv-2 {file} && echo 'unknown keyword' && exit 1; exit 0"};
  make();
  write({kOne});
  const std::string before = text();
  const auto changes = haproxy_.changes();
  const Error error = refused({kOne, kTwo});
  EXPECT_EQ(error.kind, ErrorKind::invalid);
  EXPECT_TRUE(error.message.contains("exit status 1: unknown keyword")) << error.message;
  EXPECT_EQ(text(), before);
  EXPECT_EQ(haproxy_.changes(), changes);
}

TEST_F(HaproxyBalancerTest, a_denied_change_is_denied_and_leaves_the_file) {
  haproxy_.script([](const std::string& command) -> std::optional<std::string> {
    if (!command.starts_with("show ")) return "Permission denied\n\n";
    return std::nullopt;
  });
  EXPECT_EQ(refused({kOne}).kind, ErrorKind::denied);
  EXPECT_EQ(text(), "(no file)");
}

TEST_F(HaproxyWithoutFile, the_ids_of_servers_survive_in_their_names) {
  const std::vector<Peer> peers{kOne, {"tasks é", "10.0.0.2:80", 7}};
  write(peers);
  EXPECT_EQ(read().peers, peers);
  EXPECT_TRUE(read().in_force);
  make();
  EXPECT_EQ(read().peers, (std::vector<Peer>{kOne, {"", "10.0.0.2:80", 7}})) << "not in the name, so it is not guessed";
}

TEST_F(HaproxyWithoutFile, without_a_running_haproxy_nothing_is_written) {
  haproxy_.close();
  EXPECT_TRUE(refused({kOne}).message.ends_with("nothing is written"));
  haproxy_.listen();
}

TEST_F(HaproxyWithoutFile, the_diff_is_of_what_serves) {
  write({kOne});
  const std::string diff = balancer_->diff(std::vector<Peer>{kOne, kTwo});
  EXPECT_TRUE(diff.starts_with("--- " + haproxy_.socket().string() + ": backend be_app")) << diff;
  EXPECT_TRUE(diff.contains("+    server srv-2 10.0.0.2:80")) << diff;
}

TEST_F(HaproxyBalancerTest, a_diff_is_shown_for_a_change_of_what_serves_alone) {
  write({kOne, kTwo});
  haproxy_.with([](auto& servers) { servers.pop_back(); });
  EXPECT_TRUE(balancer_->diff(std::vector<Peer>{kOne, kTwo}).contains("+    server srv-2"));
}

}  // namespace
}  // namespace weir
