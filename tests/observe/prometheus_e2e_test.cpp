#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>

#include "controller/observe/prometheus.h"
#include "controller/observe/prometheus_history.h"
#include "tests/support/certificates.h"
#include "tests/support/http_stub.h"
#include "tests/support/prometheus_server.h"
#include "tests/support/wait_until.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Status = Sample::Status;
using ::testing::HasSubstr;
using ::testing::Not;

class RealClock : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
};

constexpr int kApps = 500;

std::string exposition() {
  std::string text = "# TYPE app_load gauge\n";
  for (int app = 0; app < kApps; ++app) {
    for (const char* server : {"a", "b"})
      text += fmt::format("app_load{{app=\"app-{}\",server=\"{}\"}} {}\n", app, server, app + 0.25);
  }
  return text + "app_broken NaN\n";
}

Query query(std::string expression, std::string server_label = {}, std::vector<std::pair<std::string, std::string>> select = {}) {
  return {.expression = std::move(expression),
          .server_label = std::move(server_label),
          .select = std::move(select),
          .on_empty = {},
          .on_nan = {}};
}

/// One Prometheus for all tests: it takes five seconds to its first scrape.
class PrometheusEndToEnd : public ::testing::Test {
 protected:
  struct World {
    HttpStub apps{HttpStub::Answer{.body = exposition(), .content_type = "text/plain; version=0.0.4"}};
    HttpStub fading{HttpStub::Answer{.body = "fading 1\n", .content_type = "text/plain; version=0.0.4"}};
    std::unique_ptr<PrometheusServer> server;
    HttpClient http;
    RealClock clock;
    std::unique_ptr<PrometheusSource> source;
  };

  static void SetUpTestSuite() {
    world_ = std::make_unique<World>();
    const PrometheusServer::Job jobs[] = {{.name = "apps", .targets = {world_->apps.address()}},
                                          {.name = "fading", .targets = {world_->fading.address()}}};
    auto started = PrometheusServer::start(jobs, "1s");
    ASSERT_TRUE(started) << started.error().message;
    world_->server = std::move(*started);
    world_->source =
        std::make_unique<PrometheusSource>(PrometheusOptions{.url = world_->server->url()}, world_->http, world_->clock);
    ASSERT_TRUE(wait_until(30s, [] { return ask({query("count(app_load) + count(fading)")}).at(0).value == 2 * kApps + 1; }));
  }
  static void TearDownTestSuite() { world_.reset(); }
  void SetUp() override { ASSERT_TRUE(world_->source); }

  static std::vector<Sample> ask(const std::vector<Query>& queries) { return world_->source->query(queries, {}); }

  static inline std::unique_ptr<World> world_;
};

TEST_F(PrometheusEndToEnd, every_shape_of_query_has_its_outcome) {
  const auto samples = ask({query("sum(app_load{app=\"app-1\"})"), query("app_load{app=\"app-2\"}", "server"), query("app_load"),
                            query("no_such_metric"), query("app_broken"), query("app_load[1m]"), query("\"text\""), query("sum("),
                            query("42"), query("sum(app_load) > bool 1 and on() vector(1)")});
  EXPECT_EQ(samples[0].value, 2.5);
  ASSERT_EQ(samples[1].series.size(), 2u) << samples[1].detail;
  EXPECT_EQ(samples[1].series[0].server, "a");
  EXPECT_EQ(samples[1].series[1].value, 2.25);
  EXPECT_THAT(samples[2].detail, HasSubstr("1000 series where one is expected"));
  EXPECT_EQ(samples[3].status, Status::empty);
  EXPECT_EQ(samples[4].status, Status::nan);
  EXPECT_THAT(samples[5].detail, HasSubstr("avg_over_time"));
  EXPECT_EQ(samples[6].status, Status::failed);
  EXPECT_THAT(samples[7].detail, HasSubstr("400"));
  EXPECT_EQ(samples[8].value, 42);
  EXPECT_EQ(samples[9].value, 1);
}

TEST_F(PrometheusEndToEnd, hundreds_of_groups_share_one_labelled_query) {
  std::vector<Query> queries;
  for (int app = 0; app < kApps; ++app)
    queries.push_back(query("avg by (app) (app_load)", "", {{"app", fmt::format("app-{}", app)}}));
  const auto samples = ask(queries);
  for (int app = 0; app < kApps; ++app) EXPECT_EQ(samples.at(static_cast<std::size_t>(app)).value, app + 0.25);
}

TEST_F(PrometheusEndToEnd, series_of_a_target_that_fails_become_empty_not_old) {
  EXPECT_EQ(ask({query("fading")}).at(0).value, 1);
  world_->fading.answer(HttpStub::Answer{.status = 500});
  EXPECT_TRUE(wait_until(30s, [] { return ask({query("fading")}).at(0).status == Status::empty; }));
}

