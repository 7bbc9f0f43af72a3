#include "providers/aws_asg/aws_asg.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <utility>

#include "platform/waiting_clock.h"
#include "providers/aws_asg/api.h"
#include "providers/aws_asg/apps.h"
#include "providers/aws_asg/fleet.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Moment = WaitingClock::Moment;

/// So often one launch looks for its instance, with these pauses; afterwards weir asks again with the same token.
constexpr int kLooks = 6;
constexpr Duration kFirstPause = 1s;
constexpr Duration kPause = 3s;
/// A removal whose answer was lost is not asked for again before AWS must have shown that it began.
constexpr Duration kRemovalPause = 15s;
constexpr Duration kHeartbeatPause = 20s;
/// An instance without a token that is younger may be the launch of a weir that ended before it could tag it.
constexpr Duration kInterruptedLaunch = 5min;

const std::string& asg_of(const Group& group) { return group.server.text("auto_scaling_group"); }

/// An Auto Scaling group and its instances, the latter as complete as can be known.
struct Look {
  AutoScalingGroup group;
  std::vector<Ec2Instance> instances;

  [[nodiscard]] const Ec2Instance* instance(const std::string& id) const {
    const auto found = std::ranges::find(instances, id, &Ec2Instance::id);
    return found == instances.end() ? nullptr : &*found;
  }
};

std::string address_of(const Ec2Instance& instance, const Settings& server) {
  const std::string& host = server.text("address") == "public" ? instance.public_address : instance.private_address;
  return host.empty() ? std::string() : fmt::format("{}:{}", host, server.integer("port"));
}

Phase phase_of(const AsgMember& member, const Ec2Instance& instance) {
  if (member.is_leaving()) return Phase::terminating;
  return member.lifecycle == "InService" && instance.state == "running" ? Phase::warming : Phase::pending;
}

std::string failure_of(const AsgMember& member, const Ec2Instance& instance) {
  if (member.is_leaving()) return {};
  if (member.health == "Unhealthy") return "the Auto Scaling group holds it for unhealthy and replaces it";
  const bool runs = instance.state.empty() || instance.state == "pending" || instance.state == "running";
  return runs ? std::string() : fmt::format("its EC2 instance is {}", instance.state);
}

/// The version of the launch template that a server of this version is made from; empty: whatever the Auto Scaling group has.
std::string made_of(const Group& group, const std::string& version) {
  return has_template_versions(group.server) ? version : std::string();
}

/// What a failed activity says of the cause.
ErrorKind kind_of_failure(const std::string& why) {
  const auto says = [&](std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(words, [&](std::string_view word) { return why.contains(word); });
  };
  if (says({"not authorized", "UnauthorizedOperation", "AccessDenied"})) return ErrorKind::denied;
  if (says({"InsufficientInstanceCapacity", "sufficient", "LimitExceeded", "limit", "quota"})) return ErrorKind::out_of_capacity;
  if (says({"does not exist", "Invalid", "invalid"})) return ErrorKind::invalid;
  return ErrorKind::out_of_capacity;
}

