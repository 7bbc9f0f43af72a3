#include "tests/fakes/aws_cloud.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir {
namespace {

using Answer = HttpStub::Answer;
using Parameters = AwsCloud::Parameters;

constexpr TimePoint kBegin{std::chrono::hours(494'000)};
constexpr WaitingClock::Moment kClockBegin{std::chrono::hours(1000)};
constexpr const char* kZones[] = {"us-east-1a", "us-east-1b", "us-east-1c"};
constexpr Duration kLaunchRetry = std::chrono::minutes(1);

std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      result += text[at];
      continue;
    }
    result += static_cast<char>(std::stoi(std::string(text.substr(at + 1, 2)), nullptr, 16));
    at += 2;
  }
  return result;
}

Parameters parse_form(std::string_view body) {
  Parameters parameters;
  while (!body.empty()) {
    const std::size_t end = std::min(body.find('&'), body.size());
    const std::string_view pair = body.substr(0, end);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    parameters[decoded(pair.substr(0, equals))] = equals < pair.size() ? decoded(pair.substr(equals + 1)) : "";
    body.remove_prefix(std::min(end + 1, body.size()));
  }
  return parameters;
}

std::string value_of(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

/// `NAME.1`, `NAME.2` …
std::vector<std::string> list_of(const Parameters& parameters, const std::string& name) {
  std::vector<std::string> values;
  for (int index = 1; parameters.contains(fmt::format("{}.{}", name, index)); ++index) {
    values.push_back(value_of(parameters, fmt::format("{}.{}", name, index)));
  }
  return values;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
  return result;
}

std::string time_text(TimePoint time) {
  std::string text = format_time(time);
  return text.substr(0, 19) + "Z";
}

/// Auto Scaling and load balancing.
Answer result(const std::string& action, const std::string& body) {
  return {.body = fmt::format("<{0}Response xmlns=\"http://amazonaws.com/doc/\"><{0}Result>{1}</{0}Result><ResponseMetadata>"
                              "<RequestId>r</RequestId></ResponseMetadata></{0}Response>",
                              action, body),
          .content_type = "text/xml"};
}

Answer ec2_result(const std::string& action, const std::string& body) {
  return {.body = fmt::format(
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{0}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">"
              "<requestId>r</requestId>{1}</{0}Response>",
              action, body),
          .content_type = "text/xml"};
}

Answer invalid(const std::string& message) { return AwsCloud::refusal(400, "ValidationError", message); }

bool is_live(const AwsCloud::Instance& instance) {
  return instance.lifecycle.starts_with("Pending") || instance.lifecycle == "InService";
}
bool is_leaving(const AwsCloud::Instance& instance) { return instance.lifecycle.starts_with("Terminating"); }
bool is_gone(const AwsCloud::Instance& instance) { return instance.lifecycle == "Terminated"; }

}  // namespace

AwsCloud::AwsCloud(ImpatientClock& clock)
    : clock_(clock), stub_([this](const HttpStub::Request& request) { return answer(request); }) {}

TimePoint AwsCloud::now() const { return kBegin + std::chrono::floor<Duration>(clock_.now() - kClockBegin); }

AwsSurroundings AwsCloud::surroundings() {
  return {.variable = [](const std::string&) { return std::optional<std::string>(); }, .now = [this] { return now(); }};
}

Answer AwsCloud::refusal(int status, const std::string& code, const std::string& message, bool ec2) {
  const std::string error = fmt::format("<Code>{}</Code><Message>{}</Message>", code, escaped(message));
  if (ec2) {
    return {.status = status,
            .body = fmt::format("<Response><Errors><Error>{}</Error></Errors><RequestID>r</RequestID></Response>", error)};
  }
  return {.status = status,
          .body = fmt::format(
              "<ErrorResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\"><Error><Type>Sender</Type>{}</Error>"
              "<RequestId>r</RequestId></ErrorResponse>",
              error)};
}

// --- what tests do to it ---------------------------------------------------------------------------------------------------------

