#include "policies/target_tracking.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/limits.h"
#include "policies/activation.h"
#include "policies/change.h"
#include "policies/reading.h"

namespace weir {
namespace {

constexpr std::array<std::string_view, 2> kValues = {"average", "total"};
constexpr std::array<std::string_view, 2> kRules = {"weir", "kubernetes"};
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
    Key{.name = "tolerance_out", .type = KeyType::number, .doc = "The same, for scaling out only.", .minimum = 0, .maximum = 1},
    Key{.name = "tolerance_in", .type = KeyType::number, .doc = "The same, for scaling in only.", .minimum = 0, .maximum = 1},
    Key{.name = "rules",
        .type = KeyType::choice,
        .doc =
            "How servers without data or not warmed up yet count: never shrink on part of the data, or as the Kubernetes HPA does.",
        .fallback = "weir",
        .choices = kRules},
    kActivationKey,
});

class TargetTracking final : public Policy {
 public:
  explicit TargetTracking(const PolicySpec& spec)
      : name_(spec.name),
        signal_(spec.settings),
        activation_(spec.settings),
        total_(spec.settings.text("value") == "total"),
        kubernetes_(spec.settings.text("rules") == "kubernetes"),
        target_(spec.settings.number("target")),
        tolerance_out_(spec.settings.number(spec.settings.has("tolerance_out") ? "tolerance_out" : "tolerance")),
        tolerance_in_(spec.settings.number(spec.settings.has("tolerance_in") ? "tolerance_in" : "tolerance")) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::size_t query_count() const override { return signal_.query_count(); }
  void append_queries(Duration, std::vector<Query>& queries) const override { signal_.append_queries(queries); }

  [[nodiscard]] Vote vote(std::span<const Sample> samples, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const override {
    Vote vote{.policy = name_, .type = kTargetTrackingPolicy.name, .value_falls = !total_};
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
    vote.stance = Vote::Stance::content;
    if (activation_.idle(reading.value)) {
      activation_.vote_idle(reading.value, fleet, vote);
      if (!kubernetes_) keep_if_partial(reading, fleet, vote);
    } else if (fleet.warmed == 0 && (reading.per_server || !total_)) {
      vote.why = fmt::format("{:.6g}, but no server has been in service for its warm_up yet", reading.value);
    } else if (total_) {
      track_total(reading, fleet, vote);
    } else {
      track_average(reading, fleet, vote);
    }
    activation_.wake(reading.value, fleet, vote);
    vote_in_doubt(reading, fleet, vote);
    const bool breach = vote.stance == Vote::Stance::wants && vote.wants > fleet.desired;
    if (!breach) memory.above_since.reset();
    if (breach && !memory.above_since) memory.above_since = at;
    return vote;
  }

 private:
  [[nodiscard]] double tolerance(double ratio) const { return ratio > 1 ? tolerance_out_ : tolerance_in_; }
  /// 77 is 10 % above 70, whatever binary fractions say.
  [[nodiscard]] bool within_tolerance(double ratio) const { return std::abs(ratio - 1) <= tolerance(ratio) + 1e-9; }

  /// Servers kept beyond desired, because they are paid for, take load that the others would have to take without them.
  [[nodiscard]] bool is_steady(double ratio, const Fleet& fleet) const {
    if (fleet.in_service <= fleet.desired) return within_tolerance(ratio);
    return fleet.desired > 0 && within_tolerance(ratio * fleet.warmed / fleet.desired);
  }

  void track_total(const Reading& reading, const Fleet& fleet, Vote& vote) const {
    const double total = reading.per_server ? total_with_missing(reading, fleet) : reading.value;
    const double ratio = fleet.desired > 0 ? total / (target_ * fleet.desired) : kMostServers;
    if (within_tolerance(ratio)) {
      vote.why = fmt::format("{:.6g} in all is within {:.3g}% of {} servers at {:.6g}", total, tolerance(ratio) * 100,
                             fleet.desired, target_);
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
    const bool over_target = ratio > 1;
    // Who counts beside the measured, and as how much: as idle when the rest says scale out; when it says scale in, servers without
    // data count as at the target (Kubernetes), and propose() shrinks nothing on them otherwise.
    const int idle = reading.per_server && over_target ? reading.missing + fleet.on_the_way : 0;
    const int at_target = reading.per_server && !over_target ? reading.missing : 0;
    // The HPA settles the tolerance after counting those; without them it is the same question.
    if (idle + at_target == 0 && is_steady(ratio, fleet)) {
      vote.why = fmt::format("{:.6g} is within {:.3g}% of {:.6g}", reading.value, tolerance(ratio) * 100, target_);
      return;
    }
    const int loaded = reading.per_server ? reading.measured + idle + at_target : fleet.warmed;
    const double cautious = reading.per_server ? (ratio * reading.measured + at_target) / std::max(1, loaded) : ratio;
    if (cautious != ratio && (over_target != (cautious > 1) || within_tolerance(cautious))) {
      vote.why = fmt::format("{:.6g} against {:.6g} on {} servers; with {} more that count as {} it is enough", reading.value,
                             target_, reading.measured, idle + at_target, over_target ? "idle" : "at the target");
      return;
    }
    if (is_steady(cautious, fleet)) {
      vote.why = fmt::format("{:.6g} is within {:.3g}% of {:.6g}", reading.value, tolerance(ratio) * 100, target_);
      return;
    }
    int wants = whole_servers(loaded * cautious);
    if (within_tolerance(cautious)) wants = std::min(wants, fleet.in_service);
    propose(wants, over_target, fmt::format("{:.6g} against {:.6g} on {} servers", reading.value, target_, fleet.warmed), reading,
            fleet, vote);
  }

  void propose(int wants, bool over_target, std::string basis, const Reading& reading, const Fleet& fleet, Vote& vote) const {
    vote.why = std::move(basis);
    vote.why += fmt::format(" takes {} servers", wants);
    if (wants < fleet.desired && reading.missing > 0 && !kubernetes_) {
      vote.why += "; " + partial_text(reading);
      return;
    }
    if (wants < fleet.desired && (over_target || (fleet.on_the_way > 0 && !kubernetes_))) {
      vote.why += fmt::format("; {} are desired and not all warmed up yet", fleet.desired);
      return;
    }
    // Under the target there may still be fewer desired than serve and are needed.
    if (!over_target) wants = std::min(wants, std::max(fleet.desired, fleet.in_service));
    if (wants == fleet.desired) return;
    vote.stance = Vote::Stance::wants;
    vote.wants = wants;
  }

  std::string name_;
  Signal signal_;
  Activation activation_;
  bool total_;
  bool kubernetes_;
  double target_;
  double tolerance_out_;
  double tolerance_in_;
};

std::vector<SettingsError> check(const PolicySpec& spec) {
  std::vector<SettingsError> errors = check_signal(spec.settings);
  if (spec.settings.has("target") && spec.settings.number("target") <= 0) {
    errors.push_back({.path = "target", .message = "expected a number greater than zero", .mark = spec.settings.mark("target")});
  }
  return errors;
}

std::unique_ptr<const Policy> make(const PolicySpec& spec, const Group&) { return std::make_unique<TargetTracking>(spec); }

}  // namespace

constinit const PolicyType kTargetTrackingPolicy = {.name = "target_tracking",
                                                    .doc = "As many servers as keep a value at its target.",
                                                    .keys = kKeys,
                                                    .check = check,
                                                    .make = make};

}  // namespace weir
