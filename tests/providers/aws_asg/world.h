#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "providers/aws_asg/aws_asg.h"
#include "tests/fakes/aws_cloud.h"
#include "tests/fakes/network.h"

namespace weir {

/// weir's provider and the AWS it acts on.
struct AwsAsgWorld {
  ImpatientNetwork network;
  AwsCloud cloud{network.clock};

  ~AwsAsgWorld() { EXPECT_THAT(cloud.violations(), testing::IsEmpty()); }

  [[nodiscard]] AwsAccount account() const {
    return {.name = "aws",
            .region = "us-east-1",
            .endpoint = cloud.url(),
            .access_key_id = "AKIDEXAMPLE",
            .secret_access_key = "hidden"};
  }
  [[nodiscard]] std::unique_ptr<Provider> open(bool own_bounds = false, bool acts = false) {
    return make_aws_asg_provider(
        {.account = account(), .acts = acts, .own_bounds = own_bounds, .surroundings = cloud.surroundings()}, network.network);
  }
  /// The group `name`, of the Auto Scaling group `NAME-asg`.
  [[nodiscard]] static Group group(const std::string& name, int min = 0, int max = 8) {
    Group group;
    group.name = name;
    group.min = min;
    group.max = max;
    group.server.set("auto_scaling_group", name + "-asg");
    group.server.set("port", std::int64_t{3000});
    group.server.set("address", std::string("private"));
    return group;
  }

  /// The same, with the versions of its launch template.
  [[nodiscard]] static Group group_of_templates(const std::string& name) {
    Group group = AwsAsgWorld::group(name);
    group.version = "1";
    group.server.set("versions", std::string("launch_template"));
    return group;
  }

  AwsAsgWorld() = default;
  AwsAsgWorld(const AwsAsgWorld&) = delete;
  AwsAsgWorld& operator=(const AwsAsgWorld&) = delete;
};

}  // namespace weir