class AwsAsgProvider final : public Provider {
 public:
  AwsAsgProvider(AwsAsgOptions options, Network& network)
      : options_(std::move(options)),
        clock_(network.clock),
        client_(network, options_.account, options_.surroundings),
        api_(client_),
        http_(network.http),
        acts_(options_.acts) {}

  Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) override;
  Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override;
  Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) override;

 private:
  using Configured = std::map<std::string, const Group*>;  ///< by Auto Scaling group

  [[nodiscard]] Fleet& fleet(const std::string& name);
  [[nodiscard]] Result<Configured> by_name(std::span<const Group* const> groups) const;
  [[nodiscard]] Result<std::vector<Look>> look_at_all(const Configured& configured, const std::stop_token& stop);
  [[nodiscard]] std::vector<Server> servers_of(const Look& look, const Group* group, int promised);
  [[nodiscard]] Server server_of(const Look& look, const AsgMember& member, const Ec2Instance& instance, const Group* group) const;
  [[nodiscard]] std::string protection_of(const Look& look, const AsgMember& member, const Ec2Instance& instance,
                                          const Group& group) const;
  void complete_launch_hooks(const Look& look, const Group& group, const std::stop_token& stop);

  /// Absent: there is no such group.
  [[nodiscard]] Result<std::optional<AutoScalingGroup>> find_group(const std::string& name, const std::stop_token& stop);
  [[nodiscard]] Result<Look> look_at(const std::string& name, const std::stop_token& stop);
  [[nodiscard]] Result<std::optional<Server>> advance(const LaunchRequest& request, Fleet& fleet, const std::stop_token& stop);
  [[nodiscard]] bool is_free(const AsgMember& member, const Ec2Instance& instance, const LaunchRequest& request,
                             const Fleet& fleet) const;
  [[nodiscard]] Result<std::optional<Server>> claim(const LaunchRequest& request, Fleet& fleet, const Look& look,
                                                    const std::stop_token& stop);
  [[nodiscard]] int taken(const Look& look, const LaunchRequest& request, const Fleet& fleet) const;
  [[nodiscard]] Result<void> make_of(const LaunchRequest& request, const AutoScalingGroup& group, const std::stop_token& stop);
  void leave_to_who_stays(const Group& group, const AutoScalingGroup& asg, const std::string& server, Fleet& fleet,
                          const std::stop_token& stop);
  [[nodiscard]] Result<void> cover(const LaunchRequest& request, Fleet& fleet, Look& look, const std::stop_token& stop);
  [[nodiscard]] Result<void> make_room(const Group& group, AutoScalingGroup& asg, const std::stop_token& stop);
  [[nodiscard]] Result<void> learn_of_failure(const LaunchRequest& request, Fleet& fleet, const Look& look,
                                              const std::stop_token& stop);
  [[nodiscard]] Result<void> own_bounds(const Group& group, AutoScalingGroup& asg, const std::stop_token& stop);

  [[nodiscard]] Result<void> end_wait(const Group& group, const std::string& server, Fleet& fleet, const std::stop_token& stop);
  [[nodiscard]] Result<void> remove(const Group& group, AutoScalingGroup asg, const std::string& server, Fleet& fleet,
                                    const std::stop_token& stop);
  [[nodiscard]] bool has_left(const std::string& name, const std::string& server, const std::stop_token& stop);

  [[nodiscard]] std::string where(const std::string& name) const {
    return fmt::format("{}: Auto Scaling group {} in {}", options_.account.name, name, options_.account.region);
  }

  const AwsAsgOptions options_;
  WaitingClock& clock_;
  AwsClient client_;
  AsgApi api_;
  std::mutex mutex_;
  std::map<std::string, Fleet> fleets_;
  HttpClient& http_;
  std::atomic<bool> acts_;  ///< it launches and removes: it is no mere look at what there is
};

Fleet& AwsAsgProvider::fleet(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return fleets_[name];
}

// --- list ------------------------------------------------------------------------------------------------------------------------

Result<AwsAsgProvider::Configured> AwsAsgProvider::by_name(std::span<const Group* const> groups) const {
  Configured configured;
  for (const Group* group : groups) {
    const auto [found, first] = configured.try_emplace(asg_of(*group), group);
    if (first) continue;
    return failure(ErrorKind::invalid, fmt::format("{}: is named by both group {} and group {}: each needs one of its own",
                                                   where(asg_of(*group)), found->second->name, group->name));
  }
  return configured;
}

Result<std::vector<Look>> AwsAsgProvider::look_at_all(const Configured& configured, const std::stop_token& stop) {
  std::vector<std::string> names;
  for (const auto& [name, group] : configured) names.push_back(name);
  Result<std::vector<AutoScalingGroup>> groups = api_.describe(names, stop);
  if (!groups) return std::unexpected(groups.error());
  for (const std::string& name : names) {
    // AWS answers an unknown name with nothing; nothing must not be taken for no servers.
    if (std::ranges::find(*groups, name, &AutoScalingGroup::name) != groups->end()) continue;
    return failure(ErrorKind::unavailable,
                   fmt::format("{}: AWS does not know it, so the list would not be complete (auto_scaling_group of group {})",
                               where(name), configured.at(name)->name));
  }
  Result<std::vector<Ec2Instance>> instances = api_.instances_of(names, stop);
  if (!instances) return std::unexpected(instances.error());
  Result<std::vector<Ec2Instance>> tagged = api_.tagged_instances(stop);
  if (!tagged) return std::unexpected(tagged.error());
  std::set<std::string> others;
  for (Ec2Instance& instance : *tagged) {
    if (instance.auto_scaling_group.empty() || configured.contains(instance.auto_scaling_group)) continue;
    others.insert(instance.auto_scaling_group);
    instances->push_back(std::move(instance));
  }
  const Result<std::vector<AutoScalingGroup>> more = api_.describe({others.begin(), others.end()}, stop);
  if (!more) return std::unexpected(more.error());
  groups->insert(groups->end(), more->begin(), more->end());
  std::vector<Look> looks;
  for (AutoScalingGroup& group : *groups) {
    Look look{.group = std::move(group), .instances = {}};
    std::ranges::copy_if(*instances, std::back_inserter(look.instances),
                         [&](const Ec2Instance& each) { return each.auto_scaling_group == look.group.name; });
    fleet(look.group.name).complete(look.group, look.instances);
    looks.push_back(std::move(look));
  }
  return looks;
}

