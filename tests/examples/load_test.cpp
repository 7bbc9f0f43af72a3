#include "examples/load/load.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/examples/closing_server.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ClosingServer;

const LoadProfile kRamp{{10s, 10, 10}, {10s, 10, 30}, {5s, 0, 0}, {10s, 30, 0}};

TEST(LoadProfile, a_rate_goes_in_a_straight_line_and_ends_with_the_profile) {
  EXPECT_EQ(length_of(kRamp), 35s);
  const std::pair<Duration, double> cases[] = {{0s, 10},  {5s, 10},  {10s, 10}, {15s, 20}, {22s, 0},
                                               {25s, 30}, {30s, 15}, {35s, 0},  {-1s, 0}};
  for (const auto& [time, rate] : cases) EXPECT_DOUBLE_EQ(rate_at(kRamp, time), rate) << time.count();
}

TEST(LoadProfile, requests_are_due_when_the_area_under_the_rate_says_so) {
  EXPECT_EQ(due_at(kRamp, 0), 0us);
  EXPECT_EQ(due_at(kRamp, 1), 100'000us);
  EXPECT_EQ(due_at(kRamp, 100), 10s);       // the first of the ramp
  EXPECT_EQ(due_at(kRamp, 100 + 75), 15s);  // 10 * 5 + 2/2 * 5^2
  EXPECT_EQ(due_at(kRamp, 300), 25s);       // the pause is jumped over
  EXPECT_EQ(due_at(kRamp, 300 + 150), std::nullopt);
}

TEST(LoadProfile, due_times_never_go_back) {
  std::chrono::microseconds last{-1};
  for (std::uint64_t request = 0; const auto due = due_at(kRamp, request); ++request) {
    EXPECT_GE(*due, last);
    last = *due;
  }
  EXPECT_LE(last, 35s);
}

TEST(LoadSummary, counts_a_5xx_or_no_answer_as_failed_and_nothing_else) {
  EXPECT_FALSE(failed({.due = 0us, .latency = 0us, .status = 200}));
  EXPECT_FALSE(failed({.due = 0us, .latency = 0us, .status = 404}));
  EXPECT_TRUE(failed({.due = 0us, .latency = 0us, .status = 500}));
  EXPECT_TRUE(failed({.due = 0us, .latency = 0us, .status = 0, .error = "refused"}));
}

TEST(LoadSummary, takes_nearest_rank_percentiles_of_the_requests_due_in_the_window) {
  std::vector<LoadRecord> records;
  for (int number = 1; number <= 100; ++number) records.push_back({.due = number * 1s, .latency = number * 1ms, .status = 200});
  records[19].status = 503;
  const LoadSummary all = summarize(records);
  EXPECT_EQ(all.requests, 100U);
  EXPECT_EQ(all.failures, 1U);
  EXPECT_EQ(all.first_failure, "503");
  EXPECT_DOUBLE_EQ(all.p50_ms, 50);
  EXPECT_DOUBLE_EQ(all.p95_ms, 95);
  EXPECT_DOUBLE_EQ(all.max_ms, 100);
  const LoadSummary some = summarize(records, 11s, 21s);
  EXPECT_EQ(some.requests, 10U);
  EXPECT_DOUBLE_EQ(some.max_ms, 20);
  EXPECT_EQ(summarize(records, 200s, 300s).requests, 0U);
}

TEST(Load, repeats_a_request_whose_reused_connection_was_closed_before_any_answer) {
  const ClosingServer server(1);
  // One after the other: of several connections that lie ready the repeat might take one that dies likewise.
  Load load({.url = server.url(), .clients = 1, .length = 200ms});
  load.wait();
  const LoadSummary summary = load.summary();
  EXPECT_GT(summary.requests, 1U);
  EXPECT_EQ(summary.failures, 0U) << summary.first_failure;
  EXPECT_GT(server.refused(), 0) << "no connection was reused, so nothing was tested";
}

TEST(Load, a_fresh_connection_closed_without_an_answer_is_a_failure) {
  const ClosingServer server(0);
  Load load({.url = server.url(), .profile = {{100ms, 100, 100}}});
  load.wait();
  EXPECT_EQ(load.summary().requests, 10U);
  EXPECT_EQ(load.summary().failures, 10U);
  EXPECT_EQ(server.refused(), 10);
}

TEST(Load, without_keep_alive_no_connection_is_used_twice) {
  const ClosingServer server(1);
  Load load({.url = server.url(), .method = "POST", .body = "x", .profile = {{100ms, 100, 100}}, .keep_alive = false});
  load.wait();
  EXPECT_EQ(load.summary().failures, 0U) << load.summary().first_failure;
  EXPECT_EQ(server.refused(), 0);
}

TEST(Load, closed_loop_clients_ask_again_when_answered) {
  const ClosingServer server(1'000'000);
  Load load({.url = server.url(), .clients = 3, .length = 200ms});
  load.wait();
  EXPECT_GT(load.summary().requests, 3U);
  EXPECT_EQ(load.summary().failures, 0U) << load.summary().first_failure;
}

TEST(Load, stopping_ends_the_load_early_and_keeps_what_was_answered) {
  const ClosingServer server(1'000'000);
  std::atomic<int> seen = 0;
  std::promise<void> first;
  Load load({.url = server.url(), .profile = {{1h, 50, 50}}}, [&](const LoadRecord&, const HttpResponse* response) {
    if (seen++ == 0) first.set_value();
    EXPECT_NE(response, nullptr);
  });
  first.get_future().wait();
  load.stop();
  EXPECT_EQ(load.records().size(), static_cast<std::size_t>(seen));
}

}  // namespace
}  // namespace weir
