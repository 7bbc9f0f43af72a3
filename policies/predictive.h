#pragma once

#include "policies/policy.h"

namespace weir {

/// `predictive`: as many servers as the load will need when servers launched now serve. Two-sided, and never fewer than the load
/// of this moment takes at `target` per server.
///
/// It forecasts the highest load up to the horizon in three ways: the load stays as it is; it goes on as in the last minutes; it
/// does what it did at this time yesterday and a week ago (the higher of the two, scaled by how the last half hour compares with
/// theirs). It keeps score of each: how far beyond its forecast the load really came. From its score each way gets the factor that
/// was enough in `confidence` of the cases of the last days, and the way that then needs the fewest servers is believed, filled to
/// `capacity` each. A surge that repeats, foretold and come true before, is believed too, however rare it is over the day. A way
/// without half a day of score has no say; until one has, this is target tracking. Needs a query for the
/// total load, which does not depend on the number of servers.
extern const PolicyType kPredictivePolicy;

}  // namespace weir