Result<std::vector<Server>> AwsAsgProvider::list(std::span<const Group* const> groups, std::stop_token stop) {
  const Result<Configured> configured = by_name(groups);
  if (!configured) return std::unexpected(configured.error());
  std::map<std::string, int> promised;
  for (const auto& [name, group] : *configured) promised[name] = fleet(name).promises(clock_.now());
  const Result<std::vector<Look>> looks = look_at_all(*configured, stop);
  if (!looks) return std::unexpected(looks.error());
  std::vector<Server> servers;
  for (const Look& look : *looks) {
    const auto found = configured->find(look.group.name);
    const Group* group = found == configured->end() ? nullptr : found->second;
    std::ranges::move(servers_of(look, group, promised[look.group.name]), std::back_inserter(servers));
    if (group != nullptr) complete_launch_hooks(look, *group, stop);
  }
  std::ranges::sort(servers, {}, &Server::id);
  return servers;
}

std::vector<Server> AwsAsgProvider::servers_of(const Look& look, const Group* group, int promised) {
  std::vector<Ec2Instance> untagged;
  for (const Ec2Instance& instance : look.instances) {
    const AsgMember* member = look.group.member(instance.id);
    if (instance.token.empty() && member != nullptr && member->is_live()) untagged.push_back(instance);
  }
  // One that EC2 does not know yet is the youngest of all.
  const auto age = [](const Ec2Instance& each) {
    return std::pair(each.launched_at == TimePoint{} ? TimePoint::max() : each.launched_at, each.id);
  };
  std::ranges::sort(untagged, std::greater<>(), age);
  const std::set<std::string> hidden = fleet(look.group.name).hide(look.group, untagged, promised, clock_.now());
  std::vector<Server> servers;
  for (const AsgMember& member : look.group.members) {
    const Ec2Instance& instance = *look.instance(member.id);
    const bool ours = group != nullptr || !instance.token.empty();
    if (!ours || hidden.contains(member.id) || !(member.is_live() || member.is_leaving())) continue;
    servers.push_back(server_of(look, member, instance, group));
  }
  return servers;
}

/// Without `group`, of a group that nobody configures: its port is unknown.
Server AwsAsgProvider::server_of(const Look& look, const AsgMember& member, const Ec2Instance& instance, const Group* group) const {
  Server server{.id = member.id,
                .group = group != nullptr ? group->name : instance.group,
                .token = instance.token,
                .version = instance.version,
                .phase = phase_of(member, instance),
                .launched_at = instance.launched_at,
                .failure = failure_of(member, instance),
                .failure_cause = member.health == "Unhealthy" ? FailureCause::program : FailureCause::platform,
                .zone = member.zone};
  if (group == nullptr) return server;
  // What it was made from counts, whatever was written on it.
  if (has_template_versions(group->server) && is_template_version(member.template_version)) {
    server.version = member.template_version;
  }
  server.address = address_of(instance, group->server);
  server.protection = protection_of(look, member, instance, *group);
  // It is in service, but nobody could reach it yet.
  if (server.address.empty() && server.phase == Phase::warming) server.phase = Phase::pending;
  return server;
}

