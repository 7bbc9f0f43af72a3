// A real Alertmanager takes what weir sends, and forgets it when weir says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/receivers/alertmanager_server.h"
#include "tests/receivers/support.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

TimePoint now() { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

class RealAlertmanager : public testing::Test {
 protected:
  void SetUp() override {
    auto started = AlertmanagerServer::start();
    if (!started)
      GTEST_SKIP() << "skipped, for there is no Alertmanager here (Debian: prometheus-alertmanager): " << started.error().message;
    server_ = std::move(*started);
    receiver_ = receiver_with("type: alertmanager, url: \"" + server_->url() + "\", labels: {team: web}", network_);
  }
  json alerts() { return json::parse(server_->alerts(), nullptr, false); }
  bool has(std::size_t count) {
    return wait_until(30s, [&] { return alerts().is_array() && alerts().size() == count; });
  }

  HttpClient http_;
  WaitingClock clock_;
  TokenBuckets buckets_{clock_};
  Network network_{.http = http_, .clock = clock_, .buckets = buckets_};
  std::unique_ptr<AlertmanagerServer> server_;
  std::unique_ptr<Receiver> receiver_;
};

TEST_F(RealAlertmanager, a_condition_fires_until_it_ends) {
  const TimePoint since = now() - 1min;
  Event event = at_max();
  event.at = event.since = since;
  const Attempt begun = receiver_->send({.events = {event}, .controller = "weir", .at = now()}, {});
  ASSERT_TRUE(begun.result) << begun.result.error().message;
  ASSERT_TRUE(has(1)) << server_->alerts();
  const json alert = alerts()[0];
  EXPECT_EQ(alert["labels"],
            json::parse(R"({"alertname": "weir_at_max", "controller": "weir", "group": "app", "severity": "critical",
                                             "team": "web"})"));
  EXPECT_EQ(alert["status"]["state"], "active");
  EXPECT_EQ(alert["annotations"]["summary"], event.summary);
  EXPECT_EQ(alert["startsAt"], format_time(since));

  event.stage = Event::Stage::ended;
  event.at = now();
  ASSERT_TRUE(receiver_->send({.events = {event}, .controller = "weir", .at = now()}, {}).result);
  EXPECT_TRUE(has(0)) << server_->alerts();
}

TEST_F(RealAlertmanager, what_happened_at_one_instant_fires_for_a_while) {
  Event event = scaled_out();
  event.at = now();
  ASSERT_TRUE(receiver_->send({.events = {event}, .controller = "weir", .at = now()}, {}).result);
  ASSERT_TRUE(has(1)) << server_->alerts();
  EXPECT_EQ(alerts()[0]["endsAt"], format_time(event.at + 5min));
}

TEST_F(RealAlertmanager, a_wrong_address_is_an_error_that_stays) {
  const auto elsewhere = receiver_with("type: alertmanager, url: \"" + server_->url() + "/elsewhere\"", network_);
  const Attempt attempt = elsewhere->send(message_of({at_max()}), {});
  ASSERT_FALSE(attempt.result);
  EXPECT_EQ(attempt.result.error().kind, ErrorKind::not_found) << attempt.result.error().message;
}

}  // namespace
}  // namespace weir
