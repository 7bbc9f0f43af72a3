#pragma once

#include <string_view>

#include "examples/load/load.h"
#include "examples/stand/stand.h"
#include "model/time.h"

namespace weir {

constexpr int kMin = 2;
constexpr int kMax = 8;
constexpr double kServerRps = 100;  ///< 4 slots, 40 ms each
constexpr double kTarget = 0.6;
constexpr double kBaseline = 80;
constexpr double kPeak = 6 * kServerRps * kTarget;

/// The load over time, and the stretches that are looked at.
class Story {
 public:
  explicit Story(Duration length);

  [[nodiscard]] const LoadProfile& profile() const { return profile_; }
  /// When the n-th stretch ends: baseline, rising, peak, falling, baseline.
  [[nodiscard]] Duration end_of(std::size_t stretch) const;
  [[nodiscard]] std::string_view chapter(Duration time) const;
  /// When the load is first more than the servers of the beginning are meant to carry.
  [[nodiscard]] Duration breach() const;

 private:
  LoadProfile profile_;
};

/// What weir is told to do in a demo of this length.
[[nodiscard]] StandGroup demo_group(Duration length);

}  // namespace weir
