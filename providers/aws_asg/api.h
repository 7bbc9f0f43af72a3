#pragma once

#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/time.h"
#include "platform/aws/client.h"

namespace weir {

/// An instance as its Auto Scaling group knows it.
struct AsgMember {
  std::string id;
  std::string lifecycle;  ///< "InService", "Pending:Wait" …
  std::string health;     ///< "Healthy" | "Unhealthy"
  std::string zone;
  bool protected_from_scale_in = false;
  std::string template_version;  ///< of the launch template it was made from, a number; empty: it was made from none

  /// Of those that DesiredCapacity counts: on its way in, or in.
  [[nodiscard]] bool is_live() const;
  /// On its way out, by whomever.
  [[nodiscard]] bool is_leaving() const;
};

/// An Auto Scaling group at one instant.
struct AutoScalingGroup {
  std::string name;
  int min = 0;
  int max = 0;
  int desired = 0;
  bool counts_instances = true;     ///< false: DesiredCapacity is in vCPUs, memory, or weights
  std::set<std::string> suspended;  ///< processes
  std::vector<AsgMember> members;
  std::string template_id;       ///< the launch template of its own; empty: a launch configuration, or a mix of templates
  std::string template_version;  ///< a number, `$Latest` or `$Default`

  [[nodiscard]] int live() const;
  [[nodiscard]] const AsgMember* member(const std::string& id) const;
};

/// An instance as EC2 knows it, with the tags that weir put on it.
struct Ec2Instance {
  std::string id;
  std::string state;  ///< "pending" | "running" | "stopped" …
  std::string private_address;
  std::string public_address;
  TimePoint launched_at{};
  std::string auto_scaling_group;
  std::string token;
  std::string group;
  std::string version;
};

/// A launch that the Auto Scaling group could not make.
struct FailedLaunch {
  std::string id;  ///< of the activity
  std::string why;
};

/// The calls that the provider needs. Thread-safe. Errors as AwsClient's; unavailable for an answer that lacks what it must have.
class AsgApi {
 public:
  explicit AsgApi(AwsClient& client) : client_(client) {}

  /// Those of these groups that exist.
  [[nodiscard]] Result<std::vector<AutoScalingGroup>> describe(const std::vector<std::string>& names, const std::stop_token& stop);
  /// The instances of these groups that EC2 knows of yet, or still.
  [[nodiscard]] Result<std::vector<Ec2Instance>> instances_of(const std::vector<std::string>& names, const std::stop_token& stop);
  /// All instances that carry weir's tag.
  [[nodiscard]] Result<std::vector<Ec2Instance>> tagged_instances(const std::stop_token& stop);
  /// The latest.
  [[nodiscard]] Result<std::vector<FailedLaunch>> failed_launches(const std::string& name, const std::stop_token& stop);

  [[nodiscard]] Result<void> set_desired(const std::string& name, int desired, const std::stop_token& stop);
  [[nodiscard]] Result<void> set_bounds(const std::string& name, int min, int max, const std::stop_token& stop);
  /// What it launches from now on: this version of the launch template it has.
  [[nodiscard]] Result<void> set_template_version(const AutoScalingGroup& group, const std::string& version,
                                                  const std::stop_token& stop);
  /// Puts weir's tags on an instance. not_found: EC2 does not know it yet.
  [[nodiscard]] Result<void> tag(const std::string& instance, const Ec2Instance& tags, const std::stop_token& stop);
  [[nodiscard]] Result<void> terminate(const std::string& instance, bool decrement, const std::stop_token& stop);
  /// Takes an instance out of its group and leaves it running.
  [[nodiscard]] Result<void> detach(const std::string& name, const std::string& instance, bool decrement,
                                    const std::stop_token& stop);
  [[nodiscard]] Result<void> complete_hook(const std::string& name, const std::string& hook, const std::string& instance,
                                           const std::stop_token& stop);
  [[nodiscard]] Result<void> prolong_hook(const std::string& name, const std::string& hook, const std::string& instance,
                                          const std::stop_token& stop);

 private:
  [[nodiscard]] Result<void> change(const AwsCall& call, const std::stop_token& stop);
  [[nodiscard]] Result<void> describe_instances(AwsParameters filters, std::vector<Ec2Instance>& instances,
                                                const std::stop_token& stop);

  AwsClient& client_;
};

}  // namespace weir
