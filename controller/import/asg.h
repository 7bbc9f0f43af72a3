#pragma once

#include <string>
#include <string_view>

#include "controller/import/entry.h"

namespace weir {

/// Turns AWS Auto Scaling policies into groups, one for each Auto Scaling group they name. Takes the JSON of
/// `aws autoscaling put-scaling-policy --cli-input-json` (one or a list), answers of the AWS command line (`ScalingPolicies`,
/// `AutoScalingGroups`, `ScheduledUpdateGroupActions`, `MetricAlarms`, in one object or in a list of them), and CloudFormation
/// templates. Errors: none of these, or a value that AWS would refuse too. `file` is only for messages.
[[nodiscard]] ImportResult import_asg(std::string_view text, const std::string& file);

}  // namespace weir
