#include "controller/tune/tune.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <span>
#include <thread>
#include <tuple>
#include <utility>

#include "controller/simulate/simulate.h"
#include "controller/tune/folds.h"
#include "controller/tune/search.h"

namespace weir {
namespace {

/// A changed line is not worth a smaller share of the cost than this.
constexpr double kWorthALine = 0.001;
constexpr double kTighter[] = {0.7, 0.5, 0.3, 0.1, 0};

TunedFigures& operator+=(TunedFigures& sum, const TunedFigures& other) {
  sum.servers_hours += other.servers_hours;
  if (other.cost) sum.cost = sum.cost.value_or(0) + *other.cost;
  sum.scale_actions += other.scale_actions;
  return sum;
}

/// A candidate as its simulation was.
struct Rehearsed {
  std::vector<double> values;
  TunedFigures history;
  std::vector<TunedFigures> folds;
  std::vector<FoldScore> scores;
  std::vector<std::string> assumptions;
};

/// Simulates candidates, some at a time.
class Rehearsals {
 public:
  Rehearsals(const Group& group, const Trace& trace, const TuneOptions& options, const std::vector<Knob>& knobs, const Folds& folds,
             WorldModel model)
      : group_(group), trace_(trace), options_(options), knobs_(knobs), folds_(folds), model_(std::move(model)) {
    const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
    threads_ = options.threads > 0 ? options.threads : cores;
  }

  /// In the order of `values`.
  std::vector<Rehearsed> run(std::vector<std::vector<double>> values) {
    std::vector<Rehearsed> all(values.size());
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (std::size_t index = next++; index < all.size(); index = next++) {
        all[index] = rehearse(std::move(values[index]));
        tell();
      }
    };
    std::vector<std::jthread> workers;
    for (std::size_t thread = 1; thread < std::min<std::size_t>(threads_, all.size()); ++thread) workers.emplace_back(work);
    work();
    workers.clear();
    return all;
  }

 private:
  [[nodiscard]] Rehearsed rehearse(std::vector<double> values) const {
    const Group group = with_values(group_, knobs_, values);
    const Simulation simulation =
        simulate(group, make_policies(group), trace_, {.model = model_, .most_moments = 0, .cuts = folds_.cuts});
    Rehearsed result{.values = std::move(values),
                     .history = {.violation_ratio = simulation.violation_ratio,
                                 .servers_hours = simulation.servers_hours,
                                 .cost = simulation.cost,
                                 .scale_actions = simulation.scale_actions},
                     .folds = std::vector<TunedFigures>(folds_.count),
                     .scores = std::vector<FoldScore>(folds_.count),
                     .assumptions = simulation.assumptions};
    for (std::size_t block = 0; block < simulation.parts.size(); ++block) {
      add(simulation.parts[block], simulation.cost.has_value(), folds_.fold_of(block), result);
    }
    return result;
  }

  static void add(const SimulatedPart& part, bool priced, std::size_t fold, Rehearsed& result) {
    FoldScore& score = result.scores[fold];
    score += {
        .arrived = part.arrived, .over = part.over, .cost = priced ? part.cost : part.servers_hours, .changes = part.scale_actions};
    TunedFigures& figures = result.folds[fold];
    figures += {.servers_hours = part.servers_hours,
                .cost = priced ? std::optional(part.cost) : std::nullopt,
                .scale_actions = part.scale_actions};
    figures.violation_ratio = score.violation_ratio();
  }

  void tell() {
    const std::lock_guard lock(telling_);
    ++done_;
    if (options_.progress) options_.progress(std::min(1.0, static_cast<double>(done_) / static_cast<double>(options_.candidates)));
  }

  const Group& group_;
  const Trace& trace_;
  const TuneOptions& options_;
  const std::vector<Knob>& knobs_;
  const Folds& folds_;
  const WorldModel model_;
  unsigned threads_;
  std::mutex telling_;
  std::size_t done_ = 0;
};

/// One search from its beginning to what is told of it.
class Tuner {
 public:
  Tuner(const Group& group, const TuneOptions& options, const std::vector<Knob>& knobs, const Folds& folds, Rehearsals& rehearsals)
      : group_(group), options_(options), knobs_(knobs), folds_(folds), rehearsals_(rehearsals) {}

