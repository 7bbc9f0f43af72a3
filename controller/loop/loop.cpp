#include "controller/loop/loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <queue>
#include <set>
#include <thread>
#include <unordered_map>

#include "controller/loop/deploy_log.h"
#include "controller/loop/executor.h"
#include "controller/loop/hook.h"
#include "controller/notifications/news.h"
#include "controller/reconcile/classify.h"
#include "controller/reconcile/orders.h"

namespace weir {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr Duration kShortestRevisit = 20ms;
/// Of all groups together; more wait for their turn.
constexpr int kMostHooks = 8;

/// Where the launch of a server was decided, until it serves.
struct LaunchMark {
  std::string token;
  TimePoint decided_at;
};

/// An order on its way to disk.
struct Ordered {
  Order order;
  Loop::Answered answered;  ///< empty once told
  Steady::time_point until;
};

std::vector<Order> plain(const std::vector<Ordered>& ordered) {
  std::vector<Order> orders;
  orders.reserve(ordered.size());
  for (const Ordered& one : ordered) orders.push_back(one.order);
  return orders;
}

/// What somebody is to be told, once no mutex is held.
struct Answer {
  Loop::Answered answered;
  Result<void> result;
};

void give(std::vector<Answer> answers) {
  for (Answer& answer : answers) answer.answered(std::move(answer.result));
}

std::vector<Answer> answers_for(std::vector<Ordered> ordered, const Result<void>& result) {
  std::vector<Answer> answers;
  for (Ordered& one : ordered) {
    if (one.answered) answers.push_back({std::move(one.answered), result});
  }
  return answers;
}

/// How a turn ended whose group is still writing down orders.
struct Ending {
  bool changed = false;
  Steady::time_point next;
};

/// One group on its way round. Everything below `memory` belongs to the turn that runs; the rest is under the loop's mutex.
struct Slot {
  Managed managed;
  std::string provider_name;

  // Under the mutex.
  Inquiry inquiry;
  Duration horizon{0};  // that its queries look ahead
  Steady::time_point metrics_due;
  Steady::time_point due;
  bool polling = false;  // facts have been asked for and are not all there
  int facts_left = 0;
  bool facts_ready = false;  // a full turn can start
  bool wake_wanted = false;  // a turn with the facts at hand is wanted
  bool running = false;
  Listing fresh_list;
  Answers answers;
  Steady::time_point answered;
  std::vector<Outcome> outcomes;
  std::vector<Ordered> orders;
  std::vector<Ordered> obeying;  // what is being saved
  std::set<std::string> hooks;   // tokens of those that run
  /// Of a turn that is saved and being carried out: orders are written down beside it, and its memory stands still but for them.
  std::shared_ptr<const Snapshot> carried_out;
  bool writing = false;          // orders, beside a turn
  std::optional<Ending> ending;  // of that turn, which waits for the writing
  std::shared_ptr<const Memory> saved;
  std::shared_ptr<const Snapshot> last;

  // Of the running turn.
  Memory memory;
  Steady::time_point begun;
  bool asked = false;  ///< its queries have been answered once, well or badly
  std::vector<LaunchMark> launches;
  std::vector<std::string> notes;
  std::set<std::string> blind;  ///< policies without data
  std::string balancer_error;
  std::optional<std::vector<Peer>> previewed;    ///< what the previews were told last
  std::optional<std::vector<Peer>> tried_peers;  ///< of the last write, until the balancers are seen to say what they should
  Duration balancer_retry{0};
  Steady::time_point balancer_not_before;
};

}  // namespace

class Loop::Impl {
 public:
  Impl(Ports ports, Options options, LoopEvents events) : ports_(ports), options_(options), events_(std::move(events)) {}
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> start(std::vector<Managed> groups, const Providers& providers) {
    const Steady::time_point begin = now();
    for (const auto& [name, provider] : providers) lanes_[name].idle = provider;
    for (Managed& managed : groups) {
      auto memory = ports_.store.load(managed.group.name);
      if (!memory) return std::unexpected(memory.error());
      if (auto there = check_provider(managed.group, *memory); !there) return there;
      auto slot = std::make_unique<Slot>();
      slot->horizon = horizon_of(managed.group, *memory);
      slot->inquiry = inquiry_of(managed, *memory);
      slot->memory = std::move(*memory);
      slot->saved = std::make_shared<const Memory>(slot->memory);
      slot->provider_name = lane_of(managed.group);
      slot->managed = std::move(managed);
      slot->due = slot->metrics_due = begin;
      by_name_[slot->managed.group.name] = slot.get();
      lanes_[slot->provider_name].idle.reset();
      slots_.push_back(std::move(slot));
    }
    for (auto& [name, lane] : lanes_) {
      lane.lister = std::make_unique<Executor>(1);
      lane.actors = std::make_unique<Executor>(options_.actions_per_provider);
    }
    metrics_ = std::make_unique<Executor>(options_.metric_batches);
    workers_ = std::make_unique<Executor>(options_.workers);
    hooks_ = std::make_unique<Executor>(kMostHooks);
    for (const auto& slot : slots_) queue_.emplace(slot->due, slot.get());
    came_round_ = begin;
    scheduler_ = std::jthread([this](std::stop_token stop) { schedule(std::move(stop)); });
    return {};
  }

