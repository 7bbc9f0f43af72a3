#include "policies/target_tracking.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "policies/reading.h"

namespace weir {
namespace {

constexpr std::array<std::string_view, 2> kValues = {"average", "total"};
constexpr auto kKeys = with_query_keys(std::array{
    Key{.name = "value",
        .type = KeyType::choice,
        .doc = "Whether the query gives the average per server or the total of the group.",
        .fallback = "average",
        .choices = kValues},
    Key{.name = "target", .type = KeyType::number, .doc = "The value per server to keep.", .required = true},
    Key{.name = "tolerance",
        .type = KeyType::number,
        .doc = "Relative distance from the target that changes nothing.",
        .fallback = "0.1",
        .minimum = 0,
        .maximum = 1},
});

/// A size no fleet has: where an absurd metric ends before min and max bound it.
constexpr double kMostServers = 1e6;

int whole_servers(double servers) { return static_cast<int>(std::ceil(std::clamp(servers, 0.0, kMostServers) - 1e-9)); }

class TargetTracking final : public Policy {
 public:
  explicit TargetTracking(const PolicySpec& spec)
      : name_(spec.name),
        query_(query_from(spec.settings)),
        total_(spec.settings.text("value") == "total"),
        target_(spec.settings.number("target")),
        tolerance_(spec.settings.number("tolerance")) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] const Query* query() const override { return &query_; }

  [[nodiscard]] Vote vote(const Sample& sample, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const override {
    Vote vote{.policy = name_, .type = kTargetTrackingPolicy.name};
    const Reading reading = read_sample(query_, sample, fleet, at, memory);
    if (!reading.trusted) {
      vote_untrusted(reading, fleet, vote);
      return vote;
    }
    vote.value = reading.value;
    if (reading.value < 0) {
      vote.why = fmt::format("{:.6g} is below zero, which no load is", reading.value);
      return vote;
    }
    vote.stance = Vote::Stance::content;
    if (fleet.warmed == 0 && (reading.per_server || !total_)) {
      vote.why = fmt::format("{:.6g}, but no server has been in service for its warm_up yet", reading.value);
    } else if (total_) {
      track_total(reading, fleet, vote);
    } else {
      track_average(reading, fleet, vote);
    }
    const bool breach = vote.stance == Vote::Stance::wants && vote.wants > fleet.desired;
    if (!breach) memory.above_since.reset();
    if (breach && !memory.above_since) memory.above_since = at;
    return vote;
  }

 private:
  /// 77 is 10 % above 70, whatever binary fractions say.
  [[nodiscard]] bool within_tolerance(double ratio) const { return std::abs(ratio - 1) <= tolerance_ + 1e-9; }

  void track_total(const Reading& reading, const Fleet& fleet, Vote& vote) const {
    const double total = reading.per_server ? total_with_missing(reading, fleet) : reading.value;
    const double ratio = fleet.desired > 0 ? total / (target_ * fleet.desired) : kMostServers;
    if (within_tolerance(ratio)) {
      vote.why =
          fmt::format("{:.6g} in all is within {:.3g}% of {} servers at {:.6g}", total, tolerance_ * 100, fleet.desired, target_);
      return;
    }
    propose(whole_servers(total / target_), ratio > 1, fmt::format("{:.6g} in all at {:.6g} per server", total, target_), reading,
            fleet, vote);
  }

  /// Per-server numbers are a mean here; their total is what the user asked to track. The same rule as with_missing(): idle when
  /// that asks for more servers, at the target when that asks for fewer, else as much as changes nothing.
  [[nodiscard]] double total_with_missing(const Reading& reading, const Fleet& fleet) const {
    const double idle = reading.value * reading.measured;
    return std::clamp(target_ * fleet.desired, idle, idle + target_ * reading.missing);
  }

  void track_average(const Reading& reading, const Fleet& fleet, Vote& vote) const {
    const double ratio = reading.value / target_;
    if (within_tolerance(ratio)) {
      vote.why = fmt::format("{:.6g} is within {:.3g}% of {:.6g}", reading.value, tolerance_ * 100, target_);
      return;
    }
    // Kubernetes HPA: servers without data, and those not warmed up yet, count as idle when the rest says scale out, which may
    // leave nothing to do but never turns the direction round. (In the other direction it counts the former as at the target and
    // shrinks less; propose() does not shrink.)
    const bool over_target = ratio > 1;
    const int idle = reading.per_server && over_target ? reading.missing + fleet.on_the_way : 0;
    const double cautious = idle > 0 ? ratio * reading.measured / (reading.measured + idle) : ratio;
    if (over_target && (cautious <= 1 || within_tolerance(cautious))) {
      vote.why = fmt::format("{:.6g} against {:.6g} on {} servers; with {} more that count as idle it is enough", reading.value,
                             target_, reading.measured, idle);
      return;
    }
    const int loaded = reading.per_server ? reading.measured + (over_target ? 0 : reading.missing) : fleet.warmed;
    propose(whole_servers(loaded * ratio), over_target,
            fmt::format("{:.6g} against {:.6g} on {} servers", reading.value, target_, fleet.warmed), reading, fleet, vote);
  }

  static void propose(int wants, bool over_target, std::string basis, const Reading& reading, const Fleet& fleet, Vote& vote) {
    vote.why = std::move(basis);
    vote.why += fmt::format(" takes {} servers", wants);
    if (wants < fleet.desired && reading.missing > 0) {
      vote.why += "; " + partial_text(reading);
      return;
    }
    if (wants < fleet.desired && (over_target || fleet.on_the_way > 0)) {
      vote.why += fmt::format("; {} are desired and not all warmed up yet", fleet.desired);
      return;
    }
    if (wants == fleet.desired) return;
    vote.stance = Vote::Stance::wants;
    vote.wants = wants;
  }

  std::string name_;
  Query query_;
  bool total_;
  double target_;
  double tolerance_;
};

std::vector<SettingsError> check(const PolicySpec& spec) {
  if (!spec.settings.has("target") || spec.settings.number("target") > 0) return {};
  return {{.path = "target", .message = "expected a number greater than zero", .mark = spec.settings.mark("target")}};
}

std::unique_ptr<const Policy> make(const PolicySpec& spec, const Group&) { return std::make_unique<TargetTracking>(spec); }

}  // namespace

constinit const PolicyType kTargetTrackingPolicy = {.name = "target_tracking",
                                                    .doc = "As many servers as keep a value at its target.",
                                                    .keys = kKeys,
                                                    .check = check,
                                                    .make = make};

}  // namespace weir
