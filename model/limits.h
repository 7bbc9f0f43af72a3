#pragma once

namespace weir {

/// The largest size that a group can have, be ordered or be wanted.
inline constexpr int kMostServers = 100'000;

}  // namespace weir
