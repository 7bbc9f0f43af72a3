#include "providers/aws_asg/fleet.h"

#include <algorithm>

namespace weir {
namespace {

/// A launch that nobody has asked about for so long has been given up: what comes of it is listed like anything else.
constexpr auto kPromiseLife = std::chrono::minutes(2);
constexpr auto kServicePause = std::chrono::seconds(10);

}  // namespace

void Fleet::promise(const std::string& token, const std::string& made_of, Moment now) {
  const std::lock_guard lock(mutex_);
  Promise& promise = promises_[token];
  promise.asked_at = now;
  promise.made_of = made_of;
}

void Fleet::cover(const std::string& token) {
  const std::lock_guard lock(mutex_);
  if (const auto found = promises_.find(token); found != promises_.end()) found->second.covered = true;
}

bool Fleet::is_covered(const std::string& token) const {
  const std::lock_guard lock(mutex_);
  const auto found = promises_.find(token);
  return found != promises_.end() && found->second.covered;
}

void Fleet::end_promise(const std::string& token) {
  const std::lock_guard lock(mutex_);
  promises_.erase(token);
}

void Fleet::forget_old_promises(Moment now) {
  std::erase_if(promises_, [&](const auto& each) { return now - each.second.asked_at >= kPromiseLife; });
}

int Fleet::covered_besides(const std::string& token, Moment now) {
  const std::lock_guard lock(mutex_);
  forget_old_promises(now);
  return static_cast<int>(
      std::ranges::count_if(promises_, [&](const auto& each) { return each.second.covered && each.first != token; }));
}

int Fleet::promises(Moment now) {
  const std::lock_guard lock(mutex_);
  forget_old_promises(now);
  return static_cast<int>(promises_.size());
}

bool Fleet::awaits_other_than(const std::string& made_of, Moment now) {
  const std::lock_guard lock(mutex_);
  forget_old_promises(now);
  return std::ranges::any_of(promises_, [&](const auto& each) { return each.second.covered && each.second.made_of != made_of; });
}

/// Of those that are open; when they have all ended, which it was is not known any more.
bool Fleet::could_keep_a_promise(const AsgMember* member) const {
  const std::string version = member == nullptr ? std::string() : member->template_version;
  return promises_.empty() || std::ranges::any_of(promises_, [&](const auto& each) {
           return each.second.made_of.empty() || each.second.made_of == version;
         });
}

void Fleet::claim(const std::string& instance, const Ec2Instance& tags) {
  const std::lock_guard lock(mutex_);
  claims_[instance] = tags;
  shown_.erase(instance);
}

void Fleet::complete(const AutoScalingGroup& group, std::vector<Ec2Instance>& instances) {
  const std::lock_guard lock(mutex_);
  const auto gone = [&](const std::string& id) { return group.member(id) == nullptr; };
  std::erase_if(shown_, gone);
  std::erase_if(claims_, [&](const auto& each) { return gone(each.first); });
  std::erase_if(removals_, [&](const auto& each) { return gone(each.first); });
  std::erase_if(asked_for_service_at_, [&](const auto& each) { return gone(each.first); });
  for (const AsgMember& member : group.members) {
    auto found = std::ranges::find(instances, member.id, &Ec2Instance::id);
    if (found == instances.end()) {
      // EC2 does not know it yet, or no longer.
      found = instances.insert(instances.end(), Ec2Instance{.id = member.id, .auto_scaling_group = group.name});
    }
    const auto claim = claims_.find(member.id);
    if (claim == claims_.end() || !found->token.empty()) continue;
    found->token = claim->second.token;
    found->group = claim->second.group;
    found->version = claim->second.version;
  }
}

std::set<std::string> Fleet::hide(const AutoScalingGroup& group, const std::vector<Ec2Instance>& youngest_first, int promised,
                                  Moment now) {
  const std::lock_guard lock(mutex_);
  forget_old_promises(now);
  std::size_t room = std::max(static_cast<std::size_t>(promised), promises_.size());
  std::set<std::string> hidden;
  for (const Ec2Instance& instance : youngest_first) {
    // Tagged while the list was on its way: the next one says so.
    const bool claimed = claims_.contains(instance.id);
    const bool unseen = !shown_.contains(instance.id) && room > 0 && could_keep_a_promise(group.member(instance.id));
    if (unseen) --room;
    if (claimed || unseen) hidden.insert(instance.id);
    if (!claimed && !unseen) shown_.insert(instance.id);
  }
  return hidden;
}

bool Fleet::is_shown(const std::string& instance) const {
  const std::lock_guard lock(mutex_);
  return shown_.contains(instance);
}

void Fleet::ignore_failures(const std::vector<FailedLaunch>& failures) {
  const std::lock_guard lock(mutex_);
  failures_.clear();
  for (const FailedLaunch& each : failures) failures_.insert(each.id);
}

std::optional<FailedLaunch> Fleet::take_failure(const std::vector<FailedLaunch>& failures) {
  const std::lock_guard lock(mutex_);
  const auto fresh = std::ranges::find_if(failures, [&](const FailedLaunch& each) { return failures_.insert(each.id).second; });
  if (fresh == failures.end()) return std::nullopt;
  return *fresh;
}

Fleet::Removal Fleet::removal(const std::string& instance) const {
  const std::lock_guard lock(mutex_);
  const auto found = removals_.find(instance);
  return found == removals_.end() ? Removal{} : found->second;
}

void Fleet::remember_removal(const std::string& instance, const Removal& removal) {
  const std::lock_guard lock(mutex_);
  removals_[instance] = removal;
}

bool Fleet::may_ask_for_service(const std::string& instance, Moment now) {
  const std::lock_guard lock(mutex_);
  const auto [found, first] = asked_for_service_at_.try_emplace(instance, now);
  if (!first && now - found->second < kServicePause) return false;
  found->second = now;
  return true;
}

}  // namespace weir
