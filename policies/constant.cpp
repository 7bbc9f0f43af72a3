#include "policies/constant.h"

#include <fmt/format.h>

#include "policies/activation.h"
#include "policies/change.h"
#include "policies/reading.h"

namespace weir {
namespace {

void want(int servers, const Fleet& fleet, Vote& vote) {
  vote.stance = servers == fleet.desired ? Vote::Stance::content : Vote::Stance::wants;
  vote.wants = servers == fleet.desired ? 0 : servers;
}

class Fixed final : public Policy {
 public:
  explicit Fixed(const PolicySpec& spec) : name_(spec.name), servers_(spec.settings.integer("servers")) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] Vote vote(std::span<const Sample>, const Fleet& fleet, TimePoint, PolicyMemory&) const override {
    Vote vote{.policy = name_, .type = kFixedPolicy.name};
    vote.why = fmt::format("always {}", servers_);
    want(servers_, fleet, vote);
    return vote;
  }

 private:
  std::string name_;
  int servers_;
};

/// What all that ask something share.
class Asking : public Policy {
 public:
  explicit Asking(const PolicySpec& spec) : name_(spec.name), signal_(spec.settings) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::size_t query_count() const override { return signal_.query_count(); }
  void append_queries(Duration, std::vector<Query>& queries) const override { signal_.append_queries(queries); }

 protected:
  [[nodiscard]] const Signal& signal() const { return signal_; }

 private:
  std::string name_;
  Signal signal_;
};

class PassThrough final : public Asking {
 public:
  explicit PassThrough(const PolicySpec& spec) : Asking(spec), activation_(spec.settings) {}
  [[nodiscard]] Vote vote(std::span<const Sample> samples, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const override {
    Vote vote{.policy = name(), .type = kPassThroughPolicy.name};
    const Reading reading = signal().read(samples, fleet, at, memory);
    if (!reading.trusted) {
      vote_untrusted(reading, fleet, vote);
      return vote;
    }
    vote.value = reading.value;
    if (reading.value < 0) {
      vote.why = fmt::format("{:.6g} is below zero, which is no number of servers", reading.value);
      return vote;
    }
    const int servers = whole_servers(reading.value);
    vote.why = fmt::format("the query says {}", servers);
    want(servers, fleet, vote);
    if (activation_.idle(reading.value)) activation_.vote_idle(reading.value, fleet, vote);
    activation_.wake(reading.value, fleet, vote);
    keep_if_partial(reading, fleet, vote);
    vote_in_doubt(reading, fleet, vote);
    return vote;
  }

 private:
  Activation activation_;
};

class Guard final : public Asking {
 public:
  explicit Guard(const PolicySpec& spec) : Asking(spec) {
    if (spec.settings.has("above")) above_ = spec.settings.number("above");
    if (spec.settings.has("below")) below_ = spec.settings.number("below");
  }
  [[nodiscard]] Vote vote(std::span<const Sample> samples, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const override {
    Vote vote{
        .policy = name(), .type = kGuardPolicy.name, .stance = Vote::Stance::content, .scales_out = false, .scales_in = false};
    const Reading reading = signal().read(samples, fleet, at, memory);
    if (!reading.trusted) {
      vote.why = reading.why + "; so it forbids nothing";
      return vote;
    }
    vote.value = reading.value;
    const bool low = above_ && reading.value <= *above_;
    const bool high = below_ && reading.value >= *below_;
    vote.forbids_out = low || high;
    vote.why = low || high ? fmt::format("{:.6g} is not {} {:.6g}", reading.value, low ? "above" : "below", low ? *above_ : *below_)
                           : fmt::format("{:.6g} holds", reading.value);
    return vote;
  }

 private:
  std::optional<double> above_;
  std::optional<double> below_;
};

class Help final : public Asking {
 public:
  using Asking::Asking;
  [[nodiscard]] Vote vote(std::span<const Sample> samples, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const override {
    Vote vote{.policy = name(), .type = kHelpPolicy.name, .stance = Vote::Stance::content, .scales_out = false, .scales_in = false};
    const Reading reading = signal().read(samples, fleet, at, memory);
    if (reading.trusted) vote.value = reading.value;
    vote.why = reading.trusted ? fmt::format("the load is {:.6g}", reading.value) : reading.why;
    return vote;
  }
};

constexpr std::array kFixedKeys = {
    Key{.name = "servers", .type = KeyType::integer, .doc = "How many servers.", .required = true, .minimum = 0, .maximum = 10'000},
};
constexpr auto kPassThroughKeys = with_query_keys(std::array{kActivationKey});
std::vector<SettingsError> check_asking(const PolicySpec& spec) { return check_signal(spec.settings); }

std::vector<SettingsError> check_guard(const PolicySpec& spec) {
  std::vector<SettingsError> errors = check_signal(spec.settings);
  if (!spec.settings.has("above") && !spec.settings.has("below")) {
    errors.push_back(
        {.path = "below", .message = "expected 'above: NUMBER' or 'below: NUMBER'", .mark = spec.settings.mark("query")});
  }
  const Settings& bounds = spec.settings;
  if (bounds.has("above") && bounds.has("below") && bounds.number("above") >= bounds.number("below")) {
    errors.push_back(
        {.path = "below",
         .message = fmt::format("expected more than above, which is {:.6g}: else it never holds", bounds.number("above")),
         .mark = bounds.mark("below")});
  }
  return errors;
}

template <typename Made>
std::unique_ptr<const Policy> make(const PolicySpec& spec, const Group&) {
  return std::make_unique<Made>(spec);
}

}  // namespace

constinit const PolicyType kFixedPolicy = {
    .name = "fixed", .doc = "Always the same number of servers.", .keys = kFixedKeys, .make = make<Fixed>};
constinit const PolicyType kPassThroughPolicy = {.name = "pass_through",
                                                 .doc = "As many servers as the query says.",
                                                 .keys = kPassThroughKeys,
                                                 .check = check_asking,
                                                 .make = make<PassThrough>};
constinit const PolicyType kGuardPolicy = {.name = "guard",
                                           .doc = "What must hold before anything scales out.",
                                           .keys = kGuardKeys,
                                           .check = check_guard,
                                           .make = make<Guard>};
constinit const PolicyType kHelpPolicy = {.name = "did_it_help",
                                          .doc = "The load that tells whether a scale-out helped.",
                                          .keys = kHelpKeys,
                                          .check = check_asking,
                                          .make = make<Help>};

}  // namespace weir
