#include "controller/observe/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <limits>
#include <mutex>
#include <queue>
#include <set>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <vector>

namespace weir {
namespace {

using Steady = std::chrono::steady_clock;

constexpr Duration kSoonest{1000};  // between checks of a server that is not healthy

double place_in_interval(const std::string& group, const std::string& server) {
  const std::size_t hash = std::hash<std::string>()(group + '\n' + server);
  return static_cast<double>(hash >> 11U) / static_cast<double>(std::numeric_limits<std::size_t>::max() >> 11U) * 0.999;
}

std::string describe(const Result<HttpResponse>& result, const HealthCheck& check) {
  return result ? fmt::format("GET {}: {}", health_path(check), result->status) : result.error().message;
}

}  // namespace

HealthState advance_health(HealthState state, bool good, std::string detail, const HealthCheck& check) {
  const int enough = std::max(1, good ? check.healthy_after : check.unhealthy_after);
  // Counting stops at what is needed: a server can be healthy for years.
  state.good_in_row = good ? std::min(state.good_in_row + 1, enough) : 0;
  state.bad_in_row = good ? 0 : std::min(state.bad_in_row + 1, enough);
  if (!good) state.health.detail = std::move(detail);
  if (state.good_in_row >= enough) state.health = {.status = HealthStatus::healthy, .detail = {}};
  if (state.bad_in_row >= enough) state.health.status = HealthStatus::unhealthy;
  return state;
}

Duration next_check_after(HealthStatus before, HealthStatus after, const HealthCheck& check, double spread) {
  if (after != HealthStatus::healthy) return std::min(check.interval, kSoonest);
  if (before == HealthStatus::healthy) return check.interval;
  return std::chrono::duration_cast<Duration>(check.interval * (1 - spread));
}

/// Shared with the answers that are still to come when the probe goes.
class NetworkProbe::Scheduler : public std::enable_shared_from_this<Scheduler> {
 public:
  Scheduler(HttpClient& http, Options options) : http_(http), options_(options) {}

  void start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  /// No check is started and no callback runs afterwards; answers still under way find nobody who wants them.
  void stop() {
    thread_.request_stop();
    thread_.join();
    checks_.request_stop();
    const std::lock_guard lock(mutex_);
    groups_.clear();
    due_ = {};
  }

  void on_change(Changed changed) {
    std::unique_lock lock(mutex_);
    changed_ = std::move(changed);
    // Whoever takes the callback back is about to destroy what it uses.
    if (std::this_thread::get_id() != thread_.get_id()) reported_.wait(lock, [this] { return !reporting_; });
  }

  void watch(const std::string& name, const HealthCheck& check, std::span<const ProbeTarget> targets) {
    const std::lock_guard lock(mutex_);
    Group& group = groups_[name];
    ++group.round;
    for (const ProbeTarget& target : targets) keep_or_add(name, group, check, target);
    std::erase_if(group.targets, [&](const auto& entry) { return entry.second->round != group.round; });
    group.check = check;
    if (group.targets.empty()) groups_.erase(name);
    wake();
  }

  [[nodiscard]] Health health(const std::string& name, const std::string& server) const {
    const std::lock_guard lock(mutex_);
    const auto group = groups_.find(name);
    if (group == groups_.end()) return {};
    const auto target = group->second.targets.find(server);
    return target == group->second.targets.end() ? Health{} : target->second->state.health;
  }

 private:
  struct Target {
    std::string group;
    std::string server;
    std::string address;
    HealthState state = {};
    Steady::time_point due = {};
    bool checking = false;
    int round = 0;  ///< of the group's last watch() that named it
  };
  struct Group {
    HealthCheck check = {};
    int round = 0;
    std::unordered_map<std::string, std::shared_ptr<Target>> targets;
  };
  /// Obsolete once the target is gone, under way, or due at another time.
  struct Entry {
    Steady::time_point due;
    std::weak_ptr<Target> target;
    bool operator>(const Entry& other) const { return due > other.due; }
  };

  void keep_or_add(const std::string& name, Group& group, const HealthCheck& check, const ProbeTarget& wanted) {
    std::shared_ptr<Target>& target = group.targets[wanted.server];
    if (!target || target->address != wanted.address) {
      target = std::make_shared<Target>(Target{.group = name, .server = wanted.server, .address = wanted.address});
      schedule(target, Steady::now());
    } else if (!target->checking && check.interval < group.check.interval) {
      schedule(target, std::min(target->due, Steady::now() + check.interval));
    }
    target->round = group.round;
  }

