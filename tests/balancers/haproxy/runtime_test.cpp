#include "balancers/haproxy/runtime.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "platform/file.h"
#include "tests/fakes/haproxy.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

json recording() {
  const auto text = read_file(std::filesystem::path(WEIR_SOURCE_DIR) / "tests/data/haproxy/runtime_api.json");
  return json::parse(text.value_or("[]"));
}

/// What every recorded text means; by its beginning.
const std::map<std::string, std::optional<ErrorKind>> kMeanings = {
    {"", std::nullopt},
    {"New server registered.", std::nullopt},
    {"Server deleted.", std::nullopt},
    {"Already exists a server with the same name in backend.", ErrorKind::unavailable},
    {"Absolute weight can only be between 0 and 256 inclusive.", ErrorKind::invalid},
    {"usage: set server <backend>/<server> addr", ErrorKind::invalid},
    {"No such server.", ErrorKind::not_found},
    {"No such backend.", ErrorKind::not_found},
    {"Backend must use a dynamic load balancing to support dynamic servers.", ErrorKind::invalid},
    {"'cookie' option is not accepted for dynamic server", ErrorKind::invalid},
    {"'server' expects <name> and <addr>[:<port>] as arguments.", ErrorKind::invalid},
    {"invalid port '99999'", ErrorKind::invalid},
    {"character '/' is not permitted in server name 'bad/name'.", ErrorKind::invalid},
    {"'resolvers' option is not accepted for dynamic server", ErrorKind::invalid},
    {"'id' : custom id 77 already used at", ErrorKind::invalid},
    {"unknown keyword 'foo'", ErrorKind::invalid},
    {"'init-addr' option is not accepted for dynamic server", ErrorKind::invalid},
    {"Only servers in maintenance mode can be deleted.", ErrorKind::unavailable},
    {"Server still has connections attached to it, cannot remove it.", ErrorKind::unavailable},
    {"Unknown command", ErrorKind::invalid},
    {"Invalid addr 'not-an-ip' by 'stats socket command'", ErrorKind::invalid},
    {"'set server <srv> state' expects 'ready', 'drain' and 'maint'.", ErrorKind::invalid},
    {"set server <b>/<s> fqdn failed because no resolution is configured.", ErrorKind::invalid},
    {"Permission denied", ErrorKind::denied},
};

/// The longest beginning that is known.
const std::optional<ErrorKind>* meaning(std::string said) {
  said.erase(0, said.find_first_not_of('\n'));
  if (said.starts_with('[')) said.erase(0, said.find("]: ") + 3);
  const std::optional<ErrorKind>* found = nullptr;
  for (const auto& [begin, kind] : kMeanings) {
    if (begin.empty() ? said.empty() : said.starts_with(begin)) found = &kind;
  }
  return found;
}

TEST(HaproxyAnswers, every_recorded_text_means_what_can_be_done_about_it) {
  int looked_at = 0;
  for (const json& section : recording()) {
    for (const json& step : section.at("steps")) {
      const std::string sent = step.at("send");
      const std::string reply = step.at("reply");
      // weir neither asks these nor gives servers other addresses.
      if (sent.starts_with("show ") || sent.starts_with("get ") || reply.starts_with("no need to change")) continue;
      const auto* expected = meaning(reply);
      ASSERT_NE(expected, nullptr) << sent << reply;
      const auto judged = judge_answer(reply);
      EXPECT_EQ(judged ? std::nullopt : std::optional(judged.error().kind), *expected) << sent << reply;
      if (!judged) {
        EXPECT_EQ(judged.error().message.find('\n'), std::string::npos) << judged.error().message;
      }
      ++looked_at;
    }
  }
  EXPECT_GT(looked_at, 80);
}

TEST(HaproxyAnswers, advice_is_given_where_the_text_has_none) {
  EXPECT_EQ(judge_answer("Permission denied\n\n").error().message, "Permission denied; the socket needs `level admin`");
  EXPECT_TRUE(judge_answer("Unknown command, but maybe\n  help\n").error().message.contains("HAProxy 2.6 or later"));
  EXPECT_TRUE(judge_answer("Backend must use a dynamic load balancing to support dynamic servers.\n")
                  .error()
                  .message.contains("leastconn"));
}

