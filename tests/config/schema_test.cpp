#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/config/keys.h"
#include "tests/config/json_schema.h"
#include "tests/config/support.h"

namespace weir {
namespace {

using nlohmann::json;

const json& schema() {
  static const json parsed = json::parse(config_schema(builtin_catalogs()));
  return parsed;
}

json good_config() {
  return json::parse(R"({
    "controller": {"interval": "15s", "listen": "127.0.0.1:8600", "token_file": "/secrets/token", "workers": 2, "log_format": "json"},
    "prometheus": {"url": "http://127.0.0.1:9090", "verify": false, "headers": {"X-Scope-OrgID": 7}, "bearer_token": "abc"},
    "providers": {"local": {"type": "process"}, "fixed": {"type": "static"}},
    "groups": [
      {"name": "app", "provider": "local", "version": 1.5, "min": 1, "max": 3, "warm_up": "1h30m", "orphans": "report",
       "server": {"command": ["./app", "{port}"], "ports": "9000-9009", "env": {"MODE": "prod"}},
       "health": {"http": "/health", "interval": "5s", "healthy_after": 2}, "drain": {"timeout": "0s"},
       "balancers": [{"type": "nginx", "file": "/etc/nginx/upstream.conf", "reload": "nginx -s reload", "test": ["nginx", "-t"]},
                     {"type": "file_sd", "file": "/etc/prometheus/app.json", "labels": {"team": "web"}}],
       "policies": [
         {"name": "a", "type": "threshold", "query": "up", "above": 70, "for": "5m", "change": 1, "on_empty": "zero"},
         {"name": "b", "type": "threshold", "query": "up", "below": 30, "change": "-10%", "on_nan": {"last": {"for": "5m"}}},
         {"name": "c", "type": "threshold", "query": "up", "below": 30, "change": "=1", "on_nan": {"at_least": 2}},
         {"name": "d", "type": "target_tracking", "query": "up", "target": "${COUNT}", "select": {"app": "a"}}],
       "scale_out": {"cooldown": "60s", "limits": [{"percent": 100, "per": "15s"}, {"servers": 4, "per": "15s"}], "select": "max"},
       "scale_in": {"stabilization_window": "300s"},
       "deploy": {"strategy": "canary", "max_surge": 1, "max_unavailable": "25%", "soak": "30s", "pause_at": ["${COUNT}%", "25%"],
                  "steps": [{"weight": "5%", "soak": "2m"}, {"weight": "12.5%"}], "failure_limit": 1, "progress_deadline": "10m",
                  "judge": {"checks": [{"name": "p95", "query": "p95{v=\"{version}\"}", "below": 1}]}}},
      {"name": "old", "provider": "fixed", "server": {"addresses": ["10.0.0.5:3000"]}}
    ]
  })");
}

TEST(ConfigSchema, is_draft_2020_12_and_describes_every_key) {
  EXPECT_EQ(schema().at("$schema"), "https://json-schema.org/draft/2020-12/schema");
  for (const Key& key : group_keys()) {
    const json& property = schema().at("$defs").at("groups").at("properties").at(std::string(key.name));
    EXPECT_EQ(property.at("description"), key.doc) << key.name;
    EXPECT_FALSE(key.doc.empty()) << key.name;
  }
  EXPECT_EQ(schema().at("properties").at("controller").at("properties").at("workers").at("default"), 4);
  const json& deploy = schema().at("$defs").at("groups").at("properties").at("deploy").at("properties");
  EXPECT_EQ(deploy.at("max_surge").at("default"), 1);
  EXPECT_EQ(deploy.at("strategy").at("default"), "rolling");
}

TEST(ConfigSchema, accepts_what_the_parser_accepts) {
  // The one value that is right for an editor and wrong for the parser: 1 is what YAML makes of an unquoted +1.
  json text = good_config();
  EXPECT_EQ(schema_complaint(schema(), text), "");
  text["groups"][0]["policies"][0]["change"] = "+1";
  const auto config = parse_test_config(text.dump());
  EXPECT_TRUE(config.has_value()) << complaints(config);
}

TEST(ConfigSchema, refuses_an_unknown_key_in_every_section) {
  const char* sections[] = {"",
                            "/controller",
                            "/prometheus",
                            "/providers/local",
                            "/providers/fixed",
                            "/groups/0",
                            "/groups/0/server",
                            "/groups/1/server",
                            "/groups/0/health",
                            "/groups/0/drain",
                            "/groups/0/scale_out",
                            "/groups/0/scale_out/limits/1",
                            "/groups/0/scale_in",
                            "/groups/0/deploy",
                            "/groups/0/deploy/steps/1",
                            "/groups/0/deploy/judge",
                            "/groups/0/policies/0",
                            "/groups/0/policies/1/on_nan",
                            "/groups/0/policies/3",
                            "/groups/0/balancers/0",
                            "/groups/0/balancers/1"};
  for (const char* section : sections) {
    json text = good_config();
    text[json::json_pointer(std::string(section) + "/surprise")] = 1;
    EXPECT_NE(schema_complaint(schema(), text), "") << section;
    EXPECT_FALSE(parse_test_config(text.dump()).has_value()) << section;
  }
}

TEST(ConfigSchema, accepts_any_keys_only_where_a_program_takes_them) {
  json text = good_config();
  text["providers"]["own"] = {{"type", "exec"}, {"command", "./own"}, {"endpoint", {{"url", "x"}}}};
  text["groups"][0]["provider"] = "own";
  text["groups"][0]["server"] = {{"size", 2}, {"tags", json::array({"a"})}};
  EXPECT_EQ(schema_complaint(schema(), text), "");
  text["groups"][0]["policies"][0]["change"] = "+1";
  EXPECT_EQ(complaints(parse_test_config(text.dump())), "");
  text["groups"][0]["surprise"] = 1;
  EXPECT_NE(schema_complaint(schema(), text), "");
}

TEST(ConfigSchema, refuses_what_is_missing_and_what_is_of_the_wrong_kind) {
  for (const char* path :
       {"/providers", "/groups", "/prometheus/url", "/groups/0/name", "/groups/0/policies/0/type", "/groups/0/policies/0/change",
        "/groups/0/balancers/0/file", "/groups/0/scale_out/limits/0/per", "/groups/0/deploy/steps/0/weight"}) {
    json text = good_config();
    const json::json_pointer pointer(path);
    text.at(pointer.parent_pointer()).erase(pointer.back());
    EXPECT_NE(schema_complaint(schema(), text), "") << path;
  }
  const std::pair<const char*, json> wrong[] = {
      {"/controller/interval", 15},
      {"/controller/interval", "15"},
      {"/controller/workers", 0},
      {"/controller/log_format", "xml"},
      {"/prometheus/verify", "yes"},
      {"/providers/local/type", "proces"},
      {"/groups/0/min", -1},
      {"/groups/0/min", "two"},
      {"/groups/0/health", "/health"},
      {"/groups/0/policies/0/change", "1"},
      {"/groups/0/policies", "cpu"},
      {"/groups/0/balancers/0/test", json::array()},
      {"/groups/0/policies/0/on_empty", 5},
      {"/groups/0/scale_in/limits", 10},
      {"/groups/1/server/addresses", "10.0.0.5:3000"},
      {"/groups/0/policies/3/target", "70"},
      {"/groups/0/warm_up", "1m1h"},
      {"/controller/token_file", ""},
      {"/groups/0/version", ""},
      {"/groups/0/version", "v1;reboot"},
      {"/groups/0/version", std::string(129, 'a')},
      {"/groups/0/deploy/strategy", "blue-green"},
      {"/groups/0/deploy/max_surge", -1},
      {"/groups/0/deploy/max_surge", 0.25},
      {"/groups/0/deploy/max_surge", "1.5"},
      {"/groups/0/deploy/max_unavailable", "25 %"},
      {"/groups/0/deploy/pause_at", "25%"},
      {"/groups/0/deploy/pause_at/1", 25},
      {"/groups/0/deploy/steps/0/weight", 5},
      {"/groups/0/deploy/failure_limit", -1},
      {"/groups/0/deploy/soak", 30},
  };
  for (const auto& [path, value] : wrong) {
    json text = good_config();
    text[json::json_pointer(path)] = value;
    EXPECT_NE(schema_complaint(schema(), text), "") << path << " " << value;
  }
}

TEST(ConfigSchema, knows_the_keys_of_exactly_the_types_there_are) {
  static constexpr Key kKeys[] = {{.name = "api_key", .type = KeyType::secret, .doc = "Key.", .required = true}};
  const ProviderType cloud[] = {{.name = "cloud", .doc = "A cloud.", .provider_keys = kKeys, .server_keys = {}}};
  const json own = json::parse(config_schema({.providers = cloud, .policies = {}, .balancers = {}}));
  json text = {{"providers", {{"c", {{"type", "cloud"}, {"api_key_file", "/k"}}}}},
               {"groups", {{{"name", "a"}, {"provider", "c"}}}}};
  EXPECT_EQ(schema_complaint(own, text), "");
  text["providers"]["c"].erase("api_key_file");
  EXPECT_NE(schema_complaint(own, text), "");
  text["providers"]["c"]["type"] = "static";
  EXPECT_NE(schema_complaint(own, text), "");
}

TEST(ConfigReference, names_every_key_of_every_table) {
  const Catalogs catalogs = builtin_catalogs();
  const std::string text = config_reference(catalogs);
  const auto expect_keys = [&](std::span<const Key> table) {
    for (const Key& key : table) EXPECT_THAT(text, testing::HasSubstr("| `" + std::string(key.name) + "` |"));
  };
  expect_keys(group_keys());
  for (const auto& type : catalogs.providers) expect_keys(type.server_keys);
  for (const auto& type : catalogs.policies) expect_keys(type.keys);
  for (const auto& type : catalogs.balancers) expect_keys(type.keys);
  for (const auto& type : catalogs.receivers) expect_keys(type.keys);
  EXPECT_THAT(text, testing::HasSubstr("| `routes[].quiet_hours.timezone` | time zone | `UTC` |"));
  EXPECT_THAT(text, testing::HasSubstr("| `health.unhealthy_after` | whole number, 1 to 1000 | `3` |"));
  EXPECT_THAT(text, testing::HasSubstr("| `scale_out.limits[].per` | duration, 1s to 1d | **required** |"));
  EXPECT_THAT(text, testing::HasSubstr("| `token` | secret, or `token_file` with the path of a file |"));
  EXPECT_THAT(text, testing::HasSubstr("### type: target_tracking"));
  EXPECT_THAT(text,
              testing::HasSubstr(
                  R"(| `deploy.max_surge` | servers as a whole number, or `"N%"` of the group's size, at most 100% | `1` |)"));
  EXPECT_THAT(text, testing::HasSubstr(R"(| `deploy.steps[].weight` | `"N%"`, more than 0% and less than 100% | **required** |)"));
}

}  // namespace
}  // namespace weir