  void stop() {
    if (!scheduler_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    // Ports honour the stop token; what they still report is kept for the next start by the store and by the world itself.
    stop_.request_stop();
    scheduler_.request_stop();
    scheduler_.join();
    // Whoever hands on work ends before those who take it.
    metrics_.reset();
    hooks_.reset();
    for (auto& [name, lane] : lanes_) lane.lister.reset();
    workers_.reset();
    for (auto& [name, lane] : lanes_) lane.actors.reset();
    // A write has no stop token: it is cancelled with its balancer.
    for (const auto& slot : slots_) {
      slot->managed.balancers.clear();
      slot->managed.previews.clear();
    }
    {
      std::unique_lock lock(mutex_);
      idle_.wait(lock, [this] { return std::ranges::none_of(slots_, [](const auto& slot) { return slot->running; }); });
    }
    for (const auto& slot : slots_) write_orders(*slot, slot->last.get());
  }

  void wake(const std::string& group) {
    const std::lock_guard lock(mutex_);
    const auto found = by_name_.find(group);
    if (found == by_name_.end()) return;
    found->second->wake_wanted = true;
    start_turn_if_due(*found->second);
  }

  bool order(const std::string& group, Order order, Answered answered) {
    const std::lock_guard lock(mutex_);
    const auto found = by_name_.find(group);
    if (found == by_name_.end() || stopping_) return false;
    Slot& slot = *found->second;
    slot.orders.push_back({std::move(order), std::move(answered), now() + options_.order_deadline});
    first_overdue_ = std::min(first_overdue_, slot.orders.back().until);
    slot.wake_wanted = true;
    start_turn_if_due(slot);
    write_down_if_due(slot);
    return true;
  }

  std::optional<Memory> memory(const std::string& group) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_name_.find(group);
    if (found == by_name_.end()) return std::nullopt;
    const Slot& slot = *found->second;
    Memory memory = *slot.saved;
    obey_orders(plain(slot.obeying), slot.managed.group, ports_.clock.now(), memory);
    obey_orders(plain(slot.orders), slot.managed.group, ports_.clock.now(), memory);
    return memory;
  }

