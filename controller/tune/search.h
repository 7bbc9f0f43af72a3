#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace weir {

/// Where a candidate lies: 0 to 1 in each dimension.
using SearchPoint = std::vector<double>;

/// What a candidate came to in one fold. Sums, so that folds can be added up.
struct FoldScore {
  double arrived = 0;
  double over = 0;  ///< of `arrived`, what was not served as promised
  double cost = 0;
  int changes = 0;

  [[nodiscard]] double violation_ratio() const { return arrived > 0 ? over / arrived : 0; }
  FoldScore& operator+=(const FoldScore& other);
};

/// A point that was tried.
struct SearchCandidate {
  SearchPoint point;
  std::vector<FoldScore> folds;
  /// Bred from candidates that were good without this fold: whoever judges in another fold must not choose it, for it has seen that
  /// one. Absent: it was bred from nothing that was judged.
  std::optional<std::size_t> bred_without;
};

/// What is looked for, and how long.
struct SearchOptions {
  SearchPoint present;  ///< candidate 0
  std::size_t candidates = 200;
  std::size_t folds = 4;
  double slo = 0.001;  ///< largest violation ratio
  std::uint64_t seed = 1;
};

/// What a search found.
struct SearchResult {
  std::vector<SearchCandidate> candidates;  ///< in the order they were tried
  std::size_t chosen = 0;                   ///< on all folds
  std::vector<std::size_t> chosen_without;  ///< for each fold: on all others, of those that have not seen it
};

/// Tries points, in any order; scores, one for each fold, come back in the order of the points.
using TryPoints = std::function<std::vector<std::vector<FoldScore>>(std::span<const SearchPoint>)>;

/// The cheapest candidate that keeps the SLO. The first half of the candidates fills the space, the second is bred from good ones,
/// for every fold apart from what was judged without it. Deterministic.
[[nodiscard]] SearchResult search(const SearchOptions& options, const TryPoints& try_points);

/// All folds of a candidate together, except `without`.
[[nodiscard]] FoldScore total_of(const SearchCandidate& candidate, std::optional<std::size_t> without = std::nullopt);

/// Whether the first is the one to choose: it keeps the SLO where the other does not, is cheaper where both do, is nearer to it
/// where neither does.
[[nodiscard]] bool is_better(const FoldScore& one, const FoldScore& other, double slo);

/// The choice that is made without a fold (absent: on all of them) under this SLO.
[[nodiscard]] std::size_t choose(std::span<const SearchCandidate> candidates, std::optional<std::size_t> without, double slo);

}  // namespace weir
