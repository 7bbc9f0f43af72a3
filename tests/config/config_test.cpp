#include "controller/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/config/support.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

Config good(std::string_view text, const Catalogs& catalogs = builtin_catalogs()) {
  auto result = parse_test_config(text, catalogs);
  EXPECT_TRUE(result.has_value()) << complaints(result);
  return result ? *std::move(result) : Config{};
}

/// The group of a file with one group of the `process` provider; `more` are further lines of the group.
Group group_with(const std::string& more) {
  Config config = good(R"(
prometheus: {url: "http://127.0.0.1:9090"}
providers: {local: {type: process}}
groups:
  - name: app
    provider: local
    server: {command: [./app, "{port}"], ports: "9000-9009"}
    min: 1
    max: 3
)" + more);
  return config.groups.empty() ? Group{} : config.groups.front();
}

/// The contract's example, with what this version has.
constexpr const char* kExample = R"yaml(
controller:
  interval: 15s                       # how often each group is evaluated
  state: /var/lib/weir/state.db
  listen: 127.0.0.1:8600
  token_file: /secrets/token

prometheus: {url: "http://127.0.0.1:9090", timeout: 5s}

providers:
  local: {type: process}

groups:
  - name: app
    provider: local
    version: v1
    server: {command: [./app, --port, "{port}", --version, "{version}"], ports: "9000-9099", env: {MODE: prod, LEVEL: 3}}
    min: 2
    max: 10
    warm_up: 60s
    health: {http: /health, interval: 5s, timeout: 2s, healthy_after: 2, unhealthy_after: 3, deadline: 10m}
    drain: {timeout: 60s}
    balancers:
      - {type: nginx, file: /etc/nginx/upstream.conf, layout: servers}
    policies:
      - {name: cpu-high, type: threshold, query: "avg(cpu)", above: 70, for: 5m, change: +1}
      - {name: cpu-low,  type: threshold, query: "avg(cpu)", below: 30, for: 5m, change: -1}
      - {name: cpu, type: target_tracking, query: "avg(cpu)", value: average, target: 70, tolerance: 0.1}
    scale_out: {cooldown: 60s,  stabilization_window: 0s,   limits: [{percent: 100, per: 15s}, {servers: 4, per: 15s}], select: max}
    scale_in:  {cooldown: 300s, stabilization_window: 300s, limits: [{percent: 10, per: 60s}]}
    deploy: {strategy: rolling, max_surge: 1, max_unavailable: 0, soak: 30s}
)yaml";

Settings threshold_settings(const std::string& name, std::string_view bound, double value, double change) {
  Settings settings;
  settings.set("name", name);
  settings.set("type", std::string("threshold"));
  settings.set("query", std::string("avg(cpu)"));
  settings.set("on_empty", Fallback{});
  settings.set("on_nan", Fallback{});
  settings.set(bound, value);
  settings.set("for", Duration(5min));
  settings.set("change", Change{Change::Kind::by_servers, change});
  return settings;
}

Settings tracking_settings() {
  Settings settings;
  settings.set("name", std::string("cpu"));
  settings.set("type", std::string("target_tracking"));
  settings.set("query", std::string("avg(cpu)"));
  settings.set("on_empty", Fallback{});
  settings.set("on_nan", Fallback{});
  settings.set("value", std::string("average"));
  settings.set("target", 70.0);
  settings.set("tolerance", 0.1);
  settings.set("rules", std::string("weir"));
  return settings;
}

