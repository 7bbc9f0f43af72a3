#include "controller/api/writes.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_api_data.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;
using testing::SizeIs;

class WritesTest : public testing::Test {
 protected:
  ApiResponse post(const std::string& path, const std::string& body) {
    return post(path, body, {{"authorization", "Bearer " + control_.secret}});
  }
  ApiResponse post(const std::string& path, const std::string& body, std::map<std::string, std::string> headers) {
    return answer({"POST", path, {}, std::move(headers), body, "10.0.0.9"}, data_, control_);
  }
  /// As it arrives: with the token it came with and where from.
  static Order arrived(Order order) {
    order.token = "token";
    order.from = "10.0.0.9";
    return order;
  }
  static std::string detail(const ApiResponse& response) { return json::parse(response.body).at("detail"); }

  FakeApiData data_;
  FakeControl control_;
  const TimePoint now_ = control_.now();
};

TEST_F(WritesTest, scale_is_taken_and_answered_as_it_was_taken) {
  const ApiResponse response = post("/v1/groups/app/scale", R"({"servers": 3, "for": "1h30m", "by": "ops"})");
  EXPECT_EQ(response.status, 202) << response.body;
  EXPECT_EQ(json::parse(response.body), json::parse(R"({"group": "app", "order": "scale", "servers": 3,
      "until": "2026-03-01T11:00:00.250Z", "at": "2026-03-01T09:30:00.250Z", "by": "ops"})"));
  const Order wanted{.kind = Order::Kind::scale, .servers = 3, .until = now_ + 90min, .at = now_, .by = "ops"};
  ASSERT_THAT(control_.taken, SizeIs(1));
  EXPECT_EQ(control_.taken[0], arrived(wanted));
}

TEST_F(WritesTest, pause_takes_the_directions_it_is_told) {
  const std::tuple<const char*, bool, bool> cases[] = {
      {"", true, true},
      {"{}", true, true},
      {R"({"direction": "both"})", true, true},
      {R"({"direction": "out"})", true, false},
      {R"({"direction": "in"})", false, true},
  };
  for (const auto& [body, out, in] : cases) {
    EXPECT_EQ(post("/v1/groups/app/pause", body).status, 202) << body;
    const Order wanted{.kind = Order::Kind::pause, .out = out, .in = in, .at = now_, .by = "api"};
    EXPECT_EQ(control_.taken.back(), arrived(wanted)) << body;
  }
}

TEST_F(WritesTest, resume_needs_nothing) {
  EXPECT_EQ(post("/v1/groups/%61pp/resume", "").status, 202);
  EXPECT_EQ(control_.taken.back(), arrived(Order{.kind = Order::Kind::resume, .at = now_, .by = "api"}));
}

TEST_F(WritesTest, a_deploy_is_taken_and_answered_as_it_was_taken) {
  const ApiResponse response = post("/v1/groups/app/deploys", R"({"version": "v2", "strategy": "blue_green", "by": "ops"})");
  EXPECT_EQ(response.status, 202) << response.body;
  EXPECT_EQ(json::parse(response.body),
            json::parse(R"({"group": "app", "order": "deploy", "version": "v2", "strategy": "blue_green",
      "at": "2026-03-01T09:30:00.250Z", "by": "ops"})"));
  const Order wanted{.kind = Order::Kind::deploy, .version = "v2", .strategy = Strategy::blue_green, .at = now_, .by = "ops"};
  ASSERT_THAT(control_.taken, SizeIs(1));
  EXPECT_EQ(control_.taken[0], arrived(wanted));
  EXPECT_EQ(control_.writes[0].what, "deploy");
  EXPECT_EQ(control_.writes[0].order, "deploy of v2 (blue_green) by ops");
}

TEST_F(WritesTest, a_deploy_without_a_strategy_leaves_it_to_the_group) {
  const ApiResponse response = post("/v1/groups/app/deploys", R"({"version": "registry/app@sha256:0f3a"})");
  EXPECT_EQ(response.status, 202) << response.body;
  EXPECT_FALSE(json::parse(response.body).contains("strategy"));
  EXPECT_EQ(control_.taken.at(0),
            arrived(Order{.kind = Order::Kind::deploy, .version = "registry/app@sha256:0f3a", .at = now_, .by = "api"}));
}

TEST_F(WritesTest, promote_and_abort_are_taken_at_the_current_deploy) {
  EXPECT_EQ(post("/v1/groups/app/deploys/current/promote", "").status, 202);
  EXPECT_EQ(post("/v1/groups/app/deploys/current/abort", R"({"by": "ops"})").status, 202);
  EXPECT_EQ(control_.taken.at(0), arrived(Order{.kind = Order::Kind::promote, .at = now_, .by = "api"}));
  EXPECT_EQ(control_.taken.at(1), arrived(Order{.kind = Order::Kind::abort, .at = now_, .by = "ops"}));
  control_.deployless = true;
  const ApiResponse refused = post("/v1/groups/app/deploys/current/promote", "");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(detail(refused), "no deploy is under way in group app");
}

