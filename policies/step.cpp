#include "policies/step.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "policies/change.h"
#include "policies/reading.h"

namespace weir {
namespace {

constexpr std::array kBandKeys = {
    Key{.name = "from", .type = KeyType::number, .doc = "The band begins at this value; without it, it has no lower end."},
    Key{.name = "to", .type = KeyType::number, .doc = "The band ends just below this value; without it, it has no upper end."},
    Key{.name = "change", .type = KeyType::change, .doc = R"(By how much: +N, -N, "+N%", "-N%" or "=N".)", .required = true},
};
constexpr auto kKeys = with_query_keys(std::array{
    Key{.name = "steps",
        .type = KeyType::sections,
        .doc = "The bands, which must not overlap.",
        .required = true,
        .keys = kBandKeys},
    Key{.name = "for",
        .type = KeyType::duration,
        .doc = "How long without a break the value must be in bands of one direction before it acts.",
        .fallback = "0s",
        .minimum = 0},
    Key{.name = "min_change",
        .type = KeyType::integer,
        .doc = "A percentage changes the size by at least this many servers.",
        .fallback = "1",
        .minimum = 1,
        .maximum = 10'000},
});

enum class Direction { out, in, none };

struct Band {
  double from = -std::numeric_limits<double>::infinity();
  double to = std::numeric_limits<double>::infinity();
  Change change;
  Direction direction = Direction::none;

  [[nodiscard]] bool holds(double value) const { return value >= from && value < to; }
};

Band band_from(const Settings& settings) {
  Band band;
  if (settings.has("from")) band.from = settings.number("from");
  if (settings.has("to")) band.to = settings.number("to");
  band.change = settings.change("change");
  return band;
}

std::vector<Band> bands_from(const Settings& settings) {
  std::vector<Band> bands;
  for (const Settings& one : settings.sections("steps")) bands.push_back(band_from(one));
  std::ranges::sort(bands, {}, &Band::from);
  for (Band& band : bands) {
    if (band.change.kind == Change::Kind::to_exactly) {
      // An exact size in a band that begins at nothing is for little load, in any other for much.
      band.direction = band.from <= 0 && !std::isinf(band.to) ? Direction::in : Direction::out;
    } else if (band.change.amount != 0) {
      band.direction = band.change.amount > 0 ? Direction::out : Direction::in;
    }
  }
  return bands;
}

std::string band_text(const Band& band) {
  if (std::isinf(band.from)) return fmt::format("below {:.6g}", band.to);
  if (std::isinf(band.to)) return fmt::format("from {:.6g}", band.from);
  return fmt::format("from {:.6g} to {:.6g}", band.from, band.to);
}

class Step final : public Policy {
 public:
  explicit Step(const PolicySpec& spec)
      : name_(spec.name),
        signal_(spec.settings),
        bands_(bands_from(spec.settings)),
        hold_(spec.settings.duration("for")),
        least_(spec.settings.integer("min_change")) {
    const auto has = [this](Direction direction) { return std::ranges::find(bands_, direction, &Band::direction) != bands_.end(); };
    scales_out_ = has(Direction::out);
    scales_in_ = has(Direction::in);
  }

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::size_t query_count() const override { return signal_.query_count(); }
  void append_queries(Duration, std::vector<Query>& queries) const override { signal_.append_queries(queries); }

  [[nodiscard]] Vote vote(std::span<const Sample> samples, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const override {
    Vote vote{.policy = name_, .type = kStepPolicy.name, .scales_out = scales_out_, .scales_in = scales_in_, .value_falls = true};
    const Reading reading = signal_.read(samples, fleet, at, memory);
    if (!reading.trusted) {
      // Growing may go on from where it was; shrinking needs unbroken proof.
      memory.below_since.reset();
      vote_untrusted(reading, fleet, vote);
      return vote;
    }
    vote.stance = Vote::Stance::content;
    const Band* band = band_of(reading, vote);
    keep_time(band, at, memory);
    if (band == nullptr) {
      if (vote.why.empty()) vote.why = fmt::format("{:.6g} is in no band that changes anything", *vote.value);
      return vote;
    }
    const TimePoint since = band->direction == Direction::out ? *memory.above_since : *memory.below_since;
    if (at - since < hold_) {
      vote.why = fmt::format("{:.6g} is {} for {}, acts after {}", *vote.value, band_text(*band), format_duration(at - since),
                             format_duration(hold_));
      return vote;
    }
    decide_size(*band, fleet, vote);
    vote_in_doubt(reading, fleet, vote);
    return vote;
  }

 private:
  [[nodiscard]] const Band* find_band(double value, Direction direction) const {
    const auto found =
        std::ranges::find_if(bands_, [&](const Band& band) { return band.direction == direction && band.holds(value); });
    return found == bands_.end() ? nullptr : &*found;
  }

  /// Servers without data count as idle for scaling out (Kubernetes HPA), and keep it from scaling in.
  [[nodiscard]] const Band* band_of(const Reading& reading, Vote& vote) const {
    vote.value = reading.value;
    const double idle =
        reading.missing > 0 ? reading.value * reading.measured / (reading.measured + reading.missing) : reading.value;
    if (const Band* out = find_band(std::min(idle, reading.value), Direction::out)) return out;
    const Band* in = find_band(reading.value, Direction::in);
    if (in == nullptr || reading.missing == 0) return in;
    vote.why = partial_text(reading);
    return nullptr;
  }

  static void keep_time(const Band* band, TimePoint at, PolicyMemory& memory) {
    const Direction direction = band == nullptr ? Direction::none : band->direction;
    std::optional<TimePoint>& other = direction == Direction::out ? memory.below_since : memory.above_since;
    other.reset();
    if (direction == Direction::none) memory.below_since.reset();
    if (direction == Direction::none) return;
    std::optional<TimePoint>& since = direction == Direction::out ? memory.above_since : memory.below_since;
    if (!since || *since > at) since = at;
  }

  void decide_size(const Band& band, const Fleet& fleet, Vote& vote) const {
    const std::string basis = fmt::format("{:.6g} is {}: {}", *vote.value, band_text(band), change_text(band.change));
    const bool out = band.direction == Direction::out;
    const int wants = changed_size(band.change, out ? fleet.warmed : fleet.desired, least_);
    if (!out && fleet.in_service > fleet.desired) {
      vote.why = fmt::format("{}, with {} servers more than desired", basis, fleet.in_service - fleet.desired);
    } else if (!out && fleet.on_the_way > 0) {
      vote.why = fmt::format("{}, but {} servers are not warmed up yet", basis, fleet.on_the_way);
    } else if (out ? wants <= fleet.desired : wants >= fleet.desired) {
      vote.why = out ? fmt::format("{} from {} warmed servers is {}, already asked for", basis, fleet.warmed, wants)
                     : fmt::format("{}, already as small", basis);
    } else {
      vote.stance = Vote::Stance::wants;
      vote.wants = wants;
      vote.why = basis;
    }
  }

  std::string name_;
  Signal signal_;
  std::vector<Band> bands_;  ///< by from
  Duration hold_;
  int least_;
  bool scales_out_ = false;
  bool scales_in_ = false;
};

std::vector<SettingsError> check(const PolicySpec& spec) {
  const Settings& settings = spec.settings;
  std::vector<SettingsError> errors = check_signal(settings);
  const Settings::Sections& steps = settings.sections("steps");
  if (steps.empty() && settings.has("steps")) {
    errors.push_back({.path = "steps", .message = "expected at least one band", .mark = settings.mark("steps")});
  }
  std::vector<std::pair<Band, std::size_t>> bands;
  for (std::size_t index = 0; index < steps.size(); ++index) {
    const Band band = band_from(steps[index]);
    bands.emplace_back(band, index);
    if (band.from >= band.to) {
      errors.push_back({.path = fmt::format("steps[{}].to", index),
                        .message = fmt::format("expected more than from, which is {:.6g}", band.from),
                        .mark = steps[index].mark("to")});
    }
  }
  std::ranges::sort(bands, {}, [](const auto& one) { return one.first.from; });
  for (std::size_t index = 1; index < bands.size(); ++index) {
    if (bands[index].first.from >= bands[index - 1].first.to) continue;
    errors.push_back({.path = fmt::format("steps[{}].from", bands[index].second),
                      .message = fmt::format("expected a band that does not overlap steps[{}], which is {}",
                                             bands[index - 1].second, band_text(bands[index - 1].first)),
                      .mark = steps[bands[index].second].mark(steps[bands[index].second].has("from") ? "from" : "change")});
  }
  return errors;
}

std::unique_ptr<const Policy> make(const PolicySpec& spec, const Group&) { return std::make_unique<Step>(spec); }

}  // namespace

constinit const PolicyType kStepPolicy = {
    .name = "step", .doc = "A change of size for each band of a value.", .keys = kKeys, .check = check, .make = make};

}  // namespace weir
