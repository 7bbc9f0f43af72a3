#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "balancers/balancer.h"
#include "controller/ports/ports.h"
#include "providers/provider.h"

namespace weir {

/// Where calls wait while it is closed, until it opens or their stop token says stop. Thread-safe.
class Gate {
 public:
  void close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  /// False: stopped before it opened.
  bool pass(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    const bool passed = changed_.wait(lock, stop, [this] { return open_; });
    --waiting_;
    return passed;
  }
  [[nodiscard]] int waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool open_ = true;
  int waiting_ = 0;
};

class FakeClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }
};

/// Answers every query with one value; counts calls. Thread-safe.
class FakeMetrics final : public MetricSource {
 public:
  Gate gate;

  /// Queries with this expression wait at the gate, all of them if it is empty. Set before use.
  std::string slow;

  void ask(std::span<const Query> queries, const Answered& answered, std::stop_token stop) override {
    {
      const std::lock_guard lock(mutex_);
      batches_.push_back(queries.size());
    }
    std::vector<std::size_t> waiting;
    for (std::size_t index = 0; index < queries.size(); ++index) {
      if (slow.empty() || queries[index].expression == slow) {
        waiting.push_back(index);
      } else {
        answered(index, good());
      }
    }
    if (waiting.empty()) return;
    const bool passed = gate.pass(stop);
    for (const std::size_t index : waiting) answered(index, passed ? good() : Sample{.detail = "stopped"});
  }
  void answer(double value) {
    const std::lock_guard lock(mutex_);
    value_ = value;
  }
  /// How many queries came with each call so far.
  [[nodiscard]] std::vector<std::size_t> batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }

 private:
  [[nodiscard]] Sample good() const {
    const std::lock_guard lock(mutex_);
    return {.status = Sample::Status::ok, .value = value_};
  }

  mutable std::mutex mutex_;
  double value_ = 0;
  std::vector<std::size_t> batches_;
};

/// Servers are as healthy as they are said to be. Thread-safe.
class FakeProbe final : public HealthProbe {
 public:
  void on_change(Changed changed) override {
    const std::lock_guard lock(mutex_);
    changed_ = std::move(changed);
  }
  void watch(const std::string& group, const HealthCheck& /*check*/, std::span<const ProbeTarget> targets) override {
    const std::lock_guard lock(mutex_);
    std::set<std::string>& watched = watched_[group];
    watched.clear();
    for (const ProbeTarget& target : targets) watched.insert(target.server);
  }
  [[nodiscard]] Health health(const std::string& group, const std::string& server) const override {
    const std::lock_guard lock(mutex_);
    const auto found = watched_.find(group);
    if (found == watched_.end() || !found->second.contains(server)) return {};
    const auto own = own_.find(server);
    return {.status = own == own_.end() ? status_ : own->second};
  }

  /// Of every watched server, from now on; tells the groups given.
  void all_are(HealthStatus status, const std::vector<std::string>& tell = {}) {
    Changed changed;
    {
      const std::lock_guard lock(mutex_);
      status_ = status;
      changed = changed_;
    }
    for (const std::string& group : tell) changed(group);
  }
  /// Of this server alone; tells its group.
  void is(const std::string& server, HealthStatus status, const std::string& group) {
    Changed changed;
    {
      const std::lock_guard lock(mutex_);
      own_[server] = status;
      changed = changed_;
    }
    changed(group);
  }
  [[nodiscard]] std::size_t watched(const std::string& group) const {
    const std::lock_guard lock(mutex_);
    const auto found = watched_.find(group);
    return found == watched_.end() ? 0 : found->second.size();
  }

 private:
  mutable std::mutex mutex_;
  Changed changed_;
  HealthStatus status_ = HealthStatus::unknown;
  std::map<std::string, HealthStatus> own_;
  std::map<std::string, std::set<std::string>> watched_;
};

/// Keeps memory and the newest record of each group; fails when told, and holds saves at its gate. Thread-safe.
class FakeStore final : public Store {
 public:
  Gate gate;

  Result<Memory> load(const std::string& group) override {
    const std::lock_guard lock(mutex_);
    if (load_error_) return std::unexpected(*load_error_);
    const auto found = memories_.find(group);
    if (found != memories_.end()) return found->second;
    Memory fresh;
    fresh.nonce = "nonce";
    return fresh;
  }
  Result<void> save(const std::string& group, const Memory& memory, const Record& record, Durability durability) override {
    (void)gate.pass({});
    const std::lock_guard lock(mutex_);
    if (save_error_) {
      ++refused_;
      return std::unexpected(*save_error_);
    }
    memories_[group] = memory;
    records_[group] = record;
    ++saves_[group];
    if (durability == Durability::eventual && !(record.plan.actions.empty() && record.orders.empty())) careless_ = true;
    return {};
  }

