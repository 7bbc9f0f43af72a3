#include "policies/predictive.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "policies/change.h"
#include "policies/reading.h"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr auto kKeys = with_query_keys(std::array{
    Key{.name = "target", .type = KeyType::number, .doc = "The load per server to keep now.", .required = true},
    Key{.name = "capacity",
        .type = KeyType::number,
        .doc = "The load at which a server is full, which the forecast may use up. Default: a quarter more than target."},
    Key{.name = "confidence",
        .type = KeyType::number,
        .doc = "In which share of cases what it keeps ready is enough, by its own score.",
        .fallback = "0.97",
        .minimum = 0.5,
        .maximum = 0.999},
});

/// The ways of forecasting, in the order of ForecastMemory::errors and Promise::peaks; then a score of the third one alone, of the
/// times it said that the load will surge.
enum Way : std::size_t { kStays, kGoesOn, kRepeats, kSurges, kScores };
constexpr std::size_t kWays = kSurges;
constexpr std::array<std::string_view, kWays> kWayNames = {"the load stays", "the load goes on as it does", "the load repeats"};

constexpr Duration kTrendSpan = 5min;
constexpr Duration kPromiseEvery = 1min;
constexpr Duration kDay = 24h;
constexpr Duration kWeek = 7 * kDay;
constexpr Duration kLevelSpan = 30min;
/// A score this old counts half.
constexpr Duration kHalfLife = 24h;
/// So many minutes with a promise before a way is believed: half a day.
constexpr double kEnoughScore = 700;
/// So much more than now is a surge.
constexpr double kSurge = 1.2;
/// It came true if it reached this share of what was said.
constexpr double kCameTrue = 0.8;
/// A surge is believed in after it was foretold once the day before, and came true as often as not.
constexpr double kEnoughSurges = 0.4;
constexpr double kOftenEnough = 0.5;
/// How much more or less than then the level may be now.
constexpr double kLargestLevelChange = 3;

/// Errors are kept by their logarithm: from a little below the forecast, where nothing is short, to 20 times beyond it.
constexpr std::size_t kBins = 128;
constexpr double kFirstRatio = 0.5;
constexpr double kLastRatio = 20;

std::size_t bin_of(double ratio) {
  const double place = std::log(std::max(ratio, kFirstRatio) / kFirstRatio) / std::log(kLastRatio / kFirstRatio);
  return std::min(kBins - 1, static_cast<std::size_t>(place * kBins));
}

double upper_end(std::size_t bin) {
  return kFirstRatio * std::pow(kLastRatio / kFirstRatio, static_cast<double>(bin + 1) / static_cast<double>(kBins));
}

double total_of(const std::vector<double>& errors) {
  double total = 0;
  for (const double weight : errors) total += weight;
  return total;
}

/// The factor that was enough in this share of the cases.
double factor_for(const std::vector<double>& errors, double confidence) {
  double beyond = total_of(errors) * (1 - confidence);
  for (std::size_t bin = errors.size(); bin-- > 0;) {
    beyond -= errors[bin];
    if (beyond < 0) return upper_end(bin);
  }
  return 1;
}

std::optional<double> number_in(std::span<const Sample> samples, std::size_t index) {
  if (index >= samples.size() || samples[index].status != Sample::Status::ok || samples[index].value < 0) return std::nullopt;
  return samples[index].value;
}

/// All that says which load is asked for.
std::string text_of(const Signal& signal, const Settings& settings) {
  std::vector<Query> queries;
  signal.append_queries(queries);
  std::string text = settings.text("formula");
  for (const Query& query : queries) {
    text += fmt::format("{}{}", text.empty() ? "" : "; ", query.expression);
    for (const auto& [name, value] : query.select) text += fmt::format(" {}={}", name, value);
  }
  return text;
}

class Predictive final : public Policy {
 public:
  Predictive(const PolicySpec& spec, Duration interval)
      : name_(spec.name),
        every_(std::max<Duration>(interval, kPromiseEvery)),
        signal_(spec.settings),
        target_(spec.settings.number("target")),
        capacity_(spec.settings.has("capacity") ? spec.settings.number("capacity") : 1.25 * target_),
        confidence_(spec.settings.number("confidence")),
        load_(text_of(signal_, spec.settings)) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::size_t query_count() const override { return signal_.query_count() + kPastQueries; }

  /// After the signal's own: the level now, and of either day before its peak up to the horizon and its level.
  void append_queries(Duration horizon, std::vector<Query>& queries) const override {
    const std::size_t first = queries.size();
    signal_.append_queries(queries);
    const Query load = queries[first];
    const auto ask = [&](PastWindow::Take take, Duration length, Duration ago) {
      queries.push_back(load);
      queries.back().past = PastWindow{.take = take, .length = length, .ago = ago};
    };
    ask(PastWindow::Take::average, kLevelSpan, Duration{0});
    horizon = std::min(horizon, kDay);
    for (const Duration lag : {kDay, kWeek}) {
      ask(PastWindow::Take::maximum, horizon, lag - horizon);
      ask(PastWindow::Take::average, kLevelSpan, lag);
    }
  }