TEST(PrometheusKilled, fails_every_query) {
  auto server = PrometheusServer::start({}, "1s");
  ASSERT_TRUE(server) << server.error().message;
  HttpClient http;
  const RealClock clock;
  PrometheusSource source(PrometheusOptions{.url = (*server)->url()}, http, clock);
  const Query queries[] = {query("1"), query("vector(2)")};
  EXPECT_EQ(source.query(queries, {}).at(1).value, 2);
  (*server)->stop(SIGKILL);
  for (const Sample& sample : source.query(queries, {})) EXPECT_EQ(sample.status, Status::failed);
}

TEST(PrometheusWithAPast, tells_the_history_of_a_query_beyond_what_one_answer_holds) {
  constexpr TimePoint begin{1'760'000'000s};
  std::string past = "# TYPE requests gauge\n";
  for (int minute = 0; minute < 240; ++minute) {
    // An hour is missing in the middle.
    if (minute >= 120 && minute < 180) continue;
    for (const char* server : {"a", "b"})
      past += fmt::format("requests{{server=\"{}\"}} {} {}\n", server, minute, 1'760'000'000 + 60 * minute);
  }
  auto server = PrometheusServer::start({}, "1s", {}, past);
  ASSERT_TRUE(server) << server.error().message;
  HttpClient http;
  const auto history = ask_history({.url = (*server)->url()}, http,
                                   {.expression = "sum(requests)", .from = begin, .to = begin + 4h - 1s, .step = 1s});
  ASSERT_TRUE(history) << history.error().message;
  // Prometheus holds on to a value for five minutes; at last all that was written is older.
  const auto hole = std::ranges::adjacent_find(history->at, [](TimePoint one, TimePoint next) { return next - one > 1s; });
  ASSERT_NE(hole, history->at.end());
  EXPECT_EQ(*hole, begin + 2h - 60s + 5min);
  EXPECT_EQ(hole[1], begin + 3h);
  EXPECT_EQ(history->at.back(), begin + 4h - 1s);
  for (std::size_t i = 0; i < history->at.size(); ++i) {
    const auto minute = (history->at[i] - begin) / 1min;
    if (minute >= 120 && minute < 180) continue;
    ASSERT_EQ(history->values[i], 2.0 * static_cast<double>(minute)) << i;
  }
}

/// A Prometheus that shows a certificate of an authority of its own, and wants to see one and a password.
class PrometheusBehindTls : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(certificates_.make(), "");
    key_ = {.username = "weir",
            .password = "open sesame",
            .ca_file = certificates_.file("authority.pem"),
            .certificate_file = certificates_.file("client.pem"),
            .key_file = certificates_.file("client.key")};
    // The hash is bcrypt's of the password.
    const std::string config = fmt::format(
        "tls_server_config: {{cert_file: {}, key_file: {}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: {}}}\n"
        "basic_auth_users: {{weir: \"$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\"}}\n",
        certificates_.file("server.pem"), certificates_.file("server.key"), certificates_.file("authority.pem"));
    auto started = PrometheusServer::start({}, "1s", {.config = config, .key = key_});
    ASSERT_TRUE(started) << started.error().message;
    server_ = std::move(*started);
  }

  [[nodiscard]] Sample answer_to(HttpAccess access) const {
    HttpClient http;
    const RealClock clock;
    PrometheusSource source(PrometheusOptions{.url = server_->url(), .access = std::move(access)}, http, clock);
    const Query queries[] = {query("vector(2)")};
    return source.query(queries, {}).at(0);
  }

  HttpAccess key_;

 private:
  Certificates certificates_;
  std::unique_ptr<PrometheusServer> server_;
};

TEST_F(PrometheusBehindTls, answers_who_holds_the_key) { EXPECT_EQ(answer_to(key_).value, 2) << answer_to(key_).detail; }

TEST_F(PrometheusBehindTls, is_not_believed_without_its_authority) {
  key_.ca_file.clear();
  const Sample sample = answer_to(key_);
  EXPECT_EQ(sample.status, Status::failed);
  EXPECT_THAT(sample.detail, HasSubstr("certificate"));
}

TEST_F(PrometheusBehindTls, is_believed_without_its_authority_when_not_verified) {
  key_.ca_file.clear();
  key_.verify = false;
  EXPECT_EQ(answer_to(key_).value, 2);
}

TEST_F(PrometheusBehindTls, a_wrong_password_fails_and_is_not_told) {
  key_.password = "open barley";
  const Sample sample = answer_to(key_);
  EXPECT_EQ(sample.status, Status::failed);
  EXPECT_THAT(sample.detail, HasSubstr("401"));
  EXPECT_THAT(sample.detail, Not(HasSubstr("barley")));
}

TEST_F(PrometheusBehindTls, a_missing_client_certificate_fails) {
  key_.certificate_file.clear();
  key_.key_file.clear();
  EXPECT_EQ(answer_to(key_).status, Status::failed);
}

TEST_F(PrometheusBehindTls, an_authority_file_that_is_not_there_fails_and_is_named) {
  key_.ca_file = "/nonexistent/authority.pem";
  const Sample sample = answer_to(key_);
  EXPECT_EQ(sample.status, Status::failed);
  EXPECT_THAT(sample.detail, HasSubstr("/nonexistent/authority.pem"));
}

}  // namespace
}  // namespace weir
