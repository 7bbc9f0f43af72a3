// The real core drives the provider against the fake while everything goes wrong and weir dies at any call. The fake's log is the
// judge: nothing is left behind, nothing is doubled, nobody falls below min, and the rate is kept.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "controller/loop/turn.h"
#include "controller/reconcile/reconcile.h"
#include "tests/fakes/ports.h"
#include "tests/providers/vultr/world.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Fault = FakeVultr::Fault;
using Machine = FakeVultr::Machine;

bool soaking() { return std::getenv("WEIR_SOAK") != nullptr; }

/// Servers are as healthy as their machines are up. A weir that has just begun has not asked anybody yet.
class MachineProbe final : public HealthProbe {
 public:
  explicit MachineProbe(FakeVultr& fake) : fake_(fake) {}
  void on_change(Changed /*changed*/) override {}
  void watch(const std::string& group, const HealthCheck& /*check*/, std::span<const ProbeTarget> targets) override {
    const std::map<std::string, HealthStatus> before = std::exchange(known_[group], {});
    for (const ProbeTarget& target : targets) {
      const bool heard = before.contains(target.server);
      known_[group][target.server] = !heard                       ? HealthStatus::unknown
                                     : fake_.is_up(target.server) ? HealthStatus::healthy
                                                                  : HealthStatus::unhealthy;
    }
  }
  [[nodiscard]] Health health(const std::string& group, const std::string& server) const override {
    const auto of_group = known_.find(group);
    if (of_group == known_.end()) return {};
    const auto found = of_group->second.find(server);
    return {.status = found == of_group->second.end() ? HealthStatus::unknown : found->second};
  }

 private:
  FakeVultr& fake_;
  std::map<std::string, std::map<std::string, HealthStatus>> known_;
};

Group tracked_group(const std::string& name, int min) {
  Group group = vultr_group(name);
  Settings policy;
  policy.set("query", std::string("wanted"));
  policy.set("value", std::string("total"));
  policy.set("target", 1.0);
  policy.set("tolerance", 0.01);
  group.min = min;
  group.max = 7;
  group.interval = 5s;
  group.warm_up = 0s;
  group.health.deadline = 5min;
  group.drain_timeout = 20s;
  group.policies.push_back({"wanted", "target_tracking", policy});
  group.balancers.push_back({"nginx", "nginx", {}});
  return group;
}

/// How a story goes wrong.
struct Trouble {
  int faulty_percent = 0;  ///< of the calls
  int deadly_percent = 0;  ///< likewise, before or after they are carried out
  bool late_creates = true;
  int dies_at_call = -1;  ///< once
  bool after = false;     ///< when it has been carried out
};

/// One group and what surrounds it.
struct Fleet {
  Fleet(const std::string& name, int min) : group(tracked_group(name, min)), wanted(min) { disk.nonce = "abc"; }
  Group group;
  Memory disk;
  std::vector<Outcome> outcomes;
  std::shared_ptr<BalancerWatch> watch = std::make_shared<BalancerWatch>();
  double wanted;
  bool reached_min = false;
};

class Story {
 public:
  Story(std::uint64_t seed, int groups, const FakeVultr::Options& like, const Trouble& trouble)
      : world_([&](FakeVultr::Options& options) {
          options.boot = like.boot;
          options.list_lag = like.list_lag;
          options.leave = like.leave;
          options.locked_for = like.locked_for;
          options.late_by = like.late_by;
          options.page = like.page;
        }),
        late_by_(like.late_by),
        random_(seed),
        trouble_(trouble) {
    for (int number = 0; number < groups; ++number)
      fleets_.push_back(std::make_unique<Fleet>(fmt::format("g{}", number), groups > 2 ? 1 : 2));
    world_.fake.choose([this](const FakeVultr::Call& call) { return fault_for(call); });
    world_.fake.on_call([this](const FakeVultr::Call& call, bool done) {
      if (done) carried_out(call);
    });
  }

  void turns(int count, Duration longest_step) {
    for (; count > 0; --count) {
      turn();
      world_.clock.pass(Duration(between(1000, static_cast<int>(longest_step.count()))));
      stir();
    }
  }

  void want(double servers) {
    for (const auto& fleet : fleets_) fleet->wanted = servers;
  }

