#include "controller/config/deploy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/config/support.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

/// A group with this `deploy` section and further lines; "" is a group without one.
Group group_of(const std::string& deploy, const std::string& more = "") {
  const auto config = parse_test_config(R"(
prometheus: {url: "http://127.0.0.1:9090"}
providers: {local: {type: memory}}
groups:
  - name: app
    provider: local
    min: 1
    max: 3
)" + (deploy.empty() ? "" : "    deploy: " + deploy + "\n") +
                                        more);
  EXPECT_TRUE(config.has_value()) << complaints(config);
  return config ? config->groups.at(0) : Group{};
}
DeployRule deploy_of(const std::string& deploy, const std::string& more = "") { return group_of(deploy, more).deploy; }

TEST(DeploySection, every_key_of_it_is_kept) {
  EXPECT_EQ(deploy_of(R"({strategy: rolling, max_surge: 25%, max_unavailable: "12.5%", soak: 30s, pause_at: [25%, "50%"],
                          failure_limit: 0, progress_deadline: 20m})"),
            (DeployRule{.strategy = Strategy::rolling,
                        .max_surge = {25, true},
                        .max_unavailable = {12.5, true},
                        .soak = 30s,
                        .pause_at = {25, 50},
                        .steps = {{5, 1min}, {25, 1min}, {50, 1min}},
                        .failure_limit = 0,
                        .progress_deadline = 20min}));
  EXPECT_EQ(deploy_of("{strategy: canary, steps: [{weight: 1%, soak: 0s}, {weight: 33.3%, soak: 2m}]}").steps,
            (std::vector<CanaryStep>{{1, 0s}, {33.3, 2min}}));
  const DeployRule blue_green = deploy_of("{strategy: blue_green, keep_old: 10m}");
  EXPECT_EQ(blue_green.strategy, Strategy::blue_green);
  EXPECT_EQ(blue_green.keep_old, 10min);
}

TEST(DeploySection, hooks_are_kept_with_what_they_run_and_how_long_they_may) {
  const Hooks hooks = deploy_of(R"({hooks: {before: {command: [/srv/migrate, --to, "{version}"], timeout: 15m},
                                          after_new_healthy: {command: /srv/smoke-test --fast}, before_switch: {command: [a]},
                                          after: {command: [b]}}})")
                          .hooks;
  EXPECT_EQ(hooks.before, (Hook{.command = {"/srv/migrate", "--to", "{version}"}, .timeout = 15min}));
  EXPECT_EQ(hooks.after_new_healthy, (Hook{.command = {"/srv/smoke-test", "--fast"}, .timeout = 10min}));
  EXPECT_EQ(hooks.before_switch->command, std::vector<std::string>{"a"});
  EXPECT_EQ(hooks.after->command, std::vector<std::string>{"b"});
}

