#include "controller/loop/hook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/http_stub.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class HookTest : public testing::Test {
 protected:
  Outcome run(std::vector<std::string> command, Duration timeout = 60s, const std::stop_token& stop = {}) {
    Group group{.name = "app"};
    group.deploy.hooks.before = Hook{.command = std::move(command), .timeout = timeout};
    return run_hook(group, record_of("v2"), {.point = HookPoint::before, .token = "before-1"}, &http_, stop);
  }
  /// The same for a URL, answered with `status`.
  Outcome ask(int status, std::string body = "") {
    stub_.answer({.status = status, .body = std::move(body)});
    Group group{.name = "app"};
    group.deploy.hooks.gate = Hook{.url = stub_.url() + "/gate/{version}?group={group}", .timeout = 60s};
    return run_hook(group, record_of("v 2"), {.point = HookPoint::gate, .token = "gate-1"}, &http_, {});
  }

  static Record record_of(const std::string& version) {
    const auto server = [](std::string id, std::string of, HealthStatus health) {
      return Server{.id = id, .address = id + ":80", .version = std::move(of), .phase = Phase::warming, .health = {health, ""}};
    };
    return {.servers = {server("old", "v1", HealthStatus::healthy), server("a", version, HealthStatus::healthy),
                        server("sick", version, HealthStatus::unhealthy), server("b", version, HealthStatus::healthy)},
            .rollout = Rollout{.version = version, .from = "v1", .strategy = Strategy::canary}};
  }

  HttpClient http_;
  HttpStub stub_;
};

TEST_F(HookTest, knows_what_is_deployed) {
  const Outcome outcome =
      run({"/bin/sh", "-c", "echo $1 $2 $3 $WEIR_GROUP $WEIR_VERSION $WEIR_OLD_VERSION $WEIR_STRATEGY $WEIR_HOOK $WEIR_SERVERS",
           "sh", "{version}", "{from}", "{group}"});
  EXPECT_EQ(outcome.kind, Outcome::Kind::hook);
  EXPECT_EQ(outcome.subject, "before-1");
  EXPECT_FALSE(outcome.error);
  EXPECT_EQ(outcome.detail, "v2 v1 app app v2 v1 canary before a:80 b:80");
}

TEST_F(HookTest, that_fails_says_with_what_and_what_it_printed_last) {
  const Outcome outcome = run({"/bin/sh", "-c", "seq 1000; echo no such table >&2; exit 3"});
  ASSERT_TRUE(outcome.error);
  EXPECT_THAT(outcome.error->message, HasSubstr("/bin/sh ended with status 3: "));
  EXPECT_THAT(outcome.error->message, testing::EndsWith("1000 no such table"));
  EXPECT_LT(outcome.error->message.size(), 400U);
}

TEST_F(HookTest, that_does_not_end_is_killed_and_has_failed) {
  const Outcome outcome = run({"/bin/sh", "-c", "sleep 1000"}, 10ms);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->kind, ErrorKind::unavailable);
}

TEST_F(HookTest, that_does_not_exist_has_failed) { EXPECT_EQ(run({"/no/such/program"}).error->kind, ErrorKind::not_found); }

TEST_F(HookTest, ends_with_the_controller) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(run({"/bin/sh", "-c", "sleep 1000"}, 60s, stop.get_token()).error->kind, ErrorKind::cancelled);
}

TEST_F(HookTest, that_ends_with_tempfail_asks_to_wait) {
  const Outcome outcome = run({"/bin/sh", "-c", "echo the queue is long; exit 75"});
  EXPECT_TRUE(outcome.asks_to_wait);
  EXPECT_FALSE(outcome.error);
  EXPECT_EQ(outcome.detail, "the queue is long");
}

TEST_F(HookTest, with_a_url_asks_it_and_tells_what_is_deployed) {
  const Outcome outcome = ask(204);
  EXPECT_FALSE(outcome.error);
  EXPECT_FALSE(outcome.asks_to_wait);
  ASSERT_EQ(stub_.requests().size(), 1U);
  const HttpStub::Request request = stub_.requests()[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/gate/v%202?group=app");
  EXPECT_EQ(request.headers.at("content-type"), "application/json");
  EXPECT_EQ(nlohmann::json::parse(request.body), nlohmann::json::parse(R"({"group": "app", "version": "v 2", "old_version": "v1",
                                                                           "strategy": "canary", "hook": "gate", "servers": ["a:80", "b:80"]})"));
}

TEST_F(HookTest, a_url_may_ask_to_wait) {
  for (const int status : {425, 503}) {
    SCOPED_TRACE(status);
    const Outcome outcome = ask(status, "not yet\n");
    EXPECT_TRUE(outcome.asks_to_wait);
    EXPECT_FALSE(outcome.error);
    EXPECT_EQ(outcome.detail, "not yet");
  }
}

TEST_F(HookTest, a_url_that_answers_anything_else_has_failed) {
  for (const int status : {302, 403, 404, 500}) {
    SCOPED_TRACE(status);
    const Outcome outcome = ask(status, "not this one");
    ASSERT_TRUE(outcome.error);
    EXPECT_FALSE(outcome.asks_to_wait);
    EXPECT_THAT(outcome.error->message, HasSubstr(std::to_string(status) + ": not this one"));
    EXPECT_THAT(outcome.error->message, Not(HasSubstr("group=app"))) << "a query may hold a secret";
  }
}

TEST_F(HookTest, a_url_that_cannot_be_reached_has_failed) {
  Group group{.name = "app"};
  group.deploy.hooks.gate = Hook{.url = "http://127.0.0.1:1/"};
  EXPECT_TRUE(run_hook(group, record_of("v2"), {.point = HookPoint::gate, .token = "gate-1"}, &http_, {}).error);
}

TEST_F(HookTest, that_the_configuration_has_no_more_is_through) {
  EXPECT_FALSE(run_hook({.name = "app"}, record_of("v2"), {.point = HookPoint::after, .token = "after-1"}, nullptr, {}).error);
}

}  // namespace
}  // namespace weir
