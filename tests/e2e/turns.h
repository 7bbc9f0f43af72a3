#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "controller/state/state_reader.h"
#include "model/time.h"

namespace weir {

/// How a group's turns lay in time.
struct Turns {
  std::size_t count = 0;
  Duration largest{0};  ///< gap
  Duration median{0};
};

/// Of the turns that the state remembers. A stall at either end counts as a gap as well; all of the time is one if it cannot be
/// read.
[[nodiscard]] inline Turns turns_between(const StateReader& reader, const std::string& group, TimePoint begin, TimePoint end) {
  const auto history = reader.history(group, 100'000);
  std::vector<TimePoint> times{begin, end};
  for (const KeptRecord& turn : history.value_or(std::vector<KeptRecord>{})) {
    if (turn.at > begin && turn.at < end) times.push_back(turn.at);
  }
  std::ranges::sort(times);
  std::vector<Duration> gaps;
  for (std::size_t turn = 1; turn < times.size(); ++turn) gaps.push_back(times[turn] - times[turn - 1]);
  std::ranges::sort(gaps);
  return {.count = times.size() - 2, .largest = gaps.back(), .median = gaps[gaps.size() / 2]};
}

/// Beyond the interval, on a machine of two cores that compiles meanwhile: a turn that waits for somebody who does not answer is
/// later.
inline constexpr Duration kLateAtMost{2'000};

}  // namespace weir
