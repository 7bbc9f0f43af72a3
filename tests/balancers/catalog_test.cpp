#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "balancers/balancer.h"
#include "platform/file.h"
#include "tests/balancers/settings.h"

namespace weir {
namespace {

std::vector<std::string> complaints(const std::string& type, const Settings& settings) {
  Group group;
  group.name = "app";
  const BalancerSpec spec{.name = type, .type = type, .settings = settings};
  std::vector<std::string> paths;
  for (const BalancerType& each : balancer_catalog()) {
    if (each.name != type) continue;
    for (const SettingsError& error : each.check({group, spec})) {
      EXPECT_FALSE(error.message.empty());
      paths.push_back(error.path);
    }
  }
  return paths;
}

using Paths = std::vector<std::string>;

TEST(BalancerCatalog, an_unknown_type_is_told_which_there_are) {
  Group group;
  group.name = "app";
  const BalancerSpec spec{.name = "f5", .type = "f5", .settings = {}};
  BalancerMaker maker;
  const auto made = maker.make({group, spec});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error(),
            (Error{ErrorKind::invalid,
                   "group app: no balancer of type 'f5'; there are: aws_target_group, exec, file_sd, haproxy, nginx"}));
}

/// What the table in docs/balancers/README.md says of a type.
std::string row_of(const BalancerType& type) {
  const auto yes = [](bool it_is) { return it_is ? "yes" : "no"; };
  return fmt::format("| [{0}]({0}.md) | {1} | {2} | {3} | {4} |\n", type.name, yes(type.carries_traffic),
                     yes(type.abilities.counts_connections), yes(type.abilities.weighs), type.abilities.tested_against);
}

TEST(BalancerCatalog, is_shown_as_it_is_in_the_documentation) {
  const auto page = read_file(std::filesystem::path(WEIR_SOURCE_DIR) / "docs/balancers/README.md");
  ASSERT_TRUE(page);
  for (const BalancerType& type : balancer_catalog()) {
    EXPECT_FALSE(type.abilities.tested_against.empty()) << type.name;
    EXPECT_TRUE(page->contains(row_of(type))) << row_of(type);
  }
}

TEST(BalancerCatalog, every_type_is_made_from_checked_settings) {
  Group group;
  group.name = "app";
  BalancerMaker maker;
  const BalancerSpec nginx{.name = "nginx", .type = "nginx", .settings = nginx_settings("/nonexistent/upstream.conf")};
  const BalancerSpec file_sd{.name = "file_sd", .type = "file_sd", .settings = file_sd_settings("/nonexistent/app.json")};
  const BalancerSpec exec{.name = "exec", .type = "exec", .settings = exec_settings({"/nonexistent/balancer"})};
  const BalancerSpec haproxy{
      .name = "haproxy", .type = "haproxy", .settings = haproxy_settings("/nonexistent.sock", "/nonexistent.cfg")};
  EXPECT_TRUE(maker.make({group, nginx}).has_value());
  EXPECT_TRUE(maker.make({group, exec}).has_value());
  EXPECT_TRUE(maker.make({group, haproxy}).has_value());
  EXPECT_TRUE(maker.make({group, file_sd}).has_value());
}

void expect_documented(const std::string& page, std::span<const Key> keys) {
  for (const Key& key : keys) {
    EXPECT_THAT(std::string(key.doc), testing::EndsWith(".")) << key.name;
    EXPECT_THAT(page, testing::HasSubstr(fmt::format("| `{}` |", key.name)));
    expect_documented(page, key.keys);
  }
}

TEST(BalancerCatalog, every_key_has_a_sentence_and_stands_in_the_docs_page_of_its_balancer) {
  for (const BalancerType& type : balancer_catalog()) {
    SCOPED_TRACE(std::string(type.name));
    const auto page = read_file(std::filesystem::path(WEIR_SOURCE_DIR) / "docs/balancers" / fmt::format("{}.md", type.name));
    ASSERT_TRUE(page);
    expect_documented(*page, type.keys);
  }
}

TEST(NginxKeys, the_defaults_are_good) { EXPECT_EQ(complaints("nginx", nginx_settings("/etc/nginx/upstream.conf")), Paths{}); }

TEST(NginxKeys, paths_are_absolute) {
  Settings settings = nginx_settings("upstream.conf");
  settings.set("pid_file", std::string("nginx.pid"));
  EXPECT_EQ(complaints("nginx", settings), (Paths{"file", "pid_file"}));
  settings = nginx_settings("/upstream.conf");
  settings.set("pid_file", std::string());
  EXPECT_EQ(complaints("nginx", settings), Paths{});
}

TEST(NginxKeys, what_belongs_into_a_whole_block_is_refused_for_lines) {
  Settings settings = nginx_settings("/upstream.conf");
  settings.set("upstream", std::string("app"));
  settings.set("method", std::string("ip_hash"));
  settings.set("keepalive", std::int64_t{8});
  settings.set("zone", std::string("64k"));
  EXPECT_EQ(complaints("nginx", settings), (Paths{"upstream", "keepalive", "zone", "method"}));
}

TEST(NginxKeys, a_whole_block_needs_a_name_and_a_method_nginx_has) {
  Settings settings = nginx_settings("/upstream.conf");
  settings.set("layout", std::string("upstream"));
  EXPECT_EQ(complaints("nginx", settings), (Paths{"upstream"}));
  settings.set("upstream", std::string("my app"));
  settings.set("zone", std::string("64 k"));
  for (const std::string method : {"fastest", "hash", "hash a; }", "ip_hash;"}) {
    settings.set("method", method);
    EXPECT_EQ(complaints("nginx", settings), (Paths{"upstream", "method", "zone"})) << method;
  }
  settings.set("upstream", std::string("my-app_1.x"));
  settings.set("zone", std::string("1M"));
  for (const std::string method :
       {"round_robin", "least_conn", "ip_hash", "random", "random two least_conn", "hash ${remote_addr} consistent"}) {
    settings.set("method", method);
    EXPECT_EQ(complaints("nginx", settings), Paths{}) << method;
  }
}

TEST(NginxKeys, commands_are_not_empty_and_fail_timeout_is_whole_seconds) {
  Settings options;
  options.set("fail_timeout", Duration{1500});
  Settings settings = nginx_settings("/upstream.conf");
  settings.set("test", Settings::Texts{});
  settings.set("reload", Settings::Texts{});
  settings.set("server_options", Settings::Sections{options});
  EXPECT_EQ(complaints("nginx", settings), (Paths{"test", "reload", "server_options.fail_timeout"}));
}

TEST(FileSdKeys, the_file_is_one_prometheus_reads) {
  EXPECT_EQ(complaints("file_sd", file_sd_settings("/x/app.json")), Paths{});
  EXPECT_EQ(complaints("file_sd", file_sd_settings("/x/app.yml")), Paths{});
  EXPECT_EQ(complaints("file_sd", file_sd_settings("/x/app.txt")), (Paths{"file"}));
  EXPECT_EQ(complaints("file_sd", file_sd_settings("app.json")), (Paths{"file"}));
}

TEST(FileSdKeys, labels_have_prometheus_names_and_are_not_ours) {
  Settings settings = file_sd_settings("/x/app.json");
  settings.set("labels", Settings::TextMap{{"env", "live"}, {"1st", "x"}, {"a-b", "x"}, {"weir_group", "x"}});
  EXPECT_EQ(complaints("file_sd", settings), (Paths{"labels.1st", "labels.a-b", "labels.weir_group"}));
}

TEST(ExecKeys, the_command_is_not_empty) {
  EXPECT_EQ(complaints("exec", exec_settings({"/etc/weir/balancer"})), Paths{});
  EXPECT_EQ(complaints("exec", exec_settings({})), (Paths{"command"}));
}

TEST(HaproxyKeys, paths_are_absolute_and_the_backend_has_a_name) {
  EXPECT_EQ(complaints("haproxy", haproxy_settings("/run/admin.sock", "/etc/haproxy/weir.cfg")), Paths{});
  Settings settings = haproxy_settings("admin.sock", "weir.cfg");
  settings.set("backend", std::string("my app; show info"));
  EXPECT_EQ(complaints("haproxy", settings), (Paths{"socket", "backend", "file"}));
}

TEST(HaproxyKeys, what_belongs_into_the_file_needs_one) {
  Settings settings;
  settings.set("socket", std::string("/run/admin.sock"));
  settings.set("backend", std::string("app"));
  EXPECT_EQ(complaints("haproxy", settings), Paths{});
  settings.set("lines", Settings::Texts{"balance leastconn"});
  settings.set("defaults", std::string("http"));
  settings.set("test", Settings::Texts{"haproxy", "-c", "-f", "{file}"});
  EXPECT_EQ(complaints("haproxy", settings), (Paths{"lines", "defaults", "test"}));
}

TEST(HaproxyKeys, the_test_is_given_the_new_text_and_lines_are_of_a_backend) {
  Settings settings = haproxy_settings("/run/admin.sock", "/etc/haproxy/weir.cfg");
  settings.set("test", Settings::Texts{"haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg"});
  settings.set("lines", Settings::Texts{"balance leastconn", "listen x", "server-template a 1-3 b:80", "a\nb"});
  EXPECT_EQ(complaints("haproxy", settings), (Paths{"test", "lines", "lines", "lines"}));
  settings.set("lines", Settings::Texts{"a\nglobal"});
  EXPECT_EQ(complaints("haproxy", settings), (Paths{"test", "lines"}));
}

TEST(HaproxyKeys, words_are_those_haproxy_takes_at_run_time) {
  const auto of = [](Settings::Texts more) {
    Settings options;
    options.set("check", false);
    options.set("more", std::move(more));
    Settings settings = haproxy_settings("/run/admin.sock", "/etc/haproxy/weir.cfg");
    settings.set("server_options", Settings::Sections{options});
    return complaints("haproxy", settings);
  };
  EXPECT_EQ(of({"ssl", "verify", "none", "send-proxy"}), Paths{});
  for (const std::string word : {"cookie", "init-addr", "resolvers", "check", "weight", "a b", "x;", "#", "a'b", ""}) {
    EXPECT_EQ(of({word}), (Paths{"server_options.more"})) << word;
  }
}

TEST(HaproxyKeys, a_slow_start_needs_checks) {
  Settings options;
  options.set("check", false);
  options.set("slowstart", Duration{5000});
  Settings settings = haproxy_settings("/run/admin.sock", "/etc/haproxy/weir.cfg");
  settings.set("server_options", Settings::Sections{options});
  EXPECT_EQ(complaints("haproxy", settings), (Paths{"server_options.slowstart"}));
}

}  // namespace
}  // namespace weir
