#include "providers/docker_swarm/ledger.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

namespace weir {
namespace {

using Json = nlohmann::json;

/// A replica that has a task which may serve.
bool is_alive(const SwarmTask& task, const SwarmNodes& nodes) {
  return is_wanted(task) && has_not_ended(task) && !is_cut_off(task, nodes);
}

class Matcher {
 public:
  Matcher(const Ledger& ledger, const std::vector<SwarmTask>& tasks, const SwarmNodes& nodes)
      : ledger_(ledger), tasks_(tasks), nodes_(nodes) {
    for (const Ledger::Place& place : ledger.places) by_slot_[place.slot] = &place;
  }

  Placement run(int replicas) {
    for (const SwarmTask& task : tasks_) {
      if (is_wanted(task)) result_.slots.insert(task.slot);
      if (is_alive(task, nodes_)) filled_.insert(task.slot);
    }
    std::ranges::set_difference(result_.slots, filled_, std::inserter(result_.vacant, result_.vacant.end()));
    const int missing = std::max(0, replicas - static_cast<int>(result_.slots.size()));
    result_.to_come = missing + static_cast<int>(result_.vacant.size());
    result_.to_go = std::max(0, static_cast<int>(result_.slots.size()) - replicas);
    give_tokens();
    // A token that waits for more than Swarm will make waits in vain: its task came and went unrecorded.
    if (std::cmp_greater(waiting_.size(), result_.to_come)) waiting_.resize(static_cast<std::size_t>(result_.to_come));
    write_down();
    return std::move(result_);
  }

 private:
  enum class Novelty { recorded, new_replica, replacement };

  [[nodiscard]] Novelty novelty_of(const SwarmTask& task) const {
    const auto place = by_slot_.find(task.slot);
    if (place == by_slot_.end()) return Novelty::new_replica;
    return place->second->task == task.id ? Novelty::recorded : Novelty::replacement;
  }

  [[nodiscard]] std::string inherited(int slot) const {
    const auto place = by_slot_.find(slot);
    return place == by_slot_.end() ? std::string() : place->second->token;
  }

  /// While an update starts the new task first, the one it replaces still serves.
  [[nodiscard]] bool recorded_one_lives(int slot) const {
    return std::ranges::any_of(tasks_, [&](const SwarmTask& task) {
      return task.slot == slot && novelty_of(task) == Novelty::recorded && is_alive(task, nodes_);
    });
  }

  /// What a new replica is, it has been since its first task, whatever became of that.
  void give_tokens() {
    for (const SwarmTask& task : tasks_) result_.tokens[task.id] = inherited(task.slot);
    waiting_ = ledger_.waiting;
    for (const int slot : new_slots()) {
      const std::string token = next_token();
      for (const SwarmTask& task : tasks_) {
        if (task.slot == slot) result_.tokens[task.id] = token;
      }
    }
    for (const SwarmTask* task : replacements()) {
      if (!waiting_.empty()) result_.tokens[task->id] = next_token();
    }
  }

  [[nodiscard]] std::string next_token() {
    if (waiting_.empty()) return {};
    std::string token = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    return token;
  }

  /// Replicas that nobody had seen at the last change, the oldest first.
  [[nodiscard]] std::vector<int> new_slots() const {
    std::vector<int> slots;
    for (const SwarmTask* task : by_age(is_wanted)) {
      if (novelty_of(*task) == Novelty::new_replica && std::ranges::find(slots, task->slot) == slots.end()) {
        slots.push_back(task->slot);
      }
    }
    return slots;
  }

  /// What Swarm has put in the place of tasks that are no more, the oldest first.
  [[nodiscard]] std::vector<const SwarmTask*> replacements() const {
    return by_age([this](const SwarmTask& task) {
      return is_alive(task, nodes_) && novelty_of(task) == Novelty::replacement && !recorded_one_lives(task.slot);
    });
  }

  template <typename Filter>
  [[nodiscard]] std::vector<const SwarmTask*> by_age(const Filter& filter) const {
    std::vector<const SwarmTask*> found;
    for (const SwarmTask& task : tasks_) {
      if (filter(task)) found.push_back(&task);
    }
    std::ranges::sort(found, {}, [](const SwarmTask* task) { return std::tuple(task->created_at, task->id); });
    return found;
  }

  void write_down() {
    for (const int slot : result_.slots) result_.ledger.places.push_back(place_of(slot));
    result_.ledger.waiting = waiting_;
    if (result_.to_go > 0) result_.ledger.leaving = ledger_.leaving;  // else Swarm has picked
  }

  /// The newest task that lives; if none does, what it was stays known.
  [[nodiscard]] Ledger::Place place_of(int slot) const {
    const auto known = by_slot_.find(slot);
    const auto in_slot = [&](const SwarmTask& task) {
      return task.slot == slot && (is_alive(task, nodes_) || (known == by_slot_.end() && is_wanted(task)));
    };
    const std::vector<const SwarmTask*> tasks = by_age(in_slot);
    if (tasks.empty()) return *known->second;
    const auto living =
        std::ranges::find_if(tasks.rbegin(), tasks.rend(), [&](const SwarmTask* task) { return is_alive(*task, nodes_); });
    const SwarmTask& task = living == tasks.rend() ? *tasks.back() : **living;
    return {slot, task.id, result_.tokens.at(task.id)};
  }

  const Ledger& ledger_;
  const std::vector<SwarmTask>& tasks_;
  const SwarmNodes& nodes_;
  std::map<int, const Ledger::Place*> by_slot_;
  std::set<int> filled_;
  std::vector<std::string> waiting_;
  Placement result_;
};

}  // namespace

Ledger read_ledger(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return {};
  try {
    Ledger ledger;
    for (const Json& place : json.at("places")) {
      ledger.places.push_back({place.at(0).get<int>(), place.at(1).get<std::string>(), place.at(2).get<std::string>()});
    }
    json.at("waiting").get_to(ledger.waiting);
    json.at("leaving").get_to(ledger.leaving);
    return ledger;
  } catch (const Json::exception&) {
    return {};
  }
}

std::string write_ledger(const Ledger& ledger) {
  Json places = Json::array();
  for (const Ledger::Place& place : ledger.places) places.push_back({place.slot, place.task, place.token});
  return Json{{"places", std::move(places)}, {"waiting", ledger.waiting}, {"leaving", ledger.leaving}}.dump();
}

Placement place(const Ledger& ledger, const std::vector<SwarmTask>& tasks, const SwarmNodes& nodes, int replicas) {
  return Matcher(ledger, tasks, nodes).run(replicas);
}

bool is_cut_off(const SwarmTask& task, const SwarmNodes& nodes) {
  const auto node = nodes.find(task.node);
  return node != nodes.end() && node->second.is_down;
}

}  // namespace weir
