#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "controller/reconcile/reconcile.h"
#include "controller/simulate/questions.h"
#include "controller/simulate/rehearsed_deploy.h"
#include "controller/simulate/trace.h"
#include "model/group.h"
#include "model/memory.h"
#include "model/observation.h"
#include "policies/policy.h"

namespace weir {

/// Something made to go wrong for a while.
struct Fault {
  enum class Kind {
    prometheus,  ///< no query is answered
    provider,    ///< no list, no launch, no removal
    slow_boot,   ///< what is launched boots five times as long
    quota,       ///< every launch is refused for lack of room
    balancer,    ///< balancers do not take what is written to them
  };
  Kind kind = Kind::prometheus;
  Duration begin{0};  ///< after the beginning of the simulation
  Duration length{0};
};

[[nodiscard]] std::string_view to_string(Fault::Kind kind);
/// `prometheus@2h+10m`: what, when, for how long. Errors: invalid, with what was expected.
[[nodiscard]] Result<Fault> parse_fault(std::string_view text);

/// False for what only tells others who serves, and cannot know of connections.
[[nodiscard]] bool carries_traffic(const BalancerSpec& spec);

/// What is assumed of the world.
struct WorldModel {
  double capacity = 1;     ///< load that one server carries at 100 %; > 0
  Duration boot{120'000};  ///< from the launch until the server answers its health checks
  Duration metric_delay{15'000};
  double noise = 0;  ///< standard deviation of the load, as a share of it, drawn anew for every turn
  std::uint64_t seed = 1;
  Duration queue{0};  ///< so long requests wait for a server before they are lost; 0: load beyond capacity is not carried over
  std::optional<int> start;  ///< servers at the beginning; absent: what the first load takes at 70 %
  Meanings meanings;
  std::vector<Fault> faults;
  std::vector<RehearsedDeploy> deploys;
};

/// A deploy that was ordered in the simulation, and that the group could not do then.
struct RefusedDeploy {
  TimePoint at;
  std::string version;
  std::string why;
};

/// One instant as the world really was, for whoever scores it.
struct WorldTick {
  TimePoint at;
  double load = 0;
  bool in_gap = false;
  int serving = 0;  ///< servers that get traffic and can serve
  /// What they carry before the first of them is full, in servers: fewer than `serving` while their shares of the traffic differ.
  double carried = 0;
  int launched = 0;  ///< servers that exist
  double lost = 0;   ///< share of the load of this tick that no server took
};

/// A fleet under a recorded load, on a clock of its own: the facts a turn sees, and what its plan does to them. The turns are the
/// controller's own reconcile(). The judge of a deploy is taken to be content, and its checkpoints are promoted. Deterministic. Not
/// thread-safe; group, policies and trace must outlive it.
class SimulatedWorld {
 public:
  SimulatedWorld(const Group& group, const Policies& policies, const Trace& trace, WorldModel model);

  /// Told of every turn, right after it. Of the observation only `at` is left.
  using Watch = std::function<void(const Turn&)>;

  /// Goes on by one tick(): takes all turns that are due by then, then lets time pass. Like those of the loop, turns come at the
  /// moment for which a plan asks, when a server becomes healthy, and once more at once when a server was launched or a balancer
  /// written. False at the end of the trace.
  bool advance(const Watch& watch = {});

  [[nodiscard]] Duration tick() const { return tick_; }
  [[nodiscard]] const WorldTick& state() const { return state_; }
  [[nodiscard]] std::uint64_t turns() const { return turns_; }
  [[nodiscard]] TimePoint begin() const { return begin_; }
  [[nodiscard]] TimePoint end() const { return end_; }
  /// Time that servers have existed so far, and what that costs; nothing without a price.
  [[nodiscard]] double server_hours() const;
  [[nodiscard]] std::optional<double> cost() const;
  /// What every query of the policies was taken for, in sentences.
  [[nodiscard]] std::vector<std::string> assumptions() const;
  [[nodiscard]] const Memory& memory() const { return turn_.memory; }
  /// Deploys that were refused so far, in order of time.
  [[nodiscard]] const std::vector<RefusedDeploy>& refused() const { return refused_; }

 private:
  struct Machine {
    TimePoint launched_at;
    TimePoint ready_at;
    TimePoint paid_to;  ///< its cost is counted up to here
  };
  void add_machine(const std::string& token, const std::string& version, TimePoint launched_at, TimePoint ready_at);
  void remove_machine(std::size_t index);
  void pay(const Machine& machine, TimePoint until);
  [[nodiscard]] bool fails(Fault::Kind kind) const;
  [[nodiscard]] bool is_healthy(std::size_t index) const { return machines_[index].ready_at <= now_; }

  [[nodiscard]] std::optional<TimePoint> next_event() const;
  void take_turns(const Watch& watch);
  void take_turn();
  void observe();
  void give_orders();
  void observe_balancers();
  void answer_queries();
  [[nodiscard]] double visible_utilization(double load) const;
  void apply(const Plan& plan);
  void launch(const Action& action);
  void create(const Action& action);
  void write_balancers(const Plan& plan);
  void count_serving();
  void pass_time();

  Group group_;
  bool is_judged_;  ///< as configured
  const Policies& policies_;
  WorldModel model_;
  LoadCursor cursor_;
  TimePoint begin_;
  TimePoint end_;
  Duration tick_;
  int ticks_per_turn_ = 1;
  std::mt19937_64 random_;
  Questions questions_;

  TimePoint now_;
  TimePoint next_tick_;
  std::uint64_t count_ = 0;  ///< of ticks
  std::optional<TimePoint> revisit_;
  bool changed_ = false;  ///< by the last turn: another has to see it
  std::uint64_t turns_ = 0;
  Turn turn_;
  WorldTick state_;
  double noise_ = 1;
  double backlog_ = 0;  ///< requests that wait

  std::vector<Server> facts_;      ///< as the provider lists them, sorted by id
  std::vector<Machine> machines_;  ///< in step with facts_
  bool facts_changed_ = true;
  std::uint64_t next_machine_ = 1;
  std::vector<Peer> in_balancers_;
  std::vector<bool> carries_traffic_;  ///< per balancer
  std::vector<Outcome> outcomes_;
  std::size_t next_deploy_ = 0;  ///< of the model's
  bool promotes_ = false;        ///< the deploy stands at a checkpoint
  std::vector<RefusedDeploy> refused_;
  Observation seen_;  ///< kept from turn to turn, so that little has to be copied

  std::vector<std::string> healthy_;  ///< ids; kept to spare its making
  Duration horizon_{0};
  std::vector<double> utilizations_;  ///< per tick, a ring
  double server_hours_ = 0;
  double cost_ = 0;
};

}  // namespace weir
