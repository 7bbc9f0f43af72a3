#pragma once

#include <memory>

#include "platform/aws/account.h"
#include "providers/provider.h"

namespace weir {

/// What the provider is made of; tests have surroundings of their own.
struct AwsAsgOptions {
  AwsAccount account;
  bool acts = false;        ///< see ProviderContext
  bool own_bounds = false;  ///< MinSize and MaxSize of the Auto Scaling groups follow min and max of weir's
  AwsSurroundings surroundings = AwsSurroundings::of_this_process();
};

/// A server is an instance of an Auto Scaling group, known by tags that weir puts on it. `network` must outlive it.
[[nodiscard]] std::unique_ptr<Provider> make_aws_asg_provider(AwsAsgOptions options, Network& network);

/// `type: aws_asg`.
[[nodiscard]] ProviderType aws_asg_provider_type();

/// Whether the group's versions are those of the Auto Scaling group's launch template.
[[nodiscard]] bool has_template_versions(const Settings& server);
/// A number as AWS counts the versions of a launch template.
[[nodiscard]] bool is_template_version(const std::string& version);

}  // namespace weir
