// The document in docs/ and the answers must not drift apart: every field of every answer is documented, and everything documented
// as required is there.
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "controller/api/limits.h"
#include "tests/api/fake_api_data.h"

namespace weir {
namespace {

using nlohmann::json;

class Document {
 public:
  [[nodiscard]] YAML::Node operation(const std::string& path, const std::string& method) const {
    return root_["paths"][path][method];
  }
  [[nodiscard]] std::vector<std::string> paths() const {
    std::vector<std::string> all;
    for (const auto& path : root_["paths"]) all.push_back(path.first.as<std::string>());
    return all;
  }
  /// Follows a `$ref`.
  [[nodiscard]] YAML::Node resolve(const YAML::Node& node) const {
    if (!node["$ref"]) return node;
    YAML::Node found = YAML::Clone(root_);
    std::istringstream reference(node["$ref"].as<std::string>().substr(2));
    for (std::string part; std::getline(reference, part, '/');) found.reset(found[part]);
    return resolve(found);
  }

 private:
  YAML::Node root_ = YAML::LoadFile(WEIR_SOURCE_DIR "/docs/openapi.yaml");
};

bool has_type(const json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return type == "null" && value.is_null();
}

bool has_one_type(const json& value, const YAML::Node& types) {
  if (types.IsScalar()) return has_type(value, types.as<std::string>());
  return std::ranges::any_of(types.as<std::vector<std::string>>(), [&](const std::string& type) { return has_type(value, type); });
}

/// What `value` has that the schema does not allow.
class Conformance {
 public:
  explicit Conformance(const Document& document) : document_(document) {}

  std::vector<std::string> complaints(const json& value, const YAML::Node& schema) {
    found_.clear();
    check(value, schema, "");
    return found_;
  }

 private:
  void check(const json& value, const YAML::Node& given, const std::string& where) {
    const YAML::Node schema = document_.resolve(given);
    if (!schema["type"] || !has_one_type(value, schema["type"])) return found_.push_back(where + ": wrong type");
    if (schema["enum"]) check_enum(value, schema["enum"].as<std::vector<std::string>>(), where);
    if (value.is_object()) check_object(value, schema, where);
    for (std::size_t index = 0; value.is_array() && index < value.size(); ++index)
      check(value[index], schema["items"], where + "[]");
  }
  void check_enum(const json& value, const std::vector<std::string>& allowed, const std::string& where) {
    if (std::ranges::find(allowed, value.get<std::string>()) == allowed.end()) found_.push_back(where + ": " + value.dump());
  }
  void check_object(const json& value, const YAML::Node& schema, const std::string& where) {
    for (const auto& required : schema["required"]) {
      if (!value.contains(required.as<std::string>())) found_.push_back(where + "." + required.as<std::string>() + ": missing");
    }
    for (const auto& [key, member] : value.items()) {
      const YAML::Node property = schema["properties"][key];
      if (!property) {
        found_.push_back(where + "." + key + ": not documented");
      } else {
        check(member, property, where + "." + key);
      }
    }
  }

  const Document& document_;
  std::vector<std::string> found_;
};

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
    const YAML::Node responses = document_.operation(documented, method)["responses"];
    // What no handler answers, and so says nothing of the operation, is described once.
    const bool malformed = response.status == 405 || response.status == 411 || response.status == 413 || response.status == 414 ||
                           response.status == 431 || (response.status == 400 && !responses["400"]);
    const YAML::Node described = document_.resolve(responses[malformed ? "default" : std::to_string(response.status)]);
    ASSERT_TRUE(described) << path << " answers " << response.status << ", which is not documented";
    for (const auto& header : described["headers"]) {
      const auto name = header.first.as<std::string>();
      EXPECT_TRUE(std::ranges::any_of(response.headers, [&](const auto& sent) { return sent.first == name; }))
          << path << " answers " << response.status << " without " << name;
    }
    const std::string type = response.content_type.substr(0, response.content_type.find(';'));
    const YAML::Node content = described["content"][type];
    ASSERT_TRUE(content) << path << " answers " << type << ", which is not documented";
    if (type.starts_with("text/")) return;
    EXPECT_EQ(Conformance(document_).complaints(json::parse(response.body), content["schema"]), std::vector<std::string>{}) << path;
  }

  Document document_;
  FakeApiData data_;
  FakeControl control_;
};

TEST_F(OpenApiTest, every_answer_is_as_documented) {
  std::map<std::string, std::vector<std::string>> asked = {
      {"/", {"/"}},
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
  expect_conforming("/v1/groups/{group}/series", "/v1/groups/app/series", {{"since", "x"}});
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
    std::string path = documented;
    if (const std::size_t parameter = path.find("{group}"); parameter != std::string::npos) path.replace(parameter, 7, "app");
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
    const std::size_t parameter = path.find("{group}");
    if (parameter != std::string::npos) path.replace(parameter, 7, "NAME");
    EXPECT_NE(page.find(path), std::string::npos) << path;
  }
}

}  // namespace
}  // namespace weir
