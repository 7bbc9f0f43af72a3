#include "controller/observe/probe.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "tests/support/free_port.h"
#include "tests/support/http_stub.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Answer = HttpStub::Answer;
using ::testing::HasSubstr;

constexpr auto kUnknown = HealthStatus::unknown;
constexpr auto kHealthy = HealthStatus::healthy;
constexpr auto kUnhealthy = HealthStatus::unhealthy;

HealthCheck rule(int healthy_after, int unhealthy_after) {
  HealthCheck check;
  check.healthy_after = healthy_after;
  check.unhealthy_after = unhealthy_after;
  return check;
}

HealthState after(const std::string& answers, const HealthCheck& check) {
  HealthState state;
  for (const char answer : answers) state = advance_health(std::move(state), answer == '+', "bad", check);
  return state;
}

TEST(AdvanceHealth, needs_as_many_answers_in_a_row_as_configured) {
  struct Case {
    std::string answers;
    HealthStatus status;
  };
  const Case cases[] = {
      {"", kUnknown},        {"+", kUnknown},        {"++", kHealthy},       {"-", kUnknown},       {"--", kUnknown},
      {"---", kUnhealthy},   {"+-+", kUnknown},      {"+-+-+-", kUnknown},   {"--+--", kUnknown},   {"--+---", kUnhealthy},
      {"++-", kHealthy},     {"++--", kHealthy},     {"++---", kUnhealthy},  {"++--+--", kHealthy}, {"++---+", kUnhealthy},
      {"++---++", kHealthy}, {"---+-+", kUnhealthy}, {"---+++++", kHealthy}, {"-++", kHealthy},     {"++++++---", kUnhealthy},
  };
  for (const auto& [answers, status] : cases) EXPECT_EQ(after(answers, rule(2, 3)).health.status, status) << answers;
}

TEST(AdvanceHealth, one_answer_decides_when_one_is_enough) {
  EXPECT_EQ(after("+", rule(1, 1)).health.status, kHealthy);
  EXPECT_EQ(after("+-", rule(1, 1)).health.status, kUnhealthy);
  EXPECT_EQ(after("+", rule(0, 0)).health.status, kHealthy);
}

TEST(AdvanceHealth, keeps_the_last_failure_until_the_server_is_healthy_and_answers_well) {
  EXPECT_EQ(after("+-", rule(2, 3)).health.detail, "bad");
  EXPECT_EQ(after("-+", rule(2, 3)).health.detail, "bad");
  EXPECT_EQ(after("-++", rule(2, 3)).health.detail, "");
  EXPECT_EQ(after("++-", rule(2, 3)).health.detail, "bad");
  EXPECT_EQ(after("++---+", rule(2, 3)).health.detail, "bad");
}

TEST(AdvanceHealth, a_lower_threshold_takes_effect_with_the_next_answer) {
  HealthState state = after("--", rule(2, 10));
  state = advance_health(std::move(state), false, "bad", rule(2, 2));
  EXPECT_EQ(state.health.status, kUnhealthy);
}

TEST(GoodAnswer, is_a_connection_or_a_status_from_200_to_399) {
  HealthCheck http;
  http.kind = HealthCheck::Kind::http;
  for (const auto& [status, good] : {std::pair{199, false}, {200, true}, {302, true}, {399, true}, {400, false}, {503, false}})
    EXPECT_EQ(is_good_answer(HttpResponse{.status = status}, http), good) << status;
  EXPECT_EQ(is_good_answer(HttpResponse{}, HealthCheck{}), true);
}

TEST(GoodAnswer, is_unknown_when_the_check_never_left_this_machine) {
  EXPECT_EQ(is_good_answer(failure(ErrorKind::unavailable, "refused"), HealthCheck{}), false);
  EXPECT_EQ(is_good_answer(failure(ErrorKind::invalid, "no such URL"), HealthCheck{}), false);
  EXPECT_EQ(is_good_answer(failure(ErrorKind::out_of_capacity, "too many open files"), HealthCheck{}), std::nullopt);
  EXPECT_EQ(is_good_answer(failure(ErrorKind::cancelled, "stop"), HealthCheck{}), std::nullopt);
}

TEST(NextCheck, is_soon_until_the_server_is_healthy) {
  HealthCheck check;
  check.interval = 5s;
  EXPECT_EQ(next_check_after(kUnknown, kUnknown, check, 0.5), 1s);
  EXPECT_EQ(next_check_after(kUnknown, kUnhealthy, check, 0.5), 1s);
  EXPECT_EQ(next_check_after(kHealthy, kUnhealthy, check, 0.5), 1s);
  EXPECT_EQ(next_check_after(kHealthy, kHealthy, check, 0.5), 5s);
  check.interval = 100ms;
  EXPECT_EQ(next_check_after(kUnknown, kUnknown, check, 0.5), 100ms);
}

