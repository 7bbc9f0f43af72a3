// The document in docs/ and the answers must not drift apart: every field of every answer is documented, and everything documented
// as required is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controller/api/limits.h"
#include "tests/api/fake_api_data.h"
#include "tests/api/openapi_document.h"

namespace weir {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

/// A path of the document with a group and a part of the page that are there.
std::string filled_in(std::string path) {
  for (const auto& [parameter, value] : {std::pair("{group}", "app"), std::pair("{file}", "main.js")}) {
    if (const std::size_t at = path.find(parameter); at != std::string::npos) {
      path.replace(at, std::string_view(parameter).size(), value);
    }
  }
  return path;
}

class OpenApiTest : public testing::Test {
 protected:
  void expect_conforming(const std::string& documented, const std::string& path, std::map<std::string, std::string> query = {}) {
    expect_documented(documented, "get", path, answer({"GET", path, std::move(query), {}}, data_, control_));
  }
  /// The status of a documented answer to this order.
  int order(const std::string& documented, const std::string& path, const std::string& body, const std::string& token) {
    const ApiResponse response =
        answer({"POST", path, {}, {{"authorization", "Bearer " + token}}, body, "127.0.0.1"}, data_, control_);
    expect_documented(documented, "post", path, response);
    return response.status;
  }
  void expect_documented(const std::string& documented, const std::string& method, const std::string& path,
                         const ApiResponse& response) {
    EXPECT_THAT(document_.complaints(documented, method, response), IsEmpty()) << method << " " << path << ": " << response.status;
  }