  void schedule(const std::shared_ptr<Target>& target, Steady::time_point due) {
    target->due = due;
    due_.push({due, target});
  }

  void wake() {
    woken_ = true;
    changed_something_.notify_one();
  }

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      start_due_checks();
      report_changes(lock);
      wait(lock, stop);
    }
  }

  void wait(std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
    const auto is_woken = [this] { return woken_; };
    if (in_flight_ < options_.max_in_flight && !due_.empty()) {
      // A copy: the wait reads it while others move the heap's entries about.
      const Steady::time_point due = due_.top().due;
      changed_something_.wait_until(lock, stop, due, is_woken);
    } else {
      changed_something_.wait(lock, stop, is_woken);
    }
    woken_ = false;
  }

  void start_due_checks() {
    const Steady::time_point now = Steady::now();
    while (in_flight_ < options_.max_in_flight && !due_.empty() && due_.top().due <= now) {
      const Entry entry = due_.top();
      due_.pop();
      const std::shared_ptr<Target> target = entry.target.lock();
      // One that is watched no more may live on for a moment in the hands of whoever brought its last answer.
      if (target && is_watched(*target) && !target->checking && target->due == entry.due) start_check(target, now);
    }
  }

  void start_check(const std::shared_ptr<Target>& target, Steady::time_point now) {
    ++in_flight_;
    target->checking = true;
    const HealthCheck& check = groups_.at(target->group).check;
    const auto done = [self = shared_from_this(), target, now, check](const Result<HttpResponse>& result) {
      self->take_answer(target, now, check, result);
    };
    http_.send(health_request(target->address, check), done, checks_.get_token());
  }

  /// `check` is how it was asked, which a watch() since then may have changed.
  void take_answer(const std::shared_ptr<Target>& target, Steady::time_point started, const HealthCheck& check,
                   const Result<HttpResponse>& result) {
    const std::lock_guard lock(mutex_);
    --in_flight_;
    target->checking = false;
    if (is_watched(*target)) judge(target, started, check, result);
    wake();
  }

  [[nodiscard]] bool is_watched(const Target& target) const {
    const auto group = groups_.find(target.group);
    if (group == groups_.end()) return false;
    const auto found = group->second.targets.find(target.server);
    return found != group->second.targets.end() && found->second.get() == &target;
  }

  void judge(const std::shared_ptr<Target>& target, Steady::time_point started, const HealthCheck& check,
             const Result<HttpResponse>& result) {
    const HealthStatus before = target->state.health.status;
    if (const std::optional<bool> good = is_good_answer(result, check))
      target->state = advance_health(std::move(target->state), *good, describe(result, check), check);
    const HealthStatus after = target->state.health.status;
    const Duration delay =
        next_check_after(before, after, groups_.at(target->group).check, place_in_interval(target->group, target->server));
    schedule(target, std::max(started + delay, Steady::now()));
    if (after != before) reports_.insert(target->group);
  }

  void report_changes(std::unique_lock<std::mutex>& lock) {
    const std::set<std::string> reports = std::exchange(reports_, {});
    const Changed changed = changed_;
    if (reports.empty() || !changed) return;
    reporting_ = true;
    lock.unlock();
    for (const std::string& group : reports) changed(group);
    lock.lock();
    reporting_ = false;
    reported_.notify_all();
  }

  HttpClient& http_;
  const Options options_;
  std::stop_source checks_;

  mutable std::mutex mutex_;  ///< guards everything below
  std::condition_variable_any changed_something_;
  bool woken_ = false;
  Changed changed_;
  bool reporting_ = false;  ///< a callback runs
  std::condition_variable reported_;
  std::unordered_map<std::string, Group> groups_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> due_;
  std::set<std::string> reports_;  ///< groups whose change is still to be told
  int in_flight_ = 0;

  std::jthread thread_;
};

NetworkProbe::NetworkProbe(HttpClient& http) : NetworkProbe(http, Options{}) {}
NetworkProbe::NetworkProbe(HttpClient& http, Options options) : scheduler_(std::make_shared<Scheduler>(http, options)) {
  scheduler_->start();
}
NetworkProbe::~NetworkProbe() { scheduler_->stop(); }

void NetworkProbe::on_change(Changed changed) { scheduler_->on_change(std::move(changed)); }

void NetworkProbe::watch(const std::string& group, const HealthCheck& check, std::span<const ProbeTarget> targets) {
  scheduler_->watch(group, check, targets);
}

Health NetworkProbe::health(const std::string& group, const std::string& server) const { return scheduler_->health(group, server); }

}  // namespace weir