  Tuning run() {
    SearchOptions how{
        .present = {}, .candidates = options_.candidates, .folds = folds_.count, .slo = options_.slo, .seed = options_.seed};
    for (const Knob& knob : knobs_) how.present.push_back(knob.place_of(knob.present));
    SearchResult result = search(how, [this](std::span<const SearchPoint> points) { return try_points(points); });
    Tuning tuning{.group = group_.name, .slo = options_.slo, .knobs = knobs_, .chosen = result.chosen, .tuned = group_};
    if (group_.cost) tuning.currency = group_.cost->currency;
    validate(result, tuning);
    simplify(tuning.chosen);
    tuning.tuned = with_values(group_, knobs_, rehearsed_[tuning.chosen].values);
    for (const Rehearsed& each : rehearsed_) tuning.candidates.push_back({each.values, each.history});
    tuning.frontier = frontier();
    tuning.assumptions = rehearsed_.front().assumptions;
    return tuning;
  }

 private:
  std::vector<std::vector<FoldScore>> try_points(std::span<const SearchPoint> points) {
    std::vector<std::vector<double>> values;
    for (const SearchPoint& point : points) {
      std::vector<double>& these = values.emplace_back();
      for (std::size_t knob = 0; knob < knobs_.size(); ++knob) these.push_back(knobs_[knob].at(point[knob]));
    }
    std::vector<std::vector<FoldScore>> scores;
    for (Rehearsed& each : rehearsals_.run(std::move(values))) {
      scores.push_back(each.scores);
      rehearsed_.push_back(std::move(each));
    }
    return scores;
  }

  void validate(const SearchResult& result, Tuning& tuning) const {
    FoldScore unseen;
    for (std::size_t fold = 0; fold < folds_.count; ++fold) {
      const std::size_t choice = result.chosen_without[fold];
      tuning.folds.push_back({.candidate = choice,
                              .violation_ratio_chosen_on = total_of(result.candidates[choice], fold).violation_ratio(),
                              .unseen = rehearsed_[choice].folds[fold],
                              .present = rehearsed_.front().folds[fold]});
      tuning.unseen += rehearsed_[choice].folds[fold];
      unseen += rehearsed_[choice].scores[fold];
    }
    tuning.unseen.violation_ratio = unseen.violation_ratio();
    for (std::size_t index = 0; index < std::size(kTighter) && !tuning.generalises() && !tuning.tighter_slo; ++index) {
      const double tighter = options_.slo * kTighter[index];
      if (unseen_ratio(result, tighter) <= options_.slo) tuning.tighter_slo = tighter;
    }
  }

  /// What choices under another SLO would have come to where they were not made.
  [[nodiscard]] double unseen_ratio(const SearchResult& result, double slo) const {
    FoldScore unseen;
    for (std::size_t fold = 0; fold < folds_.count; ++fold) unseen += rehearsed_[choose(result.candidates, fold, slo)].scores[fold];
    return unseen.violation_ratio();
  }

  [[nodiscard]] FoldScore whole(const Rehearsed& each) const {
    FoldScore sum;
    for (const FoldScore& score : each.scores) sum += score;
    return sum;
  }

  /// Turns back what makes no difference: what is printed is to be read by a person.
  void simplify(std::size_t& chosen) {
    const FoldScore now = whole(rehearsed_[chosen]);
    if (chosen == 0 || now.violation_ratio() > options_.slo) return;
    const double most_cost = now.cost * (1 + kWorthALine);
    const std::vector<std::size_t> idle = idle_knobs(rehearsed_[chosen].values, most_cost);
    if (idle.empty()) return;
    Rehearsed simplest = without_all(rehearsed_[chosen], idle, most_cost);
    if (simplest.values == rehearsed_[chosen].values) return;
    chosen = rehearsed_.size();
    rehearsed_.push_back(std::move(simplest));
  }

