// What becomes of the calls when the program behind them behaves as no program should.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "platform/file.h"
#include "tests/providers/exec/exec_world.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// What every program of these tests begins with: `next` reads one request into $request and $id.
constexpr const char* kPrelude = R"(
next() { IFS= read -r request || exit 0; id=${request#'{"id":'}; id=${id%%,*}; }
say() { printf '{"id":%s%s}\n' "$id" "$1"; }
hello() { echo run >>runs; next; say ',"protocol":1'; }
server='{"id":"s-1","group":"app","token":"t-1"}'
)";

class ExecProvider : public testing::Test {
 protected:
  /// A provider whose program is this script, run in the directory of the test.
  void run(const std::string& script, Duration timeout = 30s, const ExecProviderOptions& options = {}) {
    const std::string whole = fmt::format("cd {}\n{}{}", world_.directory.path().string(), kPrelude, script);
    Settings settings = world_.settings({"sh", "-c", whole}, timeout);
    settings.set("stop_grace", grace_);
    provider_ = world_.open(settings, options);
  }
  /// One that lives through everything and answers every list with this.
  void answer_lists_with(const std::string& members) { run(fmt::format("hello; while :; do next; say '{}'; done", members)); }

  Result<std::vector<Server>> list(const std::stop_token& stop = {}) { return provider_->list(groups_, stop); }
  Result<Server> launch(const std::string& token = "t-1") { return provider_->launch({app_, token, "v1"}, {}); }

  /// Both verbs find the program as it should not be: no list, and a launch whose outcome nobody knows.
  void expect_unknown(const std::string& why) {
    const auto listed = list();
    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(listed.error().message, HasSubstr(why));
    const auto launched = launch();
    ASSERT_FALSE(launched);
    EXPECT_EQ(launched.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(launched.error().message, HasSubstr(why));
  }

  /// How often the program was started.
  [[nodiscard]] std::ptrdiff_t runs() const { return std::ranges::count(text("runs"), '\n'); }
  [[nodiscard]] std::string text(const std::string& file) const { return read_file(world_.directory.path() / file).value_or(""); }
  [[nodiscard]] std::string path(const std::string& file) const { return (world_.directory.path() / file).string(); }
  [[nodiscard]] bool appears(const std::string& file) const {
    return wait_until(20s, [&] { return std::filesystem::exists(path(file)); });
  }
  /// Whether the process whose number the file holds has ended.
  [[nodiscard]] bool ends(const std::string& file) const {
    const int pid = std::stoi(text(file));
    return wait_until(20s, [&] {
      const auto stat = read_file(fmt::format("/proc/{}/stat", pid));
      return !stat || stat->contains(") Z ");
    });
  }

  ExecWorld world_;
  Duration grace_ = 20s;
  Group app_ = [] {
    Group group;
    group.name = "app";
    group.version = "v0";
    group.min = 1;
    group.max = 3;
    group.server.set(kRestKey, std::string(R"({"size":2,"tags":["a","b"]})"));
    return group;
  }();
  const Group* groups_[1] = {&app_};
  std::unique_ptr<Provider> provider_;
};

// --- the protocol

TEST_F(ExecProvider, requests_are_lines_with_the_documented_fields_in_the_documented_order) {
  Settings settings =
      world_.settings({"sh", "-c", fmt::format("cd {}\n{}", world_.directory.path().string(), std::string(kPrelude) + R"(
    while next; do printf '%s\n' "$request" >>requests; say ",\"protocol\":1,\"servers\":[],\"server\":$server"; done)")});
  settings.set(kRestKey, std::string(R"({"endpoint":"https://x.example"})"));
  provider_ = world_.open(settings);
  ASSERT_TRUE(list());
  ASSERT_TRUE(launch());
  ASSERT_TRUE(provider_->terminate(app_, "s-1", {}));
  const std::string group = R"({"name":"app","version":"v0","min":1,"max":3,"server":{"size":2,"tags":["a","b"]}})";
  std::istringstream requests(text("requests"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(requests, line);) lines.push_back(line);
  EXPECT_THAT(
      lines,
      ElementsAre(
          fmt::format(
              R"({{"id":2,"verb":"hello","protocol":1,"provider":"own","state_directory":"{}","settings":{{"endpoint":"https://x.example"}}}})",
              world_.directory.path().string()),
          fmt::format(R"({{"id":1,"verb":"list","groups":[{}]}})", group),
          fmt::format(R"({{"id":3,"verb":"launch","token":"t-1","version":"v1","group":{}}})", group),
          fmt::format(R"({{"id":4,"verb":"terminate","server":"s-1","group":{}}})", group)));
}

TEST_F(ExecProvider, a_list_is_sorted_whatever_its_order_and_every_field_is_taken_over) {
  answer_lists_with(
      R"(,"servers":[{"id":"b","group":"gone","surprise":[]},{"id":"a","group":"app","token":"t","address":"10.0.0.1:80",)"
      R"("version":"v2","phase":"pending","launched_at":1772000000.5,"paid_until":1772003600,"failure":"no disk","failure_cause":"platform",)"
      R"("protection":null}])");
  const auto servers = list();
  ASSERT_TRUE(servers) << servers.error().message;
  Server first;
  first.id = "a";
  first.group = "app";
  first.token = "t";
  first.address = "10.0.0.1:80";
  first.version = "v2";
  first.launched_at = TimePoint(Duration(1'772'000'000'500));
  first.paid_until = TimePoint(Duration(1'772'003'600'000));
  first.failure = "no disk";
  first.failure_cause = FailureCause::platform;
  Server second;
  second.id = "b";
  second.group = "gone";
  second.phase = Phase::warming;
  EXPECT_THAT(*servers, ElementsAre(first, second));
}

TEST_F(ExecProvider, the_program_is_started_at_the_first_call_and_kept) {
  answer_lists_with(R"(,"servers":[])");
  EXPECT_EQ(runs(), 0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(list());
  EXPECT_EQ(runs(), 1);
}

TEST_F(ExecProvider, several_requests_are_in_flight_and_may_be_answered_in_any_order) {
  // The program answers nothing before it has read both, and then the second one first.
  run(R"(
    reply() { case $2 in *'"verb":"list"'*) members=',"servers":[]' ;; *) members=",\"server\":$server" ;; esac; id=$1; say "$members"; }
    hello; next; first=$request; first_id=$id; next; reply "$id" "$request"; reply "$first_id" "$first"; cat >/dev/null)");
  std::jthread lists([&] {
    const auto servers = list();
    EXPECT_TRUE(servers) << servers.error().message;
  });
  std::jthread launches([&] {
    const auto server = launch();
    EXPECT_TRUE(server) << server.error().message;
  });
}

TEST_F(ExecProvider, the_programs_own_errors_keep_their_kind) {
  const std::pair<const char*, ErrorKind> kinds[] = {{"invalid", ErrorKind::invalid},
                                                     {"not_found", ErrorKind::invalid},
                                                     {"out_of_capacity", ErrorKind::out_of_capacity},
                                                     {"denied", ErrorKind::denied},
                                                     {"unavailable", ErrorKind::unavailable}};
  for (const auto& [name, kind] : kinds) {
    answer_lists_with(fmt::format(R"(,"error":{{"kind":"{}","message":"because"}})", name));
    const auto launched = launch();
    ASSERT_FALSE(launched);
    EXPECT_EQ(launched.error().kind, kind) << name;
    EXPECT_EQ(launched.error().message, "own: launch: because");
    const bool permanent = kind == ErrorKind::denied || std::string_view(name) == "invalid";
    EXPECT_EQ(list().error().kind, permanent ? kind : ErrorKind::unavailable) << name;
  }
}

TEST_F(ExecProvider, an_error_of_an_unknown_kind_leaves_the_outcome_unknown) {
  answer_lists_with(R"(,"error":{"kind":"tired","message":"not now"})");
  expect_unknown("not now (an error of the unknown kind 'tired')");
  answer_lists_with(R"(,"error":"broken")");
  expect_unknown("it gives no reason");
}

TEST_F(ExecProvider, a_server_that_is_not_there_was_removed) {
  answer_lists_with(R"(,"error":{"kind":"not_found","message":"no such server"})");
  EXPECT_TRUE(provider_->terminate(app_, "s-1", {}));
}

TEST_F(ExecProvider, every_call_is_told_of) {
  answer_lists_with(R"(,"servers":[])");
  ASSERT_TRUE(list());
  ASSERT_FALSE(launch());
  const auto reports = world_.outside.reports();
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].operation, "list");
  EXPECT_EQ(reports[0].outcome, "ok");
  EXPECT_EQ(reports[1].operation, "launch");
  EXPECT_EQ(reports[1].outcome, "refused");
}

TEST_F(ExecProvider, the_program_gets_its_own_variables_and_none_of_ours_that_may_be_secret) {
  ASSERT_EQ(::setenv("WEIR_TEST_SECRET", "hunter2", 1), 0);
  Settings settings = world_.settings(
      {"sh", "-c",
       fmt::format("cd {}; {} hello; env >env.new; mv env.new env; cat >/dev/null", world_.directory.path().string(), kPrelude)});
  settings.set("env", Settings::TextMap{{"REGION", "icn"}});
  provider_ = world_.open(settings);
  std::jthread call([&](const std::stop_token& stop) { (void)list(stop); });
  ASSERT_TRUE(appears("env"));
  EXPECT_THAT(text("env"), HasSubstr("REGION=icn\n"));
  EXPECT_THAT(text("env"), HasSubstr("PATH="));
  EXPECT_THAT(text("env"), Not(HasSubstr("hunter2")));
}

// --- answers that cannot be used

TEST_F(ExecProvider, an_answer_that_does_not_say_what_was_asked_for_is_no_answer) {
  answer_lists_with("");
  const auto servers = list();
  ASSERT_FALSE(servers);
  EXPECT_EQ(servers.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(servers.error().message, HasSubstr("no list of 'servers'"));
  EXPECT_THAT(launch().error().message, HasSubstr("has no 'server'"));
  EXPECT_EQ(runs(), 1) << "the program itself keeps to the protocol";
}

TEST_F(ExecProvider, a_list_with_one_server_that_cannot_be_understood_is_no_list) {
  const std::pair<const char*, const char*> lists[] = {
      {R"({"group":"app"})", "'id' is missing"},
      {R"({"id":"","group":"app"})", "'id' is missing"},
      {R"({"id":7,"group":"app"})", "'id' is not a text"},
      {R"({"id":"a\nb","group":"app"})", "'id' is not a text of one line"},
      {R"({"id":"a"})", "server a has no 'group'"},
      {R"("a")", "a server is not an object"},
      {R"({"id":"a","group":"app","phase":"in_service"})", "neither pending, warming nor terminating"},
      {R"({"id":"a","group":"app","launched_at":"today"})", "'launched_at' is not a number"},
      {R"({"id":"a","group":"app","launched_at":-1})", "'launched_at' is not a number"},
      {R"({"id":"a","group":"app"},{"id":"b","group":"app"},{"id":"a","group":"web"})", "lists server a twice"},
  };
  for (const auto& [servers, complaint] : lists) {
    answer_lists_with(fmt::format(R"(,"servers":[{{"id":"good","group":"app"}},{}])", servers));
    const auto listed = list();
    ASSERT_FALSE(listed) << servers;
    EXPECT_EQ(listed.error().kind, ErrorKind::unavailable);
    EXPECT_THAT(listed.error().message, HasSubstr(complaint));
  }
}

TEST_F(ExecProvider, a_server_of_another_launch_is_not_taken_for_this_one) {
  run(R"(hello; while :; do next; say ",\"server\":$server"; done)");
  EXPECT_TRUE(launch("t-1"));
  const auto other = launch("t-2");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(other.error().message, HasSubstr("token of another launch"));
}

// --- programs that break the rules

TEST_F(ExecProvider, a_line_that_is_no_answer_ends_the_program_and_the_next_call_starts_another) {
  run("hello; next; echo debug: here; cat >/dev/null");
  expect_unknown("a line that is no answer (a JSON object with the id of a request): debug: here");
  EXPECT_EQ(runs(), 2);
}

TEST_F(ExecProvider, after_a_bad_run_a_good_one_serves_as_if_nothing_had_been) {
  run(R"(hello; next; if ! [ -e bad ]; then touch bad; echo '[1]'; fi; while :; do say ',"servers":[]'; next; done)");
  EXPECT_FALSE(list());
  EXPECT_TRUE(list());
  EXPECT_TRUE(list());
  EXPECT_EQ(runs(), 2);
}

TEST_F(ExecProvider, bytes_that_are_no_text_do_not_reach_the_message) {
  run(R"(hello; next; printf '\377\001\n'; cat >/dev/null)");
  expect_unknown("a line that is no answer");
  const std::string message = list().error().message;
  EXPECT_FALSE(
      nlohmann::json::parse(nlohmann::json(message).dump(-1, ' ', false, nlohmann::json::error_handler_t::strict)).is_discarded());
}

TEST_F(ExecProvider, a_line_without_end_is_not_collected_for_ever) {
  run("hello; next; while :; do printf 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'; done", 30s, {.longest_line = 4096});
  expect_unknown("a line of more than 4096 bytes");
}

TEST_F(ExecProvider, an_answer_to_nothing_that_was_asked_ends_the_program) {
  run("hello; next; id=77; say ''; cat >/dev/null");
  expect_unknown("it answered 77, which is no open request");
}

TEST_F(ExecProvider, the_first_of_two_answers_counts_and_the_second_ends_the_program) {
  run(R"(hello; while next; do say ',"servers":[]'; say ',"servers":[]'; done)");
  EXPECT_TRUE(list());
  ASSERT_TRUE(wait_until(20s, [&] { return !list() || runs() > 1; }));
}

TEST_F(ExecProvider, a_program_that_exits_in_the_middle_is_quoted) {
  run("hello; next; echo no credentials >&2; exit 3");
  expect_unknown("sh exited with status 3; it said: no credentials; whether it did something is unknown");
  EXPECT_EQ(runs(), 2);
}

TEST_F(ExecProvider, a_program_that_answers_and_exits_is_started_for_every_call) {
  run(R"(hello; next; say ',"servers":[]'; exit 0)", 30s, {.breaker = {.failures = 2, .rest = 1h}});
  int good = 0;
  // A call can meet the last moments of the program before.
  for (int i = 0; i < 12; ++i) good += list().has_value() ? 1 : 0;
  EXPECT_GE(good, 1);
  EXPECT_GE(runs(), good);
}

TEST_F(ExecProvider, a_program_that_closes_its_output_is_of_no_use) {
  run("hello; next; exec >&-; cat >/dev/null; exit 4");
  expect_unknown("exited with status 4");
}

TEST_F(ExecProvider, a_program_that_reads_nothing_more_does_not_hold_up_its_callers) {
  app_.server.set(kRestKey, nlohmann::json{{"ballast", std::string(1'000'000, 'x')}}.dump());
  grace_ = 50ms;
  run("hello; while :; do sleep 1; done", 300ms);
  expect_unknown("did not answer within 300ms");
}

TEST_F(ExecProvider, a_program_that_says_nothing_for_a_whole_timeout_is_started_anew) {
  run("hello; cat >/dev/null", 200ms);
  expect_unknown("did not answer within 200ms; whether it did something is unknown");
  EXPECT_TRUE(wait_until(20s, [&] {
    (void)list();
    return runs() >= 3;
  }));
}

TEST_F(ExecProvider, a_slow_request_does_not_cost_the_others_the_program) {
  run(R"(hello; while next; do case $request in *launch*) ;; *) say ',"servers":[]' ;; esac; done)", 1s);
  std::atomic<bool> over = false;
  std::jthread slow([&] {
    EXPECT_EQ(launch().error().kind, ErrorKind::unavailable);
    over = true;
  });
  EXPECT_TRUE(wait_until(20s, [&] { return !list() || over; }));
  slow.join();
  EXPECT_TRUE(list());
  EXPECT_EQ(runs(), 1);
}

TEST_F(ExecProvider, an_answer_that_comes_after_its_timeout_is_overheard) {
  run(R"(hello; next; late=$id; next; while ! [ -e go ]; do sleep 0.01; done; other=$id; id=$late; say ',"servers":[]'; id=$other
      say ',"servers":[]'; while next; do say ',"servers":[]'; done)",
      30s);
  std::stop_source stop;
  std::jthread given_up([&] { EXPECT_EQ(list(stop.get_token()).error().kind, ErrorKind::cancelled); });
  ASSERT_TRUE(appears("runs"));
  stop.request_stop();
  given_up.join();
  std::jthread release([&] { std::ofstream(path("go")) << "go"; });
  // Whether the first was sent before it was given up is open; then the program waits for one more.
  std::jthread another([&] { (void)list(); });
  EXPECT_TRUE(list());
  EXPECT_TRUE(list());
}

TEST_F(ExecProvider, a_flood_of_complaints_neither_blocks_nor_fills_the_memory) {
  run(R"(hello; while next; do i=0; while [ $i -lt 3000 ]; do
      echo 'a complaint that is repeated over and over until the pipe would be full' >&2; i=$((i+1)); done; say ',"servers":[]'; done)");
  EXPECT_TRUE(list());
}

TEST_F(ExecProvider, a_call_that_is_stopped_returns_at_once) {
  run("hello; touch greeted; cat >/dev/null");
  std::stop_source stop;
  std::jthread call([&] { EXPECT_EQ(list(stop.get_token()).error().kind, ErrorKind::cancelled); });
  ASSERT_TRUE(appears("greeted"));
  stop.request_stop();
}

// --- greeting, starting, resting

TEST_F(ExecProvider, a_program_that_speaks_another_version_is_refused) {
  run(R"(next; say ',"protocol":2'; cat >/dev/null)");
  expect_unknown("does not say that it speaks protocol 1");
}

TEST_F(ExecProvider, a_greeting_can_be_refused_with_a_reason) {
  run(R"(next; say ',"error":{"kind":"denied","message":"no key"}'; cat >/dev/null)");
  expect_unknown(R"(refused the greeting: {"kind":"denied","message":"no key"})");
}

TEST_F(ExecProvider, a_greeting_without_answer_is_a_failure) {
  run("cat >/dev/null", 200ms);
  expect_unknown("did not answer");
}

TEST_F(ExecProvider, a_program_that_does_not_exist_is_named) {
  provider_ = world_.open(world_.settings({"/no/such/program"}));
  expect_unknown("cannot run /no/such/program: No such file or directory");
}

TEST_F(ExecProvider, a_program_that_keeps_failing_is_left_alone_for_a_while) {
  run("echo run >>runs; exit 1", 30s, {.breaker = {.failures = 3, .rest = 60s}});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(list());
  const std::ptrdiff_t before = runs();
  EXPECT_EQ(before, 3);
  EXPECT_THAT(list().error().message, HasSubstr("sh is left alone for another 1m: sh exited with status 1"));
  EXPECT_EQ(runs(), before);
  world_.outside.clock.pass(60s);
  EXPECT_THAT(list().error().message, HasSubstr("exited with status 1"));
  EXPECT_EQ(runs(), before + 1);
  EXPECT_THAT(list().error().message, HasSubstr("left alone"));
}

// --- the end

TEST_F(ExecProvider, the_end_of_the_input_is_enough_for_a_well_behaved_program) {
  run(R"(trap 'touch ended' EXIT; hello; while next; do say ',"servers":[]'; done)");
  ASSERT_TRUE(list());
  provider_.reset();
  EXPECT_TRUE(std::filesystem::exists(path("ended")));
}

TEST_F(ExecProvider, a_program_that_does_not_end_is_killed_with_all_it_started) {
  const std::string script = R"(trap '' TERM; hello; (trap '' TERM; while :; do sleep 100; done) & echo $! >child
      next; say ',"servers":[]'; while :; do sleep 100; done)";
  Settings settings = world_.settings({"sh", "-c", fmt::format("cd {}; {}{}", world_.directory.path().string(), kPrelude, script)});
  settings.set("stop_grace", Duration(50));
  provider_ = world_.open(settings);
  ASSERT_TRUE(list());
  provider_.reset();
  EXPECT_TRUE(ends("child"));
}

}  // namespace
}  // namespace weir