  void fail_loads(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    load_error_ = std::move(error);
  }
  void fail_saves(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    save_error_ = std::move(error);
  }
  [[nodiscard]] int refused() const {
    const std::lock_guard lock(mutex_);
    return refused_;
  }
  [[nodiscard]] int saves(const std::string& group) const {
    const std::lock_guard lock(mutex_);
    const auto found = saves_.find(group);
    return found == saves_.end() ? 0 : found->second;
  }
  [[nodiscard]] Memory memory(const std::string& group) const {
    const std::lock_guard lock(mutex_);
    const auto found = memories_.find(group);
    return found == memories_.end() ? Memory{} : found->second;
  }
  /// The newest.
  [[nodiscard]] Record record(const std::string& group) const {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(group);
    return found == records_.end() ? Record{} : found->second;
  }
  /// A turn with actions or orders was saved without waiting for the disk.
  [[nodiscard]] bool was_careless() const {
    const std::lock_guard lock(mutex_);
    return careless_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<Error> load_error_;
  std::optional<Error> save_error_;
  int refused_ = 0;
  bool careless_ = false;
  std::map<std::string, Memory> memories_;
  std::map<std::string, Record> records_;
  std::map<std::string, int> saves_;
};

/// What became of a balancer, after the balancer itself is gone. Thread-safe.
class BalancerWatch {
 public:
  std::function<void()> on_read;  ///< set before use

  void hold() {
    set([this] { held_ = true; });
  }
  void fail(std::optional<Error> error) {
    set([&] { error_ = std::move(error); });
  }
  /// The next look tells of so many lost requests.
  void lose(int requests) {
    set([=, this] { lost_ = requests; });
  }
  /// Writes succeed, but reading shows something else.
  void lie() {
    set([this] { lies_ = true; });
  }

  [[nodiscard]] int writes() const {
    const std::lock_guard lock(mutex_);
    return writes_;
  }
  [[nodiscard]] std::vector<Peer> peers() const {
    const std::lock_guard lock(mutex_);
    return peers_;
  }

 private:
  friend class FakeBalancer;
  template <typename Change>
  void set(Change change) {
    const std::lock_guard lock(mutex_);
    change();
  }

  mutable std::mutex mutex_;
  bool held_ = false;
  bool lies_ = false;
  std::optional<int> lost_;
  std::optional<Error> error_;
  int writes_ = 0;
  std::vector<Peer> peers_;
};

/// Takes what it is given, unless its watch was told otherwise; cancels what it holds when it goes. Thread-safe.
class FakeBalancer final : public Balancer {
 public:
  explicit FakeBalancer(std::shared_ptr<BalancerWatch> watch) : watch_(std::move(watch)) {}
  ~FakeBalancer() override {
    for (const Done& done : held_) done(failure(ErrorKind::cancelled, "fake balancer: gone"));
  }
  FakeBalancer(const FakeBalancer&) = delete;
  FakeBalancer& operator=(const FakeBalancer&) = delete;

  BalancerView read(std::span<const std::string> count, std::stop_token /*stop*/) override {
    if (watch_->on_read) watch_->on_read();
    const std::lock_guard lock(watch_->mutex_);
    BalancerView view{.known = true, .in_force = !watch_->lies_, .peers = watch_->peers_};
    view.lost_requests = std::exchange(watch_->lost_, {});
    view.connections.emplace();
    for (const std::string& address : count) view.connections->push_back({address, 0});
    return view;
  }
  void write(std::vector<Peer> peers, Done done) override {
    std::optional<Error> error;
    {
      const std::lock_guard lock(watch_->mutex_);
      ++watch_->writes_;
      if (watch_->held_) {
        held_.push_back(std::move(done));
        return;
      }
      error = watch_->error_;
      if (!error) watch_->peers_ = std::move(peers);
    }
    done(error ? Result<void>(std::unexpected(*error)) : Result<void>());
  }
  std::string diff(std::span<const Peer> /*peers*/) override { return {}; }

 private:
  std::shared_ptr<BalancerWatch> watch_;
  std::vector<Done> held_;  ///< under the watch's mutex
};

/// Passes everything on, counts lists, and holds calls at its gates. Thread-safe.
class GatedProvider final : public Provider {
 public:
  Gate lists;
  Gate launches;

  explicit GatedProvider(std::unique_ptr<Provider> inner) : inner_(std::move(inner)) {}

  Result<std::vector<Server>> list(std::span<const Group* const> groups, std::stop_token stop) override {
    {
      const std::lock_guard lock(mutex_);
      listed_.push_back(groups.size());
    }
    if (!lists.pass(stop)) return failure(ErrorKind::cancelled, "gated provider: stopped");
    return inner_->list(groups, std::move(stop));
  }
  Result<Server> launch(const LaunchRequest& request, std::stop_token stop) override {
    if (!launches.pass(stop)) return failure(ErrorKind::cancelled, "gated provider: stopped");
    return inner_->launch(request, std::move(stop));
  }
  Result<void> terminate(const Group& group, const std::string& server, std::stop_token stop) override {
    return inner_->terminate(group, server, std::move(stop));
  }

  /// For how many groups each list was asked so far.
  [[nodiscard]] std::vector<std::size_t> listed() const {
    const std::lock_guard lock(mutex_);
    return listed_;
  }

 private:
  std::unique_ptr<Provider> inner_;
  mutable std::mutex mutex_;
  std::vector<std::size_t> listed_;
};

}  // namespace weir