TEST(Config, the_example_of_the_contract_means_exactly_this) {
  const Config config = good(kExample);
  ASSERT_EQ(config.groups.size(), 1U);
  const Group& group = config.groups[0];

  Group expected;
  expected.name = "app";
  expected.provider = "local";
  expected.version = "v1";
  expected.server = group.server;  // looked at below
  expected.min = 2;
  expected.max = 10;
  expected.interval = 15s;
  expected.warm_up = 60s;
  expected.health = {.kind = HealthCheck::Kind::http,
                     .path = "/health",
                     .interval = 5s,
                     .timeout = 2s,
                     .healthy_after = 2,
                     .unhealthy_after = 3,
                     .deadline = 10min};
  expected.drain_timeout = 60s;
  expected.balancers = {{.name = "nginx /etc/nginx/upstream.conf", .type = "nginx", .settings = group.balancers.at(0).settings}};
  expected.policies = {{"cpu-high", "threshold", threshold_settings("cpu-high", "above", 70, 1)},
                       {"cpu-low", "threshold", threshold_settings("cpu-low", "below", 30, -1)},
                       {"cpu", "target_tracking", tracking_settings()}};
  expected.scale_out = {.cooldown = 60s,
                        .stabilization_window = 0s,
                        .limits = {{.servers = {}, .percent = 100, .per = 15s}, {.servers = 4, .percent = {}, .per = 15s}},
                        .select = ScalingRule::Select::max};
  expected.scale_in = {.cooldown = 300s, .stabilization_window = 300s, .limits = {{.servers = {}, .percent = 10, .per = 60s}}};
  expected.deploy = {.max_surge = {1, false}, .soak = 30s, .steps = {{5, 1min}, {25, 1min}, {50, 1min}}};
  expected.rules = group.rules;
  EXPECT_EQ(group, expected);

  EXPECT_THAT(group.server.texts("command"), testing::ElementsAre("./app", "--port", "{port}", "--version", "{version}"));
  EXPECT_EQ(group.server.text("ports"), "9000-9099");
  EXPECT_EQ(group.server.text_map("env"), (Settings::TextMap{{"MODE", "prod"}, {"LEVEL", "3"}}));
  EXPECT_EQ(group.balancers[0].settings.text("layout"), "servers");
  EXPECT_THAT(group.balancers[0].settings.texts("reload"), testing::ElementsAre("nginx", "-s", "reload"));
}

TEST(Config, the_example_sets_up_the_controller_prometheus_and_providers) {
  const Config config = good(kExample);
  EXPECT_EQ(config.source, "weir.yaml");
  EXPECT_EQ(config.controller.interval, 15s);
  EXPECT_EQ(config.controller.state, "/var/lib/weir/state.db");
  EXPECT_EQ(config.controller.listen, (Listen{"127.0.0.1", 8600}));
  EXPECT_THAT(config.controller.access.tokens, testing::ElementsAre(ApiToken{"token", ApiRole::operate, "abc"}));
  EXPECT_TRUE(config.controller.access.reading_is_open);
  ASSERT_TRUE(config.prometheus.has_value());
  EXPECT_EQ(config.prometheus->url, "http://127.0.0.1:9090");
  EXPECT_EQ(config.prometheus->timeout, 5s);
  EXPECT_TRUE(config.prometheus->access.verify);
  ASSERT_TRUE(config.providers.contains("local"));
  EXPECT_EQ(config.providers.at("local").type, "process");
}

std::string with_controller(const std::string& controller) {
  return "controller: {" + controller +
         "}\nproviders: {fixed: {type: static}}\ngroups: [{name: app, provider: fixed, server: {addresses: "
         "[\"10.0.0.5:3000\"]}}]\n";
}

TEST(Config, who_may_read_follows_from_the_tokens_and_the_address_unless_it_is_said) {
  const std::string tls = R"(tls: {certificate: a, key: b}, )";
  const std::pair<std::string, bool> cases[] = {
      {"token: abc", true},
      {"tokens: [{name: grafana, role: read, token: abc}]", false},
      {"tokens: [{name: ann, role: operate, token: abc}]", true},
      {"tokens: [{name: grafana, role: read, token: abc}], read: open", true},
      {"token: abc, read: token", false},
      {tls + "token: abc, listen: \"0.0.0.0:8600\"", false},
      {tls + "token: abc, listen: \"0.0.0.0:8600\", read: open", true},
      {"listen: \"0.0.0.0:8600\", insecure_listen: true", true},
      {"listen: \"0.0.0.0:8600\", insecure_listen: true, token: abc", false},
  };
  for (const auto& [controller, open] : cases) {
    EXPECT_EQ(good(with_controller(controller)).controller.access.reading_is_open, open) << controller;
  }
}

TEST(Config, tokens_have_names_roles_and_secrets) {
  const ControllerSettings controller =
      good(with_controller("token: abc, tokens: [{name: ann, role: operate, token: def}, {name: grafana, role: read, token: ghi}], "
                           "tls: {certificate: /c, key: /k, client_ca: /a}, rate_limit: {burst: 7}"))
          .controller;
  EXPECT_THAT(controller.access.tokens,
              testing::ElementsAre(ApiToken{"token", ApiRole::operate, "abc"}, ApiToken{"ann", ApiRole::operate, "def"},
                                   ApiToken{"grafana", ApiRole::read, "ghi"}));
  EXPECT_EQ(controller.tls, (TlsFiles{.certificate = "/c", .key = "/k", .client_ca = "/a"}));
  EXPECT_EQ(controller.rates, (ApiRates{200, 7, 10}));
}

