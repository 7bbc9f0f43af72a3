#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/error.h"
#include "model/time.h"
#include "platform/http_client.h"

namespace weir::kubernetes {

/// A program that gives credentials out (client.authentication.k8s.io).
struct ExecPlugin {
  std::string api_version;
  std::vector<std::string> command;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string install_hint;
  bool wants_cluster = false;  ///< it is told which cluster it is asked for
};

/// Which API server is spoken to, and as whom.
struct ClusterAccess {
  std::string server;  ///< without a slash at its end
  std::string space;   ///< the context's own
  HttpAccess http;
  std::filesystem::path token_file;  ///< read again and again: it is replaced while it is in use
  std::optional<ExecPlugin> exec;
};

/// One context of a kubeconfig file: `current-context` if `context` is empty. Files it names are relative to `directory`. Touches
/// nothing. Errors: invalid, naming what is wrong, never a value.
[[nodiscard]] Result<ClusterAccess> parse_kubeconfig(const std::string& text, const std::filesystem::path& directory,
                                                     const std::string& context);

/// What every pod is given: the service account's token and authority, and where the API server is.
/// Errors: invalid if this is no pod.
[[nodiscard]] Result<ClusterAccess> in_cluster_access(const std::function<std::string(const std::string&)>& variable,
                                                      const std::filesystem::path& directory);

/// What a credential plugin answered.
struct ExecCredential {
  std::string token;
  std::string certificate_pem;
  std::string key_pem;
  std::optional<TimePoint> expires;
};

/// Errors: invalid, without any part of the answer.
[[nodiscard]] Result<ExecCredential> parse_exec_credential(const std::string& text, const std::string& api_version);

/// The bytes; absent if it is not base64 (white space may stand in it).
[[nodiscard]] std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace weir::kubernetes
