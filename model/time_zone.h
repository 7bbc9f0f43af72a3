#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/time.h"

namespace weir {

/// What a clock on the wall shows; an instant only together with a TimeZone.
using LocalTime = std::chrono::local_time<Duration>;

/// A day of the wall calendar.
using LocalDay = std::chrono::local_days;

/// A named time zone: how far the wall clock is from UTC, and since when. An immutable value, cheap to copy, safe to share between
/// threads; the default is UTC. Two are equal if their names are. Who loads one: platform/time_zones.h.
class TimeZone {
 public:
  /// From this instant on the wall clock is `offset` ahead of UTC (negative: behind).
  struct Transition {
    TimePoint from;
    std::chrono::seconds offset{};
  };

  /// A stretch of time with one offset. The first begins at TimePoint::min(), the last ends at TimePoint::max().
  struct Span {
    TimePoint begin;
    TimePoint end;
    std::chrono::seconds offset{};
  };

  /// The instants at which the wall clock shows one local time.
  struct Instants {
    /// `nonexistent`: the wall clock jumped over it.
    enum class Kind : std::uint8_t { unique, nonexistent, ambiguous };
    Kind kind = Kind::unique;
    TimePoint first;   ///< nonexistent: the jump itself, the first instant after the gap
    TimePoint second;  ///< ambiguous: the second time; else the same as `first`
  };

  /// UTC.
  TimeZone() = default;

  /// The first transition's offset holds before it too; none at all is offset zero. The order of the list does not matter; of two
  /// at one instant the later in the list holds.
  TimeZone(std::string name, const std::vector<Transition>& transitions);

  /// The IANA name: "Asia/Seoul".
  [[nodiscard]] const std::string& name() const;

  [[nodiscard]] std::chrono::seconds offset_at(TimePoint at) const { return span_at(at).offset; }
  [[nodiscard]] Span span_at(TimePoint at) const;
  [[nodiscard]] LocalTime to_local(TimePoint at) const;
  [[nodiscard]] Instants from_local(LocalTime local) const;

  /// The highest the wall clock has shown up to `at`, `at` included: to_local(at), except while an hour repeats. It never falls, so
  /// it orders what happens once per local time: from_local(local).first <= at exactly if local <= high_water(at).
  [[nodiscard]] LocalTime high_water(TimePoint at) const;

  bool operator==(const TimeZone& other) const { return name() == other.name(); }

 private:
  struct Step {
    TimePoint from;
    std::chrono::seconds offset;
    LocalTime shown_before;  ///< the wall clock had shown all local times before this one when the step began
  };
  struct Table {
    std::string name;
    std::vector<Step> steps;  ///< never empty
  };

  [[nodiscard]] std::size_t step_at(TimePoint at) const;

  std::shared_ptr<const Table> table_;  ///< none: UTC
};

}  // namespace weir