std::string AwsAsgProvider::protection_of(const Look& look, const AsgMember& member, const Ec2Instance& instance,
                                          const Group& group) const {
  const AutoScalingGroup& asg = look.group;
  if (member.is_leaving()) return {};
  if (member.protected_from_scale_in) return "it is protected from scale-in in its Auto Scaling group";
  if (asg.suspended.contains("Terminate")) return "the Auto Scaling group's process Terminate is suspended";
  if (asg.desired <= asg.min && asg.min > group.min && !options_.own_bounds) {
    return fmt::format("the Auto Scaling group's MinSize of {} is above the group's min of {}", asg.min, group.min);
  }
  const bool young = instance.launched_at != TimePoint{} && options_.surroundings.now() - instance.launched_at < kInterruptedLaunch;
  const bool may_be_promised = instance.token.empty() && young && group.orphans != OrphanRule::adopt;
  return may_be_promised ? "launched moments ago, perhaps for a launch of weir's that was interrupted" : std::string();
}

/// Those whose app answers the group's health check go into service, the others are given more time, but no more than weir itself
/// would give them. What fails here is tried again with a later list.
void AwsAsgProvider::complete_launch_hooks(const Look& look, const Group& group, const std::stop_token& stop) {
  const std::string& hook = group.server.text("launch_hook");
  if (hook.empty() || !acts_) return;
  std::map<std::string, std::string> waiting;
  for (const AsgMember& member : look.group.members) {
    const Ec2Instance& instance = *look.instance(member.id);
    const std::string address = address_of(instance, group.server);
    if (member.lifecycle != "Pending:Wait" || instance.state != "running" || address.empty()) continue;
    if (fleet(look.group.name).may_ask_for_service(member.id, clock_.now())) waiting[member.id] = address;
  }
  const std::set<std::string> answering = who_answers(http_, waiting, group.health, stop);
  for (const auto& [id, address] : waiting) {
    const bool in_time = options_.surroundings.now() - look.instance(id)->launched_at < group.health.deadline;
    if (answering.contains(id)) {
      (void)api_.complete_hook(look.group.name, hook, id, stop);
    } else if (in_time) {
      (void)api_.prolong_hook(look.group.name, hook, id, stop);
    }
  }
}

// --- launch ----------------------------------------------------------------------------------------------------------------------

Result<std::optional<AutoScalingGroup>> AwsAsgProvider::find_group(const std::string& name, const std::stop_token& stop) {
  Result<std::vector<AutoScalingGroup>> groups = api_.describe({name}, stop);
  if (!groups) return std::unexpected(groups.error());
  const auto found = std::ranges::find(*groups, name, &AutoScalingGroup::name);
  if (found == groups->end()) return std::nullopt;
  return std::move(*found);
}

Result<Look> AwsAsgProvider::look_at(const std::string& name, const std::stop_token& stop) {
  Result<std::optional<AutoScalingGroup>> group = find_group(name, stop);
  if (!group) return std::unexpected(group.error());
  if (!*group) return failure(ErrorKind::invalid, fmt::format("{}: AWS does not know it; nothing was launched", where(name)));
  Result<std::vector<Ec2Instance>> instances = api_.instances_of({name}, stop);
  if (!instances) return std::unexpected(instances.error());
  Look look{.group = std::move(**group), .instances = std::move(*instances)};
  fleet(name).complete(look.group, look.instances);
  return look;
}

Result<Server> AwsAsgProvider::launch(const LaunchRequest& request, std::stop_token stop) {
  acts_ = true;
  const std::string& name = asg_of(request.group);
  if (has_template_versions(request.group.server) && !is_template_version(request.version)) {
    return failure(ErrorKind::invalid, fmt::format("{}: version '{}' is no number of a version of its launch template; nothing was "
                                                   "launched",
                                                   where(name), request.version));
  }
  Fleet& mine = fleet(name);
  mine.promise(request.token, made_of(request.group, request.version), clock_.now());
  for (int look = 1; look <= kLooks; ++look) {
    const Result<std::optional<Server>> made = [&] {
      const std::lock_guard lock(mine.changing);
      return advance(request, mine, stop);
    }();
    const bool open = made ? !*made : made.error().kind == ErrorKind::unavailable || made.error().kind == ErrorKind::cancelled;
    if (!open) mine.end_promise(request.token);
    if (!made) return std::unexpected(made.error());
    if (*made) return **made;
    if (look < kLooks && !clock_.wait_until(clock_.now() + (look == 1 ? kFirstPause : kPause), stop)) {
      return failure(ErrorKind::cancelled, fmt::format("{}: cancelled while it launches", where(name)));
    }
  }
  return failure(ErrorKind::unavailable,
                 fmt::format("{}: the new instance is not there yet; asked for again with the same token", where(name)));
}

