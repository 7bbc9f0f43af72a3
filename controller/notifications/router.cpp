#include "controller/notifications/router.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

namespace weir {
namespace {

/// Of one message; the rest is counted.
constexpr std::size_t kMostEvents = 20;
/// Batches of a route, and events in one of them, that wait; older events that only happened give way.
constexpr std::size_t kMostWaiting = 500;
/// Messages that one route sends at once: a receiver's mailbox takes a hundred, and what is sent counts as told.
constexpr std::size_t kMostAtOnce = 20;
/// Of one call to an Alertmanager.
constexpr std::size_t kMostAlerts = 200;

bool is_over(const Event& event) { return event.stage == Event::Stage::ended; }
bool lasts(const Event& event) { return event.stage != Event::Stage::happened; }

bool names(const std::vector<std::string>& groups, const Event& event) {
  const auto is_named = [&](const std::string& group) { return std::ranges::find(groups, group) != groups.end(); };
  return is_named(event.group) || std::ranges::any_of(event.touches, is_named);
}

/// The gravest first, else as they came.
std::vector<Event> gravest_first(std::vector<Event> events) {
  std::ranges::stable_sort(events, std::greater<>(), [](const Event& event) { return std::pair(!is_over(event), event.severity); });
  return events;
}

}  // namespace

bool fits(const Route& route, const Event& event) {
  if (event.severity < route.severity) return false;
  if (!route.events.empty() && std::ranges::find(route.events, event.kind) == route.events.end()) return false;
  return route.groups.empty() || names(route.groups, event);
}

Router::Router(std::vector<Route> routes, std::string controller) : controller_(std::move(controller)) {
  for (Route& route : routes)
    lanes_.push_back({.route = std::move(route), .waiting = {}, .told = {}, .sent = {}, .refreshed_at = {}});
}

void Router::take_over(Router old) {
  for (Lane& lane : lanes_) {
    const auto same = std::ranges::find(old.lanes_, lane.route, &Lane::route);
    if (same == old.lanes_.end()) continue;
    lane = std::move(*same);
    old.lanes_.erase(same);
  }
}

void Router::add(const Event& event, TimePoint now) {
  for (Lane& lane : lanes_) {
    if (fits(lane.route, event)) add_to(lane, event, now);
  }
}

void Router::add_to(Lane& lane, const Event& event, TimePoint now) {
  if (lasts(event) && cancels(lane, event)) return;
  if (is_over(event)) {
    const auto told = lane.told.find(condition_of(event));
    if (told == lane.told.end()) return;  // nobody heard of its beginning
    if (!lane.route.resolved) {
      lane.told.erase(told);
      return;
    }
  }
  // Beyond so many batches all the rest shares one.
  const std::string key = key_of(lane, event);
  const bool alone = lane.waiting.contains(key) || lane.waiting.size() < kMostWaiting;
  Batch& batch = lane.waiting[alone ? key : std::string()];
  if (batch.events.empty() && batch.omitted == 0) batch.since = now;
  if (batch.events.size() >= kMostWaiting) {
    // A condition has to be told, for its end will be.
    const auto least = std::ranges::find(batch.events, Event::Stage::happened, &Event::stage);
    const bool gives_way = least != batch.events.end();
    if (gives_way || !lasts(event)) ++batch.omitted;
    if (!gives_way && !lasts(event)) return;
    if (gives_way) batch.events.erase(least);
  }
  batch.events.push_back(event);
}

/// Beginning and end of one condition that are both still waiting are no news; nor is a beginning that is known.
bool Router::cancels(Lane& lane, const Event& event) {
  const std::string condition = condition_of(event);
  for (auto batch = lane.waiting.begin(); batch != lane.waiting.end(); ++batch) {
    std::vector<Event>& events = batch->second.events;
    const auto other = std::ranges::find_if(events, [&](const Event& one) { return lasts(one) && condition_of(one) == condition; });
    if (other == events.end()) continue;
    if (other->stage == event.stage) return true;
    events.erase(other);
    if (events.empty() && batch->second.omitted == 0) lane.waiting.erase(batch);
    return true;
  }
  return !is_over(event) && lane.told.contains(condition);
}

std::string Router::key_of(const Lane& lane, const Event& event) {
  switch (lane.route.group_by) {
    case Route::GroupBy::group:
      return event.group;
    case Route::GroupBy::event:
      return std::string(to_string(event.kind));
    case Route::GroupBy::all:
      return {};
    case Route::GroupBy::nothing:
      break;
  }
  // Two of the same are two only if they happened at different times.
  return condition_of(event) + "\n" + format_time(event.at);
}

std::vector<Parcel> Router::due(TimePoint now) {
  std::vector<Parcel> parcels;
  for (Lane& lane : lanes_) {
    forget_sent(lane, now);
    send_waiting(lane, lane.route.group_wait, now, parcels);
    send_repeats(lane, now, parcels);
    send_refresh(lane, now, parcels);
  }
  return parcels;
}

std::vector<Parcel> Router::flush(TimePoint now) {
  std::vector<Parcel> parcels;
  for (Lane& lane : lanes_) {
    forget_sent(lane, now);
    send_waiting(lane, Duration{0}, now, parcels);
  }
  return parcels;
}

/// What of the batch may go now; the rest of it stays.
Router::Batch Router::take_ready(const Lane& lane, Batch& batch, TimePoint now) {
  const bool quiet = lane.route.quiet && quiet_until(*lane.route.quiet, now);
  if (!quiet) return std::exchange(batch, {});
  Batch ready{.events = {}, .omitted = 0, .since = batch.since};
  const std::optional<Severity> loud = lane.route.quiet->breaks_through;
  const auto stays = [&](const Event& event) { return !loud || event.severity < *loud; };
  const auto middle = std::ranges::stable_partition(batch.events, stays).begin();
  ready.events.assign(std::make_move_iterator(middle), std::make_move_iterator(batch.events.end()));
  batch.events.erase(middle, batch.events.end());
  return ready;
}

void Router::send_waiting(Lane& lane, Duration patience, TimePoint now, std::vector<Parcel>& parcels) {
  if (allowed_at(lane, now) > now) return;
  std::vector<Batch> ready;
  for (auto entry = lane.waiting.begin(); entry != lane.waiting.end();) {
    // A clock that was set back makes nobody wait for more than the patience.
    const bool due = now - entry->second.since >= patience || now < entry->second.since;
    if (due) ready.push_back(take_ready(lane, entry->second, now));
    const bool empty = entry->second.events.empty() && entry->second.omitted == 0;
    entry = empty ? lane.waiting.erase(entry) : std::next(entry);
  }
  std::erase_if(ready, [](const Batch& batch) { return batch.events.empty(); });
  // What is beyond the allowed messages goes into the last of them.
  const std::size_t left = lane.route.limit ? static_cast<std::size_t>(lane.route.limit->messages) - lane.sent.size() : kMostAtOnce;
  const std::size_t allowed = std::clamp<std::size_t>(left, 1, kMostAtOnce);
  for (std::size_t beyond = allowed; beyond < ready.size(); ++beyond) {
    std::ranges::move(ready[beyond].events, std::back_inserter(ready[allowed - 1].events));
    ready[allowed - 1].omitted += ready[beyond].omitted;
  }
  if (ready.size() > allowed) ready.resize(allowed);
  for (Batch& batch : ready) {
    std::ranges::stable_sort(batch.events, {}, &Event::at);
    send(lane, std::move(batch), now, parcels);
  }
}

void Router::send_repeats(Lane& lane, TimePoint now, std::vector<Parcel>& parcels) {
  const auto when = repeat_at(lane, now);
  if (!when || *when > now) return;
  Batch batch{.events = {}, .omitted = 0, .since = now};
  const bool quiet = lane.route.quiet && quiet_until(*lane.route.quiet, now);
  for (auto& [condition, told] : lane.told) {
    const bool stays = quiet && (!lane.route.quiet->breaks_through || told.event.severity < *lane.route.quiet->breaks_through);
    if (!stays && now - told.at >= lane.route.repeat) batch.events.push_back(told.event);
  }
  if (batch.events.empty()) return;
  std::ranges::stable_sort(batch.events, {}, &Event::since);
  send(lane, std::move(batch), now, parcels);
}

/// Whoever forgets what it does not hear of hears of all that holds.
void Router::send_refresh(Lane& lane, TimePoint now, std::vector<Parcel>& parcels) {
  if (lane.route.refresh == Duration{0} || lane.told.empty()) return;
  if (!lane.refreshed_at) lane.refreshed_at = now;
  if (now - *lane.refreshed_at < lane.route.refresh && now >= *lane.refreshed_at) return;
  lane.refreshed_at = now;
  Batch batch{.events = {}, .omitted = 0, .since = now};
  for (const auto& [condition, told] : lane.told) batch.events.push_back(told.event);
  send(lane, std::move(batch), now, parcels);
}

void Router::send(Lane& lane, Batch batch, TimePoint now, std::vector<Parcel>& parcels) {
  note_told(lane, batch, now);
  if (lane.route.limit) lane.sent.push_back(now);
  const bool keeps = lane.route.refresh > Duration{0};
  const std::size_t most = keeps ? kMostAlerts : kMostEvents;
  if (!keeps && batch.events.size() > most) {
    batch.omitted += static_cast<int>(batch.events.size() - most);
    batch.events = gravest_first(std::move(batch.events));
    batch.events.resize(most);
  }
  for (std::size_t first = 0; first < batch.events.size(); first += most) {
    const auto begin = batch.events.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = batch.events.begin() + static_cast<std::ptrdiff_t>(std::min(first + most, batch.events.size()));
    parcels.push_back({lane.route.receiver,
                       {.events = {begin, end}, .omitted = keeps ? 0 : batch.omitted, .controller = controller_, .at = now}});
  }
}

void Router::note_told(Lane& lane, const Batch& batch, TimePoint now) {
  for (const Event& event : batch.events) {
    if (event.stage == Event::Stage::began) lane.told.insert_or_assign(condition_of(event), Told{event, now});
    if (is_over(event)) lane.told.erase(condition_of(event));
  }
}

void Router::forget_sent(Lane& lane, TimePoint now) {
  if (!lane.route.limit) return;
  std::erase_if(lane.sent, [&](TimePoint at) { return now - at >= lane.route.limit->per || at > now; });
}

TimePoint Router::allowed_at(const Lane& lane, TimePoint now) {
  if (!lane.route.limit || lane.sent.size() < static_cast<std::size_t>(lane.route.limit->messages)) return now;
  return lane.sent.front() + lane.route.limit->per;
}

/// When something of the batch may go; absent never happens for a batch with events.
std::optional<TimePoint> Router::ready_at(const Lane& lane, const Batch& batch, TimePoint now) {
  if (batch.events.empty()) return std::nullopt;
  const TimePoint grouped = std::max(std::min(batch.since, now) + lane.route.group_wait, now);
  const auto quiet = lane.route.quiet ? quiet_until(*lane.route.quiet, grouped) : std::nullopt;
  if (!quiet) return grouped;
  const std::optional<Severity> loud = lane.route.quiet->breaks_through;
  const bool breaks = loud && std::ranges::any_of(batch.events, [&](const Event& event) { return event.severity >= *loud; });
  return breaks ? grouped : *quiet;
}

std::optional<TimePoint> Router::repeat_at(const Lane& lane, TimePoint now) {
  if (lane.route.repeat == Duration{0} || allowed_at(lane, now) > now) return std::nullopt;
  std::optional<TimePoint> soonest;
  for (const auto& [condition, told] : lane.told) {
    TimePoint at = std::max(told.at + lane.route.repeat, now);
    const auto quiet = lane.route.quiet ? quiet_until(*lane.route.quiet, at) : std::nullopt;
    const bool stays = quiet && (!lane.route.quiet->breaks_through || told.event.severity < *lane.route.quiet->breaks_through);
    if (stays) at = *quiet;
    soonest = soonest ? std::min(*soonest, at) : at;
  }
  return soonest;
}

std::optional<TimePoint> Router::next(TimePoint now) const {
  std::optional<TimePoint> soonest;
  const auto consider = [&](std::optional<TimePoint> at) {
    if (at) soonest = soonest ? std::min(*soonest, *at) : *at;
  };
  for (const Lane& lane : lanes_) {
    const TimePoint allowed = allowed_at(lane, now);
    std::optional<TimePoint> ready;
    for (const auto& [key, batch] : lane.waiting) {
      if (const auto at = ready_at(lane, batch, now)) ready = ready ? std::min(*ready, *at) : *at;
    }
    if (ready) consider(std::max(*ready, allowed));
    consider(repeat_at(lane, now));
    if (lane.route.repeat > Duration{0} && !lane.told.empty() && allowed > now) consider(allowed);
    if (lane.route.refresh > Duration{0} && !lane.told.empty())
      consider(std::max(lane.refreshed_at.value_or(now) + lane.route.refresh, now));
  }
  return soonest;
}

}  // namespace weir