void AwsCloud::add_group(const std::string& name, const GroupSpec& spec) {
  const std::lock_guard lock(mutex_);
  groups_[name].spec = spec;
  settle_all();
}
void AwsCloud::set_bounds(const std::string& name, int min, int max) {
  const std::lock_guard lock(mutex_);
  groups_.at(name).spec.min = min;
  groups_.at(name).spec.max = max;
}
void AwsCloud::set_desired(const std::string& name, int desired) {
  const std::lock_guard lock(mutex_);
  groups_.at(name).spec.desired = desired;
  settle_all();
}
void AwsCloud::set_room(int instances) {
  const std::lock_guard lock(mutex_);
  room_ = instances;
}
void AwsCloud::suspend(const std::string& name, const std::string& process) {
  const std::lock_guard lock(mutex_);
  groups_.at(name).suspended.insert(process);
}
void AwsCloud::protect(const std::string& instance) {
  const std::lock_guard lock(mutex_);
  instances_.at(instance).protected_from_scale_in = true;
}
void AwsCloud::set_health(const std::string& instance, const std::string& health) {
  const std::lock_guard lock(mutex_);
  instances_.at(instance).health = health;
}
void AwsCloud::put(const std::string& instance, const std::string& lifecycle) {
  const std::lock_guard lock(mutex_);
  enter(instances_.at(instance), lifecycle);
}
void AwsCloud::set_ec2_state(const std::string& instance, const std::string& state) {
  const std::lock_guard lock(mutex_);
  instances_.at(instance).ec2_state = state;
}
void AwsCloud::take_away(const std::string& instance) {
  const std::lock_guard lock(mutex_);
  enter(instances_.at(instance), "Terminating");
  settle_all();
}
void AwsCloud::add_target_group(const std::string& arn, const std::string& type) {
  const std::lock_guard lock(mutex_);
  target_groups_[arn].type = type;
}
void AwsCloud::set_target_health(const std::string& target, const std::string& state) {
  const std::lock_guard lock(mutex_);
  target_health_[target] = state;
}
void AwsCloud::fail(const std::string& action, Fault fault, int times) {
  const std::lock_guard lock(mutex_);
  for (; times > 0; --times) faults_[action].push_back(fault);
}

void AwsCloud::heal() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
}

std::vector<AwsCloud::Instance> AwsCloud::instances(const std::string& group) {
  const std::lock_guard lock(mutex_);
  settle_all();
  std::vector<Instance> found;
  for (const auto& [id, each] : instances_) {
    if (each.group == group && !is_gone(each)) found.push_back(each);
  }
  return found;
}
std::string AwsCloud::ec2_state(const std::string& instance) {
  const std::lock_guard lock(mutex_);
  settle_all();
  return instances_.at(instance).ec2_state;
}
int AwsCloud::desired(const std::string& group) {
  const std::lock_guard lock(mutex_);
  return groups_.at(group).spec.desired;
}
std::string AwsCloud::template_version(const std::string& group) {
  const std::lock_guard lock(mutex_);
  return groups_.at(group).spec.template_version;
}
std::pair<int, int> AwsCloud::bounds(const std::string& group) {
  const std::lock_guard lock(mutex_);
  return {groups_.at(group).spec.min, groups_.at(group).spec.max};
}
int AwsCloud::victims_of_aws() const {
  const std::lock_guard lock(mutex_);
  return victims_;
}
int AwsCloud::calls(const std::string& action) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(action);
  return found == calls_.end() ? 0 : found->second;
}
std::vector<std::string> AwsCloud::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

// --- how it goes on --------------------------------------------------------------------------------------------------------------

void AwsCloud::settle_all() {
  for (auto& [name, group] : groups_) settle(name, group);
}

void AwsCloud::settle(const std::string& name, Group& group) {
  for (auto& [id, instance] : instances_) {
    if (instance.group == name) age(instance, group);
  }
  even_out(name, group);
}

void AwsCloud::enter(Instance& instance, const std::string& lifecycle) {
  instance.lifecycle = lifecycle;
  instance.since = now();
  instance.hook_end = now() + hook_timeout;
  instance.hook_passed = false;
  if (lifecycle == "Terminated") instance.ec2_state = "terminated";
  if (lifecycle == "Terminating:Proceed") instance.ec2_state = "shutting-down";
}