TEST(Config, policies_can_be_made_of_what_was_read) {
  const Config config = good(kExample);
  const Policies policies = make_policies(config.groups.at(0));
  ASSERT_EQ(policies.size(), 3U);
  EXPECT_EQ(policies[1]->name(), "cpu-low");
  EXPECT_EQ(queries_of(policies, 2min)[1].expression, "avg(cpu)");
}

TEST(Config, what_is_left_out_has_the_documented_defaults) {
  const Config config = good(R"(
providers: {local: {type: process}}
groups:
  - {name: app, provider: local, min: 0, max: 1, server: {command: "./app {port}", ports: "9000-9009"}}
)");
  EXPECT_EQ(config.controller.interval, 15s);
  EXPECT_EQ(config.controller.state, "/var/lib/weir/state.db");
  EXPECT_EQ(config.controller.listen, (Listen{"127.0.0.1", 8600}));
  EXPECT_THAT(config.controller.access.tokens, testing::IsEmpty());
  EXPECT_TRUE(config.controller.access.reading_is_open);
  EXPECT_FALSE(config.controller.tls.wanted());
  EXPECT_EQ(config.controller.rates, (ApiRates{200, 400, 10}));
  EXPECT_EQ(config.controller.log_format, LogFormat::text);
  EXPECT_EQ(config.controller.workers, 4);
  EXPECT_EQ(config.controller.history_retention, 7 * 24h);
  EXPECT_FALSE(config.prometheus.has_value());
  Group expected;
  expected.name = "app";
  expected.provider = "local";
  expected.server = config.groups.at(0).server;
  expected.min = 0;
  expected.max = 1;
  expected.scale_out = {.cooldown = 60s, .stabilization_window = 0s};
  expected.scale_in = {.cooldown = 300s, .stabilization_window = 300s};
  expected.deploy.steps = {{5, 1min}, {25, 1min}, {50, 1min}};
  expected.rules = config.groups[0].rules;
  EXPECT_EQ(config.groups[0], expected);
  EXPECT_EQ(expected.health.kind, HealthCheck::Kind::tcp);
}

TEST(Config, a_group_evaluates_at_its_own_interval_if_it_has_one) {
  const Config config = good(R"(
controller: {interval: 30s}
providers: {local: {type: memory}}
groups:
  - {name: a, provider: local, min: 0, max: 1}
  - {name: b, provider: local, min: 0, max: 1, interval: 5s}
)");
  EXPECT_EQ(config.groups.at(0).interval, 30s);
  EXPECT_EQ(config.groups.at(1).interval, 5s);
}

TEST(Config, a_fixed_list_of_servers_sets_the_size_of_its_group) {
  const Config config = good(R"(
providers: {fixed: {type: static}}
groups: [{name: app, provider: fixed, server: {addresses: ["10.0.0.5:3000", "10.0.0.6:3000"]}}]
)");
  EXPECT_FALSE(config.groups.at(0).elastic);
  EXPECT_EQ(config.groups[0].min, 2);
  EXPECT_EQ(config.groups[0].max, 2);
}

TEST(Config, json_works_too) {
  const Config config = good(
      "{\n\t\"providers\":{\"local\":{\"type\":\"process\"}},\n"
      "\t\"prometheus\":{\"url\":\"http:\\/\\/127.0.0.1:9090\",\"verify\":false},\n"
      "\t\"groups\":[{\"name\":\"app\",\"provider\":\"local\",\"min\":1,\"max\":3,\n"
      "\t\t\"server\":{\"command\":[\"./app\",\"{port}\"],\"ports\":\"9000-9009\"},\n"
      "\t\t\"policies\":[{\"name\":\"a\",\"type\":\"threshold\",\"query\":\"up{a=\\\"b\\\"}\",\"above\":7e1,"
      "\"change\":\"+50%\"},{\"name\":\"b\",\"type\":\"threshold\",\"query\":\"up\",\"below\":1,\"change\":-1}]}]}\n");
  ASSERT_EQ(config.groups.size(), 1U);
  const Group& group = config.groups[0];
  EXPECT_EQ(group.max, 3);
  EXPECT_EQ(group.policies.at(0).settings.text("query"), "up{a=\"b\"}");
  EXPECT_EQ(group.policies[0].settings.number("above"), 70);
  EXPECT_EQ(group.policies[0].settings.change("change"), (Change{Change::Kind::by_percent, 50}));
  EXPECT_EQ(group.policies.at(1).settings.change("change"), (Change{Change::Kind::by_servers, -1}));
  EXPECT_EQ(config.prometheus->url, "http://127.0.0.1:9090");
  EXPECT_FALSE(config.prometheus->access.verify);
}

