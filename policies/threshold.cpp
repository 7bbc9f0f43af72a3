#include "policies/threshold.h"

#include <fmt/format.h>

#include <algorithm>

#include "policies/change.h"
#include "policies/reading.h"

namespace weir {
namespace {

constexpr auto kKeys = with_query_keys(std::array{
    Key{.name = "above", .type = KeyType::number, .doc = "Act while the value is greater than this."},
    Key{.name = "below", .type = KeyType::number, .doc = "Act while the value is less than this."},
    Key{.name = "for",
        .type = KeyType::duration,
        .doc = "How long without a break before it acts.",
        .fallback = "0s",
        .minimum = 0},
    Key{.name = "change", .type = KeyType::change, .doc = R"(By how much: +N, -N, "+N%", "-N%" or "=N".)", .required = true},
});

class Threshold final : public Policy {
 public:
  explicit Threshold(const PolicySpec& spec)
      : name_(spec.name),
        signal_(spec.settings),
        above_(spec.settings.has("above")),
        bound_(spec.settings.number(above_ ? "above" : "below")),
        hold_(spec.settings.duration("for")),
        change_(spec.settings.change("change")),
        scales_out_(change_.kind == Change::Kind::to_exactly ? above_ : change_.amount > 0) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::size_t query_count() const override { return signal_.query_count(); }
  void append_queries(Duration, std::vector<Query>& queries) const override { signal_.append_queries(queries); }

  [[nodiscard]] Vote vote(std::span<const Sample> samples, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const override {
    Vote vote{
        .policy = name_, .type = kThresholdPolicy.name, .scales_out = scales_out_, .scales_in = !scales_out_, .value_falls = true};
    const Reading reading = signal_.read(samples, fleet, at, memory);
    std::optional<TimePoint>& since = scales_out_ ? memory.above_since : memory.below_since;
    if (!reading.trusted) {
      // Growing may go on from where it was; shrinking needs unbroken proof.
      if (!scales_out_) since.reset();
      vote_untrusted(reading, fleet, vote);
      return vote;
    }
    if (!scales_out_ && reading.missing > 0) {
      since.reset();
      vote.stance = Vote::Stance::content;
      vote.why = partial_text(reading);
      return vote;
    }
    const double value = cautious_value(reading);
    vote.value = value;
    const bool breach = above_ ? value > bound_ : value < bound_;
    if (!breach) {
      since.reset();
      vote.stance = Vote::Stance::content;
      vote.why = fmt::format("{:.6g} is not {} {:.6g}", value, side(), bound_);
      return vote;
    }
    if (!since || *since > at) since = at;
    if (at - *since < hold_) {
      vote.stance = Vote::Stance::content;
      vote.why = fmt::format("{:.6g} is {} {:.6g} for {}, acts after {}", value, side(), bound_, format_duration(at - *since),
                             format_duration(hold_));
      return vote;
    }
    decide_size(value, fleet, vote);
    vote_in_doubt(reading, fleet, vote);
    return vote;
  }

 private:
  [[nodiscard]] const char* side() const { return above_ ? "above" : "below"; }

  /// A server without data must not be the reason for the change: it counts as far from the bound as that takes.
  [[nodiscard]] double cautious_value(const Reading& reading) const {
    if (reading.missing == 0) return reading.value;
    const double harmless = above_ ? std::min(0.0, bound_) : std::max(bound_, reading.value);
    return (reading.value * reading.measured + harmless * reading.missing) / (reading.measured + reading.missing);
  }

  void decide_size(double value, const Fleet& fleet, Vote& vote) const {
    if (!scales_out_ && fleet.in_service > fleet.desired) {
      vote.stance = Vote::Stance::content;
      vote.why = fmt::format("{:.6g} is {} {:.6g}, with {} servers more than desired", value, side(), bound_,
                             fleet.in_service - fleet.desired);
      return;
    }
    if (!scales_out_ && fleet.on_the_way > 0) {
      vote.stance = Vote::Stance::content;
      vote.why = fmt::format("{:.6g} is {} {:.6g}, but {} servers are not warmed up yet", value, side(), bound_, fleet.on_the_way);
      return;
    }
    const int wants = changed_size(change_, scales_out_ ? fleet.warmed : fleet.desired);
    const bool helps = scales_out_ ? wants > fleet.desired : wants < fleet.desired;
    if (!helps) {
      vote.stance = Vote::Stance::content;
      vote.why = scales_out_
                     ? fmt::format("{:.6g} is {} {:.6g}; {} from {} warmed servers is {}, already asked for", value, side(), bound_,
                                   change_text(change_), fleet.warmed, wants)
                     : fmt::format("{:.6g} is {} {:.6g}; already as small as {}", value, side(), bound_, change_text(change_));
      return;
    }
    vote.stance = Vote::Stance::wants;
    vote.wants = wants;
    vote.why =
        fmt::format("{:.6g} is {} {:.6g} for at least {}: {}", value, side(), bound_, format_duration(hold_), change_text(change_));
  }

  std::string name_;
  Signal signal_;
  bool above_;
  double bound_;
  Duration hold_;
  Change change_;
  bool scales_out_;
};

std::vector<SettingsError> check(const PolicySpec& spec) {
  const Settings& settings = spec.settings;
  std::vector<SettingsError> errors = check_signal(settings);
  if (settings.has("above") == settings.has("below")) {
    const bool both = settings.has("above");
    errors.push_back({.path = both ? "below" : "above",
                      .message = both ? "expected either 'above' or 'below', not both: write two policies"
                                      : "expected 'above: NUMBER' or 'below: NUMBER'",
                      .mark = settings.mark(both ? "below" : "query")});
  }
  const Change& change = settings.change("change");
  if (change.amount == 0 && change.kind != Change::Kind::to_exactly) {
    errors.push_back({.path = "change", .message = "expected a change other than zero", .mark = settings.mark("change")});
  }
  return errors;
}

std::unique_ptr<const Policy> make(const PolicySpec& spec, const Group&) { return std::make_unique<Threshold>(spec); }

}  // namespace

constinit const PolicyType kThresholdPolicy = {.name = "threshold",
                                               .doc = "A fixed change while a value is above or below a bound.",
                                               .keys = kKeys,
                                               .check = check,
                                               .make = make};

}  // namespace weir
