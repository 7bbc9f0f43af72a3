#pragma once

#include "policies/policy.h"
#include "policies/reading.h"

namespace weir {

/// `fixed`: always the same number of servers. Two-sided.
extern const PolicyType kFixedPolicy;

/// `pass_through`: the query says how many servers, rounded up (Nomad: pass-through). Two-sided.
extern const PolicyType kPassThroughPolicy;

inline constexpr auto kGuardKeys = with_query_keys(std::array{
    Key{.name = "above", .type = KeyType::number, .doc = "Holds while the value is greater than this."},
    Key{.name = "below", .type = KeyType::number, .doc = "Holds while the value is less than this."},
});
inline constexpr auto kHelpKeys = with_query_keys(std::array<Key, 0>{});

/// An entry of the group's `guards:`: while it does not hold, nobody scales out, for more servers would make it worse. A guard
/// without data forbids nothing. Has no wish of its own, and min is kept whatever it says.
extern const PolicyType kGuardPolicy;

/// The group's `did_it_help:`: the load that decide() compares the other policies' values with. Has no say.
extern const PolicyType kHelpPolicy;

}  // namespace weir