void AwsCloud::age(Instance& instance, const Group& group) {
  const Duration age = now() - instance.since;
  if (instance.lifecycle == "Pending" && age >= boot / 2) instance.ec2_state = "running";
  if (instance.lifecycle == "Pending" && age >= boot)
    enter(instance, group.spec.launch_hook.empty() ? "InService" : "Pending:Wait");
  // Nobody has answered the hook: its result is then to give the instance up.
  if (instance.lifecycle == "Pending:Wait" && now() >= instance.hook_end) enter(instance, "Terminating:Proceed");
  if (instance.lifecycle == "Pending:Wait" && instance.hook_passed) enter(instance, "InService");
  const bool waits = !group.spec.termination_hook.empty();
  if (instance.lifecycle == "Terminating") enter(instance, waits ? "Terminating:Wait" : "Terminating:Proceed");
  if (instance.lifecycle == "Terminating:Wait" && (instance.hook_passed || now() >= instance.hook_end)) {
    enter(instance, "Terminating:Proceed");
  }
  if (instance.lifecycle == "Terminating:Proceed" && now() - instance.since >= shutdown) enter(instance, "Terminated");
}

int AwsCloud::live(const std::string& group) const {
  return static_cast<int>(
      std::ranges::count_if(instances_, [&](const auto& each) { return each.second.group == group && is_live(each.second); }));
}

void AwsCloud::even_out(const std::string& name, Group& group) {
  while (live(name) < group.spec.desired && !group.suspended.contains("Launch")) {
    if (group.next_attempt && now() < *group.next_attempt) break;
    launch(name, group);
  }
  while (live(name) > group.spec.desired && !group.suspended.contains("Terminate")) {
    const auto victim = std::ranges::find_if(instances_, [&](const auto& each) {
      return each.second.group == name && is_live(each.second) && !each.second.protected_from_scale_in;
    });
    if (victim == instances_.end()) break;
    ++victims_;
    enter(victim->second, "Terminating");
  }
}

void AwsCloud::launch(const std::string& name, Group& group) {
  const bool room = std::ranges::count_if(instances_, [](const auto& each) { return !is_gone(each.second); }) < room_;
  const int number = next_++;
  const std::string status =
      room ? "<StatusCode>Successful</StatusCode>"
           : "<StatusCode>Failed</StatusCode><StatusMessage>We currently do not have sufficient t3.micro capacity in the "
             "Availability Zone you requested. Launching EC2 instance failed.</StatusMessage>";
  const std::string id = fmt::format("i-{:017x}", static_cast<std::uint64_t>(number) * 2654435761U % 1000003U);
  group.activities.insert(
      group.activities.begin(),
      fmt::format("<member><ActivityId>activity-{}</ActivityId><AutoScalingGroupName>{}</AutoScalingGroupName>"
                  "<Description>Launching a new EC2 instance{}</Description><Cause>c</Cause><StartTime>{}</StartTime>{}"
                  "<Progress>100</Progress></member>",
                  number, name, room ? ": " + id : "", time_text(now()), status));
  group.next_attempt.reset();
  if (!room) {
    group.next_attempt = now() + kLaunchRetry;
    return;
  }
  instances_[id] = {.id = id,
                    .group = name,
                    .zone = least_used_zone(name),
                    .lifecycle = "Pending",
                    .launched_at = now(),
                    .since = now(),
                    .hook_end = now(),
                    .tags = {{"aws:autoscaling:groupName", name}},
                    .tagged_at = TimePoint{},
                    .address = host.empty() ? fmt::format("10.0.{}.{}", number / 200, number % 200 + 10) : host,
                    .template_version = group.spec.template_id.empty() ? "" : group.spec.template_version};
}

std::string AwsCloud::least_used_zone(const std::string& group) const {
  const auto used = [&](const char* zone) {
    return std::ranges::count_if(instances_, [&](const auto& each) {
      return each.second.group == group && each.second.zone == zone && is_live(each.second);
    });
  };
  return *std::ranges::min_element(kZones, {}, used);
}

AwsCloud::Instance* AwsCloud::find(const std::string& id) {
  const auto found = instances_.find(id);
  return found == instances_.end() || is_gone(found->second) ? nullptr : &found->second;
}

