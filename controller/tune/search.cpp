#include "controller/tune/search.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <tuple>
#include <utility>

namespace weir {
namespace {

constexpr std::size_t kGenerations = 8;
constexpr std::size_t kParents = 6;
constexpr double kFirstRadius = 0.25;
constexpr double kShrinking = 0.75;  ///< of the radius from generation to generation
constexpr double kAlong = 0.5;       ///< share of children that are looked for on the line through their parents
constexpr double kCrossed = 0.3;     ///< share of dimensions that come from the second parent
constexpr double kMutated = 0.4;     ///< share of dimensions that are moved
/// An SLO of nothing at all still needs a scale for how far off a candidate is.
constexpr double kSmallestScale = 1e-4;

/// The same numbers on every machine, which the standard's distributions do not promise. SplitMix64 (Steele, Lea, Flood 2014).
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}

  /// [0, 1)
  double share() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBULL;
    mixed ^= mixed >> 31U;
    return static_cast<double>(mixed >> 11U) * 0x1.0p-53;
  }
  std::size_t index(std::size_t count) {
    return std::min(count - 1, static_cast<std::size_t>(share() * static_cast<double>(count)));
  }
  /// Near enough to normal: mean 0, standard deviation 1.
  double deviation() { return 2 * (share() + share() + share() - 1.5); }

 private:
  std::uint64_t state_;
};

/// Points that fill the cube evenly, however many are taken: Roberts' R sequence, the golden ratio's for many dimensions.
std::vector<SearchPoint> filling(const SearchOptions& options, std::size_t count) {
  const std::size_t dimensions = options.present.size();
  double ratio = 2;
  for (int round = 0; round < 64; ++round) ratio = std::pow(1 + ratio, 1 / static_cast<double>(dimensions + 1));
  Dice dice(options.seed);
  SearchPoint start(dimensions);
  for (double& place : start) place = dice.share();
  std::vector<SearchPoint> points = {options.present};
  for (std::size_t number = 1; number < count; ++number) {
    SearchPoint& point = points.emplace_back(start);
    // The present configuration is seldom far off: every second point is drawn half the way to it.
    const double reach = number % 2 == 0 ? 0.5 : 1;
    for (std::size_t dimension = 0; dimension < dimensions; ++dimension) {
      const double stride = std::pow(1 / ratio, static_cast<double>(dimension + 1));
      const double place = std::fmod(start[dimension] + static_cast<double>(number) * stride, 1.0);
      point[dimension] = std::lerp(options.present[dimension], place, reach);
    }
  }
  return points;
}

/// Who may be chosen by somebody who must not know of a fold.
bool is_free_of(const SearchCandidate& candidate, std::optional<std::size_t> without) {
  return !without || !candidate.bred_without || candidate.bred_without == without;
}

/// Grows softly beyond the SLO: the cheapest that keeps it lies between those that do and those that just do not.
double penalised_cost(const FoldScore& score, double slo) {
  const double beyond = std::max(0.0, score.violation_ratio() - slo) / std::max(slo, kSmallestScale);
  return score.cost * (1 + beyond);
}

/// Tries candidates, and breeds the next.
class Search {
 public:
  Search(const SearchOptions& options, const TryPoints& try_points) : options_(options), try_points_(try_points) {}

  SearchResult run() {
    const std::size_t filled = options_.present.empty() ? 1 : std::max<std::size_t>(1, (options_.candidates + 1) / 2);
    add(filling(options_, filled), std::vector<std::optional<std::size_t>>(filled));
    if (!options_.present.empty()) breed();
    SearchResult result{.candidates = {}, .chosen = choose(candidates_, std::nullopt, options_.slo), .chosen_without = {}};
    for (std::size_t fold = 0; fold < options_.folds; ++fold) {
      result.chosen_without.push_back(choose(candidates_, fold, options_.slo));
    }
    result.candidates = std::move(candidates_);
    return result;
  }

 private:
  void add(std::vector<SearchPoint> points, const std::vector<std::optional<std::size_t>>& bred_without) {
    std::vector<std::vector<FoldScore>> scores = try_points_(points);
    for (std::size_t index = 0; index < points.size(); ++index) {
      candidates_.push_back({std::move(points[index]), std::move(scores[index]), bred_without[index]});
    }
  }

