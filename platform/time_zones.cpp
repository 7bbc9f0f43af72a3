#include "platform/time_zones.h"

#include <date/tz.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/file.h"
#include "platform/posix_time_zone.h"

namespace weir {
namespace {

using std::chrono::sys_seconds;
using Transitions = std::vector<TimeZone::Transition>;

/// Where Debian's build of the library looks; it does not say so itself.
constexpr std::string_view kDirectory = "/usr/share/zoneinfo/";

constexpr sys_seconds kBegin{};
constexpr std::chrono::year kLastYear{2100};
constexpr sys_seconds kEnd = std::chrono::sys_days{(kLastYear + std::chrono::years{1}) / std::chrono::January / 1};

// --- the nearest names -----------------------------------------------------------------------------------------------------------

/// As it is compared: lower case, and a blank or '-' is '_'.
std::string folded(std::string_view name) {
  std::string text(name);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == ' ' || c == '-') c = '_';
  }
  return text;
}

std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t j = 0; j <= to.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t changed = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, changed}));
    }
  }
  return row[to.size()];
}

std::string_view city_of(std::string_view name) { return name.substr(name.rfind('/') + 1); }

/// How far `known` is from what was written: whole name from whole name, or city from city when the region is missing.
std::size_t distance(std::string_view written, std::string_view known) {
  const std::size_t whole = edit_distance(written, known);
  const bool has_region = written.find('/') != std::string_view::npos;
  return has_region ? whole : std::min(whole, edit_distance(written, city_of(known)));
}

/// At most three, the nearest only.
std::vector<std::string> nearest_names(std::string_view name, const date::tzdb& database) {
  constexpr std::size_t kLongestName = 64;
  constexpr std::size_t kMost = 3;
  if (name.size() > kLongestName) return {};
  std::vector<std::string> nearest;
  std::size_t best = std::clamp<std::size_t>(name.size() / 3, 1, 3);
  for (const date::time_zone& zone : database.zones) {
    const std::size_t far = distance(folded(name), folded(zone.name()));
    if (far > best) continue;
    if (far < best) nearest.clear();
    best = far;
    if (nearest.size() < kMost) nearest.push_back(zone.name());
  }
  return nearest;
}

std::unexpected<Error> unknown(std::string_view name, const date::tzdb& database) {
  const std::vector<std::string> nearest = nearest_names(name, database);
  const std::string hint = nearest.empty() ? "expected an IANA name such as Europe/Berlin or UTC"
                                           : fmt::format("did you mean {}?", fmt::join(nearest, " or "));
  return failure(ErrorKind::not_found, fmt::format("unknown time zone '{}'; {}", name, hint));
}

std::unexpected<Error> no_database(std::string_view name, std::string_view reason) {
  while (reason.ends_with('\n')) reason.remove_suffix(1);
  return failure(ErrorKind::unavailable,
                 fmt::format("time zone '{}': cannot read the system's time zones ({}); is tzdata installed?", name, reason));
}

// --- the transitions -------------------------------------------------------------------------------------------------------------

/// What the zone's file lists, and the offset of 1970.
Transitions listed(const date::time_zone& zone) {
  Transitions transitions;
  for (sys_seconds at = kBegin; at < kEnd;) {
    const date::sys_info span = zone.get_info(at);
    transitions.push_back({std::max(span.begin, kBegin), span.offset});
    at = span.end;
  }
  return transitions;
}

/// The library stops at the last transition of the list, in 2037 or long before; what follows is said by the file's last line.
Result<void> append_rule(std::string_view name, Transitions& transitions) {
  const std::string path = std::string(kDirectory).append(name);
  const auto file = read_file(path);
  if (!file) return std::unexpected(file.error());
  std::string_view text = *file;
  if (text.ends_with('\n')) text.remove_suffix(1);
  const auto rule = parse_posix_time_zone(text.substr(text.rfind('\n') + 1));
  if (!rule) return failure(ErrorKind::unavailable, fmt::format("{}: last line: {}", path, rule.error().message));
  if (!rule->summer) return {};
  const TimePoint last = transitions.back().from;
  for (std::chrono::year year = std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(last)}.year(); year <= kLastYear;
       ++year) {
    for (const TimeZone::Transition& change : changes_of(*rule, *rule->summer, year)) {
      if (change.from > last) transitions.push_back(change);
    }
  }
  return {};
}

Result<TimeZone> load(const date::time_zone& zone) {
  Transitions transitions = listed(zone);
  if (const auto appended = append_rule(zone.name(), transitions); !appended) return std::unexpected(appended.error());
  return TimeZone(zone.name(), transitions);
}

}  // namespace

Result<TimeZone> load_time_zone(std::string_view name) try {
  const date::tzdb& database = date::get_tzdb();
  if (database.zones.empty()) return no_database(name, "no zones");
  const auto zone = std::ranges::find(database.zones, name, &date::time_zone::name);
  if (zone == database.zones.end() || name == "localtime") return unknown(name, database);
  return load(*zone);
} catch (const std::exception& error) {
  return no_database(name, error.what());
}

}  // namespace weir