TEST(DeploySection, a_hook_may_be_a_url_and_a_gate_is_one_that_may_ask_to_wait) {
  const Hooks hooks = deploy_of(R"({hooks: {gate: {url: "https://gate.example/{version}", retry: 1m}}})").hooks;
  EXPECT_EQ(hooks.gate, (Hook{.url = "https://gate.example/{version}", .timeout = 10min, .retry = 1min}));
}

TEST(DeploySection, a_balancer_for_a_preview_is_none_of_the_group_s_balancers) {
  const Group group = group_of("", R"(
    balancers:
      - {type: nginx, file: /etc/nginx/app.conf}
      - {type: nginx, file: /etc/nginx/app_preview.conf, preview: true}
)");
  ASSERT_EQ(group.balancers.size(), 1U);
  ASSERT_EQ(group.previews.size(), 1U);
  EXPECT_EQ(group.previews[0].name, "nginx /etc/nginx/app_preview.conf");
}

TEST(DeploySection, without_one_and_with_an_empty_one_a_group_is_deployed_as_documented) {
  DeployRule expected;
  expected.steps = {{5, 1min}, {25, 1min}, {50, 1min}};
  EXPECT_EQ(deploy_of(""), expected);
  EXPECT_EQ(deploy_of("{}"), expected);
  EXPECT_EQ(deploy_of("~"), expected);
}

TEST(DeploySection, a_portion_is_servers_or_a_percentage_with_or_without_quotes) {
  for (const char* servers : {"2", "\"2\""}) {
    EXPECT_EQ(deploy_of(std::string("{max_surge: ") + servers + "}").max_surge, (Portion{2, false})) << servers;
  }
  for (const char* share : {"100%", "\"100%\""}) {
    EXPECT_EQ(deploy_of(std::string("{max_surge: ") + share + "}").max_surge, (Portion{100, true})) << share;
  }
  EXPECT_EQ(deploy_of("{max_surge: 0, max_unavailable: 1%}").max_surge, (Portion{0, false}));
  EXPECT_EQ(deploy_of("{max_surge: \"${COUNT}\", max_unavailable: \"${COUNT}%\"}").max_unavailable, (Portion{7, true}));
}

TEST(DeploySection, a_step_without_a_soak_soaks_like_a_server_but_a_minute_at_least) {
  EXPECT_EQ(deploy_of("{strategy: canary, soak: 30s, steps: [{weight: 10%}]}").steps, (std::vector<CanaryStep>{{10, 1min}}));
  EXPECT_EQ(deploy_of("{strategy: canary, soak: 3m, steps: [{weight: 10%}]}").steps, (std::vector<CanaryStep>{{10, 3min}}));
  EXPECT_EQ(deploy_of("{strategy: canary, soak: 3m}").steps, (std::vector<CanaryStep>{{5, 3min}, {25, 3min}, {50, 3min}}));
}

TEST(DeploySection, gives_servers_the_time_to_start_that_their_health_check_does) {
  EXPECT_EQ(deploy_of("", "    health: {tcp: true, deadline: 5m}\n").progress_deadline, 10min);
  EXPECT_EQ(deploy_of("", "    health: {tcp: true, deadline: 15m}\n").progress_deadline, 15min);
  EXPECT_EQ(deploy_of("{soak: 12m}", "    health: {tcp: true, deadline: 15m}\n").progress_deadline, 15min);
  EXPECT_EQ(deploy_of("{progress_deadline: 10m}", "    health: {tcp: true, deadline: 15m}\n").progress_deadline, 10min);
}

TEST(DeploySection, blue_green_makes_its_own_room) {
  EXPECT_EQ(deploy_of("{strategy: blue_green, max_surge: 0}").max_surge, (Portion{0, false}));
}

TEST(DeploySection, has_its_judge) {
  const DeployRule rule = deploy_of(R"({judge: {interval: 30s, checks: [{name: p95, query: 'p95{v="{version}"}', below: 1}]}})");
  ASSERT_EQ(rule.judge.checks.size(), 1U);
  EXPECT_EQ(rule.judge.checks[0].query, R"(p95{v="{version}"})");
  EXPECT_EQ(rule.judge.interval, 30s);
}

TEST(DeploySection, a_canary_is_for_balancers_that_weigh_and_those_that_carry_no_traffic) {
  const DeployRule rule = deploy_of("{strategy: canary}", R"(
    balancers:
      - {type: nginx, file: /etc/nginx/app.conf}
      - {type: file_sd, file: /etc/prometheus/app.json}
      - {type: exec, command: [./balancer]}
      - {type: haproxy, socket: /run/haproxy.sock, backend: app}
)");
  EXPECT_EQ(rule.strategy, Strategy::canary);
}

TEST(DeploySection, is_for_every_provider_that_makes_its_servers_one_by_one) {
  const std::pair<const char*, const char*> cases[] = {
      {"{type: aws_asg, region: eu-central-1}", "{auto_scaling_group: app, port: 3000}"},
      {"{type: pm2}", "{app: shop, port_env: PORT}"},
      {"{type: exec, command: [./own]}", "{}"},
  };
  for (const auto& [provider, server] : cases) {
    const auto config =
        parse_test_config(std::string("providers: {own: ") + provider +
                          "}\ngroups: [{name: app, provider: own, min: 1, max: 2, deploy: {}, server: " + server + "}]\n");
    EXPECT_TRUE(config.has_value()) << provider << '\n' << complaints(config);
  }
}

TEST(DeploySection, the_way_a_group_is_deployed_is_none_of_its_scaling_rules) {
  const auto rules = [](const std::string& deploy) {
    const auto config =
        parse_test_config("providers: {p: {type: memory}}\ngroups: [{name: app, provider: p, min: 1, max: 2" + deploy + "}]\n");
    return config ? config->groups.at(0).rules : complaints(config);
  };
  EXPECT_EQ(rules(""), rules(", deploy: {soak: 1m}"));
}

std::vector<std::string> warnings(const std::string& group) {
  const auto config =
      parse_test_config("providers: {local: {type: process}}\ngroups:\n  - name: app\n    provider: local\n" + group);
  EXPECT_TRUE(config.has_value()) << complaints(config);
  return config ? lint_config(*config) : std::vector<std::string>{};
}

/// A group of exactly `max` servers by process, each with a port of `ports`.
std::string fixed_size(int max, const std::string& ports, const std::string& more) {
  const std::string size = std::to_string(max);
  return "    min: " + size + "\n    max: " + size + "\n    server: {command: [./app, '{port}'], ports: " + ports + "}\n" + more;
}

TEST(DeployLint, sees_ports_that_suffice_for_max_and_not_for_a_deploy) {
  const std::string version = "    version: v1\n";
  EXPECT_THAT(
      warnings(fixed_size(10, "9000-9009", version)),
      ElementsAre("group app: server.ports: 10 ports are enough for max 10, but a rolling deploy of so many servers needs 11"));
  EXPECT_THAT(warnings(fixed_size(10, "9000-9010", version)), IsEmpty());
  EXPECT_THAT(
      warnings(fixed_size(10, "9000-9011", version + "    deploy: {max_surge: 25%}\n")),
      ElementsAre("group app: server.ports: 12 ports are enough for max 10, but a rolling deploy of so many servers needs 13"));
  EXPECT_THAT(
      warnings(fixed_size(10, "9000-9018", version + "    deploy: {strategy: blue_green, keep_old: 1m}\n")),
      ElementsAre("group app: server.ports: 19 ports are enough for max 10, but a blue_green deploy of so many servers needs "
                  "20"));
  EXPECT_THAT(warnings(fixed_size(10, "9000-9009", "")), IsEmpty()) << "who names no version has none to deploy";
}

TEST(DeployLint, sees_old_servers_that_are_kept_for_long_or_not_at_all) {
  const std::string deploy = "    deploy: {strategy: blue_green, keep_old: ";
  EXPECT_THAT(warnings(fixed_size(2, "9000-9009", deploy + "2h}\n")),
              ElementsAre("group app: deploy.keep_old is 2h: so long there are twice the servers after every deploy"));
  EXPECT_THAT(
      warnings(fixed_size(2, "9000-9009", deploy + "2h}\n    cost: {per_hour: 0.5, currency: EUR}\n")),
      ElementsAre("group app: deploy.keep_old is 2h: so long there are twice the servers after every deploy, up to 2 EUR more "
                  "for each"));
  EXPECT_THAT(warnings(fixed_size(2, "9000-9009", deploy + "10m}\n")), IsEmpty());
  EXPECT_THAT(
      warnings(fixed_size(2, "9000-9009", deploy + "0s}\n")),
      ElementsAre("group app: deploy.keep_old is 0s: after the switch of a blue_green deploy the way back takes as long as new "
                  "servers do"));
}

TEST(DeployLint, sees_checkpoints_that_no_deploy_stops_at) {
  EXPECT_THAT(warnings(fixed_size(2, "9000-9009", "    deploy: {strategy: canary, pause_at: [50%]}\n")),
              ElementsAre("group app: deploy.pause_at: only rolling stops there, and the strategy is canary"));
  EXPECT_THAT(warnings(fixed_size(2, "9000-9009", "    deploy: {pause_at: [50%]}\n")), IsEmpty());
}

TEST(DeployLint, sees_a_deadline_that_gives_servers_no_time_to_start) {
  EXPECT_THAT(
      warnings(fixed_size(2, "9000-9009", "    version: v1\n    deploy: {progress_deadline: 5m}\n")),
      ElementsAre("group app: deploy.progress_deadline (5m) is shorter than health.deadline (10m): a deploy may go back while "
                  "its first servers still have time to start"));
  EXPECT_THAT(warnings(fixed_size(2, "9000-9009",
                                  "    version: v1\n    deploy: {progress_deadline: 5m}\n    health: {tcp: true, deadline: 5m}\n")),
              IsEmpty());
}

}  // namespace
}  // namespace weir