TEST(NextCheck, spreads_servers_over_the_interval_when_they_become_healthy) {
  HealthCheck check;
  check.interval = 5s;
  EXPECT_EQ(next_check_after(kUnknown, kHealthy, check, 0), 5s);
  EXPECT_EQ(next_check_after(kUnknown, kHealthy, check, 0.5), 2500ms);
  EXPECT_EQ(next_check_after(kUnhealthy, kHealthy, check, 0.75), 1250ms);
}

HealthCheck http_check() {
  HealthCheck check;
  check.kind = HealthCheck::Kind::http;
  check.path = "/health";
  check.interval = 10ms;
  check.timeout = 5s;
  return check;
}
HealthCheck tcp_check() {
  HealthCheck check = http_check();
  check.kind = HealthCheck::Kind::tcp;
  return check;
}

/// Stands after the variables that a callback writes to: nobody is called back any more when they go, however the test ends.
struct TakeBackFirst {
  std::unique_ptr<NetworkProbe>& probe;
  ~TakeBackFirst() {
    if (probe) probe->on_change({});
  }
};

class NetworkProbeTest : public ::testing::Test {
 protected:
  void watch(const std::vector<ProbeTarget>& targets, const HealthCheck& check = http_check(), const std::string& group = "app") {
    probe_->watch(group, check, targets);
  }
  [[nodiscard]] HealthStatus status(const std::string& server, const std::string& group = "app") const {
    return probe_->health(group, server).status;
  }
  [[nodiscard]] bool becomes(const std::string& server, HealthStatus wanted, const std::string& group = "app") const {
    return wait_until(20s, [&] { return status(server, group) == wanted; });
  }

  HttpStub stub_;
  HttpClient http_;
  std::unique_ptr<NetworkProbe> probe_ = std::make_unique<NetworkProbe>(http_);
};

TEST_F(NetworkProbeTest, a_server_that_answers_becomes_healthy_and_one_that_fails_unhealthy) {
  watch({{"one", stub_.address()}});
  EXPECT_TRUE(becomes("one", kHealthy));
  EXPECT_EQ(probe_->health("app", "one").detail, "");
  EXPECT_EQ(stub_.requests().at(0).target, "/health");
  EXPECT_EQ(stub_.requests().at(0).method, "GET");
  stub_.answer(Answer{.status = 503});
  EXPECT_TRUE(becomes("one", kUnhealthy));
  EXPECT_EQ(probe_->health("app", "one").detail, "GET /health: 503");
  stub_.answer(Answer{.status = 200});
  EXPECT_TRUE(becomes("one", kHealthy));
}

TEST_F(NetworkProbeTest, good_are_the_statuses_from_200_to_399) {
  for (const auto& [code, wanted] :
       {std::pair{200, kHealthy}, {204, kHealthy}, {302, kHealthy}, {404, kUnhealthy}, {500, kUnhealthy}}) {
    stub_.answer(Answer{.status = code});
    const std::string id = std::to_string(code);
    watch({{id, stub_.address()}});
    EXPECT_TRUE(becomes(id, wanted)) << code;
  }
}

TEST_F(NetworkProbeTest, tcp_checks_need_no_more_than_a_connection) {
  watch({{"up", stub_.address()}, {"down", fmt::format("127.0.0.1:{}", free_port())}}, tcp_check());
  EXPECT_TRUE(becomes("up", kHealthy));
  EXPECT_TRUE(becomes("down", kUnhealthy));
  EXPECT_THAT(probe_->health("app", "down").detail, HasSubstr("Connection refused"));
  EXPECT_TRUE(stub_.requests().empty());
}

TEST_F(NetworkProbeTest, a_check_leaves_no_connection_behind) {
  HealthCheck check = http_check();
  check.interval = 1h;
  check.healthy_after = 1;
  watch({{"one", stub_.address()}}, check);
  EXPECT_TRUE(becomes("one", kHealthy));
  EXPECT_TRUE(wait_until(20s, [&] { return stub_.open_connections() == 0; }));
}

TEST_F(NetworkProbeTest, an_answer_later_than_the_timeout_is_bad) {
  stub_.answer(Answer{.delay = 1h});
  HealthCheck check = http_check();
  check.timeout = 20ms;
  watch({{"slow", stub_.address()}}, check);
  EXPECT_TRUE(becomes("slow", kUnhealthy));
  EXPECT_THAT(probe_->health("app", "slow").detail, HasSubstr("no answer within 20ms"));
}