  [[nodiscard]] Vote vote(std::span<const Sample> samples, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const override {
    Vote vote{.policy = name_, .type = kPredictivePolicy.name};
    const Reading reading = signal_.read(samples, fleet, at, memory);
    if (!reading.trusted) {
      vote_untrusted(reading, fleet, vote);
      return vote;
    }
    vote.value = reading.value;
    if (reading.value < 0) {
      vote.why = fmt::format("{:.6g} is below zero, which no load is", reading.value);
      return vote;
    }
    const std::span<const Sample> past = samples.size() < query_count() ? std::span<const Sample>() : samples.last(kPastQueries);
    // What was learned of another load says nothing about this one; of this one it stays, whatever else is configured anew.
    if (memory.forecast.load != load_) memory.forecast = {.load = load_};
    decide_size(reading.value, past, fleet, at, memory.forecast, vote);
    vote_in_doubt(reading, fleet, vote);
    const bool breach = vote.stance == Vote::Stance::wants && vote.wants > fleet.desired;
    if (!breach) memory.above_since.reset();
    if (breach && !memory.above_since) memory.above_since = at;
    return vote;
  }

 private:
  static constexpr std::size_t kPastQueries = 5;

  struct Belief {
    Way way = kStays;
    double forecast = 0;
    double factor = 1;
    double need = std::numeric_limits<double>::infinity();  ///< forecast times factor
  };

  void decide_size(double load, std::span<const Sample> past, const Fleet& fleet, TimePoint at, ForecastMemory& memory,
                   Vote& vote) const {
    remember(load, at, std::max(kTrendSpan, fleet.horizon), memory);
    keep_score(at, fleet.horizon, memory);
    const std::vector<double> peaks = {load, goes_on(load, at, fleet.horizon, memory), repeats(past)};
    promise(peaks, at, memory);
    const std::optional<Belief> belief = believe(peaks, memory);
    const int now = whole_servers(load / target_);
    const int later = belief ? whole_servers(belief->need / capacity_) : 0;
    const int wants = std::max(now, later);
    vote.why = fmt::format("{:.6g} now takes {} at {:.6g} per server; ", load, now, target_);
    if (belief) {
      vote.forecast = belief->need;
      vote.why += fmt::format("within {} up to {:.6g} ({}, {:.3g} times that was enough in {:.3g}% of cases) takes {} at {:.6g}",
                              format_duration(fleet.horizon), belief->need, kWayNames[belief->way], belief->factor,
                              confidence_ * 100, later, capacity_);
    } else {
      vote.why += "no forecast yet: its score is too short";
    }
    vote.stance = wants == fleet.desired ? Vote::Stance::content : Vote::Stance::wants;
    if (wants != fleet.desired) vote.wants = wants;
  }

  static void remember(double load, TimePoint at, Duration span, ForecastMemory& memory) {
    // The clock may be set back.
    std::erase_if(memory.recent, [&](const SeenValue& seen) { return seen.at >= at; });
    const auto first = std::ranges::find_if(memory.recent, [&](const SeenValue& seen) { return at - seen.at <= span; });
    memory.recent.erase(memory.recent.begin(), first);
    memory.recent.push_back({at, load});
  }

  /// Promises that are due are compared with what came. Where the load was not seen for a while nothing is known.
  void keep_score(TimePoint at, Duration horizon, ForecastMemory& memory) const {
    memory.errors.resize(kScores);
    // The clock may be set back: what was promised for then is promised anew.
    std::erase_if(memory.open, [at](const ForecastMemory::Promise& promise) { return promise.at > at; });
    for (std::vector<double>& errors : memory.errors) errors.resize(kBins);
    fade(at, memory);
    const double weight = std::chrono::duration<double>(every_) / kPromiseEvery;
    auto due = memory.open.begin();
    for (; due != memory.open.end() && at - due->at >= horizon; ++due) {
      const std::optional<double> peak = peak_since(due->at, memory);
      if (!peak) continue;
      for (std::size_t way = 0; way < kWays && way < due->peaks.size(); ++way) {
        if (due->peaks[way] > 0) memory.errors[way][bin_of(*peak / due->peaks[way])] += weight;
      }
      if (foretells_surge(due->peaks)) memory.errors[kSurges][bin_of(*peak / due->peaks[kRepeats])] += weight;
    }
    memory.open.erase(memory.open.begin(), due);
  }

  static bool foretells_surge(const std::vector<double>& peaks) {
    return peaks.size() == kWays && peaks[kRepeats] > kSurge * peaks[kStays];
  }

  static void fade(TimePoint at, ForecastMemory& memory) {
    if (memory.faded_at == TimePoint{} || memory.faded_at > at) memory.faded_at = at;
    if (at - memory.faded_at < 15min) return;
    const double left = std::exp2(-std::chrono::duration<double>(at - memory.faded_at) / kHalfLife);
    memory.faded_at = at;
    for (std::vector<double>& errors : memory.errors) {
      for (double& weight : errors) weight = weight * left < 1e-3 ? 0 : weight * left;
    }
  }

  [[nodiscard]] std::optional<double> peak_since(TimePoint since, const ForecastMemory& memory) const {
    double peak = 0;
    TimePoint before = since;
    for (const SeenValue& seen : memory.recent) {
      if (seen.at <= since) continue;
      if (seen.at - before > 2 * every_) return std::nullopt;
      before = seen.at;
      peak = std::max(peak, seen.value);
    }
    return before == since ? std::nullopt : std::optional(peak);
  }

  static void promise(const std::vector<double>& peaks, TimePoint at, ForecastMemory& memory) {
    if (!memory.open.empty() && at - memory.open.back().at < kPromiseEvery) return;
    memory.open.push_back({at, peaks});
  }

  /// The mean of the last half of the span against that of the first, drawn out to the horizon.
  static double goes_on(double load, TimePoint at, Duration horizon, const ForecastMemory& memory) {
    double sums[2] = {0, 0};
    int counts[2] = {0, 0};
    for (const SeenValue& seen : memory.recent) {
      if (at - seen.at >= kTrendSpan) continue;
      const int half = at - seen.at < kTrendSpan / 2 ? 1 : 0;
      sums[half] += seen.value;
      ++counts[half];
    }
    if (counts[0] == 0 || counts[1] == 0) return load;
    const double rise = sums[1] / counts[1] - sums[0] / counts[0];
    return std::max(0.3 * load, load + rise * (std::chrono::duration<double>(horizon) / (kTrendSpan / 2)));
  }

  /// Absent = -1: nothing is known of either day.
  static double repeats(std::span<const Sample> past) {
    const std::optional<double> level = number_in(past, 0);
    double best = -1;
    for (const std::size_t day : {1U, 3U}) {
      const std::optional<double> peak = number_in(past, day);
      const std::optional<double> then = number_in(past, day + 1);
      if (!peak || !then || !level) continue;
      const double change = *then > 0 ? *level / *then : 1;
      best = std::max(best, *peak * std::clamp(change, 1 / kLargestLevelChange, kLargestLevelChange));
    }
    return best;
  }

  [[nodiscard]] std::optional<Belief> believe(const std::vector<double>& peaks, const ForecastMemory& memory) const {
    std::optional<Belief> best;
    for (std::size_t way = 0; way < kWays; ++way) {
      if (peaks[way] < 0 || total_of(memory.errors[way]) < kEnoughScore) continue;
      const double factor = factor_for(memory.errors[way], confidence_);
      const double need = peaks[way] * factor;
      if (!best || need < best->need) best = Belief{static_cast<Way>(way), peaks[way], factor, need};
    }
    // What happens every day at this time is rare over the whole day: the scores above do not see it coming.
    const bool surge = foretells_surge(peaks) && are_surges_true(memory.errors[kSurges]);
    if (surge && (!best || best->need < peaks[kRepeats])) best = Belief{kRepeats, peaks[kRepeats], 1, peaks[kRepeats]};
    return best;
  }

  static bool are_surges_true(const std::vector<double>& errors) {
    const double all = total_of(errors);
    double came = 0;
    for (std::size_t bin = bin_of(kCameTrue); bin < errors.size(); ++bin) came += errors[bin];
    return all >= kEnoughSurges && came >= kOftenEnough * all;
  }

  std::string name_;
  Duration every_;  ///< how often it promises: every minute, or with every turn of a slower group
  Signal signal_;
  double target_;
  double capacity_;
  double confidence_;
  std::string load_;  ///< what it asks for
};

std::vector<SettingsError> check(const PolicySpec& spec) {
  const Settings& settings = spec.settings;
  std::vector<SettingsError> errors = check_signal(settings);
  const auto complain = [&](std::string_view key, std::string message) {
    errors.push_back({.path = std::string(key), .message = std::move(message), .mark = settings.mark(key)});
  };
  if (settings.has("target") && settings.number("target") <= 0) complain("target", "expected a number greater than zero");
  if (settings.has("queries")) complain("queries", "expected 'query': its past is asked for too, which a formula has none of");
  if (settings.has("server_label")) complain("server_label", "expected a query for the total: servers come and go");
  if (settings.has("capacity") && settings.has("target") && settings.number("capacity") < settings.number("target")) {
    complain("capacity", fmt::format("expected at least target, which is {:.6g}", settings.number("target")));
  }
  return errors;
}

std::unique_ptr<const Policy> make(const PolicySpec& spec, const Group& group) {
  return std::make_unique<Predictive>(spec, group.interval);
}

}  // namespace

constinit const PolicyType kPredictivePolicy = {.name = "predictive",
                                                .doc = "As many servers as the load will need when servers launched now serve.",
                                                .keys = kKeys,
                                                .check = check,
                                                .make = make};

}  // namespace weir