/// One step of a launch; absent: not there yet.
Result<std::optional<Server>> AwsAsgProvider::advance(const LaunchRequest& request, Fleet& fleet, const std::stop_token& stop) {
  Result<Look> look = look_at(asg_of(request.group), stop);
  if (!look) return std::unexpected(look.error());
  for (const Ec2Instance& instance : look->instances) {
    const AsgMember* member = look->group.member(instance.id);
    if (instance.token != request.token || instance.group != request.group.name || member == nullptr) continue;
    return server_of(*look, *member, instance, &request.group);
  }
  Result<std::optional<Server>> claimed = claim(request, fleet, *look, stop);
  if (!claimed || *claimed) return claimed;
  // What the others are still to get is made from the version that the group has now.
  const std::string wanted = made_of(request.group, request.version);
  if (!wanted.empty() && fleet.awaits_other_than(wanted, clock_.now())) return std::nullopt;
  if (const Result<void> chosen = make_of(request, look->group, stop); !chosen) return std::unexpected(chosen.error());
  const bool was_covered = fleet.is_covered(request.token);
  if (const Result<void> covered = cover(request, fleet, *look, stop); !covered) return std::unexpected(covered.error());
  if (!was_covered) return std::nullopt;
  if (const Result<void> alright = learn_of_failure(request, fleet, *look, stop); !alright) return std::unexpected(alright.error());
  return std::nullopt;
}

/// Whether an instance belongs to nobody, so that a launch may have it: weir does not know it yet (what a list has shown to a group
/// that adopts is the group's already), or it may be what an earlier weir asked for.
bool AwsAsgProvider::is_free(const AsgMember& member, const Ec2Instance& instance, const LaunchRequest& request,
                             const Fleet& fleet) const {
  if (!instance.token.empty() || !member.is_live() || !failure_of(member, instance).empty()) return false;
  const std::string wanted = made_of(request.group, request.version);
  if (!wanted.empty() && member.template_version != wanted) return false;
  if (!fleet.is_shown(instance.id)) return true;
  const bool young = instance.launched_at != TimePoint{} && options_.surroundings.now() - instance.launched_at < kInterruptedLaunch;
  return request.group.orphans != OrphanRule::adopt && young;
}

Result<std::optional<Server>> AwsAsgProvider::claim(const LaunchRequest& request, Fleet& fleet, const Look& look,
                                                    const std::stop_token& stop) {
  for (const AsgMember& member : look.group.members) {
    Ec2Instance instance = *look.instance(member.id);
    // What EC2 does not know yet cannot be tagged.
    if (instance.state.empty() || !is_free(member, instance, request, fleet)) continue;
    instance.token = request.token;
    instance.group = request.group.name;
    instance.version = request.version;
    const Result<void> tagged = api_.tag(member.id, instance, stop);
    // EC2 does not know yet what Auto Scaling has just launched.
    if (!tagged && tagged.error().kind == ErrorKind::not_found) continue;
    if (!tagged) return std::unexpected(tagged.error());
    fleet.claim(member.id, instance);
    return server_of(look, member, instance, &request.group);
  }
  return std::nullopt;
}

/// Instances that count and are somebody's already.
int AwsAsgProvider::taken(const Look& look, const LaunchRequest& request, const Fleet& fleet) const {
  return static_cast<int>(std::ranges::count_if(look.group.members, [&](const AsgMember& member) {
    return member.is_live() && !is_free(member, *look.instance(member.id), request, fleet);
  }));
}

/// From now on the Auto Scaling group makes instances of the version that is asked for.
Result<void> AwsAsgProvider::make_of(const LaunchRequest& request, const AutoScalingGroup& group, const std::stop_token& stop) {
  const std::string wanted = made_of(request.group, request.version);
  if (wanted.empty() || wanted == group.template_version) return {};
  if (group.template_id.empty()) {
    return failure(
        ErrorKind::invalid,
        fmt::format("{}: it has no launch template of its own, but a launch configuration or a mixed instances policy, so "
                    "its versions cannot be told apart; nothing was launched",
                    where(group.name)));
  }
  return api_.set_template_version(group, wanted, stop);
}