TEST_F(NetworkProbeTest, answers_cut_off_or_reset_are_bad) {
  for (const auto ending : {HttpStub::Ending::reset, HttpStub::Ending::no_answer, HttpStub::Ending::cut_off}) {
    stub_.answer(Answer{.body = "0123456789", .ending = ending});
    const std::string id = fmt::format("ending-{}", static_cast<int>(ending));
    watch({{id, stub_.address()}});
    EXPECT_TRUE(becomes(id, kUnhealthy));
  }
}

TEST_F(NetworkProbeTest, an_address_nobody_can_connect_to_is_unhealthy_and_says_why) {
  watch({{"broken", "not an address"}, {"empty", ""}});
  EXPECT_TRUE(becomes("broken", kUnhealthy));
  EXPECT_TRUE(becomes("empty", kUnhealthy));
  EXPECT_FALSE(probe_->health("app", "broken").detail.empty());
}

TEST_F(NetworkProbeTest, what_is_not_watched_is_unknown) {
  EXPECT_EQ(status("one"), kUnknown);
  watch({{"one", stub_.address()}});
  EXPECT_TRUE(becomes("one", kHealthy));
  EXPECT_EQ(status("other"), kUnknown);
  EXPECT_EQ(status("one", "other group"), kUnknown);
  watch({});
  EXPECT_EQ(status("one"), kUnknown);
}

/// The thread that brings an answer holds on to the server for a moment after it has told of it.
TEST_F(NetworkProbeTest, a_group_that_goes_while_an_answer_arrives_is_not_asked_again) {
  std::atomic<int> gone = 0;
  const TakeBackFirst back{probe_};
  probe_->on_change([&](const std::string& group) {
    probe_->watch(group, {}, {});
    ++gone;
  });
  HealthCheck soon_again = http_check();
  soon_again.interval = Duration{4};
  soon_again.healthy_after = 1;
  for (int round = 1; round <= 300; ++round) {
    watch({{"one", stub_.address()}}, soon_again, fmt::format("group {}", round));
    ASSERT_TRUE(wait_until(20s, [&] { return gone == round; }));
  }
}

TEST_F(NetworkProbeTest, a_server_no_longer_watched_is_no_longer_asked) {
  HttpStub kept;
  watch({{"one", stub_.address()}, {"kept", kept.address()}});
  EXPECT_TRUE(becomes("one", kHealthy));
  watch({{"kept", kept.address()}});
  EXPECT_TRUE(wait_until(20s, [&] { return stub_.open_connections() == 0; }));
  const std::size_t asked = stub_.requests().size();
  const std::size_t before = kept.requests().size();
  EXPECT_TRUE(wait_until(20s, [&] { return kept.requests().size() > before + 20; }));
  // One check may have been on its way.
  EXPECT_LE(stub_.requests().size(), asked + 1);
}

TEST_F(NetworkProbeTest, history_is_kept_over_watch_and_lost_with_the_address) {
  HealthCheck check = http_check();
  watch({{"one", stub_.address()}}, check);
  EXPECT_TRUE(becomes("one", kHealthy));
  HttpStub silent(Answer{.delay = 1h});
  check.interval = 20ms;
  check.path = "/other";
  watch({{"one", stub_.address()}, {"two", stub_.address()}}, check);
  EXPECT_EQ(status("one"), kHealthy);
  EXPECT_TRUE(wait_until(20s, [&] { return stub_.requests().back().target == "/other"; }));
  watch({{"one", silent.address()}}, check);
  EXPECT_EQ(status("one"), kUnknown);
}

TEST_F(NetworkProbeTest, a_shorter_interval_takes_effect_at_once) {
  HealthCheck check = http_check();
  check.interval = 1h;
  check.healthy_after = 1;
  watch({{"one", stub_.address()}}, check);
  EXPECT_TRUE(becomes("one", kHealthy));
  stub_.answer(Answer{.status = 500});
  check.interval = 10ms;
  watch({{"one", stub_.address()}}, check);
  EXPECT_TRUE(becomes("one", kUnhealthy));
}