// --- what it answers -------------------------------------------------------------------------------------------------------------

Answer AwsCloud::answer(const HttpStub::Request& request) {
  clock_.pass(pace);
  const std::lock_guard lock(mutex_);
  settle_all();
  const Parameters parameters = parse_form(request.body);
  const std::string action = value_of(parameters, "Action");
  ++calls_[action];
  const auto authorization = request.headers.find("authorization");
  if (authorization == request.headers.end() || !authorization->second.contains("aws4_request"))
    violations_.push_back("not signed");
  std::string wrong = model_.complaint_about(parameters);
  if (!wrong.empty()) violations_.push_back(wrong);
  if (!wrong.empty()) return refusal(400, "ValidationError", wrong);
  std::optional<Fault> fault;
  if (auto& waiting = faults_[action]; !waiting.empty()) {
    fault = waiting.front();
    waiting.pop_front();
  }
  if (fault && fault->kind == Fault::Kind::refused) return fault->answer;
  if (fault && fault->kind == Fault::Kind::dropped) return {.ending = HttpStub::Ending::reset};
  Answer answer = act(parameters);
  settle_all();
  const Result<XmlElement> said = parse_xml(answer.body);
  wrong = !said ? said.error().message : answer.status == 200 ? model_.complaint_about(action, *said) : "";
  if (!wrong.empty()) violations_.push_back(fmt::format("answer to {}: {}", action, wrong));
  if (fault) answer.ending = HttpStub::Ending::reset;
  return answer;
}

Answer AwsCloud::act(const Parameters& parameters) {
  const std::string action = value_of(parameters, "Action");
  if (action == "DescribeAutoScalingGroups") return describe_groups(parameters);
  if (action == "SetDesiredCapacity") return set_desired(parameters);
  if (action == "UpdateAutoScalingGroup") return update_group(parameters);
  if (action == "TerminateInstanceInAutoScalingGroup") return terminate(parameters);
  if (action == "DetachInstances") return detach(parameters);
  if (action == "DescribeScalingActivities") return describe_activities(parameters);
  if (action == "CompleteLifecycleAction" || action == "RecordLifecycleActionHeartbeat") return hook(parameters);
  if (action == "DescribeInstances") return describe_instances(parameters);
  if (action == "CreateTags") return create_tags(parameters);
  return targets(parameters);
}

namespace {

std::string template_xml(const std::string& id, const std::string& version) {
  if (id.empty() || version.empty()) return {};
  return fmt::format(
      "<LaunchTemplate><LaunchTemplateId>{}</LaunchTemplateId><LaunchTemplateName>app</LaunchTemplateName><Version>{}</Version>"
      "</LaunchTemplate>",
      id, version);
}

}  // namespace

std::string AwsCloud::xml_of(const std::string& name, const Group& group) const {
  std::string members;
  for (const auto& [id, each] : instances_) {
    if (each.group != name || is_gone(each)) continue;
    members += fmt::format(
        "<member><InstanceId>{}</InstanceId><InstanceType>t3.micro</InstanceType><AvailabilityZone>{}</AvailabilityZone>"
        "<LifecycleState>{}</LifecycleState><HealthStatus>{}</HealthStatus><ProtectedFromScaleIn>{}"
        "</ProtectedFromScaleIn>{}</member>",
        id, each.zone, each.lifecycle, each.health, each.protected_from_scale_in,
        template_xml(group.spec.template_id, each.template_version));
  }
  std::string suspended;
  for (const std::string& process : group.suspended) {
    suspended +=
        fmt::format("<member><ProcessName>{}</ProcessName><SuspensionReason>User suspended</SuspensionReason></member>", process);
  }
  return fmt::format(
      "<member><AutoScalingGroupName>{}</AutoScalingGroupName>{}<MinSize>{}</MinSize><MaxSize>{}</MaxSize><DesiredCapacity>{}"
      "</DesiredCapacity><DefaultCooldown>300</DefaultCooldown><AvailabilityZones><member>us-east-1a</member>"
      "</AvailabilityZones><LoadBalancerNames/><HealthCheckType>EC2</HealthCheckType><Instances>{}</Instances>"
      "<CreatedTime>2026-01-01T00:00:00Z</CreatedTime><SuspendedProcesses>{}</SuspendedProcesses></member>",
      escaped(name), template_xml(group.spec.template_id, group.spec.template_version), group.spec.min, group.spec.max,
      group.spec.desired, members, suspended);
}

