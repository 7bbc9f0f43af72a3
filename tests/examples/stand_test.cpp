#include "examples/stand/stand.h"

#include <gtest/gtest.h>

#include <csignal>
#include <map>

#include "examples/load/load.h"
#include "platform/file.h"
#include "tests/examples/processes.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::unique_ptr<Stand> make_stand(StandOptions options = {}) {
  options.app = WEIR_EXAMPLE_APP;
  Result<std::unique_ptr<Stand>> stand = Stand::create(std::move(options));
  if (!stand) ADD_FAILURE() << stand.error().message;
  return stand ? std::move(*stand) : nullptr;
}

testing::AssertionResult ok(const Result<void>& result) {
  return result ? testing::AssertionSuccess() : testing::AssertionFailure() << result.error().message;
}

std::unique_ptr<Piece> app(Stand& stand, int index, const std::vector<std::string>& options = {}) {
  auto piece = stand.start_app(index, options);
  if (!piece) ADD_FAILURE() << piece.error().message;
  return piece ? std::move(*piece) : nullptr;
}

LoadOptions steady(const Stand& stand, double rps, Duration length) {
  LoadOptions options;
  options.url = stand.url();
  options.profile = {{length, rps, rps}};
  return options;
}

/// How many answers each app server gave, according to nginx.
std::map<std::string, int> answers_by_server(const Stand& stand) {
  std::map<std::string, int> answers;
  for (const AccessEntry& entry : stand.access_log().value_or(std::vector<AccessEntry>{})) ++answers[entry.upstreams];
  return answers;
}

struct LayoutCase : testing::TestWithParam<StandOptions::Layout> {};
INSTANTIATE_TEST_SUITE_P(Layouts, LayoutCase, testing::Values(StandOptions::Layout::servers, StandOptions::Layout::upstream));

TEST_P(LayoutCase, no_request_fails_while_servers_come_and_go_by_reload) {
  const auto stand = make_stand({.layout = GetParam()});
  ASSERT_TRUE(stand);
  const auto first = app(*stand, 0);
  const auto second = app(*stand, 1);
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(ok(stand->nginx().start()));
  ASSERT_TRUE(ok(stand->write_upstream({stand->app_address(0)})));
  ASSERT_TRUE(ok(stand->reload_nginx()));

  Load reused(steady(*stand, 60, 3s));
  LoadOptions posts = steady(*stand, 60, 3s);
  posts.method = "POST";
  posts.keep_alive = false;
  Load fresh(std::move(posts));
  for (int turn = 0; turn < 3; ++turn) {
    ASSERT_TRUE(ok(stand->write_upstream({stand->app_address(0), stand->app_address(1)})));
    ASSERT_TRUE(ok(stand->reload_nginx()));
    ASSERT_TRUE(ok(stand->write_upstream({stand->app_address(turn % 2)})));
    ASSERT_TRUE(ok(stand->reload_nginx()));
  }
  reused.wait();
  fresh.wait();

  EXPECT_EQ(reused.summary().requests, 180U);
  EXPECT_EQ(reused.summary().failures, 0U) << reused.summary().first_failure << stand->logs();
  EXPECT_EQ(fresh.summary().requests, 180U);
  EXPECT_EQ(fresh.summary().failures, 0U) << fresh.summary().first_failure << stand->logs();
  const auto answers = answers_by_server(*stand);
  EXPECT_TRUE(answers.contains(stand->app_address(0)));
  EXPECT_TRUE(answers.contains(stand->app_address(1)));
}

TEST(Stand, a_site_without_servers_answers_502) {
  const auto stand = make_stand();
  ASSERT_TRUE(stand);
  ASSERT_TRUE(ok(stand->nginx().start()));
  const auto answer = stand->get(stand->url());
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("502"), std::string::npos) << answer.error().message;
  ASSERT_TRUE(Stand::eventually([&] { return !answers_by_server(*stand).empty(); }, 5s));
  EXPECT_EQ(stand->access_log()->front().status, 502);
}

