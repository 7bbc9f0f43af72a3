#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/log/log.h"
#include "controller/loop/turn.h"
#include "controller/ports/notifier.h"
#include "controller/ports/ports.h"
#include "platform/http_client.h"

namespace weir {

/// What others may want to know of the loop's work. Called from its worker threads; must not block. Any may be empty.
struct LoopEvents {
  /// A turn has been saved, applied and seen to its end. `took` counts from the moment its facts were there.
  std::function<void(const Group&, const Record&, std::chrono::nanoseconds took)> turned;
  /// What the servers of a group looked like to it.
  std::function<void(const Group&, bool probe_suspected, int orphans)> judged;
  std::function<void(const Group&, Action::Kind, bool succeeded)> acted;
  /// What operators have ordered for a group, as far as it is in force after a turn.
  std::function<void(const Group&, const Manual&)> by_hand;
  /// A launched server is proven to get traffic: time since the launch was decided.
  std::function<void(const Group&, Duration decision_to_serving)> serving;
  /// A balancer was written, or could not be.
  std::function<void(const Group&, bool succeeded)> written;
  /// What a policy's query came to.
  std::function<void(const Group&, const std::string& policy, Sample::Status)> sampled;
  /// What the group's balancers know of requests that servers lost because they were leaving, since the last turn.
  std::function<void(const Group&, int requests)> lost;
  /// Servers with our tag whose group nobody configures.
  std::function<void(const std::string& provider, const std::vector<Server>& orphans)> orphans;
  /// Memory could not be saved, so the turn did nothing.
  std::function<void(const Group&)> not_saved;
};

using Providers = std::map<std::string, std::shared_ptr<Provider>>;

/// What a group looked like after its last turn. Immutable, shared.
struct Snapshot {
  Record record;
  Memory memory;
  std::string version;
};

/// Runs the turns of thousands of groups on a few threads. Facts arrive by themselves: at every interval of a group its metrics and
/// its provider's list are asked for, together with those of all groups then due, and the turn starts when both are there. A change
/// of health starts a turn at once with the facts at hand. No group's turn runs twice at once; a provider or balancer that does not
/// answer holds up nobody but its own groups.
class Loop {
 public:
  struct Ports {
    Clock& clock;
    MetricSource* metrics;  ///< nullptr if no policy has a query
    HealthProbe& probe;
    Store& store;
    const Log& log;
    HttpClient* http = nullptr;    ///< for hooks of deploys that have a URL
    Notifier* notifier = nullptr;  ///< is told of what happens; nullptr: nobody is
  };
  struct Options {
    int workers = 2;
    int metric_batches = 16;       ///< ticks whose slowest query may be waited for at the same time
    int actions_per_provider = 4;  ///< launches and terminations of one provider at the same time
    /// After a write that failed, or that succeeded and is then seen not to be in force; doubled each time.
    Duration first_balancer_retry{1000};
    Duration longest_balancer_retry{30'000};
    Duration longest_rest{1000};              ///< the scheduler looks at its clock at least so often
    Duration idle_provider_interval{60'000};  ///< how often a provider without groups is asked for servers left behind
    /// Whoever gives an order hears of it after this long, and the scheduler's rest, at the latest.
    Duration order_deadline{5000};
  };

  /// Loads every group's memory. `providers` has all that are configured, by name: those without groups may still have servers.
  /// Errors: those of the store; invalid if a group's servers are at another provider than its configuration says.
  [[nodiscard]] static Result<std::unique_ptr<Loop>> start(Ports ports, Options options, LoopEvents events,
                                                           std::vector<Managed> groups, const Providers& providers = {});
  ~Loop();  ///< stops
  /// Cancels what is under way, waits for it, and stops. Nothing of the world is changed by stopping. May be called again; what the
  /// last turns came to can still be asked for.
  void stop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Starts a turn of the group soon, with the facts at hand, and another when the provider has been asked again.
  void wake(const std::string& group);

  /// Told once what became of an order: it is on disk and outlives whatever happens, or why not. Unavailable: it could not be
  /// saved, and is forgotten; or the disk has not answered in time, and it holds if it still does. Called from the loop's threads,
  /// or before stop() returns; must not block.
  using Answered = std::function<void(Result<void>)>;

  /// Writes a person's order into the group's memory and wakes a turn. False: there is no such group, or the loop stops; then
  /// nobody is told.
  [[nodiscard]] bool order(const std::string& group, Order order, Answered answered);

  /// What a group will remember once everything ordered so far has been obeyed: what a further order is to be checked against.
  /// Absent: there is no such group.
  [[nodiscard]] std::optional<Memory> memory(const std::string& group) const;

  /// What is on disk of a group's memory: also orders that no turn has come to yet. nullptr: there is no such group.
  [[nodiscard]] std::shared_ptr<const Memory> saved_memory(const std::string& group) const;

  /// The last turn of a group; nullptr before its first, or if there is no such group.
  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot(const std::string& group) const;
  /// The groups, in the order of the configuration.
  [[nodiscard]] std::vector<const Group*> groups() const;
  /// True once every group has had a turn.
  [[nodiscard]] bool ready() const;
  /// How long the scheduler has not come round, for the watchdog.
  [[nodiscard]] Duration silence() const;
  /// Turns finished so far, of all groups.
  [[nodiscard]] std::size_t turns() const;
  /// No turn runs and none is due: nothing happens before the clock goes on or somebody wakes a group.
  [[nodiscard]] bool idle() const;

 private:
  class Impl;
  explicit Loop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir
