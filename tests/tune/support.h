#pragma once

#include <string>
#include <vector>

#include "controller/config/config.h"
#include "controller/simulate/trace.h"
#include "controller/tune/tune.h"

namespace weir {

/// The one group of a configuration that is known to be good.
[[nodiscard]] Group group_in(const std::string& yaml);

/// The one group of `yaml` after `fragment` was pasted into it as a person would: what it names is replaced, all else stays. Read
/// by the real reader; its errors are test failures.
[[nodiscard]] Group group_after_pasting(const std::string& yaml, const std::string& fragment);

/// A sample every five minutes: `load` of the minutes since the beginning.
template <typename Load>
Trace trace_of(int days, Load load) {
  using namespace std::chrono_literals;
  Trace trace{.name = "days", .step = 5min};
  for (int minute = 0; minute <= days * 24 * 60; minute += 5) {
    trace.at.push_back(TimePoint(500'000h) + minute * 1min);
    trace.load.push_back(load(minute));
  }
  return trace;
}

/// As if it had been tried and chosen.
[[nodiscard]] Tuning tuning_with(const Group& group, const std::vector<Knob>& knobs, const std::vector<double>& values);

}  // namespace weir