Answer AwsCloud::describe_groups(const Parameters& parameters) {
  const std::vector<std::string> wanted = list_of(parameters, "AutoScalingGroupNames.member");
  const std::string token = value_of(parameters, "NextToken");
  std::string body;
  std::string next;
  int count = 0;
  for (const auto& [name, group] : groups_) {
    if (!wanted.empty() && std::ranges::find(wanted, name) == wanted.end()) continue;
    if (!token.empty() && name < token) continue;
    if (count++ == page) {
      next = name;
      break;
    }
    body += xml_of(name, group);
  }
  body = body.empty() ? "<AutoScalingGroups/>" : "<AutoScalingGroups>" + body + "</AutoScalingGroups>";
  if (!next.empty()) body += "<NextToken>" + escaped(next) + "</NextToken>";
  return result("DescribeAutoScalingGroups", body);
}

Answer AwsCloud::set_desired(const Parameters& parameters) {
  const auto found = groups_.find(value_of(parameters, "AutoScalingGroupName"));
  if (found == groups_.end()) return invalid("AutoScalingGroup name not found - null");
  GroupSpec& spec = found->second.spec;
  const int wanted = std::stoi(value_of(parameters, "DesiredCapacity"));
  if (checks_bounds && wanted > spec.max) {
    return invalid(
        fmt::format("New SetDesiredCapacity value {} is above max value {} for the AutoScalingGroup.", wanted, spec.max));
  }
  if (checks_bounds && wanted < spec.min) {
    return invalid(
        fmt::format("New SetDesiredCapacity value {} is below min value {} for the AutoScalingGroup.", wanted, spec.min));
  }
  if (value_of(parameters, "HonorCooldown") == "true") {
    return refusal(400, "ScalingActivityInProgress", "Scaling activity 0ea5f0da is in progress and blocks this action");
  }
  spec.desired = wanted;
  return {
      .body =
          "<SetDesiredCapacityResponse><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></SetDesiredCapacityResponse>"};
}

Answer AwsCloud::update_group(const Parameters& parameters) {
  const auto found = groups_.find(value_of(parameters, "AutoScalingGroupName"));
  if (found == groups_.end()) return invalid("AutoScalingGroup name not found - null");
  GroupSpec& spec = found->second.spec;
  if (parameters.contains("LaunchTemplate.Version")) {
    const std::string version = value_of(parameters, "LaunchTemplate.Version");
    if (value_of(parameters, "LaunchTemplate.LaunchTemplateId") != spec.template_id || std::stoi(version) > template_versions) {
      return invalid(
          fmt::format("You must use a valid fully-formed launch template. Could not find the specified version {} for the "
                      "launch template with ID {}.",
                      version, spec.template_id));
    }
    spec.template_version = version;
  }
  if (parameters.contains("MinSize")) spec.min = std::stoi(value_of(parameters, "MinSize"));
  if (parameters.contains("MaxSize")) spec.max = std::stoi(value_of(parameters, "MaxSize"));
  spec.desired = std::clamp(spec.desired, spec.min, spec.max);
  return {.body =
              "<UpdateAutoScalingGroupResponse><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
              "</UpdateAutoScalingGroupResponse>"};
}

std::optional<Answer> AwsCloud::count_down(const Parameters& parameters, const std::string& group) {
  GroupSpec& spec = groups_.at(group).spec;
  const bool decrement = value_of(parameters, "ShouldDecrementDesiredCapacity") == "true";
  if (decrement && checks_bounds && spec.desired <= spec.min) {
    return invalid(
        fmt::format("Currently, desiredSize equals minSize ({}). Terminating instance without replacement will violate group's min "
                    "size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.",
                    spec.min));
  }
  if (decrement) --spec.desired;
  return std::nullopt;
}

