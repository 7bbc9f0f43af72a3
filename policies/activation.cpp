#include "policies/activation.h"

#include <fmt/format.h>

namespace weir {

Activation::Activation(const Settings& settings) {
  if (settings.has("activation")) bound_ = settings.number("activation");
}

void Activation::vote_idle(double value, const Fleet& fleet, Vote& vote) const {
  vote.why = fmt::format("{:.6g} is not above {:.6g}: no work", value, *bound_);
  vote.stance = fleet.desired == 0 ? Vote::Stance::content : Vote::Stance::wants;
  vote.wants = 0;
}

void Activation::wake(double value, const Fleet& fleet, Vote& vote) const {
  if (!bound_ || idle(value)) return;
  const bool none = vote.stance == Vote::Stance::wants ? vote.wants == 0 : fleet.desired == 0;
  if (!none) return;
  vote.why += fmt::format("; {:.6g} is above {:.6g}, so at least one", value, *bound_);
  const bool there = fleet.desired == 1;
  vote.stance = there ? Vote::Stance::content : Vote::Stance::wants;
  vote.wants = there ? 0 : 1;
}

}  // namespace weir
