// The search by itself, over scores that are known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "controller/tune/search.h"

namespace weir {
namespace {

constexpr std::size_t kFolds = 4;

/// What a point comes to in a fold; `number`: how many were tried before it.
using ScoreOf = std::function<FoldScore(const SearchPoint& point, std::size_t fold, std::size_t number)>;

SearchResult run(const ScoreOf& score_of, SearchOptions options = {.present = {0.5, 0.5, 0.5}, .slo = 0.01}) {
  std::size_t number = 0;
  return search(options, [&](std::span<const SearchPoint> points) {
    std::vector<std::vector<FoldScore>> scores;
    for (const SearchPoint& point : points) {
      std::vector<FoldScore>& these = scores.emplace_back();
      for (std::size_t fold = 0; fold < kFolds; ++fold) these.push_back(score_of(point, fold, number));
      ++number;
    }
    return scores;
  });
}

/// The further up, the cheaper; beyond the middle of the first dimension requests are lost.
FoldScore slope(const SearchPoint& point, std::size_t, std::size_t) {
  const double cost = 4 - point[0] - point[1] - point[2];
  return {.arrived = 1000, .over = std::max(0.0, point[0] - 0.5) * 100, .cost = cost};
}

/// Something that looks like chance, the same for the same numbers.
double noise(std::size_t number, std::size_t fold) {
  const double wild = std::sin(static_cast<double>(number * kFolds + fold + 1) * 12.9898) * 43758.5453;
  return wild - std::floor(wild);
}

bool same(const FoldScore& one, const FoldScore& other) {
  return one.arrived == other.arrived && one.over == other.over && one.cost == other.cost && one.changes == other.changes;
}

TEST(Search, begins_with_the_present_and_tries_as_many_as_told) {
  const SearchResult result = run(slope);
  EXPECT_EQ(result.candidates.size(), 200U);
  EXPECT_EQ(result.candidates.front().point, (SearchPoint{0.5, 0.5, 0.5}));
  for (const SearchCandidate& candidate : result.candidates) {
    for (const double place : candidate.point) EXPECT_TRUE(place >= 0 && place <= 1) << place;
  }
}

TEST(Search, chooses_the_cheapest_that_keeps_the_slo) {
  const SearchResult result = run(slope);
  const FoldScore chosen = total_of(result.candidates[result.chosen]);
  EXPECT_LE(chosen.violation_ratio(), 0.01);
  for (const SearchCandidate& candidate : result.candidates) {
    const FoldScore score = total_of(candidate);
    EXPECT_TRUE(score.violation_ratio() > 0.01 || score.cost >= chosen.cost);
  }
}

TEST(Search, breeding_gets_nearer_to_the_best_than_filling_does) {
  const SearchResult result = run(slope);
  const auto half = std::span(result.candidates).first(100);
  const double filled = total_of(half[choose(half, std::nullopt, 0.01)]).cost;
  const double chosen = total_of(result.candidates[result.chosen]).cost;
  // The best there is: 0.6, 1, 1, in four folds.
  constexpr double kBest = 4 * (4 - 0.6 - 2);
  EXPECT_GE(chosen, kBest);
  EXPECT_LT(chosen - kBest, 0.4 * (filled - kBest));
}

TEST(Search, is_the_same_every_time_and_another_with_another_seed) {
  const SearchOptions one{.present = {0.5, 0.5, 0.5}, .slo = 0.01};
  const SearchOptions other{.present = {0.5, 0.5, 0.5}, .slo = 0.01, .seed = 2};
  const auto points = [&](const SearchOptions& options) {
    std::vector<SearchPoint> all;
    for (const SearchCandidate& candidate : run(slope, options).candidates) all.push_back(candidate.point);
    return all;
  };
  EXPECT_EQ(points(one), points(one));
  EXPECT_NE(points(one), points(other));
}

TEST(Search, without_anything_that_keeps_the_slo_the_nearest_is_chosen) {
  const SearchResult result = run([](const SearchPoint& point, std::size_t, std::size_t) {
    return FoldScore{.arrived = 100, .over = 50 - 10 * point[0], .cost = 1 + point[1]};
  });
  const double nearest = total_of(result.candidates[result.chosen]).violation_ratio();
  for (const SearchCandidate& candidate : result.candidates) EXPECT_GE(total_of(candidate).violation_ratio(), nearest);
}

TEST(Search, what_happens_in_a_fold_changes_nothing_about_the_choice_made_without_it) {
  const ScoreOf mixed = [](const SearchPoint& point, std::size_t fold, std::size_t) {
    FoldScore score = slope(point, fold, 0);
    score.over *= 1 + static_cast<double>(fold) / 2;
    score.cost *= 1 + 0.3 * point[fold % 3];
    return score;
  };
  const SearchResult before = run(mixed);
  for (std::size_t fold = 0; fold < kFolds; ++fold) {
    // In this one fold everything is turned round.
    const SearchResult after = run([&](const SearchPoint& point, std::size_t in, std::size_t number) {
      if (in != fold) return mixed(point, in, number);
      return FoldScore{.arrived = 5000, .over = 4000 * (1 - point[0]), .cost = 1 + 50 * point[1] * point[2], .changes = 3};
    });
    const std::size_t choice = before.chosen_without[fold];
    EXPECT_EQ(after.chosen_without[fold], choice);
    EXPECT_EQ(after.candidates[choice].point, before.candidates[choice].point);
    EXPECT_TRUE(same(total_of(after.candidates[choice], fold), total_of(before.candidates[choice], fold)));
    EXPECT_NE(after.candidates[after.chosen].point, before.candidates[before.chosen].point) << "the whole did change";
  }
}

TEST(Search, a_choice_made_without_a_fold_is_never_one_that_has_seen_it) {
  const SearchResult result = run(slope);
  for (std::size_t fold = 0; fold < kFolds; ++fold) {
    const SearchCandidate& choice = result.candidates[result.chosen_without[fold]];
    EXPECT_EQ(choice.bred_without.value_or(fold), fold);
  }
}

TEST(Search, luck_is_praised_where_it_was_chosen_and_not_where_it_was_not) {
  // The cost has nothing to do with the parameters: whoever chooses the least of 200 has only been lucky.
  const SearchResult result = run([](const SearchPoint&, std::size_t fold, std::size_t number) {
    return FoldScore{.arrived = 100, .cost = 100 + 100 * noise(number, fold)};
  });
  FoldScore unseen;
  double trained = 0;
  for (std::size_t fold = 0; fold < kFolds; ++fold) {
    const SearchCandidate& choice = result.candidates[result.chosen_without[fold]];
    unseen += choice.folds[fold];
    trained += total_of(choice, fold).cost / (kFolds - 1);
  }
  EXPECT_LT(trained, kFolds * 130) << "lucky";
  EXPECT_GT(unseen.cost, trained * 1.1) << "150 is what is to be expected of each";
}

TEST(Search, has_nothing_to_breed_without_dimensions) {
  const SearchResult result = run([](const SearchPoint&, std::size_t, std::size_t) { return FoldScore{.arrived = 1, .cost = 1}; },
                                  {.present = {}, .slo = 0.01});
  EXPECT_EQ(result.candidates.size(), 1U);
  EXPECT_EQ(result.chosen, 0U);
}

TEST(Choice, keeping_the_slo_comes_before_cost_and_cost_before_everything_else) {
  const FoldScore keeps{.arrived = 1000, .over = 1, .cost = 10, .changes = 5};
  const auto with = [&](auto change) {
    FoldScore other = keeps;
    change(other);
    return other;
  };
  const FoldScore worse[] = {
      with([](FoldScore& score) { score.cost = 11; }),
      with([](FoldScore& score) { score.over = 11, score.cost = 1; }),
      with([](FoldScore& score) { score.over = 2; }),
      with([](FoldScore& score) { score.changes = 6; }),
      with([](FoldScore& score) { score.cost = 11, score.over = 0; }),
  };
  for (const FoldScore& other : worse) {
    EXPECT_TRUE(is_better(keeps, other, 0.01));
    EXPECT_FALSE(is_better(other, keeps, 0.01));
  }
  EXPECT_FALSE(is_better(keeps, keeps, 0.01));
  EXPECT_TRUE(is_better(with([](FoldScore& score) { score.cost = 99; }), with([](FoldScore& score) { score.over = 2; }), 0))
      << "where neither keeps it, the nearer one";
}

}  // namespace
}  // namespace weir