TEST_F(NetworkProbeTest, only_changes_are_reported_each_with_its_group) {
  std::mutex mutex;
  std::map<std::string, int> changes;
  const auto changes_of = [&](const std::string& group) {
    const std::lock_guard lock(mutex);
    return changes[group];
  };
  const TakeBackFirst take_back{probe_};
  probe_->on_change([&](const std::string& group) {
    const std::lock_guard lock(mutex);
    ++changes[group];
  });
  HttpStub other;
  watch({{"one", stub_.address()}}, http_check(), "a");
  watch({{"one", other.address()}}, http_check(), "b");
  EXPECT_TRUE(wait_until(20s, [&] { return changes_of("a") == 1 && changes_of("b") == 1; }));
  const std::size_t asked = stub_.requests().size();
  EXPECT_TRUE(wait_until(20s, [&] { return stub_.requests().size() > asked + 20; }));
  EXPECT_EQ(changes_of("a"), 1);
  stub_.answer(Answer{.status = 500});
  EXPECT_TRUE(wait_until(20s, [&] { return changes_of("a") == 2; }));
  EXPECT_EQ(status("one", "a"), kUnhealthy);
  EXPECT_EQ(changes_of("b"), 1);
}

TEST_F(NetworkProbeTest, a_callback_may_use_the_probe) {
  std::atomic<bool> seen = false;
  const TakeBackFirst take_back{probe_};
  probe_->on_change([&](const std::string& group) {
    seen = probe_->health(group, "one").status == kHealthy;
    probe_->watch(group, http_check(), {});
  });
  watch({{"one", stub_.address()}});
  EXPECT_TRUE(wait_until(20s, [&] { return seen.load(); }));
}

TEST_F(NetworkProbeTest, a_callback_that_was_taken_back_does_not_run_any_more) {
  std::atomic<bool> entered = false;
  std::atomic<bool> taken_back = false;
  std::atomic<bool> ran_on = false;
  const TakeBackFirst take_back{probe_};
  probe_->on_change([&](const std::string&) {
    entered = true;
    ran_on = wait_until(200ms, [&] { return taken_back.load(); });
  });
  watch({{"one", stub_.address()}});
  ASSERT_TRUE(wait_until(20s, [&] { return entered.load(); }));
  probe_->on_change({});
  taken_back = true;
  probe_.reset();
  EXPECT_FALSE(ran_on);
}

TEST_F(NetworkProbeTest, goes_away_with_checks_under_way) {
  stub_.answer(Answer{.delay = 1h});
  HealthCheck check = http_check();
  check.timeout = 1h;
  watch({{"one", stub_.address()}, {"two", stub_.address()}}, check);
  EXPECT_TRUE(wait_until(20s, [&] { return stub_.requests().size() == 2; }));
  std::atomic<int> changes = 0;
  const TakeBackFirst take_back{probe_};
  probe_->on_change([&](const std::string&) { ++changes; });
  probe_.reset();
  EXPECT_EQ(changes, 0);
}

TEST_F(NetworkProbeTest, more_servers_than_checks_at_a_time_all_get_their_turn) {
  probe_ = std::make_unique<NetworkProbe>(http_, NetworkProbe::Options{.max_in_flight = 3});
  std::vector<ProbeTarget> targets;
  for (int i = 0; i < 200; ++i) targets.push_back({fmt::format("server-{}", i), stub_.address()});
  HealthCheck check = http_check();
  check.interval = 100ms;
  watch(targets, check);
  for (const ProbeTarget& target : targets) EXPECT_TRUE(becomes(target.server, kHealthy)) << target.server;
}

TEST_F(NetworkProbeTest, silent_servers_do_not_make_others_unhealthy) {
  HttpStub silent(Answer{.delay = 1h});
  HealthCheck check = http_check();
  check.timeout = 100ms;
  check.unhealthy_after = 1;
  probe_ = std::make_unique<NetworkProbe>(http_, NetworkProbe::Options{.max_in_flight = 4});
  std::vector<ProbeTarget> targets = {{"good", stub_.address()}};
  for (int i = 0; i < 40; ++i) targets.push_back({fmt::format("silent-{}", i), silent.address()});
  std::atomic<bool> good_was_unhealthy = false;
  const TakeBackFirst take_back{probe_};
  probe_->on_change([&](const std::string&) {
    if (status("good") == kUnhealthy) good_was_unhealthy = true;
  });
  watch(targets, check);
  EXPECT_TRUE(becomes("good", kHealthy));
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(becomes(fmt::format("silent-{}", i), kUnhealthy));
  EXPECT_FALSE(good_was_unhealthy);
}

TEST_F(NetworkProbeTest, is_safe_to_use_from_many_threads) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, group = fmt::format("group-{}", t % 2)] {
      for (int i = 0; i < 200; ++i) {
        const ProbeTarget targets[] = {{"one", stub_.address()}, {fmt::format("{}", i % 3), stub_.address()}};
        probe_->watch(group, http_check(), targets);
        (void)probe_->health(group, "one");
      }
    });
  }
  threads.clear();
  EXPECT_TRUE(becomes("one", kHealthy, "group-0"));
}

}  // namespace
}  // namespace weir
