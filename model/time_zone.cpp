#include "model/time_zone.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace weir {
namespace {

LocalTime shown(TimePoint at, std::chrono::seconds offset) { return LocalTime{at.time_since_epoch() + offset}; }

TimePoint instant(LocalTime local, std::chrono::seconds offset) { return TimePoint{local.time_since_epoch() - offset}; }

}  // namespace

TimeZone::TimeZone(std::string name, const std::vector<Transition>& transitions) {
  std::map<TimePoint, std::chrono::seconds> offsets;
  for (const Transition& transition : transitions) offsets.insert_or_assign(transition.from, transition.offset);
  const std::chrono::seconds first = offsets.empty() ? std::chrono::seconds{0} : offsets.begin()->second;
  std::vector<Step> steps = {{TimePoint::min(), first, LocalTime::min()}};
  for (const auto& [from, offset] : offsets) {
    if (offset == steps.back().offset) continue;
    const LocalTime reached = shown(from, steps.back().offset);
    steps.push_back({from, offset, std::max(reached, steps.back().shown_before)});
  }
  table_ = std::make_shared<const Table>(Table{std::move(name), std::move(steps)});
}

const std::string& TimeZone::name() const {
  static const std::string utc = "UTC";
  return table_ ? table_->name : utc;
}

std::size_t TimeZone::step_at(TimePoint at) const {
  const auto after = std::ranges::upper_bound(table_->steps, at, {}, &Step::from);
  return static_cast<std::size_t>(after - table_->steps.begin()) - 1;
}

TimeZone::Span TimeZone::span_at(TimePoint at) const {
  if (!table_) return {TimePoint::min(), TimePoint::max(), std::chrono::seconds{0}};
  const std::size_t i = step_at(at);
  const auto& steps = table_->steps;
  return {steps[i].from, i + 1 < steps.size() ? steps[i + 1].from : TimePoint::max(), steps[i].offset};
}

LocalTime TimeZone::to_local(TimePoint at) const { return shown(at, offset_at(at)); }

LocalTime TimeZone::high_water(TimePoint at) const {
  if (!table_) return shown(at, {});
  const Step& step = table_->steps[step_at(at)];
  if (step.shown_before == LocalTime::min()) return shown(at, step.offset);
  return std::max(shown(at, step.offset), step.shown_before - Duration{1});
}

TimeZone::Instants TimeZone::from_local(LocalTime local) const {
  if (!table_) return {Instants::Kind::unique, instant(local, {}), instant(local, {})};
  const auto& steps = table_->steps;
  const auto later = std::ranges::upper_bound(steps, local, {}, &Step::shown_before);
  const Step& step = *std::prev(later);
  const TimePoint first = instant(local, step.offset);
  if (first < step.from) return {Instants::Kind::nonexistent, step.from, step.from};
  if (later == steps.end()) return {Instants::Kind::unique, first, first};
  const TimePoint second = instant(local, later->offset);
  const auto end = std::next(later);
  if (second < later->from || (end != steps.end() && second >= end->from)) return {Instants::Kind::unique, first, first};
  return {Instants::Kind::ambiguous, first, second};
}

}  // namespace weir
