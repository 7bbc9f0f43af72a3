#include "policies/reading.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <string_view>

namespace weir {
namespace {

using namespace std::chrono_literals;

/// How far back a loss of series is noticed.
constexpr Duration kSeriesMemory = 10min;

Reading untrusted(std::string why) {
  Reading reading;
  reading.why = std::move(why);
  return reading;
}

/// One number that stands for the query's answer: for a query per server it is the mean.
Reading number(double value, const Query& query, const Fleet& fleet) {
  Reading reading;
  reading.trusted = true;
  reading.per_server = !query.server_label.empty();
  reading.value = value;
  reading.measured = fleet.warmed;
  return reading;
}

/// The user's rule for an answer that is there but says nothing.
Reading fall_back(const Fallback& rule, std::string_view what, const Query& query, const Fleet& fleet, TimePoint at,
                  const PolicyMemory& memory) {
  switch (rule.kind) {
    case Fallback::Kind::zero:
      return number(0, query, fleet);
    case Fallback::Kind::last:
      if (memory.good_at && at - *memory.good_at <= rule.window) {
        Reading reading = number(memory.good_value, query, fleet);
        reading.missing = memory.good_missing;
        return reading;
      }
      return untrusted(fmt::format("{}, and no good value in the last {}", what, format_duration(rule.window)));
    case Fallback::Kind::at_least: {
      Reading reading = untrusted(std::string(what));
      reading.at_least = rule.servers;
      return reading;
    }
    case Fallback::Kind::hold:
      break;
  }
  return untrusted(std::string(what));
}

void remember_good(const Reading& reading, TimePoint at, PolicyMemory& memory) {
  memory.good_at = at;
  memory.good_value = reading.value;
  memory.good_missing = reading.missing;
}

const Sample::Series* series_of(const Sample& sample, const Server& server) {
  for (const Sample::Series& series : sample.series) {
    if (series.server == server.id || series.server == server.address) return &series;
  }
  return nullptr;
}

Reading per_server(const Sample& sample, const Fleet& fleet) {
  Reading reading;
  reading.per_server = true;
  double sum = 0;
  for (const Server& server : fleet.servers) {
    if (!fleet.is_warmed(server)) continue;
    const Sample::Series* series = series_of(sample, server);
    if (series == nullptr) {
      ++reading.missing;
      continue;
    }
    ++reading.measured;
    sum += series->value;
  }
  if (reading.measured == 0) {
    reading.why =
        reading.missing == 0 ? "no server has been in service for its warm_up yet" : "no series matches a server of the group";
    return reading;
  }
  reading.trusted = true;
  reading.value = sum / reading.measured;
  return reading;
}

/// What the query's own answer comes to, after the user's rules for one that says nothing.
Reading read_sample(const Query& query, const Sample& sample, const Fleet& fleet, TimePoint at, PolicyMemory& memory) {
  switch (sample.status) {
    case Sample::Status::empty:
      return fall_back(query.on_empty, "the query returned no series", query, fleet, at, memory);
    case Sample::Status::nan:
      return fall_back(query.on_nan, "the query returned NaN or an infinite value", query, fleet, at, memory);
    case Sample::Status::degraded:
      return untrusted("partial or stale data: " + sample.detail);
    case Sample::Status::failed:
      return untrusted("no data: " + sample.detail);
    case Sample::Status::ok:
      break;
  }
  Reading reading = query.server_label.empty() ? number(sample.value, query, fleet) : per_server(sample, fleet);
  if (reading.trusted && !std::isfinite(reading.value)) {
    return fall_back(query.on_nan, "the query returned NaN or an infinite value", query, fleet, at, memory);
  }
  if (reading.trusted) remember_good(reading, at, memory);
  return reading;
}

/// One name of a formula: its number, or nothing.
std::optional<double> operand(const Query& query, const Sample& sample) {
  if (sample.status == Sample::Status::ok && std::isfinite(sample.value)) return sample.value;
  const bool zero = (sample.status == Sample::Status::empty && query.on_empty.kind == Fallback::Kind::zero) ||
                    (sample.status == Sample::Status::nan && query.on_nan.kind == Fallback::Kind::zero);
  return zero ? std::optional(0.0) : std::nullopt;
}

const Sample& sample_at(std::span<const Sample> samples, std::size_t index) {
  static const Sample none{.status = Sample::Status::failed, .detail = "not asked"};
  return index < samples.size() ? samples[index] : none;
}

std::optional<double> number_of(const Sample& sample) {
  if (sample.status != Sample::Status::ok || !std::isfinite(sample.value)) return std::nullopt;
  return sample.value;
}

std::string what_of(const Sample& sample) { return sample.detail.empty() ? std::string(to_string(sample.status)) : sample.detail; }

}  // namespace

Signal::Signal(const Settings& settings) {
  if (settings.has("query")) {
    add(settings.text("query"), settings);
    queries_.front().server_label = settings.text("server_label");
  } else {
    formula_ = Formula::parse(settings.text("formula")).value();
    for (const std::string& name : formula_->names()) add(settings.text_map("queries").at(name), settings);
  }
  const Settings& trust = settings.section("trust");
  if (trust.has("age")) gate_.age = add(trust.text("age"), settings);
  if (trust.has("series")) gate_.series = add(trust.text("series"), settings);
  if (trust.has("cross_check")) gate_.cross_check = add(trust.text("cross_check"), settings);
  if (trust.has("max_age")) gate_.max_age = std::chrono::duration<double>(trust.duration("max_age")).count();
  if (trust.has("max_loss")) gate_.max_loss = trust.number("max_loss");
  if (trust.has("above")) gate_.above = trust.number("above");
  if (trust.has("below")) gate_.below = trust.number("below");
}

std::size_t Signal::add(const std::string& expression, const Settings& settings) {
  Query query;
  query.expression = expression;
  for (const auto& [label, value] : settings.text_map("select")) query.select.emplace_back(label, value);
  query.on_empty = settings.fallback("on_empty");
  query.on_nan = settings.fallback("on_nan");
  queries_.push_back(std::move(query));
  return queries_.size() - 1;
}

Reading Signal::read(std::span<const Sample> samples, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const {
  Reading reading =
      formula_ ? read_formula(samples, fleet, at, memory) : read_sample(queries_.front(), sample_at(samples, 0), fleet, at, memory);
  if (reading.trusted) reading.doubt = doubt(samples, at, memory);
  return reading;
}

Reading Signal::read_formula(std::span<const Sample> samples, const Fleet& fleet, TimePoint at, PolicyMemory& memory) const {
  const std::size_t count = formula_->names().size();
  std::vector<std::optional<double>> values(count);
  std::optional<std::size_t> missing;
  for (std::size_t index = 0; index < count; ++index) {
    values[index] = operand(queries_[index], sample_at(samples, index));
    if (!values[index] && !missing) missing = index;
  }
  if (const std::optional<double> value = formula_->value(values)) {
    Reading reading = number(*value, queries_.front(), fleet);
    remember_good(reading, at, memory);
    return reading;
  }
  if (!missing) return fall_back(queries_.front().on_nan, "the formula has no finite result", queries_.front(), fleet, at, memory);
  const Sample& sample = sample_at(samples, *missing);
  const std::string what = fmt::format("{}: {}", formula_->names()[*missing], what_of(sample));
  const Query& query = queries_[*missing];
  if (sample.status == Sample::Status::empty) return fall_back(query.on_empty, what, query, fleet, at, memory);
  if (sample.status == Sample::Status::nan) return fall_back(query.on_nan, what, query, fleet, at, memory);
  return untrusted(what);
}

std::string Signal::doubt(std::span<const Sample> samples, TimePoint at, PolicyMemory& memory) const {
  if (gate_.age) {
    const Sample& sample = sample_at(samples, *gate_.age);
    const std::optional<double> age = number_of(sample);
    if (!age) return "how old the data is cannot be told: " + what_of(sample);
    if (*age > gate_.max_age) return fmt::format("the data is {:.0f} s old, more than {:.0f} s", *age, gate_.max_age);
  }
  std::string found;
  if (gate_.series) found = doubt_series(sample_at(samples, *gate_.series), at, memory);
  if (found.empty() && gate_.cross_check) found = doubt_cross_check(sample_at(samples, *gate_.cross_check));
  return found;
}

std::string Signal::doubt_series(const Sample& sample, TimePoint at, PolicyMemory& memory) const {
  const std::optional<double> count = number_of(sample);
  if (!count) return "how many series are behind the data cannot be told: " + what_of(sample);
  const bool forgotten = !memory.most_series_at || at - *memory.most_series_at > kSeriesMemory;
  if (forgotten || *count >= memory.most_series) {
    memory.most_series = *count;
    memory.most_series_at = at;
  }
  const double lost = memory.most_series > 0 ? 100 * (1 - *count / memory.most_series) : 0;
  if (lost <= gate_.max_loss) return {};
  return fmt::format("{:.0f} % of the series behind the data are gone ({:.0f} of {:.0f} left), more than {:.6g} %", lost, *count,
                     memory.most_series, gate_.max_loss);
}

std::string Signal::doubt_cross_check(const Sample& sample) const {
  const std::optional<double> value = number_of(sample);
  if (!value) return "the cross-check has no data: " + what_of(sample);
  if (gate_.above && *value <= *gate_.above)
    return fmt::format("the cross-check says {:.6g}, not above {:.6g}", *value, *gate_.above);
  if (gate_.below && *value >= *gate_.below)
    return fmt::format("the cross-check says {:.6g}, not below {:.6g}", *value, *gate_.below);
  return {};
}

namespace {

/// A condition without its query, or one that nothing meets, would protect from nothing or from everything.
void check_trust(const Settings& trust, std::vector<SettingsError>& errors) {
  const auto complain = [&](std::string_view key, std::string message) {
    errors.push_back({.path = fmt::format("trust.{}", key), .message = std::move(message), .mark = trust.mark(key)});
  };
  constexpr std::pair<std::string_view, std::string_view> kConditions[] = {
      {"max_age", "age"}, {"max_loss", "series"}, {"above", "cross_check"}, {"below", "cross_check"}};
  for (const auto& [condition, query] : kConditions) {
    const bool given = trust.has(condition) && trust.mark(condition).line > 0;
    if (given && !trust.has(query)) complain(condition, fmt::format("expected '{}' beside it, which says what to ask", query));
  }
  for (const char* query : {"age", "series", "cross_check"}) {
    if (trust.has(query) && trust.text(query).empty()) complain(query, "expected text, found an empty one");
  }
  if (trust.has("cross_check") && !trust.has("above") && !trust.has("below")) {
    complain("cross_check", "expected 'above: NUMBER' or 'below: NUMBER' beside it");
  }
  if (trust.has("above") && trust.has("below") && trust.number("above") >= trust.number("below")) {
    complain("below", fmt::format("expected more than above, which is {:.6g}", trust.number("above")));
  }
}

}  // namespace

std::vector<SettingsError> check_signal(const Settings& settings) {
  std::vector<SettingsError> errors;
  const auto complain = [&](std::string_view key, std::string message) {
    errors.push_back({.path = std::string(key), .message = std::move(message), .mark = settings.mark(key)});
  };
  check_trust(settings.section("trust"), errors);
  if (!settings.has("queries")) {
    if (!settings.has("query")) complain("query", "required but missing: a query, or queries and a formula");
    if (settings.has("query") && settings.text("query").empty()) complain("query", "expected text, found an empty one");
    if (settings.has("formula")) complain("formula", "expected 'queries' beside it, which name what it is about");
    return errors;
  }
  if (settings.has("query")) complain("queries", "expected either query or queries, not both");
  if (settings.has("server_label")) complain("server_label", "expected 'query' with it: a formula is about one number");
  if (!settings.has("formula")) {
    complain("queries", "expected 'formula' beside it, which says what to make of them");
    return errors;
  }
  const auto formula = Formula::parse(settings.text("formula"));
  if (!formula) {
    complain("formula", formula.error());
    return errors;
  }
  const auto& queries = settings.text_map("queries");
  for (const std::string& name : formula->names()) {
    if (!queries.contains(name)) complain("formula", fmt::format("'{}' is none of the queries", name));
  }
  for (const auto& [name, query] : queries) {
    if (query.empty()) complain("queries", fmt::format("expected text for '{}', found an empty one", name));
    if (std::ranges::find(formula->names(), name) == formula->names().end()) {
      complain("queries", fmt::format("'{}' is not used in the formula", name));
    }
  }
  if (formula->names().empty()) complain("formula", "expected at least one of the queries in it");
  return errors;
}

void vote_untrusted(const Reading& reading, const Fleet& fleet, Vote& vote) {
  vote.stance = Vote::Stance::abstains;
  vote.why = reading.why;
  if (!reading.at_least) return;
  if (*reading.at_least > fleet.desired) {
    vote.stance = Vote::Stance::wants;
    vote.wants = *reading.at_least;
  }
  vote.why += fmt::format("; at least {} servers meanwhile", *reading.at_least);
}

void vote_in_doubt(const Reading& reading, const Fleet& fleet, Vote& vote) {
  if (reading.doubt.empty() || vote.stance != Vote::Stance::wants || vote.wants >= fleet.desired) return;
  vote.stance = Vote::Stance::abstains;
  vote.why += fmt::format("; not shrunk on that: {}", reading.doubt);
  vote.wants = 0;
}

void keep_if_partial(const Reading& reading, const Fleet& fleet, Vote& vote) {
  if (reading.missing == 0 || vote.stance != Vote::Stance::wants || vote.wants >= fleet.desired) return;
  vote.stance = Vote::Stance::content;
  vote.why += "; " + partial_text(reading);
  vote.wants = 0;
}

std::string partial_text(const Reading& reading) {
  return fmt::format("{} of {} servers have no number: not shrunk on part of the data", reading.missing,
                     reading.missing + reading.measured);
}

}  // namespace weir
