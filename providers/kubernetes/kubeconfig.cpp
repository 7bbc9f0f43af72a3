#include "providers/kubernetes/kubeconfig.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <cstdint>

#include "providers/kubernetes/json_fields.h"
#include "providers/kubernetes/rfc3339.h"

namespace weir::kubernetes {
namespace {

constexpr std::size_t kMaxText = 4ULL << 20;

/// What is wrong with the file. Thrown and caught here only, beside yaml-cpp's own.
struct Complaint {
  std::string message;
};

template <typename... Values>
[[noreturn]] void complain(fmt::format_string<Values...> format, Values&&... values) {
  throw Complaint{fmt::format(format, std::forward<Values>(values)...)};
}

/// The text of a key; empty if it is not there. `where` names its section for people.
std::string text_of(const YAML::Node& section, const std::string& key, const std::string& where) {
  const YAML::Node value = section[key];
  if (!value || value.IsNull()) return "";
  if (!value.IsScalar()) complain("{}: {} is not a text", where, key);
  return value.Scalar();
}

bool flag_of(const YAML::Node& section, const std::string& key, const std::string& where) {
  const std::string text = text_of(section, key, where);
  if (text != "true" && text != "false" && !text.empty()) complain("{}: {} is neither true nor false", where, key);
  return text == "true";
}

/// The section of that name in one of the three lists; what counts is the first, as for kubectl.
YAML::Node named(const YAML::Node& root, const std::string& list, const std::string& section, const std::string& name) {
  const YAML::Node entries = root[list];
  if (entries && !entries.IsNull() && !entries.IsSequence()) complain("{} is not a list", list);
  for (const auto& entry : entries) {
    if (!entry.IsMap()) complain("an entry of {} is not a mapping", list);
    if (text_of(entry, "name", list) != name) continue;
    const YAML::Node found = entry[section];
    if (!found || !found.IsMap()) complain("{} '{}' has no {}", list, name, section);
    return found;
  }
  complain("it has no '{}' among its {}", name, list);
}

std::string decoded(const YAML::Node& section, const std::string& key, const std::string& where) {
  const std::string text = text_of(section, key, where);
  const std::optional<std::string> bytes = base64_decoded(text);
  if (!bytes || (bytes->empty() && !text.empty())) complain("{}: {} is not base64", where, key);
  return *bytes;
}

std::string file_of(const YAML::Node& section, const std::string& key, const std::string& where,
                    const std::filesystem::path& directory) {
  const std::string text = text_of(section, key, where);
  return text.empty() ? text : (directory / text).lexically_normal().string();
}

void refuse(const YAML::Node& section, std::initializer_list<const char*> keys, const std::string& where, const std::string& why) {
  for (const char* key : keys) {
    if (section[key]) complain("{}: {} is not supported{}", where, key, why);
  }
}

void read_cluster(const YAML::Node& cluster, const std::string& where, const std::filesystem::path& directory,
                  ClusterAccess& access) {
  access.server = text_of(cluster, "server", where);
  while (access.server.ends_with('/')) access.server.pop_back();
  const bool is_url = access.server.starts_with("https://") || access.server.starts_with("http://");
  if (!is_url) complain("{}: server is not an http or https address", where);
  refuse(cluster, {"proxy-url"}, where, ": weir connects directly");
  access.http.ca_pem = decoded(cluster, "certificate-authority-data", where);
  if (access.http.ca_pem.empty()) access.http.ca_file = file_of(cluster, "certificate-authority", where, directory);
  access.http.verify = !flag_of(cluster, "insecure-skip-tls-verify", where);
  if (!access.http.verify && (!access.http.ca_pem.empty() || !access.http.ca_file.empty())) {
    complain("{}: insecure-skip-tls-verify and a certificate-authority contradict each other", where);
  }
  access.http.tls_server_name = text_of(cluster, "tls-server-name", where);
}

ExecPlugin read_exec(const YAML::Node& exec, const std::string& where, const std::filesystem::path& directory) {
  if (!exec.IsMap()) complain("{} is not a mapping", where);
  ExecPlugin plugin;
  plugin.api_version = text_of(exec, "apiVersion", where);
  if (plugin.api_version != "client.authentication.k8s.io/v1" && plugin.api_version != "client.authentication.k8s.io/v1beta1") {
    complain("{}: apiVersion is not client.authentication.k8s.io/v1 or v1beta1", where);
  }
  std::string program = text_of(exec, "command", where);
  if (program.empty()) complain("{}: command is missing", where);
  // A word without a slash is looked for on the PATH.
  if (program.contains('/')) program = (directory / program).lexically_normal().string();
  plugin.command.push_back(std::move(program));
  const YAML::Node words = exec["args"];
  if (words && !words.IsNull() && !words.IsSequence()) complain("{}: args is not a list", where);
  for (const auto& word : words) {
    if (!word.IsScalar()) complain("{}: a word of args is not a text", where);
    plugin.command.push_back(word.Scalar());
  }
  const YAML::Node variables = exec["env"];
  if (variables && !variables.IsNull() && !variables.IsSequence()) complain("{}: env is not a list", where);
  for (const auto& variable : variables) {
    if (!variable.IsMap()) complain("{}: an entry of env is not a mapping", where);
    plugin.environment.emplace_back(text_of(variable, "name", where), text_of(variable, "value", where));
  }
  if (text_of(exec, "interactiveMode", where) == "Always")
    complain("{}: it wants a terminal, which a service does not have", where);
  plugin.install_hint = text_of(exec, "installHint", where);
  plugin.wants_cluster = flag_of(exec, "provideClusterInfo", where);
  return plugin;
}

void read_user(const YAML::Node& user, const std::string& where, const std::filesystem::path& directory, ClusterAccess& access) {
  refuse(user, {"auth-provider"}, where, ": it was removed from Kubernetes; use `exec`");
  refuse(user, {"as", "as-uid", "as-groups", "as-user-extra"}, where, "");
  HttpAccess& http = access.http;
  http.certificate_pem = decoded(user, "client-certificate-data", where);
  if (http.certificate_pem.empty()) http.certificate_file = file_of(user, "client-certificate", where, directory);
  http.key_pem = decoded(user, "client-key-data", where);
  if (http.key_pem.empty()) http.key_file = file_of(user, "client-key", where, directory);
  const bool has_certificate = !http.certificate_pem.empty() || !http.certificate_file.empty();
  const bool has_key = !http.key_pem.empty() || !http.key_file.empty();
  if (has_certificate != has_key) complain("{}: client-certificate and client-key go together", where);
  http.bearer_token = text_of(user, "token", where);
  access.token_file = file_of(user, "tokenFile", where, directory);
  http.username = text_of(user, "username", where);
  http.password = text_of(user, "password", where);
  if (user["exec"] && !user["exec"].IsNull()) access.exec = read_exec(user["exec"], where + ".exec", directory);
  const bool has_token = !http.bearer_token.empty() || !access.token_file.empty();
  if (access.exec && (has_token || !http.username.empty())) complain("{}: exec stands beside other credentials", where);
  if (has_token && !http.username.empty()) complain("{}: a token stands beside a username", where);
}

ClusterAccess read_config(const std::string& text, const std::filesystem::path& directory, const std::string& wanted) {
  if (text.size() > kMaxText) complain("it is larger than 4 MiB");
  const YAML::Node root = YAML::Load(text);
  if (!root.IsMap()) complain("it is not a mapping");
  const std::string name = wanted.empty() ? text_of(root, "current-context", "it") : wanted;
  if (name.empty()) complain("it has no current-context, and `context` names none");
  const YAML::Node context = named(root, "contexts", "context", name);
  const std::string where = fmt::format("context '{}'", name);
  const std::string cluster = text_of(context, "cluster", where);
  const std::string user = text_of(context, "user", where);
  if (cluster.empty()) complain("{} names no cluster", where);
  ClusterAccess access;
  access.space = text_of(context, "namespace", where);
  read_cluster(named(root, "clusters", "cluster", cluster), fmt::format("cluster '{}'", cluster), directory, access);
  if (!user.empty()) read_user(named(root, "users", "user", user), fmt::format("user '{}'", user), directory, access);
  return access;
}

int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

Result<ClusterAccess> parse_kubeconfig(const std::string& text, const std::filesystem::path& directory,
                                       const std::string& context) {
  try {
    return read_config(text, directory, context);
  } catch (const Complaint& complaint) {
    return failure(ErrorKind::invalid, complaint.message);
  } catch (const YAML::Exception& error) {
    // Its own message may quote what stands there.
    return failure(ErrorKind::invalid, fmt::format("it is not YAML, or not as expected, at line {}, column {}", error.mark.line + 1,
                                                   error.mark.column + 1));
  }
}

Result<ClusterAccess> in_cluster_access(const std::function<std::string(const std::string&)>& variable,
                                        const std::filesystem::path& directory) {
  std::string host = variable("KUBERNETES_SERVICE_HOST");
  const std::string port = variable("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return failure(
        ErrorKind::invalid,
        "weir does not run in a pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set); give `kubeconfig`");
  }
  if (host.contains(':')) host = fmt::format("[{}]", host);
  ClusterAccess access;
  access.server = fmt::format("https://{}:{}", host, port);
  access.http.ca_file = (directory / "ca.crt").string();
  access.token_file = directory / "token";
  return access;
}

Result<ExecCredential> parse_exec_credential(const std::string& text, const std::string& api_version) {
  const nlohmann::json answer = nlohmann::json::parse(text, nullptr, false);
  if (!answer.is_object()) return failure(ErrorKind::invalid, "its answer is not JSON");
  if (text_field(answer, {"kind"}) != "ExecCredential") return failure(ErrorKind::invalid, "its answer is no ExecCredential");
  if (text_field(answer, {"apiVersion"}) != api_version) {
    return failure(ErrorKind::invalid, fmt::format("its answer is not of {}, which it was asked for", api_version));
  }
  ExecCredential credential{.token = text_field(answer, {"status", "token"}),
                            .certificate_pem = text_field(answer, {"status", "clientCertificateData"}),
                            .key_pem = text_field(answer, {"status", "clientKeyData"})};
  const bool half = credential.certificate_pem.empty() != credential.key_pem.empty();
  if (half) return failure(ErrorKind::invalid, "its answer has a client certificate without key, or the reverse");
  if (credential.token.empty() && credential.certificate_pem.empty())
    return failure(ErrorKind::invalid, "its answer has no credential");
  const nlohmann::json& expiry = field(answer, {"status", "expirationTimestamp"});
  if (expiry.is_null()) return credential;
  credential.expires = parse_time(text_field(answer, {"status", "expirationTimestamp"}));
  if (!credential.expires) return failure(ErrorKind::invalid, "its answer's expirationTimestamp is no time");
  return credential;
}

std::optional<std::string> base64_decoded(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  int padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    const int value = sextet(c);
    if (c == '=') ++padding;
    if (c == '=') continue;
    if (value < 0 || padding > 0) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    if (++count % 4 != 0) continue;
    for (const unsigned shift : {16U, 8U, 0U}) bytes += static_cast<char>((bits >> shift) & 0xFFU);
    bits = 0;
  }
  const int rest = count % 4;
  if (rest == 1 || padding != (rest == 0 ? 0 : 4 - rest)) return std::nullopt;
  if (rest >= 2) bytes += static_cast<char>((bits >> (rest == 2 ? 4U : 10U)) & 0xFFU);
  if (rest == 3) bytes += static_cast<char>((bits >> 2U) & 0xFFU);
  return bytes;
}

}  // namespace weir::kubernetes