  /// Everything works again; so many servers are wanted, and time enough to give the others back when their hour ends.
  void calm_down() {
    trouble_ = {.dies_at_call = trouble_.dies_at_call, .after = trouble_.after};
    world_.fake.restock();
    world_.fake.set_quota(10'000);
    world_.fake.refuse_key(0);
    for (const auto& fleet : fleets_) fleet->wanted = fleet->group.min;
    for (int turn = 0; turn < 300 && !is_settled(); ++turn) turns(1, 80s);
    turns(3, 80s);
  }

  void judge() {
    EXPECT_TRUE(is_settled()) << story();
    for (const std::string& violation : world_.fake.violations()) ADD_FAILURE() << violation;
    for (const std::string& violation : violations_) ADD_FAILURE() << violation << "\n" << story();
    EXPECT_LE(world_.fake.busiest_second(), 10U);
    judge_tokens();
  }

  [[nodiscard]] int calls() const { return calls_; }
  [[nodiscard]] int deaths() const { return deaths_; }
  [[nodiscard]] int late_doubles() const { return late_doubles_; }
  [[nodiscard]] std::size_t made() { return world_.fake.all().size(); }
  [[nodiscard]] std::size_t busiest_second() const { return world_.fake.busiest_second(); }

 private:
  int between(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  bool chance(int percent) { return between(1, 100) <= percent; }
  template <std::size_t Count>
  Fault one_of(const Fault (&faults)[Count]) {
    return faults[static_cast<std::size_t>(between(0, Count - 1))];
  }

  // ---- weir --------------------------------------------------------------------------------------------------------------------

  void turn() {
    if (!provider_) {
      life_ = std::stop_source();
      provider_ = world_.open();
      probe_ = std::make_unique<MachineProbe>(world_.fake);
    }
    std::vector<const Group*> groups;
    for (const auto& fleet : fleets_) groups.push_back(&fleet->group);
    const auto answer = provider_->list(groups, life_.get_token());
    for (const auto& fleet : fleets_) {
      if (!is_dead()) turn_of(*fleet, answer);
    }
    if (is_dead()) bury();
    for (const auto& fleet : fleets_) check_min(*fleet);
  }

  void turn_of(Fleet& fleet, const Result<std::vector<Server>>& answer) {
    Managed managed{.group = fleet.group, .policies = make_policies(fleet.group), .provider = provider_, .balancers = {}};
    managed.balancers.push_back(std::make_unique<FakeBalancer>(fleet.watch));
    const TimePoint now = world_.fake.wall_time();
    Observation seen =
        observe(managed, fleet.disk, listing_for(fleet.group.name, answer),
                {.samples = {{.status = Sample::Status::ok, .value = fleet.wanted}}}, *probe_, now, life_.get_token());
    seen.outcomes = std::exchange(fleet.outcomes, {});
    Turn turn = reconcile(fleet.group, managed.policies, std::move(seen), fleet.disk);
    if (!turn.plan.refused.empty()) violations_.push_back("verify refused: " + turn.plan.refused);
    fleet.disk = std::move(turn.memory);
    if (turn.plan.write_balancers) (void)apply_balancers(managed, turn.plan);
    for (const Action& action : turn.plan.actions) {
      if (is_dead()) return;
      if (auto outcome = apply_action(managed, action, life_.get_token())) fleet.outcomes.push_back(*std::move(outcome));
    }
  }

  [[nodiscard]] bool is_dead() const { return life_.stop_requested(); }

  void bury() {
    provider_.reset();
    probe_.reset();
    for (const auto& fleet : fleets_) fleet->outcomes.clear();
    ++deaths_;
    life_ = std::stop_source();
  }

  // ---- what goes wrong ---------------------------------------------------------------------------------------------------------

  Fault fault_for(const FakeVultr::Call& call) {
    const int number = calls_++;
    dies_after_ = false;
    const bool now = number == trouble_.dies_at_call;
    if (now || chance(trouble_.deadly_percent)) {
      dies_after_ = now ? trouble_.after : chance(50);
      if (!dies_after_) {
        life_.request_stop();
        return Fault::reset;
      }
    }
    if (!chance(trouble_.faulty_percent)) return Fault::none;
    if (call.operation == "instances.create") return fault_of_create();
    constexpr Fault kOfLists[] = {Fault::throttled, Fault::error,      Fault::reset,     Fault::html,
                                  Fault::cut_off,   Fault::lacks_page, Fault::lacks_one, Fault::reset_after};
    constexpr Fault kOfOthers[] = {Fault::throttled, Fault::error,       Fault::error_after,
                                   Fault::reset,     Fault::reset_after, Fault::cut_off};
    return call.operation.ends_with(".list") ? one_of(kOfLists) : one_of(kOfOthers);
  }

  Fault fault_of_create() {
    constexpr Fault kFaults[] = {Fault::throttled, Fault::error,       Fault::error_after, Fault::reset, Fault::reset_after,
                                 Fault::late,      Fault::reset_after, Fault::cut_off,     Fault::html,  Fault::late};
    const Fault fault = one_of(kFaults);
    return fault == Fault::late && !trouble_.late_creates ? Fault::reset_after : fault;
  }

  void carried_out(const FakeVultr::Call& call) {
    if (call.operation == "instances.delete") check_removal(call);
    if (call.operation == "instances.create") check_max();
    if (std::exchange(dies_after_, false)) life_.request_stop();
  }

  /// Between two turns: stocks run out and come back, machines are locked, the key is refused for a while.
  void stir() {
    if (trouble_.faulty_percent == 0) return;
    if (chance(5)) world_.fake.sell_out("vc2-1c-2gb", "icn");
    if (chance(20)) world_.fake.restock();
    if (chance(5)) world_.fake.set_quota(static_cast<std::size_t>(between(2, 6)));
    if (chance(30)) world_.fake.set_quota(10'000);
    world_.fake.refuse_key(chance(3) ? 401 : 0);
    if (!chance(10)) return;
    const auto machines = world_.fake.alive();
    if (machines.empty()) return;
    const auto& machine = machines[static_cast<std::size_t>(between(0, static_cast<int>(machines.size()) - 1))];
    world_.fake.change(machine.id, [&](Machine& one) { one.locked_until = world_.clock.now() + 30s; });
  }

  // ---- the judge ---------------------------------------------------------------------------------------------------------------

  Fleet* fleet_of(const Machine& machine) {
    const auto found = std::ranges::find_if(fleets_, [&](const auto& fleet) { return fleet->group.name == machine.group; });
    return found == fleets_.end() ? nullptr : found->get();
  }

  [[nodiscard]] int serving(const Fleet& fleet) {
    const auto peers = fleet.watch->peers();
    return static_cast<int>(std::ranges::count_if(peers, [this](const Peer& peer) { return world_.fake.is_up(peer.server); }));
  }

  void check_min(Fleet& fleet) {
    const int count = serving(fleet);
    if (fleet.reached_min && count < fleet.group.min) {
      violations_.push_back(fmt::format("{}: {} serve, min is {}", fleet.group.name, count, fleet.group.min));
    }
    fleet.reached_min = fleet.reached_min || count >= fleet.group.min;
  }

  void check_removal(const FakeVultr::Call& call) {
    for (const Machine& machine : world_.fake.all()) {
      Fleet* fleet = fleet_of(machine);
      if (machine.id != call.subject || machine.removed != call.at || fleet == nullptr) continue;
      const auto peers = fleet->watch->peers();
      if (std::ranges::find(peers, machine.id, &Peer::server) != peers.end()) {
        violations_.push_back(machine.id + " was removed while it got traffic");
      }
      check_min(*fleet);
    }
  }

  void check_max() {
    std::map<std::string, int> by_group;
    for (const Machine& machine : world_.fake.alive()) by_group[machine.group] += machine.removed || machine.made_late ? 0 : 1;
    for (const auto& [group, count] : by_group) {
      if (count > fleets_.front()->group.max) violations_.push_back(fmt::format("{}: {} machines, more than max", group, count));
    }
  }

  /// Every machine is one that its group wants and knows.
  bool is_settled() {
    if (world_.fake.has_late_creates()) return false;
    std::size_t wanted = 0;
    const auto machines = world_.fake.alive();
    for (const auto& fleet : fleets_) {
      const std::size_t count = static_cast<std::size_t>(fleet->wanted);
      wanted += count;
      if (fleet->disk.servers.size() != count || !fleet->disk.launches.empty() || serving(*fleet) != static_cast<int>(count)) {
        return false;
      }
      for (const ServerMemory& known : fleet->disk.servers) {
        if (std::ranges::find(machines, known.id, &Machine::id) == machines.end()) return false;
      }
    }
    return machines.size() == wanted;
  }

  /// Two machines of one token at the same time: only where one was made later than anybody could have waited for.
  void judge_tokens() {
    std::map<std::string, std::vector<Machine>> by_token;
    for (const Machine& machine : world_.fake.all()) by_token[machine.token].push_back(machine);
    for (const auto& [token, machines] : by_token) {
      for (std::size_t second = 1; second < machines.size(); ++second) {
        const Machine& one = machines[second - 1];
        const bool together = !one.gone || *one.gone > machines[second].made;
        const bool late = late_by_ > 5s && (one.made_late || machines[second].made_late);
        if (together && late) ++late_doubles_;
        if (together && !late) ADD_FAILURE() << token << " was made twice\n" << story();
      }
    }
  }

  std::string story() {
    std::string text;
    for (const auto& fleet : fleets_) {
      text += fmt::format("{}: {} wanted, {} serve, {} launches open\n", fleet->group.name, fleet->wanted, serving(*fleet),
                          fleet->disk.launches.size());
      for (const ServerMemory& known : fleet->disk.servers) text += fmt::format("  known {} of {}\n", known.id, known.token);
    }
    const auto seconds = [](FakeVultr::Moment at) {
      return std::chrono::duration<double>(at.time_since_epoch()).count() - 3'600'000;
    };
    for (const Machine& machine : world_.fake.all()) {
      text += fmt::format("  machine {} of {} made {:.1f}{} gone {:.1f}\n", machine.id, machine.token, seconds(machine.made),
                          machine.made_late ? " late" : "", machine.gone ? seconds(*machine.gone) : 0);
    }
    return text;
  }

  VultrWorld world_;
  const Duration late_by_;
  std::mt19937_64 random_;
  Trouble trouble_;
  std::vector<std::unique_ptr<Fleet>> fleets_;
  std::stop_source life_;
  std::shared_ptr<Provider> provider_;
  std::unique_ptr<MachineProbe> probe_;
  std::vector<std::string> violations_;
  int calls_ = 0;
  int deaths_ = 0;
  int late_doubles_ = 0;
  bool dies_after_ = false;
};

FakeVultr::Options usual(WaitingClock& clock) { return {.clock = clock, .boot = 40s, .locked_for = 3s, .page = 4}; }

TEST(Campaign, of_random_faults_and_deaths_leaves_and_doubles_nothing) {
  const int runs = soaking() ? 2000 : 40;
  int deaths = 0;
  int calls = 0;
  int late_doubles = 0;
  std::size_t made = 0;
  for (int run = 0; run < runs; ++run) {
    SCOPED_TRACE(fmt::format("run {}", run));
    std::mt19937_64 random(static_cast<std::uint64_t>(run));
    const auto between = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
    ImpatientClock unused;
    FakeVultr::Options options = usual(unused);
    options.boot = Duration(between(5'000, 90'000));
    options.list_lag = Duration(between(0, 1500));
    options.leave = Duration(between(0, 4) * 1000);
    options.late_by = run % 2 == 0 ? Duration(between(500, 3500)) : Duration(between(7'000, 90'000));
    options.page = static_cast<std::size_t>(between(2, 9));
    Story story(random(), between(1, 2), options, {.faulty_percent = between(5, 30), .deadly_percent = between(0, 5)});
    const int length = soaking() ? 2 : 1;
    story.turns(12 * length, 12s);
    story.want(between(3, 6));
    story.turns(20 * length, 12s);
    story.want(2);
    story.turns(20 * length, 80s);
    story.want(between(4, 7));
    story.turns(12 * length, 12s);
    story.calm_down();
    story.judge();
    deaths += story.deaths();
    calls += story.calls();
    late_doubles += story.late_doubles();
    made += story.made();
    if (testing::Test::HasFailure()) return;
  }
  fmt::print("{} runs: {} calls, {} machines made, {} deaths, {} doubled by late creates and given back\n", runs, calls, made,
             deaths, late_doubles);
  EXPECT_GT(deaths, runs / 2);
  EXPECT_GT(late_doubles, 0) << "the campaign has not tried what it is there for";
}

/// Two, four, and two again.
void live(Story& story) {
  story.turns(14, 8s);
  story.want(4);
  story.turns(14, 8s);
  story.calm_down();
}

TEST(Campaign, dying_at_any_single_call_leaves_and_doubles_nothing) {
  ImpatientClock unused;
  const FakeVultr::Options options = usual(unused);
  Story whole(7, 1, options, {});
  live(whole);
  whole.judge();
  ASSERT_EQ(whole.made(), 4U);
  const int stride = soaking() ? 1 : 28;
  for (int call = 0; call < std::min(whole.calls(), 140); call += stride) {
    for (const bool after : {false, true}) {
      SCOPED_TRACE(fmt::format("dies at call {}, {} it is carried out", call, after ? "after" : "before"));
      Story story(7, 1, options, {.dies_at_call = call, .after = after});
      live(story);
      story.judge();
      EXPECT_EQ(story.made(), 4U);
      EXPECT_EQ(story.deaths(), 1);
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(Campaign, two_hundred_groups_keep_the_rate) {
  ImpatientClock unused;
  FakeVultr::Options options = usual(unused);
  options.page = 500;
  options.boot = 5s;
  Story story(3, 200, options, {.faulty_percent = 2});
  story.turns(soaking() ? 30 : 1, 10s);
  if (soaking()) story.calm_down();
  if (soaking()) story.judge();
  EXPECT_LE(story.busiest_second(), 10U);
  EXPECT_GE(story.made(), 190U) << "a few launches fail at first";
}

}  // namespace
}  // namespace weir
