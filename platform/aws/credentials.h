#pragma once

#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "model/error.h"
#include "platform/api_client.h"
#include "platform/aws/account.h"

namespace weir {

/// What requests are signed with. Never in a message, a log or a plan.
struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;            ///< of temporary credentials
  std::optional<TimePoint> expires_at;  ///< of those that say so

  bool operator==(const AwsCredentials&) const = default;
};

/// Finds credentials where AWS's own tools do: the configured key, or the configured profile of the shared credentials file; else
/// the environment, that file's AWS_PROFILE or default profile, a container's credential endpoint, and the instance's metadata
/// service (version 2 only). Keeps them until shortly before they expire. Thread-safe.
class AwsCredentialChain {
 public:
  AwsCredentialChain(Network& network, AwsAccount account, AwsSurroundings surroundings);

  /// Errors: denied if there are none, or they make no sense; unavailable if a service that has them does not answer; cancelled.
  [[nodiscard]] Result<AwsCredentials> get(const std::stop_token& stop);

  /// These were refused as expired: the next get() looks for others, unless somebody already has.
  void refuse(const AwsCredentials& refused);

 private:
  /// Absent: this source does not apply here, the next is asked.
  using Found = Result<std::optional<AwsCredentials>>;
  [[nodiscard]] Result<AwsCredentials> find(const std::stop_token& stop);
  [[nodiscard]] Found from_environment() const;
  [[nodiscard]] Found from_file() const;
  [[nodiscard]] Found from_container(const std::stop_token& stop);
  [[nodiscard]] Found from_instance(const std::stop_token& stop);
  [[nodiscard]] Result<std::string> fetch(std::string operation, HttpRequest request, const std::stop_token& stop);
  [[nodiscard]] std::string variable(const std::string& name) const { return surroundings_.variable(name).value_or(""); }
  [[nodiscard]] bool is_fresh(Duration ahead) const;

  const AwsAccount account_;
  const AwsSurroundings surroundings_;
  ApiClient api_;
  std::mutex mutex_;  ///< held while they are looked for: whoever needs them has to wait for them anyway
  std::optional<AwsCredentials> known_;
  std::optional<TimePoint> retry_at_;  ///< a renewal failed while the old ones are still good
};

/// The section `profile` of a shared credentials file. Errors: denied, naming what is wrong with it; absent: no such section.
[[nodiscard]] Result<std::optional<AwsCredentials>> parse_credentials_file(std::string_view text, std::string_view profile);

/// What a container's endpoint and the metadata service answer. Errors: unavailable.
[[nodiscard]] Result<AwsCredentials> parse_credentials_json(const std::string& text);

}  // namespace weir