TEST(Config, variables_are_replaced_in_every_kind_of_value) {
  const Group group = group_with(R"(
    version: v-${NAME}${EMPTY}
    warm_up: ${COUNT}s
    balancers: [{type: nginx, file: "/etc/${NAME}${EMPTY}-$${NAME}-${DOLLAR}-$NAME.conf", layout: upstream, upstream: app, keepalive: "${COUNT}", server_options: {max_conns: "${COUNT}"}}]
)");
  EXPECT_EQ(group.version, "v-app");
  EXPECT_EQ(group.warm_up, 7s);
  const Settings& nginx = group.balancers.at(0).settings;
  EXPECT_EQ(nginx.text("file"), "/etc/app-${NAME}-${NAME}-$NAME.conf");
  EXPECT_EQ(nginx.integer("keepalive"), 7);
}

/// The text of what a provider of a type that takes any keys gets for its `server` section.
std::string passed_through(const std::string& server) {
  const std::string text = R"(
providers: {own: {type: exec, command: [./own], timeout: 5s, endpoint: "https://x.example", retries: 3}}
groups:
  - {name: app, provider: own, min: 1, max: 3, server: )";
  const Config config = good(text + server + "}\n");
  EXPECT_EQ(config.providers.at("own").settings.text(kRestKey), R"({"endpoint":"https://x.example","retries":3})");
  return config.groups.empty() ? "" : config.groups.front().server.text(kRestKey);
}

TEST(Config, keys_that_are_a_programs_own_reach_it_as_json_whatever_they_are) {
  EXPECT_EQ(passed_through("{}"), "{}");
  EXPECT_EQ(passed_through(R"({size: 2, share: 0.5, on: true, none: ~, nothing: null, word: yes, text: "2", version: 1.2.3})"),
            R"({"size":2,"share":0.5,"on":true,"none":null,"nothing":null,"word":"yes","text":"2","version":"1.2.3"})");
  EXPECT_EQ(passed_through(R"({tags: [a, [b]], disk: {size: 10, kind: 'it"s'}, name: "${NAME}-é", port: "${PORT}"})"),
            R"({"tags":["a",["b"]],"disk":{"size":10,"kind":"it\"s"},"name":"app-é","port":"9000"})");
  EXPECT_EQ(passed_through("{far: 1e999, zeros: 007, hex: 0x10, '*': star}"),
            R"({"far":"1e999","zeros":"007","hex":"0x10","*":"star"})");
}

TEST(Config, mistakes_among_a_programs_own_keys_are_found_where_they_are) {
  const auto result = parse_test_config(R"(
providers: {own: {type: exec, command: [./own], timeout: soon}}
groups:
  - {name: app, provider: own, min: 1, max: 3, server: {a: {b: 1, b: 2}, c: "${MISSING}"}}
)");
  EXPECT_EQ(complaints(result),
            "weir.yaml:2:58: providers.own.timeout: expected a duration such as 90s, 5m, 1h30m or 250ms, found 'soon'\n"
            "weir.yaml:4:67: groups[0].server.a.b: the key stands here twice, first in line 4\n"
            "weir.yaml:4:77: groups[0].server.c: the environment variable MISSING is not set\n");
}

TEST(Config, anchors_aliases_and_merge_keys_work) {
  const Config config = good(R"(
prometheus: {url: "http://127.0.0.1:9090"}
providers: {local: {type: memory}}
groups:
  - &base
    name: a
    provider: local
    min: 1
    max: 3
    health: &health {http: /health, interval: 3s}
  - <<: *base
    name: b
    max: 5
  - {<<: [{warm_up: 5s}, *base], name: c, health: {<<: *health, interval: 4s}}
)");
  ASSERT_EQ(config.groups.size(), 3U);
  EXPECT_EQ(config.groups[1].name, "b");
  EXPECT_EQ(config.groups[1].min, 1);
  EXPECT_EQ(config.groups[1].max, 5);
  EXPECT_EQ(config.groups[1].health, config.groups[0].health);
  EXPECT_EQ(config.groups[2].warm_up, 5s);
  EXPECT_EQ(config.groups[2].health.path, "/health");
  EXPECT_EQ(config.groups[2].health.interval, 4s);
}

