#pragma once

#include <optional>

#include "policies/policy.h"

namespace weir {

/// When there is work at all (KEDA: activation threshold). While the value is at or below it the policy wants no server; above it,
/// at least one, however little a server's share would be. Only a group with `min: 0` ever has none.
class Activation {
 public:
  explicit Activation(const Settings& settings);

  [[nodiscard]] bool idle(double value) const { return bound_ && value <= *bound_; }
  /// The vote of a policy that is idle.
  void vote_idle(double value, const Fleet& fleet, Vote& vote) const;
  /// Keeps a policy that is not idle from wanting none, and lets it start from none.
  void wake(double value, const Fleet& fleet, Vote& vote) const;

 private:
  std::optional<double> bound_;
};

inline constexpr Key kActivationKey = {
    .name = "activation",
    .type = KeyType::number,
    .doc =
        "At or below this value there is no work: the policy wants no server, and above it at least one. For groups with min: 0."};

}  // namespace weir
