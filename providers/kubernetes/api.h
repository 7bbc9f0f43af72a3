#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "model/error.h"
#include "platform/api_client.h"
#include "providers/kubernetes/credentials.h"

namespace weir::kubernetes {

/// One request, in the words in which permissions are given.
struct ApiRequest {
  std::string verb;      ///< get | list | patch | update | delete
  std::string resource;  ///< deployments.apps, pods, deployments.apps/scale …
  std::string space;
  std::string path;
  std::string query = {};
  std::string body = {};  ///< JSON
};

/// What became of a change.
struct Written {
  enum class Outcome {
    done,
    conflict,   ///< what it was based on has changed: read again
    gone,       ///< there is nothing of that name any more
    forbidden,  ///< the permission is missing
  };
  Outcome outcome = Outcome::done;
  std::string message = {};  ///< why not
};

/// The API of one cluster. Every change carries a condition (a resourceVersion or uid), so every call may be repeated. Thread-safe.
class KubernetesApi {
 public:
  KubernetesApi(Network& network, const std::string& name, Credentials::Load load, Credentials::Now now);

  /// Errors: not_found, denied (naming the missing verb), unavailable, invalid, cancelled.
  [[nodiscard]] Result<nlohmann::json> get(const ApiRequest& request, const std::stop_token& stop);
  /// All of a list, page by page; begun again when its pages have expired. Never a part of it.
  [[nodiscard]] Result<std::vector<nlohmann::json>> list(const ApiRequest& request, const std::stop_token& stop);
  /// Errors: denied (only the credentials), unavailable, invalid, cancelled.
  [[nodiscard]] Result<Written> write(const ApiRequest& request, const std::stop_token& stop);
  /// The namespace of the context or of our own pod; empty if there is none.
  [[nodiscard]] std::string own_namespace(const std::stop_token& stop);

 private:
  struct Exchange;
  struct Pages;
  [[nodiscard]] Result<Exchange> exchange(const ApiRequest& request, const std::stop_token& stop);
  [[nodiscard]] std::unexpected<Error> refusal(const ApiRequest& request, const Exchange& answer) const;
  [[nodiscard]] Result<nlohmann::json> parsed(const Exchange& answer) const;
  /// Absent inside: the list has to be begun again.
  [[nodiscard]] Result<Pages> read_pages(const ApiRequest& request, const std::stop_token& stop);

  const std::string name_;
  Credentials credentials_;
  ApiClient client_;
};

}  // namespace weir::kubernetes