TEST(Config, every_form_of_a_rule_for_missing_data_is_read) {
  const std::pair<const char*, Fallback> cases[] = {
      {"hold", {}},
      {"zero", {.kind = Fallback::Kind::zero}},
      {"last", {.kind = Fallback::Kind::last, .window = 5min}},
      {"{last: {for: 90s}}", {.kind = Fallback::Kind::last, .window = 90s}},
      {"{last: 90s}", {.kind = Fallback::Kind::last, .window = 90s}},
      {"{last, for: 90s}", {.kind = Fallback::Kind::last, .window = 90s}},
      {"{at_least: 4}", {.kind = Fallback::Kind::at_least, .servers = 4}},
  };
  for (const auto& [text, expected] : cases) {
    const Group group = group_with(
        std::string("    policies: [{name: a, type: threshold, query: up, above: 1, change: +1, on_empty: ") + text + "}]\n");
    ASSERT_EQ(group.policies.size(), 1U) << text;
    EXPECT_EQ(group.policies[0].settings.fallback("on_empty"), expected) << text;
  }
}

TEST(Config, a_sign_written_as_a_number_is_still_a_change) {
  const Group group = group_with(R"(
    policies:
      - {name: a, type: threshold, query: up, above: 1, change: +1}
      - {name: b, type: threshold, query: up, below: 1, change: -2}
      - {name: c, type: threshold, query: up, above: 1, change: "+50%"}
      - {name: d, type: threshold, query: up, above: 1, change: +12.5%}
      - {name: e, type: threshold, query: up, below: 1, change: =1}
)");
  ASSERT_EQ(group.policies.size(), 5U);
  EXPECT_EQ(group.policies[0].settings.change("change"), (Change{Change::Kind::by_servers, 1}));
  EXPECT_EQ(group.policies[1].settings.change("change"), (Change{Change::Kind::by_servers, -2}));
  EXPECT_EQ(group.policies[2].settings.change("change"), (Change{Change::Kind::by_percent, 50}));
  EXPECT_EQ(group.policies[3].settings.change("change"), (Change{Change::Kind::by_percent, 12.5}));
  EXPECT_EQ(group.policies[4].settings.change("change"), (Change{Change::Kind::to_exactly, 1}));
}

TEST(Config, prometheus_credentials_reach_the_http_client_and_nothing_else) {
  const Config config = good(R"(
prometheus:
  url: https://prometheus.example/prom/
  username: me
  password_file: /secrets/password
  ca_file: /etc/ca.pem
  headers: {X-Scope-OrgID: 1.10, X-Flag: true}
providers: {local: {type: memory}}
groups: [{name: a, provider: local, min: 0, max: 1}]
)");
  ASSERT_TRUE(config.prometheus.has_value());
  const HttpAccess& access = config.prometheus->access;
  EXPECT_EQ(config.prometheus->url, "https://prometheus.example/prom");
  EXPECT_EQ(access.username, "me");
  EXPECT_EQ(access.password, "pass word");
  EXPECT_EQ(access.ca_file, "/etc/ca.pem");
  EXPECT_THAT(access.headers, testing::ElementsAre(testing::Pair("X-Flag", "true"), testing::Pair("X-Scope-OrgID", "1.10")));
}

TEST(Config, scaling_rules_keep_limits_and_selection) {
  const Group group =
      group_with("    scale_out: {select: min}\n    scale_in: {select: disabled, limits: []}\n    orphans: remove\n");
  EXPECT_EQ(group.scale_out.select, ScalingRule::Select::min);
  EXPECT_EQ(group.scale_out.cooldown, 60s);
  EXPECT_EQ(group.scale_in.select, ScalingRule::Select::disabled);
  EXPECT_EQ(group.orphans, OrphanRule::remove);
}

TEST(Config, sections_whose_lines_are_all_comments_are_empty) {
  const Group group = group_with("    policies:\n      # none yet\n    balancers:\n    health:\n    drain:\n");
  EXPECT_TRUE(group.policies.empty());
  EXPECT_EQ(group.health, HealthCheck{});
}

TEST(Config, settings_remember_where_they_stood) {
  const Group group = group_with("    policies:\n      - {name: a, type: threshold, query: up, above: 1, change: +1}\n");
  EXPECT_EQ(group.policies.at(0).settings.mark("above"), (SourceMark{11, 54}));
  EXPECT_EQ(group.policies[0].settings.mark("for"), SourceMark{});
}