TEST(Stand, prometheus_finds_the_servers_in_the_targets_file_and_scrapes_them_fast) {
  const auto stand = make_stand({.scrape_interval = 250ms});
  ASSERT_TRUE(stand);
  const auto server = app(*stand, 0);
  ASSERT_TRUE(server);
  ASSERT_TRUE(ok(stand->prometheus().start()));
  ASSERT_TRUE(ok(replace_file(stand->targets_file(), R"([{"targets": [")" + stand->app_address(0) + R"("]}])")));
  EXPECT_TRUE(Stand::eventually([&] { return stand->query(R"(sum(up{job="app"}))").value_or(0) == 1; }, 20s)) << stand->logs();
  EXPECT_TRUE(Stand::eventually([&] { return stand->query("sum(count_over_time(app_slots[2s]))").value_or(0) >= 4; }, 20s));
  EXPECT_EQ(stand->query("sum(app_slots)").value_or(0), 4);
  EXPECT_EQ(stand->query("no_such_metric").error().kind, ErrorKind::not_found);
  EXPECT_EQ(stand->query("sum(").error().kind, ErrorKind::invalid);
}

TEST(Stand, a_piece_can_be_killed_and_started_again) {
  const auto stand = make_stand();
  ASSERT_TRUE(stand);
  Piece& nginx = stand->nginx();
  ASSERT_TRUE(ok(nginx.start()));
  const pid_t before = nginx.pid();
  nginx.kill();
  EXPECT_FALSE(nginx.running());
  EXPECT_EQ(nginx.pid(), 0);
  ASSERT_TRUE(ok(nginx.start()));
  EXPECT_NE(nginx.pid(), before);
  ASSERT_TRUE(ok(nginx.restart()));
  ASSERT_TRUE(ok(nginx.stop()));
  EXPECT_TRUE(nothing_runs_in(stand->directory()));
}

TEST(Stand, a_piece_that_cannot_start_says_why) {
  const auto stand = make_stand();
  ASSERT_TRUE(stand);
  ASSERT_TRUE(ok(replace_file(stand->upstream_file(), "nonsense;\n")));
  const auto started = stand->nginx().start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("unknown directive \"nonsense\""), std::string::npos) << started.error().message;
}

TEST(Stand, two_stands_do_not_get_in_each_others_way) {
  const auto one = make_stand();
  const auto other = make_stand();
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->url(), other->url());
  EXPECT_TRUE(ok(one->nginx().start()));
  EXPECT_TRUE(ok(other->nginx().start()));
}

TEST(Stand, nothing_outlives_it_not_even_what_its_pieces_left_running) {
  auto stand = make_stand();
  ASSERT_TRUE(stand);
  const fs::path directory = stand->directory();
  ASSERT_TRUE(ok(stand->nginx().start()));
  auto orphaner = Program::start({.command = {"sh", "-c", std::string(WEIR_EXAMPLE_APP) + " --port 0 & exit 0"},
                                  .directory = directory,
                                  .log = directory / "logs" / "orphan.log"});
  ASSERT_TRUE(orphaner);
  ASSERT_TRUE(orphaner->wait(10s));
  ASSERT_TRUE(
      Stand::eventually([&] { return read_file(directory / "logs" / "orphan.log").value_or("").starts_with("listening"); }, 10s));
  EXPECT_EQ(processes_in(directory).size(), 4U);  // nginx, its two workers and the orphan
  stand.reset();
  EXPECT_EQ(processes_in(directory), std::vector<std::string>{});
  EXPECT_FALSE(fs::exists(directory));
}

/// Starts things in the directory and dies as by the out-of-memory killer.
void die_with_a_stand_in(const fs::path& directory) {
  const auto stand = make_stand({.directory = directory});
  const auto server = app(*stand, 0);
  const bool started = server && stand->nginx().start() && stand->prometheus().start() && processes_in(directory).size() == 5;
  ::raise(started ? SIGKILL : SIGABRT);
}

TEST(StandDeathTest, nothing_outlives_a_process_killed_with_its_stand) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const fs::path directory = fs::canonical(fs::temp_directory_path()) / "weir-stand-death-test";
  fs::remove_all(directory);
  EXPECT_EXIT(die_with_a_stand_in(directory), testing::KilledBySignal(SIGKILL), "");
  EXPECT_TRUE(nothing_runs_in(directory));
  fs::remove_all(directory);
}

TEST(StandConfig, names_every_file_and_port_of_this_stand) {
  const auto stand = make_stand({.layout = StandOptions::Layout::upstream});
  ASSERT_TRUE(stand);
  const std::string text =
      stand->weir_config({.app_options = {"--capacity", "4"}, .min = 3, .rest = "warm_up: 2s\npolicies: []\n"});
  for (const std::string& part : {stand->upstream_file().string(), stand->targets_file().string(), stand->prometheus_url(),
                                  std::string(R"("--version","{version}","--capacity","4"])"), std::string("upstream: app"),
                                  std::string("    min: 3\n"), std::string("    warm_up: 2s\n    policies: []\n")}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

}  // namespace
}  // namespace weir