  /// The knobs that could each by itself be turned back.
  std::vector<std::size_t> idle_knobs(const std::vector<double>& values, double most_cost) {
    std::vector<std::size_t> turned;
    std::vector<std::vector<double>> tried;
    for (std::size_t knob = 0; knob < knobs_.size(); ++knob) {
      if (values[knob] == knobs_[knob].present) continue;
      turned.push_back(knob);
      tried.push_back(with_present(values, knob));
    }
    const std::vector<Rehearsed> results = rehearsals_.run(std::move(tried));
    std::vector<std::size_t> idle;
    for (std::size_t index = 0; index < turned.size(); ++index) {
      if (is_as_good(results[index], most_cost)) idle.push_back(turned[index]);
    }
    return idle;
  }

  /// All at once if that is as good too, else one after the other.
  Rehearsed without_all(const Rehearsed& chosen, const std::vector<std::size_t>& idle, double most_cost) {
    std::vector<double> values = chosen.values;
    for (const std::size_t knob : idle) values = with_present(std::move(values), knob);
    Rehearsed simplest = rehearse(std::move(values));
    if (is_as_good(simplest, most_cost)) return simplest;
    simplest = chosen;
    for (const std::size_t knob : idle) {
      Rehearsed simpler = rehearse(with_present(simplest.values, knob));
      if (is_as_good(simpler, most_cost)) simplest = std::move(simpler);
    }
    return simplest;
  }

  Rehearsed rehearse(std::vector<double> values) { return std::move(rehearsals_.run({std::move(values)}).front()); }

  [[nodiscard]] std::vector<double> with_present(std::vector<double> values, std::size_t knob) const {
    values[knob] = knobs_[knob].present;
    return values;
  }

  [[nodiscard]] bool is_as_good(const Rehearsed& each, double most_cost) const {
    const FoldScore score = whole(each);
    return score.violation_ratio() <= options_.slo && score.cost <= most_cost;
  }

  [[nodiscard]] std::vector<std::size_t> frontier() const {
    std::vector<std::size_t> order(rehearsed_.size());
    for (std::size_t index = 0; index < order.size(); ++index) order[index] = index;
    std::vector<FoldScore> scores;
    for (const Rehearsed& each : rehearsed_) scores.push_back(whole(each));
    std::ranges::sort(order, {}, [&](std::size_t index) { return std::tuple(scores[index].cost, scores[index].over, index); });
    std::vector<std::size_t> kept;
    for (const std::size_t index : order) {
      if (kept.empty() || scores[index].over < scores[kept.back()].over) kept.push_back(index);
    }
    return kept;
  }

  const Group& group_;
  const TuneOptions& options_;
  const std::vector<Knob>& knobs_;
  const Folds& folds_;
  Rehearsals& rehearsals_;
  std::vector<Rehearsed> rehearsed_;  ///< as the search's candidates, then what was made of the chosen one
};

void add_notes(const Trace& trace, const Folds& folds, Tuning& tuning) {
  tuning.notes = trace.notes;
  tuning.notes.insert(tuning.notes.end(), folds.notes.begin(), folds.notes.end());
  const auto one_day = folds.block == std::chrono::days{1} ? std::string("days") : "blocks of " + format_duration(folds.block);
  tuning.notes.push_back(fmt::format("cross-validated over {} folds, made of {} in turn", folds.count, one_day));
}

}  // namespace

Result<Tuning> tune(const Group& group, const Trace& trace, const TuneOptions& options) {
  if (std::ranges::all_of(trace.load, [](double load) { return load <= 0; })) {
    return failure(ErrorKind::invalid,
                   fmt::format("the trace {} has no load at all: every choice would keep every SLO", trace.name));
  }
  const Result<Folds> folds = folds_of(trace, options.folds);
  if (!folds) return std::unexpected(folds.error());
  WorldModel model = options.model;
  // A bound that is turned must not change what its query is taken for.
  model.meanings = meanings_of(group, std::move(model.meanings));
  const Result<std::vector<Knob>> knobs = knobs_of(group, model, options.knobs);
  if (!knobs) return std::unexpected(knobs.error());
  Rehearsals rehearsals(group, trace, options, *knobs, *folds, std::move(model));
  Tuning tuning = Tuner(group, options, *knobs, *folds, rehearsals).run();
  tuning.trace = trace.name;
  tuning.from = trace.at.front();
  tuning.to = trace.at.back();
  tuning.block = folds->block;
  add_notes(trace, *folds, tuning);
  return tuning;
}

}  // namespace weir