TEST(Config, the_fingerprint_names_the_text) {
  EXPECT_EQ(good(kExample).fingerprint, good(kExample).fingerprint);
  EXPECT_NE(good(kExample).fingerprint, good(std::string(kExample) + "# a comment\n").fingerprint);
  EXPECT_EQ(good(kExample).fingerprint.size(), 16U);
}

TEST(Config, the_rules_of_a_group_are_named_by_what_says_how_it_scales) {
  constexpr const char* kPolicy = "    policies:\n      - {name: a, type: threshold, query: up, above: 1, change: +1}\n";
  const std::string rules = group_with(kPolicy).rules;
  EXPECT_EQ(rules.size(), 16U);
  EXPECT_EQ(group_with(std::string("    warm_up: 5s\n") + kPolicy).rules, rules);
  EXPECT_EQ(
      group_with(
          "    policies:\n      - name: a\n        type: threshold\n        query: up\n        above: 1\n        change: +1\n")
          .rules,
      rules)
      << "the same settings, written otherwise";
  EXPECT_NE(group_with("    policies:\n      - {name: a, type: threshold, query: down, above: 1, change: +1}\n").rules, rules);
  EXPECT_NE(group_with(std::string(kPolicy) + "    scale_in: {stabilization_window: 10m}\n").rules, rules);
}

TEST(Config, thousands_of_groups_are_one_file) {
  std::string text = "prometheus: {url: \"http://x\"}\nproviders: {local: {type: memory}}\ngroups:\n";
  for (int i = 0; i < 3000; ++i) {
    text += "  - {name: g" + std::to_string(i) +
            ", provider: local, min: 1, max: 3, policies: [{name: a, type: target_tracking, query: up, target: 1}]}\n";
  }
  EXPECT_EQ(good(text).groups.size(), 3000U);
}

class LoadConfig : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weir-config-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }

  std::filesystem::path folder_;
};

TEST_F(LoadConfig, reads_the_file_and_the_secrets_beside_it) {
  const auto secret = write("token", "s3cret\n\n");
  const auto file =
      write("weir.yaml", "controller: {token_file: " + secret.string() +
                             "}\nproviders: {local: {type: memory}}\ngroups: [{name: a, provider: local, min: 0, max: 1}]\n");
  const auto config = load_config(file, process_environment(), builtin_catalogs());
  ASSERT_TRUE(config.has_value()) << complaints(config);
  EXPECT_EQ(config->source, file);
  EXPECT_THAT(config->controller.access.tokens, testing::ElementsAre(ApiToken{"token", ApiRole::operate, "s3cret"}));
  EXPECT_THAT(
      exposed_secrets(*config),
      testing::ElementsAre(secret.string() + ": everybody on this machine may read this secret: chmod o= " + secret.string()));
  std::filesystem::permissions(secret, std::filesystem::perms::others_all, std::filesystem::perm_options::remove);
  EXPECT_THAT(exposed_secrets(*config), testing::IsEmpty());
}

TEST_F(LoadConfig, a_file_that_is_not_there_is_one_error) {
  const auto config = load_config(folder_ / "none.yaml", process_environment(), builtin_catalogs());
  ASSERT_FALSE(config.has_value());
  const std::string name = (folder_ / "none.yaml").string();
  EXPECT_EQ(complaints(config), name + ": cannot read " + name + ": No such file or directory\n");
}

TEST_F(LoadConfig, a_secret_that_is_a_device_a_directory_or_huge_is_refused) {
  const auto huge = write("huge", std::string(65'537, 'x'));
  const std::pair<std::string, std::string> cases[] = {
      {"/dev/zero", "cannot read /dev/zero: not a regular file"},
      {folder_.string(), "cannot read " + folder_.string() + ": not a regular file"},
      {huge.string(), "cannot read " + huge.string() + ": larger than 64 KiB, which no secret is"},
      {folder_ / "none", "cannot read " + (folder_ / "none").string() + ": No such file or directory"},
  };
  for (const auto& [path, message] : cases) {
    const auto content = process_environment().read_file(path);
    ASSERT_FALSE(content.has_value()) << path;
    EXPECT_EQ(content.error().message, message);
  }
}

TEST(ProcessEnvironment, knows_the_variables_of_the_process) {
  EXPECT_TRUE(process_environment().variable("PATH").has_value());
  EXPECT_FALSE(process_environment().variable("WEIR_NO_SUCH_VARIABLE").has_value());
}

}  // namespace
}  // namespace weir
