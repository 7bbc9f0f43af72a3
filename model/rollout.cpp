#include "model/rollout.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace weir {

const std::optional<Hook>& Hooks::at(HookPoint point) const {
  switch (point) {
    case HookPoint::before:
      return before;
    case HookPoint::after_new_healthy:
      return after_new_healthy;
    case HookPoint::before_switch:
      return before_switch;
    case HookPoint::after:
      return after;
    case HookPoint::gate:
      return gate;
  }
  std::abort();
}

int servers_of(const Portion& portion, int size, Rounding rounding) {
  const double servers = portion.percent ? portion.amount * size / 100 : portion.amount;
  // 0.1 times 30 is a little more than 3.
  constexpr double kDust = 1e-9;
  const double whole = rounding == Rounding::up ? std::ceil(servers - kDust) : std::floor(servers + kDust);
  return static_cast<int>(std::clamp(whole, 0.0, 1e9));
}

}  // namespace weir