TEST(HaproxyAnswers, that_are_no_text_are_no_success_and_no_trouble_for_a_log) {
  EXPECT_EQ(judge_answer("\x01\x02\n\n").error().message, "(no text)");
  EXPECT_EQ(judge_answer("no \xE0(x\n\n").error().message, "no \xEF\xBF\xBD(x");
}

TEST(HaproxyAnswers, no_answer_at_all_is_no_success) { EXPECT_EQ(judge_answer("").error().kind, ErrorKind::unavailable); }

/// The recorded answers of the drain as one.
std::string drained_answer(std::size_t nth_state, std::size_t nth_connections) {
  std::vector<std::string> states;
  std::vector<std::string> connections;
  std::string statistics;
  for (const json& section : recording()) {
    if (section.at("section") != "drain") continue;
    for (const json& step : section.at("steps")) {
      const std::string sent = step.at("send");
      if (sent.starts_with("show servers state")) states.push_back(step.at("reply"));
      if (sent.starts_with("show servers conn")) connections.push_back(step.at("reply"));
      if (sent.starts_with("show stat")) statistics = step.at("reply");
    }
  }
  return states.at(nth_state) + connections.at(nth_connections) + statistics;
}

TEST(HaproxyServers, a_recorded_drain_is_read_with_its_running_requests) {
  const auto servers = parse_servers(drained_answer(0, 0), "be_app");
  ASSERT_TRUE(servers.has_value()) << servers.error().message;
  EXPECT_EQ(*servers, (std::vector<HaproxyServer>{{"s1", "127.0.0.1:18101", 1, true, true, 0},
                                                  {"s2", "127.0.0.1:18102", 1, true, true, 0},
                                                  {"d1", "127.0.0.1:18103", 50, false, true, 6},
                                                  {"d2", "127.0.0.1:18104", 0, true, true, 0}}));
}

TEST(HaproxyServers, maintenance_is_neither_ready_nor_up) {
  const auto servers = parse_servers(drained_answer(1, 0), "be_app");
  ASSERT_TRUE(servers.has_value()) << servers.error().message;
  EXPECT_EQ((*servers)[2], (HaproxyServer{"d1", "127.0.0.1:18103", 50, false, false, 6}));
}

TEST(HaproxyServers, an_answer_that_breaks_off_is_never_fewer_servers) {
  const std::string whole = drained_answer(0, 0);
  for (std::size_t length = 0; length < whole.size() - 1; ++length) {
    const auto servers = parse_servers(whole.substr(0, length), "be_app");
    ASSERT_FALSE(servers.has_value()) << length;
    ASSERT_EQ(servers.error().kind, ErrorKind::unavailable) << length << servers.error().message;
  }
  EXPECT_TRUE(parse_servers(whole, "be_app").has_value());
}

TEST(HaproxyServers, a_row_of_the_wrong_shape_is_no_answer) {
  for (const std::string wrong : {" s1 127.0.0.1 2 x ", " s1 127.0.0.1 "}) {
    std::string text = drained_answer(0, 0);
    const std::string right = " s1 127.0.0.1 2 0 ";
    text.replace(text.find(right), right.size(), wrong + (wrong.size() < 16 ? "\n" : ""));
    EXPECT_FALSE(parse_servers(text, "be_app").has_value()) << wrong;
  }
}

TEST(HaproxyServers, a_server_without_a_name_is_no_answer) {
  std::string text = drained_answer(0, 0);
  const std::string right = " s1 127.0.0.1 2 0 ";
  text.replace(text.find(right), right.size(), "  127.0.0.1 2 0 ");
  EXPECT_FALSE(parse_servers(text, "be_app").has_value());
}

TEST(HaproxyServers, a_count_that_cannot_be_is_no_answer) {
  const auto answer = [](std::string_view used, std::string_view running, std::string_view waiting) {
    return fmt::format(
        "1\n# be_id be_name srv_name srv_addr srv_port srv_uweight srv_admin_state srv_op_state\n1 b s 127.0.0.1 80 1 0 2\n\n"
        "# bkname/svname used_cur\nb/s {}\n\n# pxname,svname,qcur,scur\nb,s,{},{}\n\n",
        used, waiting, running);
  };
  const auto good = parse_servers(answer("1", "2", "3"), "b");
  ASSERT_TRUE(good.has_value()) << good.error().message;
  EXPECT_EQ((*good)[0].sessions, 5);
  EXPECT_FALSE(parse_servers(answer("-1", "2", "3"), "b").has_value());
  EXPECT_FALSE(parse_servers(answer("1", "-2", "3"), "b").has_value());
  EXPECT_FALSE(parse_servers(answer("1", "2", "-3"), "b").has_value());
  EXPECT_FALSE(parse_servers(answer("1", "2147483647", "2147483647"), "b").has_value()) << "their sum";
}

