#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controller/reconcile/reconcile.h"
#include "deploy/advance.h"

namespace weir {

/// A whole imagined outside for one group: a provider, servers that boot, fall ill and crash, a prober, a balancer that can be
/// killed half way, metrics, and a disk. It runs the real reconcile() over it and looks at every effect as it happens. Time is its
/// own.
class World {
 public:
  /// One machine as it really is.
  struct Machine {
    std::string id;
    std::string token;
    std::string address;
    TimePoint launched_at;
    TimePoint boots_at;    ///< answers from then on
    TimePoint visible_at;  ///< in the provider's list from then on
    std::string version = "v1";
    bool sick = false;                  ///< runs, but answers badly
    bool dead = false;                  ///< crashed; listed with a failure until removed
    bool locked = false;                ///< the provider does not remove it
    std::optional<TimePoint> going_at;  ///< termination asked for: gone from then on
    int connections = 0;
    std::optional<TimePoint> out_since;  ///< not in the loaded peers since
  };

  /// What goes wrong in the next turn. All false: a good day.
  struct Faults {
    std::optional<Sample::Status> samples;  ///< instead of good ones
    bool doubtful = false;                  ///< samples look good and are too old, which only a trust gate's own query tells
    bool list_fails = false;
    bool list_empty = false;   ///< a good-looking empty list
    bool probe_blind = false;  ///< every check fails
    bool partial = false;      ///< metrics per server lack some of them
    std::optional<ErrorKind> launch_error;
    bool launch_reply_lost = false;  ///< made, but the answer is unavailable
    bool terminate_fails = false;
    bool balancer_fails = false;
    bool balancer_unreadable = false;
    bool save_fails = false;
    std::optional<int> crash_at;  ///< the effect of this turn (0 = the save) before which the controller dies
  };

  World(Group of, std::uint64_t seed) : group(std::move(of)), random(seed) {
    policies = make_policies(group);
    disk.nonce = "abc123";
  }

