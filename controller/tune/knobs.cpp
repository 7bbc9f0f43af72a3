#include "controller/tune/knobs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "controller/import/writing.h"

namespace weir {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();
/// A server that is kept fuller than this has nothing left to notice a rise by.
constexpr double kFullest = 0.97;
constexpr double kSameplace = 1e-9;
/// What a cooldown or window of nothing may become, in seconds.
constexpr double kLongestFromNothing = 600;
constexpr double kDay = 86'400;

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }
Duration duration_of(double seconds) { return Duration(std::llround(seconds * 1000)); }

/// 0.665, not 0.66500000000000004.
double shortest(double value) {
  const std::string text = fmt::format("{:.9g}", value);
  double read = value;
  (void)std::from_chars(text.data(), text.data() + text.size(), read);
  return read;
}

/// Steps in which people write a duration of this length.
double duration_step(double seconds) {
  constexpr std::pair<double, double> kSteps[] = {{2, 0.1}, {10, 1}, {60, 5}, {300, 15}, {3600, 60}};
  for (const auto& [below, step] : kSteps) {
    if (seconds < below) return step;
  }
  return 300;
}

/// A twentieth of the value's power of ten: 0.5 for 70.
double number_step(double value) { return std::pow(10.0, std::floor(std::log10(std::abs(value)))) / 20; }

/// `round`: std::round, std::floor or std::ceil.
double rounded(Knob::Kind kind, double value, double (*round)(double)) {
  if (kind == Knob::Kind::count || value == 0 || !std::isfinite(value)) return round(value);
  const double step = kind == Knob::Kind::duration ? duration_step(value) : number_step(value);
  // A whole number of steps may come out as a little less or more than that.
  return shortest(round(shortest(value / step)) * step);
}

double nearest_of(double value) { return std::round(value); }
double below_of(double value) { return std::floor(value); }
double above_of(double value) { return std::ceil(value); }

/// The highest value that a query of this meaning is worth comparing with.
double ceiling_of(Meaning meaning, double capacity) {
  switch (meaning) {
    case Meaning::utilization:
      return kFullest;
    case Meaning::utilization_percent:
      return kFullest * 100;
    case Meaning::load_per_server:
      return kFullest * capacity;
    case Meaning::load:
    case Meaning::wait_seconds:
    case Meaning::nothing:
      break;
  }
  return kNoLimit;
}

bool same_question(const PolicySpec& one, const PolicySpec& other) {
  const auto same_text = [&](const char* key) { return one.settings.text(key) == other.settings.text(key); };
  const auto same_map = [&](const char* key) { return one.settings.text_map(key) == other.settings.text_map(key); };
  return same_text("query") && same_text("formula") && same_text("server_label") && same_map("queries") && same_map("select");
}

/// Collects the knobs of one group.
class Collector {
 public:
  Collector(const Group& group, const WorldModel& model, const KnobOptions& options)
      : group_(group), model_(model), options_(options) {}

  std::vector<Knob> run() {
    for (index_ = 0; index_ < group_.policies.size(); ++index_) add_policy();
    add_rule(Knob::Section::scale_out, "scale_out", group_.scale_out, RiseFromNothing::no);
    add_rule(Knob::Section::scale_in, "scale_in", group_.scale_in, RiseFromNothing::yes);
    if (options_.vary_min && group_.min > 0) {
      add({.section = Knob::Section::group,
           .key = "min",
           .path = "min",
           .kind = Knob::Kind::count,
           .scale = Knob::Scale::linear,
           .present = static_cast<double>(group_.min),
           .low = 1,
           .high = static_cast<double>(std::min(group_.max, 2 * group_.min))});
    }
    return std::move(knobs_);
  }

 private:
  enum class RiseFromNothing { no, yes };

  [[nodiscard]] const PolicySpec& policy() const { return group_.policies[index_]; }
  [[nodiscard]] Meaning meaning() const {
    const auto found = model_.meanings.find(policy().name);
    return found == model_.meanings.end() ? Meaning::nothing : found->second;
  }
  /// A formula's result has no meaning of its own.
  [[nodiscard]] double ceiling() const {
    return policy().settings.has("queries") ? kNoLimit : ceiling_of(meaning(), model_.capacity);
  }

  void add_policy() {
    if (meaning() == Meaning::nothing) return;
    const std::string& type = policy().type;
    if (type == "threshold") add_threshold();
    if (type == "target_tracking") add_target_tracking();
    if (type == "predictive") add_predictive();
    if (type == "step") add_step();
  }