Answer AwsCloud::detach(const Parameters& parameters) {
  const std::string id = value_of(parameters, "InstanceIds.member.1");
  Instance* instance = find(id);
  if (instance == nullptr || instance->group != value_of(parameters, "AutoScalingGroupName")) {
    return invalid(fmt::format("The instance {} is not part of Auto Scaling group", id));
  }
  if (const std::optional<Answer> refused = count_down(parameters, instance->group)) return *refused;
  instance->group.clear();
  instance->lifecycle = "Detached";
  instance->tags.erase("aws:autoscaling:groupName");
  return result("DetachInstances", "<Activities/>");
}

Answer AwsCloud::terminate(const Parameters& parameters) {
  const std::string id = value_of(parameters, "InstanceId");
  Instance* instance = find(id);
  if (instance == nullptr || instance->group.empty())
    return invalid("Instance Id not found - No managed instance found for instance ID " + id);
  if (const std::optional<Answer> refused = count_down(parameters, instance->group)) return *refused;
  if (!is_leaving(*instance)) enter(*instance, "Terminating");
  return result(
      "TerminateInstanceInAutoScalingGroup",
      fmt::format(
          "<Activity><ActivityId>a</ActivityId><AutoScalingGroupName>{}</AutoScalingGroupName><Description>Terminating EC2 "
          "instance: {}</Description><Cause>c</Cause><StartTime>{}</StartTime><StatusCode>InProgress</StatusCode></Activity>",
          instance->group, id, time_text(now())));
}

Answer AwsCloud::describe_activities(const Parameters& parameters) {
  std::string body;
  const auto found = groups_.find(value_of(parameters, "AutoScalingGroupName"));
  if (found != groups_.end()) {
    for (const std::string& activity : found->second.activities) body += activity;
  }
  return result("DescribeScalingActivities", "<Activities>" + body + "</Activities>");
}

Answer AwsCloud::hook(const Parameters& parameters) {
  const std::string action = value_of(parameters, "Action");
  Instance* instance = find(value_of(parameters, "InstanceId"));
  const std::string hook = value_of(parameters, "LifecycleHookName");
  const GroupSpec* spec = instance == nullptr || instance->group.empty() ? nullptr : &groups_.at(instance->group).spec;
  const bool waits = spec != nullptr && ((instance->lifecycle == "Pending:Wait" && hook == spec->launch_hook) ||
                                         (instance->lifecycle == "Terminating:Wait" && hook == spec->termination_hook));
  if (!waits) return invalid("No active Lifecycle Action found with instance ID " + value_of(parameters, "InstanceId"));
  instance->hook_end = now() + hook_timeout;
  if (action == "CompleteLifecycleAction") instance->hook_passed = true;
  return result(action, "");
}

Answer AwsCloud::describe_instances(const Parameters& parameters) {
  const std::string filter = value_of(parameters, "Filter.1.Name");
  const std::vector<std::string> values = list_of(parameters, "Filter.1.Value");
  const std::string token = value_of(parameters, "NextToken");
  const auto has = [&](const std::string& value) { return std::ranges::find(values, value) != values.end(); };
  std::string body;
  std::string next;
  int count = 0;
  for (const auto& [id, each] : instances_) {
    if (now() < each.launched_at + ec2_lag) continue;
    std::map<std::string, std::string> tags = each.tags;
    if (now() < each.tagged_at + tag_lag) std::erase_if(tags, [](const auto& tag) { return tag.first.starts_with("weir:"); });
    const bool by_tag = filter.starts_with("tag:") && tags.contains(filter.substr(4)) && has(tags.at(filter.substr(4)));
    const bool by_key = filter == "tag-key" && std::ranges::any_of(tags, [&](const auto& tag) { return has(tag.first); });
    const bool by_id = filter == "instance-id" && has(id);
    if (!(by_tag || by_key || by_id) || (!token.empty() && id < token)) continue;
    if (count++ == page) {
      next = id;
      break;
    }
    std::string tag_set;
    for (const auto& [key, value] : tags)
      tag_set += fmt::format("<item><key>{}</key><value>{}</value></item>", key, escaped(value));
    const std::string addresses = is_gone(each) ? ""
                                                : fmt::format("<privateIpAddress>{}</privateIpAddress><ipAddress>203{}</ipAddress>",
                                                              each.address, each.address.substr(2));
    body += fmt::format(
        "<item><reservationId>r</reservationId><instancesSet><item><instanceId>{}</instanceId><instanceState><name>{}</name>"
        "</instanceState><launchTime>{}</launchTime>{}<tagSet>{}</tagSet></item></instancesSet></item>",
        id, each.ec2_state, time_text(each.launched_at), addresses, tag_set);
  }
  const std::string more = next.empty() ? "" : "<nextToken>" + next + "</nextToken>";
  return ec2_result("DescribeInstances", "<reservationSet>" + body + "</reservationSet>" + more);
}

