#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "platform/api_client.h"
#include "providers/docker_swarm/swarm.h"

namespace weir {

/// Where an Engine listens: `url` without a path, and the socket if it is one.
struct EngineAddress {
  std::string url;
  std::string unix_socket;
};

/// What `unix:///path` and `tcp://host:port` come to; nothing if it is neither.
[[nodiscard]] std::optional<EngineAddress> parse_engine_host(std::string_view host, bool tls);

/// Who the nodes are to a registry when they pull an image.
struct RegistryLogin {
  std::string username;
  std::string password;
};

/// What became of the update of a service.
enum class ServiceUpdate {
  done,
  conflict,  ///< somebody else changed the service since it was read; nothing was done
  unknown,   ///< no usable answer: it may have been done, or may be done yet
};

/// The part of Docker's Engine API that scaling takes, in the newest version that both sides know. Thread-safe.
class Engine {
 public:
  Engine(Network& network, std::string name, EngineAddress address, HttpAccess access);

  /// All services. Errors of all readers: unavailable (also: no manager, no quorum), denied, cancelled, invalid.
  [[nodiscard]] Result<std::vector<SwarmService>> services(const std::stop_token& stop);
  /// By name or id. Errors besides: not_found.
  [[nodiscard]] Result<SwarmService> service(const std::string& name, const std::stop_token& stop);
  /// Those of the services named, by name or id, or with no name those of all; their history too. `at`: the manager's clock.
  struct Tasks {
    std::vector<SwarmTask> tasks;
    TimePoint at;
  };
  [[nodiscard]] Result<Tasks> tasks(const std::vector<std::string>& services, const std::stop_token& stop);
  /// Errors besides: not_found.
  [[nodiscard]] Result<SwarmTask> task(const std::string& id, const std::stop_token& stop);
  [[nodiscard]] Result<std::vector<SwarmNode>> nodes(const std::stop_token& stop);

  /// Replaces the spec of a service that is still as it was read. Errors: invalid and denied mean that nothing was done; cancelled.
  [[nodiscard]] Result<ServiceUpdate> update(const SwarmService& service, const std::string& spec, const std::stop_token& stop);

  enum class Creation {
    done,
    name_taken,  ///< perhaps by an earlier attempt; nothing was done
  };
  /// Makes a service. Errors: invalid and denied mean that nothing was made, unavailable that nobody knows; cancelled.
  [[nodiscard]] Result<Creation> create(const std::string& spec, const std::optional<RegistryLogin>& login,
                                        const std::stop_token& stop);
  /// Removes a service; its tasks stop within their grace period. Errors: not_found, unavailable, denied, cancelled.
  [[nodiscard]] Result<void> remove(const std::string& id, const std::stop_token& stop);

 private:
  /// `/v1.41`, agreed upon with the Engine when first needed.
  [[nodiscard]] Result<std::string> prefix(const std::stop_token& stop);
  [[nodiscard]] ApiCall call_for(const std::string& operation, const std::string& path) const;
  [[nodiscard]] Result<HttpResponse> get(const std::string& operation, const std::string& path, const std::stop_token& stop);
  [[nodiscard]] Error refusal(const ApiCall& call, const HttpResponse& response);

  const std::string name_;
  const EngineAddress address_;
  const HttpAccess access_;
  ApiClient client_;
  std::mutex mutex_;
  std::string prefix_;  ///< guarded by mutex_
};

}  // namespace weir