TEST(HaproxyServers, a_backend_that_does_not_exist_is_not_found) {
  EXPECT_EQ(parse_servers("Can't find backend.\n\nCan't find backend.\n\n", "nope").error(),
            (Error{ErrorKind::not_found, "Can't find backend."}));
}

TEST(HaproxyServers, an_address_of_the_sixth_kind_has_brackets) {
  FakeHaproxy haproxy;
  const HaproxyRuntime runtime(haproxy.socket(), 20s);
  ASSERT_TRUE(runtime.change("add server be_app/six [::1]:80 weight 2", {}).has_value());
  EXPECT_EQ(runtime.servers("be_app", {}), (std::vector<HaproxyServer>{{"six", "[::1]:80", 2, false, false, 0}}));
}

TEST(HaproxyRuntime, a_message_names_the_socket_and_the_command) {
  FakeHaproxy haproxy;
  const HaproxyRuntime runtime(haproxy.socket(), 20s);
  EXPECT_EQ(runtime.change("del server be_app/x", {}).error(),
            (Error{ErrorKind::not_found, "HAProxy at " + haproxy.socket().string() + ", del server be_app/x: No such server."}));
}

TEST(HaproxyRuntime, a_socket_nobody_made_is_not_found_and_one_nobody_listens_on_unavailable) {
  FakeHaproxy haproxy;
  const HaproxyRuntime runtime(haproxy.socket(), 20s);
  haproxy.close();
  EXPECT_EQ(runtime.servers("be_app", {}).error().kind, ErrorKind::not_found);
}

constexpr const char* kProcesses =
    "#<PID>          <type>          <reloads>       <uptime>        <version>      \n"
    "20489           master          1 [failed: 0]   0d00h00m07s     2.6.12-1+deb12u4\n"
    "# workers\n22922           worker          0               0d00h00m04s     2.6.12-1+deb12u4\n";

TEST(HaproxyWorkers, those_a_reload_replaced_are_known_by_their_heading) {
  const std::string processes = kProcesses;
  EXPECT_EQ(parse_old_workers(processes + "# programs\n\n"), std::vector<int>{});
  EXPECT_EQ(
      parse_old_workers(processes +
                        "# old workers\n20602           worker          1               0d00h00m07s     2.6.12\n# programs\n\n"),
      std::vector<int>{20602});
}

TEST(HaproxyWorkers, half_a_list_is_none) {
  const std::string whole =
      std::string(kProcesses) + "# old workers\n20602           worker          1   0d00h00m07s     2.6.12\n# programs\n\n";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(parse_old_workers(whole.substr(0, length)).has_value()) << length;
  }
  EXPECT_FALSE(parse_old_workers(std::string(kProcesses) + "# old workers\nmany\n# programs\n\n").has_value());
  EXPECT_FALSE(parse_old_workers(std::string(kProcesses) + "# old workers\n0 worker\n# programs\n\n").has_value()) << "no process";
}

TEST(HaproxyRuntime, a_silent_haproxy_is_left_at_the_deadline_or_a_stop_request) {
  FakeHaproxy haproxy;
  std::stop_source held;
  std::mutex mutex;
  std::condition_variable_any over;
  haproxy.script([&](const std::string&) -> std::optional<std::string> {
    std::unique_lock lock(mutex);
    (void)over.wait(lock, held.get_token(), [] { return false; });
    return "\n";
  });
  const HaproxyRuntime hasty(haproxy.socket(), 50ms);
  const auto late = hasty.change("del server be_app/x", {});
  EXPECT_EQ(late.error().kind, ErrorKind::unavailable);
  EXPECT_TRUE(late.error().message.contains("no end within 50ms")) << late.error().message;

  const HaproxyRuntime patient(haproxy.socket(), 600s);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(patient.change("del server be_app/x", stop.get_token()).error().kind, ErrorKind::cancelled);
  held.request_stop();
}

}  // namespace
}  // namespace weir