  Group group;
  Policies policies;
  std::mt19937_64 random;
  TimePoint now{std::chrono::hours(500'000)};
  std::vector<Machine> machines;
  std::vector<std::string> loaded;  ///< addresses nginx really uses
  std::vector<Peer> file;           ///< what its file says
  bool file_in_force = true;
  double load = 1;  ///< in servers' worth
  Duration boot{3000};
  Duration list_lag{0};
  bool connections_known = true;
  std::optional<int> room;  ///< so many machines the provider has at most
  /// What becomes of servers of a version that is no good, from so long after their boot on.
  struct Fault {
    enum class Kind { never_boots, crashes, falls_sick };
    Kind kind = Kind::never_boots;
    Duration after{0};
  };
  std::map<std::string, Fault> bad_versions;
  std::set<std::string> erring_versions;   ///< healthy, and the judge's query is not what it should be
  bool deployed_without_a_server = false;  ///< a deploy has ended while the group was to have none
  Memory disk;
  std::vector<Outcome> outcomes;
  std::vector<Order> orders;  ///< for the next turn
  std::vector<std::string> violations;
  int next_machine = 1;
  int effects = 0;       ///< of the last turn, the save included
  bool crashed = false;  ///< the last turn died half way
  std::optional<Turn> last;

  int chance(int percent) { return std::uniform_int_distribution<int>(1, 100)(random) <= percent ? 1 : 0; }
  int between(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); }

  bool answers(const Machine& machine) const { return !machine.dead && !machine.sick && machine.boots_at <= now; }

  /// One turn of the controller. Effects happen one by one; the controller may die before any of them.
  void turn(const Faults& faults) {
    settle();
    Memory memory = disk;
    Observation seen = observe(faults, memory);
    last = reconcile(group, policies, seen, std::move(memory));
    const Turn& turn = *last;
    check_turn(seen, turn);
    const std::optional<Rollout>& rollout = turn.memory.rollout;
    if (rollout && rollout->ended_at == now && turn.memory.desired == 0) deployed_without_a_server = true;
    effects = 0;
    crashed = false;
    outcomes.clear();
    if (dies(faults)) return;
    if (faults.save_fails) return;
    disk = turn.memory;
    if (turn.plan.write_balancers) write_balancer(faults, turn.plan);
    for (const Action& action : turn.plan.actions) {
      if (crashed) return;
      if (action.kind == Action::Kind::launch) launch(faults, action);
      if (action.kind == Action::Kind::terminate) terminate(faults, action, turn);
    }
  }

  /// Lets time pass: machines boot and vanish, connections end.
  void pass(Duration time) {
    now += time;
    settle();
  }

  int running() const { return static_cast<int>(machines.size()); }

  bool is_loaded(const std::string& address) const { return std::ranges::find(loaded, address) != loaded.end(); }

  void fail(std::string what) {
    if (violations.size() < 20) violations.push_back(format_time(now) + " " + std::move(what));
  }

 private:
  void settle() {
    std::erase_if(machines, [this](const Machine& machine) { return machine.going_at && *machine.going_at <= now; });
    std::erase_if(history_, [this](const auto& entry) {
      return std::ranges::none_of(machines, [&](const Machine& machine) { return machine.id == entry.first; });
    });
    for (Machine& machine : machines) {
      show_fault(machine);
      if (is_loaded(machine.address)) {
        machine.out_since.reset();
        machine.connections = 3;
        continue;
      }
      if (!machine.out_since) machine.out_since = now;
      if (machine.dead || now - *machine.out_since > std::chrono::seconds(2)) machine.connections = 0;
    }
  }

  void show_fault(Machine& machine) {
    const auto bad = bad_versions.find(machine.version);
    if (bad == bad_versions.end()) return;
    if (bad->second.kind == Fault::Kind::never_boots) machine.boots_at = TimePoint::max();
    if (machine.boots_at > now || now - machine.boots_at < bad->second.after) return;
    if (bad->second.kind == Fault::Kind::crashes) machine.dead = true;
    if (bad->second.kind == Fault::Kind::falls_sick) machine.sick = true;
  }

  Observation observe(const Faults& faults, const Memory& memory) {
    Observation seen{.at = now, .listed = !faults.list_fails, .listed_detail = faults.list_fails ? "HTTP 500" : ""};
    std::vector<Server> listed;
    for (const Machine& machine : machines) {
      if (machine.visible_at > now || faults.list_empty) continue;
      listed.push_back({.id = machine.id,
                        .group = group.name,
                        .token = machine.token,
                        .address = machine.address,
                        .version = machine.version,
                        .phase = machine.going_at         ? Phase::terminating
                                 : machine.boots_at > now ? Phase::pending
                                                          : Phase::warming,
                        .launched_at = machine.launched_at,
                        .failure = machine.dead ? "exited with status 1" : "",
                        .protection = machine.locked ? "locked" : ""});
    }
    std::ranges::sort(listed, {}, &Server::id);
    seen.servers = listed;
    probe(faults);
    // As with_remembered() would: what is known and not listed keeps its health.
    for (const ServerMemory& known : memory.servers) {
      const bool there = std::ranges::find(listed, known.id, &Server::id) != listed.end();
      if (there && seen.listed) continue;
      if (!there || !seen.listed) {
        if (!seen.listed && there) std::erase_if(seen.servers, [&](const Server& server) { return server.id == known.id; });
        seen.servers.push_back({.id = known.id,
                                .group = group.name,
                                .token = known.token,
                                .address = known.address,
                                .version = known.version,
                                .phase = Phase::warming,
                                .launched_at = known.launched_at,
                                .listed = false});
      }
    }
    if (!seen.listed) std::erase_if(seen.servers, [](const Server& server) { return server.listed; });
    std::ranges::sort(seen.servers, {}, &Server::id);
    for (Server& server : seen.servers) server.health = health_of(server.id);
    std::vector<Query> queries;
    for (std::size_t index = 0; index < policies.size(); ++index) {
      queries.clear();
      policies[index]->append_queries({}, queries);
      for (const Query& query : queries) seen.samples.push_back(answer(faults, group.policies[index], query));
    }
    if (!group.balancers.empty()) seen.balancers.push_back(view(faults));
    if (is_active(memory.rollout)) {
      seen.judged_version = memory.rollout->version;
      for (const Query& query : judge_queries(group.deploy.judge, *memory.rollout)) {
        const bool errs = erring_versions.contains(query.expression);
        seen.judged.push_back(faults.samples ? Sample{.status = *faults.samples, .detail = "fault"}
                                             : Sample{.status = Sample::Status::ok, .value = errs ? 0.5 : 0.0});
      }
    }
    seen.outcomes = outcomes;
    seen.orders = std::exchange(orders, {});
    return seen;
  }

  /// Trust gates ask by these names.
  Sample answer(const Faults& faults, const PolicySpec& policy, const Query& query) const {
    const bool known = !faults.samples;
    if (known && query.expression == "age") return {.status = Sample::Status::ok, .value = faults.doubtful ? 600.0 : 20.0};
    if (known && query.expression == "series") return {.status = Sample::Status::ok, .value = 1.0 * running()};
    if (known && query.expression == "other_load") return {.status = Sample::Status::ok, .value = load};
    return sample(faults, policy);
  }

  Sample sample(const Faults& faults, const PolicySpec& policy) const {
    if (faults.samples) return {.status = *faults.samples, .value = 0, .detail = "fault"};
    const auto serving = std::max<std::ptrdiff_t>(1, std::ranges::count_if(machines, [this](const Machine& machine) {
                                                    return is_loaded(machine.address) && answers(machine);
                                                  }));
    const double each = load / static_cast<double>(serving);
    const bool total =
        policy.type == "predictive" || policy.type == "pass_through" || policy.type == "guard" || policy.type == "did_it_help";
    if (total) return {.status = Sample::Status::ok, .value = load};
    if (policy.settings.text("server_label").empty()) return {.status = Sample::Status::ok, .value = each};
    Sample sample{.status = Sample::Status::ok};
    for (const Machine& machine : machines) {
      if (faults.partial && machine.id.back() % 2 == 0) continue;
      sample.series.push_back({.server = machine.id, .value = each});
    }
    return sample;
  }

  /// healthy_after = unhealthy_after = 2.
  void probe(const Faults& faults) {
    for (const Machine& machine : machines) {
      auto& [good, bad] = history_[machine.id];
      // Each server is asked at its own moments: what befalls all is noticed one by one.
      if (chance(30)) continue;
      const bool answer = answers(machine) && !faults.probe_blind;
      good = answer ? good + 1 : 0;
      bad = answer ? 0 : bad + 1;
      if (good >= 2) proven_.insert(machine.id);
    }
  }

  Health health_of(const std::string& id) const {
    const auto found = history_.find(id);
    if (found == history_.end()) return {HealthStatus::unhealthy, "connection refused"};
    if (found->second.first >= 2) return {HealthStatus::healthy, ""};
    if (found->second.second >= 2) return {HealthStatus::unhealthy, "connection refused"};
    return {};
  }

  BalancerView view(const Faults& faults) const {
    if (faults.balancer_unreadable) return {.known = false, .detail = "permission denied"};
    BalancerView view{.known = true, .in_force = file_in_force, .peers = file};
    if (!connections_known) return view;
    view.connections.emplace();
    for (const Machine& machine : machines) view.connections->push_back({machine.address, machine.connections});
    return view;
  }

  bool dies(const Faults& faults) {
    crashed = faults.crash_at && effects == *faults.crash_at;
    ++effects;
    // A new controller has no history of checks.
    if (crashed) history_.clear();
    return crashed;
  }

  void write_balancer(const Faults& faults, const Plan& plan) {
    if (dies(faults) || faults.balancer_fails) return;
    if (plan.peers.empty() && !file.empty()) fail("an empty list was written over servers");
    file = plan.peers;
    file_in_force = false;
    if (dies(faults)) return;  // between the rename and the reload
    loaded.clear();
    for (const Peer& peer : plan.peers) loaded.push_back(peer.address);
    file_in_force = true;
    settle();
  }

  void launch(const Faults& faults, const Action& action) {
    if (dies(faults)) return;
    if (faults.launch_error) {
      outcomes.push_back({Outcome::Kind::launch, action.server, Error{*faults.launch_error, "fault"}});
      return;
    }
    if (room && running() >= *room) {
      outcomes.push_back({Outcome::Kind::launch, action.server, Error{ErrorKind::out_of_capacity, "quota"}});
      return;
    }
    const bool again = std::ranges::find(machines, action.server, &Machine::token) != machines.end();
    if (!again) {
      const int number = next_machine++;
      machines.push_back({.id = "m" + std::to_string(1000 + number),
                          .token = action.server,
                          .address = "10.0.0." + std::to_string(number) + ":80",
                          .launched_at = now,
                          .boots_at = now + boot,
                          .visible_at = now + list_lag,
                          .version = action.version});
      const bool deploys = is_active(last->memory.rollout);
      const int surge =
          deploys ? surge_of(group.deploy, *last->memory.rollout, last->plan.decision.desired, last->plan.decision.min) : 0;
      const int max = last->plan.decision.max + surge;
      if (running() > max) fail("launched " + std::to_string(running()) + ", max is " + std::to_string(max));
    }
    if (dies(faults)) return;  // between the call and its answer
    outcomes.push_back({Outcome::Kind::launch, action.server,
                        faults.launch_reply_lost ? std::optional(Error{ErrorKind::unavailable, "timeout"}) : std::nullopt});
  }

  /// Where the platform picks: first what does not run, then anybody; nobody more while one is on its way out.
  Machine& pick(Machine& named) {
    const auto stays = [](const Machine& machine) { return !machine.going_at; };
    for (const auto& useless : {std::function([](const Machine& machine) { return machine.dead; }),
                                std::function([this](const Machine& machine) { return machine.boots_at > now; })}) {
      const auto found = std::ranges::find_if(machines, [&](const Machine& machine) { return stays(machine) && useless(machine); });
      if (found != machines.end()) return *found;
    }
    const auto any = machines.begin() + between(0, running() - 1);
    return stays(*any) ? *any : named;
  }

  void let_one_go(Machine& named, const Turn& turn) {
    const auto going = std::ranges::count_if(machines, [](const Machine& machine) { return machine.going_at.has_value(); });
    if (named.going_at || going > 0) return;
    Machine& machine = pick(named);
    machine.going_at = now + std::chrono::seconds(between(1, 3));
    const auto left = std::ranges::count_if(machines, [&](const Machine& one) { return !one.going_at; });
    if (left < turn.plan.decision.min && !machine.dead) fail("fewer than min left when the platform had picked");
  }

  void terminate(const Faults& faults, const Action& action, const Turn& turn) {
    if (dies(faults)) return;
    const auto machine = std::ranges::find(machines, action.server, &Machine::id);
    if (machine == machines.end() || faults.terminate_fails || machine->locked) return;
    if (!group.chooses_victim) return let_one_go(*machine, turn);
    check_termination(*machine, turn);
    if (!machine->going_at) machine->going_at = now + std::chrono::seconds(1);
    if (dies(faults)) return;
  }

  void check_termination(const Machine& machine, const Turn& turn) {
    if (machine.dead || machine.going_at || !proven_.contains(machine.id)) return;
    const bool others =
        std::ranges::any_of(machines, [&](const Machine& other) { return other.id != machine.id && is_loaded(other.address); });
    // A fleet of one has nobody to wait for.
    if (group.max > 1 && is_loaded(machine.address) && (answers(machine) || others))
      fail(machine.id + " was terminated while it got traffic");
    const auto known = std::ranges::find(turn.memory.servers, machine.id, &ServerMemory::id);
    if (known == turn.memory.servers.end() || !known->admitted_at) return;
    const bool expired = known->drain_at && now - *known->drain_at >= group.drain_timeout;
    if (machine.connections > 0 && !expired) fail(machine.id + " was terminated with connections before its deadline");
  }

  void check_turn(const Observation& seen, const Turn& turn) {
    const Plan& plan = turn.plan;
    if (!plan.refused.empty()) fail("verify refused: " + plan.refused);
    if (plan.decision.desired < plan.decision.min && seen.listed) fail("desired below min");
    if (plan.decision.desired > plan.decision.max) fail("desired above max");
    if (group.elastic && !has_type("schedule") && (plan.decision.min != group.min || plan.decision.max != group.max)) {
      fail("other bounds than the group's, and nobody gave them");
    }
    const bool blind = std::ranges::any_of(seen.samples, [](const Sample& sample) { return sample.status != Sample::Status::ok; });
    // A person and money may shrink what metrics may not.
    const bool in_range =
        plan.decision.previous <= plan.decision.max && !is_changed_by(plan, "operator") && !is_changed_by(plan, "budget");
    if ((blind || !seen.listed) && in_range && plan.decision.desired < plan.decision.previous)
      fail("shrunk on data nobody can trust");
    if (is_doubted(seen) && in_range && plan.decision.desired < plan.decision.previous) fail("shrunk on data in doubt");
    for (const Action& action : plan.actions) {
      if (action.why.empty()) fail("an action without a reason");
    }
    if (in_range && lacks_numbers(seen, turn) && plan.decision.desired < plan.decision.previous) fail("shrunk on part of the data");
    check_orders(turn);
    check_peers(plan);
    check_drains(seen, turn);
    check_replacements(turn);
    check_versions(turn);
  }

  /// What a deploy holds back gets no traffic, and what it tries no more than its share.
  void check_versions(const Turn& turn) {
    const std::optional<Rollout>& rollout = turn.memory.rollout;
    for (const Action& action : turn.plan.actions) {
      if (action.kind == Action::Kind::admit && holds_back(rollout, action.version))
        fail(action.server + " got traffic, and its version is held back");
    }
    if (!is_active(rollout) || !rollout->share) return;
    double all = 0;
    double tried = 0;
    int lightest = 0;
    for (const Peer& peer : turn.plan.peers) {
      const auto server = std::ranges::find(turn.observation.servers, peer.server, &Server::id);
      const bool is_tried = server != turn.observation.servers.end() && is_fresh(*rollout, server->version);
      all += peer.weight;
      if (is_tried) tried += peer.weight;
      if (is_tried) lightest = peer.weight;
    }
    // Without others, or at the least weight there is, it cannot have less.
    if (tried < all && lightest > 1 && tried / all > *rollout->share + 1e-9)
      fail("more traffic for the new version than its share");
  }

  /// A trust gate was told that the data is too old.
  [[nodiscard]] bool is_doubted(const Observation& seen) const {
    std::vector<Query> queries;
    for (const auto& policy : policies) policy->append_queries({}, queries);
    for (std::size_t index = 0; index < queries.size(); ++index) {
      if (queries[index].expression == "age" && seen.samples[index].value > 120) return true;
    }
    return false;
  }

  [[nodiscard]] bool has_type(std::string_view type) const {
    return std::ranges::find(group.policies, type, &PolicySpec::type) != group.policies.end();
  }

  static bool is_changed_by(const Plan& plan, std::string_view stage) {
    return std::ranges::any_of(plan.decision.steps,
                               [stage](const Step& step) { return step.stage == stage && step.from != step.to; });
  }

  /// What people said is done: nothing moves against a pause or a hold but what bounds and money force.
  void check_orders(const Turn& turn) {
    const Decision& decision = turn.plan.decision;
    const bool decided = !decision.steps.empty() && decision.steps.front().stage != "inventory";
    if (!group.elastic || !decided) return;
    const Manual& manual = turn.memory.manual;
    if (manual.hold && decision.desired != std::clamp(manual.hold->servers, decision.min, decision.max)) {
      fail("held at " + std::to_string(manual.hold->servers) + " and desired " + std::to_string(decision.desired));
    }
    if (!manual.pause || manual.hold) return;
    const bool grown = decision.desired > decision.previous && decision.previous >= decision.min;
    const bool shrunk = decision.desired < decision.previous && decision.previous <= decision.max;
    if (manual.pause->out && grown) fail("grown although paused");
    if (manual.pause->in && shrunk && !is_changed_by(turn.plan, "budget")) fail("shrunk although paused");
  }

  /// A policy got numbers per server, and none for one that has been in service for its warm-up. The Kubernetes HPA's rules count
  /// those as at their target instead.
  [[nodiscard]] bool lacks_numbers(const Observation& seen, const Turn& turn) const {
    std::size_t first = 0;
    for (std::size_t index = 0; index < policies.size(); ++index) {
      const std::size_t own = std::exchange(first, first + policies[index]->query_count());
      const Settings& settings = group.policies[index].settings;
      if (own == first || settings.text("server_label").empty() || settings.text("rules") == "kubernetes") continue;
      const std::vector<Sample::Series>& series = seen.samples[own].series;
      for (const Server& server : turn.observation.servers) {
        const bool warmed = server.in_service_since && *server.in_service_since <= now - group.warm_up;
        if (server.phase != Phase::in_service || !warmed) continue;
        if (std::ranges::find(series, server.id, &Sample::Series::server) == series.end()) return true;
      }
    }
    return false;
  }

  /// When the turn began.
  bool is_standby(const Memory& memory, const Server& server) const {
    const auto known = std::ranges::find(memory.servers, server.id, &ServerMemory::id);
    if (known == memory.servers.end() || known->drain_cause != DrainCause::standby) return false;
    return server.phase == Phase::draining || (server.phase == Phase::terminating && known->terminate_at == now);
  }

  /// One or a tenth at a time, and nobody while most look unhealthy together.
  void check_replacements(const Turn& turn) {
    int in_service = 0;
    int unhealthy = 0;
    const bool deploys = is_active(turn.memory.rollout);
    const auto fresh = [&](const Server& server) { return deploys && is_fresh(*turn.memory.rollout, server.version); };
    int others = 0;
    int unhealthy_others = 0;
    bool keeps_sick = false;
    for (const Server& server : turn.observation.servers) {
      const int sick = server.health.status == HealthStatus::unhealthy ? 1 : 0;
      if (is_standby(turn.memory, server) && !fresh(server)) {
        ++others;
        unhealthy_others += sick;
      }
      if (server.phase != Phase::in_service) continue;
      ++in_service;
      unhealthy += sick;
      keeps_sick = keeps_sick || (sick > 0 && !server.protection.empty());
      if (fresh(server)) continue;
      ++others;
      unhealthy_others += sick;
    }
    // A version on trial is no witness as long as the others do well.
    const bool blames_version = others > 0 && unhealthy_others * 2 <= others;
    // This looks at what is left: where a sick one may not be removed, it may be most of that and was not before.
    const bool suspected = unhealthy >= 2 && unhealthy * 2 > in_service && !blames_version && !keeps_sick;
    bool replaces = false;
    for (const Action& action : turn.plan.actions) {
      if (action.kind != Action::Kind::drain) continue;
      const bool for_another = deploys && !action.why.starts_with("unhealthy");
      if (suspected && !for_another) fail(action.server + " was drained while most look unhealthy");
      replaces = replaces || action.why.starts_with("unhealthy");
    }
    const auto out = std::ranges::count_if(turn.memory.servers, [](const ServerMemory& known) {
      return known.drain_at && known.drain_cause == DrainCause::unhealthy;
    });
    if (replaces && out > std::max(1, turn.memory.desired.value_or(0) / 10)) fail("more than one in ten is replaced at a time");
  }

  void check_peers(const Plan& plan) {
    for (const Peer& peer : plan.peers) {
      if (!proven_.contains(peer.server)) fail(peer.server + " is a peer and was never proven healthy");
    }
  }

  void check_drains(const Observation& seen, const Turn& turn) {
    const auto serves = [&](const Server& server) { return server.phase == Phase::in_service; };
    const auto left = std::ranges::count_if(turn.observation.servers, serves);
    for (const Action& action : turn.plan.actions) {
      if (action.kind != Action::Kind::drain) continue;
      const auto server = std::ranges::find(seen.servers, action.server, &Server::id);
      const bool healthy = server != seen.servers.end() && server->health.status != HealthStatus::unhealthy;
      const auto known = std::ranges::find(turn.memory.servers, action.server, &ServerMemory::id);
      const bool served = known != turn.memory.servers.end() && known->admitted_at;
      if (healthy && served && left < turn.plan.decision.min) fail(action.server + " was drained below min");
    }
  }

  std::map<std::string, std::pair<int, int>> history_;  // good and bad answers in a row
  std::set<std::string> proven_;
};

/// A group with one target-tracking policy that keeps 0.7 per server, short times, and one balancer.
inline Group world_group(int min, int max) {
  Settings policy;
  policy.set("query", std::string("load"));
  policy.set("value", std::string("average"));
  policy.set("target", 0.7);
  policy.set("tolerance", 0.1);
  Group group{.name = "app", .provider = "world", .version = "v1", .min = min, .max = max};
  group.interval = std::chrono::seconds(1);
  group.warm_up = std::chrono::seconds(2);
  group.health.deadline = std::chrono::seconds(60);
  group.drain_timeout = std::chrono::seconds(10);
  group.scale_in = {.cooldown = std::chrono::seconds(3), .stabilization_window = std::chrono::seconds(5)};
  group.policies.push_back({"load", "target_tracking", policy});
  group.balancers.push_back({"nginx", "nginx", {}});
  return group;
}

}  // namespace weir
