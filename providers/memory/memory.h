#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "providers/provider.h"

namespace weir {

/// `type: memory`: servers that exist only in the memory of this program. For trying weir out, simulations and tests.
[[nodiscard]] ProviderType memory_provider_type();

/// The imaginary place where the servers of memory providers live: it outlives the provider objects, as a cloud would. All faults
/// that a real provider can show are asked for here. Thread-safe.
class MemoryCloud {
 public:
  /// `now` is the clock by which servers boot and stop; the system clock if empty.
  explicit MemoryCloud(std::function<TimePoint()> now = {});

  // What providers ask for.
  [[nodiscard]] Result<std::vector<Server>> list(const std::stop_token& stop);
  [[nodiscard]] Result<Server> launch(const LaunchRequest& request, const std::stop_token& stop);
  [[nodiscard]] Result<void> terminate(const Group& group, const std::string& server, const std::stop_token& stop);

  /// The next launch makes its server, but the caller only hears `unavailable`.
  void lose_next_reply();
  /// Every launch of a new server fails with this and makes nothing, until called with nothing.
  void fail_launches(std::optional<Error> error);
  /// Every terminate of a server that exists fails with this and does nothing, until called with nothing.
  void fail_terminations(std::optional<Error> error);
  /// Every list fails with this, until called with nothing.
  void fail_lists(std::optional<Error> error);
  /// Lists lack this server although it exists, until revealed: what an eventually consistent or lying API does.
  void hide(const std::string& server);
  void hide_all();
  void reveal_all();
  /// The server is dead and listed with `why` as its failure.
  void crash(const std::string& server, std::string why);
  /// The server no longer exists, and nobody asked for that.
  void vanish(const std::string& server);
  /// The server is listed as protected and terminate is refused as denied.
  void protect(const std::string& server, std::string why);
  /// Adds a server nobody here launched; it stands in lists as given.
  void insert(Server server);
  /// From now on every call waits until release() or its stop token (then it is cancelled and does nothing).
  void hold();
  void release();

  /// All servers that exist, hidden ones too, sorted by id; unlike list() never held and never failing.
  [[nodiscard]] std::vector<Server> servers() const;
  /// How many servers were ever made: a second one for the same token would show here.
  [[nodiscard]] int made() const;

 private:
  struct Entry {
    Server server;
    Duration boot{0};
    Duration shutdown{0};
    std::optional<TimePoint> stop_asked_at;
  };
  [[nodiscard]] Result<void> pass(std::unique_lock<std::mutex>& lock, const std::stop_token& stop);
  [[nodiscard]] Server view(const Entry& entry) const;
  [[nodiscard]] Entry make_entry(const LaunchRequest& request) const;
  void forget_stopped();

  std::function<TimePoint()> now_;
  mutable std::mutex mutex_;
  std::condition_variable_any released_;
  std::map<std::string, Entry> entries_;
  std::set<std::string> hidden_;
  std::optional<Error> launch_error_;
  std::optional<Error> terminate_error_;
  std::optional<Error> list_error_;
  bool lose_reply_ = false;
  bool held_ = false;
  int made_ = 0;
};

/// A provider of the servers in `cloud`.
[[nodiscard]] std::unique_ptr<Provider> make_memory_provider(std::shared_ptr<MemoryCloud> cloud);

}  // namespace weir
