#include "controller/notifications/conditions.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir {

std::vector<Event> Conditions::ended(const Held& held, const Held& still, TimePoint at) {
  std::vector<Event> events;
  for (const auto& [condition, event] : held) {
    if (still.contains(condition)) continue;
    events.push_back(event);
    events.back().stage = Event::Stage::ended;
    events.back().at = at;
  }
  return events;
}

std::vector<Event> Conditions::update(News news) {
  std::vector<Event> fresh = std::move(news.happened);
  const auto known = by_source_.find(news.source);
  const Held before = known == by_source_.end() ? Held{} : std::move(known->second);
  Held now;
  for (Event& event : news.holding) {
    event.stage = Event::Stage::began;
    const std::string condition = condition_of(event);
    const auto old = before.find(condition);
    event.since = old == before.end() ? news.at : old->second.since;
    if (old == before.end()) fresh.push_back(event);
    now.insert_or_assign(condition, std::move(event));
  }
  std::vector<Event> over = ended(before, now, news.at);
  std::ranges::move(over, std::back_inserter(fresh));
  // Most sources have nothing to say most of the time.
  if (now.empty()) by_source_.erase(news.source);
  if (!now.empty()) by_source_.insert_or_assign(news.source, std::move(now));
  return fresh;
}

std::vector<Event> Conditions::holding() const {
  std::vector<Event> events;
  for (const auto& [source, held] : by_source_) {
    for (const auto& [condition, event] : held) events.push_back(event);
  }
  return events;
}

std::vector<Event> Conditions::forget_all_but(const std::set<std::string>& known, TimePoint at) {
  std::vector<Event> events;
  for (auto source = by_source_.begin(); source != by_source_.end();) {
    if (known.contains(source->first)) {
      ++source;
      continue;
    }
    std::vector<Event> over = ended(source->second, {}, at);
    std::ranges::move(over, std::back_inserter(events));
    source = by_source_.erase(source);
  }
  return events;
}

}  // namespace weir