  std::shared_ptr<const Memory> saved_memory(const std::string& group) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_name_.find(group);
    return found == by_name_.end() ? nullptr : found->second->saved;
  }

  std::shared_ptr<const Snapshot> snapshot(const std::string& group) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_name_.find(group);
    return found == by_name_.end() ? nullptr : found->second->last;
  }

  std::vector<const Group*> groups() const {
    std::vector<const Group*> all;
    all.reserve(slots_.size());
    for (const auto& slot : slots_) all.push_back(&slot->managed.group);
    return all;
  }

  bool ready() const {
    const std::lock_guard lock(mutex_);
    return std::ranges::all_of(slots_, [](const auto& slot) { return slot->last != nullptr; });
  }

  Duration silence() const {
    const std::lock_guard lock(mutex_);
    return std::chrono::duration_cast<Duration>(now() - came_round_);
  }

  std::size_t turns() const { return turns_.load(); }

  bool idle() const {
    const std::lock_guard lock(mutex_);
    return std::ranges::all_of(slots_, [at = now()](const auto& slot) {
      return !slot->running && !slot->polling && !slot->facts_ready && !slot->wake_wanted && slot->due > at;
    });
  }

 private:
  [[nodiscard]] Steady::time_point now() const { return ports_.clock.steady(); }

  /// A provider's own threads: a slow one is slow for its groups only.
  struct Lane {
    std::unique_ptr<Executor> lister;
    std::unique_ptr<Executor> actors;
    std::vector<Slot*> waiting;  // under the mutex
    bool listing = false;        // under the mutex
    /// Set for a provider without groups, which is listed for what may have been left behind there.
    std::shared_ptr<Provider> idle;
    Steady::time_point idle_due;  // under the mutex
  };

  // ---- orders -------------------------------------------------------------------------------------------------------------

  /// Called under the mutex.
  void write_down_if_due(Slot& slot) {
    if (!slot.carried_out || slot.writing || slot.orders.empty() || stopping_) return;
    slot.writing = true;
    workers_->submit([this, &slot](std::stop_token) { write_down(slot); });
  }

  /// What came while a turn is carried out, which may take long: whoever gave it does not wait for that.
  void write_down(Slot& slot) {
    std::shared_ptr<const Snapshot> turn;
    {
      const std::lock_guard lock(mutex_);
      turn = slot.carried_out ? slot.carried_out : slot.last;
    }
    write_orders(slot, turn.get());
    const std::lock_guard lock(mutex_);
    slot.writing = false;
    if (const auto ending = std::exchange(slot.ending, {})) return end_turn(slot, *ending);
    write_down_if_due(slot);
  }

  /// Saves what was ordered without a turn. `last` is the newest turn, or nullptr.
  void write_orders(Slot& slot, const Snapshot* last) {
    std::vector<Order> orders;
    {
      const std::lock_guard lock(mutex_);
      slot.obeying = std::exchange(slot.orders, {});
      orders = plain(slot.obeying);
    }
    if (orders.empty()) return;
    const Group& group = slot.managed.group;
    const TimePoint at = ports_.clock.now();
    auto memory = std::make_shared<Memory>(slot.memory);
    obey_orders(orders, group, at, *memory);
    memory->deploy_untold = false;  // told below
    const Record record = record_of_orders(group.name, std::move(orders), *memory, last != nullptr ? &last->record : nullptr, at);
    const auto saved = ports_.store.save(group.name, *memory, record, Store::Durability::durable);
    if (!saved) return refuse_orders(slot, saved.error());
    log_deploy(ports_.log, slot.memory, *memory, record);
    if (ports_.notifier != nullptr)
      tell(news_of_orders({.group = group, .before = slot.memory, .after = *memory, .record = record}));
    if (events_.by_hand) events_.by_hand(group, memory->manual);
    std::vector<Ordered> obeyed;
    {
      const std::lock_guard lock(mutex_);
      slot.memory = *memory;
      slot.saved = std::move(memory);
      obeyed = std::exchange(slot.obeying, {});
    }
    give(answers_for(std::move(obeyed), {}));
  }

  /// What could not be saved is not done later by surprise: who ordered it is told, and orders it again.
  void refuse_orders(Slot& slot, const Error& error) {
    std::vector<Ordered> refused;
    {
      const std::lock_guard lock(mutex_);
      refused = std::exchange(slot.obeying, {});
    }
    if (refused.empty()) return;
    const std::string& group = slot.managed.group.name;
    ports_.log.error("orders_not_accepted", {{"group", group},
                                             {"count", std::to_string(refused.size())},
                                             {"error", error.message},
                                             {"consequence", "they are forgotten; whoever gave them has been told"}});
    const Error told{ErrorKind::unavailable,
                     fmt::format("the order was not accepted, because it cannot be saved: {}; nothing changes "
                                 "for group {}; give it again once that is mended",
                                 error.message, group)};
    give(answers_for(std::move(refused), std::unexpected(told)));
  }

  /// Nobody waits longer than the deadline. Called under the mutex.
  std::vector<Answer> overdue_orders(Steady::time_point at) {
    std::vector<Answer> answers;
    if (at < first_overdue_) return answers;
    first_overdue_ = Steady::time_point::max();
    for (const auto& slot : slots_) {
      const std::string& group = slot->managed.group.name;
      for (Ordered& one : slot->obeying) {
        if (one.until > at || !one.answered) continue;
        answers.push_back(
            {std::exchange(one.answered, {}),
             failure(ErrorKind::unavailable,
                     fmt::format("the order has been on its way to the disk for {}, which does not answer: it holds if that write "
                                 "still succeeds, and is forgotten if it fails; see what holds for group {} before ordering again",
                                 format_duration(options_.order_deadline), group))});
      }
      std::erase_if(slot->orders, [&](Ordered& one) {
        if (one.until > at) return false;
        if (!one.answered) return true;
        answers.push_back({std::move(one.answered),
                           failure(ErrorKind::unavailable,
                                   fmt::format("the order was not accepted: group {} has not come to it for {}, because its "
                                               "balancers or the state's disk do not answer; nothing changes; give it again later",
                                               group, format_duration(options_.order_deadline)))});
        return true;
      });
      for (const auto* waiting : {&slot->obeying, &slot->orders}) {
        for (const Ordered& one : *waiting) {
          if (one.answered) first_overdue_ = std::min(first_overdue_, one.until);
        }
      }
    }
    return answers;
  }

  // ---- scheduling -------------------------------------------------------------------------------------------------------

  void schedule(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      came_round_ = now();
      if (auto late = overdue_orders(came_round_); !late.empty()) {
        lock.unlock();
        give(std::move(late));
        lock.lock();
      }
      poll_due(came_round_);
      const Steady::time_point latest = came_round_ + options_.longest_rest;
      const Steady::time_point next = queue_.empty() ? latest : std::min(queue_.top().first, latest);
      changed_.wait_for(lock, stop, next - came_round_, [&] { return !queue_.empty() && queue_.top().first < next; });
    }
  }

  void set_due(Slot& slot, Steady::time_point when) {
    slot.due = when;
    queue_.emplace(when, &slot);
    changed_.notify_one();
  }

  /// Asks for the facts of every group that is due, all of them together.
  void poll_due(Steady::time_point now) {
    std::vector<Slot*> asking;
    while (!queue_.empty() && queue_.top().first <= now) {
      const auto [when, slot] = queue_.top();
      queue_.pop();
      if (when != slot->due) continue;  // an older entry
      slot->due = Steady::time_point::max();
      if (slot->polling || stopping_) continue;
      slot->polling = true;
      slot->facts_left = 1;
      Lane& lane = lanes_.at(slot->provider_name);
      lane.waiting.push_back(slot);
      if (slot->metrics_due > now) continue;
      slot->metrics_due = std::max(slot->metrics_due + slot->managed.group.interval, now + slot->managed.group.interval / 2);
      if (slot->inquiry.queries.empty() || ports_.metrics == nullptr) continue;
      ++slot->facts_left;
      asking.push_back(slot);
    }
    if (!asking.empty()) {
      std::vector<Inquiry> inquiries;
      for (const Slot* slot : asking) inquiries.push_back(slot->inquiry);
      metrics_->submit([this, asking, inquiries = std::move(inquiries)](std::stop_token) { ask_metrics(asking, inquiries); });
    }
    for (auto& [name, lane] : lanes_) {
      if (lane.listing) continue;
      if (lane.idle && lane.idle_due <= now) {
        lane.listing = true;
        lane.idle_due = now + options_.idle_provider_interval;
        lane.lister->submit([this, &name, &lane](std::stop_token) { list_idle_provider(name, lane); });
      }
      if (lane.waiting.empty()) continue;
      lane.listing = true;
      lane.lister->submit([this, &lane](std::stop_token) { list_provider(lane); });
    }
  }

  void list_idle_provider(const std::string& name, Lane& lane) {
    const auto answer = lane.idle->list({}, stop_.get_token());
    tell_of_list(name, answer);
    std::unordered_map<std::string, std::vector<Server>> by_group;
    if (answer) {
      for (const Server& server : *answer) by_group[server.group].push_back(server);
    }
    const std::lock_guard lock(mutex_);
    lane.listing = false;
    if (answer) report_orphans(name, by_group);
  }

  /// Every group's turn starts when its own answers are there.
  void ask_metrics(const std::vector<Slot*>& asking, const std::vector<Inquiry>& inquiries) {
    struct Asker {
      Slot* slot;
      const Inquiry* inquiry;
      std::size_t first;  // of its queries
      std::size_t left;
      std::vector<Sample> answers;
    };
    std::vector<Asker> askers;
    std::vector<std::size_t> asker_of;
    std::vector<Query> queries;
    askers.reserve(asking.size());
    for (std::size_t index = 0; index < asking.size(); ++index) {
      const Inquiry& inquiry = inquiries[index];
      const std::size_t count = inquiry.queries.size();
      asker_of.insert(asker_of.end(), count, askers.size());
      askers.push_back({asking[index], &inquiry, queries.size(), count, std::vector<Sample>(count)});
      queries.insert(queries.end(), inquiry.queries.begin(), inquiry.queries.end());
    }
    const auto answered = [&](std::size_t index, Sample sample) {
      Asker& asker = askers[asker_of[index]];
      asker.answers[index - asker.first] = std::move(sample);
      if (--asker.left > 0) return;
      Answers answers = answers_to(*asker.inquiry, std::move(asker.answers));
      report_samples(*asker.slot, answers.samples);
      const std::lock_guard lock(mutex_);
      asker.slot->answers = std::move(answers);
      asker.slot->answered = now();
      fact_arrived(*asker.slot);
    };
    ports_.metrics->ask(queries, answered, stop_.get_token());
  }

  void report_samples(const Slot& slot, const std::vector<Sample>& answers) const {
    if (!events_.sampled) return;
    auto answer = answers.begin();
    for (const auto& policy : slot.managed.policies) {
      for (std::size_t asked = policy->query_count(); asked > 0; --asked) {
        events_.sampled(slot.managed.group, policy->name(), (answer++)->status);
      }
    }
  }

  void list_provider(Lane& lane) {
    for (;;) {
      std::vector<Slot*> waiting;
      {
        const std::lock_guard lock(mutex_);
        waiting.swap(lane.waiting);
        if (waiting.empty()) {
          lane.listing = false;
          return;
        }
      }
      std::vector<const Group*> groups;
      groups.reserve(waiting.size());
      for (const Slot* slot : waiting) groups.push_back(&slot->managed.group);
      hand_out(waiting, waiting.front()->managed.provider->list(groups, stop_.get_token()));
    }
  }

  /// Called without the mutex: the groups of a provider do not change.
  void tell_of_list(const std::string& provider, const Result<std::vector<Server>>& answer) const {
    if (ports_.notifier == nullptr || (!answer && answer.error().kind == ErrorKind::cancelled)) return;
    std::vector<std::string> groups;
    for (const auto& slot : slots_) {
      if (!answer && uses(slot->managed.group, provider)) groups.push_back(slot->managed.group.name);
    }
    tell(news_of_provider(provider, answer ? "" : answer.error().message, std::move(groups), ports_.clock.now()));
  }

  void tell(News news) const {
    if (ports_.notifier != nullptr) ports_.notifier->tell(std::move(news));
  }

  void hand_out(const std::vector<Slot*>& waiting, Result<std::vector<Server>> answer) {
    tell_of_list(waiting.front()->provider_name, answer);
    std::unordered_map<std::string, std::vector<Server>> by_group;
    if (answer) {
      for (Server& server : *answer) by_group[server.group].push_back(std::move(server));
    }
    const std::lock_guard lock(mutex_);
    for (Slot* slot : waiting) {
      slot->fresh_list =
          answer ? Listing{true, {}, std::move(by_group[slot->managed.group.name])} : Listing{false, answer.error().message, {}};
      by_group.erase(slot->managed.group.name);
      fact_arrived(*slot);
    }
    if (answer) report_orphans(waiting.front()->provider_name, by_group);
  }

  static bool uses(const Group& group, const std::string& provider) {
    return group.provider == provider || lane_of(group) == provider || (group.overflow && group.overflow->provider == provider);
  }

  /// What is left belongs to groups that were not due just now, or to no group at all. Called under the mutex.
  void report_orphans(const std::string& provider, std::unordered_map<std::string, std::vector<Server>>& by_group) {
    std::vector<Server> orphans;
    for (auto& [group, servers] : by_group) {
      const auto configured = by_name_.find(group);
      if (configured != by_name_.end() && uses(configured->second->managed.group, provider)) continue;
      std::ranges::move(servers, std::back_inserter(orphans));
    }
    std::string names;
    for (const Server& server : orphans)
      names += fmt::format("{}{} of group {} at {}", names.empty() ? "" : ", ", server.id, server.group, server.address);
    std::string& known = known_orphans_[provider];
    if (names != known && !names.empty()) {
      ports_.log.warning(
          "orphans",
          {{"provider", provider},
           {"servers", names},
           {"advice",
            "no group configured for this provider owns them and they may cost money: configure it again or remove them"}});
    }
    known = std::move(names);
    tell(news_of_orphans(provider, known, ports_.clock.now()));
    if (events_.orphans) events_.orphans(provider, orphans);
  }

  // ---- turns --------------------------------------------------------------------------------------------------------------

  /// Called under the mutex.
  void fact_arrived(Slot& slot) {
    if (--slot.facts_left > 0) return;
    slot.polling = false;
    slot.facts_ready = true;
    start_turn_if_due(slot);
    idle_.notify_all();
  }

  /// Called under the mutex.
  void start_turn_if_due(Slot& slot) {
    if (slot.running || stopping_ || (!slot.facts_ready && !slot.wake_wanted)) return;
    slot.running = true;
    const bool woken = slot.wake_wanted;
    slot.wake_wanted = false;
    Listing listing{.listed = false, .detail = {}};
    if (slot.facts_ready) listing = std::move(slot.fresh_list);
    slot.facts_ready = false;
    // A turn without a fresh list sees to traffic only; the rest follows as soon as the provider has been asked.
    if (woken && !listing.listed) set_due(slot, now());
    workers_->submit([this, &slot, listing = std::move(listing)](std::stop_token) { turn(slot, listing); });
  }

  Answers current_answers(Slot& slot) {
    const std::lock_guard lock(mutex_);
    slot.asked = slot.answered != Steady::time_point{};
    const bool fresh = slot.asked && now() - slot.answered <= 2 * slot.managed.group.interval;
    return fresh ? take_for_turn(slot.answers) : Answers();
  }

  void report_lost(const Group& group, std::span<const BalancerView> balancers) const {
    for (const BalancerView& view : balancers) {
      if (view.lost_requests && events_.lost) events_.lost(group, *view.lost_requests);
    }
  }

  void turn(Slot& slot, const Listing& listing) {
    slot.begun = now();
    const Managed& managed = slot.managed;
    Observation seen =
        observe(managed, slot.memory, listing, current_answers(slot), ports_.probe, ports_.clock.now(), stop_.get_token());
    {
      const std::lock_guard lock(mutex_);
      seen.outcomes = std::exchange(slot.outcomes, {});
      seen.hooks.assign(slot.hooks.begin(), slot.hooks.end());
      slot.obeying = std::exchange(slot.orders, {});
      seen.orders = plain(slot.obeying);
    }
    report_lost(managed.group, seen.balancers);
    const TimePoint at = seen.at;
    Memory before = slot.memory;
    Turn turn = reconcile(managed.group, managed.policies, std::move(seen), std::move(slot.memory));
    auto record = std::make_shared<Snapshot>();
    record->record = {managed.group.name,
                      at,
                      std::move(turn.plan),
                      std::move(turn.observation.servers),
                      std::move(turn.observation.listed_detail),
                      turn.observation.orders,
                      deploy_of_turn(turn.memory.rollout, at)};
    Plan& plan = record->record.plan;
    if (plan.write_balancers && !slot.balancer_error.empty()) plan.notes.push_back(not_in_force(slot));
    const bool losable = plan.actions.empty() && turn.observation.orders.empty() && before.rollout == turn.memory.rollout;
    const auto saved = ports_.store.save(managed.group.name, turn.memory, record->record,
                                         losable ? Store::Durability::eventual : Store::Durability::durable);
    if (!saved) {
      // Nothing is done that could be forgotten: the same plan comes up again next turn, from the same facts.
      slot.memory = std::move(before);
      keep_outcomes(slot, std::move(turn.observation.outcomes));
      refuse_orders(slot, saved.error());
      ports_.log.error("state_not_saved", {{"group", managed.group.name},
                                           {"error", saved.error().message},
                                           {"consequence", "nothing is launched, drained or removed"}});
      if (events_.not_saved) events_.not_saved(managed.group);
      tell(news_of_state(managed.group.name, saved.error().message, at));
      if (!only_traffic(record->record)) return finish(slot, nullptr, false);
      record->record.plan.notes.push_back("the state cannot be saved, so only traffic follows the health of servers: " +
                                          saved.error().message);
      record->record.rollout = deploy_of_turn(slot.memory.rollout, at);
      record->memory = slot.memory;
      record->version = slot.memory.version;
      return apply(slot, record);
    }
    slot.memory = std::move(turn.memory);
    record->memory = slot.memory;
    record->version = slot.memory.version;
    remember(slot, record);
    note(slot, record->record);
    log_deploy(ports_.log, before, slot.memory, record->record);
    if (ports_.notifier != nullptr) tell_of_turn(slot, before, record->record, turn);
    if (events_.by_hand) events_.by_hand(managed.group, slot.memory.manual);
    if (events_.judged) events_.judged(managed.group, turn.probe_suspected, turn.orphans);
    {
      const std::lock_guard lock(mutex_);
      slot.carried_out = record;
      write_down_if_due(slot);
    }
    apply(slot, record);
  }

  void tell_of_turn(const Slot& slot, const Memory& before, const Record& record, const Turn& turn) const {
    tell(news_of_state(record.group, "", record.at));
    const TurnFacts facts{.group = slot.managed.group,
                          .before = before,
                          .after = slot.memory,
                          .record = record,
                          .asked = slot.asked,
                          .probe_suspected = turn.probe_suspected,
                          .orphans = turn.orphans};
    for (News& news : news_of_turn(facts)) tell(std::move(news));
  }

  /// What of a plan may be done though it could not be saved: traffic that follows health needs no memory, for the same plan comes
  /// up again as long as health says so. Takes the rest out of the plan; false if nothing is left.
  static bool only_traffic(Record& record) {
    Plan& plan = record.plan;
    const bool leaving = std::ranges::any_of(record.servers, [&](const Server& server) {
      const bool served = server.phase == Phase::in_service || server.phase == Phase::draining;
      return served && server.health.status == HealthStatus::unhealthy &&
             std::ranges::find(plan.peers, server.address, &Peer::address) == plan.peers.end();
    });
    const bool allowed = leaving || plan.actions.empty();
    plan.actions.clear();
    return allowed && plan.write_balancers;
  }

  static std::string not_in_force(const Slot& slot) { return "traffic does not follow yet: " + slot.balancer_error; }

  void remember(Slot& slot, const std::shared_ptr<const Snapshot>& snapshot) {
    std::vector<Ordered> obeyed;
    {
      const std::lock_guard lock(mutex_);
      slot.saved = {snapshot, &snapshot->memory};
      obeyed = std::exchange(slot.obeying, {});
    }
    give(answers_for(std::move(obeyed), {}));
  }

  void keep_outcomes(Slot& slot, std::vector<Outcome> outcomes) {
    const std::lock_guard lock(mutex_);
    std::ranges::move(outcomes, std::back_inserter(slot.outcomes));
  }

  /// What is still under way of one plan. Its last holder finishes the turn.
  struct Applying {
    std::mutex mutex;
    int left = 1;
    bool changed = false;
    std::string balancer_error;
    bool balancers_written = false;
    std::vector<Outcome> outcomes;
  };

  /// What was tried already waits for its time; anything new is tried at once.
  bool may_write(Slot& slot, const Plan& plan) const {
    if (!plan.write_balancers) {
      slot.balancer_retry = Duration{0};
      slot.tried_peers.reset();
      return false;
    }
    return slot.tried_peers != plan.peers || now() >= slot.balancer_not_before;
  }

  void apply(Slot& slot, const std::shared_ptr<Snapshot>& snapshot) {
    const Plan& plan = snapshot->record.plan;
    const bool write = may_write(slot, plan);
    if (!plan.write_balancers && plan.refused.empty()) balancers_in_force(slot);
    auto applying = std::make_shared<Applying>();
    applying->balancers_written = write;
    if (write) applying->left += static_cast<int>(slot.managed.balancers.size());
    for (const Action& action : plan.actions) {
      if (action.kind == Action::Kind::launch || action.kind == Action::Kind::terminate) ++applying->left;
    }
    if (write) write_balancers(slot, snapshot, applying);
    write_previews(slot, preview_peers(snapshot->record));
    for (const Action& action : plan.actions) {
      if (action.kind == Action::Kind::run_hook) start_hook(slot, snapshot, action.server);
      if (action.kind != Action::Kind::launch && action.kind != Action::Kind::terminate) continue;
      lanes_.at(slot.provider_name).actors->submit([this, &slot, snapshot, applying, &action](std::stop_token) {
        act(slot, action, *applying);
        step_done(slot, snapshot, applying);
      });
    }
    step_done(slot, snapshot, applying);
  }

  /// They say what they should, whoever brought it about.
  void balancers_in_force(Slot& slot) const {
    if (slot.balancer_error.empty()) return;
    slot.balancer_error.clear();
    tell(news_of_balancers(slot.managed.group.name, "", ports_.clock.now()));
  }

  /// No turn waits for it. When it ends, a turn is told.
  void start_hook(Slot& slot, const std::shared_ptr<const Snapshot>& snapshot, const std::string& token) {
    if (!snapshot->record.rollout) return;
    const std::vector<HookRun>& hooks = snapshot->record.rollout->hooks;
    const auto run = std::ranges::find(hooks, token, &HookRun::token);
    if (run == hooks.end()) return;
    {
      const std::lock_guard lock(mutex_);
      if (!slot.hooks.insert(token).second) return;
    }
    hooks_->submit([this, &slot, snapshot, run = *run](const std::stop_token& stop) {
      Outcome outcome = run_hook(slot.managed.group, snapshot->record, run, ports_.http, stop);
      if (events_.acted) events_.acted(slot.managed.group, Action::Kind::run_hook, !outcome.error);
      const std::lock_guard lock(mutex_);
      slot.hooks.erase(run.token);
      if (stop.stop_requested()) return;  // killed with us: the next controller runs it again
      slot.outcomes.push_back(std::move(outcome));
      slot.wake_wanted = true;
      start_turn_if_due(slot);
    });
  }

  void write_balancers(Slot& slot, const std::shared_ptr<Snapshot>& snapshot, const std::shared_ptr<Applying>& applying) {
    for (const auto& balancer : slot.managed.balancers) {
      balancer->write(snapshot->record.plan.peers, [this, &slot, snapshot, applying](Result<void> result) {
        {
          const std::lock_guard lock(applying->mutex);
          if (!result) applying->balancer_error += (applying->balancer_error.empty() ? "" : "; ") + result.error().message;
          applying->changed |= result.has_value();
        }
        if (events_.written) events_.written(slot.managed.group, result.has_value());
        step_done(slot, snapshot, applying);
      });
    }
  }

  /// Nothing but test traffic depends on it, so no turn waits for it: what fails is told, and tried again in the next turn.
  void write_previews(Slot& slot, const std::vector<Peer>& peers) {
    if (slot.managed.previews.empty() || peers.empty()) return;
    {
      const std::lock_guard lock(mutex_);
      if (slot.previewed == peers) return;
      slot.previewed = peers;
    }
    for (const auto& preview : slot.managed.previews) {
      preview->write(peers, [this, &slot](const Result<void>& result) {
        if (result || stop_.stop_requested()) return;
        ports_.log.warning("preview_not_written", {{"group", slot.managed.group.name}, {"error", result.error().message}});
        const std::lock_guard lock(mutex_);
        slot.previewed.reset();
      });
    }
  }

  void act(Slot& slot, const Action& action, Applying& applying) {
    std::optional<Outcome> outcome = apply_action(slot.managed, action, stop_.get_token());
    if (!outcome) return;
    const bool succeeded = !outcome->error;
    if (!succeeded) {
      ports_.log.warning(std::string(to_string(action.kind)) + "_failed",
                         {{"group", slot.managed.group.name}, {"server", action.server}, {"error", outcome->error->message}});
    }
    if (events_.acted) events_.acted(slot.managed.group, action.kind, succeeded);
    const std::lock_guard lock(applying.mutex);
    // A launched server has to be met and watched; a terminated one is looked for again at its own time.
    applying.changed |= succeeded && action.kind == Action::Kind::launch;
    applying.outcomes.push_back(std::move(*outcome));
  }

  void step_done(Slot& slot, const std::shared_ptr<Snapshot>& snapshot, const std::shared_ptr<Applying>& applying) {
    {
      const std::lock_guard lock(applying->mutex);
      if (--applying->left > 0) return;
    }
    if (applying->balancers_written) balancers_done(slot, snapshot->record, applying->balancer_error);
    // Without a balancer a server serves as soon as it is in service.
    if (slot.managed.balancers.empty()) report_serving(slot, snapshot->record);
    if (events_.turned) events_.turned(slot.managed.group, snapshot->record, now() - slot.begun);
    keep_outcomes(slot, std::move(applying->outcomes));
    finish(slot, snapshot, applying->changed);
  }

  void balancers_done(Slot& slot, const Record& record, const std::string& error) {
    if (stop_.stop_requested()) return;
    const std::string& group = record.group;
    // A balancer that says "written" and is then seen not to be is asked as patiently as one that refuses.
    const bool unproven = slot.tried_peers == record.plan.peers;
    slot.tried_peers = record.plan.peers;
    if (error.empty() && !unproven) {
      slot.balancer_retry = Duration{0};
      slot.balancer_not_before = {};
    } else {
      const Duration longer = std::max(2 * slot.balancer_retry, options_.first_balancer_retry);
      slot.balancer_retry = std::min(longer, options_.longest_balancer_retry);
      slot.balancer_not_before = now() + slot.balancer_retry;
    }
    if (!error.empty() && error != slot.balancer_error) ports_.log.error("balancer_failed", {{"group", group}, {"error", error}});
    slot.balancer_error = error;
    tell(news_of_balancers(group, error, ports_.clock.now()));
    if (!error.empty()) return;
    std::string peers;
    for (const Peer& peer : record.plan.peers) peers += (peers.empty() ? "" : ",") + peer.address;
    ports_.log.info("peers", {{"group", group}, {"count", std::to_string(record.plan.peers.size())}, {"peers", peers}});
    report_serving(slot, record);
  }

  void report_serving(Slot& slot, const Record& record) const {
    for (const Server& server : record.servers) {
      const auto mark = std::ranges::find(slot.launches, server.token, &LaunchMark::token);
      if (server.phase != Phase::in_service || mark == slot.launches.end()) continue;
      if (events_.serving) events_.serving(slot.managed.group, ports_.clock.now() - mark->decided_at);
      slot.launches.erase(mark);
    }
  }

  /// When a turn falls due before the next interval. Never at once: a plan that revisits itself must not spin.
  Steady::time_point next_look(const Slot& slot, const Plan& plan) const {
    Steady::time_point next = Steady::time_point::max();
    if (plan.revisit_at) next = now() + std::max<Duration>(*plan.revisit_at - ports_.clock.now(), kShortestRevisit);
    if (slot.balancer_retry > Duration{0}) next = std::min(next, slot.balancer_not_before);
    return next;
  }

  /// `snapshot` is what the turn came to, or nullptr if it came to nothing.
  void finish(Slot& slot, std::shared_ptr<const Snapshot> snapshot, bool changed) {
    const Steady::time_point next = snapshot ? next_look(slot, snapshot->record.plan) : Steady::time_point::max();
    const std::lock_guard lock(mutex_);
    if (snapshot) slot.last = std::move(snapshot);
    slot.carried_out.reset();
    const Ending ending{changed, next};
    if (slot.writing) {
      slot.ending = ending;
    } else {
      end_turn(slot, ending);
    }
  }

  /// Called under the mutex.
  void end_turn(Slot& slot, const Ending& ending) {
    ask_as_remembered(slot);
    turns_.fetch_add(1);
    slot.running = false;
    if (!slot.polling) set_due(slot, ending.changed ? now() : std::min({slot.due, slot.metrics_due, ending.next}));
    start_turn_if_due(slot);
    idle_.notify_all();
  }

  /// From now on, what its memory makes worth asking. Called under the mutex.
  static void ask_as_remembered(Slot& slot) {
    const Duration horizon = horizon_of(slot.managed.group, slot.memory);
    const bool judging = is_active(slot.memory.rollout) || slot.inquiry.judging > 0;
    if (horizon == slot.horizon && !judging) return;
    slot.horizon = horizon;
    slot.inquiry = inquiry_of(slot.managed, slot.memory);
  }

  // ---- log ------------------------------------------------------------------------------------------------------------------

  void note(Slot& slot, const Record& record) {
    const Decision& decision = record.plan.decision;
    if (decision.desired != decision.previous) {
      ports_.log.info(decision.desired > decision.previous ? "scale_out" : "scale_in", {{"group", record.group},
                                                                                        {"from", std::to_string(decision.previous)},
                                                                                        {"to", std::to_string(decision.desired)},
                                                                                        {"why", reason_of_change(decision)}});
    }
    for (const Action& action : record.plan.actions) {
      if (action.why == kNotGoneYet) continue;
      if (action.kind == Action::Kind::launch) slot.launches.push_back({action.server, record.at});
      // Launches, terminations and hooks are told of when they have ended; the rest is done by deciding it.
      const bool provider =
          action.kind == Action::Kind::launch || action.kind == Action::Kind::terminate || action.kind == Action::Kind::run_hook;
      if (!provider && events_.acted) events_.acted(slot.managed.group, action.kind, true);
      ports_.log.info(to_string(action.kind),
                      {{"group", record.group}, {"server", action.server}, {"address", action.address}, {"why", action.why}});
    }
    if (slot.launches.size() > 1000) slot.launches.erase(slot.launches.begin());
    if (slot.asked) note_data(slot, decision);
    for (const std::string& text : record.plan.notes) {
      if (text == not_in_force(slot)) continue;  // logged when it failed
      if (std::ranges::find(slot.notes, text) == slot.notes.end())
        ports_.log.warning("note", {{"group", record.group}, {"note", text}});
    }
    slot.notes = record.plan.notes;
    if (!record.plan.refused.empty()) ports_.log.error("plan_refused", {{"group", record.group}, {"bug", record.plan.refused}});
  }

  /// When a policy's data goes, and when it is back.
  void note_data(Slot& slot, const Decision& decision) {
    for (const Vote& vote : decision.votes) {
      const bool blind = vote.stance == Vote::Stance::abstains;
      if (blind ? !slot.blind.insert(vote.policy).second : slot.blind.erase(vote.policy) == 0) continue;
      if (blind) {
        ports_.log.warning("no_data", {{"group", slot.managed.group.name},
                                       {"policy", vote.policy},
                                       {"why", vote.why},
                                       {"consequence", "nothing is scaled in meanwhile"}});
      } else {
        ports_.log.info("data_back", {{"group", slot.managed.group.name}, {"policy", vote.policy}});
      }
    }
  }

  using Entry = std::pair<Steady::time_point, Slot*>;

  Ports ports_;
  Options options_;
  LoopEvents events_;
  std::stop_source stop_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::unordered_map<std::string, Slot*> by_name_;
  std::map<std::string, Lane> lanes_;
  std::map<std::string, std::string> known_orphans_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::condition_variable idle_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
  Steady::time_point came_round_;
  Steady::time_point first_overdue_ = Steady::time_point::max();  ///< no order waits longer than its deadline before then
  bool stopping_ = false;
  std::atomic<std::size_t> turns_ = 0;

  std::unique_ptr<Executor> metrics_;
  std::unique_ptr<Executor> workers_;
  std::unique_ptr<Executor> hooks_;
  std::jthread scheduler_;
};

