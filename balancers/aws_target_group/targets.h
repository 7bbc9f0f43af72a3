#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "model/error.h"
#include "platform/aws/client.h"

namespace weir {

/// A target as its group knows it.
struct AwsTarget {
  std::string id;  ///< an instance, or an IP address
  int port = 0;
  std::string state;    ///< "initial", "healthy", "unhealthy", "unused", "draining", "unavailable"
  std::string address;  ///< host:port; of an instance that EC2 does not know: ID:port

  [[nodiscard]] bool is_draining() const { return state.ends_with("draining"); }
  /// It gets traffic now, or nobody asks (the group stands behind no load balancer).
  [[nodiscard]] bool serves() const { return state == "healthy" || state == "unused" || state == "unavailable"; }
  [[nodiscard]] bool is_same(const AwsTarget& other) const { return id == other.id && port == other.port; }
};

/// The calls about one target group. Thread-safe. Errors as AwsClient's.
class AwsTargets {
 public:
  enum class Kind { instance, ip };

  AwsTargets(AwsClient& client, std::string arn, bool public_addresses)
      : client_(client), arn_(std::move(arn)), public_addresses_(public_addresses) {}

  /// invalid for a group of Lambda functions or load balancers.
  [[nodiscard]] Result<Kind> kind(const std::stop_token& stop);
  /// All, those that are draining too, sorted by address.
  [[nodiscard]] Result<std::vector<AwsTarget>> describe(const std::stop_token& stop);
  [[nodiscard]] Result<void> add(const std::vector<AwsTarget>& targets, const std::stop_token& stop);
  [[nodiscard]] Result<void> remove(const std::vector<AwsTarget>& targets, const std::stop_token& stop);
  /// So that EC2 need not be asked.
  void remember_host(const std::string& instance, const std::string& host);

 private:
  [[nodiscard]] Result<void> change(const std::string& action, const std::vector<AwsTarget>& targets, const std::stop_token& stop);
  void learn_hosts(const XmlElement& instances);
  [[nodiscard]] Result<void> find_hosts(const std::vector<AwsTarget>& targets, const std::stop_token& stop);

  AwsClient& client_;
  const std::string arn_;
  const bool public_addresses_;
  std::mutex mutex_;
  std::optional<Kind> kind_;
  std::map<std::string, std::string> hosts_;  ///< by instance
};

}  // namespace weir