  void add_threshold() {
    const bool above = policy().settings.has("above");
    const double bound = policy().settings.number(above ? "above" : "below");
    double low = bound * 0.6;
    double high = std::min(ceiling(), bound * 1.6);
    for (const PolicySpec& other : group_.policies) narrow(bound, above, other, low, high);
    add_number(above ? "above" : "below", low, high);
    add_hold(above ? RiseFromNothing::no : RiseFromNothing::yes);
  }

  /// What scales out and what scales in by the same query must not meet: each has its side of the middle.
  void narrow(double bound, bool above, const PolicySpec& other, double& low, double& high) const {
    constexpr double kApart = 1.05;
    const char* key = above ? "below" : "above";
    if (other.type != "threshold" || !other.settings.has(key) || !same_question(policy(), other)) return;
    const double facing = other.settings.number(key);
    if (facing <= 0 || (above ? facing >= bound : facing <= bound)) return;
    const double middle = std::sqrt(bound * facing);
    if (above) {
      low = std::max(low, std::min(bound, middle * kApart));
    } else {
      high = std::min(high, std::max(bound, middle / kApart));
    }
  }

  void add_target_tracking() {
    const Settings& settings = policy().settings;
    const double target = settings.number("target");
    // Of a total it is what one server is given.
    const double highest = settings.text("value") == "total" && meaning() == Meaning::load ? model_.capacity : ceiling();
    add_number("target", target * 0.6, std::min(highest, target * 1.5));
    const bool both = settings.has("tolerance_out") && settings.has("tolerance_in");
    for (const char* key : {"tolerance", "tolerance_out", "tolerance_in"}) {
      const bool counts = settings.has(key) && (!both || std::string_view(key) != "tolerance");
      if (counts) add_number(key, settings.number(key) / 4, std::min(0.5, settings.number(key) * 3));
    }
  }

  void add_predictive() {
    const Settings& settings = policy().settings;
    const double target = settings.number("target");
    const double highest = settings.has("capacity") ? settings.number("capacity") : model_.capacity;
    add_number("target", target * 0.6, std::min(highest, target * 1.5));
    Knob confidence = number("confidence", 0.8, 0.995);
    confidence.scale = Knob::Scale::linear;
    add(std::move(confidence));
  }

  void add_step() {
    double highest = 0;
    for (const Settings& band : policy().settings.sections("steps")) {
      for (const char* key : {"from", "to"}) highest = std::max(highest, band.has(key) ? band.number(key) : 0);
    }
    add({.section = Knob::Section::bands,
         .policy = index_,
         .key = "steps",
         .path = fmt::format("policies.{}.steps", policy().name),
         .present = 1,
         .low = 0.7,
         .high = highest > 0 ? std::min(1.4, ceiling() / highest) : 1});
    add_hold(RiseFromNothing::no);
  }

  void add_hold(RiseFromNothing rise) {
    add_duration({.section = Knob::Section::policy,
                  .policy = index_,
                  .key = "for",
                  .path = fmt::format("policies.{}.for", policy().name),
                  .present = seconds_of(policy().settings.duration("for"))},
                 rise);
  }

  void add_rule(Knob::Section section, const char* name, const ScalingRule& rule, RiseFromNothing rise) {
    if (rule.select == ScalingRule::Select::disabled) return;
    for (const auto& [key, value] :
         {std::pair("cooldown", rule.cooldown), std::pair("stabilization_window", rule.stabilization_window)}) {
      add_duration({.section = section, .key = key, .path = fmt::format("{}.{}", name, key), .present = seconds_of(value)}, rise);
    }
  }

  void add_duration(Knob knob, RiseFromNothing rise) {
    knob.kind = Knob::Kind::duration;
    const bool none = knob.present == 0;
    if (none && rise == RiseFromNothing::no) return;
    knob.scale = none ? Knob::Scale::linear : Knob::Scale::logarithmic;
    // Less than an interval is no less than one.
    knob.low = none ? 0 : std::max(seconds_of(group_.interval), knob.present / 4);
    knob.high = none ? kLongestFromNothing : std::min(kDay, knob.present * 3);
    add(std::move(knob));
  }

  [[nodiscard]] Knob number(const char* key, double low, double high) const {
    return {.section = Knob::Section::policy,
            .policy = index_,
            .key = key,
            .path = fmt::format("policies.{}.{}", policy().name, key),
            .present = policy().settings.number(key),
            .low = low,
            .high = high};
  }
  void add_number(const char* key, double low, double high) { add(number(key, low, high)); }

  void add(Knob knob) {
    // There is no way to say how far from nothing, or from less than nothing, is sensible.
    if (knob.present < 0 || (knob.present == 0 && knob.kind == Knob::Kind::number)) return;
    knob.low = std::min(rounded(knob.kind, knob.low, above_of), knob.present);
    knob.high = std::max(rounded(knob.kind, knob.high, below_of), knob.present);
    if (knob.high > knob.low) knobs_.push_back(std::move(knob));
  }

