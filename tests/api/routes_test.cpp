#include "controller/api/routes.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controller/api/limits.h"
#include "tests/api/fake_api_data.h"

namespace weir {
namespace {

using nlohmann::json;

class RoutesTest : public testing::Test {
 protected:
  [[nodiscard]] ApiResponse get(const std::string& path, std::map<std::string, std::string> query = {}) const {
    return answer({"GET", path, std::move(query), {}}, data_, control_);
  }
  FakeApiData data_;
  mutable FakeControl control_;
};

TEST_F(RoutesTest, lists_groups) {
  const ApiResponse response = get("/v1/groups");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  const json groups = json::parse(response.body).at("groups");
  EXPECT_EQ(groups.at(0).at("name"), "app");
  EXPECT_EQ(groups.at(0).at("in_service"), 1);
  EXPECT_TRUE(groups.at(1).at("desired").is_null());
}

TEST_F(RoutesTest, shows_one_group) {
  EXPECT_EQ(json::parse(get("/v1/groups/app").body).at("name"), "app");
  EXPECT_EQ(json::parse(get("/v1/groups/%61pp").body).at("name"), "app");
  EXPECT_EQ(get("/v1/groups/app%2Fplan").status, 404) << "a slash in a name is part of the name";
}

TEST_F(RoutesTest, passes_decisions_on_as_they_were_kept) {
  const json decisions = json::parse(get("/v1/groups/app/decisions", {{"limit", "7"}, {"before", "2026-03-01T09:30:00Z"}}).body);
  EXPECT_EQ(decisions.at("decisions").at(0), json::parse(numbered_json(record_json(full_record()), 8)));
  EXPECT_EQ(data_.asked.limit, 7);
  EXPECT_EQ(data_.asked.before, TimePoint{std::chrono::milliseconds{1'772'357'400'000}});
  EXPECT_FALSE(data_.asked.changes);
  EXPECT_EQ(json::parse(get("/v1/groups/fresh/decisions").body), json::parse(R"({"decisions":[]})"));
  EXPECT_EQ(data_.asked.limit, 50);
}

TEST_F(RoutesTest, shows_only_the_decisions_that_changed_something_if_so_asked) {
  for (const auto& [text, changes] : {std::pair("true", true), std::pair("false", false)}) {
    EXPECT_EQ(get("/v1/groups/app/decisions", {{"changes", text}}).status, 200);
    EXPECT_EQ(data_.asked.changes, changes) << text;
  }
}

TEST_F(RoutesTest, refuses_parameters_that_make_no_sense) {
  for (const char* limit : {"0", "-1", "1001", "ten", "", "5x", "99999999999"}) {
    EXPECT_EQ(get("/v1/groups/app/decisions", {{"limit", limit}}).status, 400) << limit;
  }
  EXPECT_EQ(get("/v1/groups/app/decisions", {{"before", "yesterday"}}).status, 400);
  for (const char* changes : {"", "1", "True", "yes"}) {
    EXPECT_EQ(get("/v1/groups/app/decisions", {{"changes", changes}}).status, 400) << changes;
  }
  for (const char* path : {"/v1/groups/%", "/v1/groups/%4", "/v1/groups/%zz"}) EXPECT_EQ(get(path).status, 400) << path;
}

TEST_F(RoutesTest, tells_turns_in_numbers_since_a_time) {
  const json series = json::parse(get("/v1/groups/app/series", {{"since", "2026-03-01T09:30:00Z"}}).body);
  EXPECT_EQ(data_.asked_since, TimePoint{std::chrono::milliseconds{1'772'357'400'000}});
  EXPECT_EQ(series.at("at").size(), 1U);
  EXPECT_EQ(series.at("per_hour").at(0), 0.25);
  EXPECT_EQ(get("/v1/groups/app/series").status, 400) << "all of it, for want of a time, would be too much";
  EXPECT_EQ(get("/v1/groups/app/series", {{"since", "yesterday"}}).status, 400);
}

TEST_F(RoutesTest, shows_the_last_plan) {
  EXPECT_EQ(json::parse(get("/v1/groups/app/plan").body).at("groups").at(0).at("desired"), 4);
  EXPECT_EQ(get("/v1/groups/fresh/plan").status, 404);
}

TEST_F(RoutesTest, shows_the_deploy_under_way_or_the_last_one) {
  const json deploy = json::parse(get("/v1/groups/app/deploys/current").body);
  EXPECT_EQ(deploy.at("group"), "app");
  EXPECT_EQ(deploy.at("version"), "v3");
  EXPECT_EQ(deploy.at("end"), "went_back");
  EXPECT_EQ(deploy.at("servers").size(), 3U) << "v1, v3, and one server of no version";
  EXPECT_EQ(json::parse(get("/v1/groups/app").body).at("deploy").at("version"), "v3");
  const ApiResponse none = get("/v1/groups/fresh/deploys/current");
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(json::parse(none.body).at("detail"), "group fresh has had no deploy");
}

TEST_F(RoutesTest, tells_whether_it_lives_and_is_ready) {
  EXPECT_EQ(get("/healthz").body, "ok\n");
  EXPECT_EQ(get("/readyz").status, 200);
  data_.alive_state = failure(ErrorKind::unavailable, "no turn for 61 s");
  data_.ready_state = failure(ErrorKind::unavailable, "1 of 2 groups had no turn yet: fresh");
  EXPECT_EQ(get("/healthz").status, 503);
  EXPECT_EQ(json::parse(get("/readyz").body).at("detail"), "1 of 2 groups had no turn yet: fresh");
}

TEST_F(RoutesTest, metrics_are_prometheus_text) {
  EXPECT_EQ(get("/metrics").content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(get("/metrics").body, "weir_min 2\n");
}

TEST_F(RoutesTest, the_front_page_is_for_people_and_v1_points_to_the_rest) {
  EXPECT_EQ(get("/").content_type, "text/html; charset=utf-8");
  EXPECT_EQ(get("/web/nothing.js").status, 404);
  EXPECT_NE(get("/v1").body.find("/v1/groups"), std::string::npos);
}

TEST_F(RoutesTest, errors_are_problem_documents) {
  data_.disk_trouble = true;
  const std::pair<const char*, int> cases[] = {{"/nothing", 404},         {"/v2", 404},
                                               {"/v1/groups/", 404},      {"/v1/groups/nobody", 404},
                                               {"/v1/groups/app/x", 404}, {"/v1/groups/app/plan/x", 404},
                                               {"/v1/groupsapp", 404},    {"/v1/groups/app/decisions", 503}};
  for (const auto& [path, status] : cases) {
    const ApiResponse response = get(path);
    EXPECT_EQ(response.status, status) << path;
    EXPECT_EQ(response.content_type, "application/problem+json");
    const json document = json::parse(response.body);
    EXPECT_EQ(document.at("status"), status);
    EXPECT_EQ(document.at("type"), "about:blank");
    EXPECT_FALSE(document.at("title").get<std::string>().empty());
    EXPECT_FALSE(document.at("detail").get<std::string>().empty());
  }
}

TEST_F(RoutesTest, other_methods_are_refused_with_what_is_allowed) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"}) {
    const ApiResponse response = answer({method, "/v1/groups", {}, {}}, data_, control_);
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(response.headers, (std::vector<std::pair<std::string, std::string>>{{"Allow", "GET, HEAD"}}));
  }
}

TEST(Limits, let_ordinary_requests_pass_and_name_what_is_too_much) {
  EXPECT_FALSE(refusal({.uri = 8192, .headers = 100, .header_bytes = 16'384, .has_content_length = true}));
  EXPECT_FALSE(refusal({.has_content_length = true, .content_length = 65'536, .most_body = most_body("POST")}));
  EXPECT_EQ(most_body("PUT"), 0U);
  const std::pair<RequestSize, int> cases[] = {
      {{.uri = 8193}, 414},
      {{.headers = 101}, 431},
      {{.header_bytes = 16'385}, 431},
      {{.has_content_length = true, .has_transfer_encoding = true}, 400},
      {{.has_content_length = true, .content_length = 1}, 413},
      {{.has_transfer_encoding = true}, 413},
      {{.has_content_length = true, .content_length = 65'537, .most_body = most_body("POST")}, 413},
      {{.has_transfer_encoding = true, .most_body = most_body("POST")}, 411},
  };
  for (const auto& [size, status] : cases) {
    const auto refused = refusal(size);
    ASSERT_TRUE(refused) << status;
    EXPECT_EQ(refused->status, status);
  }
}

}  // namespace
}  // namespace weir
