#include "providers/kubernetes/credentials.h"

#include <fmt/format.h>

#include <chrono>

#include "platform/command.h"
#include "platform/file.h"
#include "providers/kubernetes/json_fields.h"

namespace weir::kubernetes {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPluginTimeout = 30s;
/// A credential that ends while a call is under way is of no use.
constexpr Duration kRenewBefore = 10s;

/// What a plugin is told (the variable KUBERNETES_EXEC_INFO).
std::string exec_info(const ClusterAccess& access) {
  nlohmann::json spec{{"interactive", false}};
  if (access.exec->wants_cluster) {
    spec["cluster"] = {{"server", access.server}, {"insecure-skip-tls-verify", !access.http.verify}};
    if (!access.http.tls_server_name.empty()) spec["cluster"]["tls-server-name"] = access.http.tls_server_name;
  }
  return nlohmann::json{{"apiVersion", access.exec->api_version}, {"kind", "ExecCredential"}, {"spec", spec}}.dump();
}

std::string trimmed(const std::string& text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

Result<ClusterAccess> Credentials::current(const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  if (!access_) {
    Result<ClusterAccess> loaded = load_();
    if (!loaded) return loaded;
    access_ = std::move(*loaded);
    plugin_answered_ = false;
  }
  if (access_->exec) {
    const bool expired = plugin_expires_ && now_() >= *plugin_expires_ - kRenewBefore;
    if (!plugin_answered_ || expired) {
      if (const Result<void> ran = run_plugin(stop); !ran) return std::unexpected(ran.error());
    }
  }
  if (!access_->token_file.empty()) {
    if (const Result<void> read = read_token(); !read) return std::unexpected(read.error());
  }
  return *access_;
}

void Credentials::refused() {
  const std::lock_guard lock(mutex_);
  access_.reset();
}

Result<void> Credentials::run_plugin(const std::stop_token& stop) {
  const ExecPlugin& plugin = *access_->exec;
  const std::string& program = plugin.command.front();
  Command command{.argv = plugin.command, .environment = plugin.environment, .errors = Command::Errors::apart};
  command.environment.emplace_back("KUBERNETES_EXEC_INFO", exec_info(*access_));
  const Result<CommandResult> ran = run_command(command, kPluginTimeout, stop);
  if (!ran && ran.error().kind == ErrorKind::cancelled) return std::unexpected(ran.error());
  if (!ran) {
    // The words of the command may hold a secret.
    const std::string hint = plugin.install_hint.empty() ? "" : "; " + plugin.install_hint;
    const bool missing = ran.error().kind == ErrorKind::not_found;
    return failure(
        missing ? ErrorKind::invalid : ErrorKind::unavailable,
        fmt::format("the credential plugin {} {}{}", program, missing ? "does not exist" : "could not be run to its end", hint));
  }
  if (ran->status != 0) {
    return failure(ErrorKind::unavailable, fmt::format("the credential plugin {} ended with status {}", program, ran->status));
  }
  Result<ExecCredential> credential = parse_exec_credential(ran->output, plugin.api_version);
  if (!credential) {
    return failure(ErrorKind::unavailable, fmt::format("the credential plugin {}: {}", program, credential.error().message));
  }
  access_->http.bearer_token = std::move(credential->token);
  if (!credential->certificate_pem.empty()) {
    access_->http.certificate_pem = std::move(credential->certificate_pem);
    access_->http.key_pem = std::move(credential->key_pem);
  }
  plugin_expires_ = credential->expires;
  plugin_answered_ = true;
  return {};
}

Result<void> Credentials::read_token() {
  const Result<std::string> text = read_file(access_->token_file);
  // A file that is just being replaced: the token it held may still be good.
  if (!text && !access_->http.bearer_token.empty()) return {};
  if (!text) return std::unexpected(text.error());
  const std::string token = trimmed(*text);
  if (token.empty() && access_->http.bearer_token.empty()) {
    return failure(ErrorKind::invalid, fmt::format("{} is empty; it should hold a token", access_->token_file.string()));
  }
  if (!token.empty()) access_->http.bearer_token = token;
  return {};
}

}  // namespace weir::kubernetes
