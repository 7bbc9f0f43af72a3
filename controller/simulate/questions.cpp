#include "controller/simulate/questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

namespace weir {
namespace {

constexpr std::array kMeanings = {Meaning::load,         Meaning::load_per_server,
                                  Meaning::utilization,  Meaning::utilization_percent,
                                  Meaning::wait_seconds, Meaning::nothing};
/// Without a word from the user: what the policy's own keys say about the number they are compared with.
Meaning usual_meaning(const PolicySpec& spec) {
  const Settings& settings = spec.settings;
  if (spec.type == "guard") return Meaning::nothing;
  if (spec.type == "predictive" || spec.type == "did_it_help" || spec.type == "pass_through") return Meaning::load;
  if (spec.type == "target_tracking" && settings.text("value") == "total") return Meaning::load;
  double bound = 0;
  for (const char* key : {"target", "above", "below"}) {
    if (settings.has(key)) bound = std::max(bound, settings.number(key));
  }
  for (const Settings& step : settings.sections("steps")) {
    if (step.has("from")) bound = std::max(bound, step.number("from"));
  }
  if (bound <= 1.5) return Meaning::utilization;
  return bound <= 100 ? Meaning::utilization_percent : Meaning::load_per_server;
}

/// A number that the cross-check agrees with.
double agreeing(const Settings& trust) {
  if (trust.has("above") && trust.has("below")) return (trust.number("above") + trust.number("below")) / 2;
  if (trust.has("above")) return trust.number("above") + std::max(1.0, std::abs(trust.number("above")));
  return trust.number("below") - std::max(1.0, std::abs(trust.number("below")));
}

/// The name of the formula's operand that asks this; empty if none does.
std::string operand_named(const Settings& settings, const std::string& expression) {
  for (const auto& [name, query] : settings.text_map("queries")) {
    if (query == expression) return name;
  }
  return {};
}

}  // namespace

std::string_view to_string(Meaning meaning) {
  switch (meaning) {
    case Meaning::load:
      return "load";
    case Meaning::load_per_server:
      return "load_per_server";
    case Meaning::utilization:
      return "utilization";
    case Meaning::utilization_percent:
      return "utilization_percent";
    case Meaning::wait_seconds:
      return "wait_seconds";
    case Meaning::nothing:
      break;
  }
  return "nothing";
}

std::optional<Meaning> meaning_named(std::string_view name) {
  const auto* const found = std::ranges::find(kMeanings, name, [](Meaning meaning) { return to_string(meaning); });
  return found == kMeanings.end() ? std::nullopt : std::optional(*found);
}

Meanings meanings_of(const Group& group, Meanings said) {
  for (const PolicySpec& policy : group.policies) said.try_emplace(policy.name, usual_meaning(policy));
  return said;
}

Questions::Questions(const Group& group, const Policies& policies, Meanings meanings)
    : group_(group), policies_(policies), meanings_(std::move(meanings)) {}

void Questions::look_ahead(Duration horizon) {
  questions_.clear();
  std::vector<Query> queries;
  for (std::size_t index = 0; index < policies_.size(); ++index) {
    queries.clear();
    policies_[index]->append_queries(horizon, queries);
    for (const Query& query : queries) questions_.push_back(question_of(group_.policies[index], query));
  }
}

Questions::Question Questions::question_of(const PolicySpec& spec, const Query& query) const {
  const Settings& trust = spec.settings.section("trust");
  if (trust.has("age") && query.expression == trust.text("age")) return {.constant = 0.0};
  if (trust.has("series") && query.expression == trust.text("series")) return {.constant = 1.0};
  if (trust.has("cross_check") && query.expression == trust.text("cross_check")) return {.constant = agreeing(trust)};
  Question question{.meaning = usual_meaning(spec), .past = query.past, .per_server = !query.server_label.empty()};
  const std::string operand = operand_named(spec.settings, query.expression);
  if (!operand.empty()) question.meaning = Meaning::load;
  const auto said = meanings_.find(operand.empty() ? spec.name : spec.name + "." + operand);
  if (said != meanings_.end()) question.meaning = said->second;
  return question;
}

void Questions::remember(double load) {
  loads_.push_back(load);
  load_sums_.push_back((load_sums_.empty() ? 0 : load_sums_.back()) + load);
}

void Questions::fail(std::string_view why, std::vector<Sample>& samples) const {
  samples.assign(questions_.size(), {.status = Sample::Status::failed, .detail = std::string(why)});
}

void Questions::answer(const MeasuredMoment& now, std::vector<Sample>& samples) const {
  samples.resize(questions_.size());
  for (std::size_t index = 0; index < questions_.size(); ++index) answer(questions_[index], now, samples[index]);
}

namespace {

double measured(Meaning meaning, const MeasuredMoment& now) {
  switch (meaning) {
    case Meaning::load:
      return now.load;
    case Meaning::load_per_server:
      return now.load / std::max(1, now.serving);
    case Meaning::utilization:
      return now.utilization;
    case Meaning::utilization_percent:
      return now.utilization * 100;
    case Meaning::wait_seconds:
      return now.wait_seconds;
    case Meaning::nothing:
      break;
  }
  return 0;
}

}  // namespace

void Questions::answer(const Question& question, const MeasuredMoment& now, Sample& sample) const {
  sample.status = Sample::Status::ok;
  sample.detail.clear();
  if (question.constant) {
    sample.value = *question.constant;
  } else if (question.past) {
    const std::optional<double> value = past(*question.past);
    sample.status = value ? Sample::Status::ok : Sample::Status::empty;
    sample.value = value.value_or(0);
  } else if (question.meaning == Meaning::nothing) {
    sample.status = Sample::Status::failed;
    sample.detail = "not simulated";
  } else {
    sample.value = measured(question.meaning, now);
  }
  if (!question.per_server) return;
  sample.series.clear();
  for (const std::string& server : now.servers) sample.series.push_back({server, sample.value});
}

/// From the loads seen so far, one per interval: as the metric source would have kept them.
std::optional<double> Questions::past(const PastWindow& window) const {
  const auto steps = [this](Duration duration) { return static_cast<std::int64_t>(duration / group_.interval); };
  const auto newest = static_cast<std::int64_t>(loads_.size()) - 1;
  const std::int64_t last = newest - steps(window.ago);
  const std::int64_t first = std::max<std::int64_t>(0, last - std::max<std::int64_t>(1, steps(window.length)) + 1);
  if (last < 0 || last < first) return std::nullopt;
  const auto at = [](std::int64_t index) { return static_cast<std::size_t>(index); };
  if (window.take == PastWindow::Take::maximum) {
    return *std::max_element(loads_.begin() + first, loads_.begin() + last + 1);
  }
  const double before = first == 0 ? 0 : load_sums_[at(first - 1)];
  return (load_sums_[at(last)] - before) / static_cast<double>(last - first + 1);
}

std::vector<std::string> Questions::assumptions() const {
  std::vector<std::string> texts;
  std::size_t index = 0;
  for (std::size_t policy = 0; policy < policies_.size(); ++policy) {
    if (policies_[policy]->query_count() == 0) continue;
    const Meaning meaning = questions_[index].meaning;
    index += policies_[policy]->query_count();
    const std::string& name = group_.policies[policy].name;
    texts.push_back(meaning == Meaning::nothing ? fmt::format("the query of {} is not simulated and has no data", name)
                                                : fmt::format("the query of {} is taken for {}", name, to_string(meaning)));
  }
  return texts;
}

}  // namespace weir