/// Sees to it that DesiredCapacity has room for this launch besides what is somebody's and what else is promised.
Result<void> AwsAsgProvider::cover(const LaunchRequest& request, Fleet& fleet, Look& look, const std::stop_token& stop) {
  AutoScalingGroup& group = look.group;
  if (group.suspended.contains("Launch")) {
    return failure(ErrorKind::out_of_capacity,
                   fmt::format("{}: its process Launch is suspended; nothing was launched", where(group.name)));
  }
  const int others = fleet.covered_besides(request.token, clock_.now());
  if (others == 0 && !fleet.is_covered(request.token)) {
    const Result<std::vector<FailedLaunch>> before = api_.failed_launches(group.name, stop);
    if (!before) return std::unexpected(before.error());
    fleet.ignore_failures(*before);
  }
  if (group.desired <= taken(look, request, fleet) + others) {
    if (const Result<void> room = make_room(request.group, group, stop); !room) return room;
    if (const Result<void> set = api_.set_desired(group.name, group.desired + 1, stop); !set) return set;
    ++group.desired;
  }
  fleet.cover(request.token);
  return {};
}

Result<void> AwsAsgProvider::make_room(const Group& group, AutoScalingGroup& asg, const std::stop_token& stop) {
  if (!asg.counts_instances) {
    return failure(ErrorKind::invalid,
                   fmt::format("{}: its capacity is counted in weights, vCPUs or memory, not in instances; nothing "
                               "was launched",
                               where(asg.name)));
  }
  if (options_.own_bounds) {
    if (const Result<void> owned = own_bounds(group, asg, stop); !owned) return owned;
  }
  if (asg.desired < asg.max) return {};
  const std::string advice =
      group.max > asg.max ? fmt::format(", although the group's max is {}: raise it, or set own_bounds", group.max) : std::string();
  return failure(ErrorKind::out_of_capacity, fmt::format("{}: wants {} instances already and MaxSize is {}{}; nothing was launched",
                                                         where(asg.name), asg.desired, asg.max, advice));
}

/// MinSize and MaxSize as the group's min and max, as far as AWS would neither launch nor terminate because of it.
Result<void> AwsAsgProvider::own_bounds(const Group& group, AutoScalingGroup& asg, const std::stop_token& stop) {
  const int min = std::min(group.min, asg.desired);
  const int max = std::max(group.max, asg.desired);
  if (min == asg.min && max == asg.max) return {};
  if (const Result<void> set = api_.set_bounds(asg.name, min, max, stop); !set) return set;
  asg.min = min;
  asg.max = max;
  return {};
}

/// An Auto Scaling group accepts every wish and tells of failure only in its activities. Then the wish is taken back, or AWS would
/// go on trying and an instance would turn up that nobody waits for.
Result<void> AwsAsgProvider::learn_of_failure(const LaunchRequest& request, Fleet& fleet, const Look& look,
                                              const std::stop_token& stop) {
  const AutoScalingGroup& group = look.group;
  const Result<std::vector<FailedLaunch>> failures = api_.failed_launches(group.name, stop);
  if (!failures) return std::unexpected(failures.error());
  const std::optional<FailedLaunch> failed = fleet.take_failure(*failures);
  if (!failed) return {};
  // Never below what lives: AWS would choose whom to let go.
  const int needed = std::max(group.live(), taken(look, request, fleet) + fleet.covered_besides(request.token, clock_.now()));
  if (group.desired > std::max(group.min, needed)) {
    if (const Result<void> withdrawn = api_.set_desired(group.name, group.desired - 1, stop); !withdrawn) return withdrawn;
  }
  return failure(kind_of_failure(failed->why), fmt::format("{}: could not launch: {}", where(group.name), failed->why));
}

// --- terminate -------------------------------------------------------------------------------------------------------------------

Result<void> AwsAsgProvider::terminate(const Group& group, const std::string& server, std::stop_token stop) {
  acts_ = true;
  const std::string& name = asg_of(group);
  Fleet& mine = fleet(name);
  const std::lock_guard lock(mine.changing);
  Result<std::optional<AutoScalingGroup>> asg = find_group(name, stop);
  if (!asg) return std::unexpected(asg.error());
  if (!*asg) return {};
  const AsgMember* member = (*asg)->member(server);
  if (member == nullptr) return {};
  if (member->lifecycle == "Terminating:Wait") return end_wait(group, server, mine, stop);
  // On its way out already, or put aside by somebody: standing by, detached, warm.
  if (!member->is_live()) return {};
  return remove(group, std::move(**asg), server, mine, stop);
}

