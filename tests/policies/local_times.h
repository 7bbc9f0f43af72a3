#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "platform/time_zones.h"
#include "policies/calendar.h"

namespace weir {

inline TimeZone zone_named(const std::string& name) {
  static std::map<std::string, TimeZone> loaded;
  if (const auto found = loaded.find(name); found != loaded.end()) return found->second;
  const auto zone = load_time_zone(name);
  if (!zone) ADD_FAILURE() << zone.error().message;
  return loaded[name] = zone.value_or(TimeZone());
}

/// "2026-12-24 18:00".
inline LocalTime local(std::string_view text) {
  const auto time = parse_local_time(text);
  if (!time) ADD_FAILURE() << time.error();
  return time.value_or(LocalTime{});
}

/// The instant of that time in UTC.
inline TimePoint utc(std::string_view text) { return TimePoint{local(text).time_since_epoch()}; }

/// "2026-12-24 18:00+01:00"; seconds only if there are any.
inline std::string shown(TimePoint at, const TimeZone& zone) {
  const auto offset = std::chrono::duration_cast<std::chrono::minutes>(zone.offset_at(at)).count();
  std::string text = format_time(TimePoint{zone.to_local(at).time_since_epoch()});
  text[10] = ' ';
  text.resize(text.substr(16, 3) == ":00" ? 16 : 19);
  char suffix[16];
  (void)std::snprintf(suffix, sizeof suffix, "%c%02d:%02d", offset < 0 ? '-' : '+', static_cast<int>(std::abs(offset) / 60),
                      static_cast<int>(std::abs(offset) % 60));
  return text + suffix;
}

/// The first openings after that time in UTC, at most as many; fewer if there are no more.
inline std::vector<std::string> openings(const Windows& windows, const TimeZone& zone, std::string_view after, std::size_t most) {
  std::vector<std::string> found;
  for (auto at = windows.next_opening(utc(after)); at && found.size() < most; at = windows.next_opening(*at)) {
    found.push_back(shown(*at, zone));
  }
  return found;
}

/// The window of that time in UTC: "begin to end", or "closed".
inline std::string window_at(const Windows& windows, const TimeZone& zone, std::string_view at) {
  const auto window = windows.open_at(utc(at));
  if (!window) return "closed";
  return shown(window->begin, zone) + " to " + shown(window->end, zone);
}

}  // namespace weir
