#include "balancers/aws_target_group/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace weir {
namespace {

/// Targets in one call.
constexpr std::size_t kMostTargets = 100;
/// Values of one filter of DescribeInstances.
constexpr std::size_t kMostValues = 200;

int number(const std::string& text) {
  int value = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string address_of(const std::string& host, int port) {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace

Result<AwsTargets::Kind> AwsTargets::kind(const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    if (kind_) return *kind_;
  }
  AwsCall call{.service = AwsService::load_balancing, .action = "DescribeTargetGroups", .repeat = Repeat::safe};
  add_aws_list(call.parameters, call.service, "TargetGroupArns", {arn_});
  const Result<XmlElement> result = client_.call(call, stop);
  if (!result) return std::unexpected(result.error());
  const std::string& type = result->child("TargetGroups").child("member").text_of("TargetType");
  if (type != "instance" && type != "ip") {
    return failure(ErrorKind::invalid,
                   fmt::format("{}: {}: its targets are of type '{}', not instance or ip", client_.account().name, arn_, type));
  }
  const std::lock_guard lock(mutex_);
  kind_ = type == "ip" ? Kind::ip : Kind::instance;
  return *kind_;
}

void AwsTargets::remember_host(const std::string& instance, const std::string& host) {
  const std::lock_guard lock(mutex_);
  hosts_[instance] = host;
}

Result<std::vector<AwsTarget>> AwsTargets::describe(const std::stop_token& stop) {
  const Result<Kind> kind = this->kind(stop);
  if (!kind) return std::unexpected(kind.error());
  const AwsCall call{.service = AwsService::load_balancing,
                     .action = "DescribeTargetHealth",
                     .parameters = {{"TargetGroupArn", arn_}},
                     .repeat = Repeat::safe};
  const Result<XmlElement> result = client_.call(call, stop);
  if (!result) return std::unexpected(result.error());
  std::vector<AwsTarget> targets;
  for (const XmlElement& each : result->child("TargetHealthDescriptions").children) {
    const XmlElement& target = each.child("Target");
    targets.push_back(
        {.id = target.text_of("Id"), .port = number(target.text_of("Port")), .state = each.child("TargetHealth").text_of("State")});
    if (!targets.back().id.empty() && !targets.back().state.empty()) continue;
    return failure(ErrorKind::unavailable,
                   fmt::format("{}: DescribeTargetHealth: a target without id or state", client_.account().name));
  }
  if (*kind == Kind::instance) {
    if (const Result<void> found = find_hosts(targets, stop); !found) return std::unexpected(found.error());
  }
  for (AwsTarget& target : targets) {
    const std::lock_guard lock(mutex_);
    const auto host = hosts_.find(target.id);
    target.address = address_of(host == hosts_.end() ? target.id : host->second, target.port);
  }
  std::ranges::sort(targets, {}, &AwsTarget::address);
  return targets;
}

void AwsTargets::learn_hosts(const XmlElement& instances) {
  for (const XmlElement& reservation : instances.child("reservationSet").children) {
    for (const XmlElement& each : reservation.child("instancesSet").children) {
      const std::string& host = each.text_of(public_addresses_ ? "ipAddress" : "privateIpAddress");
      if (!host.empty()) remember_host(each.text_of("instanceId"), host);
    }
  }
}

/// An instance keeps its private address as long as it lives, so each is asked about once.
Result<void> AwsTargets::find_hosts(const std::vector<AwsTarget>& targets, const std::stop_token& stop) {
  std::vector<std::string> unknown;
  for (const AwsTarget& target : targets) {
    const std::lock_guard lock(mutex_);
    if (!hosts_.contains(target.id)) unknown.push_back(target.id);
  }
  while (!unknown.empty()) {
    const std::size_t count = std::min(unknown.size(), kMostValues);
    AwsCall call{.service = AwsService::ec2,
                 .action = "DescribeInstances",
                 .parameters = {{"MaxResults", "1000"}, {"Filter.1.Name", "instance-id"}},
                 .repeat = Repeat::safe};
    add_aws_list(call.parameters, call.service, "Filter.1.Value",
                 {unknown.end() - static_cast<std::ptrdiff_t>(count), unknown.end()});
    unknown.resize(unknown.size() - count);
    const auto take = [this](const XmlElement& result) { learn_hosts(result); };
    if (const Result<void> read = call_aws_pages(client_, std::move(call), "NextToken", take, stop); !read) return read;
  }
  return {};
}

Result<void> AwsTargets::change(const std::string& action, const std::vector<AwsTarget>& targets, const std::stop_token& stop) {
  for (std::size_t begin = 0; begin < targets.size(); begin += kMostTargets) {
    // Both are as good said twice as once.
    AwsCall call{
        .service = AwsService::load_balancing, .action = action, .parameters = {{"TargetGroupArn", arn_}}, .repeat = Repeat::safe};
    for (std::size_t index = begin; index < std::min(begin + kMostTargets, targets.size()); ++index) {
      const std::string prefix = fmt::format("Targets.member.{}.", index - begin + 1);
      call.parameters.emplace_back(prefix + "Id", targets[index].id);
      call.parameters.emplace_back(prefix + "Port", std::to_string(targets[index].port));
    }
    const Result<XmlElement> result = client_.call(call, stop);
    if (!result) return std::unexpected(result.error());
  }
  return {};
}

Result<void> AwsTargets::add(const std::vector<AwsTarget>& targets, const std::stop_token& stop) {
  return change("RegisterTargets", targets, stop);
}

Result<void> AwsTargets::remove(const std::vector<AwsTarget>& targets, const std::stop_token& stop) {
  return change("DeregisterTargets", targets, stop);
}

}  // namespace weir
