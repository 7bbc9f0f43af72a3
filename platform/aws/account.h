#pragma once

#include <functional>
#include <optional>
#include <string>

#include "model/settings.h"
#include "model/time.h"

namespace weir {

/// An AWS account and region as configured; what the entry of `providers:` says.
struct AwsAccount {
  std::string name;               ///< of the provider: in messages, log and metrics
  std::string region;             ///< "eu-central-1"
  std::string endpoint;           ///< instead of AWS's own; {service} in it is replaced. Empty: AWS's own
  std::string profile;            ///< of the shared credentials file; empty: whatever the chain finds
  std::string access_key_id;      ///< empty: whatever the chain finds
  std::string secret_access_key;  ///< never in a message
};

/// The keys `region`, `endpoint`, `profile`, `access_key_id` and `secret_access_key` of a provider.
[[nodiscard]] AwsAccount read_aws_account(std::string name, const Settings& provider);

/// What else the AWS parts take from this machine; tests have their own.
struct AwsSurroundings {
  std::function<std::optional<std::string>(const std::string&)> variable;  ///< of the environment
  std::function<TimePoint()> now;                                          ///< wall clock

  /// The real ones.
  [[nodiscard]] static AwsSurroundings of_this_process();
};

}  // namespace weir