  void breed() {
    const std::size_t all = options_.candidates - std::min(options_.candidates, candidates_.size());
    std::size_t bred = 0;
    for (std::size_t generation = 0; generation < kGenerations; ++generation) {
      const std::size_t until = all * (generation + 1) / kGenerations;
      std::vector<SearchPoint> points;
      std::vector<std::optional<std::size_t>> bred_without;
      for (; bred < until; ++bred) {
        const std::size_t fold = bred % options_.folds;
        points.push_back(child(fold, generation, bred));
        bred_without.emplace_back(fold);
      }
      if (!points.empty()) add(std::move(points), bred_without);
    }
  }

  /// The best of those that have not seen the fold, by the other folds.
  [[nodiscard]] std::vector<std::size_t> parents(std::size_t without) const {
    std::vector<std::pair<double, std::size_t>> ranked;
    for (std::size_t index = 0; index < candidates_.size(); ++index) {
      if (!is_free_of(candidates_[index], without)) continue;
      ranked.emplace_back(penalised_cost(total_of(candidates_[index], without), options_.slo), index);
    }
    std::ranges::sort(ranked);
    ranked.resize(std::min(ranked.size(), kParents));
    std::vector<std::size_t> best;
    for (const auto& [cost, index] : ranked) best.push_back(index);
    return best;
  }

  [[nodiscard]] SearchPoint child(std::size_t without, std::size_t generation, std::size_t number) const {
    // Of its own for every child: another fold's candidates must not change what is drawn for this one's.
    Dice dice(options_.seed ^ ((number + 1) * 0xD1B54A32D192ED03ULL));
    const std::vector<std::size_t> best = parents(without);
    const std::size_t first = dice.index(best.size());
    const std::size_t second = dice.index(best.size());
    const SearchPoint& better = candidates_[best[std::min(first, second)]].point;
    const SearchPoint& worse = candidates_[best[std::max(first, second)]].point;
    const double radius = kFirstRadius * std::pow(kShrinking, static_cast<double>(generation));
    return dice.share() < kAlong ? along(better, worse, radius, dice) : around(better, worse, radius, dice);
  }

  /// From between the two to twice as far beyond the better one as the worse lies behind it.
  static SearchPoint along(const SearchPoint& better, const SearchPoint& worse, double radius, Dice& dice) {
    SearchPoint point = better;
    const double reach = 2.5 * dice.share() - 0.5;
    for (std::size_t dimension = 0; dimension < point.size(); ++dimension) {
      const double step = reach * (better[dimension] - worse[dimension]) + radius / 4 * dice.deviation();
      point[dimension] = std::clamp(point[dimension] + step, 0.0, 1.0);
    }
    return point;
  }

  static SearchPoint around(const SearchPoint& better, const SearchPoint& worse, double radius, Dice& dice) {
    SearchPoint point = better;
    const std::size_t always = dice.index(point.size());
    for (std::size_t dimension = 0; dimension < point.size(); ++dimension) {
      if (dice.share() < kCrossed) point[dimension] = worse[dimension];
      const double step = radius * dice.deviation();
      const bool moved = dice.share() < kMutated || dimension == always;
      if (moved) point[dimension] = std::clamp(point[dimension] + step, 0.0, 1.0);
    }
    return point;
  }

  const SearchOptions& options_;
  const TryPoints& try_points_;
  std::vector<SearchCandidate> candidates_;
};

}  // namespace

FoldScore& FoldScore::operator+=(const FoldScore& other) {
  arrived += other.arrived;
  over += other.over;
  cost += other.cost;
  changes += other.changes;
  return *this;
}

FoldScore total_of(const SearchCandidate& candidate, std::optional<std::size_t> without) {
  FoldScore total;
  for (std::size_t fold = 0; fold < candidate.folds.size(); ++fold) {
    if (fold != without) total += candidate.folds[fold];
  }
  return total;
}

bool is_better(const FoldScore& one, const FoldScore& other, double slo) {
  const auto rank = [slo](const FoldScore& score) {
    const double ratio = score.violation_ratio();
    const bool keeps = ratio <= slo;
    return std::tuple(!keeps, keeps ? score.cost : ratio, keeps ? ratio : score.cost, score.changes);
  };
  return rank(one) < rank(other);
}

std::size_t choose(std::span<const SearchCandidate> candidates, std::optional<std::size_t> without, double slo) {
  std::size_t best = 0;
  for (std::size_t index = 1; index < candidates.size(); ++index) {
    if (!is_free_of(candidates[index], without)) continue;
    if (is_better(total_of(candidates[index], without), total_of(candidates[best], without), slo)) best = index;
  }
  return best;
}

SearchResult search(const SearchOptions& options, const TryPoints& try_points) { return Search(options, try_points).run(); }

}  // namespace weir