/// The instance waits for the end of a lifecycle hook. What weir has asked for it has drained before; what AWS takes away is given
/// the time that a drain may take.
Result<void> AwsAsgProvider::end_wait(const Group& group, const std::string& server, Fleet& fleet, const std::stop_token& stop) {
  const std::string& hook = group.server.text("termination_hook");
  if (hook.empty()) return {};
  const Moment now = clock_.now();
  Fleet::Removal removal = fleet.removal(server);
  if (!removal.waits_since) removal.waits_since = now;
  const bool drained = removal.asked_at || now - *removal.waits_since >= group.drain_timeout;
  const bool due = drained || !removal.prolonged_at || now - *removal.prolonged_at >= kHeartbeatPause;
  if (!due) return {};
  const Result<void> done =
      drained ? api_.complete_hook(asg_of(group), hook, server, stop) : api_.prolong_hook(asg_of(group), hook, server, stop);
  if (!drained) removal.prolonged_at = now;
  fleet.remember_removal(server, removal);
  // No such action any more: it has been completed.
  if (!done && done.error().kind != ErrorKind::invalid) return done;
  return {};
}

/// Takes exactly this instance out. At MinSize AWS refuses to do with one fewer; where weir wants as many itself, it is replaced
/// then.
Result<void> AwsAsgProvider::remove(const Group& group, AutoScalingGroup asg, const std::string& server, Fleet& fleet,
                                    const std::stop_token& stop) {
  if (asg.suspended.contains("Terminate")) {
    return failure(ErrorKind::unavailable,
                   fmt::format("{}: its process Terminate is suspended; {} stays", where(asg.name), server));
  }
  Fleet::Removal removal = fleet.removal(server);
  if (removal.asked_at && clock_.now() - *removal.asked_at < kRemovalPause) return {};
  if (asg.desired <= asg.min && asg.min > group.min && options_.own_bounds) {
    if (const Result<void> owned = own_bounds(group, asg, stop); !owned) return owned;
  }
  const bool decrement = asg.desired > asg.min;
  if (!decrement && asg.min > group.min) {
    return failure(ErrorKind::unavailable,
                   fmt::format("{}: MinSize is {} and the group's min {}; {} stays", where(asg.name), asg.min, group.min, server));
  }
  leave_to_who_stays(group, asg, server, fleet, stop);
  const Fleet::Removal before = removal;
  removal.asked_at = clock_.now();
  fleet.remember_removal(server, removal);
  const Result<void> asked = group.server.text("on_removal") == "detach" ? api_.detach(asg.name, server, decrement, stop)
                                                                         : api_.terminate(server, decrement, stop);
  if (asked || asked.error().kind == ErrorKind::unavailable || asked.error().kind == ErrorKind::cancelled) return asked;
  fleet.remember_removal(server, before);
  // Gone since we looked: AWS calls that a mistake.
  if (has_left(asg.name, server, stop)) return {};
  return asked;
}

/// When only one version is left, it is what AWS itself makes from now on: a replacement, after a deploy went back too. What fails
/// here is made good by the next launch.
void AwsAsgProvider::leave_to_who_stays(const Group& group, const AutoScalingGroup& asg, const std::string& server, Fleet& fleet,
                                        const std::stop_token& stop) {
  if (!has_template_versions(group.server) || asg.template_id.empty() || fleet.promises(clock_.now()) > 0) return;
  std::set<std::string> versions;
  for (const AsgMember& member : asg.members) {
    if (member.is_live() && member.id != server) versions.insert(member.template_version);
  }
  if (versions.size() != 1 || versions.begin()->empty() || *versions.begin() == asg.template_version) return;
  (void)api_.set_template_version(asg, *versions.begin(), stop);
}

bool AwsAsgProvider::has_left(const std::string& name, const std::string& server, const std::stop_token& stop) {
  const Result<std::optional<AutoScalingGroup>> asg = find_group(name, stop);
  if (!asg || !*asg) return false;
  const AsgMember* member = (*asg)->member(server);
  return member == nullptr || !member->is_live();
}

}  // namespace

std::unique_ptr<Provider> make_aws_asg_provider(AwsAsgOptions options, Network& network) {
  return std::make_unique<AwsAsgProvider>(std::move(options), network);
}

}  // namespace weir
