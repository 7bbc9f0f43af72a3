#pragma once

#include "policies/policy.h"

namespace weir {

/// `step`: the band the value lies in says by how much the size changes (AWS step scaling, with the metric's own bounds instead of
/// distances from an alarm). `from` belongs to the band, `to` does not. Between bands, and in a band whose change is none, nothing
/// happens. A scale-out is counted from the warmed servers, so that a worse band adds only what is not on its way yet; nothing
/// shrinks while a server warms up. An exact size only shrinks in a band that begins at zero or has no lower end, and only grows in
/// any other. Has a say in the directions its bands have.
extern const PolicyType kStepPolicy;

}  // namespace weir