TEST_F(WritesTest, what_is_wrong_with_a_body_is_said_with_the_field) {
  const std::tuple<const char*, std::string, const char*> cases[] = {
      {"scale", "", "servers: missing; expected a whole number from 0 to 100000"},
      {"scale", "{}", "servers: missing"},
      {"scale", "nonsense", "expected a JSON object with servers, for, by"},
      {"scale", "[3]", "expected a JSON object"},
      {"scale", R"({"servers": 3)", "expected a JSON object"},
      {"scale", "{\"servers\": 3, \"by\": \"\xff\"}", "expected a JSON object"},
      {"scale", std::string(60'000, '['), "expected a JSON object"},
      {"scale", R"({"servers": -1})", "servers: expected a whole number from 0 to 100000, found -1"},
      {"scale", R"({"servers": 100001})", "found 100001"},
      {"scale", R"({"servers": 18446744073709551615})", "servers: expected"},
      {"scale", R"({"servers": 1e99})", "servers: expected"},
      {"scale", R"({"servers": 3.5})", "found 3.5"},
      {"scale", R"({"servers": "3"})", R"(found "3")"},
      {"scale", R"({"servers": null})", "found null"},
      {"scale", R"({"server": 3})", "did you mean 'servers'? scale takes servers, for, by"},
      {"scale", R"({"servers": 3, "direction": "out"})", R"("direction": unknown field)"},
      {"scale", R"({"servers": 3, "for": 3600})", "for: expected a duration with units, like 90s or 1h30m, found 3600"},
      {"scale", R"({"servers": 3, "for": "0s"})", "for: expected"},
      {"scale", R"({"servers": 3, "for": "-1h"})", "for: expected"},
      {"scale", R"({"servers": 3, "for": "soon"})", "for: expected"},
      {"scale", R"({"servers": 3, "for": "900000h"})", "for: expected"},
      {"scale", R"({"servers": 3, "by": ""})", "by: expected a name"},
      {"scale", R"({"servers": 3, "by": 7})", "by: expected a name"},
      {"scale", R"({"servers": 3, "by": "a\nb"})", "by: expected a name"},
      {"scale", R"({"servers": 3, "by": ")" + std::string(101, 'x') + "\"}", "by: expected a name"},
      {"pause", R"({"direction": "up"})", R"(direction: expected out, in or both, found "up")"},
      {"pause", R"({"direction": true})", "direction: expected"},
      {"pause", R"({"servers": 3})", "unknown field"},
      {"deploys", "", "version: missing; expected a text, like v2"},
      {"deploys", R"({"version": 2})", "version: expected a text, like v2, found 2"},
      {"deploys", R"({"version": ""})", "version: expected a letter or digit"},
      {"deploys", R"({"version": "v2 && reboot"})", "version: expected a letter or digit"},
      {"deploys", R"({"version": ")" + std::string(50'000, 'v') + "\"}", "at most 128 characters"},
      {"deploys", R"({"version": "v2", "strategy": "green"})",
       R"(strategy: expected rolling, blue_green or canary, found "green")"},
      {"deploys", R"({"version": "v2", "strategy": null})", "strategy: expected"},
      {"deploys", R"({"versoin": "v2"})", "did you mean 'version'? deploy takes version, strategy, by"},
      {"deploys", R"({"version": "v2", "for": "1h"})", R"("for": unknown field)"},
      {"deploys/current/promote", R"({"version": "v2"})", R"("version": unknown field; promote takes by)"},
      {"deploys/current/abort", "[]", "expected a JSON object with by"},
      {"resume", R"({"for": "1h"})", R"("for": unknown field; resume takes by)"},
  };
  for (const auto& [order, body, message] : cases) {
    const ApiResponse response = post(std::string("/v1/groups/app/") + order, body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_EQ(response.content_type, "application/problem+json");
    EXPECT_THAT(detail(response), HasSubstr(message)) << body;
    EXPECT_LT(response.body.size(), 1000U) << "a message does not grow with what was sent";
  }
  EXPECT_THAT(control_.taken, SizeIs(0));
}

TEST_F(WritesTest, however_deep_a_value_is_it_is_told_in_a_word) {
  const std::string deep = std::string(30'000, '[') + std::string(30'000, ']');
  const ApiResponse response = post("/v1/groups/app/scale", fmt::format(R"({{"servers": {}}})", deep));
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(detail(response), HasSubstr("found an array"));
}

TEST_F(WritesTest, only_the_token_opens_and_the_answer_never_has_it) {
  const std::string good = control_.secret;
  const std::map<std::string, std::string> wrong[] = {{},
                                                      {{"authorization", ""}},
                                                      {{"authorization", "Bearer"}},
                                                      {{"authorization", "Bearer "}},
                                                      {{"authorization", good}},
                                                      {{"authorization", "Basic " + good}},
                                                      {{"authorization", "Bearer " + good + "x"}},
                                                      {{"authorization", "Bearer " + good.substr(1)}},
                                                      {{"authorization", "Bearer x" + good.substr(1)}},
                                                      {{"x-token", good}}};
  for (const auto& headers : wrong) {
    const ApiResponse response = post("/v1/groups/app/resume", "", headers);
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(response.headers, (std::vector<std::pair<std::string, std::string>>{{"WWW-Authenticate", "Bearer realm=\"weir\""}}));
    EXPECT_EQ(response.body.find(good.substr(1)), std::string::npos);
  }
  EXPECT_THAT(control_.taken, SizeIs(0));
  EXPECT_EQ(post("/v1/groups/app/resume", "", {{"authorization", "bearer   " + good}}).status, 202) << "the scheme has no case";
}

TEST_F(WritesTest, without_a_configured_token_nobody_writes_and_the_answer_says_what_to_configure) {
  control_.secret.clear();
  for (const auto& headers :
       {std::map<std::string, std::string>{}, {{"authorization", "Bearer "}}, {{"authorization", "Bearer x"}}}) {
    const ApiResponse response = post("/v1/groups/app/resume", "", headers);
    EXPECT_EQ(response.status, 403);
    EXPECT_THAT(detail(response), HasSubstr("controller.token_file"));
  }
  EXPECT_THAT(control_.taken, SizeIs(0));
}

TEST_F(WritesTest, what_the_group_cannot_do_is_refused_with_its_status) {
  EXPECT_EQ(post("/v1/groups/app/scale", R"({"servers": 11})").status, 409);
  EXPECT_EQ(post("/v1/groups/app/deploys", R"({"version": "v1"})").status, 409);
  EXPECT_EQ(post("/v1/groups/nobody/scale", R"({"servers": 3})").status, 404);
  EXPECT_EQ(post("/v1/groups/nobody/deploys/current/abort", "").status, 404);
  control_.busy = true;
  EXPECT_EQ(post("/v1/groups/app/scale", R"({"servers": 3})").status, 503);
}

TEST_F(WritesTest, only_orders_are_posted_and_only_posted) {
  for (const char* path : {"/v1/groups/app", "/v1/groups/app/", "/v1/groups/app/plan", "/v1/groups/app/scale/x", "/v1/groups",
                           "/v1/groups/", "/", "/metrics", "/v1/groups/app/Scale", "/v1/groups/app/deploys/",
                           "/v1/groups/app/deploys/current", "/v1/groups/app/promote", "/v1/groups/app/deploys/7/abort"}) {
    EXPECT_EQ(post(path, "{}").status, 405) << path;
  }
  EXPECT_EQ(post("/v1/groups/%zz/scale", "{}").status, 400);
  for (const char* order : {"scale", "pause", "resume", "deploys", "deploys/current/promote", "deploys/current/abort"}) {
    const ApiResponse response = answer({"GET", std::string("/v1/groups/app/") + order, {}, {}}, data_, control_);
    EXPECT_EQ(response.status, 405) << order;
    EXPECT_EQ(response.headers, (std::vector<std::pair<std::string, std::string>>{{"Allow", "POST"}}));
  }
  EXPECT_THAT(control_.writes, SizeIs(0));
}

TEST_F(WritesTest, every_write_is_told_of_with_who_from_where_and_what) {
  (void)post("/v1/groups/app/scale", R"({"servers": 3, "by": "ops"})");
  (void)post("/v1/groups/app/scale", R"({"servers": 11, "by": "ops"})");
  (void)post("/v1/groups/app/pause", R"({"by": "ops"})", {{"authorization", "Bearer guess"}});
  ASSERT_THAT(control_.writes, SizeIs(3));
  const ApiWrite& accepted = control_.writes[0];
  EXPECT_EQ(accepted.group, "app");
  EXPECT_EQ(accepted.remote, "10.0.0.9");
  EXPECT_EQ(accepted.by, "ops");
  EXPECT_EQ(accepted.order, "held at 3 until resumed by ops");
  EXPECT_EQ(accepted.status, 202);
  EXPECT_EQ(accepted.refusal, "");
  EXPECT_EQ(control_.writes[1].status, 409);
  EXPECT_THAT(control_.writes[1].refusal, HasSubstr("at most 10"));
  EXPECT_EQ(control_.writes[2].status, 401);
  EXPECT_EQ(control_.writes[2].what, "pause");
  EXPECT_EQ(control_.writes[2].by, "") << "nobody is believed without the token";
  EXPECT_THAT(control_.writes[2].refusal, testing::Not(HasSubstr("guess")));
}

}  // namespace
}  // namespace weir