  OpenApiDocument document_;
  FakeApiData data_;
  FakeControl control_;
};

TEST_F(OpenApiTest, every_answer_is_as_documented) {
  std::map<std::string, std::vector<std::string>> asked = {
      {"/", {"/"}},
      {"/web/{file}", {"/web/main.js", "/web/page.css", "/web/icon.svg", "/web/index.html", "/web/nothing.js"}},
      {"/v1", {"/v1"}},
      {"/v1/groups", {"/v1/groups"}},
      {"/v1/groups/{group}", {"/v1/groups/app", "/v1/groups/fresh", "/v1/groups/nobody"}},
      {"/v1/groups/{group}/decisions", {"/v1/groups/app/decisions", "/v1/groups/nobody/decisions"}},
      {"/v1/groups/{group}/series", {"/v1/groups/app/series", "/v1/groups/fresh/series", "/v1/groups/nobody/series"}},
      {"/v1/groups/{group}/plan", {"/v1/groups/app/plan", "/v1/groups/fresh/plan"}},
      {"/v1/groups/{group}/deploys/current",
       {"/v1/groups/app/deploys/current", "/v1/groups/fresh/deploys/current", "/v1/groups/nobody/deploys/current"}},
      {"/metrics", {"/metrics"}},
      {"/healthz", {"/healthz"}},
      {"/readyz", {"/readyz"}},
  };
  const std::map<std::string, std::string> since = {{"since", "2026-03-01T09:30:00Z"}};
  for (const std::string& documented : document_.paths()) {
    if (!document_.operation(documented, "get")) continue;
    ASSERT_TRUE(asked.contains(documented)) << documented << " is documented, but this test does not ask it";
    for (const std::string& path : asked[documented]) expect_conforming(documented, path, since);
  }
  expect_conforming("/v1/groups/{group}/decisions", "/v1/groups/app/decisions", {{"limit", "x"}});
  expect_conforming("/v1/groups/{group}/decisions", "/v1/groups/app/decisions", {{"changes", "true"}});
  expect_conforming("/v1/groups/{group}/series", "/v1/groups/app/series", {{"since", "x"}});
}

TEST_F(OpenApiTest, what_is_known_already_is_not_sent_again_as_documented) {
  for (const std::string documented : {"/", "/web/{file}"}) {
    const std::string path = filled_in(documented);
    const ApiResponse first = answer({"GET", path, {}, {}}, data_, control_);
    const auto tag = std::ranges::find(first.headers, "ETag", &std::pair<std::string, std::string>::first);
    ASSERT_NE(tag, first.headers.end()) << path;
    const ApiResponse again = answer({"GET", path, {}, {{"if-none-match", tag->second}}}, data_, control_);
    EXPECT_EQ(again.status, 304) << path;
    expect_documented(documented, "get", path, again);
  }
}

TEST_F(OpenApiTest, every_answer_to_an_order_is_as_documented) {
  const std::map<std::string, std::pair<std::string, std::string>> orders = {
      {"/scale", {R"({"servers": 3, "for": "1h", "by": "ops"})", R"({"servers": 11})"}},
      {"/pause", {R"({"direction": "out"})", ""}},
      {"/resume", {"", ""}},
      {"/deploys", {R"({"version": "v2", "strategy": "canary", "by": "ops"})", R"({"version": "v1"})"}},
      {"/deploys/current/promote", {"", ""}},
      {"/deploys/current/abort", {R"({"by": "ops"})", ""}},
  };
  std::size_t documented_orders = 0;
  for (const std::string& documented : document_.paths()) {
    if (!document_.operation(documented, "post")) continue;
    ++documented_orders;
    const std::string name = documented.substr(std::string("/v1/groups/{group}").size());
    ASSERT_TRUE(orders.contains(name)) << documented << " is documented, but this test does not order it";
    const auto& [good, impossible] = orders.at(name);
    const std::string path = "/v1/groups/app" + name;
    if (!good.empty()) {
      EXPECT_THAT(document_.complaints(documented, "post", json::parse(good)), IsEmpty()) << path;
    }
    EXPECT_EQ(order(documented, path, good, control_.secret), 202);
    EXPECT_EQ(order(documented, path, good, "guess"), 401);
    EXPECT_EQ(order(documented, path, "[]", control_.secret), 400);
    EXPECT_EQ(order(documented, "/v1/groups/nobody" + name, good, control_.secret), 404);
    if (!impossible.empty()) {
      EXPECT_EQ(order(documented, path, impossible, control_.secret), 409);
    }
    control_.deployless = true;
    if (name.contains("current")) {
      EXPECT_EQ(order(documented, path, good, control_.secret), 409);
    }
    control_.deployless = false;
    control_.busy = true;
    EXPECT_EQ(order(documented, path, good, control_.secret), 503);
    control_.busy = false;
    const std::string secret = std::exchange(control_.secret, "");
    EXPECT_EQ(order(documented, path, good, secret), 403);
    control_.secret = secret;
  }
  EXPECT_EQ(documented_orders, orders.size());
}

TEST_F(OpenApiTest, every_operation_says_which_tokens_it_takes_and_how_it_refuses) {
  control_.read_secret = "only-to-read-of-the-test";
  control_.reading_is_open = false;
  for (const std::string& documented : document_.paths()) {
    const std::string path = filled_in(documented);
    for (const std::string method : {"get", "post"}) {
      const YAML::Node operation = document_.operation(documented, method);
      if (!operation) continue;
      const auto ask = [&](const std::string& token, int status) {
        std::map<std::string, std::string> headers;
        if (!token.empty()) headers["authorization"] = "Bearer " + token;
        const ApiResponse response = answer({method == "get" ? "GET" : "POST", path, {}, headers, "[]"}, data_, control_);
        EXPECT_EQ(response.status, status) << method << " " << path;
        expect_documented(documented, method, path, response);
      };
      const bool is_public = operation["security"] && operation["security"].size() == 0;
      ask("", is_public ? 200 : 401);
      ask("guess", is_public ? 200 : 401);
      if (method == "post") ask(control_.read_secret, 403);
      control_.guess_later = Duration(1000);
      ask("guess", is_public ? 200 : 429);
      control_.guess_later.reset();
      control_.ask_later = Duration(1000);
      ask(control_.secret, 429);
      control_.ask_later.reset();
      const std::string secret = std::exchange(control_.secret, "");
      const std::string read_secret = std::exchange(control_.read_secret, "");
      ask("anything", is_public ? 200 : 403);
      control_.secret = secret;
      control_.read_secret = read_secret;
    }
  }
}

TEST_F(OpenApiTest, what_is_malformed_is_refused_as_documented) {
  const std::pair<RequestSize, int> cases[] = {{{.uri = 9000}, 414},
                                               {{.headers = 101}, 431},
                                               {{.header_bytes = 20'000}, 431},
                                               {{.has_content_length = true, .has_transfer_encoding = true}, 400},
                                               {{.has_transfer_encoding = true}, 413},
                                               {{.has_transfer_encoding = true, .most_body = 9}, 411},
                                               {{.content_length = 10, .most_body = 9}, 413}};
  for (const std::string& documented : document_.paths()) {
    for (const std::string method : {"get", "post"}) {
      if (!document_.operation(documented, method)) continue;
      for (const auto& [size, status] : cases) {
        const auto refused = refusal(size);
        ASSERT_TRUE(refused);
        EXPECT_EQ(refused->status, status);
        if (status != 400) expect_documented(documented, method, documented, *refused);
      }
      expect_documented(documented, method, documented, answer({"PUT", "/v1/groups", {}, {}}, data_, control_));
    }
  }
}

TEST_F(OpenApiTest, failures_are_as_documented) {
  data_.disk_trouble = true;
  data_.alive_state = failure(ErrorKind::unavailable, "no turn for 61 s");
  data_.ready_state = failure(ErrorKind::unavailable, "waiting");
  expect_conforming("/v1/groups/{group}/decisions", "/v1/groups/app/decisions");
  expect_conforming("/v1/groups/{group}/series", "/v1/groups/app/series", {{"since", "2026-03-01T09:30:00Z"}});
  expect_conforming("/healthz", "/healthz");
  expect_conforming("/readyz", "/readyz");
}

TEST_F(OpenApiTest, the_list_of_paths_names_every_documented_one) {
  const std::string page = answer({"GET", "/v1", {}, {}}, data_, control_).body;
  for (std::string path : document_.paths()) {
    for (const auto& [parameter, name] : {std::pair("{group}", "NAME"), std::pair("{file}", "")}) {
      if (const std::size_t at = path.find(parameter); at != std::string::npos) {
        path.replace(at, std::string_view(parameter).size(), name);
      }
    }
    EXPECT_NE(page.find(path), std::string::npos) << path;
  }
}

TEST_F(OpenApiTest, the_document_has_only_what_openapi_knows) { EXPECT_THAT(document_.own_complaints(), IsEmpty()); }

// Found by reading it with another program: a comma without quotes begins a key that has nothing.
TEST(OpenApiDocument, finds_what_is_wrong_with_a_document) {
  const std::pair<const char*, const char*> cases[] = {
      {"info: {title: weir, description: this, that}", "/info/that: not known in a info"},
      {"info: {title: weir, version: }", "/info/version: nothing"},
      {"paths: {/a: {get: {responses: {200: {content: {}}}}}}", "/paths//a/get/responses/200: no description"},
      {"paths: {/a: {get: {responses: {200: {$ref: '#/components/responses/A'}}}}}",
       "/paths//a/get/responses/200: its $ref leads nowhere"},
      {"paths: {/a: {get: {parameter: []}}}", "/paths//a/get/parameter: not known in a operation"},
      {"components: {schemas: {A: {type: object, required: [b], properties: {a: {type: string}}}}}",
       "/components/schemas/A: requires an unknown b"},
      {"components: {schemas: {A: {type: string, format: date}}}", "/components/schemas/A: a format that nobody checks"},
      {"components: {schemas: {A: {type: array, items: {description: a}}}}", "/components/schemas/A/items: no type"},
      {"components: {schemas: {A: {type: string, minimal: 1}}}", "/components/schemas/A/minimal: not known in a schema"},
  };
  for (const auto& [text, complaint] : cases) {
    EXPECT_THAT(OpenApiDocument(text).own_complaints(), ElementsAre(complaint)) << text;
  }
}

TEST(OpenApiDocument, finds_what_is_wrong_with_a_value) {
  const OpenApiDocument document(R"(
paths:
  /a:
    post:
      requestBody:
        content:
          application/json:
            schema:
              type: object
              additionalProperties: false
              required: [servers]
              properties:
                servers: {type: [integer, "null"], minimum: 1, maximum: 9}
                at: {type: string, format: date-time}
                kind: {type: string, enum: [out, in]}
                by: {type: string, minLength: 1, maxLength: 3, pattern: "^[a-z]*$"}
                list: {type: array, items: {type: boolean}}
)");
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", ".servers: missing"},
      {R"({"servers": "1"})", ".servers: wrong type"},
      {R"({"servers": 0})", ".servers: too small"},
      {R"({"servers": 10})", ".servers: too large"},
      {R"({"servers": 1, "more": 1})", ".more: not documented"},
      {R"({"servers": 1, "at": "noon"})", ".at: no time: noon"},
      {R"({"servers": 1, "at": "2026-03-01T09:30:00+09:00"})", ".at: no time: 2026-03-01T09:30:00+09:00"},
      {R"({"servers": 1, "kind": "both"})", R"(.kind: "both")"},
      {R"({"servers": 1, "by": ""})", ".by: too short"},
      {R"({"servers": 1, "by": "anna"})", ".by: too long"},
      {R"({"servers": 1, "by": "Ann"})", ".by: does not match"},
      {R"({"servers": 1, "list": [true, 1]})", ".list[]: wrong type"},
      {R"([])", ": wrong type"},
  };
  for (const auto& [text, complaint] : cases) {
    EXPECT_THAT(document.complaints("/a", "post", json::parse(text)), ElementsAre(complaint)) << text;
  }
  const json good = {{"servers", nullptr}, {"at", "2026-03-01T09:30:00.250Z"}, {"kind", "in"}, {"by", "ann"}, {"list", {true}}};
  EXPECT_THAT(document.complaints("/a", "post", good), IsEmpty());
}

}  // namespace
}  // namespace weir
