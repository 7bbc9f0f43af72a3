#include "providers/kubernetes/kubeconfig.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "platform/file.h"
#include "providers/kubernetes/credentials.h"
#include "tests/support/temp_directory.h"

namespace weir::kubernetes {
namespace {

using testing::HasSubstr;

std::string config(const std::string& cluster, const std::string& user) {
  return fmt::format(R"(
current-context: main
contexts:
  - {{name: main, context: {{cluster: c, user: u, namespace: shop}}}}
  - {{name: other, context: {{cluster: d}}}}
clusters:
  - {{name: c, cluster: {{{}}}}}
  - {{name: d, cluster: {{server: "https://d:6443/"}}}}
users:
  - {{name: u, user: {{{}}}}}
)",
                     cluster, user);
}

const std::string kCluster = R"(server: "https://c:6443")";

Result<ClusterAccess> parse(const std::string& text, const std::string& context = "") {
  return parse_kubeconfig(text, "/etc/weir", context);
}

TEST(Kubeconfig, gives_the_current_context_or_the_one_that_is_named) {
  const auto current = parse(config(kCluster, "token: secret"));
  ASSERT_TRUE(current) << current.error().message;
  EXPECT_EQ(current->server, "https://c:6443");
  EXPECT_EQ(current->space, "shop");
  EXPECT_EQ(current->http.bearer_token, "secret");
  EXPECT_TRUE(current->http.verify);
  const auto other = parse(config(kCluster, "token: secret"), "other");
  ASSERT_TRUE(other);
  EXPECT_EQ(other->server, "https://d:6443");
  EXPECT_EQ(other->http.bearer_token, "");
}

TEST(Kubeconfig, data_comes_before_files_and_files_are_relative_to_it) {
  const auto data =
      parse(config(kCluster + ", certificate-authority: ca.pem, certificate-authority-data: Q0E=, tls-server-name: api",
                   "client-certificate-data: QQ==, client-certificate: a.pem, client-key: k/b.pem"));
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->http.ca_pem, "CA");
  EXPECT_EQ(data->http.ca_file, "");
  EXPECT_EQ(data->http.certificate_pem, "A");
  EXPECT_EQ(data->http.key_file, "/etc/weir/k/b.pem");
  EXPECT_EQ(data->http.tls_server_name, "api");
  const auto file = parse(config(kCluster + ", certificate-authority: /ca.pem", "tokenFile: t"));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->http.ca_file, "/ca.pem");
  EXPECT_EQ(file->token_file, "/etc/weir/t");
}

TEST(Kubeconfig, a_plugin_is_read_whole) {
  const auto access =
      parse(config(kCluster, R"(exec: {apiVersion: client.authentication.k8s.io/v1, command: ./get, args: [a, "b c"],
      env: [{name: X, value: "1"}], interactiveMode: Never, provideClusterInfo: true})"));
  ASSERT_TRUE(access) << access.error().message;
  ASSERT_TRUE(access->exec);
  EXPECT_EQ(access->exec->command, (std::vector<std::string>{"/etc/weir/get", "a", "b c"}));
  EXPECT_EQ(access->exec->environment.at(0), std::pair(std::string("X"), std::string("1")));
  EXPECT_TRUE(access->exec->wants_cluster);
}

struct BadConfig {
  std::string text;
  std::string complaint;
};

TEST(Kubeconfig, what_is_wrong_with_it_is_said_without_its_secrets) {
  const std::vector<BadConfig> cases = {
      {"", "not a mapping"},
      {"a: [", "line 1"},
      {"\t- x: {", "line 1"},
      {"contexts: []", "no current-context"},
      {"current-context: x", "no 'x' among its contexts"},
      {"current-context: x\ncontexts: {}", "contexts is not a list"},
      {"current-context: x\ncontexts: [3]", "not a mapping"},
      {"current-context: [x]", "not a text"},
      {"current-context: x\ncontexts: [{name: x}]", "has no context"},
      {"current-context: x\ncontexts: [{name: x, context: {user: u}}]", "names no cluster"},
      {"current-context: x\ncontexts: [{name: x, context: {cluster: c}}]", "no 'c' among its clusters"},
      {config("server: c", ""), "not an http or https address"},
      {config(kCluster + ", certificate-authority-data: '***'", ""), "certificate-authority-data is not base64"},
      {config(kCluster + ", insecure-skip-tls-verify: perhaps", ""), "neither true nor false"},
      {config(kCluster + ", insecure-skip-tls-verify: true, certificate-authority: x", ""), "contradict"},
      {config(kCluster + ", proxy-url: 'http://p'", ""), "proxy-url is not supported"},
      {config(kCluster, "auth-provider: {name: hidden}"), "use `exec`"},
      {config(kCluster, "as: hidden"), "as is not supported"},
      {config(kCluster, "client-certificate: x"), "go together"},
      {config(kCluster, "token: hidden, username: x"), "beside a username"},
      {config(kCluster, "exec: {command: x}"), "apiVersion"},
      {config(kCluster, "exec: {apiVersion: client.authentication.k8s.io/v1}"), "command is missing"},
      {config(kCluster, "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, args: hidden}"), "args is not a list"},
      {config(kCluster, "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}"), "terminal"},
      {config(kCluster, "token: hidden, exec: {apiVersion: client.authentication.k8s.io/v1, command: x}"),
       "beside other credentials"},
      {config(kCluster, "token: [hidden]"), "token is not a text"},
  };
  for (const BadConfig& each : cases) {
    const auto access = parse(each.text);
    ASSERT_FALSE(access) << each.text;
    EXPECT_EQ(access.error().kind, ErrorKind::invalid);
    EXPECT_THAT(access.error().message, HasSubstr(each.complaint));
    EXPECT_EQ(access.error().message.find("hidden"), std::string::npos) << access.error().message;
  }
}