Loop::Loop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Loop::~Loop() = default;
void Loop::stop() { impl_->stop(); }

Result<std::unique_ptr<Loop>> Loop::start(Ports ports, Options options, LoopEvents events, std::vector<Managed> groups,
                                          const Providers& providers) {
  auto impl = std::make_unique<Impl>(ports, options, std::move(events));
  if (auto started = impl->start(std::move(groups), providers); !started) return std::unexpected(started.error());
  return std::unique_ptr<Loop>(new Loop(std::move(impl)));
}

void Loop::wake(const std::string& group) { impl_->wake(group); }
bool Loop::order(const std::string& group, Order order, Answered answered) {
  return impl_->order(group, std::move(order), std::move(answered));
}
std::optional<Memory> Loop::memory(const std::string& group) const { return impl_->memory(group); }
std::shared_ptr<const Memory> Loop::saved_memory(const std::string& group) const { return impl_->saved_memory(group); }
std::shared_ptr<const Snapshot> Loop::snapshot(const std::string& group) const { return impl_->snapshot(group); }
std::vector<const Group*> Loop::groups() const { return impl_->groups(); }
bool Loop::ready() const { return impl_->ready(); }
Duration Loop::silence() const { return impl_->silence(); }
std::size_t Loop::turns() const { return impl_->turns(); }
bool Loop::idle() const { return impl_->idle(); }

}  // namespace weir
