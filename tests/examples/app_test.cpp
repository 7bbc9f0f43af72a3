// weir-example-app, as nginx, Prometheus and an operator meet it.
#include <gtest/gtest.h>

#include <csignal>

#include "examples/load/load.h"
#include "examples/stand/stand.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

class ExampleApp : public testing::Test {
 protected:
  void SetUp() override {
    auto stand = Stand::create({.app = WEIR_EXAMPLE_APP});
    ASSERT_TRUE(stand) << stand.error().message;
    stand_ = std::move(*stand);
  }

  void start(const std::vector<std::string>& options) {
    auto app = stand_->start_app(0, options);
    ASSERT_TRUE(app) << app.error().message;
    app_ = std::move(*app);
  }

  [[nodiscard]] std::string url(const std::string& path) const { return "http://" + stand_->app_address(0) + path; }

  bool eventually_has(const std::string& metric) {
    return Stand::eventually(
        [&] { return stand_->get(url("/metrics")).value_or("").find("\n" + metric + "\n") != std::string::npos; }, 10s);
  }

  [[nodiscard]] LoadOptions clients(int count, Duration length) const {
    LoadOptions options;
    options.url = url("/");
    options.clients = count;
    options.length = length;
    return options;
  }

  std::unique_ptr<Stand> stand_;
  std::unique_ptr<Piece> app_;
};

TEST_F(ExampleApp, says_who_answers) {
  start({"--version", "v7"});
  EXPECT_EQ(stand_->get(url("/")).value_or(""), R"({"server":")" + stand_->app_address(0) + R"(","version":"v7"})" + "\n");
  EXPECT_EQ(stand_->get(url("/?a=b")).value_or("").substr(0, 9), R"({"server")");
  EXPECT_NE(stand_->get(url("/other")).error().message.find("404"), std::string::npos);
  EXPECT_TRUE(eventually_has(R"(app_requests_total{version="v7",code="200"} 2)"));
  EXPECT_TRUE(eventually_has(R"(app_info{version="v7"} 1)"));
}

TEST_F(ExampleApp, works_on_as_many_requests_as_it_has_slots_queues_some_and_refuses_the_rest) {
  start({"--capacity", "2", "--queue", "3", "--service-time", "1s"});
  Load load(clients(5, 100ms));
  EXPECT_TRUE(eventually_has("app_busy_slots 2"));
  EXPECT_TRUE(eventually_has("app_queue_length 3"));
  EXPECT_NE(stand_->get(url("/")).error().message.find("503: too many requests are waiting"), std::string::npos);
  EXPECT_TRUE(stand_->get(url("/health"))) << "health is not a matter of the queue";
  load.wait();
  EXPECT_EQ(load.summary().requests, 5U);
  EXPECT_EQ(load.summary().failures, 0U) << load.summary().first_failure;
  EXPECT_GE(load.summary().max_ms, 3000) << "the fifth waits for two before it";
  EXPECT_TRUE(eventually_has("app_busy_slots 0"));
  EXPECT_TRUE(eventually_has(R"(app_requests_total{version="v1",code="503"} 1)"));
}

TEST_F(ExampleApp, serves_nothing_while_it_boots) {
  // Booting lasts longer than this test: the probe of start_app would wait for it.
  const std::string address = stand_->app_address(0);
  auto app = Program::start({.command = {WEIR_EXAMPLE_APP, "--port", address.substr(address.find(':') + 1), "--boot", "1m"},
                             .directory = stand_->directory(),
                             .log = stand_->directory() / "logs" / "app.log"});
  ASSERT_TRUE(app);
  ASSERT_TRUE(Stand::eventually([&] { return stand_->get(url("/metrics")).has_value(); }, 10s));
  EXPECT_NE(stand_->get(url("/health")).error().message.find("503"), std::string::npos);
  EXPECT_NE(stand_->get(url("/")).error().message.find("503: still booting"), std::string::npos);
}

TEST_F(ExampleApp, finishes_what_runs_and_then_ends_when_told_to) {
  start({"--capacity", "1", "--service-time", "500ms"});
  Load load(clients(2, 100ms));
  ASSERT_TRUE(eventually_has("app_queue_length 1"));
  EXPECT_TRUE(app_->stop());
  load.wait();
  EXPECT_EQ(load.summary().requests, 2U);
  EXPECT_EQ(load.summary().failures, 0U) << load.summary().first_failure;
}

TEST_F(ExampleApp, crashes_on_demand) {
  const auto log = stand_->directory() / "logs" / "app.log";
  auto app = Program::start(
      {.command = {WEIR_EXAMPLE_APP, "--port", "0", "--crash-after", "50ms"}, .directory = stand_->directory(), .log = log});
  ASSERT_TRUE(app);
  ASSERT_TRUE(app->wait(10s));
  EXPECT_EQ(app->status(), 70);
}

TEST_F(ExampleApp, refuses_a_port_that_is_taken) {
  start({});
  auto second = stand_->start_app(0, {});
  // The first one answers the readiness probe in its place, so the end is what tells.
  EXPECT_TRUE(!second || Stand::eventually([&] { return !(*second)->running(); }, 10s));
}

}  // namespace
}  // namespace weir