TEST(ServiceAccount, is_found_by_what_every_pod_is_given) {
  const auto pod = [](const std::string& name) { return std::string(name == "KUBERNETES_SERVICE_HOST" ? "fd00::1" : "443"); };
  const auto access = in_cluster_access(pod, "/sa");
  ASSERT_TRUE(access);
  EXPECT_EQ(access->server, "https://[fd00::1]:443");
  EXPECT_EQ(access->token_file, "/sa/token");
  EXPECT_FALSE(in_cluster_access([](const std::string&) { return std::string(); }, "/sa"));
}

TEST(Base64, is_decoded_or_refused) {
  EXPECT_EQ(base64_decoded("aGVs\nbG8="), "hello");
  EXPECT_EQ(base64_decoded("aGVsbG8h"), "hello!");
  EXPECT_EQ(base64_decoded(""), "");
  for (const char* text : {"a", "aGVsbG8", "a=b=", "a*==", "===="}) EXPECT_FALSE(base64_decoded(text)) << text;
}

TEST(ExecCredential, needs_the_right_kind_version_and_something_in_it) {
  const std::string v1 = "client.authentication.k8s.io/v1";
  const auto answer = [&](const std::string& status) {
    return fmt::format(R"({{"kind":"ExecCredential","apiVersion":"{}","status":{}}})", v1, status);
  };
  const auto good = parse_exec_credential(answer(R"({"token":"t","expirationTimestamp":"2026-03-01T00:00:00Z"})"), v1);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->token, "t");
  EXPECT_TRUE(good->expires);
  EXPECT_FALSE(parse_exec_credential("oops hidden", v1));
  EXPECT_FALSE(parse_exec_credential("{}", v1));
  EXPECT_FALSE(parse_exec_credential(answer("{}"), v1));
  EXPECT_FALSE(parse_exec_credential(answer(R"({"token":"t"})"), v1 + "beta1"));
  EXPECT_FALSE(parse_exec_credential(answer(R"({"token":"t","expirationTimestamp":"soon"})"), v1));
  EXPECT_FALSE(parse_exec_credential(answer(R"({"clientCertificateData":"c"})"), v1));
}

/// A plugin that counts its runs in a file, warns on standard error, and gives out what the run's number says.
class Plugin : public testing::Test {
 protected:
  Plugin() {
    const auto path = directory_.path() / "plugin";
    std::ofstream(path)
        << "#!/bin/sh\necho run >> \"$COUNT\"\necho careful >&2\n"
        << "case \"$KUBERNETES_EXEC_INFO\" in *'\"interactive\":false'*) ;; *) exit 3;; esac\n"
        << R"(printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":)"
        << R"~({"token":"token-%s","expirationTimestamp":"2026-03-01T01:00:00Z"}}' "$(wc -l < "$COUNT" | tr -d ' ')")~"
        << "\n";
    ::chmod(path.c_str(), 0700);
  }

  Credentials credentials_{
      [this] {
        return parse_kubeconfig(
            config(kCluster, fmt::format("exec: {{apiVersion: client.authentication.k8s.io/v1, command: ./plugin, "
                                         "env: [{{name: COUNT, value: {}}}]}}",
                                         (directory_.path() / "count").string())),
            directory_.path(), "");
      },
      [this] { return now_; }};
  std::string token() {
    const auto access = credentials_.current({});
    return access ? access->http.bearer_token : access.error().message;
  }

  TempDirectory directory_;
  TimePoint now_ = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1);
};

TEST_F(Plugin, is_asked_once_until_its_credential_expires_or_is_refused) {
  EXPECT_EQ(token(), "token-1");
  EXPECT_EQ(token(), "token-1");
  now_ += std::chrono::minutes(60) - std::chrono::seconds(5);
  EXPECT_EQ(token(), "token-2");
  now_ -= std::chrono::minutes(30);
  credentials_.refused();
  EXPECT_EQ(token(), "token-3");
}

TEST(TokenFile, is_read_again_and_outlived_by_its_last_good_token) {
  const TempDirectory directory;
  const auto path = directory.path() / "token";
  std::ofstream(path) << " one\n";
  Credentials credentials([&] { return Result<ClusterAccess>(ClusterAccess{.server = "https://c", .token_file = path}); },
                          [] { return TimePoint{}; });
  EXPECT_EQ(credentials.current({})->http.bearer_token, "one");
  std::ofstream(path) << "two";
  EXPECT_EQ(credentials.current({})->http.bearer_token, "two");
  std::filesystem::remove(path);
  EXPECT_EQ(credentials.current({})->http.bearer_token, "two");
  credentials.refused();
  EXPECT_FALSE(credentials.current({}));
}

}  // namespace
}  // namespace weir::kubernetes
