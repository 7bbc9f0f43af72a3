#include "providers/aws_asg/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "model/text.h"
#include "platform/aws/times.h"

namespace weir {
namespace {

constexpr std::string_view kTokenTag = "weir:token";
constexpr std::string_view kGroupTag = "weir:group";
constexpr std::string_view kVersionTag = "weir:version";
constexpr std::string_view kAsgTag = "aws:autoscaling:groupName";  // AWS's own

/// Names in one DescribeAutoScalingGroups; more is an error.
constexpr std::size_t kMostNames = 50;
/// Values of one filter of DescribeInstances.
constexpr std::size_t kMostValues = 200;

std::optional<int> number(const std::string& text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

AsgMember member_of(const XmlElement& xml) {
  return {.id = xml.text_of("InstanceId"),
          .lifecycle = xml.text_of("LifecycleState"),
          .health = xml.text_of("HealthStatus"),
          .zone = xml.text_of("AvailabilityZone"),
          .protected_from_scale_in = xml.text_of("ProtectedFromScaleIn") == "true",
          .template_version = xml.child("LaunchTemplate").text_of("Version")};
}

bool counts_instances(const XmlElement& xml) {
  const std::string& unit = xml.text_of("DesiredCapacityType");
  const auto has_weight = [](const XmlElement& each) {
    const std::string& weight = each.text_of("WeightedCapacity");
    return !weight.empty() && weight != "1";
  };
  const XmlElement& overrides = xml.child("MixedInstancesPolicy").child("LaunchTemplate").child("Overrides");
  return (unit.empty() || unit == "units") && std::ranges::none_of(overrides.children, has_weight) &&
         std::ranges::none_of(xml.child("Instances").children, has_weight);
}

/// Absent: something that must be there is not.
std::optional<AutoScalingGroup> group_of(const XmlElement& xml) {
  const auto min = number(xml.text_of("MinSize"));
  const auto max = number(xml.text_of("MaxSize"));
  const auto desired = number(xml.text_of("DesiredCapacity"));
  if (!min || !max || !desired) return std::nullopt;
  AutoScalingGroup group{.name = xml.text_of("AutoScalingGroupName"),
                         .min = *min,
                         .max = *max,
                         .desired = *desired,
                         .counts_instances = counts_instances(xml),
                         .suspended = {},
                         .members = {},
                         .template_id = xml.child("LaunchTemplate").text_of("LaunchTemplateId"),
                         .template_version = xml.child("LaunchTemplate").text_of("Version")};
  for (const XmlElement& process : xml.child("SuspendedProcesses").children) group.suspended.insert(process.text_of("ProcessName"));
  std::ranges::transform(xml.child("Instances").children, std::back_inserter(group.members), member_of);
  const bool named =
      std::ranges::none_of(group.members, [](const AsgMember& each) { return each.id.empty() || each.lifecycle.empty(); });
  if (group.name.empty() || !named) return std::nullopt;
  return group;
}

Ec2Instance instance_of(const XmlElement& xml) {
  Ec2Instance instance{.id = xml.text_of("instanceId"),
                       .state = xml.child("instanceState").text_of("name"),
                       .private_address = xml.text_of("privateIpAddress"),
                       .public_address = xml.text_of("ipAddress"),
                       .launched_at = parse_aws_time(xml.text_of("launchTime")).value_or(TimePoint{})};
  for (const XmlElement& tag : xml.child("tagSet").children) {
    const std::string& key = tag.text_of("key");
    const std::string& value = tag.text_of("value");
    if (key == kTokenTag) instance.token = value;
    if (key == kGroupTag) instance.group = value;
    if (key == kVersionTag) instance.version = value;
    if (key == kAsgTag) instance.auto_scaling_group = value;
  }
  return instance;
}

/// The parts of `all`, none longer than `most`.
std::vector<std::vector<std::string>> in_parts(const std::vector<std::string>& all, std::size_t most) {
  std::vector<std::vector<std::string>> parts;
  for (std::size_t begin = 0; begin < all.size(); begin += most) {
    const std::size_t end = std::min(begin + most, all.size());
    parts.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(begin), all.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return parts;
}

AwsCall hook_call(std::string action, const std::string& name, const std::string& hook, const std::string& instance) {
  return {.service = AwsService::autoscaling,
          .action = std::move(action),
          .parameters = {{"AutoScalingGroupName", name}, {"LifecycleHookName", hook}, {"InstanceId", instance}},
          .repeat = Repeat::safe};
}

}  // namespace

bool AsgMember::is_live() const {
  return lifecycle.starts_with("Pending") || lifecycle == "InService" || lifecycle == "Quarantined" ||
         lifecycle.starts_with("ReplacingRootVolume") || lifecycle == "RootVolumeReplaced";
}

bool AsgMember::is_leaving() const { return lifecycle.starts_with("Terminating"); }

int AutoScalingGroup::live() const { return static_cast<int>(std::ranges::count_if(members, &AsgMember::is_live)); }

const AsgMember* AutoScalingGroup::member(const std::string& id) const {
  const auto found = std::ranges::find(members, id, &AsgMember::id);
  return found == members.end() ? nullptr : &*found;
}

Result<std::vector<AutoScalingGroup>> AsgApi::describe(const std::vector<std::string>& names, const std::stop_token& stop) {
  std::vector<AutoScalingGroup> groups;
  bool complete = true;
  const auto take = [&](const XmlElement& result) {
    for (const XmlElement& each : result.child("AutoScalingGroups").children) {
      std::optional<AutoScalingGroup> group = group_of(each);
      complete = complete && group;
      if (group) groups.push_back(std::move(*group));
    }
  };
  for (const auto& part : in_parts(names, kMostNames)) {
    AwsCall call{.service = AwsService::autoscaling,
                 .action = "DescribeAutoScalingGroups",
                 .parameters = {{"MaxRecords", "100"}},
                 .repeat = Repeat::safe};
    add_aws_list(call.parameters, call.service, "AutoScalingGroupNames", part);
    const Result<void> read = call_aws_pages(client_, std::move(call), "NextToken", take, stop);
    if (!read) return std::unexpected(read.error());
  }
  if (complete) return groups;
  return failure(ErrorKind::unavailable,
                 fmt::format("{}: DescribeAutoScalingGroups: the answer lacks sizes or instances", client_.account().name));
}

Result<void> AsgApi::describe_instances(AwsParameters filters, std::vector<Ec2Instance>& instances, const std::stop_token& stop) {
  AwsCall call{
      .service = AwsService::ec2, .action = "DescribeInstances", .parameters = {{"MaxResults", "1000"}}, .repeat = Repeat::safe};
  call.parameters.insert(call.parameters.end(), filters.begin(), filters.end());
  const auto take = [&](const XmlElement& result) {
    for (const XmlElement& reservation : result.child("reservationSet").children) {
      std::ranges::transform(reservation.child("instancesSet").children, std::back_inserter(instances), instance_of);
    }
  };
  return call_aws_pages(client_, std::move(call), "NextToken", take, stop);
}

Result<std::vector<Ec2Instance>> AsgApi::instances_of(const std::vector<std::string>& names, const std::stop_token& stop) {
  std::vector<Ec2Instance> instances;
  for (const auto& part : in_parts(names, kMostValues)) {
    AwsParameters filters{{"Filter.1.Name", fmt::format("tag:{}", kAsgTag)}};
    add_aws_list(filters, AwsService::ec2, "Filter.1.Value", part);
    const Result<void> read = describe_instances(std::move(filters), instances, stop);
    if (!read) return std::unexpected(read.error());
  }
  return instances;
}

Result<std::vector<Ec2Instance>> AsgApi::tagged_instances(const std::stop_token& stop) {
  std::vector<Ec2Instance> instances;
  AwsParameters filters{{"Filter.1.Name", "tag-key"}, {"Filter.1.Value.1", std::string(kTokenTag)}};
  const Result<void> read = describe_instances(std::move(filters), instances, stop);
  if (!read) return std::unexpected(read.error());
  return instances;
}

Result<std::vector<FailedLaunch>> AsgApi::failed_launches(const std::string& name, const std::stop_token& stop) {
  const AwsCall call{.service = AwsService::autoscaling,
                     .action = "DescribeScalingActivities",
                     .parameters = {{"AutoScalingGroupName", name}, {"MaxRecords", "50"}},
                     .repeat = Repeat::safe};
  const Result<XmlElement> result = client_.call(call, stop);
  if (!result) return std::unexpected(result.error());
  std::vector<FailedLaunch> failed;
  for (const XmlElement& activity : result->child("Activities").children) {
    const bool launch = activity.text_of("Description").starts_with("Launching");
    if (!launch || activity.text_of("StatusCode") != "Failed") continue;
    failed.push_back({activity.text_of("ActivityId"), quoted_line(activity.text_of("StatusMessage"), 300)});
  }
  return failed;
}

Result<void> AsgApi::change(const AwsCall& call, const std::stop_token& stop) {
  const Result<XmlElement> result = client_.call(call, stop);
  if (!result) return std::unexpected(result.error());
  return {};
}

Result<void> AsgApi::set_desired(const std::string& name, int desired, const std::stop_token& stop) {
  // Not the cooldown's business: weir has its own.
  return change(
      {.service = AwsService::autoscaling,
       .action = "SetDesiredCapacity",
       .parameters = {{"AutoScalingGroupName", name}, {"DesiredCapacity", std::to_string(desired)}, {"HonorCooldown", "false"}}},
      stop);
}

Result<void> AsgApi::set_bounds(const std::string& name, int min, int max, const std::stop_token& stop) {
  return change({.service = AwsService::autoscaling,
                 .action = "UpdateAutoScalingGroup",
                 .parameters = {{"AutoScalingGroupName", name}, {"MinSize", std::to_string(min)}, {"MaxSize", std::to_string(max)}},
                 .repeat = Repeat::safe},
                stop);
}

Result<void> AsgApi::set_template_version(const AutoScalingGroup& group, const std::string& version, const std::stop_token& stop) {
  return change({.service = AwsService::autoscaling,
                 .action = "UpdateAutoScalingGroup",
                 .parameters = {{"AutoScalingGroupName", group.name},
                                {"LaunchTemplate.LaunchTemplateId", group.template_id},
                                {"LaunchTemplate.Version", version}},
                 .repeat = Repeat::safe},
                stop);
}

Result<void> AsgApi::tag(const std::string& instance, const Ec2Instance& tags, const std::stop_token& stop) {
  return change({.service = AwsService::ec2,
                 .action = "CreateTags",
                 .parameters = {{"ResourceId.1", instance},
                                {"Tag.1.Key", std::string(kTokenTag)},
                                {"Tag.1.Value", tags.token},
                                {"Tag.2.Key", std::string(kGroupTag)},
                                {"Tag.2.Value", tags.group},
                                {"Tag.3.Key", std::string(kVersionTag)},
                                {"Tag.3.Value", tags.version}},
                 .repeat = Repeat::safe},
                stop);
}

Result<void> AsgApi::terminate(const std::string& instance, bool decrement, const std::stop_token& stop) {
  return change({.service = AwsService::autoscaling,
                 .action = "TerminateInstanceInAutoScalingGroup",
                 .parameters = {{"InstanceId", instance}, {"ShouldDecrementDesiredCapacity", decrement ? "true" : "false"}}},
                stop);
}

Result<void> AsgApi::detach(const std::string& name, const std::string& instance, bool decrement, const std::stop_token& stop) {
  return change({.service = AwsService::autoscaling,
                 .action = "DetachInstances",
                 .parameters = {{"AutoScalingGroupName", name},
                                {"InstanceIds.member.1", instance},
                                {"ShouldDecrementDesiredCapacity", decrement ? "true" : "false"}}},
                stop);
}

Result<void> AsgApi::complete_hook(const std::string& name, const std::string& hook, const std::string& instance,
                                   const std::stop_token& stop) {
  AwsCall call = hook_call("CompleteLifecycleAction", name, hook, instance);
  call.parameters.emplace_back("LifecycleActionResult", "CONTINUE");
  return change(call, stop);
}

Result<void> AsgApi::prolong_hook(const std::string& name, const std::string& hook, const std::string& instance,
                                  const std::stop_token& stop) {
  return change(hook_call("RecordLifecycleActionHeartbeat", name, hook, instance), stop);
}

}  // namespace weir