Answer AwsCloud::create_tags(const Parameters& parameters) {
  for (const std::string& id : list_of(parameters, "ResourceId")) {
    Instance* instance = find(id);
    if (instance == nullptr || now() < instance->launched_at + ec2_lag) {
      return refusal(400, "InvalidInstanceID.NotFound", fmt::format("The instance ID '{}' does not exist", id), true);
    }
    for (int index = 1; parameters.contains(fmt::format("Tag.{}.Key", index)); ++index) {
      instance->tags[value_of(parameters, fmt::format("Tag.{}.Key", index))] =
          value_of(parameters, fmt::format("Tag.{}.Value", index));
    }
    instance->tagged_at = now();
  }
  return ec2_result("CreateTags", "");
}

// --- target groups ---------------------------------------------------------------------------------------------------------------

std::string AwsCloud::target_state(const Target& target) const {
  if (target.draining) return "draining";
  if (const auto said = target_health_.find(target.id); said != target_health_.end()) return said->second;
  return now() - target.since >= target_check ? "healthy" : "initial";
}

Answer AwsCloud::describe_targets(const TargetGroup& group) const {
  std::string body;
  for (const Target& each : group.targets) {
    body += fmt::format(
        "<member><Target><Id>{}</Id><Port>{}</Port></Target><HealthCheckPort>traffic-port</HealthCheckPort><TargetHealth>"
        "<State>{}</State></TargetHealth></member>",
        each.id, each.port, target_state(each));
  }
  return result("DescribeTargetHealth", "<TargetHealthDescriptions>" + body + "</TargetHealthDescriptions>");
}

Answer AwsCloud::describe_target_group(const std::string& arn, const TargetGroup& group) const {
  return result(
      "DescribeTargetGroups",
      fmt::format("<TargetGroups><member><TargetGroupArn>{}</TargetGroupArn><Protocol>HTTP</Protocol><Port>80</Port><TargetType>{}"
                  "</TargetType></member></TargetGroups>",
                  arn, group.type));
}

Answer AwsCloud::targets(const Parameters& parameters) {
  const std::string action = value_of(parameters, "Action");
  const std::string arn =
      action == "DescribeTargetGroups" ? value_of(parameters, "TargetGroupArns.member.1") : value_of(parameters, "TargetGroupArn");
  const auto found = target_groups_.find(arn);
  if (found == target_groups_.end()) return refusal(400, "TargetGroupNotFound", "One or more target groups not found");
  std::vector<Target>& targets = found->second.targets;
  std::erase_if(targets, [&](const Target& each) { return each.draining && now() - each.since >= deregistration_delay; });
  if (action == "DescribeTargetGroups") return describe_target_group(arn, found->second);
  if (action == "DescribeTargetHealth") return describe_targets(found->second);
  for (int index = 1; parameters.contains(fmt::format("Targets.member.{}.Id", index)); ++index) {
    const std::string id = value_of(parameters, fmt::format("Targets.member.{}.Id", index));
    const int port = std::stoi(value_of(parameters, fmt::format("Targets.member.{}.Port", index)));
    const auto is_it = [&](const Target& each) { return each.id == id && each.port == port; };
    const auto target = std::ranges::find_if(targets, is_it);
    if (action == "RegisterTargets" && target == targets.end()) {
      targets.push_back({id, port, false, now()});
      continue;
    }
    if (action == "RegisterTargets" && target->draining) *target = {id, port, false, now()};
    if (action == "DeregisterTargets" && target != targets.end() && !target->draining) *target = {id, port, true, now()};
  }
  return result(action, "");
}

}  // namespace weir
