// The program itself tells people what it does: a webhook of ours and a real Alertmanager listen.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "controller/state/state_reader.h"
#include "tests/e2e/site.h"
#include "tests/e2e/turns.h"
#include "tests/receivers/alertmanager_server.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kInterval{250};  ///< of a Site

class NotifiedSite : public testing::Test {
 protected:
  /// The site's configuration with this section; weir reads it at its start.
  void begin(const std::string& notifications, const SiteOptions& options = {.max = 4}) {
    site_ = Site::create(options);
    ASSERT_TRUE(site_);
    ASSERT_TRUE(site_->stand().write_weir_config(site_->config() + notifications));
    ASSERT_TRUE(site_->begin()) << site_->story();
  }
  [[nodiscard]] std::string webhook(const HttpStub& stub) const {
    return fmt::format(
        "\nnotifications:\n  receivers: [{{name: hook, type: webhook, url: \"{}/path-secret\"}}]\n"
        "  routes: [{{receiver: hook, group_wait: 0s}}]\n",
        stub.url());
  }
  /// Until an event of this kind has arrived whose summary has this text in it.
  static bool hears(const HttpStub& stub, const std::string& kind, const std::string& text, const std::string& stage = "happened") {
    return Stand::eventually(
        [&] {
          for (const HttpStub::Request& request : stub.requests()) {
            const json message = json::parse(request.body);
            for (const json& event : message["events"]) {
              const bool is_it = event["event"] == kind && event["stage"] == stage;
              if (is_it && event["summary"].get<std::string>().contains(text)) return true;
            }
          }
          return false;
        },
        60s);
  }
  static std::string heard(const HttpStub& stub) {
    std::string all;
    for (const HttpStub::Request& request : stub.requests()) all += request.body + "\n";
    return all;
  }

  std::unique_ptr<Site> site_;
};

TEST_F(NotifiedSite, people_hear_of_scaling_orders_deploys_and_the_controller_itself) {
  HttpStub stub;
  ASSERT_NO_FATAL_FAILURE(begin(webhook(stub)));
  EXPECT_TRUE(hears(stub, "controller_started", "runs 1 groups")) << heard(stub);
  site_->want(4);
  EXPECT_TRUE(hears(stub, "scaled_out", "to 4")) << heard(stub);
  site_->want(9);
  EXPECT_TRUE(hears(stub, "at_max", "at max 4, and 9 are wanted", "began")) << heard(stub);
  site_->want(2);
  EXPECT_TRUE(hears(stub, "at_max", "at max 4", "ended")) << heard(stub);
  EXPECT_TRUE(hears(stub, "scaled_in", "to 2")) << heard(stub);
  ASSERT_TRUE(site_->settles_at(2)) << site_->story();

  const CommandAnswer deploy = site_->deploy("v2", "rolling");
  EXPECT_EQ(deploy.status, 0) << deploy.output;
  EXPECT_TRUE(hears(stub, "deploy_started", "the deploy of v2 in place of v1 began, rolling")) << heard(stub);
  EXPECT_TRUE(hears(stub, "deploy_finished", "the deploy of v2 is done")) << heard(stub);

  EXPECT_EQ(site_->command({"pause", "app"}).status, 0);
  EXPECT_TRUE(hears(stub, "operator_action", "scaling is paused")) << heard(stub);

  site_->lose_the_gauge();
  EXPECT_TRUE(hears(stub, "no_data", "nothing is scaled in", "began")) << heard(stub);

  site_->stand().weir().signal(SIGTERM);
  EXPECT_TRUE(hears(stub, "controller_stopped", "told to stop")) << heard(stub);
  EXPECT_EQ(site_->weir_log().find("path-secret"), std::string::npos) << "the URL is a secret";
}

TEST_F(NotifiedSite, a_reload_brings_another_receiver_and_is_told_of) {
  HttpStub first;
  HttpStub second;
  ASSERT_NO_FATAL_FAILURE(begin(webhook(first)));
  ASSERT_TRUE(hears(first, "controller_started", "")) << heard(first);
  site_->stand().weir().signal(SIGHUP);
  EXPECT_TRUE(hears(first, "config_reloaded", "in force")) << heard(first);
  ASSERT_TRUE(site_->stand().write_weir_config(site_->config() + webhook(second)));
  site_->stand().weir().signal(SIGHUP);
  EXPECT_TRUE(hears(second, "config_reloaded", "in force")) << heard(second);
  site_->want(3);
  EXPECT_TRUE(hears(second, "scaled_out", "to 3")) << heard(second);
  EXPECT_EQ(heard(first).find("scaled_out"), std::string::npos);
}

TEST_F(NotifiedSite, a_receiver_that_never_answers_slows_no_turn) {
  HttpStub silent(HttpStub::Answer{.delay = 1h});
  ASSERT_NO_FATAL_FAILURE(begin(webhook(silent)));
  ASSERT_TRUE(Stand::eventually([&] { return !silent.requests().empty(); }, 60s));
  const auto now = [] { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); };
  const TimePoint begin = now();
  for (const int servers : {4, 2, 3}) {
    site_->want(servers);
    EXPECT_TRUE(site_->settles_at(servers)) << site_->story();
  }
  const TimePoint end = now();
  EXPECT_EQ(site_->metric("weir_notifications_total", R"(result="delivered")"), 0);
  site_->stand().weir().signal(SIGTERM);
  EXPECT_TRUE(Stand::eventually([&] { return !site_->stand().weir().running(); }, 60s)) << "it stops all the same";
  const auto reader = StateReader::open(site_->stand().state_directory() / "state.db");
  ASSERT_TRUE(reader) << reader.error().message;
  const Turns turns = turns_between(**reader, "app", begin, end);
  std::printf("%zu turns while a receiver never answers: interval %lld ms, largest gap %lld ms, median %lld ms\n", turns.count,
              static_cast<long long>(kInterval.count()), static_cast<long long>(turns.largest.count()),
              static_cast<long long>(turns.median.count()));
  EXPECT_LE(turns.largest, kInterval + kLateAtMost);
}

TEST_F(NotifiedSite, a_real_alertmanager_sees_what_fires_and_that_it_ends) {
  auto server = AlertmanagerServer::start();
  if (!server)
    GTEST_SKIP() << "skipped, for there is no Alertmanager here (Debian: prometheus-alertmanager): " << server.error().message;
  ASSERT_NO_FATAL_FAILURE(
      begin(fmt::format("\nnotifications:\n  receivers: [{{name: alerts, type: alertmanager, url: \"{}\"}}]\n"
                        "  routes: [{{receiver: alerts, group_wait: 0s, events: [at_max]}}]\n",
                        (*server)->url())));
  const auto firing = [&] {
    const json alerts = json::parse((*server)->alerts(), nullptr, false);
    return alerts.is_array() && alerts.size() == 1 && alerts[0]["labels"]["alertname"] == "weir_at_max" &&
           alerts[0]["labels"]["group"] == "app" && alerts[0]["status"]["state"] == "active";
  };
  site_->want(9);
  EXPECT_TRUE(Stand::eventually(firing, 60s)) << (*server)->alerts() << site_->story();
  site_->want(2);
  EXPECT_TRUE(Stand::eventually([&] { return (*server)->alerts() == "[]\n"; }, 60s)) << (*server)->alerts() << site_->story();
}

}  // namespace
}  // namespace weir