  const Group& group_;
  const WorldModel& model_;
  const KnobOptions& options_;
  std::size_t index_ = 0;
  std::vector<Knob> knobs_;
};

bool is_kept(const Knob& knob, std::string_view word) {
  const std::string_view path = knob.path;
  const auto begins = [&](std::string_view from) {
    return from.starts_with(word) && (from.size() == word.size() || from[word.size()] == '.');
  };
  const bool ends = path.ends_with(word) && (path.size() == word.size() || path[path.size() - word.size() - 1] == '.');
  constexpr std::string_view kPolicies = "policies.";
  return !word.empty() && (ends || begins(path) || (path.starts_with(kPolicies) && begins(path.substr(kPolicies.size()))));
}

std::vector<std::string> paths_of(const std::vector<Knob>& knobs) {
  std::vector<std::string> paths;
  for (const Knob& knob : knobs) paths.push_back(knob.path);
  return paths;
}

/// Together, so that bounds that touch still touch.
Settings::Sections scaled_bands(const Settings::Sections& bands, double factor) {
  Settings::Sections scaled = bands;
  for (Settings& band : scaled) {
    for (const char* key : {"from", "to"}) {
      if (band.has(key)) band.set(key, shortest(band.number(key) * factor));
    }
  }
  return scaled;
}

void set_policy(Settings& settings, const Knob& knob, double value) {
  if (knob.kind == Knob::Kind::duration) {
    settings.set(knob.key, duration_of(value), settings.mark(knob.key));
  } else {
    settings.set(knob.key, value, settings.mark(knob.key));
  }
}

void set_rule(ScalingRule& rule, const Knob& knob, double value) {
  (knob.key == "cooldown" ? rule.cooldown : rule.stabilization_window) = duration_of(value);
}

void set(Group& group, const Knob& knob, double value) {
  switch (knob.section) {
    case Knob::Section::policy:
      return set_policy(group.policies[knob.policy].settings, knob, value);
    case Knob::Section::bands: {
      Settings& settings = group.policies[knob.policy].settings;
      return settings.set("steps", scaled_bands(settings.sections("steps"), value), settings.mark("steps"));
    }
    case Knob::Section::scale_out:
      return set_rule(group.scale_out, knob, value);
    case Knob::Section::scale_in:
      return set_rule(group.scale_in, knob, value);
    case Knob::Section::group:
      group.min = static_cast<int>(value);
  }
}

}  // namespace

double Knob::at(double place) const {
  if (std::abs(place - place_of(present)) < kSameplace) return present;
  const double value = scale == Scale::linear ? std::lerp(low, high, place) : low * std::pow(high / low, place);
  return std::clamp(rounded(kind, value, nearest_of), low, high);
}

double Knob::place_of(double value) const {
  return scale == Scale::linear ? (value - low) / (high - low) : std::log(value / low) / std::log(high / low);
}

std::string Knob::text(double value) const {
  if (kind == Kind::duration) return format_duration(duration_of(value));
  return number_text(value);
}

Result<std::vector<Knob>> knobs_of(const Group& group, const WorldModel& model, const KnobOptions& options) {
  std::vector<Knob> knobs = Collector(group, model, options).run();
  const std::vector<std::string> all = paths_of(knobs);
  for (const std::string& word : options.keep) {
    if (std::ranges::any_of(all, [&](const std::string& path) { return is_kept({.path = path}, word); })) continue;
    return failure(ErrorKind::not_found, fmt::format("--keep '{}': group {} has nothing of that name to turn; there are: {}", word,
                                                     group.name, fmt::join(all, ", ")));
  }
  std::erase_if(knobs, [&](const Knob& knob) {
    return std::ranges::any_of(options.keep, [&](const std::string& word) { return is_kept(knob, word); });
  });
  if (!knobs.empty()) return knobs;
  return failure(ErrorKind::invalid,
                 all.empty()
                     ? fmt::format("group {}: nothing to turn; expected a policy of type threshold, target_tracking, step or "
                                   "predictive whose query is simulated, or a cooldown",
                                   group.name)
                     : fmt::format("group {}: --keep leaves nothing to turn; there are: {}", group.name, fmt::join(all, ", ")));
}

Group with_values(const Group& group, std::span<const Knob> knobs, std::span<const double> values) {
  Group turned = group;
  for (std::size_t index = 0; index < knobs.size(); ++index) {
    // What stays as it is must stay so to the last digit.
    if (values[index] != knobs[index].present) set(turned, knobs[index], values[index]);
  }
  return turned;
}

}  // namespace weir
